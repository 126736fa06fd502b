# SPDX-License-Identifier: MIT
"""A kill, with what systemd keeps: nothing is closed, and what was in hand
is told, to the byte.

test_restart.py does some of it with a real systemd.
"""
import contextlib
import fcntl
import os
import re
import socket
import struct
import tempfile
from signal import SIGKILL, SIGTERM

import harness
import accounting
import keeper
from harness import TURNS, to_file, wait_for
from keeper import tcp, udp
from tracer import Calls, Tracer

LINE, LF, NUL = tcp("line"), tcp("lf", 'framing = "lf";'), tcp(
    "nul", 'framing = "nul";')
COUNTED, CHUNK = tcp("counted", 'framing = "octet-counted";'), tcp(
    "chunk", 'framing = "chunk";')
MLLP = tcp("mllp", r'framing = "delimiter"; delimiter = "\x1c\r";')
LENGTH = tcp("length", 'framing = "length"; length_bytes = 2;')
UDP = udp("dgram")
F_SETPIPE_SZ = 1031


class UnderLoad(keeper.Case):
    """Kills and restarts, one after another, under load."""

    def test_kills_close_nothing_and_what_was_in_hand_is_told(self):
        daemon = self.serve(LINE, LF, NUL, COUNTED, UDP, MLLP, LENGTH)
        for name, number, framing in (
                ("a", 0, accounting.LF), ("b", 1, accounting.LF),
                ("c", 2, accounting.NUL), ("d", 3, accounting.COUNTED),
                ("f", 5, accounting.MLLP), ("g", 6, accounting.LENGTH)):
            self.stream(daemon, name, number, kind=accounting.Halves, burst=3,
                        rate=1500, framing=framing)
        self.datagrams_of(daemon, "e", 4, rate=3000)
        self.kill_and_restart(daemon, lambda turn: 20 + 7 * (turn % 10))


