"""Clients that mean harm to an IMAP server: limits hold, memory stays bounded, others go on.

Runs inside `serve-test -- CMD`: the server is this script's parent, whose memory it watches. A
well-behaved client works beside every attack, and has to be answered within seconds, in a debug build on a busy machine.
"""
import imaplib
import os
import re
import socket
import threading
import time
import zlib

import harness
from harness import case, true

USER, PASSWORD = next(iter(harness.USERS.items()))
SERVER = os.getppid()
# What an attack may cost, in MiB above what the server held before it: a command of 16 MiB, in a
# buffer that grows by doubling, and what the allocator keeps.
ALLOWED = 64
# Seconds that others may wait, in a debug build on a busy machine.
PATIENCE = 5


def resident():
    with open("/proc/%d/status" % SERVER) as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) / 1024


class Beside:
    """A client that goes on while something else happens, and how long it ever had to wait."""

    def __init__(self):
        self.client = imaplib.IMAP4(*harness.at("imap"), timeout=harness.TIMEOUT)
        self.client.login(USER, PASSWORD)
        self.client.select("INBOX")
        self.longest, self.peak, self.count, self.stop = 0, 0, 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stop:
            start = time.monotonic()
            if self.client.noop()[0] != "OK" or self.client.search(None, "ALL")[0] != "OK":
                self.longest = 999
                return
            self.longest = max(self.longest, time.monotonic() - start)
            self.peak = max(self.peak, resident())
            self.count += 1
            time.sleep(0.01)

    def __enter__(self):
        self.before = resident()
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stop = True
        self.thread.join(harness.TIMEOUT)
        self.client.logout()
        if kind is None:
            true(self.count > 0 and self.longest < PATIENCE, "others had to wait %.1f s" % self.longest)
            grown = max(self.peak, resident()) - self.before
            true(grown < ALLOWED, "memory grew by %.0f MiB" % grown)


def connect(login=True):
    sock = socket.create_connection(harness.at("imap"), timeout=harness.TIMEOUT)
    sock.recv(4096)
    if login:
        sock.sendall(b'l LOGIN "%s" "%s"\r\n' % (USER.encode(), PASSWORD.encode()))
        answer(sock, b"l")
    return sock


def answer(sock, tag):
    """What comes up to the line that begins with the tag, or up to the end."""
    got = b""
    while not re.search(rb"(^|\r\n)" + re.escape(tag) + rb" [^\r\n]*\r\n$", got):
        try:
            octets = sock.recv(65536)
        except ConnectionError:
            return got
        if not octets:
            return got
        got += octets
    return got


def pour(sock, block, octets):
    """Sends so much, or until the server has had enough."""
    sent = 0
    try:
        while sent < octets:
            sock.sendall(block)
            sent += len(block)
    except (ConnectionError, socket.timeout):
        pass
    return sent


@case("imap")
def endless_lines():
    with Beside():
        for login in [False, True]:
            sock = connect(login)
            sock.sendall(b"a SEARCH TEXT ")
            pour(sock, b"x" * 65536, 256 * 1024 * 1024)
            try:
                sock.sendall(b"\r\nb NOOP\r\n")
            except ConnectionError:
                pass
            got = answer(sock, b"b")
            true(b"a BAD" in got and b"b OK" in got or b"BYE" in got or got == b"", got[:200])
            sock.close()


