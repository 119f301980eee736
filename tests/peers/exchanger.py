"""A mail exchanger for tests of direct delivery, on a loopback port.

    exchanger.py BEHAVIOUR [CERTIFICATE KEY]

Prints its port, then a line for each message that it took: its recipients and whether it came
by TLS. BEHAVIOUR is a list with commas: `greylist` answers 450 to every RCPT, `refuse` 550,
`busy` greets with 421, `gone` greets with 554, `nocert` offers STARTTLS and ends the handshake
without a certificate, `shutN` answers 421 to the MAIL behind the Nth message of a session, `lostN`
ends the connection behind the final dot of the Nth message of all. Several lists with `|` between
are served at 127.0.0.2, 127.0.0.3 and so on, on one port; `took` says at which. With a certificate it offers STARTTLS (smtplib's and aiosmtpd's peer, on
plain sockets, so that nothing needs to be installed).
"""
import socket
import ssl
import sys
import threading

behaviours = [set(each.split(",")) for each in sys.argv[1].split("|")]
identity = sys.argv[2:]
context = None
if identity:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*identity)
elif any("nocert" in behaviour for behaviour in behaviours):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def number(behaviour, word):
    found = [it[len(word):] for it in behaviour if it.startswith(word)]
    return int(found[0]) if found else None


messages = 0

# One session at a time: print writes a line and its end apart.
telling = threading.Lock()


def tell(*words):
    with telling:
        print(*words, flush=True)


def serve(connection, behaviour):
    global messages
    tell("open")
    stream = connection.makefile("rb")

    def say(text):
        connection.sendall(text.encode() + b"\r\n")

    if "busy" in behaviour:
        return say("421 4.3.2 too busy")
    if "gone" in behaviour:
        return say("554 5.3.2 no mail here")
    say("220 exchanger ESMTP")
    recipients, is_tls, server_name, in_session = [], False, "-", 0
    while True:
        line = stream.readline()
        if not line:
            return
        command = line.strip().upper()
        if command.startswith(b"EHLO"):
            offers = ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"]
            if context and not is_tls:
                offers.append("STARTTLS")
            say("\r\n".join(["250-exchanger"] + ["250-" + it for it in offers[:-1]] + ["250 " + offers[-1]]))
        elif command == b"STARTTLS":
            say("220 go")
            names = []
            context.sni_callback = lambda _, name, __: names.append(name)
            connection = context.wrap_socket(connection, server_side=True)
            server_name = (names or ["-"])[0] or "-"
            stream, is_tls = connection.makefile("rb"), True
        elif command.startswith(b"MAIL"):
            if in_session == number(behaviour, "shut"):
                return say("421 4.3.2 enough")
            recipients = []
            say("250 2.1.0 ok")
        elif command.startswith(b"RCPT"):
            if "greylist" in behaviour:
                say("450 4.7.1 greylisted")
            elif "refuse" in behaviour:
                say("550 5.1.1 no such user")
            else:
                recipients.append(line.split(b"<")[1].split(b">")[0].decode())
                say("250 2.1.5 ok")
        elif command == b"DATA":
            if not recipients:
                say("554 5.5.1 no recipients")
                continue
            say("354 go on")
            while stream.readline() not in (b".\r\n", b""):
                pass
            messages += 1
            in_session += 1
            at = [connection.getsockname()[0]] if len(behaviours) > 1 else []
            tell("took", ",".join(recipients), "tls" if is_tls else "clear", server_name, *at)
            if messages == number(behaviour, "lost"):
                return
            say("250 2.0.0 ok")
        elif command == b"QUIT":
            return say("221 2.0.0 bye")
        else:
            say("250 2.0.0 ok")


def handle(connection, behaviour):
    try:
        serve(connection, behaviour)
    except (OSError, ssl.SSLError):
        pass
    finally:
        connection.close()


def listen():
    """A socket for each behaviour, all on one port."""
    if len(behaviours) == 1:
        return [socket.create_server(("127.0.0.1", 0))]
    while True:
        listeners = [socket.create_server(("127.0.0.2", 0))]
        port = listeners[0].getsockname()[1]
        try:
            for at in range(1, len(behaviours)):
                listeners.append(socket.create_server((f"127.0.0.{at + 2}", port)))
            return listeners
        except OSError:
            # Somebody has that port there: another one.
            for listener in listeners:
                listener.close()


def accept(listener, behaviour):
    while True:
        accepted, _ = listener.accept()
        threading.Thread(target=handle, args=(accepted, behaviour), daemon=True).start()


listeners = listen()
print(listeners[0].getsockname()[1], flush=True)
threads = [
    threading.Thread(target=accept, args=it, daemon=True) for it in zip(listeners, behaviours)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
