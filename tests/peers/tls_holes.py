"""A server with the holes of TLS that no packaged server has any more, on a loopback port.

    tls_holes.py HOLE CERTIFICATE KEY

Prints its port. It speaks as much of TLS 1.2 (of SSL 3.0 and SSL 2.0 where a hole needs it) as
comes before the keys, and answers as the published descriptions say that vulnerable servers do:

    sound        no hole: the same server, as it should be
    heartbleed   CVE-2014-0160: a heartbeat is answered with as many octets as it claims to have
    ccs          CVE-2014-0224: a ChangeCipherSpec is taken before there is a secret
    robot        CVE-2017-13099: a secret with bad padding has an alert of its own
    drown        CVE-2016-0800: SSL 2.0 is spoken
    poodle       CVE-2014-3566: SSL 3.0 is spoken, with a suite of block ciphers
    freak        CVE-2015-0204: suites of RSA export keys are taken
    logjam       CVE-2015-4000: suites of Diffie-Hellman export keys are taken
    compression  CVE-2012-4929: DEFLATE is agreed to
    insecure     CVE-2009-3555: nothing is said of secure renegotiation

There is no cryptography in it but the one RSA decryption that `robot` is about.
"""
import base64
import os
import re
import socket
import struct
import sys
import threading

HOLE, CERTIFICATE, KEY = sys.argv[1:4]

ALERT, HANDSHAKE, CHANGE, HEARTBEAT = 21, 22, 20, 24
CLOSE, UNEXPECTED, BAD_MAC, FAILURE, DECRYPT, VERSION = 0, 10, 20, 40, 51, 70

SUITES = [0x002F]  # TLS_RSA_WITH_AES_128_CBC_SHA
if HOLE == "freak":
    SUITES.append(0x0003)  # TLS_RSA_EXPORT_WITH_RC4_40_MD5
if HOLE == "logjam":
    SUITES.append(0x0014)  # TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA
VERSIONS = [0x0303] + ([0x0300] if HOLE == "poodle" else [])


def pem(path, kind):
    with open(path) as file:
        body = re.search(f"-----BEGIN {kind}-----(.*?)-----END", file.read(), re.S).group(1)
    return base64.b64decode("".join(body.split()))


