"""Runs pillarbox and its peers in turn on the same work, checks what each did, and prints a table of medians.

    side_by_side.py [--runs N] [--count N] [--only PEER,PEER] [--json FILE] [JOB ...]
    side_by_side.py --list

Runs go round-robin (a b c a b c ...) behind one warming run each, so that a busy moment of the machine meets all.
A run whose result is wrong does not count and fails the whole. The ratio is pillarbox to the peer, by medians; below 1
is faster (or smaller). The binary is $PILLARBOX. Standard library only.
"""
import argparse
import collections
import glob
import hashlib
import json
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import mailbox as ours  # noqa: E402  (benches/mailbox.py, not the standard library's)
import probed  # noqa: E402
import served  # noqa: E402
import needles  # noqa: E402
import sink  # noqa: E402
import synced  # noqa: E402

PILLARBOX = os.path.abspath(os.environ.get("PILLARBOX", os.path.join(HERE, "../target/release/pillarbox")))
MAIL_UID = 43210
GIANT = 1 << 30
GNU_TIME = "/usr/bin/time"
USER, PASSWORD = "bench", "secret"

# Ends the server when our end of its stdin closes, however that comes.
GUARD = """exec 3<&0
"$@" </dev/null 3<&- &
( cat <&3 >/dev/null; kill -KILL 0 ) >/dev/null 2>&1 &
exec 3<&-
wait %1
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/postfix/sbin")


class Server:
    def __init__(self, command, port):
        self.process = subprocess.Popen(["sh", "-c", GUARD, "sh"] + command, stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise SystemExit("%s does not start" % command[0])
                time.sleep(0.01)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    """The servers and folders of one run of this program."""

    def __init__(self, options):
        self.options = options
        self.root = tempfile.mkdtemp(prefix="pbb-")
        os.chmod(self.root, 0o755)
        # Two places to write to: the disk that holds the repository's target folder, and memory.
        disk = os.path.join(HERE, "../target")
        os.makedirs(disk, exist_ok=True)
        self.disk = tempfile.mkdtemp(prefix="bench-", dir=disk)
        self.memory = tempfile.mkdtemp(prefix="pbb-", dir="/dev/shm") if os.path.isdir("/dev/shm") else None
        self.servers = []
        self.home = os.path.join(self.root, "home-of-clients")
        os.makedirs(self.home)
        self.imaps = None

    def close(self):
        for server in self.servers:
            server.stop()
        for folder in (self.root, self.disk, self.memory):
            if folder:
                shutil.rmtree(folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(self.path(name), 0o600)
        return self.path(name)

    def environment(self):
        keep = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return dict(keep, HOME=self.home, LC_ALL="C.UTF-8", NO_COLOR="1", PILLARBOX_PASSWORD=PASSWORD,
                    XDG_CONFIG_HOME=self.home, XDG_STATE_HOME=self.home, XDG_DATA_HOME=self.home, XDG_CACHE_HOME=self.home)

    def certificates(self):
        tls = self.path("tls")
        if os.path.isdir(tls):
            return tls
        os.makedirs(tls)

        def openssl(*arguments):
            subprocess.run(("openssl",) + arguments, cwd=tls, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        openssl("req", "-x509", "-days", "30", "-subj", "/CN=Pillarbox bench authority", "-addext", "basicConstraints=critical,CA:TRUE",
                *key, "-keyout", "ca.key", "-out", "ca.pem")
        openssl("req", *key, "-subj", "/CN=localhost", "-keyout", "leaf.key", "-out", "leaf.csr")
        with open(os.path.join(tls, "leaf.ext"), "w") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "10",
                "-extfile", "leaf.ext", "-out", "leaf.pem")
        return tls

    def dovecot(self):
        """Starts Dovecot once: accounts are folders, made by account()."""
        if self.imaps:
            return
        tls = self.certificates()
        for folder in ("run", "home"):
            os.makedirs(self.path(folder))
        os.chown(self.path("home"), MAIL_UID, MAIL_UID)
        with open(self.path("users"), "w") as file:
            file.writelines("%s:{PLAIN}%s::::::\n" % (user, PASSWORD) for user in (USER, "giant"))
        ports = dict(zip(("IMAP", "IMAPS", "POP3", "POP3S", "LMTP"), free_ports(5)))
        words = dict(ports, ROOT=self.root, CERT=tls + "/leaf.pem", KEY=tls + "/leaf.key", UID=MAIL_UID, GID=MAIL_UID,
                     SEPARATOR="/", REFUSE_CLEARTEXT="no", EXTRA="")
        with open(os.path.join(HERE, "../tests/peers/dovecot.conf.in")) as file:
            text = re.sub(r"@([A-Z0-9_]+)@", lambda m: str(words[m.group(1)]) if m.group(1) in words else m.group(0), file.read())
        configuration = self.write("dovecot.conf", text)
        self.servers.append(Server([program("dovecot"), "-F", "-c", configuration], ports["IMAPS"]))
        self.imap, self.imaps, self.ca = ports["IMAP"], ports["IMAPS"], tls + "/ca.pem"
        self.pop3, self.pop3s = ports["POP3"], ports["POP3S"]

    def account(self, user):
        """The Maildir of a user, to be filled; then call ready()."""
        return os.path.join(self.path("home"), user, "Maildir")

    def ready(self, user):
        """Gives the files to Dovecot and lets it make its indexes, so that no peer pays for them."""
        for folder, _, files in os.walk(os.path.join(self.path("home"), user)):
            for path in [folder] + [os.path.join(folder, name) for name in files]:
                os.chown(path, MAIL_UID, MAIL_UID)
        import imaplib
        import ssl
        imap = imaplib.IMAP4_SSL("localhost", self.imaps, ssl_context=ssl.create_default_context(cafile=self.ca))
        imap.login(user, PASSWORD)
        imap.select("INBOX", readonly=True)
        imap.uid("FETCH", "1:*", "(FLAGS INTERNALDATE RFC822.SIZE)")
        imap.logout()

    def counting_sink(self):
        """smtp-sink that throws away what it gets; its port."""
        (port,) = free_ports(1)
        account = ["-u", "nobody"] if os.getuid() == 0 else []
        self.servers.append(Server([program("smtp-sink")] + account + ["127.0.0.1:%d" % port, "100"], port))
        return port

    def sink(self, dump):
        """smtp-sink that dumps what it gets into the folder `dump`; its port."""
        shutil.rmtree(dump, ignore_errors=True)
        os.makedirs(dump)
        os.chmod(dump, 0o777)
        (port,) = free_ports(1)
        account = ["-u", "nobody"] if os.getuid() == 0 else []
        server = Server([program("smtp-sink")] + account + ["-d", os.path.join(dump, "m."), "127.0.0.1:%d" % port, "100"], port)
        self.servers.append(server)
        return port

    def mbsync(self, user, out, port=None, tls=True):
        os.makedirs(out)
        trust = "SSLType IMAPS\nSystemCertificates no\nCertificateFile %s" % self.ca if tls else "SSLType None\nAuthMechs LOGIN"
        rc = self.write("mbsyncrc-" + hashlib.sha1(out.encode()).hexdigest()[:8], """SyncState *