@case("imap")
def endless_literals():
    with Beside():
        sock = connect()
        # Not asked for: read and thrown away, and the tag is answered.
        sock.sendall(b"a APPEND INBOX {100000000+}\r\n")
        pour(sock, b"x" * 65536, 100000000 // 65536 * 65536)
        sock.sendall(b"x" * (100000000 % 65536) + b"\r\nb NOOP\r\n")
        got = answer(sock, b"b")
        true(b"a NO [TOOBIG]" in got and b"b OK" in got, got[:300])
        # Asked for: refused before an octet of it is sent.
        sock.sendall(b"c APPEND INBOX {9223372036854775807}\r\n")
        true(answer(sock, b"c").startswith(b"c NO [TOOBIG]"), "refused")
        sock.sendall(b"d APPEND INBOX {99999999999999999999999}\r\n")
        true(b"d BAD" in answer(sock, b"d"), "no number")
        # Many small ones in one command.
        sock.sendall(b"e SEARCH")
        pour(sock, b" OR TEXT {9+}\r\nxxxxxxxxx ALL" * 1000, 18 * 1024 * 1024)
        try:
            sock.sendall(b" ALL\r\n")
        except ConnectionError:
            pass
        # What follows the limit is garbage, of which the server takes only so much.
        got = answer(sock, b"e")
        true(b"e BAD" in got or b"BYE" in got or got == b"", got[:200])
        sock.close()
        # Never finished: the memory is given back with the connection.
        for _ in range(50):
            sock = connect()
            sock.sendall(b"f APPEND INBOX {30000000+}\r\n" + b"x" * 1000000)
            sock.close()


@case("imap")
def mime_nested_ten_thousand_deep():
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(10000)) + b"\r\nx\r\n"
    letters = b"Content-Type: message/rfc822\r\n\r\n" * 10000 + b"x\r\n"
    comments = b"From: " + b"(" * 100000 + b" a@b\r\n\r\nx\r\n"
    parts = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 50000 + b"--b--\r\n"
    with Beside():
        client = imaplib.IMAP4(*harness.at("imap"), timeout=harness.TIMEOUT)
        client.login(USER, PASSWORD)
        client.create("deep")
        for message in [deep, letters, comments]:
            true(client.append("deep", None, None, message)[0] == "OK", "kept")
        client.select("deep")
        for item in ["BODYSTRUCTURE", "BODY", "ENVELOPE", "BODY.PEEK[%s]" % ".".join(["1"] * 1000), "BODY.PEEK[1.1.1.HEADER]", "PREVIEW", "BINARY.SIZE[1]"]:
            kind, data = client.fetch("1:*", "(%s)" % item)
            true(kind in ("OK", "NO"), "%s: %r" % (item, data[:1]))
        true(client.search(None, "BODY", "x")[0] == "OK", "searched")
        true(client.sort("(SUBJECT FROM)", "UTF-8", "ALL")[0] == "OK", "sorted")
        client.create("wide")
        true(client.append("wide", None, None, parts)[0] == "OK", "kept")
        client.select("wide")
        true(client.fetch("1", "(BODYSTRUCTURE)")[0] == "OK", "told")
        client.logout()


@case("imap")
def a_bomb_of_zeros():
    with Beside():
        sock = connect()
        sock.sendall(b"a COMPRESS DEFLATE\r\n")
        true(b"a OK" in answer(sock, b"a"), "compressed")
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        # A gigabyte of zeros in a megabyte, as one line without an end.
        for _ in range(1024):
            block = deflate.compress(b"\0" * 1024 * 1024) + deflate.flush(zlib.Z_SYNC_FLUSH)
            try:
                sock.sendall(block)
            except (ConnectionError, socket.timeout):
                break
        sock.close()


@case("imap")
def a_thousand_slow_clients():
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    except (ImportError, ValueError, OSError):
        pass
    with Beside():
        slow = []
        for number in range(1000):
            sock = socket.create_connection(harness.at("imap"), timeout=harness.TIMEOUT)
            sock.sendall(b"a LOG"[:1 + number % 5])
            slow.append(sock)
        for octet in [b"I", b"N", b" "]:
            for sock in slow:
                sock.sendall(octet)
        time.sleep(0.3)
        for sock in slow:
            sock.close()


@case("imap")
def pipelined_garbage():
    import random
    chance = random.Random(7)
    with Beside():
        for login in [False, True]:
            for _ in range(20):
                sock = connect(login)
                garbage = bytes(chance.choice(b"\r\n{}()\"\\ *abc019+~[]<>\0\xff") for _ in range(20000))
                pour(sock, garbage, len(garbage))
                sock.close()
        # Without reading an answer: what waits is bounded.
        sock = connect()
        sock.settimeout(2)
        pour(sock, b"x CAPABILITY\r\n" * 1000, 64 * 1024 * 1024)
        sock.close()


@case("imap")
def searches_a_thousand_deep():
    with Beside():
        sock = connect()
        sock.sendall(b"s SELECT INBOX\r\n")
        answer(sock, b"s")
        for number, keys in enumerate([b"NOT " * 1000 + b"ALL", b"(" * 1000 + b"ALL" + b")" * 1000, b"OR ALL " * 1000 + b"ALL",
                                       b"FUZZY " * 1000 + b"ALL", b"(" * 100000]):
            tag = b"d%d" % number
            sock.sendall(tag + b" SEARCH " + keys + b"\r\n")
            true(tag + b" BAD" in answer(sock, tag), keys[:20])
        wide = b" ".join([b"TEXT x"] * 5000)
        sock.sendall(b"w SEARCH " + wide + b"\r\n")
        true(b"w OK" in answer(sock, b"w"), "wide")
        sock.sendall(b"r FETCH " + b",".join([b"1:*"] * 20000) + b" FLAGS\r\n")
        true(re.search(rb"r (OK|BAD|NO)", answer(sock, b"r")), "ranges")
        sock.sendall(b"v UID FETCH 1:4294967295,4294967295:1 (UID)\r\n")
        true(b"v OK" in answer(sock, b"v"), "wide range")
        sock.sendall(b'p LIST "" "' + b"*a" * 400 + b'"\r\n')
        true(b"p OK" in answer(sock, b"p"), "pattern")
        sock.close()


if __name__ == "__main__":
    harness.main()
