"""A mail server that is wrong in the ways that it is told, on a loopback port.

    mail_faults.py SETTINGS

SETTINGS is a JSON object; prints its port. What it speaks of TLS is OpenSSL's (Python's `ssl`),
what it says of mail is written down here:

    protocol      smtp, imap or pop3
    greeting      its first line, instead of a good one
    name          what it calls itself in its answer to EHLO
    offers        what EHLO, CAPABILITY or CAPA list, instead of a good list
    replies       a line for a command (its beginning, in capitals); "" says nothing and hangs up
    tls           implicit, starttls, or absent
    certificate, key
    other         [certificate, key] for clients that name a host
    ciphers, lowest, highest      as OpenSSL and Python have them
    curve         the only one for key exchange
    renegotiates  true: a client may ask for another handshake
    tickets       false: no session is resumed
    alpn          protocols that it knows
    strikes       true: STARTTLS is not offered, and taken all the same
    greedy        true: MAIL of any SIZE is taken
    keeps         true: commands in the clear behind STARTTLS are answered under TLS
    hasty         true: what is sent together with a command is refused
    both          true: it listens on ::1 too, on the same port
    patience      seconds for which it waits for clients that speak before its greeting
    counts        true: each session of IMAP has a UIDVALIDITY of its own
"""
import itertools
import json
import select
import socket
import ssl
import sys
import threading

SETTINGS = json.loads(sys.argv[1])
PROTOCOL = SETTINGS["protocol"]
REPLIES = SETTINGS.get("replies", {})
GREETINGS = {
    "smtp": "220 mx.example.test ESMTP",
    "imap": "* OK ready",
    "pop3": "+OK ready",
}
OFFERS = {
    "smtp": ["PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"],
    "imap": ["IMAP4rev1", "NAMESPACE", "IDLE"],
    "pop3": ["USER", "UIDL", "TOP"],
}
validities = itertools.count(1)


def tls_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if "ciphers" in SETTINGS:
        context.set_ciphers(SETTINGS["ciphers"])
    context.load_cert_chain(certificate, key)
    if "lowest" in SETTINGS:
        context.minimum_version = ssl.TLSVersion[SETTINGS["lowest"]]
    if "highest" in SETTINGS:
        context.maximum_version = ssl.TLSVersion[SETTINGS["highest"]]
    if SETTINGS.get("tickets") is False:
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    if "curve" in SETTINGS:
        context.set_ecdh_curve(SETTINGS["curve"])
    if SETTINGS.get("renegotiates"):
        context.options |= 0x100  # SSL_OP_ALLOW_CLIENT_RENEGOTIATION of OpenSSL 3
    if "alpn" in SETTINGS:
        context.set_alpn_protocols(SETTINGS["alpn"])
    return context


CONTEXT = None
if "certificate" in SETTINGS:
    CONTEXT = tls_context(SETTINGS["certificate"], SETTINGS["key"])
    if "other" in SETTINGS:
        named = tls_context(*SETTINGS["other"])

        def choose(connection, name, _):
            if name:
                connection.context = named

        CONTEXT.sni_callback = choose


