# SPDX-License-Identifier: MIT
"""Accounting: what was sent = what is logged + what is noted as lost.

Senders number their records, and all bytes of a record follow from its sender
and its number.  So a log can be checked without a copy of what was sent: each
record of a peer is there once, whole and in order.  Of a stream, all bytes
that the daemon's kernel has acknowledged are there.  Of datagrams, all are
there but those noted as lost, and the note is where they are missing.
"""
import contextlib
import errno
import json
import re
import socket
import struct
import threading
import time
import zlib
from base64 import b64decode

import harness

# All that is nasty but CR, LF and NUL, which end records.
NASTY = bytes(range(1, 10)) + b"\\\x1b[31m\x7f\x80\xff" + (
    "plain text, as most of it is; é€\u202e\u2028\ufeff😀 ".encode() * 3)
FILLER = NASTY * 1200
NUMBERED = re.compile(rb"([a-z]+)\.(\d+)\.(.*)\Z", re.S)



class Framing:
    """How a stream carries records: a head before each, or an end behind it.

    settings are those of a listener; ends are the ends that it takes, of which
    ours is the first.
    """

    def __init__(self, settings="", ends=(b"",), head=lambda data: b""):
        self.settings, self.ends, self.head = settings, ends, head

    def frame(self, data):
        return self.head(data) + data + self.ends[0]


def length(size, order="big"):
    return Framing(f'framing = "length"; length_bytes = {size}; '
                   f'length_order = "{order}";',
                   head=lambda data: len(data).to_bytes(size, order))


LF = Framing('framing = "lf";', (b"\n",))
LINE = Framing('framing = "line";', (b"\r\n", b"\n"))
NUL = Framing('framing = "nul";', (b"\0",))
MLLP = Framing(r'framing = "delimiter"; delimiter = "\x1c\r";', (b"\x1c\r",))
COUNTED = Framing('framing = "octet-counted";',
                  head=lambda data: b"%d " % len(data))
LENGTH = length(2)
CHUNK = Framing('framing = "chunk";')
TCPI_BYTES_ACKED = 120


def record(name, number, spread):
    """The record with this number: 0 to spread - 1 bytes after its name."""
    seed = zlib.crc32(b"%s.%d" % (name, number))
    start = seed % len(NASTY)
    return b"%s.%d.%s" % (name, number,
                          FILLER[start:start + (seed >> 8) % spread])


class Sender(threading.Thread):
    """Sends numbered records until it is stopped or cut off.

    peer is its name in the log, if that is not its address.
    """

    max_record = 65536

    def __init__(self, connection, name, spread=100, rate=None, limit=None,
                 peer=None):
        super().__init__(daemon=True)
        self.connection = connection
        self.sender = name.encode()
        self.peer = peer or harness.name_of(connection)
        self.spread = spread
        self.rate = rate  # records a second; None: as fast as it goes
        self.limit = limit
        self.number = 0  # records begun
        self.sent = 0  # what the kernel has taken: bytes, or datagrams
        self.stopping = threading.Event()
        self.cut_off = False
        self.begin = 0.0

    def run(self):
        self.begin = time.monotonic()
        try:
            while not self.stopping.is_set() and self.number != self.limit:
                self.send_some()
                ahead = (self.number / self.rate if self.rate else 0) - (
                    time.monotonic() - self.begin)
                if ahead > 0.001:
                    self.stopping.wait(ahead)
        except OSError:
            self.cut_off = True

    def wait_for(self, count):
        """Wait until it has begun so many more records."""
        wanted = self.number + count
        harness.wait_for(lambda: self.number >= wanted or self.cut_off,
                         f"{self.sender} to send {count} more")

    def halt(self):
        """Stop sending, and wait for the thread; it must not be stuck."""
        self.stopping.set()
        self.join(harness.PATIENCE)
        if self.is_alive():
            raise AssertionError(f"{self.sender} is stuck")