IMAPStore far
Host localhost
Port %d
User %s
Pass %s
%s

MaildirStore near
Path %s/
Inbox %s/INBOX

Channel c
Far :far:
Near :near:
Patterns INBOX
Create Near
Sync Pull
""" % (port or self.imaps, user, PASSWORD, trust, out, out))
        return ["mbsync", "-q", "-c", rc, "-a"]

    def fetch(self, user, out, port=None):
        return [PILLARBOX, "fetch", "imaps://%s@localhost:%d/INBOX" % (user, port or self.imaps), "--ca-file", self.ca,
                "--to", "maildir:" + out]

    def fetch_plain(self, user, out, port):
        return [PILLARBOX, "fetch", "imap://%s@localhost:%d/INBOX" % (user, port), "--tls", "none", "--allow-cleartext-password",
                "--to", "maildir:" + out]

    def floor(self, user, port, tls=True, protocol="imap"):
        return [sys.executable, os.path.join(HERE, "floor.py"), protocol, str(port), user, PASSWORD] + ([self.ca] if tls else [])

    def mpop(self, user, out, port, tls=True):
        for name in ("", "/cur", "/new", "/tmp"):
            os.makedirs(out + name)
        rc = self.write("mpoprc-" + hashlib.sha1(out.encode()).hexdigest()[:8], """account default
