"""The jobs of side_by_side.py in which pillarbox is the server: how much mail it takes a second, and how soon it is ready.

The client is Postfix's smtp-source. pillarbox keeps every message and is asked for their number; smtp-sink throws them
away; aiosmtpd runs with the handler that throws them away (Sink), which is its best case.
"""
import json
import os
import select
import subprocess
import sys
import time


def jobs(Job, Server, free_ports, pillarbox, program):
    """Name -> class, made over side_by_side.py's own."""

    class Sink(Job):
        exact = True
        runs = 7
        needs = ("smtp-source",)
        peers = dict.fromkeys(("pillarbox", "smtp-sink", "aiosmtpd"))
        sessions = 1
        messages = 3000

        def prepare(self):
            self.ports, self.servers, self.taken = {}, [], 0
            for peer in self.peers:
                if peer != "pillarbox" and not program(peer):
                    continue
                port, = free_ports(1)
                self.ports[peer] = port
                if peer == "pillarbox":
                    # In a process of our own, whose line of JSON says where it can be asked.
                    self.process = subprocess.Popen([pillarbox, "serve-test", "--port", "smtp=%d" % port, "--user", "rcpt:secret"],
                                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=self.bench.environment())
                    self.control = json.loads(self.process.stdout.readline())["control"]
                elif peer == "smtp-sink":
                    user = ["-u", "nobody"] if os.getuid() == 0 else []
                    self.servers.append(Server([program(peer)] + user + ["127.0.0.1:%d" % port, "1024"], port))
                else:
                    command = [program(peer), "-n", "-l", "127.0.0.1:%d" % port, "-c", "aiosmtpd.handlers.Sink"]
                    self.servers.append(Server(command, port))

        def finish(self):
            self.process.terminate()
            self.process.wait()
            self.process.stdout.close()
            for server in self.servers:
                server.stop()

        def command(self, peer, run):
            return dict(command=[program("smtp-source"), "-s", str(self.sessions), "-m", str(self.messages), "-l", "4096",
                                 "-f", "sender@example.test", "-t", "rcpt@example.test", "127.0.0.1:%d" % self.ports[peer]])

        def check(self, peer, run, measured):
            if peer != "pillarbox":
                return ""
            ask = [pillarbox, "serve-test", "clear", "--control", self.control]
            listed = subprocess.run([pillarbox, "serve-test", "list", "--control", self.control], capture_output=True)
            count = listed.stdout.count(b"\n")
            subprocess.run(ask, check=True, capture_output=True)
            return "" if count == self.messages else "%d messages are there, not %d" % (count, self.messages)

    class Sink1(Sink):
        """3,000 messages of 4 KiB taken by the server, over 1 session"""

    class Sink10(Sink):
        """3,000 messages of 4 KiB taken by the server, over 10 sessions"""
        sessions = 10

    class Sink50(Sink):
        """3,000 messages of 4 KiB taken by the server, over 50 sessions"""
        sessions = 50

    class Ready(Job):
        """from the start of the server to its first greeting"""
        exact = True
        runs = 21
        peers = dict.fromkeys(("pillarbox", "smtp-sink", "aiosmtpd"))
        needs = ()

        def command(self, peer, run):
            port, = free_ports(1)
            if peer == "pillarbox":
                server = [pillarbox, "serve-test", "--port", "smtp=%d" % port]
            elif peer == "smtp-sink":
                user = ["-u", "nobody"] if os.getuid() == 0 else []
                server = [program(peer)] + user + ["127.0.0.1:%d" % port, "16"]
            else:
                server = [program(peer), "-n", "-l", "127.0.0.1:%d" % port, "-c", "aiosmtpd.handlers.Sink"]
            return dict(command=[sys.executable, "-S", os.path.abspath(__file__), str(port)] + server)

        def check(self, peer, run, measured):
            return "" if measured.output.startswith("ready ") else "not ready"

        def value(self, measured):
            # Without what this interpreter needs to start.
            return float(measured.output.split()[1])

    return {"sink-1": Sink1, "sink-10": Sink10, "sink-50": Sink50, "serve-ready": Ready}


def ready(port, command):
    """Starts a server, and prints the milliseconds until it greets."""
    import socket
    start = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as client:
                select.select([client], [], [], 10)
                assert client.recv(4).startswith(b"220")
            break
        except ConnectionRefusedError:
            time.sleep(0.0002)
            assert process.poll() is None, "it ended"
    print("ready %.2f ms" % ((time.perf_counter() - start) * 1000))
    process.terminate()
    process.wait()


if __name__ == "__main__":
    ready(int(sys.argv[1]), sys.argv[2:])
