# SPDX-License-Identifier: MIT
"""An upgrade from release 0.1.0: what that left in the descriptor store.

Left builds it by hand; Released runs the real 0.1.0, where its source is in
git.  Delete this file with src/system/state_legacy.c.
"""
import contextlib
import os
import shutil
import socket
import struct
import subprocess
import time
import unittest
from signal import SIGKILL

import accounting
import harness
import keeper
from harness import TOP, TURNS, to_file, wait_for
from keeper import tcp, udp

RELEASE = "55ccfcd"  # the commit of 0.1.0
PORTLOGD = os.path.abspath(harness.PORTLOGD)

LINE, LF, NUL, COUNTED, CHUNK = (tcp(name, f'framing = "{framing}";')
                                 for name, framing in (
    ("line", "line"), ("lf", "lf"), ("nul", "nul"),
    ("counted", "octet-counted"), ("chunk", "chunk")))
UDP = udp("dgram")
FRAMING = {"line": 0, "lf": 1, "nul": 2, "counted": 3, "chunk": 4, "rest": 7}

END = {"line": b"\n", "nul": b"\0"}

# Its structures: those of the state behind a heading each.
BEGINNING, HEADING = "<16sIIQ", "<QQ"
LISTENER, CONNECTION = "<168s7QII", "<3Q5qQIBB2x28sIQ"
ENTRY, ENTRIES = "<QqQQQQiBB9sB", 16384
STEP = struct.calcsize(ENTRY)


MADE = {}


def has_release():
    """Whether git has the source of 0.1.0 here: a tarball has none."""
    return shutil.which("git") and subprocess.run(
        ["git", "-C", TOP, "cat-file", "-e", RELEASE + "^{commit}"],
        check=False, capture_output=True).returncode == 0


def setUpModule():
    """Build 0.1.0, without optimisation: that takes seconds."""
    if not harness.knows_systemd():
        raise unittest.SkipTest("built without libsystemd")
    if not has_release():
        return
    directory = harness.shared_directory()
    archive = subprocess.run(["git", "-C", TOP, "archive", RELEASE, "src"],
                             check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "xC", directory], check=True, input=archive)
    subprocess.run(
        'cc -std=gnu11 -w -D_GNU_SOURCE -DHAVE_LIBSYSTEMD -DSYSCONFDIR='
        '\'"/etc"\' -DPACKAGE_VERSION=\'"0.1.0"\' -Isrc -o portlogd '
        '$(ls src/*.c | grep -v "^src/portlog\\.c") -lconfig -lsystemd '
        '-pthread', shell=True, check=True, cwd=directory)
    MADE["released"] = directory + "/portlogd"


def hashed(key):
    """FNV-1a, with the bit that says that it is of a name."""
    value = 0xcbf29ce484222325
    for byte in key.encode():
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return value | 1 << 63


