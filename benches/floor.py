"""What a server and the way to it alone take: every message asked for at once, and thrown away.

    floor.py imap|pop PORT USER PASSWORD [CA_FILE]

With a file of authorities the connection is TLS. Prints how many octets came. No client that keeps what it fetches over
one connection can be faster. Standard library only.
"""
import socket
import ssl
import sys


def connect(port, authorities):
    server = socket.create_connection(("localhost", port))
    # All commands fit in: a server that answers before it reads on keeps nobody waiting.
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if authorities:
        server = ssl.create_default_context(cafile=authorities).wrap_socket(server, server_hostname="localhost")
    return server


def say(server, commands):
    server.sendall("".join(command + "\r\n" for command in commands).encode())


def main():
    protocol, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    server = connect(port, sys.argv[5] if len(sys.argv) > 5 else None)
    server.recv(1 << 16)
    if protocol == "imap":
        say(server, ("a LOGIN %s %s" % (user, password), "b EXAMINE INBOX", "c UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])", "d LOGOUT"))
    else:
        say(server, ("USER %s" % user, "PASS %s" % password, "STAT"))
        said = b""
        while said.count(b"\r\n") < 3:
            said += server.recv(1 << 16)
        count = int(said.splitlines()[2].split()[1])
        say(server, ["RETR %d" % number for number in range(1, count + 1)] + ["QUIT"])
    total, buffer = 0, bytearray(1 << 20)
    while True:
        read = server.recv_into(buffer)
        if not read:
            break
        total += read
    print(total)


if __name__ == "__main__":
    main()