class Stream(Sender):
    """A peer.  `sent` and `acked` count bytes: sent, acknowledged.

    before are bytes that it has sent already, which are no record's.
    """

    def __init__(self, *arguments, framing=LF, burst=10, before=0, **options):
        super().__init__(*arguments, **options)
        self.before = before
        self.framing = framing
        self.burst = burst
        self.acked = 0
        self.ended = False

    def frame(self, number):
        return self.framing.frame(record(self.sender, number, self.spread))

    def send_some(self):
        data = b"".join(self.frame(self.number + i) for i in range(self.burst))
        self.number += self.burst
        while data:
            count = self.connection.send(data)
            self.sent += count
            data = data[count:]

    def finish(self):
        """End the stream in order, and wait for the daemon to do so too."""
        self.halt()
        if not self.cut_off:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.recv(1)  # b"": the end; of a reset it raises
            self.ended = True
        self.settle()

    def settle(self):
        """Read how much was acknowledged, and close."""
        if self.connection.fileno() < 0:
            return
        if self.connection.family == socket.AF_UNIX:  # sent is taken
            self.acked = self.sent
            self.connection.close()
            return
        info = self.connection.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, TCPI_BYTES_ACKED + 8)
        # The SYN counts as a byte, and so may a FIN.
        self.acked = min(self.sent, struct.unpack_from(
            "Q", info, TCPI_BYTES_ACKED)[0] - 1 - self.before)
        self.connection.close()

    def abandon(self):
        """Wake the thread wherever it waits, and stop it."""
        self.stopping.set()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.halt()
        self.settle()


class Halves(Stream):
    """A stream whose last record was always sent only by half."""

    rest = b""

    def send_some(self):
        frames = [self.frame(self.number + i) for i in range(self.burst)]
        data = self.rest + b"".join(frames)
        cut = len(data) - len(frames[-1]) // 2
        self.number += self.burst
        self.rest = data[cut:]
        self.connection.sendall(data[:cut])
        self.sent += cut

    def finish(self):
        self.halt()
        self.connection.sendall(self.rest)
        self.sent += len(self.rest)
        super().finish()


