"""Mail that `serve-test --store maildir:DIR` has taken is there after kill -9, as it was.

Python's imaplib drives several connections at once through APPEND, STORE, EXPUNGE, COPY, CREATE and
RENAME; the server is killed at a moment of chance, started anew on the same folder, and asked for all
that it had acknowledged. What was not acknowledged may have happened or not.

usage: imap_killed.py PILLARBOX ROUNDS SEED
"""
import imaplib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

BINARY, ROUNDS, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
print("seed %d" % SEED, flush=True)


running = []


class Server:
    def __init__(self, folder):
        command = [BINARY, "serve-test", "--store", "maildir:" + folder, "--allow-cleartext", "--user", "alice:secret"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        running.append(self)
        self.port = json.loads(self.process.stdout.readline())["ports"]["imap"]

    def connect(self):
        client = imaplib.IMAP4("localhost", self.port, timeout=30)
        client.login("alice", "secret")
        return client

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


class Worker(threading.Thread):
    """One connection on a mailbox of its own, and what it was told."""

    def __init__(self, server, name, seed, before):
        super().__init__(daemon=True)
        self.server, self.name, self.random = server, name, random.Random(seed)
        # uid -> (octets, set of flags, or None where a change is in doubt)
        self.known = before
        self.doubtful = set()
        self.count = 0
        self.error = None

    def run(self):
        try:
            client = self.server.connect()
            if client.select(self.name)[0] != "OK":
                client.create(self.name)
                client.select(self.name)
            while True:
                self.step(client)
        except (imaplib.IMAP4.abort, OSError):
            pass
        except Exception as error:
            self.error = error

    def step(self, client):
        self.count += 1
        choice = self.random.random()
        if choice < 0.5 or not self.known:
            octets = ("Subject: %s %d\r\n\r\n%s\r\n" % (self.name, self.count, "x" * self.random.choice([3, 300, 5000, 90000]))).encode()
            kind, data = client.append(self.name, "(\\Seen $k)", None, octets)
            if kind != "OK":
                raise AssertionError("append: %r" % data)
            uid = int(re.search(rb"APPENDUID \d+ (\d+)", data[0]).group(1))
            self.known[uid] = (octets, {"\\Seen", "$k"})
        elif choice < 0.8:
            uid = self.random.choice(sorted(self.known))
            flag = self.random.choice(["\\Flagged", "\\Answered", "$other", "\\Seen"])
            sign = self.random.choice("+-")
            octets, flags = self.known[uid]
            self.doubtful = {uid}
            kind, _ = client.uid("STORE", str(uid), sign + "FLAGS.SILENT", "(%s)" % flag)
            if kind != "OK":
                raise AssertionError("store")
            self.known[uid] = (octets, flags | {flag} if sign == "+" else flags - {flag})
            self.doubtful = set()
        elif choice < 0.95:
            some = self.random.sample(sorted(self.known), min(3, len(self.known)))
            # What a round that was killed here has left marked goes, too.
            some = sorted(set(some) | {uid for uid, (_, flags) in self.known.items() if "\\Deleted" in flags})
            self.doubtful = set(some)
            client.uid("STORE", ",".join(map(str, some)), "+FLAGS.SILENT", "(\\Deleted)")
            kind, _ = client.expunge()
            if kind != "OK":
                raise AssertionError("expunge")
            for uid in some:
                del self.known[uid]
            self.doubtful = set()
        else:
            client.noop()


def check(client, worker):
    kind, _ = client.select(worker.name, readonly=True)
    if kind != "OK":
        if worker.known:
            raise AssertionError("%s is gone with %d messages" % (worker.name, len(worker.known)))
        return {}, 0
    found = {}
    kind, data = client.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[])")
    for item in data or []:
        if isinstance(item, tuple):
            uid = int(re.search(rb"UID (\d+)", item[0]).group(1))
            flags = set(re.search(rb"FLAGS \(([^)]*)\)", item[0]).group(1).decode().split()) - {"\\Recent"}
            found[uid] = (item[1], flags)
    for uid, (octets, flags) in worker.known.items():
        if uid in worker.doubtful and uid not in found:
            continue
        if uid not in found:
            raise AssertionError("%s: UID %d is lost" % (worker.name, uid))
        if found[uid][0] != octets:
            raise AssertionError("%s: UID %d has other octets" % (worker.name, uid))
        if uid not in worker.doubtful and found[uid][1] != flags:
            raise AssertionError("%s: UID %d has %r, not %r" % (worker.name, uid, found[uid][1], flags))
    # One command was on its way: no more than what it could add may be there beside it.
    if len(set(found) - set(worker.known)) > 3:
        raise AssertionError("%s: what is %r?" % (worker.name, set(found) - set(worker.known)))
    validity = int(client.response("UIDVALIDITY")[1][0])
    return found, validity


def main():
    chance = random.Random(SEED)
    folder = tempfile.mkdtemp(prefix="killed-")
    known, validities = {}, {}
    names = ["INBOX", "Lists/one", "two", "three &- four"]
    operations = 0
    try:
        for round in range(ROUNDS):
            server = Server(folder)
            workers = [Worker(server, name if " " not in name else '"%s"' % name, chance.random(), dict(known.get(name, {}))) for name in names]
            for worker in workers:
                worker.start()
            time.sleep(chance.uniform(0.05, 0.6))
            server.kill()
            for worker in workers:
                worker.join(30)
                if worker.error:
                    raise worker.error
                operations += worker.count
            server = Server(folder)
            client = server.connect()
            for name, worker in zip(names, workers):
                found, validity = check(client, worker)
                if found or validity:
                    if validities.setdefault(name, validity) != validity:
                        raise AssertionError("%s: UIDVALIDITY was %d and is %d" % (name, validities[name], validity))
                known[name] = found
            client.logout()
            server.kill()
            print("ok        round %d, %d messages" % (round, sum(len(found) for found in known.values())), flush=True)
        # Other programs can read it.
        files = sum(len(os.listdir(os.path.join(root, "cur"))) for root, folders, _ in os.walk(folder) if "cur" in folders)
        if files != sum(len(found) for found in known.values()):
            raise AssertionError("%d files for %d messages" % (files, sum(len(found) for found in known.values())))
        print("ok        %d operations, %d files" % (operations, files), flush=True)
    except Exception:
        print("seed %d" % SEED)
        raise
    finally:
        # One that is left over would hold the output of this script open.
        for server in running:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


main()
