# SPDX-License-Identifier: MIT
"""Kills of busy processes: what is told as lost is what is missing, exactly.

The first tests are of losses.py itself: a log in which a byte is missing and
not told is refused.
"""
import socket
import unittest
from signal import SIGKILL

import harness
import accounting
import keeper
import losses
from harness import TURNS, wait_for
from keeper import tcp, udp
from tracer import Tracer

LINE, LF, NUL, COUNTED, UDP = (
    tcp("line"), tcp("lf", 'framing = "lf";'), tcp("nul", 'framing = "nul";'),
    tcp("counted", 'framing = "octet-counted";'), udp("dgram"))
KILLS = 25


class Peer:
    """A stream of ten records that was sent."""

    spread, max_record = 40, 50

    def __init__(self, framing=accounting.LF, ended=True):
        self.sender, self.framing, self.number = b"a", framing, 10
        self.sent = self.acked = sum(len(self.frame(n)) for n in range(10))
        self.peer, self.ended = "p", ended

    frame = accounting.Stream.frame

    def record(self, number):
        return accounting.record(self.sender, number, self.spread)


class Checks(unittest.TestCase):
    """Logs made by hand, right and wrong."""

    def entries(self, *said):
        """Of texts, which are notes, and of bytes, which are records."""
        return [accounting.Entry("line", "p", "*", s) if isinstance(s, str)
                else accounting.Entry("line", "p", "F", s) for s in said]

    def assert_passes(self, peer, *said, twice=0):
        self.assertEqual(losses.check_killed(peer, self.entries(*said), 2),
                         twice)

    def assert_refused(self, peer, *said, kills=2):
        with self.assertRaises(AssertionError):
            losses.check_killed(peer, self.entries(*said), kills)

    def test_what_is_told_is_what_is_missing(self):
        for framing in (accounting.LF, accounting.NUL, accounting.COUNTED):
            peer = Peer(framing)
            r = [peer.record(n) for n in range(10)]
            size = [len(peer.frame(n)) for n in range(10)]
            self.assert_passes(peer, *r)
            lost = size[3] + size[4]
            # Whether a count was lost too cannot be seen.
            head = 0 if framing != accounting.COUNTED else (
                peer.frame(3).index(b" ") + 1)
            for count, passes in ((lost - head - 1, False), (lost, True),
                                  (lost + size[2], True)):
                said = [*r[:3], f"lost bytes={count}", *r[5:]]
                if passes:
                    self.assert_passes(peer, *said, twice=count - lost)
                else:
                    self.assert_refused(peer, *said, kills=1)
            self.assert_refused(peer, *r[:3], *r[5:])
            self.assert_refused(peer, *r[:3], *r[2:])
            self.assert_refused(peer, *r[:-1])
            self.assert_refused(peer, *r[:3], *r[5:], f"lost bytes={lost}")

    def test_a_rest_shows_where_it_goes_on(self):
        peer = Peer(accounting.LF)
        r = [peer.record(n) for n in range(10)]
        for cut in range(1, len(r[3]) + 1):
            self.assert_passes(peer, *r[:3], f"lost bytes={cut}", r[3][cut:],
                               *r[4:])
            self.assert_refused(peer, *r[:3], f"lost bytes={cut - 1}",
                                r[3][cut:], *r[4:])
            self.assert_refused(peer, *r[:3], f"lost bytes={cut}",
                                r[3][cut:] + b"x", *r[4:])

    def test_a_count_is_not_told(self):
        peer = Peer(accounting.COUNTED)
        r = [peer.record(n) for n in range(10)]
        for cut in range(1, len(r[3])):
            self.assert_passes(peer, *r[:3], f"lost bytes={cut}", r[3][cut:],
                               *r[4:], twice=-peer.frame(3).index(b" ") - 1)
            self.assert_refused(peer, *r[:3], f"lost bytes={cut - 1}",
                                r[3][cut:], *r[4:])

    def test_two_kills_one_after_the_other(self):
        peer = Peer(accounting.LF)
        r = [peer.record(n) for n in range(10)]
        self.assert_passes(peer, *r[:3], "lost bytes=2", "lost bytes=3",
                           r[3][5:], *r[4:])
        self.assert_passes(peer, *r[:3], "lost bytes=2", r[3][2:],
                           "lost bytes=3", r[4][3:], *r[5:])

    def test_the_end_is_where_the_note_says(self):
        peer = Peer(accounting.LF)
        r = [peer.record(n) for n in range(10)]
        at = sum(len(peer.frame(n)) for n in range(3))
        closed = "closed reason=killed records=3 bytes={} seconds=1.000"
        self.assert_passes(peer, *r[:3], "lost bytes=2", closed.format(at + 2))
        self.assert_refused(peer, *r[:3], "lost bytes=2",
                            closed.format(at + 3))
        self.assert_refused(peer, *r[:3], "lost bytes=2")

    def test_a_line_that_was_cut_is_told(self):
        peer = Peer(accounting.LF)
        r = [peer.record(n) for n in range(10)]
        lost = f"lost bytes={len(r[3]) + 1}"
        self.assert_passes(peer, *r[:3], r[3][:-1], lost, *r[4:])
        self.assert_refused(peer, *r[:3], r[3][:-1], *r[4:])

    def test_what_is_missing_doubled_or_torn_is_refused(self):
        for framing in (accounting.LINE, accounting.LF, accounting.NUL,
                        accounting.COUNTED, accounting.MLLP, accounting.CHUNK,
                        *(accounting.length(size, order) for size in (1, 2, 4)
                          for order in ("big", "little"))):
            peer = Peer(framing)
            r = [peer.record(n) for n in range(10)]
            half = len(r[4]) // 2
            for said in ([*r[:4], *r[5:]], r[1:], r[:-1], [*r[:5], *r[4:]],
                         [*r, r[0]], [r[1], r[0], *r[2:]],
                         [*r[:4], r[4][:half], *r[5:]],
                         [*r[:4], r[4][:-1] + b"~", *r[5:]],
                         [*r, "lost bytes=65537"]):
                self.assert_refused(peer, *said, kills=1)
            if framing != accounting.CHUNK:  # of which each read is a record
                self.assert_refused(peer, *r[:4], r[4][:half], r[4][half:],
                                    *r[5:])
            for tag in "PE":
                with self.assertRaises(AssertionError):
                    entries = self.entries(*r[:4], r[4][:half], r[4][half:],
                                           *r[5:])
                    entries[4].tag = tag
                    losses.check_killed(peer, entries, 1)

    def test_pieces_are_as_long_as_a_record_may_be(self):
        peer = Peer()
        peer.max_record = 20
        r = [peer.record(n) for n in range(10)]
        long = next(n for n in range(10) if len(r[n]) > 20)
        for cut, is_right in ((20, True), (17, True), (16, False)):
            entries = self.entries(*r[:long], r[long][:cut], r[long][cut:],
                                   *r[long + 1:])
            entries[long].tag = "P"
            if is_right:
                losses.check_killed(peer, entries, 1)
            else:
                with self.assertRaises(AssertionError):
                    losses.check_killed(peer, entries, 1)

    def test_as_many_notes_as_kills(self):
        peer = Peer()
        r = [peer.record(n) for n in range(10)]
        self.assert_refused(peer, *r[:3], "lost bytes=2", r[3][2:],
                            "lost bytes=3", r[4][3:], *r[5:], kills=1)

    def test_an_end_in_order_is_a_receipt(self):
        closed = "closed reason={} records=3 bytes={} seconds=1.000"
        sent = Peer().sent
        for ended, kills, reason, count, is_right in (
                (True, 0, "eof", sent, True), (True, 1, "eof", sent, True),
                (True, 0, "eof", sent - 1, False),
                (True, 1, "killed", sent, False), (True, 1, None, 0, False),
                (False, 0, "reset", sent, True),
                (False, 0, "reset", sent - 1, False),
                (False, 1, "reset", sent - 1, False),
                (False, 1, "killed", 5, True), (False, 0, "killed", 5, False),
                (False, 1, None, 0, True), (False, 0, None, 0, False)):
            entries = self.entries(*([closed.format(reason, count)]
                                     if reason else []))
            with self.subTest((ended, kills, reason, count)):
                if is_right:
                    losses.check_end(Peer(ended=ended), entries, kills)
                else:
                    with self.assertRaises(AssertionError):
                        losses.check_end(Peer(ended=ended), entries, kills)

    def test_lines_that_kills_have_cut(self):
        lines = [b"2026-11-23T07:12:01.123456Z line p F %d\n" % n
                 for n in range(3)]
        cut = b"".join([lines[0], lines[1][:20] + b"\n", lines[2]])
        self.assertEqual([e.data for e in losses.entries_of(cut, 1)],
                         [b"0", b"2"])
        with self.assertRaises(AssertionError):
            losses.entries_of(cut, 0)

    def datagrams(self, framing="datagram", spread=40):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
            sender = accounting.Datagrams(
                unused, "a", peer="p", listener="line", framing=framing,
                spread=spread)
        sender.number = sender.sent = 10
        return sender

    def test_datagrams(self):
        sender = self.datagrams()
        r = [sender.datagram(n) for n in range(10)]

        def check(*said):
            return losses.check_killed_datagrams([sender],
                                                 self.entries(*said), 1)
        self.assertEqual(check(*r), 0)
        self.assertEqual(check(*r[:3], "lost datagrams=2", *r[5:]), 0)
        self.assertEqual(check(*r[:3], "lost datagrams=5", *r[5:]), 3)
        self.assertEqual(check(*r[:3], "refused datagrams=2 peer=127.3.0.1",
                               *r[5:]), 0)
        self.assertEqual(check(*r[:3], r[3][:-1], "lost datagrams=1", *r[4:]),
                         0)
        for said in (r[1:], [*r[:3], "lost datagrams=1", *r[5:]],
                     [*r, "lost datagrams=65"], [*r[:3], *r[2:]],
                     [r[1], r[0], *r[2:]], [*r[:3], r[3][:-1], *r[4:]],
                     [r[0][:-1], r[1][:-1], "lost datagrams=2", *r[2:]]):
            with self.assertRaises(AssertionError):
                check(*said)

    def test_what_never_came_to_a_socket_is_not_missed(self):
        sender = self.datagrams()
        r = self.entries(*(sender.datagram(n) for n in range(3, 10)))
        self.assertEqual(losses.check_killed_datagrams([sender], r, 0, 3), -3)
        with self.assertRaises(AssertionError):
            losses.check_killed_datagrams([sender], r, 0, 2)

    def test_datagrams_of_each_framing(self):
        for framing in ("exact", "line"):
            sender = self.datagrams(framing)
            r = [line for n in range(10) for line in (
                [sender.datagram(n)] if framing == "exact" else
                sender.datagram(n).split(b"\n"))]
            entries = self.entries(*r)
            losses.check_killed_datagrams([sender], entries, 1)
            for at in range(len(r)):
                with self.assertRaises(AssertionError):
                    losses.check_killed_datagrams(
                        [sender], entries[:at] + entries[at + 1:], 1)

    def test_a_datagram_that_is_too_long_is_cut_at_its_limit(self):
        sender = self.datagrams(spread=200)
        sender.max_record = 60
        r = [sender.datagram(n) for n in range(10)]
        n = next(n for n in range(10) if len(r[n]) > 60)
        for tag, size, is_right in (("T", 60, True), ("T", 57, True),
                                    ("T", 56, False), ("T", 61, False),
                                    ("F", 60, False), ("F", 0, False)):
            self.assertEqual(sender.place_of(tag, r[n][:size or None]),
                             (n, 0) if is_right else None)

    def test_all_of_it_by_peer_and_listener(self):
        peer, sender = Peer(), self.datagrams()
        sender.listener = "dgram"
        entries = self.entries(*map(peer.record, range(10)))
        entries += self.entries(
            f"closed reason=eof records=10 bytes={peer.sent} seconds=1.000")
        entries += [accounting.Entry("dgram", "p", "F", sender.datagram(n))
                    for n in range(10)]
        self.assertEqual(losses.check(entries, [peer], [sender], 0), 0)
        for at in range(len(entries)):
            with self.assertRaises(AssertionError):
                losses.check(entries[:at] + entries[at + 1:], [peer],
                             [sender], 0)
        reset = Peer(ended=False)
        reset.peer = "q"
        self.assertEqual(losses.check(entries, [peer, reset], [sender], 1), 1)


