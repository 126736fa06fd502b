# SPDX-License-Identifier: MIT
"""Hostile peers: whatever they do, the others are served.

The other peers number their records: the log must have all of them.
"""
import contextlib
import os
import random
import re
import socket
import threading
import time
import unittest

import accounting
import harness
import test_formats
from harness import (TURNS, configured, end_of, name_of, tcp, unescape,
                     wait_for)
from test_tcp import BAD_FRAMES, framed, of_peer

# A second; more with a sanitizer or on a busy machine.
SOON = harness.PATIENCE / 20


def resident(daemon):
    """Its resident memory (VmRSS), in KiB."""
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


class HostileCase(accounting.Case):

    def told(self, daemon, number=0):
        """Its counters, once all waiting connections are accepted."""
        daemon.counters()
        return daemon.counters()[daemon.listening[number][0]]

    def from_address(self, daemon, host):
        """A connection from another address of this host."""
        connection = socket.create_connection(
            ("127.0.0.1", daemon.port()), harness.PATIENCE, (host, 0))
        self.addCleanup(connection.close)
        return connection

    def check_ours(self, daemon):
        """The log has all records of the peers that number them."""
        for stream in self.streams:
            if not stream.ended:
                stream.finish()
        self.assertEqual(daemon.stop(), 0, daemon.errors())
        ours = {s.peer.encode() for s in self.streams}
        self.check_log(b"".join(
            line + b"\n" for line in daemon.bytes().split(b"\n")[:-1]
            if line.split(b" ", 3)[2] in ours))

    def victim(self, daemon, name, number=0, **options):
        """A numbered peer that sends only when the test calls it."""
        stream = self.stream(daemon, name, number, burst=1, limit=0,
                             **options)
        stream.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY,
                                     1)
        return stream

    def wait_for_all(self, path, victims, parse):
        """Wait until all that they sent is logged; returns how long."""
        begin, place, missing = time.monotonic(), 0, {}
        for victim in victims:
            missing[victim.peer] = victim.number
        with open(path, "rb") as log:
            def look():
                nonlocal place
                whole, lf, _ = log.read().rpartition(b"\n")
                place += len(whole) + len(lf)
                log.seek(place)
                for e in accounting.entries_of(whole + lf, parse):
                    if e.tag == "F":
                        missing[e.peer] -= 1
                return not any(missing.values())
            wait_for(look, "all to be logged")
        return time.monotonic() - begin