class Left:
    """What a process of 0.1.0 has left with a keeper."""

    def __init__(self, keeper_, test):
        self.keeper, self.test = keeper_, test
        self.listeners, self.keys, self.connections = {}, {}, 0
        self.ledger, self.parts, self.last = bytearray(STEP * ENTRIES), b"", 0

    def bind(self, name, kind=socket.SOCK_STREAM, store=True):
        """A listener at any address and port."""
        bound = socket.socket(socket.AF_INET6, kind)
        self.test.addCleanup(bound.close)
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(("::", 0))
        protocol = "udp"
        if kind == socket.SOCK_STREAM:
            bound.listen()
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
            protocol = "tcp"
        self.listeners[name] = bound
        self.keys[name] = (f"{name} {protocol} "
                           f"[::]:{bound.getsockname()[1]}").replace(":", "_")
        if store:
            self.keeper.keep("listener " + self.keys[name], bound.fileno())
        return bound

    def connect(self, name, data=b""):
        """A connection that has sent this, and it was read; its number."""
        client = harness.connect_tcp(
            ("127.0.0.1", self.listeners[name].getsockname()[1]))
        self.test.addCleanup(client.close)
        with self.listeners[name].accept()[0] as accepted:
            client.sendall(data)
            self.connections += 1
            accepted.settimeout(harness.PATIENCE)
            self.test.assertEqual(accepted.recv(
                len(data), socket.MSG_WAITALL), data)
            self.keeper.keep(f"connection {self.connections} of " +
                             self.keys[name], accepted.fileno())
        return client, self.connections

    def enter(self, key, read=0, done=0, records=0, due=0, framing=0,
              digits=b"", closed=0):
        """An entry of the ledger; due is `dropped` of UDP."""
        at = key % ENTRIES
        while struct.unpack_from("Q", self.ledger, STEP * at)[0]:
            at = (at + 1) % ENTRIES
        struct.pack_into(ENTRY, self.ledger, STEP * at, key, now_ms(), read,
                         done, records, due, 1, framing, len(digits),
                         digits, closed)

    def save(self, kind, *values, held=b""):
        part = struct.pack(LISTENER if kind == 1 else CONNECTION,
                           *values) + held
        self.parts += struct.pack(HEADING, kind, len(part)) + part

    def save_listener(self, name, *counters, numbered=0, dropped=0):
        self.save(1, self.keys[name].encode(), *counters, numbered, dropped, 0)

    def save_connection(self, number, name, records, size, held=b"", due=0,
                        inside=0, framing=None):
        framing = FRAMING[name] if framing is None else framing
        self.save(2, number, records, size, now_ms(), now_ms(), now_ms(),
                  int(time.time()), 0, due, framing, inside, 0, b"", 0,
                  len(held), held=held)

    def state(self, last=0):
        return struct.pack(BEGINNING, b"portlog kept 1\n",
                           struct.calcsize(LISTENER),
                           struct.calcsize(CONNECTION),
                           last or self.connections) + self.parts

    def store(self, saved=True):
        """Put the ledger and the state into the store."""
        self.keeper.replace("ledger 1", bytes(self.ledger))
        if saved:
            self.keeper.replace("state", self.state())


def now_ms():
    return int(time.monotonic() * 1000)


class Case(keeper.Case):
    def left(self, *listeners, **config):
        """A daemon that is not started, and what 0.1.0 has left for it."""
        daemon = self.serve(*listeners, start=False, **config)
        return daemon, Left(daemon.keeper, self)

    def assert_is_new(self, daemon):
        """Nothing of 0.1.0 is in the store any more, but names of listeners."""
        names = daemon.keeper.names()
        self.assertEqual([name for name in names if not name.startswith(
            ("listener ", "inflight ", "state ", "bytes ")) and name != "state"], [])
        self.assertNotIn("not wanted", daemon.errors())