class InHand(keeper.Case):
    """The loss of a kill to one stream that has paused."""

    def costs(self, listener, before, first, after, then, **options):
        """Kill between two parts of a stream; returns the notes."""
        daemon = self.serve(listener, **options)
        stream = self.tcp(daemon)
        stream.sendall(before)
        daemon.wait_for_bytes(0, len(before))
        wait_for(lambda: self.told(daemon, stream) == first, first)
        # The state is written after the log.
        wait_for(lambda: not first or any(c.done for c in daemon.open()),
                 "the state")
        daemon.kill()
        stream.sendall(after)
        stream.shutdown(socket.SHUT_WR)
        self.assertEqual(harness.end_of(stream), b"")
        *told, closed = self.told(daemon, stream)
        self.assertEqual(told, [*first, *then])
        self.assertIn("closed reason=eof", closed)
        self.assertIn(f" bytes={len(before + after)} ", closed)
        return daemon.of(stream, self.log)

    def test_an_unfinished_record_of_each_framing(self):
        for listener, end in ((LINE, b"\r\n"), (LINE, b"\n"), (LF, b"\n"),
                              (NUL, b"\0"), (MLLP, b"\x1c\r")):
            with self.subTest(listener):
                self.costs(listener, b"one" + end + b"tw", ["one"],
                           b"o" + end + b"thr",
                           ["lost bytes=2", "o", "thr"])
        with self.subTest("half of a CRLF"):
            self.costs(LINE, b"one\r\ntwo\r", ["one"], b"\nthree\n",
                       ["lost bytes=4", "", "three"])
        with self.subTest("nothing"):
            self.costs(LINE, b"one\n", ["one"], b"two\n", ["two"])
        with self.subTest("each read is a record"):
            self.costs(CHUNK, b"one", ["one"], b"two", ["two"])

    def test_a_frame_in_hand_and_the_digits_of_a_count(self):
        for before, after, then in (
                (b"10 unfin", b"ished3 two", ["lost bytes=5", "ished", "two"]),
                (b"10 ", b"0123456789", ["0123456789"]),
                (b"1", b"0 ten octets3 two", ["ten octets", "two"]),
                (b"12", b" twelve bytes1 x", ["twelve bytes", "x"]),
                (b"", b"3 two", ["two"])):
            with self.subTest(before):
                self.costs(COUNTED, b"3 one" + before, ["one"], after, then)

    def test_a_frame_in_hand_and_the_bytes_of_a_length(self):
        for before, after, then in (
                (b"\0\12unfin", b"ished\0\3two",
                 ["lost bytes=5", "ished", "two"]),
                (b"\0\12", b"0123456789", ["0123456789"]),
                (b"\0", b"\3two\0\0", ["two", ""])):
            with self.subTest(before):
                self.costs(LENGTH, b"\0\3one" + before, ["one"], after, then)

    def test_a_record_of_which_pieces_are_in_the_log(self):
        small = {"limits": "max_record = 1024;"}
        records = self.costs(
            LINE, b"a" * 1500, ["a" * 1024], b"b" * 1000 + b"\nc\n",
            ["lost bytes=476", "b" * 1000, "c"], **small)
        self.assertEqual([r.tag for r in records[:-1]],
                         ["P", "*", "F", "F"])
        records = self.costs(
            COUNTED, b"3000 " + b"a" * 1500, ["a" * 1024],
            b"b" * 1500 + b"1 c",
            ["lost bytes=476", "b" * 1024, "b" * 476, "c"], **small)
        self.assertEqual([r.tag for r in records[:-1]],
                         ["P", "*", "P", "F", "F"])

    def test_the_rest_of_a_stream_that_was_no_frame(self):
        daemon = self.serve(COUNTED)
        stream = self.tcp(daemon)
        wait_for(daemon.open, "it to be accepted")
        daemon.freeze()
        stream.sendall(b"3 onebad")
        daemon.fell()
        daemon.start()
        self.assertEqual(harness.end_of(stream), b"")
        told = self.told(daemon, stream)
        self.assertEqual(told[:-1], ["one", "bad"])
        self.assertIn("closed reason=bad-frame", told[-1])

    def test_each_kill_costs_only_what_came_since(self):
        daemon = self.serve(LINE, COUNTED)
        line, counted = self.tcp(daemon), self.tcp(daemon, 1)
        expected = {line: [], counted: []}
        for turn in range(TURNS):
            line.sendall(b"ab")
            counted.sendall(b"9 ab")
            daemon.wait_for_bytes(0, 2 * turn + 2)
            daemon.wait_for_bytes(1, 11 * turn + 4)
            daemon.kill()
            expected[line] += ["lost bytes=2"]
            expected[counted] += ["lost bytes=2"]
            for stream, told in expected.items():
                self.wait_until_told(daemon, stream, told)
            daemon.wait_until_known()
            daemon.kill()
            if turn % 2:
                daemon.restart()
            counted.sendall(b"c")
            daemon.wait_for_bytes(1, 11 * turn + 5)
            daemon.kill()
            counted.sendall(b"defghi")
            expected[counted] += ["lost bytes=1", "defghi"]
            self.wait_until_told(daemon, line, expected[line])
            self.wait_until_told(daemon, counted, expected[counted])

    def test_what_a_restart_saved_survives_kills_until_more_comes(self):
        daemon = self.serve(LINE, COUNTED)
        line, counted = self.tcp(daemon), self.tcp(daemon, 1)
        expected = []
        for turn in range(TURNS):
            line.sendall(b"abcd")
            counted.sendall(b"10 abcd")
            daemon.wait_for_bytes(0, 11 * turn + 4)
            daemon.wait_for_bytes(1, 13 * turn + 7)
            daemon.restart()
            for _ in range(3):
                daemon.kill()
            if turn % 2:
                for stream in (line, counted):
                    stream.sendall(b"e")
                daemon.wait_for_bytes(0, 11 * turn + 5)
                daemon.wait_for_bytes(1, 13 * turn + 8)
                daemon.kill()
            rest = b"fghij" if turn % 2 else b"efghij"
            line.sendall(rest + b"\n")
            counted.sendall(rest)
            expected += (["lost bytes=5", "fghij"] if turn % 2 else
                         ["abcdefghij"])
            self.wait_until_told(daemon, line, expected)
            self.wait_until_told(daemon, counted, expected)

    def test_what_a_restart_has_written_is_not_told_by_a_kill_after_it(self):
        daemon = self.serve(LINE)
        stream = self.tcp(daemon)
        stream.sendall(b"a" * 1500)
        daemon.wait_for_bytes(0, 1500)
        daemon.restart(to_file(LINE, limits="max_record = 1024;"))
        self.wait_until_told(daemon, stream, ["a" * 1024])
        daemon.wait_until_done(1024)
        daemon.kill()
        stream.sendall(b"b\n")
        self.wait_until_told(daemon, stream,
                             ["a" * 1024, "lost bytes=476", "b"])

    def test_what_a_restart_left_is_not_believed_once_it_is_old(self):
        daemon = self.serve(LINE)
        stream = self.tcp(daemon)
        stream.sendall(b"one\ntw")
        daemon.wait_for_bytes(0, 6)
        daemon.leave()
        old = {name: daemon.keeper.content(name)
               for name in daemon.keeper.names()
               if name.startswith(("state ", "bytes "))}
        self.assertEqual(len(old), 2)
        daemon.start()
        stream.sendall(b"o\nthr")
        self.wait_until_told(daemon, stream, ["one", "two"])
        # As if it had been killed before systemd dropped that.
        for name, content in old.items():
            daemon.keeper.replace(name, content)
        daemon.kill()
        stream.sendall(b"ee\n")
        self.wait_until_told(daemon, stream,
                             ["one", "two", "lost bytes=3", "ee"])

    def test_idle_connections_lose_nothing_and_are_not_told_of(self):
        daemon = self.serve(LINE, COUNTED)
        streams = [self.tcp(daemon, i % 2) for i in range(40)]
        for stream in streams[:20]:
            stream.sendall(b"3 one" if stream in streams[1::2] else b"one\n")
        wait_for(lambda: len(self.told(daemon)) == 20)
        daemon.wait_until_known()
        daemon.wait_until_sent()
        before = daemon.bytes(self.log)
        for _ in range(3):
            daemon.kill()
        self.assertEqual(daemon.bytes(self.log), before)
        for i, stream in enumerate(streams):
            self.assert_open(stream)
            stream.sendall(b"3 two" if i % 2 else b"two\n")
            self.wait_until_told(daemon, stream,
                                 ["one", "two"] if i < 20 else ["two"])
        self.assertNotIn(" * ", daemon.text(self.log))

    def test_peers_that_end_while_nobody_runs(self):
        daemon = self.serve(LINE)
        names, rests = [], ("fin", "reset")
        streams = [self.tcp(daemon) for _ in rests]
        for stream in streams:
            stream.sendall(b"one\ntw")
        daemon.wait_for_bytes(0, 6 * len(rests))
        wait_for(lambda: len(self.told(daemon)) == len(rests))
        daemon.freeze()
        for stream, rest in zip(streams, rests):
            names.append(harness.name_of(stream))
            stream.sendall(b"o\nthree\n")
            if rest == "fin":
                stream.shutdown(socket.SHUT_WR)
            else:
                harness.reset(stream)
        daemon.fell()
        daemon.start()
        wait_for(lambda: daemon.text(self.log).count(" closed ") == 2)
        for name, reason in zip(names, ("eof", "reset")):
            *told, closed = [r.data for r in daemon.of(name, self.log)]
            self.assertEqual(told[-3:], ["lost bytes=2", "o", "three"])
            self.assertIn(f"closed reason={reason} records=3 bytes=14 ",
                          closed)

    def test_a_peer_that_ends_and_resets_while_nobody_runs(self):
        daemon = self.serve(LINE)
        stream = self.tcp(daemon)
        stream.sendall(b"one\ntw")
        daemon.wait_for_bytes(0, 6)
        wait_for(lambda: self.told(daemon) == ["one"])
        daemon.wait_until_done(4)
        daemon.freeze()
        stream.shutdown(socket.SHUT_WR)
        harness.reset(stream)
        daemon.fell()
        daemon.start()
        wait_for(lambda: daemon.text(self.log).count(" closed ") == 1)
        self.assertEqual(self.told(daemon)[1:-1], ["lost bytes=2"])
        self.assertIn("closed reason=eof records=1 bytes=6 ",
                      self.told(daemon)[-1])

    def fell_at_the_end(self, use):
        """A kill as a connection ended; its use is what the state says."""
        daemon = self.serve(LINE)
        self.tcp(daemon)  # what is in flight behind it is not dropped
        wait_for(lambda: len(daemon.open()) == 1, "the first")
        stream = self.tcp(daemon)
        wait_for(lambda: len(daemon.open()) == 2, "the second")
        daemon.wait_until_sent()
        stream.sendall(b"0123456789" * 3)
        stream.shutdown(socket.SHUT_WR)
        self.assertEqual(harness.end_of(stream), b"")
        wait_for(lambda: len(daemon.open()) == 1, "its end")
        daemon.fell()
        name = daemon.keeper.state_name()
        state = bytearray(daemon.keeper.content(name))
        header, listener, connection, listeners = struct.unpack_from(
            "4I", state, 16)
        at = header + listeners * listener + connection + 192
        # Gone, or about to be: it was killed behind its FIN.
        self.assertIn(struct.unpack_from("I", state, at), ((0,), (2,)))
        struct.pack_into("I", state, at, use)
        daemon.keeper.replace(name, state)
        before = daemon.bytes(self.log)
        daemon.start()
        return daemon, before

    def test_one_whose_end_is_in_the_log_is_told_of_once(self):
        for use in (0, 2):  # gone, or about to be
            with self.subTest(use):
                daemon, before = self.fell_at_the_end(use)
                wait_for(lambda: daemon.counters()["line"]["connections"] == 1,
                         "it to be dropped")
                self.assertEqual(daemon.bytes(self.log), before)
                self.assertEqual(before.count(b" closed reason=eof "), 1)

    def test_one_whose_end_was_not_told_lost_nothing(self):
        daemon, _ = self.fell_at_the_end(1)
        wait_for(lambda: daemon.text(self.log).count(" closed ") == 2)
        self.assertNotIn(" lost ", daemon.text(self.log))
        self.assertEqual(daemon.text(self.log).count(
            "closed reason=eof records=1 bytes=30 "), 2)

    def test_its_number_is_not_given_to_another(self):
        daemon = self.serve(LINE, more='format = "json";')
        for number in range(1, 2 * TURNS, 2):
            for again in range(2):
                stream = self.tcp(daemon)
                stream.sendall(b"one\n")
                stream.shutdown(socket.SHUT_WR)
                self.assertEqual(harness.end_of(stream), b"")
                self.assertEqual(daemon.json(self.log)[-1]["connection"],
                                 number + again)
            daemon.kill()

    def test_numbers_go_on_and_do_not_come_twice(self):
        daemon = self.serve(LINE, UDP, more='format = "json";')
        stream, sender = self.tcp(daemon), self.udp(daemon, 1)
        for i in range(3):
            stream.sendall(b"one\n")
            sender.send(b"one")
            wait_for(lambda n=2 * i + 2: len(daemon.json(self.log)) == n)
            daemon.kill()
        for protocol in ("tcp", "udp"):
            self.assertEqual([r["record"] for r in daemon.json(self.log)
                              if r["protocol"] == protocol], [1, 2, 3])


