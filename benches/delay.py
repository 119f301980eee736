"""A proxy that holds back what passes for a time, each way, and limits nothing else.

    delay.py SECONDS LISTEN_PORT SERVER_PORT

A connection pays for its handshake too: the server is dialled after three times the delay, so that its greeting is
there two round trips after the connect, as on a long line. It ends when its stdin does. Standard library only.
"""
import asyncio
import os
import socket
import sys

# Octets on the way in one direction; what is more waits at its sender.
WINDOW = 16 << 20


class End(asyncio.Protocol):
    """One side of a connection; what it hears is said by the other one, later."""

    def __init__(self, delay, loop):
        self.delay, self.loop = delay, loop
        self.other = self.transport = None
        self.held = 0
        self.early = []

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, octets):
        self.held += len(octets)
        if self.held > WINDOW:
            self.transport.pause_reading()
        self.loop.call_later(self.delay, self.pass_on, octets)

    def pass_on(self, octets):
        was_full = self.held > WINDOW
        self.held -= len(octets)
        if was_full and self.held <= WINDOW and not self.transport.is_closing():
            self.transport.resume_reading()
        if self.other is None:
            self.early.append(octets)
        elif not self.other.transport.is_closing():
            self.other.transport.write(octets)

    def eof_received(self):
        self.loop.call_later(self.delay, self.end)
        return True

    def end(self):
        if self.other and not self.other.transport.is_closing() and self.other.transport.can_write_eof():
            try:
                self.other.transport.write_eof()
            except OSError:
                # The other side has gone meanwhile.
                self.other.transport.abort()

    def connection_lost(self, _):
        if self.other:
            self.loop.call_later(self.delay, self.other.transport.close)


async def main(delay, port, server):
    loop = asyncio.get_running_loop()

    class Near(End):
        def connection_made(self, transport):
            super().connection_made(transport)
            loop.call_later(3 * delay, lambda: loop.create_task(self.dial()))

        async def dial(self):
            try:
                _, far = await loop.create_connection(lambda: End(delay, loop), "127.0.0.1", server)
            except OSError:
                return self.transport.close()
            self.other, far.other = far, self
            for octets in self.early:
                far.transport.write(octets)

    await loop.create_server(lambda: Near(delay, loop), "127.0.0.1", port)
    over = loop.create_future()
    loop.add_reader(0, lambda: os.read(0, 1) or over.done() or over.set_result(None))
    await over


asyncio.run(main(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