class Busy(keeper.Case):
    """Twenty-four peers that never pause, and datagrams."""

    def wait_for_more(self, count):
        """Wait until each has sent so many more records."""
        wanted = [(s, s.number + count) for s in self.senders()]
        wait_for(lambda: all(s.number >= number or s.cut_off
                             for s, number in wanted), "all to send more")

    def test_kills_of_busy_peers(self):
        daemon = self.serve(LINE, LF, NUL, COUNTED, UDP)
        for i, name in enumerate("abcdefghijklmnopqrstuvwx"):
            framing = (accounting.LF, accounting.LF, accounting.NUL,
                       accounting.COUNTED)[i % 4]
            self.stream(daemon, name, i % 4, kind=accounting.Halves, burst=3,
                        rate=600, framing=framing)
        self.datagrams_of(daemon, "y", 4, rate=3000)
        kills = KILLS if TURNS < 10 else 10 * TURNS
        for kill in range(kills):
            self.wait_for_more(20 + kill % 10)
            daemon.kill()
        self.check_killed(daemon, kills)

    def test_of_many_peers_each_is_told(self):
        # Places of the state are used again, and never run out.
        daemon = self.serve(LINE, limits="max_connections = 410;")
        old = [self.tcp(daemon) for _ in range(200)]
        for _ in range(15):
            short = [daemon.tcp() for _ in range(200)]
            for stream in short:
                harness.reset(stream)  # which leaves no port in TIME_WAIT
        wait_for(lambda: daemon.counters()["line"]["connections"] == 200,
                 "the short ones to end")
        new = [self.tcp(daemon) for _ in range(200)]
        for stream in new:
            stream.sendall(b"0123456789")
        daemon.wait_for_bytes(0, 2000)
        daemon.kill()
        for stream in old:
            stream.sendall(b"old\n")
        for stream in new:
            stream.sendall(b"new\n")
        for peers, expected in ((old, ["old"]),
                                (new, ["lost bytes=10", "new"])):
            names = [harness.name_of(stream) for stream in peers]
            wait_for(lambda e=expected, n=names: self.of_all(daemon, n) ==
                     [e] * 200, expected)

    def of_all(self, daemon, names):
        """What is told of each of these peers."""
        told = {name: [] for name in names}
        for record in daemon.records(self.log):
            if record.peer in told:
                told[record.peer].append(record.data)
        return list(told.values())

    def fell_young(self):
        """Kill a process whose peers are younger than a second."""
        daemon = self.serve(LINE, COUNTED)
        line = [self.tcp(daemon) for _ in range(20)]
        counted = [self.tcp(daemon, 1) for _ in range(20)]
        for stream in line:
            stream.sendall(b"one\nsome")
        for stream in counted:
            stream.sendall(b"3 one9 some")
        daemon.wait_for_bytes(0, 160)
        daemon.wait_for_bytes(1, 220)
        wait_for(lambda: all(c.done for c in daemon.open()), "the records")
        daemon.signal(SIGKILL)
        daemon.wait()
        daemon.start()
        return daemon, line, counted

    def test_of_young_peers_what_was_in_hand_is_told(self):
        daemon, line, counted = self.fell_young()
        while daemon.keeper.in_flight():  # it took too long
            daemon, line, counted = self.fell_young()
        for stream in line + counted:
            with self.assertRaises(ConnectionResetError):
                stream.recv(1)
        wait_for(lambda: daemon.text(self.log).count(" closed ") == 40, "all")
        for streams, rest, closed in (
                (line, [], "records=1 bytes=8 "),
                (counted, [""], "records=2 bytes=11 ")):
            for told in self.of_all(daemon, map(harness.name_of, streams)):
                self.assertEqual(told[:-1], ["one", "lost bytes=4", *rest])
                self.assertIn("closed reason=killed " + closed, told[-1])