class BetweenReads(keeper.Case):
    """A kill after recv(2) returned, before anything else is done."""

    def cost(self, listener, before, given, restarts, calls):
        """Kill after so many of them; returns the next daemon and the peer."""
        daemon = self.serve(listener)
        stream = self.tcp(daemon)
        stream.sendall(before)
        daemon.wait_for_bytes(0, len(before))
        if restarts:
            daemon.restart()
        daemon.wait_until_sent()
        with Tracer(daemon, "conn") as tracer:
            stream.sendall(given)
            for _ in range(calls):
                self.assertEqual(tracer.run_until_it_has("recvfrom"),
                                 len(given))
            tracer.kill()
        daemon.wait()
        daemon.start()
        return daemon, stream

    def assert_costs(self, listener, parts, expected, restarts=False, calls=1):
        before, given, after = parts
        daemon, stream = self.cost(listener, before, given, restarts, calls)
        stream.sendall(after)
        stream.shutdown(socket.SHUT_WR)
        harness.end_of(stream)
        *told, closed = self.told(daemon, stream)
        self.assertEqual(told, expected)
        self.assertIn("closed reason=eof ", closed)
        self.assertIn(f" bytes={sum(map(len, parts))} ", closed)

    def test_of_a_stream_it_is_told(self):
        for listener, end in ((LINE, b"\n"), (NUL, b"\0")):
            with self.subTest(listener):
                self.assert_costs(
                    listener, (b"one" + end + b"tw", b"o" + end + b"thr",
                               b"ee" + end),
                    ["one", "lost bytes=7", "ee"])

    def test_what_a_restart_saved_before_is_told_with_it(self):
        self.assert_costs(LINE, (b"one\ntw", b"o\nthr", b"ee\n"),
                          ["one", "lost bytes=7", "ee"],
                          restarts=True)

    # Of a counted stream the first call looks, and the second one takes.

    def test_what_was_only_looked_at_is_read_again(self):
        for listener, parts, expected, restarts in (
                (COUNTED, (b"3 one", b"3 two10 thr", b"ee more3 two"),
                 ["one", "two", "three more", "two"], False),
                (COUNTED, (b"3 one1", b"0 ten", b" octets"),
                 ["one", "ten octets"], False),
                (COUNTED, (b"3 one10 un", b"fin", b"ished3 two"),
                 ["one", "lost bytes=2", "finished", "two"], False),
                (COUNTED, (b"3 one10 un", b"fin", b"ished3 two"),
                 ["one", "unfinished", "two"], True),
                (LENGTH, (b"\0\3one\0", b"\3two\0\5th", b"ree"),
                 ["one", "two", "three"], False)):
            with self.subTest(parts, restarts=restarts):
                self.assert_costs(listener, parts, expected, restarts)

    def test_of_frames_it_is_told_and_those_after_it_are_whole(self):
        for listener, parts, expected in (
                (COUNTED, (b"3 one10 un", b"fin", b"ished3 two"),
                 ["one", "lost bytes=5", "ished", "two"]),
                (COUNTED, (b"3 one10 un", b"finished", b"3 two"),
                 ["one", "lost bytes=10", "two"]),
                (COUNTED, (b"3 one10 un", b"finished", b""),
                 ["one", "lost bytes=10"]),
                (COUNTED, (b"3 one", b"3 two10 thr", b"ee more3 two"),
                 ["one", "lost bytes=11", "ee more", "two"]),
                (COUNTED, (b"3 one1", b"0 ten octets1", b"0 ten octets"),
                 ["one", "lost bytes=13", "ten octets"]),
                (LENGTH, (b"\0\3one\0", b"\3two\0\5th", b"ree\0\0"),
                 ["one", "lost bytes=9", "ree", ""])):
            with self.subTest(parts):
                self.assert_costs(listener, parts, expected, calls=2)


