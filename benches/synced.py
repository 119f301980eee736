"""The jobs of side_by_side.py in which whole accounts are made equal, beside mbsync, which does the same.

An account is a tree of folders at the private Dovecot. sync-noop: nothing has changed since the run before. sync-delta:
another client has turned a flag on 100 messages and added 10. sync-push: a Maildir goes to an empty account. migrate: an
account goes to an empty one. Those that end in -40ms have a round trip of 40 ms. sync-trips counts the round trips of a
sync-noop over 20 and 200 folders. sync-500k: the peak of memory with 500,000 messages in one folder, from a server made up
for that.
"""
import imaplib
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys

FOLDERS = 20
ROUND_TRIP = 0.04


def tree(ours, folder, count, folders, seed):
    """A Maildir++ with so many messages in so many folders, INBOX among them."""
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    places = [folder] + [os.path.join(folder, ".Folder%03d" % number) for number in range(1, folders)]
    for place in places[1:]:
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(place, part))
        open(os.path.join(place, "maildirfolder"), "w").close()
    for number, octets in enumerate(ours.messages(count, seed)):
        name = "%d.M%06dP1.bench:2,%s" % (1772600000 + number, number, ("", "S", "RS", "FS")[number % 4])
        with open(os.path.join(places[number % folders], "cur", name), "wb") as file:
            file.write(octets)


def standing(root):
    """(number, how many are flagged) of all messages below."""
    number = flagged = 0
    for place, _, files in os.walk(root):
        if os.path.basename(place) in ("cur", "new"):
            number += len(files)
            flagged += sum("F" in name.rpartition(":2,")[2] for name in files if ":2," in name)
    return number, flagged