class Session:
    def __init__(self, connection):
        self.connection = connection
        self.held = b""
        self.late = []
        self.is_tls = False
        self.validity = next(validities) if SETTINGS.get("counts") else 7

    def start_tls(self):
        self.connection = CONTEXT.wrap_socket(self.connection, server_side=True)
        self.is_tls = True

    def line(self):
        while b"\n" not in self.held:
            more = self.connection.recv(4096)
            if not more:
                return None
            self.held += more
        line, self.held = self.held.split(b"\n", 1)
        if SETTINGS.get("hasty") and self.held:
            ahead = self.held.count(b"\n")
            self.held = b""
            self.late = ["503 5.5.1 one command after the other"] * ahead
        return line.rstrip(b"\r").decode("latin-1")

    def say(self, *lines):
        self.connection.sendall("".join(line + "\r\n" for line in lines).encode())

    def offers(self):
        offers = list(SETTINGS.get("offers", OFFERS[PROTOCOL]))
        is_struck = SETTINGS.get("strikes")
        if SETTINGS.get("tls") == "starttls" and not self.is_tls and not is_struck:
            offers.append("STLS" if PROTOCOL == "pop3" else "STARTTLS")
        return offers

    def is_too_large(self, command):
        limits = [it.split()[1] for it in self.offers() if it.startswith("SIZE ")]
        sizes = [it[5:] for it in command.split() if it.startswith("SIZE=")]
        return bool(limits and sizes) and not SETTINGS.get("greedy") and int(sizes[0]) > int(limits[0])

    def serve(self):
        if SETTINGS.get("tls") == "implicit":
            self.start_tls()
        if "patience" in SETTINGS:
            if select.select([self.connection], [], [], SETTINGS["patience"])[0]:
                self.connection.recv(4096)
                return self.say("554 5.5.1 the server speaks first")
        self.say(SETTINGS.get("greeting", GREETINGS[PROTOCOL]))
        while (line := self.line()) is not None:
            tag = ""
            if PROTOCOL == "imap":
                tag, _, line = line.partition(" ")
            command = line.upper()
            told = next((REPLIES[key] for key in REPLIES if command.startswith(key)), None)
            if told == "":
                return
            if told is not None:
                self.say(f"{tag} {told}".strip())
            elif command in ("STARTTLS", "STLS"):
                kept = self.held if SETTINGS.get("keeps") else b""
                self.held = b""
                self.say({"smtp": "220 2.0.0 go", "imap": f"{tag} OK go", "pop3": "+OK go"}[PROTOCOL])
                self.start_tls()
                self.held = kept
            elif not getattr(self, PROTOCOL)(command, tag):
                return
            self.say(*self.late)
            self.late = []

    def smtp(self, command, _):
        if command.startswith("EHLO"):
            lines = [SETTINGS.get("name", "mx.example.test")] + self.offers()
            self.say(*("250-" + it for it in lines[:-1]), "250 " + lines[-1])
        elif command.startswith("DATA"):
            self.say("503 5.5.1 no recipients")
        elif command.startswith("MAIL") and self.is_too_large(command):
            self.say("552 5.3.4 too large")
        elif command.startswith("BDAT"):
            self.say("503 5.5.1 no transaction")
        elif command.startswith("QUIT"):
            self.say("221 2.0.0 bye")
            return False
        elif command.startswith("RCPT"):
            self.say("550 5.7.1 not here")
        elif command.startswith(("VRFY", "EXPN")):
            self.say("502 5.5.1 not told")
        else:
            self.say("250 2.0.0 ok")
        return True

    def imap(self, command, tag):
        if command == "CAPABILITY":
            self.say("* CAPABILITY " + " ".join(self.offers()), f"{tag} OK done")
        elif command == "NAMESPACE":
            self.say('* NAMESPACE (("" "/")) NIL NIL', f"{tag} OK done")
        elif command.startswith(("EXAMINE", "SELECT")):
            self.say(
                "* FLAGS (\\Seen)",
                "* 0 EXISTS",
                "* 0 RECENT",
                f"* OK [UIDVALIDITY {self.validity}] for now",
                "* OK [UIDNEXT 1] next",
                f"{tag} OK [READ-ONLY] done",
            )
        elif command == "IDLE":
            self.say("+ idling")
            self.line()
            self.say(f"{tag} OK done")
        elif command == "LOGOUT":
            self.say("* BYE", f"{tag} OK bye")
            return False
        else:
            self.say(f"{tag} OK done")
        return True

    def pop3(self, command, _):
        if command == "CAPA":
            self.say("+OK", *self.offers(), ".")
        elif command == "QUIT":
            self.say("+OK bye")
            return False
        else:
            self.say("+OK")
        return True


def handle(connection):
    session = Session(connection)
    try:
        session.serve()
        # In order: what the client still sends must not turn our end into a reset.
        session.connection.shutdown(socket.SHUT_WR)
        while session.connection.recv(4096):
            pass
    except (OSError, ssl.SSLError, ValueError):
        pass
    finally:
        session.connection.close()


def listen(listener):
    while True:
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=handle, args=(accepted,), daemon=True).start()


def listeners():
    """IPv4, and with `both` IPv6 on the same port, once it is free there too."""
    while True:
        first = socket.create_server(("127.0.0.1", 0), backlog=64)
        if not SETTINGS.get("both"):
            return [first]
        try:
            port = first.getsockname()[1]
            return [first, socket.create_server(("::1", port), family=socket.AF_INET6, backlog=64)]
        except OSError:
            first.close()


found = listeners()
print(found[0].getsockname()[1], flush=True)
for more in found[1:]:
    threading.Thread(target=listen, args=(more,), daemon=True).start()
listen(found[0])