class Restart(Case):
    """0.1.0 ended in order."""

    def test_unfinished_records_of_each_framing(self):
        daemon, left = self.left(LINE, LF, NUL, COUNTED, CHUNK)
        expected = []
        for name, data, held, more, frames in (
                ("line", b"one\r\ntwo\r", b"two\r", b"\nthree\n",
                 ["two", "three"]),
                ("lf", b"one\ntw", b"tw", b"o\n", ["two"]),
                ("nul", b"\0a\nb", b"a\nb", b"c\0", ["a\\nbc"]),
                ("chunk", b"one", b"", b"two", ["two"]),
                ("counted", b"3 one9 unfi", b"unfi", b"nis!x1 x",
                 ["unfinis!x", "x"]),
                ("counted", b"3 one1", b"1", b"2 twelve bytes1 x",
                 ["twelve bytes", "x"])):
            if name not in left.listeners:
                left.bind(name)
                left.save_listener(name, 1, 2, 3, 4, 5, 6)
            client, number = left.connect(name, data)
            due = 9 if held == b"unfi" else 0
            left.save_connection(number, name, 1, len(data), held, due,
                                 due > 0)
            left.enter(number, len(data), len(data) - len(held), 1,
                       due and due - len(held), FRAMING[name],
                       held if held == b"1" else b"")
            expected.append((client, more, frames, len(data + more)))
        left.store()
        daemon.start()
        for client, more, frames, size in expected:
            client.sendall(more)
            self.wait_until_told(daemon, client, frames)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(harness.end_of(client), b"")
            self.assertIn(f"closed reason=eof records={len(frames) + 1} "
                          f"bytes={size} ", self.told(daemon, client)[-1])
        self.assert_is_new(daemon)

    def test_numbers_and_counters_go_on(self):
        daemon, left = self.left(LINE, UDP, more='format = "json";')
        left.bind("line")
        left.bind("dgram", socket.SOCK_DGRAM)
        left.listeners["dgram"].setsockopt(socket.SOL_SOCKET, 40, 1)
        left.save_listener("line", 5, 20, 1, 2, 0, 0)
        left.save_listener("dgram", 7, 21, 0, 0, 3, 4, numbered=7)
        client, number = left.connect("line", b"one\n")
        left.save_connection(number, "line", 4, 4)
        left.connections = 41
        left.store()
        daemon.start()
        client.sendall(b"five\n")
        wait_for(lambda: daemon.json(self.log))
        self.tcp(daemon).sendall(b"new\n")
        wait_for(lambda: len(daemon.json(self.log)) == 2)
        self.udp(daemon, 1).send(b"eight")
        wait_for(lambda: len(daemon.json(self.log)) == 3)
        self.assertEqual([(r.get("connection"), r["record"]) for r in
                          daemon.json(self.log)], [(1, 5), (42, 1), (None, 8)])
        counted = daemon.counters()
        self.assertEqual([counted["line"][key] for key in (
            "records", "bytes", "total", "refused")], [7, 29, 2, 2])
        self.assertEqual([counted["dgram"][key] for key in (
            "records", "bytes", "lost", "truncated")], [8, 26, 3, 4])

    def test_the_unfinished_record_outlives_kills_until_it_goes_on(self):
        daemon, left = self.left(LINE)
        left.bind("line")
        client, number = left.connect("line", b"one\ntw")
        left.save_connection(number, "line", 1, 6, b"tw")
        left.enter(number, 6, 4, 1)
        left.store()
        daemon.start()
        self.assertIn("state", daemon.keeper.names())
        daemon.kill()
        client.sendall(b"o\nthr")
        self.wait_until_told(daemon, client, ["two"])
        daemon.restart()
        client.sendall(b"ee\n")
        self.wait_until_told(daemon, client, ["two", "three"])
        self.assertNotIn("state", daemon.keeper.names())
        self.assert_is_new(daemon)

    def test_a_start_that_fails_leaves_all_to_the_next(self):
        daemon, left = self.left(LINE, UDP)
        left.bind("line")
        left.bind("dgram", socket.SOCK_DGRAM)
        client, number = left.connect("line", b"one\ntw")
        left.save_connection(number, "line", 1, 6, b"tw")
        left.enter(number, 6, 4, 1)
        left.store()
        before = daemon.keeper.names()
        good = to_file(LINE, UDP)
        daemon.configure(to_file(LINE, UDP, path="@DIR@/none/log"))
        for _ in range(2):
            daemon.launch()
            self.assertEqual(daemon.wait(), 1)
        self.assertEqual([name for name in daemon.keeper.names() if
                          not name.startswith("inflight ")], before)
        daemon.configure(good)
        daemon.start()
        client.sendall(b"o\n")
        self.wait_until_told(daemon, client, ["two"])

    def test_a_kill_between_two_steps_of_the_first_start(self):
        # Before each message to systemd, and each to the next process.
        if not shutil.which("strace"):
            self.skipTest("no strace")
        self.kills = 0
        while self.is_killed_before(self.kills + 1):
            self.kills += 1
        self.assertGreater(self.kills, 6)

    def is_killed_before(self, message):
        """Kill it before it sends that message; false: it sends no more."""
        daemon, left = self.left(LINE, NUL)
        clients = []
        for name in "line", "nul":
            left.bind(name)
            client, number = left.connect(name, b"one" + END[name] + b"tw")
            left.save_connection(number, name, 1, 6, b"tw")
            left.enter(number, 6, 4, 1, framing=FRAMING[name])
            clients.append((client, END[name]))
        left.store()
        arguments = daemon.arguments
        daemon.arguments = [
            shutil.which("strace"), "-D", "-f", "-qq", "-o", "/dev/null", "-e",
            f"inject=sendmsg:signal=KILL:when={message}", *arguments]
        daemon.launch()
        wait_for(lambda: daemon.process.poll() is not None or
                 daemon.is_listening(), "the start")
        killed = daemon.process.poll() is not None
        if killed:
            self.assertEqual(daemon.wait(), -SIGKILL, daemon.errors())
        daemon.signal(SIGKILL)
        daemon.wait()
        daemon.keeper.settle()
        daemon.arguments = arguments
        daemon.start()
        for client, end in clients:
            client.sendall(b"o" + end + b"three" + end)
            self.wait_until_told(daemon, client, ["two", "three"])
            self.assert_open(client)
        return killed

    def test_a_listener_that_is_not_configured_any_more(self):
        daemon, left = self.left(LINE)
        for name in "line", "nul":
            left.bind(name)
        client, number = left.connect("nul", b"one\0tw")
        left.save_connection(number, "nul", 1, 6, b"tw")
        left.enter(number, 6, 4, 1, framing=FRAMING["nul"])
        left.store()
        daemon.start()
        self.assertEqual(harness.end_of(client), b"")
        *told, closed = daemon.of(client, self.log)
        self.assertEqual([(r.tag, r.data) for r in told], [("E", "tw")])
        self.assertIn("closed reason=shutdown records=2 bytes=6 ", closed.data)
        self.assertEqual(closed.listener, "nul")