def jobs(Job, ours, pillarbox, program, delayed, maildir, uid):
    """Name -> class, made over side_by_side.py's own."""

    class Sync(Job):
        """what all of them share"""
        needs = ("dovecot", "root")
        peers = dict.fromkeys(("pillarbox", "mbsync"))
        runs = 7
        count, far = 10000, False

        def number(self):
            return self.bench.options.tree * self.count // 10000

        def prepare(self):
            users = [self.user(kind, peer) for kind in ("tree", "new") for peer in self.peers]
            if not self.bench.imaps:
                self.bench.dovecot()
            with open(self.bench.path("users"), "a") as file:
                file.writelines("%s:{PLAIN}secret::::::\n" % user for user in users)
            self.port = self.bench.imaps
            if self.far:
                if not hasattr(self.bench, "far_imaps"):
                    self.bench.far_imaps = delayed(self.bench.imaps, ROUND_TRIP / 2)
                self.port = self.bench.far_imaps

        def user(self, kind, peer):
            return "%s-%s-%d" % (kind, peer, self.number())

        def home(self, user):
            return os.path.join(self.bench.path("home"), user)

        def original(self):
            """The tree from which all others are copied, by links."""
            folder = self.bench.path("tree-%d" % self.number())
            if not os.path.isdir(folder):
                tree(ours, folder, self.number(), FOLDERS, 29)
            return folder

        def furnish(self, user):
            """Gives an account the tree, and lets Dovecot make its indexes."""
            home = self.home(user)
            shutil.rmtree(home, ignore_errors=True)
            os.makedirs(home)
            subprocess.run(["cp", "-al", self.original(), home + "/Maildir"], check=True)
            subprocess.run(["chown", "-R", str(uid), home], check=True)
            client = self.client(user)
            for folder in self.names(client):
                client.select(folder, readonly=True)
                client.uid("FETCH", "1:*", "(FLAGS INTERNALDATE RFC822.SIZE)")
            client.logout()

        def empty(self, user):
            home = self.home(user)
            shutil.rmtree(home, ignore_errors=True)
            os.makedirs(home)
            os.chown(home, uid, uid)

        def client(self, user):
            client = imaplib.IMAP4_SSL("localhost", self.bench.imaps, ssl_context=ssl.create_default_context(cafile=self.bench.ca))
            client.login(user, "secret")
            return client

        @staticmethod
        def names(client):
            return [line.decode().rpartition(" ")[2] for line in client.list()[1]]

        def store(self, name, user):
            return ("IMAPStore %s\nHost localhost\nPort %d\nUser %s\nPass secret\nSSLType IMAPS\nSystemCertificates no\n"
                    "CertificateFile %s\n\n" % (name, self.port, user, self.bench.ca))

        def maildirs(self, name, out):
            return "MaildirStore %s\nInbox %s\nSubFolders Maildir++\n\n" % (name, out)

        def mbsync(self, place, far, near, options):
            os.makedirs(place, exist_ok=True)
            text = "SyncState %s/\n\n%s%sChannel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge None\nCopyArrivalDate yes\n%s\n" % (
                place, far, near, options)
            return ["mbsync", "-q", "-c", self.bench.write("rc-" + os.path.basename(place), text), "-a"]

        def url(self, user):
            return "imaps://%s@localhost:%d/" % (user, self.port)

    class Noop(Sync):
        """an account of 10,000 messages in 20 folders in which nothing has changed, and its Maildir"""

        def prepare(self):
            super().prepare()
            for peer in self.peers:
                user, out = self.user("tree", peer), self.out(peer)
                if program(peer) or peer == "pillarbox":
                    if not os.path.isdir(out):
                        self.furnish(user)
                        if peer == "mbsync":
                            os.makedirs(out)
                        for _ in range(2):
                            subprocess.run(self.run_of(peer), env=dict(self.bench.environment(), PILLARBOX_PASSWORD="secret"), check=True,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.bench.root)

        def out(self, peer):
            return self.bench.path("near-%s-%d" % (peer, self.number()))

        def run_of(self, peer):
            user, out = self.user("tree", peer), self.out(peer)
            if peer == "mbsync":
                return self.mbsync(self.bench.path("state-" + user), self.store("far", user), self.maildirs("near", out), "Sync All")
            # The same account by way of two ports is one account.
            return [pillarbox, "sync", self.url(user), "maildir:" + out, "--state", self.bench.path("state-%s-%d.db" % (user, self.port)),
                    "--ca-file", self.bench.ca]

        def command(self, peer, run):
            if peer == "pillarbox" and run < 0 and not os.path.exists(self.bench.path("state-%s-%d.db" % (self.user("tree", peer), self.port))):
                subprocess.run(self.run_of(peer), env=dict(self.bench.environment(), PILLARBOX_PASSWORD="secret"), check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.bench.root)
            return dict(command=self.run_of(peer))

        def check(self, peer, run, measured):
            wanted = standing(os.path.join(self.home(self.user("tree", peer)), "Maildir"))
            got = standing(self.out(peer))
            return "" if wanted == got and wanted[0] else "%s far, %s near" % (wanted, got)

    class NoopFar(Noop):
        """the same with a round trip of 40 ms"""
        far, runs = True, 5

    class Delta(Noop):
        """the same after another client has turned a flag on 100 messages and added 10"""

        def command(self, peer, run):
            made = super().command(peer, run)
            client = self.client(self.user("tree", peer))
            action = "+FLAGS" if run % 2 else "-FLAGS"
            for number, folder in enumerate(self.names(client)):
                client.select(folder)
                client.uid("STORE", "1:5", action, "(\\Flagged)")
                if number < 10:
                    text = "From: a@example.test\r\nSubject: new\r\nMessage-ID: <%s.%d.%d.%s@bench>\r\n\r\nx\r\n" % (
                        type(self).__name__, run, number, peer)
                    client.append(folder, "(\\Seen)", None, text.encode())
            client.logout()
            return made

    class DeltaFar(Delta):
        """the same with a round trip of 40 ms"""
        far, runs = True, 5

    class Push(Sync):
        """2,000 messages in 20 folders of a Maildir go to an empty account"""
        count, runs = 2000, 5
        kind = "push"

        def near(self, peer):
            return self.bench.path("push-" + peer)

        def command(self, peer, run):
            user, near = self.user("new", peer), self.near(peer)
            self.empty(user)
            place = self.bench.path("push-state-" + peer)
            for old in (near, place):
                shutil.rmtree(old, ignore_errors=True)
            for old in (place + ".db", place + ".db-wal", place + ".db-journal"):
                if os.path.exists(old):
                    os.unlink(old)
            subprocess.run(["cp", "-al", self.original(), near], check=True)
            os.sync()
            if peer == "mbsync":
                return dict(command=self.mbsync(place, self.store("far", user), self.maildirs("near", near), "Sync Push"))
            return dict(command=[pillarbox, "sync", self.url(user), "maildir:" + near, "--push", "--state", place + ".db",
                                 "--ca-file", self.bench.ca])

        def check(self, peer, run, measured):
            there, wanted = os.path.join(self.home(self.user("new", peer)), "Maildir"), self.original()
            if maildir(there) != maildir(wanted):
                return "wanted %s, got %s" % (maildir(wanted)[:2], maildir(there)[:2])
            return "" if standing(there) == standing(wanted) else "other flags"

    class PushFar(Push):
        """the same with a round trip of 40 ms"""
        far, runs = True, 3

    class Migrate(Push):
        """an account of 2,000 messages in 20 folders goes to an empty one of the same server"""
        peers = dict.fromkeys(("pillarbox", "mbsync"))

        def prepare(self):
            super().prepare()
            self.old = self.user("tree", "pillarbox") + "-old"
            with open(self.bench.path("users"), "a") as file:
                file.write("%s:{PLAIN}secret::::::\n" % self.old)
            if not os.path.isdir(self.home(self.old)):
                self.furnish(self.old)

        def command(self, peer, run):
            user = self.user("new", peer)
            self.empty(user)
            place = self.bench.path("migrate-state-" + peer)
            shutil.rmtree(place, ignore_errors=True)
            for old in (place + ".db", place + ".db-wal", place + ".db-journal"):
                if os.path.exists(old):
                    os.unlink(old)
            os.sync()
            if peer == "mbsync":
                return dict(command=self.mbsync(place, self.store("far", self.old), self.store("near", user), "Sync Pull"))
            return dict(command=[pillarbox, "sync", self.url(self.old), self.url(user), "--pull", "--state", place + ".db",
                                 "--far-ca-file", self.bench.ca, "--near-ca-file", self.bench.ca])

    class MigrateFar(Migrate):
        """the same with a round trip of 40 ms"""
        far, runs = True, 3

    class Half(Job):
        """peak memory with 500,000 small messages in one folder: fetched, looked at again, and 1,000 flags changed"""
        needs = ()
        unit = "MiB"
        runs = 1
        peers = dict.fromkeys(("pillarbox",))

        def command(self, peer, run):
            return dict(command=[sys.executable, os.path.abspath(__file__), pillarbox, str(self.bench.options.many),
                                 self.bench.memory or self.bench.disk])

        def value(self, measured):
            return max(float(found) for found in re.findall(r"([0-9.]+) MiB", measured.output))

        def check(self, peer, run, measured):
            print("    " + " ".join(measured.output.split("\n")), flush=True)
            return "" if measured.output.count("MiB") == 3 else measured.output[-300:]

    return {"sync-noop": Noop, "sync-noop-40ms": NoopFar, "sync-delta": Delta, "sync-delta-40ms": DeltaFar, "sync-push": Push,
            "sync-push-40ms": PushFar, "migrate": Migrate, "migrate-40ms": MigrateFar, "sync-500k": Half}