def elements(octets):
    """The elements of a DER sequence's content: tag and content."""
    at = 0
    while at < len(octets):
        tag, length, at = octets[at], octets[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length, at = int.from_bytes(octets[at : at + count], "big"), at + count
        yield tag, octets[at : at + length]
        at += length


def private_key(path):
    """Modulus and private exponent of a PKCS #8 file."""
    (_, outer), = elements(pem(path, "PRIVATE KEY"))
    octets = [content for tag, content in elements(outer) if tag == 4][0]
    (_, inner), = elements(octets)
    numbers = [int.from_bytes(content, "big") for tag, content in elements(inner) if tag == 2]
    return numbers[1], numbers[3]


DER = pem(CERTIFICATE, "CERTIFICATE")
MODULUS, PRIVATE = private_key(KEY) if HOLE in ("robot", "sound") else (0, 0)


def counted(octets, width):
    return len(octets).to_bytes(width, "big") + octets


class Over(Exception):
    pass


class Session:
    def __init__(self, connection):
        self.connection = connection
        self.version = 0x0303

    def read(self, count):
        octets = b""
        while len(octets) < count:
            more = self.connection.recv(count - len(octets))
            if not more:
                raise Over
            octets += more
        return octets

    def record(self):
        kind, _, length = struct.unpack(">BHH", self.read(5))
        return kind, self.read(length)

    def send(self, kind, body):
        self.connection.sendall(struct.pack(">BHH", kind, self.version, len(body)) + body)

    def refuse(self, alert):
        self.send(ALERT, bytes([2, alert]))
        raise Over

    def serve(self):
        first = self.read(2)
        if first[0] & 0x80:
            return self.ssl2(self.read(((first[0] & 0x7F) << 8) + first[1]))
        kind = first[0]
        rest = self.read(3)
        body = self.read(struct.unpack(">H", rest[1:])[0])
        if kind != HANDSHAKE or body[0] != 1:
            self.refuse(UNEXPECTED)
        extensions = self.hello(body[4:])
        self.listen(extensions)

    def hello(self, hello):
        asked, = struct.unpack(">H", hello[:2])
        at = 34 + 1 + hello[34]
        length, = struct.unpack(">H", hello[at : at + 2])
        suites = [struct.unpack(">H", hello[at + 2 + n : at + 4 + n])[0] for n in range(0, length, 2)]
        at += 2 + length
        compressions = hello[at + 1 : at + 1 + hello[at]]
        at += 1 + hello[at]
        extensions = {}
        if at < len(hello):
            at += 2
            while at < len(hello):
                number, length = struct.unpack(">HH", hello[at : at + 4])
                extensions[number] = hello[at + 4 : at + 4 + length]
                at += 4 + length
        if 43 in extensions:
            listed = extensions[43][1:]
            known = [struct.unpack(">H", listed[n : n + 2])[0] for n in range(0, len(listed), 2)]
            asked = max([it for it in known if it in VERSIONS], default=0)
        if asked not in VERSIONS:
            self.refuse(VERSION)
        self.version = asked
        suite = next((it for it in SUITES if it in suites), None)
        if suite is None:
            self.refuse(FAILURE)
        agreed = b""
        if asked > 0x0300:
            if HOLE != "insecure":
                agreed += struct.pack(">HH", 0xFF01, 1) + b"\0"
            if HOLE == "heartbleed" and 15 in extensions:
                agreed += struct.pack(">HH", 15, 1) + b"\1"
        method = 1 if HOLE == "compression" and 1 in compressions else 0
        answer = struct.pack(">H", asked) + os.urandom(32) + b"\0" + struct.pack(">HB", suite, method)
        if agreed:
            answer += counted(agreed, 2)
        flight = b"\2" + counted(answer, 3)
        flight += b"\x0b" + counted(counted(counted(DER, 3), 3), 3)
        if suite == 0x0014:
            # A prime of 512 bits, its generator, a public value, and no signature to speak of.
            prime = b"\xff" * 63 + b"\x43"
            numbers = counted(prime, 2) + counted(b"\2", 2) + counted(b"\5" * 64, 2)
            flight += b"\x0c" + counted(numbers + struct.pack(">H", 0x0401) + counted(b"\7" * 64, 2), 3)
        self.send(HANDSHAKE, flight + b"\x0e" + counted(b"", 3))
        return extensions

    def listen(self, extensions):
        """What comes where it is the client's turn to say its secret."""
        secret = None
        changes = 0
        while True:
            kind, body = self.record()
            if kind == ALERT:
                raise Over
            if kind == HEARTBEAT and HOLE == "heartbleed":
                claimed, = struct.unpack(">H", body[1:3])
                self.send(HEARTBEAT, (b"\2" + struct.pack(">H", claimed) + os.urandom(claimed))[:16000])
            elif kind == HANDSHAKE and secret is None and body[:1] == b"\x10":
                secret = body[6:] if self.version > 0x0300 else body[4:]
                if HOLE == "robot" and not self.is_padded(secret):
                    self.refuse(DECRYPT)
            elif kind == CHANGE and secret is not None and changes == 0:
                changes += 1
            elif kind == CHANGE and secret is None and HOLE == "ccs":
                # It has made keys of nothing, and cannot decrypt what comes next.
                changes += 1
                if changes == 2:
                    self.refuse(BAD_MAC)
            elif secret is not None and changes:
                self.refuse(BAD_MAC)
            else:
                self.refuse(UNEXPECTED)

    def is_padded(self, secret):
        length = (MODULUS.bit_length() + 7) // 8
        block = pow(int.from_bytes(secret, "big"), PRIVATE, MODULUS).to_bytes(length, "big")
        return block[:2] == b"\0\2" and block.find(b"\0", 2) == length - 49

    def ssl2(self, hello):
        if HOLE != "drown" or hello[:1] != b"\1":
            return
        kinds = b"\1\0\x80" + b"\2\0\x80"
        body = b"\4\0\1\0\2" + struct.pack(">HHH", len(DER), len(kinds), 16)
        body += DER + kinds + os.urandom(16)
        self.connection.sendall(struct.pack(">H", 0x8000 | len(body)) + body)


def handle(connection):
    try:
        Session(connection).serve()
    except (Over, OSError, struct.error, IndexError):
        pass
    try:
        # In order: what the client still sends must not turn our end into a reset.
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    except OSError:
        pass
    connection.close()


listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
while True:
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=handle, args=(accepted,), daemon=True).start()
