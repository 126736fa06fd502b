# SPDX-License-Identifier: MIT
"""Peers of unlike habits, of which each has an address of its own.

So the log names them apart, though most of them come and go.
"""
import itertools
import socket
import threading

import accounting
import harness
import proxies

ADDRESSES = itertools.count(1)
NAMES = itertools.count()


def address(network):
    """An address of this host that no other peer has: 127.NETWORK.x.y."""
    number = next(ADDRESSES)
    return f"127.{network}.{number // 250}.{number % 250 + 1}"


def name():
    """A name of three letters that no other sender has."""
    number = next(NAMES)
    return "".join(chr(97 + number // 26 ** i % 26) for i in range(3))


def connect(port, network=1):
    connection = socket.create_connection(
        ("127.0.0.1", port), harness.PATIENCE,
        source_address=(address(network), 0))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection, {}


def connect_proxied(port, pieces):
    """The same behind a PROXY header in that many pieces."""
    connection, _ = connect(port)
    told = address(2), connection.getsockname()[1]
    header = (proxies.v1, proxies.v2)[told[1] % 2](*told)
    size = -(-len(header) // pieces)
    for at in range(0, len(header), size):
        connection.sendall(header[at:at + size])
    return connection, {"peer": "%s:%d" % told, "before": len(header)}


def datagram_socket(port, network=1):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((address(network), 0))
    sender.connect(("127.0.0.1", port))
    return sender


class Drips(accounting.Stream):
    """One byte a write."""

    def send_some(self):
        frame = self.frame(self.number)
        self.number += 1
        for at in range(len(frame)):
            self.connection.sendall(frame[at:at + 1])
            self.sent += 1


HABITS = {
    "drips": (Drips, {"spread": 20, "rate": 10}),
    "many": (accounting.Stream, {"burst": 50, "rate": 150}),
    "halves": (accounting.Halves, {"burst": 3, "rate": 60}),
    "big": (accounting.Halves, {"burst": 2, "spread": 4000, "rate": 20}),
}


class Visit(accounting.Stream):
    """A short connection; `ended` is whether it saw its end in order."""

    def leave(self, how):
        if not self.cut_off:
            try:
                self.end(how)
            except TimeoutError:
                raise
            except OSError:  # it is reset
                self.cut_off = True
        self.settle()

    def end(self, how):
        if how in ("wait", "half"):
            self.connection.shutdown(socket.SHUT_WR)
        if how == "wait":
            self.ended = self.connection.recv(1) == b""
        if how in ("reset", "half"):
            harness.set_reset(self.connection)


class Visitors(threading.Thread):
    """Short connections, one after another; connect() makes each."""

    def __init__(self, connect_one, framing, max_record, random,
                 ways=("wait", "reset", "half", "close")):
        super().__init__(daemon=True)
        self.connect = connect_one
        self.framing, self.max_record = framing, max_record
        self.random, self.ways = random, ways
        self.number = 0  # visits begun
        self.visits = []
        self.stopping = threading.Event()
        self.error = None

    def run(self):
        try:
            while not self.stopping.wait(self.random.uniform(0.02, 0.2)):
                self.visit()
        except BaseException as error:  # for the thread that ends it
            self.error = error

    def visit(self):
        self.number += 1
        try:
            connection, options = self.connect()
        except (ConnectionResetError, BrokenPipeError):
            return  # already
        visit = Visit(connection, name(), framing=self.framing, burst=1,
                      limit=self.random.randint(1, 6),
                      rate=self.random.choice((None, 20)), **options)
        visit.max_record = self.max_record
        self.visits.append(visit)
        visit.run()
        visit.leave(self.random.choice(self.ways))

    def wait_for(self, count):
        """Wait until so many more have begun."""
        wanted = self.number + count
        harness.wait_for(lambda: self.number >= wanted or self.error,
                         f"{count} more visits")

    def finish(self):
        self.stopping.set()
        self.join(harness.PATIENCE)
        if self.error or self.is_alive():
            raise AssertionError("visitors are stuck") from self.error