# ---- a server with one mailbox of very many messages that are all alike but for a number ------------------------------

class Many:
    """Speaks as much IMAP as a sync needs, to one client at a time: UIDs are 1 to `count`."""

    def __init__(self, count):
        self.count, self.modseq, self.changed = count, 10, range(0)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def serve(self):
        import threading
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.session, args=(connection,), daemon=True).start()

    def ranges(self, text):
        for part in text.split(","):
            first, _, last = part.partition(":")
            yield int(first), self.count if last == "*" else int(last or first)

    def flags(self, uid):
        return "\\Seen \\Flagged" if uid in self.changed else "\\Seen" if uid % 2 else ""

    def session(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines, out = connection.makefile("rb"), connection.makefile("wb", buffering=1 << 18)
        capability = "IMAP4rev1 LITERAL+ UIDPLUS ENABLE CONDSTORE QRESYNC ESEARCH NAMESPACE LIST-EXTENDED LIST-STATUS MOVE SASL-IR"
        out.write(("* OK [CAPABILITY %s] ready\r\n" % capability).encode())
        out.flush()
        for line in lines:
            tag, _, rest = line.decode().strip().partition(" ")
            word = rest.upper()
            end = "OK done"
            if word.startswith("CAPABILITY"):
                out.write(("* CAPABILITY %s\r\n" % capability).encode())
            elif word.startswith("ENABLE"):
                out.write(b"* ENABLED QRESYNC CONDSTORE\r\n")
            elif word.startswith("NAMESPACE"):
                out.write(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
            elif word.startswith("LIST"):
                out.write(b'* LIST (\\HasNoChildren \\Subscribed) "/" INBOX\r\n')
                if "STATUS" in word:
                    out.write(("* STATUS INBOX (MESSAGES %d UIDNEXT %d UIDVALIDITY 7 HIGHESTMODSEQ %d)\r\n" % (
                        self.count, self.count + 1, self.modseq)).encode())
            elif word.startswith(("SELECT", "EXAMINE")):
                out.write(("* FLAGS (\\Seen \\Flagged \\Deleted)\r\n* OK [PERMANENTFLAGS (\\Seen \\Flagged \\Deleted \\*)] .\r\n"
                           "* %d EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT %d] .\r\n* OK [HIGHESTMODSEQ %d] .\r\n" % (
                               self.count, self.count + 1, self.modseq)).encode())
                since = re.search(r"QRESYNC \(\d+ (\d+)", word)
                if since and int(since.group(1)) < self.modseq:
                    for uid in self.changed:
                        out.write(("* %d FETCH (UID %d FLAGS (%s) MODSEQ (%d))\r\n" % (uid, uid, self.flags(uid), self.modseq)).encode())
                end = "OK [READ-WRITE] selected"
            elif word.startswith("UID FETCH"):
                words = word.split(" ", 3)
                for first, last in self.ranges(words[2]):
                    for uid in range(first, last + 1):
                        text = "UID %d FLAGS (%s)" % (uid, self.flags(uid))
                        if "INTERNALDATE" in words[3]:
                            text += ' INTERNALDATE "04-Mar-2026 10:00:00 +0000"'
                        if "BODY" in words[3]:
                            body = ("From: a@example.test\r\nSubject: %d\r\nMessage-ID: <%d@many.example.test>\r\n\r\nText.\r\n" % (uid, uid))
                            text += " BODY[] {%d}\r\n%s" % (len(body), body)
                        out.write(("* %d FETCH (%s)\r\n" % (uid, text)).encode())
            elif word.startswith("UID SEARCH"):
                out.write(("* ESEARCH (TAG \"%s\") UID ALL 1:%d\r\n" % (tag, self.count)).encode())
            elif word.startswith("LOGOUT"):
                out.write(b"* BYE bye\r\n")
            out.write(("%s %s\r\n" % (tag, end)).encode())
            out.flush()
            if word.startswith("LOGOUT"):
                return connection.close()


def many(pillarbox, count, root):
    """Fetches all, looks again, and takes over changed flags; prints the peak of each run."""
    import tempfile
    import threading
    import time
    server = Many(count)
    threading.Thread(target=server.serve, daemon=True).start()
    with tempfile.TemporaryDirectory(dir=root) as folder:
        for what in ("fetched", "unchanged", "flagged"):
            if what == "flagged":
                server.modseq, server.changed = 11, range(100, 1100)
            start, report = time.monotonic(), folder + "/peak"
            command = ["/usr/bin/time", "-q", "-f", "%M", "-o", report, pillarbox, "sync", "imap://a@127.0.0.1:%d/" % server.port,
                       "maildir:%s/near" % folder, "--state", folder + "/state.db", "--tls", "none", "--allow-cleartext-password", "--json", "-q"]
            done = subprocess.run(command, env=dict(os.environ, PILLARBOX_PASSWORD="x"), stdin=subprocess.DEVNULL, capture_output=True, text=True)
            with open(report) as file:
                peak = int(file.read().split()[-1]) / 1024
            if done.returncode:
                sys.exit("exit code %d: %s" % (done.returncode, done.stderr[-300:]))
            print("%s: %.1f MiB, %.1f s;" % (what, peak, time.monotonic() - start), flush=True)


if __name__ == "__main__":
    many(sys.argv[1], int(sys.argv[2]), sys.argv[3])
