# SPDX-License-Identifier: MIT
"""Streams of TLS that were changed on the way, beside good ones: nothing but
what was sent becomes data, a receipt is true, and good senders go on.

PORTLOG_TURNS=30 tests for some minutes.  PORTLOG_SEED is the number of the
first stream; all changes come from that, though the keys are new each time.
"""
import contextlib
import itertools
import os
import random
import socket
import ssl
import threading
import time

import certificates
import harness
import tls_peers
from harness import TURNS, configured, wait_for
from tls_peers import RECEIPT, V12, V13, Client, connect

STREAMS = 300 * TURNS
SENDERS = 4
GOOD_LINES = 30
FIRST = int(os.environ.get("PORTLOG_SEED", time.time_ns() % 10**9))
MADE = {}

# Headers of records with a type, version or length that is none, and messages
# that have no place: alerts, heartbeats, changes of cipher, empty records.
STRANGE = (b"\x15\3\3\0\2\1\0", b"\x15\3\3\0\2\1\x5a", b"\x15\3\3\0\2\2\x28",
           b"\x14\3\3\0\1\1", b"\x14\3\3\0\1\2", b"\x14\3\3\0\2\1\1",
           b"\x18\3\3\0\3\1\xff\xff", b"\x16\3\3\0\0", b"\x17\3\3\0\0",
           b"\x16\3\3\0\4\0\0\0\0", b"\x16\3\3\0\5\x18\0\0\1\1",
           b"\x17\3\3\xff\xff", b"\x16\3\3\x40\1", b"\x80\x2e\1\3\1\0\x15",
           b"\x16\3\3\0\4\1\xff\xff\xff", b"\0", b"\xff" * 40)


def setUpModule():
    authority = certificates.of_module()
    MADE.update(authority=authority.chain,
                server=authority.issue("server", names=("DNS:localhost",)),
                sender=authority.issue("sender"))


def records(wire):
    """The records of TLS in these bytes, the last of which may be a part."""
    while wire:
        size = 5 + int.from_bytes(wire[3:5], "big")
        yield wire[:size]
        wire = wire[size:]