host localhost
port %d
user %s
password %s
auth user
%s
delivery maildir %s
uidls_file %s
only_new off
keep on
received_header off
""" % (port, user, PASSWORD, "tls on\ntls_starttls off\ntls_trust_file " + self.ca if tls else "tls off", out, self.path("uidls")))
        return ["mpop", "-q", "-C", rc]

    def fetch_pop(self, user, out, port, tls=True):
        scheme, trust = ("pop3s", ["--ca-file", self.ca]) if tls else ("pop3", ["--tls", "none", "--allow-cleartext-password"])
        return [PILLARBOX, "fetch", "%s://%s@localhost:%d" % (scheme, user, port)] + trust + ["--to", "maildir:" + out]


Measured = collections.namedtuple("Measured", "wall cpu rss code output")


def measure(bench, command, stdin=None, exact=False):
    """Runs a command to its end. With `exact` nothing stands between (for milliseconds); else GNU time does where it
    is, because Linux lets a child inherit this interpreter's own peak of memory."""
    environment = bench.environment()
    report = bench.path("time")
    direct = exact or not os.path.exists(GNU_TIME)
    if not direct:
        command = [GNU_TIME, "-q", "-f", "%M", "-o", report] + command
    source = open(stdin, "rb") if stdin else subprocess.DEVNULL
    with open(bench.path("output"), "wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=source, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=bench.root)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if stdin:
        source.close()
    rss = usage.ru_maxrss
    if not direct:
        with open(report) as file:
            rss = int(file.read().split()[-1])
    with open(bench.path("output"), errors="replace") as file:
        said = file.read()
    return Measured(wall, usage.ru_utime + usage.ru_stime, rss / 1024, process.returncode, said)


# ---- what a run must have done -----------------------------------------------------------------------------------

def maildir(folder):
    """(number, octets, order-free digest) of all messages below, without the line that mbsync adds."""
    number = total = acc = 0
    for place, _, files in os.walk(folder):
        if os.path.basename(place) not in ("cur", "new"):
            continue
        for name in files:
            with open(os.path.join(place, name), "rb") as file:
                octets = re.sub(rb"(?m)^X-TUID: [^\n]*\n", b"", file.read(), count=1)
            number += 1
            total += len(octets)
            acc ^= int.from_bytes(hashlib.sha256(octets).digest(), "big")
    return number, total, "%064x" % acc


def giant_digest(path):
    """SHA-256 of a file from its From: line on (a dump has trace lines before), without the X-TUID line and without
    empty lines at its end; read in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        head = file.read(1 << 16)
        head = re.sub(rb"(?m)^X-TUID: [^\n]*\n", b"", head, count=1)
        found = re.search(rb"(?m)^From: giant@", head)
        held = head[found.start():] if found else head
        while True:
            piece = file.read(1 << 20)
            if not piece:
                break
            digest.update(held)
            held = piece
        digest.update(held.rstrip(b"\n"))
    return digest.hexdigest()


# ---- jobs: each gives peers (name -> what makes the command and checks it) ------------------------------------------

class Job:
    unit = "ms"
    exact = False
    runs = None
    # Peers that take too long for more than one run.
    once = ()
    # Exit codes that are no failure; a search that finds nothing says 1, and the check is told what it printed.
    fine = (0,)

    def __init__(self, bench):
        self.bench = bench

    def value(self, measured):
        """What is compared."""
        return measured.rss if self.unit == "MiB" else measured.wall * 1000

    def found(self, peer, measured):
        """How much of what is there it found, for the table."""
        return ""

    def prepare(self):
        pass

    def finish(self):
        pass


class Start(Job):
    """--version: what a shell loop pays for each call"""
    exact = True
    runs = 41
    peers = {"pillarbox": [PILLARBOX], "mbsync": ["mbsync"], "msmtp": ["msmtp"], "curl": ["curl"], "swaks": ["swaks"]}
    needs = ()

    def command(self, peer, run):
        return dict(command=self.peers[peer] + ["--version"])

    def check(self, peer, run, measured):
        return "" if re.search(r"\d+\.\d+", measured.output) else "no version: " + measured.output[:80]


class SingleSend(Job):
    """one message of 4 KiB from stdin to smtp-sink, one process"""
    exact = True
    runs = 31
    peers = dict.fromkeys(("pillarbox", "msmtp", "curl"))
    needs = ("smtp-sink",)
    latency = 0

    def prepare(self):
        writer = ours.Writer(3)
        text = ("From: sender@example.test\nTo: rcpt@example.test\nSubject: single\nDate: Wed, 4 Mar 2026 10:00:00 +0000\n"
                "Message-ID: <single@bench.example.test>\n\n" + writer.text(4096, False))
        self.message = self.bench.write("single.eml", text)
        # curl sends what it is given, so it is given CRLF.
        with open(self.bench.path("single-crlf.eml"), "w", newline="\r\n") as file:
            file.write(text)
        self.body = text.split("\n\n", 1)[1].rstrip("\n").encode()
        self.dump = self.bench.path("dump-single-%d" % (self.latency * 1000))
        self.port = self.bench.sink(self.dump)
        if self.latency:
            self.port = delayed(self.port, self.latency)

    def command(self, peer, run):
        for old in glob.glob(self.dump + "/*"):
            os.unlink(old)
        if peer == "msmtp":
            return dict(command=["msmtp", "--host=localhost", "--port=%d" % self.port, "--from=sender@example.test", "--tls=off",
                                 "--auth=off", "rcpt@example.test"], stdin=self.message)
        if peer == "curl":
            return dict(command=["curl", "-sS", "smtp://localhost:%d" % self.port, "--mail-from", "sender@example.test",
                                 "--mail-rcpt", "rcpt@example.test", "-T", "-"], stdin=self.bench.path("single-crlf.eml"))
        return dict(command=[PILLARBOX, "send", "--via", "smtp://localhost:%d" % self.port, "--tls", "none", "rcpt@example.test"],
                    stdin=self.message)

    def check(self, peer, run, measured):
        end = time.monotonic() + 2
        while True:
            dumps = [open(path, "rb").read() for path in glob.glob(self.dump + "/*")]
            if len(dumps) == 1 and dumps[0].partition(b"\n\n")[2].rstrip(b"\n") == self.body:
                envelope = b"X-Mail-Args: <sender@example.test>" in dumps[0] and b"X-Rcpt-Args: <rcpt@example.test>" in dumps[0]
                return "" if envelope else "another envelope"
            if time.monotonic() > end:
                return "%d messages at the sink, or another body" % len(dumps)
            time.sleep(0.005)


class SingleSendFar(SingleSend):
    """the same with a round trip of 40 ms"""
    runs = 7
    latency = 0.02


class Fetch(Job):
    """messages from Dovecot over TLS into a Maildir; the floor throws them away"""
    runs = 7
    peers = dict.fromkeys(("pillarbox", "mbsync", "floor"))
    needs = ("dovecot", "root")
    place = "memory"
    wanted = None

    def prepare(self):
        if getattr(self.bench, self.place) is None:
            raise LookupError("no /dev/shm here")
        self.bench.dovecot()
        folder = self.bench.account(USER)
        if not os.path.isdir(folder):
            ours.write_maildir(folder, self.bench.options.count, 11)
            self.bench.ready(USER)
        Fetch.wanted = Fetch.wanted or maildir(folder)

    def out(self, peer):
        return os.path.join(getattr(self.bench, self.place), "fetch-" + peer)

    def command(self, peer, run):
        out = self.out(peer)
        shutil.rmtree(out, ignore_errors=True)
        os.sync()
        return dict(command=self.client(peer, out))

    def client(self, peer, out, port=None):
        if peer == "floor":
            return self.bench.floor(USER, port or self.bench.imaps)
        return (self.bench.mbsync if peer == "mbsync" else self.bench.fetch)(USER, out, port)

    def check(self, peer, run, measured):
        if peer == "floor":
            return "" if int(measured.output.split()[0]) > Fetch.wanted[1] else "only %s octets came" % measured.output
        got = maildir(self.out(peer))
        shutil.rmtree(self.out(peer), ignore_errors=True)
        return "" if got == Fetch.wanted else "wanted %s, got %s" % (Fetch.wanted[:2], got[:2])


class FetchPlain(Fetch):
    """the same without TLS"""

    def client(self, peer, out, port=None):
        if peer == "floor":
            return self.bench.floor(USER, self.bench.imap, tls=False)
        if peer == "mbsync":
            return self.bench.mbsync(USER, out, self.bench.imap, tls=False)
        return self.bench.fetch_plain(USER, out, self.bench.imap)


class FetchDisk(Fetch):
    """the same over TLS onto the disk, durably: each tool as it comes, so mbsync syncs each message"""
    peers = dict.fromkeys(("pillarbox", "mbsync"))
    place = "disk"


class FetchFar(Fetch):
    """the same into memory, with a round trip of 40 ms"""
    runs = 3

    def command(self, peer, run):
        if not hasattr(self.bench, "far_imaps"):
            self.bench.far_imaps = delayed(self.bench.imaps, 0.02)
        out = self.out(peer)
        shutil.rmtree(out, ignore_errors=True)
        return dict(command=self.client(peer, out, self.bench.far_imaps))


class FetchPlainFar(FetchPlain):
    """the same without TLS, with a round trip of 40 ms"""
    runs = 3

    def client(self, peer, out, port=None):
        if not hasattr(self.bench, "far_imap"):
            self.bench.far_imap = delayed(self.bench.imap, 0.02)
        far = self.bench.far_imap
        if peer == "floor":
            return self.bench.floor(USER, far, tls=False)
        return self.bench.mbsync(USER, out, far, tls=False) if peer == "mbsync" else self.bench.fetch_plain(USER, out, far)


class FetchPop(Fetch):
    """messages from Dovecot by POP3 over TLS into a Maildir in memory; the floor throws them away"""
    peers = dict.fromkeys(("pillarbox", "mpop", "floor"))
    latency = 0
    tls = True
    far = {}

    def out(self, peer):
        return os.path.join(self.bench.memory, "pop-" + peer)

    def command(self, peer, run):
        port = self.bench.pop3s if self.tls else self.bench.pop3
        if self.latency:
            if port not in self.far:
                self.far[port] = delayed(port, self.latency)
            port = self.far[port]
        out = self.out(peer)
        shutil.rmtree(out, ignore_errors=True)
        if peer == "floor":
            return dict(command=self.bench.floor(USER, port, self.tls, "pop"))
        client = self.bench.mpop if peer == "mpop" else self.bench.fetch_pop
        return dict(command=client(USER, out, port, self.tls))


class FetchPopFar(FetchPop):
    """the same with a round trip of 40 ms"""
    runs = 3
    latency = 0.02


class FetchPopPlain(FetchPop):
    """the same without TLS"""
    tls = False


class FetchPopPlainFar(FetchPopPlain):
    """the same without TLS, with a round trip of 40 ms"""
    runs = 3
    latency = 0.02


class FetchGiant(Job):
    """peak memory while a message of 1 GiB passes through fetch"""
    unit = "MiB"
    runs = 1
    peers = dict.fromkeys(("pillarbox", "mbsync"))
    needs = ("dovecot", "root")

    def prepare(self):
        self.bench.dovecot()
        folder = self.bench.account("giant")
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(folder, part))
        self.message = os.path.join(folder, "cur", "1772600000.M1P1.bench:2,")
        ours.write_giant(self.message, GIANT)
        self.wanted = giant_digest(self.message)
        self.bench.ready("giant")

    def command(self, peer, run):
        out = os.path.join(self.bench.disk, "giant-" + peer)
        if peer == "mbsync":
            return dict(command=self.bench.mbsync("giant", out))
        return dict(command=self.bench.fetch("giant", out))

    def check(self, peer, run, measured):
        out = os.path.join(self.bench.disk, "giant-" + peer)
        files = [path for path in glob.glob(out + "/**/*", recursive=True) if os.path.isfile(path) and os.path.getsize(path) > GIANT // 2]
        answer = "" if [giant_digest(path) for path in files] == [self.wanted] else "%d files of that size, or another digest" % len(files)
        shutil.rmtree(out, ignore_errors=True)
        return answer

    def finish(self):
        shutil.rmtree(os.path.dirname(self.bench.account("giant")), ignore_errors=True)


class SendGiant(Job):
    """peak memory while a message of 1 GiB passes through send, from stdin to smtp-sink"""
    unit = "MiB"
    runs = 1
    peers = dict.fromkeys(("pillarbox", "msmtp", "curl"))
    needs = ("smtp-sink",)

    def prepare(self):
        self.message = os.path.join(self.bench.disk, "giant.eml")
        ours.write_giant(self.message, GIANT)
        self.wanted = giant_digest(self.message)
        # Not in the repository's own folder, into which smtp-sink's user may not see.
        self.dump = self.bench.path("dump-giant")
        self.port = self.bench.sink(self.dump)

    def command(self, peer, run):
        for old in glob.glob(self.dump + "/*"):
            os.unlink(old)
        rcpt = "bench@example.test"
        if peer == "msmtp":
            return dict(command=["msmtp", "--host=localhost", "--port=%d" % self.port, "--from=giant@example.test", "--tls=off",
                                 "--auth=off", rcpt], stdin=self.message)
        if peer == "curl":
            return dict(command=["curl", "-sS", "--crlf", "smtp://localhost:%d" % self.port, "--mail-from", "giant@example.test",
                                 "--mail-rcpt", rcpt, "-T", "-"], stdin=self.message)
        return dict(command=[PILLARBOX, "send", "--via", "smtp://localhost:%d" % self.port, "--tls", "none", rcpt], stdin=self.message)

    def check(self, peer, run, measured):
        time.sleep(0.5)
        dumps = glob.glob(self.dump + "/*")
        digests = [giant_digest(path) for path in dumps]
        sizes = [os.path.getsize(path) for path in dumps]
        for path in dumps:
            os.unlink(path)
        return "" if digests == [self.wanted] else "another message at the sink: %s octets" % sizes

    def finish(self):
        os.unlink(self.message)


class LocalSearch(Job):
    """messages of a Maildir whose subject holds a word, in clear and encoded; from the system's cache"""
    runs = 7
    peers = dict.fromkeys(("pillarbox", "magrep", "rg"))
    needs = ()
    fine = (0, 1)
    what, word = "subject", needles.SUBJECT
    # What a peer cannot see: it finds so many, and that is no failure of the measurement.
    truth = {}

    def prepare(self):
        self.folder = os.path.join(self.bench.root, "search")
        if not os.path.isdir(self.folder):
            LocalSearch.truth = needles.write(self.folder, self.bench.options.messages, 7)
            with open(self.bench.path("search-list"), "w") as file:
                file.writelines(os.path.join(self.folder, "cur", name) + "\n" for name in os.listdir(self.folder + "/cur"))

    def field(self):
        return self.what.split("-")[0]

    def command(self, peer, run):
        if peer == "magrep":
            pattern = "subject:" + self.word if self.field() == "subject" else "/:" + self.word
            return dict(command=["magrep"] + (["-d"] if self.field() == "body" else []) + ["-i", pattern], stdin=self.bench.path("search-list"))
        if peer == "rg":
            return dict(command=["rg", "-liF", self.word, self.folder])
        return dict(command=[PILLARBOX, "search", "%s:%s" % (self.field(), self.word), self.folder])

    def found(self, peer, measured):
        return "%d of %d" % (len(measured.output.splitlines()), LocalSearch.truth[self.what])

    def check(self, peer, run, measured):
        found, truth = len(measured.output.splitlines()), LocalSearch.truth[self.what]
        if peer != "pillarbox":
            return "" if 0 < found <= truth or self.what.endswith("encoded") else "%d of %d" % (found, truth)
        return "" if found == truth else "found %d of %d" % (found, truth)


class LocalSearchEncoded(LocalSearch):
    """the same for a subject in encoded words"""
    what, word = "subject-encoded", needles.SUBJECT_ENCODED


class LocalSearchBody(LocalSearch):
    """the same for a word in the text, in clear, quoted-printable and base64 (rg sees it in clear only)"""
    what, word = "body", needles.BODY


class LocalSearchBodyEncoded(LocalSearch):
    """the same for a word beyond ASCII"""
    what, word = "body-encoded", needles.BODY_ENCODED


class Parse(LocalSearch):
    """subject and text of every message decoded"""
    runs = 3
    peers = dict.fromkeys(("pillarbox", "mshow"))

    def command(self, peer, run):
        if peer == "mshow":
            return dict(command=["sh", "-c", "xargs mshow -h subject <%s >/dev/null" % self.bench.path("search-list")])
        # An expression without a word in it: nothing can be passed over unread.
        return dict(command=[PILLARBOX, "search", "--count", "text:/[0-9]{30}[a-f]/", self.folder])

    def found(self, peer, measured):
        return ""

    def check(self, peer, run, measured):
        return "" if peer == "mshow" or measured.output == "0\n" else "another answer"


class Index(LocalSearch):
    """an index of the Maildir made, from nothing"""
    runs = 3
    peers = dict.fromkeys(("pillarbox", "mairix", "notmuch", "mu"))
    once = ("notmuch", "mu")
    what = "body"

    def ours(self):
        return [PILLARBOX, "search", "--index", "body:" + needles.BODY, self.folder]

    def place(self, peer):
        return self.bench.path("index-" + peer)

    def fresh(self, peer):
        """What makes the index of a peer, from nothing."""
        place = self.place(peer)
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        if peer == "mairix":
            self.bench.write("mairixrc", "base=%s\nmaildir=search\nmfolder=%s/found\ndatabase=%s/db\nmformat=maildir\n" % (
                self.bench.root, place, place))
            return ["mairix", "-f", self.bench.path("mairixrc")]
        if peer == "notmuch":
            self.bench.write("notmuchrc", "[database]\npath=%s\nmail_root=%s\n[user]\nname=x\nprimary_email=x@example.test\n" % (
                place, self.folder))
            return ["notmuch", "--config=" + self.bench.path("notmuchrc"), "new", "--quiet", "--no-hooks"]
        return ["sh", "-c", "mu init --quiet --muhome=%s --maildir=%s && exec mu index --quiet --muhome=%s" % (place, self.folder, place)]

    def command(self, peer, run):
        if peer != "pillarbox":
            return dict(command=self.fresh(peer))
        index = os.path.join(self.folder, "pillarbox-index.sqlite3")
        if os.path.exists(index):
            os.unlink(index)
        return dict(command=self.ours())

    def found(self, peer, measured):
        return super().found(peer, measured) if peer == "pillarbox" else ""

    def check(self, peer, run, measured):
        return "" if peer != "pillarbox" or len(measured.output.splitlines()) == LocalSearch.truth["body"] else "another answer"


class IndexAsk(Index):
    """a word asked of an index that is there; who finds how many of it depends on what he decodes"""
    exact = True
    runs = 15
    once = ()
    # What notmuch and mu say when they find nothing.
    fine = (0, 1, 2, 4)

    def prepare(self):
        super().prepare()
        for peer in ("pillarbox", "mairix", "notmuch", "mu"):
            if peer == "pillarbox" or program(peer) and (not self.bench.options.only or peer in self.bench.options.only):
                subprocess.run(super().command(peer, 0)["command"], env=self.bench.environment(), stdout=subprocess.DEVNULL, check=False)
        # A folder that has just changed is not believed to be still.
        time.sleep(3)
        subprocess.run(self.ours(), env=self.bench.environment(), stdout=subprocess.DEVNULL, check=False)

    def command(self, peer, run):
        return dict(command={
            "pillarbox": self.ours(),
            "mairix": ["mairix", "-f", self.bench.path("mairixrc"), "-r", "b:" + needles.BODY],
            "notmuch": ["notmuch", "--config=" + self.bench.path("notmuchrc"), "search", "--output=files", "body:" + needles.BODY],
            "mu": ["mu", "find", "--muhome=" + self.place("mu"), "--fields=l", "body:" + needles.BODY],
        }[peer])

    def found(self, peer, measured):
        lines = [line for line in measured.output.splitlines() if "/cur/" in line]
        return "%d of %d" % (len(lines), LocalSearch.truth["body"])


class ServerSearch(Job):
    """a word in the subject and in the text at Dovecot, without an index of text: curl sends the one SEARCH"""
    runs = 5
    peers = dict.fromkeys(("pillarbox", "curl"))
    needs = ("dovecot", "root")
    # A word of the generated mail, rare enough that finding it is the work.
    word = "orquil"

    def prepare(self):
        self.bench.dovecot()
        folder = self.bench.account(USER)
        if not os.path.isdir(folder):
            ours.write_maildir(folder, self.bench.options.count, 11)
            self.bench.ready(USER)

    def command(self, peer, run):
        if peer == "curl":
            return dict(command=["curl", "-sS", "--cacert", self.bench.ca, "--user", "%s:%s" % (USER, PASSWORD),
                                 "imaps://localhost:%d/INBOX" % self.bench.imaps, "-X", "UID SEARCH TEXT " + self.word])
        return dict(command=[PILLARBOX, "search", self.word, "imaps://%s@localhost:%d/INBOX" % (USER, self.bench.imaps),
                             "--ca-file", self.bench.ca, "--uids"])

    def check(self, peer, run, measured):
        found = len(re.findall(r"\d+", measured.output)) if peer == "curl" else len(measured.output.splitlines())
        known = ServerSearch.__dict__.get("found")
        if known is None:
            ServerSearch.found = found
        if not found:
            return "found nothing"
        return "" if known in (None, found) else "found %d, not %d" % (found, known)


class SendMany(Job):
    """5,000 messages of 4 KiB, from files, over one connection to smtp-sink"""
    runs = 7
    peers = dict.fromkeys(("pillarbox", "smtp-source"))
    needs = ("smtp-sink",)
    count, octets, connections, latency = 5000, 4096, 1, 0

    def prepare(self):
        self.port = self.bench.counting_sink()
        if self.latency:
            self.port = delayed(self.port, self.latency)
        # smtp-source makes its messages up; ours come from a Maildir.
        self.folder = self.bench.path("many-%d-%d" % (self.count, self.octets))
        for name in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        for number in range(self.count):
            text = ("From: sender@example.test\nTo: rcpt@example.test\nSubject: number %d\nDate: Wed, 4 Mar 2026 10:00:00 +0000\n"
                    "Message-ID: <%d.%s@example.test>\n\n" % (number, number, "bench"))
            # A body like smtp-source's, of lines that have 80 octets on the wire: smtp-sink reads line by line, and
            # has to read as much from both.
            text += ("x" * 78 + "\n") * (self.octets // 80)
            with open(os.path.join(self.folder, "new", "%d.%d.bench" % (1700000000, number)), "w") as file:
                file.write(text)

    def command(self, peer, run):
        if peer == "smtp-source":
            return dict(command=[program("smtp-source"), "-d", "-s", str(self.connections), "-m", str(self.count), "-l", str(self.octets),
                                 "-f", "sender@example.test", "-t", "rcpt@example.test", "127.0.0.1:%d" % self.port])
        return dict(command=[PILLARBOX, "send", "--via", "smtp://127.0.0.1:%d" % self.port, "--tls", "none",
                             "--connections", str(self.connections), "--input", "maildir:" + self.folder])

    def check(self, peer, run, measured):
        if peer == "smtp-source":
            return ""
        wanted = "%d messages, %d delivered" % (self.count, self.count)
        return "" if wanted in measured.output else "not all were delivered"

    def finish(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class SendMany10(SendMany):
    """the same over ten connections at once"""
    connections = 10


class SendManyFar(SendMany):
    """300 messages of 4 KiB over one connection with a round trip of 40 ms"""
    count, latency = 300, 0.02
    runs = 3


class SendMegabytes(SendMany):
    """300 messages of 1 MiB, from files, over one connection"""
    count, octets = 300, 1 << 20


DELAYED = []


def delayed(port, seconds):
    """A proxy before `port` that holds back what passes for so long, each way; its port. A process of its own, so that
    it does not share an interpreter with anything."""
    (own,) = free_ports(1)
    program = [sys.executable, os.path.join(HERE, "delay.py"), str(seconds), str(own), str(port)]
    # It ends when our end of its stdin is closed, however that comes.
    DELAYED.append(subprocess.Popen(program, stdin=subprocess.PIPE))
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", own)).close()
            return own
        except OSError:
            if time.monotonic() > end:
                raise SystemExit("delay.py does not start")
            time.sleep(0.01)


JOBS = {"start": Start, "single-send": SingleSend, "single-send-40ms": SingleSendFar, "fetch-tmpfs": Fetch, "fetch-plain": FetchPlain, "fetch-disk": FetchDisk, "fetch-40ms": FetchFar, "fetch-plain-40ms": FetchPlainFar,
        "fetch-pop": FetchPop, "fetch-pop-40ms": FetchPopFar,
        "fetch-pop-plain": FetchPopPlain, "fetch-pop-plain-40ms": FetchPopPlainFar, "fetch-1GiB": FetchGiant,
        "send-1GiB": SendGiant, "send-small": SendMany, "send-small-10": SendMany10, "send-small-40ms": SendManyFar,
        "send-1M": SendMegabytes}
JOBS.update({"search-subject": LocalSearch, "search-subject-encoded": LocalSearchEncoded, "search-body": LocalSearchBody,
             "search-body-encoded": LocalSearchBodyEncoded, "parse": Parse, "index": Index, "index-ask": IndexAsk,
             "server-search": ServerSearch})
JOBS.update(sink.jobs(Job, Server, free_ports, PILLARBOX, program))
JOBS.update(served.jobs(Job, ours, PILLARBOX, program, USER, PASSWORD))
JOBS.update(synced.jobs(Job, ours, PILLARBOX, program, delayed, maildir, MAIL_UID))
JOBS.update(probed.jobs(Job, Server, free_ports, delayed, PILLARBOX, program))


def lacking(job):
    for need in job.needs:
        if need == "root":
            if os.getuid() != 0:
                return "needs root, to start Dovecot under its own users"
        elif not program(need):
            return need + " is not installed"
    return ""


def version(peer):
    command = {"pillarbox": PILLARBOX, "dovecot": "dovecot", "floor": sys.executable}.get(peer, peer)
    try:
        said = subprocess.run([program(command) or command, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    except OSError:
        return "not here"
    found = re.search(r"\d+\.\d[\w.]*", said)
    return found.group(0) if found else "?"


def run_job(bench, name, rows):
    job = JOBS[name](bench)
    peers = [peer for peer in job.peers if not bench.options.only or peer in bench.options.only or peer == "pillarbox"]
    absent = [peer for peer in peers if peer not in ("pillarbox", "floor") and not program(peer)]
    for peer in absent:
        print("SKIP: %s: %s is not installed" % (name, peer), flush=True)
    peers = [peer for peer in peers if peer not in absent]
    reason = lacking(job)
    try:
        if not reason:
            job.prepare()
    except LookupError as error:
        reason = str(error)
    if reason:
        print("SKIP: %s: %s" % (name, reason), flush=True)
        return True
    runs = job.runs if job.runs == 1 else bench.options.runs or job.runs
    results = {peer: [] for peer in peers}
    wrong = {}
    for run in range(-1 if runs > 1 else 0, runs):
        for peer in peers:
            if peer in wrong or peer in job.once and run != 0:
                continue
            made = job.command(peer, run)
            measured = measure(bench, made["command"], made.get("stdin"), job.exact)
            why = "exit code %d" % measured.code if measured.code not in job.fine else job.check(peer, run, measured)
            if why:
                wrong[peer] = "%s: %s" % (why, measured.output.strip()[-300:])
                print("%s: %s: %s" % (name, peer, wrong[peer]), file=sys.stderr, flush=True)
            elif run >= 0:
                results[peer].append(measured)
    job.finish()
    value = job.value
    mine = statistics.median(map(value, results["pillarbox"])) if results["pillarbox"] else None
    for peer in peers:
        done = results[peer]
        row = dict(job=name, peer=peer, unit=job.unit, runs=len(done), checked=peer not in wrong)
        if done:
            values = list(map(value, done))
            row.update(median=statistics.median(values), low=min(values), high=max(values),
                       wall=statistics.median(m.wall for m in done), cpu=statistics.median(m.cpu for m in done),
                       rss=None if job.exact else statistics.median(m.rss for m in done))
            row["found"] = job.found(peer, done[-1])
            row["ratio"] = mine / row["median"] if mine is not None and peer != "pillarbox" else None
        rows.append(row)
    return not wrong


def table(rows):
    print("\n| job | peer | version | runs | median | low - high | pillarbox / peer | wall s | CPU s | peak MiB | found | checked |")
    print("|---|---|---|--:|--:|--:|--:|--:|--:|--:|---|---|")
    for row in rows:
        if not row["runs"]:
            print("| %s | %s | %s | 0 | - | - | - | - | - | - | - | no |" % (row["job"], row["peer"], version(row["peer"])))
            continue
        print("| %s | %s | %s | %d | %.1f %s | %.1f - %.1f | %s | %.3f | %.3f | %s | %s | %s |" % (
            row["job"], row["peer"], version(row["peer"]), row["runs"], row["median"], row["unit"], row["low"], row["high"],
            "%.2f" % row["ratio"] if row["ratio"] is not None else "", row["wall"], row["cpu"],
            "%.1f" % row["rss"] if row["rss"] is not None else "", row["found"], "yes" if row["checked"] else "NO"))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, help="runs of each peer (default: the job's own)")
    arguments.add_argument("--count", type=int, default=1000, help="messages of the fetch jobs")
    arguments.add_argument("--tree", type=int, default=10000, help="messages of sync-noop and sync-delta; a fifth of them of sync-push and migrate")
    arguments.add_argument("--many", type=int, default=500000, help="messages of sync-500k")
    arguments.add_argument("--messages", type=int, default=20000, help="messages of the jobs on local mail")
    arguments.add_argument("--only", type=lambda text: text.split(","), help="these peers beside pillarbox")
    arguments.add_argument("--json", help="write the rows there too, one JSON object a line")
    arguments.add_argument("--list", action="store_true")
    arguments.add_argument("jobs", nargs="*", metavar="JOB")
    options = arguments.parse_args()
    if options.list:
        for name, job in JOBS.items():
            print("%-12s %s: %s" % (name, " ".join(job.peers), job.__doc__))
        return 0
    unknown = [name for name in options.jobs if name not in JOBS]
    if unknown:
        arguments.error("no such job: %s (known: %s)" % (", ".join(unknown), ", ".join(JOBS)))
    if not os.access(PILLARBOX, os.X_OK):
        arguments.error("%s is not there; build it first (cargo build --release)" % PILLARBOX)
    # Many files at once: a Maildir of thousands beside Dovecot's.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    print("%s, %d processors, Linux %s, Dovecot %s, load %.2f" % (
        time.strftime("%Y-%m-%d"), os.cpu_count(), os.uname().release, version("dovecot") if program("dovecot") else "not here",
        os.getloadavg()[0]), flush=True)
    bench, rows, good = Bench(options), [], True
    try:
        for name in options.jobs or JOBS:
            print("... %s" % name, flush=True)
            good = run_job(bench, name, rows) and good
    finally:
        bench.close()
    table(rows)
    if options.json:
        with open(options.json, "a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