class Kill(Case):
    """0.1.0 was killed: there is only the ledger, or it is newer."""

    def test_what_was_in_hand_is_told(self):
        daemon, left = self.left(LINE, COUNTED)
        left.bind("line")
        left.bind("counted")
        line, number = left.connect("line", b"one\ntw")
        left.enter(number, 6, 4, 1)
        frame, number = left.connect("counted", b"3 one9 unfi")
        left.enter(number, 11, 7, 1, due=5, framing=3)
        count, number = left.connect("counted", b"3 one1")
        left.enter(number, 6, 5, 1, framing=3, digits=b"1")
        behind, number = left.connect("line", b"one\ntwo\nth")
        left.enter(number, 4, 4, 1)
        left.store(saved=False)
        daemon.start()
        for client, more, expected in (
                (line, b"o\n", ["lost bytes=2", "o"]),
                (frame, b"nis!x1 x", ["lost bytes=4", "nis!x", "x"]),
                (count, b"2 twelve bytes", ["twelve bytes"]),
                (behind, b"ree\n", ["lost bytes=6", "ree"])):
            client.sendall(more)
            self.wait_until_told(daemon, client, expected)
            self.assert_open(client)
        self.assert_is_new(daemon)

    def test_a_ledger_that_is_newer_than_the_state_wins(self):
        daemon, left = self.left(LINE)
        left.bind("line")
        client, number = left.connect("line", b"one\ntwo\nth")
        left.save_connection(number, "line", 1, 6, b"tw")
        left.enter(number, 10, 8, 2)
        left.store()
        daemon.start()
        client.sendall(b"ree\n")
        self.wait_until_told(daemon, client, ["lost bytes=2", "ree"])

    def test_what_was_closed_is_only_closed(self):
        daemon, left = self.left(LINE)
        left.bind("line")
        client, number = left.connect("line", b"one\n")
        left.enter(number, 4, 4, 1, closed=1)
        other, number = left.connect("line")
        left.enter(number)
        left.store(saved=False)
        daemon.start()
        self.assertEqual(harness.end_of(client), b"")
        other.sendall(b"two\n")
        self.wait_until_told(daemon, other, ["two"])
        self.assertEqual(self.told(daemon, client), [])

    def test_one_that_is_in_neither_has_the_framing_of_its_listener(self):
        daemon, left = self.left(NUL)
        left.bind("nul")
        client, _ = left.connect("nul")
        left.store(saved=False)
        daemon.start()
        client.sendall(b"o\ne\0")
        self.wait_until_told(daemon, client, ["o\\ne"])

    def test_the_number_of_one_that_has_ended_is_not_used_again(self):
        daemon, left = self.left(LINE, more='format = "json";')
        left.bind("line")
        left.enter(99, 1, 1)
        left.store(saved=False)
        daemon.start()
        self.tcp(daemon).sendall(b"new\n")
        wait_for(lambda: daemon.json(self.log))
        self.assertEqual(daemon.json(self.log)[0]["connection"], 100)