def flip(chance, wire):
    changed = bytearray(wire)
    for _ in range(chance.choice((1, 1, 2, 8))):
        changed[chance.randrange(len(wire))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def overwrite(chance, wire):
    """With what may be the edge of a length."""
    changed = bytearray(wire)
    at = chance.randrange(len(wire))
    edge = chance.choice((b"\0", b"\xff", b"\0\0", b"\xff\xff", b"\x7f\xff",
                          b"\x40\1", b"\1"))
    changed[at:at + len(edge)] = edge
    return bytes(changed[:len(wire)])


def cut(chance, wire):
    first, last = sorted(chance.randrange(len(wire) + 1) for _ in range(2))
    return wire[:first] + wire[last:]


def repeat(chance, wire):
    first, last = sorted(chance.randrange(len(wire) + 1) for _ in range(2))
    return wire[:last] + wire[first:]


def insert(chance, wire):
    at = chance.randrange(len(wire) + 1)
    return wire[:at] + chance.choice(STRANGE) + wire[at:]


def between(chance, wire):
    parts = list(records(wire))
    parts.insert(chance.randrange(len(parts) + 1),
                 chance.choice(STRANGE) * chance.choice((1, 1, 3, 100)))
    return b"".join(parts)


def shuffle(chance, wire):
    parts = list(records(wire))
    chance.shuffle(parts)
    return b"".join(parts)


def break_up(chance, wire):
    """Each record into several, which is right before it is encrypted."""
    size = chance.choice((1, 1, 7, 100))
    return b"".join(
        part[:3] + len(piece).to_bytes(2, "big") + piece
        for part in records(wire) for piece in (
            part[i:i + size] for i in range(5, len(part), size)))


CHANGES = (flip, flip, overwrite, overwrite, cut, repeat, insert, between,
           between, shuffle, break_up)


class Stream:
    """One that is changed, in ways that come from its number."""

    def __init__(self, daemon, number):
        self.chance = random.Random(number)
        self.number = number
        self.changes = []
        self.lines = []
        self.has_receipt = False
        self.socket = connect(daemon)
        self.socket.settimeout(harness.PATIENCE)
        self.client = Client(
            self.socket, self.chance.choice((None, V12, V13)),
            self.chance.choice((None, MADE["sender"])), handshake=False)
        # Which of its flights is changed; none of some.
        self.bad = self.chance.choice((0, 0, 0, 1, 1, 2, 2, 3, 4, 9))
        self.flight = itertools.count()

    def send(self, wire):
        if not wire:
            return
        if next(self.flight) == self.bad:
            for _ in range(self.chance.choice((1, 1, 2, 4))):
                change = self.chance.choice(CHANGES)
                wire = change(self.chance, wire) or b"\0"
                self.changes.append(change.__name__)
        size = self.chance.choice((len(wire), len(wire), 1 + len(wire) // 3,
                                   1 + len(wire) // 50))
        for at in range(0, len(wire), size):
            self.socket.sendall(wire[at:at + size])

    def shake_hands(self):
        while not self.client.step():
            self.send(self.client.wire())
            # A change may have it wait for more, and we for an answer.
            self.socket.settimeout(0.2 if self.changes else harness.PATIENCE)
            self.client.feed()
        self.send(self.client.wire())

    def talk(self):
        for turn in range(self.chance.choice((1, 1, 3))):
            lines = [f"s{self.number}.{turn}.{i}.{'y' * size}." for i, size in
                     enumerate(self.chance.choices((1, 100, 9000),
                                                   (20, 20, 1), k=3))]
            self.lines += lines
            self.send(self.client.encrypt("".join(
                line + "\n" for line in lines).encode()))

    def end(self):
        kind = self.chance.choice(("close", "close", "FIN", "reset"))
        if kind == "reset":
            harness.reset(self.socket)
            return
        if kind == "close":
            self.send(self.client.say_close())
            self.socket.shutdown(socket.SHUT_WR)
            self.has_receipt = self.client.verdict() == RECEIPT
            return
        self.socket.shutdown(socket.SHUT_WR)
        harness.end_of(self.socket)

    def run(self):
        with contextlib.suppress(OSError, ssl.SSLError):
            self.shake_hands()
            self.talk()
            self.end()
        self.socket.close()
        return self


class Mutated(harness.Case):

    def good(self, daemon, stopping, done, failed):
        """Send streams that nobody changes, each with its receipt."""
        for turn in itertools.count():
            if stopping.is_set():
                return
            try:
                client = Client(connect(daemon))
                lines = [f"g{turn}.{i}." for i in range(GOOD_LINES)]
                client.send("".join(line + "\n" for line in lines).encode())
                if client.close() != RECEIPT:
                    failed.append(turn)
                client.socket.close()
                done.extend(lines)
            except OSError as error:
                failed.append(f"{turn}: {error}")

    def many(self, daemon, numbers, sent):
        for number in numbers:
            sent.append(Stream(daemon, number).run())

    def test_nothing_but_what_was_sent_and_each_receipt_is_true(self):
        daemon = self.daemon(config=configured(tls_peers.listener(
            MADE["server"], "admission_timeout = 3; idle_timeout = 5;",
            'clients = "optional"; authorities = "' + MADE["authority"] +
            '";'), limits="flush_timeout = 0;"))
        stopping, done, failed, sent = threading.Event(), [], [], []
        good = threading.Thread(target=self.good, args=(
            daemon, stopping, done, failed))
        bad = [threading.Thread(target=self.many, args=(
            daemon, range(FIRST + k, FIRST + STREAMS, SENDERS), sent))
            for k in range(SENDERS)]
        for thread in (good, *bad):
            thread.start()
        for thread in bad:
            thread.join()
        stopping.set()
        good.join()
        self.assertEqual(failed, [])
        self.assertEqual(len(sent), STREAMS)
        name = daemon.listening[0][0]
        wait_for(lambda: daemon.counters()[name]["connections"] == 0)
        self.assertEqual(daemon.stop(), 0)
        self.judge(daemon.data(), done, sent)

    def judge(self, written, done, sent):
        whole = set(written)
        self.assertEqual(set(done) - whole, set())
        possible = set(done)
        receipts = 0
        for stream in sent:
            possible.update(stream.lines)
            if stream.has_receipt:
                receipts += 1
                self.assertEqual(set(stream.lines) - whole, set(),
                                 (stream.number, stream.changes))
        # A stream may be cut inside a line.
        for line in whole - possible:
            self.assertTrue(any(of.startswith(line) for stream in sent
                                for of in stream.lines), line)
        self.assertGreater(receipts, STREAMS / 20)
        self.assertLess(receipts, STREAMS / 2)
        self.assertGreater(len(done), GOOD_LINES)


if __name__ == "__main__":
    harness.main()