class Datagrams(keeper.Case):
    """A kill between two steps of the thread that reads them."""

    def kill_behind(self, call):
        """Returns how many datagrams were told as lost, and are in the log."""
        daemon = self.serve(UDP)
        sender = self.udp(daemon)
        sender.send(b"first")
        self.wait_until_told(daemon, sender, ["first"])
        with Tracer(daemon, "recv") as tracer:
            for number in range(100):
                sender.send(b"%d" % number)
            tracer.run_until_it_has(call)
            tracer.kill()
        daemon.wait()
        daemon.start()
        sender.send(b"last")
        wait_for(lambda: daemon.listeners() == [(102, 102)], "the last")
        self.assertEqual(daemon.stop(), 0)
        told = self.told(daemon)
        logged = [int(data) for data in told if data.isdigit()]
        lost = sum(map(accounting.lost_in, told))
        self.assertEqual(logged, sorted(set(logged)))
        self.assertEqual(len(told), len(logged) + 3)
        return lost, logged

    def test_those_that_were_read_alone_are_told(self):
        for _ in range(TURNS):
            lost, logged = self.kill_behind("recvmmsg")
            self.assertGreater(lost, 0)
            self.assertEqual(logged, list(range(lost, 100)))

    def test_those_that_were_written_too_are_told_and_there(self):
        for _ in range(TURNS):
            lost, logged = self.kill_behind("write")
            self.assertGreater(lost, 0)
            self.assertEqual(logged, list(range(100)))


if __name__ == "__main__":
    harness.main(jobs=4)