class Datagrams(Case):
    """What waits, and what was lost."""

    def lost(self, counted=True, read=0, done=0, dropped=0, store=True,
             ledger=True, saved=None):
        """The queue and the notes after a burst, of which some is dropped.

        With another configuration: its listener is known by its socket.
        """
        daemon, left = self.left(UDP)
        bound = left.bind("dgram", socket.SOCK_DGRAM, store)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        bound.setsockopt(socket.SOL_SOCKET, 40, counted)  # SO_RXQ_OVFL
        if not store:
            daemon.passed = [("dgram", bound)]
        sender = harness.connect_udp(("127.0.0.1", bound.getsockname()[1]))
        self.addCleanup(sender.close)
        for i in range(100):
            sender.send(b"%d" % i)
        if ledger:
            left.enter(hashed(left.keys["dgram"]), read, done, 7, dropped)
        if saved is not None:
            left.save_listener("dgram", 7, 0, 0, 0, 0, 0, numbered=7,
                               dropped=saved)
        left.store(saved=saved is not None)
        daemon.start()

        def told():
            data = self.told(daemon)
            return (sum(text.isdigit() for text in data),
                    sum(map(accounting.lost_in, data)))
        self.addCleanup(daemon.stop)
        wait_for(lambda: told()[0], "the queue")
        return told

    def test_each_that_the_kernel_dropped_is_told(self):
        for options in ({}, {"store": False}, {"counted": False},
                        {"counted": False, "dropped": 50, "read": 9},
                        {"ledger": False, "saved": 0},
                        {"dropped": 0, "saved": 50}):
            with self.subTest(options):
                told = self.lost(**options)
                wait_for(lambda told=told: sum(told()) == 100, "all of them")
                self.assertGreater(told()[1], 0)

    def test_those_in_hand_are_told_and_those_told_before_are_not(self):
        told = self.lost(read=12, done=5, dropped=3)
        wait_for(lambda: sum(told()) == 100 + 7 - 3, "all of them")
        told = self.lost(ledger=False, saved=3)
        wait_for(lambda: sum(told()) == 100 - 3, "all of them")


    def test_what_nobody_has_counted_is_not_told(self):
        # The ledger was full: how much was told before is unknown.
        told = self.lost(ledger=False)
        wait_for(lambda: told()[0], "the queue")
        harness.watch(1.5, lambda: told()[1] == 0, "nothing told")


class Strange(Case):
    """What 0.1.0 left is damaged."""

    def test_any_cut_or_change_closes_nothing(self):
        for damage in (lambda state, ledger: (state[:100], ledger),
                       lambda state, ledger: (state[:-1], ledger),
                       lambda state, ledger: (b"", ledger),
                       lambda state, ledger: (b"x" + state[1:], ledger[:-1]),
                       lambda state, ledger: (state, ledger[:4096]),
                       lambda state, ledger: (state[:-1], b"")):
            with self.subTest(damage):
                daemon, left = self.left(LINE)
                left.bind("line")
                left.save_listener("line", 1, 2, 3, 4, 5, 6)
                client, number = left.connect("line", b"one\ntw")
                left.enter(number, 6, 4, 1)
                left.save_connection(number, "line", 1, 6, b"tw")
                state, ledger = damage(left.state(), bytes(left.ledger))
                daemon.keeper.replace("state", state)
                daemon.keeper.replace("ledger 1", ledger)
                daemon.start()
                client.sendall(b"o\nthree\n")
                wait_for(lambda c=client, d=daemon:
                         self.told(d, c)[-1:] == ["three"])
                self.assert_open(client)
                self.assert_is_new(daemon)