class Datagrams(Sender):
    """A UDP peer.  `sent` counts datagrams that no ICMP error refused.

    framing is that of the listener: each "line" of a datagram has a name of
    its own, "exact" keeps the end, and "datagram" drops it.
    """

    def __init__(self, *arguments, listener, framing="datagram", **options):
        super().__init__(*arguments, **options)
        self.listener = listener
        self.framing = framing
        self.lines = 3 if framing == "line" else 1
        self.end = b"\n" if framing == "exact" else b""

    def datagram(self, number):
        if self.lines == 1:
            return record(self.sender, number, self.spread) + self.end
        return b"\n".join(record(self.sender + b"%c" % (97 + line), number,
                                 self.spread) for line in range(self.lines))

    def place_of(self, tag, data):
        """(number, line) of a record in the log; None: it was never sent."""
        match = NUMBERED.match(data)
        line = match[1][-1] - 97 if match and self.lines > 1 else 0
        if not match or int(match[2]) >= self.number or line >= self.lines:
            return None
        number = int(match[2])
        sent = self.datagram(number)
        if self.lines > 1:
            sent = sent.split(b"\n")[line]
        if len(sent) > self.max_record:  # it is cut before a character
            is_whole = tag == "T" and sent.startswith(data) and (
                0 <= self.max_record - len(data) < 4)
        else:
            is_whole = tag == "F" and sent == data
        return (number, line) if is_whole else None

    def send_some(self):
        try:
            self.connection.send(self.datagram(self.number))
        except ConnectionRefusedError:
            # The error is the last datagram's; this one was not sent.
            self.sent -= 1
            raise
        self.number += 1
        self.sent += 1

    def finish(self):
        self.halt()
        if self.connection.fileno() >= 0:
            # No send followed that would raise the last one's refusal.
            self.sent -= self.connection.getsockopt(
                socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
            self.connection.close()

    abandon = finish


class Entry:
    """One line of a log: a note, or data of a peer."""

    def __init__(self, listener, peer, tag, data):
        self.listener, self.peer, self.tag, self.data = (
            listener, peer, tag, data)

    def __repr__(self):
        return f"{self.listener} {self.peer} {self.tag} {self.data[:80]!r}"


def from_text(line):
    r = harness.Record(line.decode("utf-8"))
    return Entry(r.listener, r.peer, r.tag, r.data if r.tag == "*"
                 else harness.unescape(r.data))


def from_json(line):
    o = json.loads(line.decode("utf-8"))
    host = o.get("peer", "-")
    peer = host if host.startswith("unix:") else (
        f"[{host}]:{o.get('port')}" if ":" in host else
        f"{host}:{o.get('port')}")
    if "event" in o:
        ours = ("time", "listener", "protocol", "peer", "port", "by",
                "run", "connection", "event")
        return Entry(o["listener"], peer, "*", " ".join(
            [o["event"]] + [f"{k}={v}" for k, v in o.items()
                            if k not in ours]))
    data = o["data"].encode() if "data" in o else b64decode(o["data_base64"])
    return Entry(o["listener"], peer, o["tag"], data)


def entries_of(content, parse=from_text):
    """The lines of a log as entries; all must be whole."""
    if content and not content.endswith(b"\n"):
        raise AssertionError(f"a torn last line: {content[-200:]!r}")
    return [parse(line) for line in content.split(b"\n")[:-1]]


def joined(entries):
    """Join pieces: for each peer a list of (tag, data), in order."""
    records, open_ = {}, {}
    for e in entries:
        if e.tag == "*":
            continue
        data = open_.pop(e.peer, b"") + e.data
        if e.tag == "P":
            open_[e.peer] = data
        else:
            records.setdefault(e.peer, []).append((e.tag, data))
    if open_:
        raise AssertionError(f"pieces without an end: {open_!r}")
    return records


def number_of(sender, data):
    """The number of a record; it must be the one that the sender sent."""
    match = NUMBERED.match(data)
    if not match or match[1] != sender.sender:
        raise AssertionError(f"{sender.sender} never sent {data[:200]!r}")
    number = int(match[2])
    if data != record(sender.sender, number, sender.spread):
        raise AssertionError(f"not as it was sent: {data[:200]!r}")
    return number


def check_stream(stream, records, notes):
    """All records are there once and in order, and all acknowledged bytes."""
    logged, number = 0, 0
    for tag, data in records:
        frame = stream.frame(number)
        if tag == "F":
            if number_of(stream, data) != number:
                raise AssertionError(f"{stream.sender}: {data[:80]!r} in "
                                     f"place of number {number}")
            logged += len(frame)
            number += 1
        elif stream.framing == COUNTED and data.isdigit() and (
                frame.startswith(data)):
            logged += len(data)  # the stream ended within a count
        elif not record(stream.sender, number, stream.spread
                        ).startswith(data):
            raise AssertionError(f"{stream.sender}: an end that was not "
                                 f"sent: {data[:200]!r}")
        else:
            logged += len(data)
            if stream.framing == COUNTED:
                logged += frame.index(b" ") + 1
    # If no byte came after a count, the count is in no record.
    slack = 7 if stream.framing == COUNTED else 0
    if not stream.acked - slack <= logged <= stream.sent:
        raise AssertionError(f"{stream.sender}: {logged} bytes in the log, "
                             f"{stream.acked} acknowledged, {stream.sent} "
                             "sent")
    if stream.ended and logged != stream.sent:
        raise AssertionError(f"{stream.sender}: {logged} of {stream.sent} "
                             "bytes, and yet it was closed in order")
    closed = [n for n in notes if n.startswith("closed ")]
    if closed and not 0 <= int(
            re.search(r" bytes=(\d+)", closed[-1])[1]) - logged <= slack:
        raise AssertionError(f"{stream.sender}: {logged} bytes in the log, "
                             f"but {closed[-1]}")


def lost_in(note):
    match = re.match(r"lost datagrams=(\d+)\Z", note)
    return int(match[1]) if match else 0


def check_gaps(sender, entries):
    """With one sender only, each gap in its numbers has a note there."""
    expected, noted = 0, 0
    for e in entries:
        if e.tag == "*":
            noted += lost_in(e.data)
            continue
        number = number_of(sender, e.data)
        if number - expected != noted:
            raise AssertionError(f"{sender.sender}: {noted} noted as lost "
                                 f"between {expected - 1} and {number}")
        expected, noted = number + 1, 0
    if expected + noted != sender.sent:
        raise AssertionError(f"{sender.sender}: {sender.sent} sent, the last "
                             f"is {expected - 1}, and {noted} noted after it")


def check_datagrams(listener, senders, entries):
    """Sent = logged + noted as lost; each once and in order."""
    lost = sum(lost_in(e.data) for e in entries if e.tag == "*")
    records = joined(entries)
    for sender in senders:
        numbers = [number_of(sender, data)
                   for _, data in records.get(sender.peer, [])]
        if numbers != sorted(set(numbers)):
            raise AssertionError(f"{sender.sender}: out of order or twice")
    logged = sum(len(r) for r in records.values())
    sent = sum(s.sent for s in senders)
    if sent != logged + lost:
        raise AssertionError(f"{listener}: {sent} sent, {logged} in the log "
                             f"and {lost} noted as lost")
    if len(senders) == 1 and all(e.tag in "F*" for e in entries):
        check_gaps(senders[0], entries)
    return lost


def check(content, streams=(), datagrams=(), parse=from_text):
    """Check a log; returns how many datagrams it notes as lost.

    content is that of all its files, one after another.  The senders are all
    peers of one daemon: a record of any other peer is an error.
    """
    entries = entries_of(content, parse)
    known = {s.peer for s in (*streams, *datagrams)}
    for e in entries:
        if e.tag != "*" and e.peer not in known:
            raise AssertionError(f"of a peer that is no sender: {e!r}")
    of_streams = joined(e for e in entries
                        if e.peer in {s.peer for s in streams})
    for s in streams:
        check_stream(s, of_streams.get(s.peer, []),
                     [e.data for e in entries
                      if e.tag == "*" and e.peer == s.peer])
    return sum(check_datagrams(
        listener, [d for d in datagrams if d.listener == listener],
        [e for e in entries if e.listener == listener])
        for listener in {d.listener for d in datagrams})


def check_killed(stream, entries, kills):
    """In order, none twice; no more bytes are missing than are noted as lost.

    entries are all that the log has of this stream.  kills is how many of the
    processes that served it were killed.
    """
    numbers, damaged, noted = [], 0, 0
    for e in entries:
        if e.tag == "*":
            match = re.match(r"lost bytes=(\d+)", e.data)
            noted += int(match[1]) if match else 0
            continue
        match = NUMBERED.match(e.data)
        if match and e.data == record(stream.sender, int(match[2]),
                                      stream.spread):
            numbers.append(int(match[2]))
        else:
            damaged += len(e.data)
    if numbers != sorted(set(numbers)):
        raise AssertionError(f"{stream.sender}: out of order or twice")
    missing = sum(len(stream.frame(n)) for n in
                  set(range(stream.number)) - set(numbers))
    # Of a damaged record a part is there, without its framing.
    if missing - damaged > noted + 5 * kills or noted > kills * 65536:
        raise AssertionError(f"{stream.sender}: {noted} bytes noted as lost, "
                             f"{missing} missing, {damaged} of them there")


def check_killed_datagrams(sender, entries, kills):
    """The same for the only sender to a UDP socket."""
    noted = sum(lost_in(e.data) for e in entries if e.tag == "*")
    numbers = [number_of(sender, e.data) for e in entries
               if e.peer == sender.peer]
    if numbers != sorted(set(numbers)):
        raise AssertionError(f"{sender.sender}: out of order or twice")
    # At a kill, up to 64 datagrams were being written, and may be noted as
    # lost though they are logged; up to 64 were being read, and are not noted.
    if not -64 * kills <= noted - (sender.sent - len(numbers)) <= 64 * kills:
        raise AssertionError(f"{sender.sender}: {sender.sent} sent, {noted} "
                             f"noted as lost, {len(numbers)} in the log")


class Case(harness.Case):
    """Tests with numbered senders, which end with the test."""

    def setUp(self):
        super().setUp()
        self.streams, self.datagrams = [], []

    def begin(self, sender, senders):
        senders.append(sender)
        self.addCleanup(sender.abandon)
        sender.start()
        return sender

    def stream(self, daemon, name, number=0, kind=Stream, **options):
        """Start a numbered TCP peer of a listener."""
        return self.begin(kind(daemon.tcp(number), name, **options),
                          self.streams)

    def datagrams_of(self, daemon, name, number=0, **options):
        """Start a numbered UDP peer of a listener."""
        return self.begin(
            Datagrams(daemon.udp(number), name,
                      listener=daemon.listening[number][0], **options),
            self.datagrams)

    def senders(self):
        return [*self.streams, *self.datagrams]

    def check_log(self, content, parse=from_text):
        """Check a log, once all senders have stopped."""
        return check(content, self.streams, self.datagrams, parse)
