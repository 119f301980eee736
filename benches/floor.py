"""What a server and the way to it alone take: every message asked for in one command, and thrown away.

    floor.py PORT USER PASSWORD [CA_FILE]

With a file of authorities the connection is TLS. Prints how many octets came. No client that keeps what it fetches over
one connection can be faster. Standard library only.
"""
import socket
import ssl
import sys


def main():
    port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    server = socket.create_connection(("localhost", port))
    if len(sys.argv) > 4:
        server = ssl.create_default_context(cafile=sys.argv[4]).wrap_socket(server, server_hostname="localhost")
    server.recv(1 << 16)
    commands = ("a LOGIN %s %s" % (user, password), "b EXAMINE INBOX", "c UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])", "d LOGOUT")
    server.sendall("".join(command + "\r\n" for command in commands).encode())
    total, buffer = 0, bytearray(1 << 20)
    while True:
        read = server.recv_into(buffer)
        if not read:
            break
        total += read
    print(total)


if __name__ == "__main__":
    main()