class First(keeper.Case):
    """The first start of all."""

    def test_drops_of_a_socket_that_no_state_knows_yet_are_told(self):
        port = harness.free_port()
        daemon = self.serve(udp("dgram", "receive_buffer = 4096;").replace(
            "port = 0", f"port = {port}"), start=False)
        daemon.launch()
        # It sends the pair, the socket, and the state.
        self.assertTrue(Calls(daemon, "sendmsg").kill_at(4))
        daemon.wait()
        self.assertEqual(daemon.keeper.kinds(), [
            "inflight receive", "inflight send", "listener"])
        daemon.listening = [("dgram", "udp", "", port)]
        sender = self.udp(daemon)
        for _ in range(500):
            sender.send(b"x" * 100)
        daemon.start()

        def told():
            told = self.told(daemon)
            return sum(map(accounting.lost_in, told)) + told.count("x" * 100)
        wait_for(lambda: told() == 500, "all to be told")


class Retired(keeper.Case):
    """A listener that is not configured any more, and who waits there."""

    def test_who_was_accepted_is_told(self):
        daemon = self.serve(LINE, LF)
        wait_for(lambda: daemon.keeper.heard("READY"), "the start")
        daemon.freeze()
        waiting = [self.tcp(daemon, 1) for _ in range(3)]
        for stream in waiting:
            stream.sendall(b"one\ntw")
        daemon.fell()
        daemon.configure(to_file(LINE))
        daemon.launch()
        self.assertTrue(Calls(daemon, "accept4").kill_at(3))
        daemon.wait()
        daemon.start()
        wait_for(lambda: daemon.text(self.log).count(" closed ") == 3,
                 "all to be told")
        told = [self.told(daemon, stream) for stream in waiting]
        self.assertEqual(sum(t[:2] == ["one", "tw"] for t in told), 1)
        self.assertEqual(sum("reason=killed" in t[0] for t in told), 2)