class Flood(HostileCase):
    """Some send as much as they can, and a hundred others a line each."""

    OTHERS = 100
    CONFIG = """
    listeners = (
      { protocol = "tcp"; port = 0; name = "flood"; outputs = ["shared"]; },
      { protocol = "tcp"; port = 0; name = "others"; flush_timeout = 0; } );
    outputs = ( { type = "stdout"; name = "shared"; },
                { type = "file"; name = "own"; path = "@DIR@/own";
                  format = "json"; } );
    """

    def flood(self, connection):
        """Lines, 16 to the KiB, until it is cut off."""
        block = (b"x" * 63 + b"\n") * 4096
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(block)

    def begin_flood(self, daemon, count):
        for _ in range(count):
            connection = self.tcp(daemon)
            thread = threading.Thread(target=self.flood, args=(connection,))

            def stop(thread=thread, connection=connection):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                thread.join()
            self.addCleanup(stop)
            thread.start()

    def slowly(self, reader, rate, stopping):
        """Read so many bytes a second, and at the end all at once."""
        begin, count = time.monotonic(), 0
        while True:
            data = os.read(reader, 4096)
            if not data:
                break
            count += len(data)
            ahead = count / rate - (time.monotonic() - begin)
            if ahead > 0.001:
                stopping.wait(ahead)
        os.close(reader)

    def slow_output(self, rate, stopping):
        """A pipe that is read slowly, for stdout."""
        reader, writer = os.pipe()
        thread = threading.Thread(target=self.slowly,
                                  args=(reader, rate, stopping))
        thread.start()
        self.addCleanup(thread.join)
        return writer

    def flooded(self, floods, rate=None):
        """Have each other peer send a line; returns how long a turn took."""
        stopping = threading.Event()
        stdout = rate and self.slow_output(rate, stopping)
        daemon = self.daemon(config=self.CONFIG, stdout=stdout)
        self.addCleanup(stopping.set)
        if stdout is not None:
            os.close(stdout)
        others = [self.victim(daemon, "o" + "abcdefghij"[i // 10] +
                              "abcdefghij"[i % 10], 1, spread=20)
                  for i in range(self.OTHERS)]
        self.begin_flood(daemon, floods)
        wait_for(lambda: self.told(daemon)["records"] > 1000, "the flood")
        took, own = [], daemon.dir + "/own"
        for _ in range(min(TURNS, 50)):
            for other in others:
                other.send_some()
            took.append(self.wait_for_all(own, others, accounting.from_json))
            if stdout is None:
                os.truncate(daemon.out, 0)
        stopping.set()
        for other in others:
            other.finish()
        accounting.check(daemon.bytes(own), others, parse=accounting.from_json)
        return took

    def test_a_hundred_others_are_served_within_a_second(self):
        for floods in (1, 8):
            self.assertLess(max(self.flooded(floods)), SOON)

    def test_and_if_the_output_takes_a_megabyte_a_second(self):
        # One turn may be slow, on a machine that is busy.
        took = sorted(self.flooded(1, 1 << 20))
        self.assertLess(took[len(took) // 2], SOON / 2, took)


class Loris(HostileCase):
    """Connections that stay open and send next to nothing."""

    def test_who_waits_for_a_slot_gets_it_when_the_silent_are_idle(self):
        slots = 40
        for turn in range(1 + TURNS // 10):
            # A new log: ports are reused, and would name two peers.
            self.streams = []
            daemon = self.daemon(config=configured(
                tcp("idle_timeout = 1; flush_timeout = 0;"),
                limits="max_connections = %d;" % slots))
            lorises = [self.tcp(daemon) for _ in range(slots)]
            for number, loris in enumerate(lorises):
                loris.sendall(b"%d" % number)
            wait_for(lambda: self.told(daemon)["connections"] == slots,
                     "all slots to be taken")
            begin = time.monotonic()
            waiting = [self.stream(daemon, "w" + "abcdefghijk"[turn % 11] +
                                   "abcdefghij"[i], limit=50)
                       for i in range(10)]
            for stream in waiting:
                wait_for(lambda s=stream: not s.is_alive(), "all sent")
                stream.finish()
            self.assertLess(time.monotonic() - begin, 1 + SOON)
            for number, loris in enumerate(lorises):
                peer = name_of(loris)
                end_of(loris)
                self.assertEqual(of_peer(daemon, peer),
                                 [("E", b"%d" % number)])
                self.assertEqual(daemon.of(peer)[-1].note()[1]["reason"],
                                 "idle")
                loris.close()
            self.check_ours(daemon)

    def test_one_source_that_drips_leaves_slots_to_others(self):
        daemon = self.daemon(config=configured(
            tcp("idle_timeout = 2; flush_timeout = 0; "
                "max_connections_per_source = 30;"),
            limits="max_connections = 40;"))
        lorises = []
        for _ in range(60):
            with contextlib.suppress(ConnectionResetError):
                lorises.append(self.from_address(daemon, "127.0.0.2"))
        wait_for(lambda: self.told(daemon)["refused"] == 30, "the refusals")
        lorises = [c for c in lorises if not self.is_closed(c)]
        self.assertEqual(len(lorises), 30)
        streams = [self.stream(daemon, "o" + "abcdefghij"[i], rate=500)
                   for i in range(8)]
        begin, drops = time.monotonic(), 0
        # So long that a peer without drops is closed.
        while time.monotonic() - begin < 2.5:
            for loris in lorises:
                loris.sendall(b".")
            drops += 1
            streams[0].wait_for(20)
        self.assertEqual(self.told(daemon)["connections"], 38)
        for loris in lorises:
            peer = name_of(loris)
            loris.shutdown(socket.SHUT_WR)
            end_of(loris)
            self.assertEqual(of_peer(daemon, peer), [("E", b"." * drops)])
        self.check_ours(daemon)

    def is_closed(self, connection):
        connection.setblocking(False)
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True
        except BlockingIOError:
            connection.setblocking(True)
            return False

    def test_writes_of_one_byte_make_the_same_records(self):
        daemon = self.daemon(config=framed("lf", "octet-counted"))
        for number in range(8):
            connection = daemon.tcp(number % 2)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.begin(Dripping(
                connection, "d" + "abcdefgh"[number], spread=30, burst=1,
                limit=20 * TURNS,
                framing=(accounting.LF, accounting.COUNTED)[number % 2]),
                self.streams)
        for stream in self.streams:
            while stream.is_alive():
                stream.join(1)
        self.check_ours(daemon)


class Dripping(accounting.Stream):
    """A TCP peer that writes a byte at a time."""

    def send_some(self):
        data = self.frame(self.number)
        self.number += 1
        for at in range(len(data)):
            self.sent += self.connection.send(data[at:at + 1])


class Endless(HostileCase):
    """Endless records take no memory."""

    def check_bounded(self, framing, head):
        daemon = self.daemon(config="""
            listeners = ({ protocol = "tcp"; port = 0; framing = "%s"; });
            outputs = ({ type = "file"; path = "/dev/null"; });""" % framing)
        connections = [self.tcp(daemon) for _ in range(4)]
        block, blocks = b"x" * (1 << 20), min(2 * TURNS, 100)

        def send(first, count):
            for connection in connections:
                connection.sendall(first)
            for _ in range(count):
                for connection in connections:
                    connection.sendall(block)
        send(head, 1)
        daemon.wait_for_bytes(0, 4 * (len(head) + len(block)))
        before = resident(daemon)
        send(b"", blocks)
        daemon.wait_for_bytes(0, 4 * (len(head) + (1 + blocks) * len(block)))
        self.assertLess(resident(daemon) - before, 4096)

    def test_a_line_without_end_takes_no_memory(self):
        self.check_bounded("line", b"")

    def test_an_announced_gigabyte_takes_no_memory(self):
        self.check_bounded("octet-counted", b"999999999 ")


class Bursts(HostileCase):
    """Many devices come at once and leave."""

    def test_their_memory_goes_back_to_the_system(self):
        daemon = self.daemon(config=configured(
            *[tcp("flush_timeout = 0;")] * 5,
            output='type = "file"; path = "@DIR@/log";'))
        before = resident(daemon)
        for _ in range(2):
            peers = [self.tcp(daemon, number % 5) for number in range(300)]
            for peer in peers:
                peer.sendall(b"x" * 60000)
            wait_for(lambda: sum(
                counted["bytes"] for counted in daemon.counters().values()
                ) % (300 * 120001) == 300 * 60000, "half of each record")
            for peer in peers:
                peer.sendall(b"y" * 60000 + b"\n")
                peer.close()
            wait_for(lambda: not any(
                counted["connections"] or counted["waiting"]
                for counted in daemon.counters().values()), "all to be gone")
            # A sanitizer keeps for a while what is freed.
            if not harness.sanitized():
                wait_for(lambda: resident(daemon) - before < 20000,
                         "their memory to be gone")


class Bound(HostileCase):
    """All connections with as much in hand as they can have."""

    CONFIG = """
        listeners = ({ protocol = "tcp"; port = 0; });
        limits = { max_connections = %d; max_record = %d;
                   flush_timeout = 0; };
        outputs = ({ type = "file"; path = "/dev/null"; format = "json"; });"""

    def told(self, daemon):
        """The bound in the message at start, in MiB."""
        (bound,) = re.findall(r"memory: at most (\d+) MiB ", daemon.errors())
        return int(bound)

    @unittest.skipIf(harness.sanitized(), "a sanitizer takes memory too")
    def test_the_memory_of_all_peers_is_within_what_is_told(self):
        count, size = 100, 120000
        daemon = self.daemon(config=self.CONFIG % (count, 65536))
        told = self.told(daemon)
        peers = [self.tcp(daemon) for _ in range(count)]
        # One after another, so that each has a thread and a batch of its own.
        for number, peer in enumerate(peers, 1):
            peer.sendall(b"\1" * size)
            daemon.wait_for_bytes(0, number * size)

        def peak():
            with open(f"/proc/{daemon.process.pid}/status",
                      encoding="ascii") as file:
                return int(re.search(r"VmHWM:\s+(\d+)",
                                     file.read()).group(1)) >> 10
        # Not a number that holds because it is far away.
        wait_for(lambda: peak() > told / 3, "all to have much in hand")
        harness.watch(1, lambda: peak() < told, f"less than {told} MiB")

    def test_it_follows_from_the_limits(self):
        def told(*limits):
            return self.told(self.daemon(config=self.CONFIG % limits))
        self.assertAlmostEqual(told(400, 65536) / told(200, 65536), 2,
                               delta=0.2)
        self.assertGreater(told(200, 1048576), 4 * told(200, 65536))


class Resets(HostileCase):

    COUNT = 10000

    def test_10000_connections_and_resets_leave_nothing_behind(self):
        daemon = self.daemon("-l", "tcp:0")
        descriptors = daemon.descriptors()
        steady = self.stream(daemon, "steady", rate=500)
        for number in range(self.COUNT):
            connection = daemon.tcp()
            if number % 2:
                connection.send(b"%d\n" % number)
            if number % 8 != 7:
                harness.reset(connection)
            connection.close()
        wait_for(lambda: self.told(daemon)["total"] == self.COUNT + 1,
                 "all to be accepted")
        steady.wait_for(10)
        steady.finish()
        wait_for(lambda: self.told(daemon)["connections"] == 0, "all gone")
        wait_for(lambda: daemon.threads("conn") == 0, "all threads to end")
        self.assertEqual(daemon.descriptors(), descriptors)
        # Peers that closed in order are logged whole, and none twice.
        logged = [r.data for r in daemon.records()
                  if r.tag == "F" and r.peer != steady.peer]
        self.assertEqual(len(logged), len(set(logged)))
        self.assertEqual({str(n) for n in range(7, self.COUNT, 8)} -
                         set(logged), set())
        self.check_ours(daemon)


class Garbage(HostileCase):
    """Bytes that try to break something."""

    FRAMINGS = {
        "lf": lambda data: data.replace(b"\n", b"") + b"\n",
        "line": lambda data: data.replace(b"\n", b"").rstrip(b"\r") +
        b"\r\n",
        "nul": lambda data: data.replace(b"\0", b"") + b"\0",
        "octet-counted": lambda data: b"%d %s" % (len(data), data),
    }

    def test_every_control_character_in_every_framing_and_split(self):
        daemon = self.daemon(config=configured(
            *(tcp('framing = "%s"; flush_timeout = 0;' % framing)
              for framing in self.FRAMINGS),
            output="""type = "stdout"; }, {
                type = "file"; path = "@DIR@/json"; format = "json";"""))
        sent = [data for data in test_formats.inputs() if data]
        peers = {}
        for turn in range(min(TURNS, 50)):
            chance = random.Random(turn)
            for number, frame in enumerate(self.FRAMINGS.values()):
                chance.shuffle(sent)
                stream = b"".join(map(frame, sent))
                connection = self.tcp(daemon, number)
                begin = 0
                while begin < len(stream):
                    end = begin + chance.randrange(1, 1000)
                    connection.sendall(stream[begin:end])
                    begin = end
                connection.shutdown(socket.SHUT_WR)
                end_of(connection)
                peers[number, name_of(connection)] = [
                    self.bare(number, frame(data)) for data in sent]
                connection.close()
        self.assertEqual(daemon.stop(), 0)
        test_formats.Formats.check_safe(self, daemon.bytes())
        names = [listening[0] for listening in daemon.listening]
        for path, parse in ((daemon.out, accounting.from_text),
                            (daemon.dir + "/json", accounting.from_json)):
            logged = {}
            for e in accounting.entries_of(daemon.bytes(path), parse):
                if e.tag == "F":
                    logged.setdefault((names.index(e.listener), e.peer),
                                      []).append(e.data)
            self.assertTrue(logged == peers, path)

    def bare(self, number, framed_data):
        """The bytes of the record in this frame."""
        framing = list(self.FRAMINGS)[number]
        if framing == "octet-counted":
            return framed_data.partition(b" ")[2]
        return framed_data[:-2 if framing == "line" else -1]

    def test_counts_that_are_none_end_their_connection_alone(self):
        daemon = self.daemon(config=framed("octet-counted"))
        steady = [self.stream(daemon, "s" + "abcd"[i], rate=500,
                              framing=accounting.COUNTED) for i in range(4)]
        expected = {}
        for _ in range(TURNS):
            connections = []
            for bad in BAD_FRAMES.values():
                connection = self.tcp(daemon)
                expected.setdefault(name_of(connection), []).append(bad)
                connection.sendall(b"3 abc" + bad)
                connections.append(connection)
            for connection in connections:
                end_of(connection)
                connection.close()
            steady[0].wait_for(1)
        logged = {}
        for r in daemon.records():
            logged.setdefault(r.peer, []).append(r)
        for peer, bads in expected.items():
            self.assertEqual(len(logged[peer]), 3 * len(bads))
            for bad in bads:
                first, end, closed = (logged[peer].pop(0) for _ in range(3))
                self.assertEqual((first.tag, first.data), ("F", "abc"))
                self.assertEqual((end.tag, unescape(end.data)), ("E", bad))
                self.assertEqual(closed.note()[1]["reason"], "bad-frame")
        self.check_ours(daemon)


if __name__ == "__main__":
    harness.main()
