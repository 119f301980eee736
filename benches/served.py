"""The jobs of side_by_side.py in which pillarbox is the IMAP server: reading much, and holding many.

served-fetch: Python's imaplib brings a mailbox over TLS, from `serve-test` and from Dovecot, both of which have it from
the same Maildir. served-idle: 5,000 clients that have selected INBOX and are in IDLE, and the memory of
`serve-test` then.
"""
import json
import os
import subprocess

FETCH = """
import imaplib, ssl, sys
context = ssl._create_unverified_context()
client = imaplib.IMAP4_SSL("localhost", int(sys.argv[1]), ssl_context=context)
client.login(sys.argv[2], sys.argv[3])
client.select("INBOX", readonly=True)
count = octets = 0
for kind in client.fetch("1:*", "(UID FLAGS BODY.PEEK[])")[1]:
    if isinstance(kind, tuple):
        count += 1
        octets += len(kind[1])
print(count, octets)
"""

IDLE = """
import json, re, resource, socket, subprocess, sys
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
server = subprocess.Popen([sys.argv[1], "serve-test", "--allow-cleartext", "--user", "alice:secret"], stdout=subprocess.PIPE)
port = json.loads(server.stdout.readline())["ports"]["imap"]
clients = []
try:
    for number in range(int(sys.argv[2])):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"a LOGIN alice secret\\r\\nb SELECT INBOX\\r\\nc IDLE\\r\\n")
        clients.append(client)
    for client in clients:
        said = b""
        while b"\\r\\n+ " not in said:
            said += client.recv(65536)
    with open("/proc/%d/status" % server.pid) as status:
        print(re.search(r"VmRSS:\\s+(\\d+)", status.read()).group(1))
finally:
    server.kill()
    server.wait()
"""


def jobs(Job, ours, pillarbox, program, user, password):
    """Name -> class, made over side_by_side.py's own."""

    class Fetch(Job):
        """a mailbox by imaplib over TLS, from serve-test and from Dovecot"""

        runs = 5
        needs = ("dovecot", "root")
        peers = dict.fromkeys(("pillarbox", "dovecot"))

        def prepare(self):
            self.bench.dovecot()
            folder = self.bench.account(user)
            if not os.path.isdir(folder):
                ours.write_maildir(folder, self.bench.options.count, 11)
                self.bench.ready(user)
            self.process = subprocess.Popen([pillarbox, "serve-test", "--user", "%s:%s" % (user, password), "--seed-mail", folder],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=self.bench.environment())
            self.ports = {"pillarbox": json.loads(self.process.stdout.readline())["ports"]["imaps"], "dovecot": self.bench.imaps}

        def finish(self):
            self.process.terminate()
            self.process.wait()
            self.process.stdout.close()

        def command(self, peer, run):
            return dict(command=[program("python3"), "-c", FETCH, str(self.ports[peer]), user, password])

        def check(self, peer, run, measured):
            got = measured.output.split()
            return "" if len(got) == 2 and int(got[0]) == self.bench.options.count else "got %s" % measured.output[-200:]

    class Idle(Job):
        """peak memory of serve-test while 5,000 connections are in IDLE"""

        runs = 1
        unit = "MiB"
        needs = ()
        peers = dict.fromkeys(("pillarbox",))

        def command(self, peer, run):
            return dict(command=[program("python3"), "-c", IDLE, pillarbox, "5000"])

        def value(self, measured):
            return int(measured.output.split()[-1]) / 1024

        def check(self, peer, run, measured):
            return "" if measured.output.split()[-1:] and measured.output.split()[-1].isdigit() else measured.output[-200:]

    return {"served-fetch": Fetch, "served-idle": Idle}