class Counted(keeper.Case):
    """What is counted for a note of each minute."""

    REFUSED = "refused connections=%d peer=%s"

    def summaries(self, daemon):
        return [r.data for r in daemon.records(self.log) if r.peer == "-"]

    def refuse(self, daemon, count):
        for _ in range(count):
            self.assert_refused(self.tcp, daemon)

    def test_what_a_killed_process_had_counted_is_told_once(self):
        daemon = self.serve(tcp("line", "max_connections_per_source = 1;"))
        self.tcp(daemon).sendall(b"one\n")
        wait_for(lambda: self.told(daemon) == ["one"])
        expected = []
        for count in 3, 2:
            self.refuse(daemon, count)
            daemon.kill()
            expected.append(self.REFUSED % (count, "-"))
            wait_for(lambda: self.summaries(daemon) == expected, "the note")
        daemon.restart()
        self.refuse(daemon, 4)
        daemon.restart()
        expected.append(self.REFUSED % (4, "127.0.0.1 reason=limit"))
        self.assertEqual(self.summaries(daemon), expected)
        self.assertEqual(daemon.counters()["line"]["refused"], 9)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.summaries(daemon), expected)


class Limited(keeper.Case):
    """Few descriptors, for a user whom the kernel holds to that."""

    def serve_limited(self, descriptors):
        harness.needs_root()
        # All processes of a user together have that many in flight.
        user = 60000 + os.getpid() % 5000
        daemon = self.serve(
            LINE, UDP, start=False, limits="max_connections = 160;",
            wrap=("/usr/bin/prlimit", f"--nofile={descriptors}",
                  "/usr/bin/setpriv", f"--reuid={user}", "--regid=65534",
                  "--clear-groups"))
        daemon.keeper.open_to_all()
        os.chown(daemon.dir, user, 65534)
        daemon.start()
        return daemon

    def test_what_has_ended_takes_no_place_in_flight(self):
        daemon = self.serve_limited(200)
        streams = []
        for turn in range(4):
            streams += [self.tcp(daemon) for _ in range(100)]
            for stream in streams[-100:]:
                stream.sendall(b"tw")
            daemon.wait_for_bytes(0, 200 * turn + 200)
            daemon.wait_until_sent()
            # Of each message one lives on.
            for stream in streams[turn + 1:]:
                stream.close()
            del streams[turn + 1:]
            wait_for(lambda n=turn + 1: len(daemon.open()) == n, "the ends")
        for end in (daemon.restart, daemon.kill, daemon.kill, daemon.restart):
            end()
            for stream in streams:
                self.assert_open(stream)
        for stream in streams:
            stream.sendall(b"o\n")
            self.wait_until_told(daemon, stream, ["two"])

    def test_with_fewer_descriptors_those_that_have_none_are_told(self):
        daemon = self.serve_limited(150)
        most = int(re.search(r"using (\d+)", daemon.errors())[1])
        streams = [self.tcp(daemon) for _ in range(most)]
        for stream in streams:
            stream.sendall(b"one\ntw")
        daemon.wait_for_bytes(0, 6 * most)
        daemon.restart()
        for stream in streams:
            self.assert_open(stream)
        daemon.arguments[1] = "--nofile=90"
        daemon.restart()
        daemon.wait_for_error("cannot continue with all connections")
        wait_for(lambda: self.told(daemon).count("tw") >= most - 90,
                 "the ends")
        daemon.wait_until_sent()
        daemon.kill()
        going = 0
        for stream in streams:
            with contextlib.suppress(ConnectionError):
                stream.sendall(b"o\n")
        for stream in streams:
            wait_for(lambda s=stream: len(self.told(daemon, s)) > 1, "an end")
            *told, last = self.told(daemon, stream)
            going += last == "two"
            if last != "two":
                self.assertEqual(told, ["one", "tw"])
                self.assertIn("closed reason=killed records=2 bytes=6 ", last)
        self.assertGreater(going, 30)
        self.assertLess(going, 90)


