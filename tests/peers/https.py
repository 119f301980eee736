"""Serves a folder by HTTP, with TLS where a certificate is given, on a loopback port.

    https.py FOLDER [CERTIFICATE KEY]

Prints its port. Besides the files (without suffix: text/plain): /chunked?N answers in N chunks,
/moved redirects to what stands behind the question mark, /status?N answers N, /slow never ends
its answer, and a POST anywhere answers with what was posted, its header in front (N at
/status?N). With the file `by-host` in the folder, paths are below the name that the request has for its
host, and a POST is answered with the file there; one with the word `login` in its first line asks for a
login. There, a host with a file `status`, such as `503` or `301 https://elsewhere.test/`, answers that always.
"""
import os
import socket
import ssl
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = {"": "text/plain", ".json": "application/json", ".xml": "text/xml"}

    def log_message(self, *_):
        pass

    def translate_path(self, path):
        if os.path.exists(os.path.join(self.directory, "by-host")):
            path = "/" + self.headers.get("Host", "").split(":")[0] + path
        return super().translate_path(path)

    def answer(self, status, body, fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.always():
            return
        path, _, query = self.path.partition("?")
        if path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number in range(int(query)):
                chunk = b"chunk %d\n" % number
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/moved":
            self.answer(302, b"", [("Location", query)])
        elif path == "/status":
            self.answer(int(query), b"as asked\n")
        elif path == "/slow":
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"x")
            self.wfile.flush()
            self.rfile.read(1)
        else:
            super().do_GET()

    def always(self):
        """Gives the answer that its host has for everything; whether it has one."""
        told = os.path.join(self.directory, self.headers.get("Host", "").partition(":")[0], "status")
        if not os.path.exists(os.path.join(self.directory, "by-host")) or not os.path.isfile(told):
            return False
        with open(told) as file:
            status, *where = file.read().split()
        self.answer(int(status), b"as ever\n", [("Location", place) for place in where])
        return True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.always():
            return None
        if os.path.exists(os.path.join(self.directory, "by-host")):
            path = self.translate_path(self.path)
            if not os.path.isfile(path):
                return self.answer(404, b"nothing here\n")
            with open(path, "rb") as file:
                found = file.read()
            if b"login" in found.split(b"\n")[0]:
                return self.answer(401, b"", [("WWW-Authenticate", 'Basic realm="x"')])
            return self.answer(200, found, [("Content-Type", self.guess_type(path))])
        path, _, query = self.path.partition("?")
        status = int(query) if path == "/status" else 200
        self.answer(status, bytes(self.headers) + body, [("Content-Type", "application/octet-stream")])


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # Clients that hang up are what some tests are about.


folder, *identity = sys.argv[1:]
server = Server(("127.0.0.1", 0), lambda *rest: Handler(*rest, directory=folder))
if identity:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*identity)
    # The handshake belongs to the thread of its connection, not to the accepting one.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