@unittest.skipUnless(has_release(), "the source of 0.1.0 is not in git here")
class Released(keeper.Case):
    """The real 0.1.0."""

    def serve_old(self, *listeners, **config):
        daemon = self.serve(*listeners, start=False, **config)
        daemon.arguments[0] = MADE["released"]
        daemon.start()
        return daemon

    def upgrade(self, daemon, killed=False):
        if killed:
            daemon.signal(SIGKILL)
            daemon.wait()
            daemon.keeper.settle()
        else:
            daemon.leave()
        daemon.arguments[0] = PORTLOGD
        daemon.start()
        self.assertNotIn("not wanted", daemon.errors())
        self.assertEqual([name for name in daemon.keeper.names() if
                          name.startswith(("connection", "ledger"))], [])

    def test_unfinished_records_and_numbers_go_on(self):
        daemon = self.serve_old(LINE, LF, NUL, COUNTED, CHUNK)
        ports = daemon.listening
        expected = []
        for number, data, more, frames in (
                (0, b"one\r\ntwo\r", b"\nthree\n", ["one", "two", "three"]),
                (1, b"one\ntw", b"o\n", ["one", "two"]),
                (2, b"one\0tw", b"o\0", ["one", "two"]),
                (3, b"3 one9 unfi", b"nis!x1 x", ["one", "unfinis!x", "x"]),
                (3, b"3 one1", b"2 twelve bytes", ["one", "twelve bytes"]),
                (4, b"one", b"two", ["one", "two"])):
            client = self.tcp(daemon, number)
            client.sendall(data)
            self.wait_until_told(daemon, client, frames[:1])
            expected.append((client, more, frames))
        self.upgrade(daemon)
        self.assertEqual(daemon.listening, ports)
        for client, more, frames in expected:
            client.sendall(more)
            self.wait_until_told(daemon, client, frames)
        self.assertEqual(daemon.counters()["counted"]["records"], 5)
        daemon.restart()
        for client, more, frames in expected:
            self.assert_open(client)

    def test_a_kill_tells_what_was_in_hand(self):
        daemon = self.serve_old(LINE)
        client = self.tcp(daemon)
        client.sendall(b"one\ntw")
        daemon.wait_for_bytes(0, 6)
        wait_for(lambda: struct.unpack_from("4Q", daemon.keeper.content(
            "ledger 1"), STEP)[2:] == (6, 4), "the ledger")
        self.upgrade(daemon, killed=True)
        client.sendall(b"o\n")
        self.wait_until_told(daemon, client, ["one", "lost bytes=2", "o"])

    def test_under_load(self):
        for turn in range(2 * TURNS):
            with self.subTest(turn):
                daemon = self.upgrade_under_load(turn, killed=False)
                self.check_log(daemon.bytes(self.log))

    def test_a_kill_under_load(self):
        for turn in range(2 * TURNS):
            with self.subTest(turn):
                daemon = self.upgrade_under_load(turn, killed=True)
                # The next process ends a line that was half written.
                entries = []
                for line in daemon.bytes(self.log).split(b"\n")[:-1]:
                    with contextlib.suppress(AssertionError):
                        entries.append(accounting.from_text(line))
                for stream in self.streams:
                    accounting.check_killed(stream, [
                        e for e in entries if e.peer == stream.peer], 1)
                accounting.check_killed_datagrams(self.datagrams[0], [
                    e for e in entries if e.listener == "dgram"], 1)

    def upgrade_under_load(self, turn, killed):
        """An octet-counted stream may not go on after a kill."""
        daemon = self.serve_old(LINE, NUL, COUNTED, UDP)
        self.streams, self.datagrams = [], []
        for name, number, framing in (("a", 0, accounting.LF),
                                      ("b", 1, accounting.NUL),
                                      ("c", 2, accounting.COUNTED))[:
                                      2 if killed else 3]:
            self.stream(daemon, name, number, kind=accounting.Halves, burst=3,
                        rate=1500, framing=framing)
        self.datagrams_of(daemon, "d", 3, rate=3000)
        for sender in self.senders():
            sender.wait_for(20 + 7 * (turn % 10))
        self.upgrade(daemon, killed)
        for sender in self.senders():
            sender.wait_for(20)
            sender.finish()
        self.assertEqual([s for s in self.senders() if s.cut_off], [])
        self.assertEqual(daemon.stop(), 0)
        return daemon


if __name__ == "__main__":
    harness.main(jobs=4)