class Pipe:
    """A stalled output: a pipe that is full of empty lines."""

    def __init__(self, path):
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.content = b""
        fcntl.fcntl(self.fd, F_SETPIPE_SZ, 4096)

    def fill(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.fd, b"\n")

    def drain(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.content += os.read(self.fd, 65536)

    def records(self):
        """The bytes that were written to it, without its filling."""
        self.drain()
        whole = self.content.rpartition(b"\n")[0].decode()
        return [harness.Record(line) for line in whole.split("\n") if line]

    def close(self):
        os.close(self.fd)


class Stalled(keeper.Case):
    """Many records wait for a stalled output."""

    def serve_pipe(self, *listeners, **options):
        """A daemon, and the pipe that stalls it."""
        directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.addCleanup(directory.cleanup)
        pipe = Pipe(directory.name + "/pipe")
        self.addCleanup(pipe.close)
        daemon = self.serve(*listeners, path=directory.name + "/pipe",
                            **options)
        self.addCleanup(pipe.drain)
        pipe.fill()
        return daemon, pipe

    def test_a_stream_of_each_framing(self):
        for listener, frame in (
                (LINE, b"%s\n"), (LINE, b"%s\r\n"), (LF, b"%s\n"),
                (NUL, b"%s\0"), (CHUNK, b"%s")):
            with self.subTest(listener):
                blob = b"".join(frame % accounting.record(b"x", n, 200)
                                for n in range(1500))
                read, told = self.cost(listener, blob)
                self.assertEqual(told[0].data, f"lost bytes={read}")
                rest = [harness.unescape(r.data) for r in told[1:-1]]
                self.assertEqual(b"".join(
                    [frame % data for data in rest]), blob[read:])
        frames = [b"%d %s" % (len(r), r) for r in (
            accounting.record(b"x", n, 200) for n in range(1500))]
        read, told = self.cost(COUNTED, b"".join(frames))
        rest, begin = [], 0
        for frame in frames:
            data, end = begin + frame.index(b" ") + 1, begin + len(frame)
            if end > read:
                rest.append(frame[max(data, read) - begin:])
            if begin <= read < data:
                read = begin if read < data - 1 else read
            begin = end
        lost = int(re.fullmatch(r"lost bytes=(\d+)", told[0].data)[1])
        self.assertEqual(lost, read)
        self.assertEqual([harness.unescape(r.data) for r in told[1:-1]],
                         rest)

    def cost(self, listener, blob):
        """Kill it with as much read as it takes, and send the rest."""
        daemon, pipe = self.serve_pipe(listener)
        stream = self.tcp(daemon)
        stream.sendall(blob)
        name = daemon.listening[0][0]
        read = wait_for(lambda: daemon.counters()[name]["bytes"], "a read")
        daemon.fell()
        pipe.drain()
        self.assertEqual(pipe.content.strip(), b"")
        daemon.start()
        stream.shutdown(socket.SHUT_WR)
        peer = harness.name_of(stream)
        wait_for(lambda: any("closed" in r.data for r in pipe.records()
                             if r.tag == "*"), "the end")
        told = [r for r in pipe.records() if r.peer == peer]
        self.assertIn(f" bytes={len(blob)} ", told[-1].data)
        self.assertGreater(len(blob), read)
        self.assertGreater(read, 10000)
        return read, told

    def test_datagrams(self):
        daemon, pipe = self.serve_pipe(UDP)
        sender = self.udp(daemon)
        for n in range(200):
            sender.send(b"%d" % n)
        wait_for(lambda: daemon.counters()["dgram"]["bytes"], "a read")
        daemon.fell()
        pipe.drain()
        daemon.start()

        def lost():
            return sum(accounting.lost_in(r.data) for r in pipe.records()
                       if r.tag == "*")

        def numbers():
            return [int(r.data) for r in pipe.records() if r.tag == "F"]
        wait_for(lambda: lost() + len(numbers()) >= 200, "all of them")
        self.assertEqual(numbers(), list(range(lost(), 200)))
        self.assertTrue(0 < lost() <= 64)
        wait_for(lambda: daemon.counters()["dgram"]["lost"] == lost(),
                 "all to be counted")

    def test_a_saved_record_that_is_too_long_now(self):
        large, small = ("max_record = 1000000;", "max_record = 1024;")
        daemon, pipe = self.serve_pipe(LINE, limits=large)
        pipe.drain()
        stream = self.tcp(daemon)
        stream.sendall(b"x" * 500000)
        daemon.wait_for_bytes(0, 500000)
        path = os.path.dirname(os.readlink(f"/proc/self/fd/{pipe.fd}"))
        daemon.restart(to_file(LINE, path=path + "/pipe", limits=small))

        def read():  # more than what is written at once
            with contextlib.suppress(BlockingIOError):
                pipe.content += os.read(pipe.fd, 4096)
            return len(pipe.content) > 150000
        wait_for(read, "the first pieces")
        daemon.fell()
        pipe.drain()
        missing = 500000 - pipe.content.count(b"x")
        daemon.start()
        stream.sendall(b"y\n")
        wait_for(lambda: pipe.drain() or b"F y\n" in pipe.content, "the end")
        lost = sum(map(int, re.findall(rb"lost bytes=(\d+)", pipe.content)))
        self.assertGreaterEqual(lost, missing)
        self.assertLess(lost, missing + 2 * 65536)

    def test_while_it_drains_for_a_restart_that_is_refused(self):
        daemon, pipe = self.serve_pipe(tcp("line", "max_connections = 1;"),
                                       UDP)
        first, sender = self.tcp(daemon), self.udp(daemon, 1)
        first.sendall(b"first\n")
        for n in range(200):
            sender.send(b"%d" % n)
        daemon.wait_for_bytes(0, 6)
        second = self.tcp(daemon)
        second.sendall(b"second\n")
        daemon.wait_until_sent()
        with open(daemon.arguments[-1], encoding="utf-8") as file:
            good = file.read()
        daemon.configure("listeners = 1;\n")
        daemon.keeper.job = "restart"
        daemon.signal(SIGTERM)
        daemon.wait_for_error("cannot restart: ending all in order")
        wait_for(lambda: len(daemon.keeper.heard("STOPPING")) == 1, "the end")
        daemon.signal(SIGKILL)
        daemon.wait()
        daemon.configure(good)
        pipe.drain()
        daemon.start()

        def counted():
            found = [r for r in pipe.records() if r.listener == "dgram"]
            return sum(accounting.lost_in(r.data) if r.tag == "*" else 1
                       for r in found)
        wait_for(lambda: counted() == 200, "the datagrams")
        first.close()
        wait_for(lambda: "second" in [r.data for r in pipe.records()],
                 "who waited to be accepted")

    def test_a_restart_keeps_unfinished_records_of_others(self):
        daemon, pipe = self.serve_pipe(
            tcp("stuck", 'outputs = ["file"];'),
            tcp("free", 'outputs = ["other"];'),
            limits="shutdown_timeout = 1;", more='name = "file"; }, '
            '{ type = "file"; name = "other"; path = "@DIR@/log";')
        stuck, free = self.tcp(daemon), self.tcp(daemon, 1)
        stuck.sendall(b"one\ntw")
        free.sendall(b"one\ntw")
        daemon.wait_for_bytes(0, 6)
        daemon.wait_for_bytes(1, 6)
        daemon.signal(SIGTERM)
        self.assertEqual(daemon.wait(), 1)
        self.assertIn("output file: 1 records unwritten", daemon.errors())
        pipe.drain()
        daemon.start()
        for stream in (stuck, free):
            stream.sendall(b"o\n")
        self.wait_until_told(daemon, free, ["one", "two"])
        wait_for(lambda: [r.data for r in pipe.records()] ==
                 ["lost bytes=6", "o"])

    def test_the_next_process_serves_and_ends_though_it_cannot_tell_yet(self):
        daemon, pipe = self.serve_pipe(LINE, UDP)
        stream, sender = self.tcp(daemon), self.udp(daemon, 1)
        stream.sendall(b"one\n")
        sender.send(b"one")
        wait_for(lambda: all(c["bytes"] for c in daemon.counters().values()),
                 "both to be read")
        daemon.kill()
        wait_for(lambda: len(daemon.keeper.heard("READY")) == 2, "READY")
        late = self.tcp(daemon)
        late.sendall(b"late\n")
        daemon.signal(SIGTERM)
        daemon.wait_for_error("restarting")
        pipe.drain()
        self.assertEqual(daemon.wait(), 0)
        daemon.start()
        wait_for(lambda: "late" in [r.data for r in pipe.records()], "late")
        told = sorted(r.data for r in pipe.records() if r.data != "late")
        self.assertEqual(told, ["lost bytes=4", "lost datagrams=1"])


if __name__ == "__main__":
    harness.main(jobs=4)
