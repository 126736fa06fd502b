# SPDX-License-Identifier: MIT
"""UDP: each datagram is logged, or a note counts it as lost."""
import signal
import time
from datetime import datetime, timezone

import harness
from harness import configured, udp, unescape, wait_for

# A datagram, and its records in each framing.
DATAGRAMS = [
    # sent, datagram, exact, line
    (b"x", b"x", b"x", [b"x"]),
    (b"x\n", b"x", b"x\n", [b"x"]),
    (b"x\r\n", b"x", b"x\r\n", [b"x"]),
    (b"x\n\n", b"x\n", b"x\n\n", [b"x", b""]),
    (b"x\r\n\r\n", b"x\r\n", b"x\r\n\r\n", [b"x", b""]),
    (b"x\r\r\n", b"x\r", b"x\r\r\n", [b"x\r"]),
    (b"x\r", b"x\r", b"x\r", [b"x\r"]),
    (b"x\n\r", b"x\n\r", b"x\n\r", [b"x", b"\r"]),
    (b"", b"", b"", [b""]),
    (b"\n", b"", b"\n", [b""]),
    (b"\r\n", b"", b"\r\n", [b""]),
    (b"\r", b"\r", b"\r", [b"\r"]),
    (b"a\nb\r\nc", b"a\nb\r\nc", b"a\nb\r\nc", [b"a", b"b", b"c"]),
    (b"a\n\nb\n", b"a\n\nb", b"a\n\nb\n", [b"a", b"", b"b"]),
    (b" a\0b ", b" a\0b ", b" a\0b ", [b" a\0b "]),
    (b"\0", b"", b"\0", [b"\0"]),
    (b"\0x\0", b"\0x", b"\0x\0", [b"\0x\0"]),
    (b"x\0\0", b"x\0", b"x\0\0", [b"x\0\0"]),
    (b"x\n\0", b"x\n", b"x\n\0", [b"x", b"\0"]),
]


def seconds_of(record):
    """A record's time, as time.time() counts."""
    made = datetime.strptime(record.time, "%Y-%m-%dT%H:%M:%S.%fZ")
    return made.replace(tzinfo=timezone.utc).timestamp()


class Framing(harness.Case):

    def check(self, framing, expected):
        daemon = self.daemon(config=configured(udp(
            'framing = "%s";' % framing)))
        sender = self.udp(daemon)
        for datagram, *_ in DATAGRAMS:
            sender.send(datagram)
        daemon.wait_for_data(len(expected))
        self.assertEqual([(r.tag, unescape(r.data)) for r
                          in daemon.records()],
                         [("F", data) for data in expected])

    def test_datagram_drops_one_newline_at_the_end(self):
        self.check("datagram", [row[1] for row in DATAGRAMS])

    def test_exact_keeps_every_byte(self):
        self.check("exact", [row[2] for row in DATAGRAMS])

    def test_line_makes_a_record_of_each_line(self):
        self.check("line", [data for row in DATAGRAMS for data in row[3]])

    def test_datagram_is_the_default(self):
        daemon = self.daemon("-l", "udp:0")
        self.udp(daemon).send(b"a\nb\n")
        self.assertEqual(daemon.wait_for_data(1), ["a\\nb"])

    def test_one_port_serves_ipv4_and_ipv6(self):
        daemon = self.daemon("-l", "udp:0")
        for count, host in enumerate(("127.0.0.1", "::1"), 1):
            sender = self.udp(daemon, 0, host)
            sender.send(b"hello")
            daemon.wait_for_data(count)
            self.assertEqual(daemon.records()[-1].peer,
                             harness.name_of(sender))

    def test_records_are_numbered_from_1_for_each_listener(self):
        daemon = self.daemon(config="""
            listeners = ({ protocol = "udp"; port = 0; },
                         { protocol = "udp"; port = 0; framing = "line"; });
            outputs = ({ type = "stdout"; format = "json"; });""")
        senders = [self.udp(daemon, n) for n in (0, 0, 1)]
        for sender in senders:
            for _ in range(3):
                sender.send(b"a\nb")
        wait_for(lambda: len(daemon.json()) == 12, "12 records")
        for number, count in ((0, 6), (1, 6)):
            self.assertEqual(
                [o["record"] for o in daemon.json()
                 if o["listener"] == daemon.listening[number][0]],
                list(range(1, count + 1)))


class Sizes(harness.Case):

    def test_the_largest_datagram_is_whole(self):
        for framing in ("datagram", "exact", "line"):
            daemon = self.daemon(config=configured(udp(
                'framing = "%s";' % framing)))
            data = (bytes(range(32, 127)) * 700)[:65507]
            self.udp(daemon).send(data)
            daemon.wait_for_data(1)
            record, = daemon.records()
            self.assertEqual(record.tag, "F")
            self.assertTrue(unescape(record.data) == data)
            daemon.stop()

    def check_cut(self, settings, datagrams):
        """Each datagram: its data, its tag, and the note after it."""
        daemon = self.daemon(config=configured(udp(settings)))
        sender = self.udp(daemon)
        expected = []
        for sent, tag, shown in datagrams:
            sender.send(sent)
            expected.append((tag, shown))
            if tag == "T":
                note = "truncated size=%d kept=%d" % (len(sent), len(shown))
                expected.append(("*", note.encode()))
        wait_for(lambda: len(daemon.records()) >= len(expected),
                 "all records")
        self.assertEqual([(r.tag, unescape(r.data)) for r
                          in daemon.records()], expected)
        peer = harness.name_of(sender)
        self.assertEqual({r.peer for r in daemon.records()}, {peer})
        cut = sum(tag == "T" for _, tag, _ in datagrams)
        self.assertEqual(daemon.counters()[daemon.listening[0][0]]
                         ["truncated"], cut)

    def test_a_datagram_over_max_record_is_cut_and_its_size_told(self):
        self.check_cut("max_record = 10;", [
            (b"0123456789", "F", b"0123456789"),
            (b"0123456789\n", "F", b"0123456789"),
            (b"0123456789\r\n", "F", b"0123456789"),
            (b"0123456789a", "T", b"0123456789"),
            (b"0123456789a\r\n", "T", b"0123456789"),
            (b"0123456789\n\n", "T", b"0123456789"),
            (b"0123456789\r", "T", b"0123456789"),
            (b"x" * 65507, "T", b"x" * 10),
            (b"short", "F", b"short"),
        ])

    def test_exact_counts_the_newline(self):
        self.check_cut('max_record = 10; framing = "exact";', [
            (b"012345678\n", "F", b"012345678\n"),
            (b"0123456789\n", "T", b"0123456789"),
            (b"0123456789a", "T", b"0123456789"),
        ])

    def test_a_datagram_is_cut_at_a_character(self):
        datagrams = [(b"\x80" * 11, "T", b"\x80" * 10)]
        for character in ("é", "€", "😀"):
            size = len(character.encode())
            for n in range(9):
                kept = "a" * n + character * ((10 - n) // size)
                datagrams.append((("a" * n + character * 9).encode(), "T",
                                  kept.encode()))
        self.check_cut("max_record = 10;", datagrams)

    def test_long_lines_of_a_datagram_go_as_pieces(self):
        daemon = self.daemon(config=configured(udp(
            'max_record = 4; framing = "line";')))
        self.udp(daemon).send(b"0123456789\nabcd\r\nefghi")
        daemon.wait_for_data(6)
        self.assertEqual([(r.tag, r.data) for r in daemon.records()],
                         [("P", "0123"), ("P", "4567"), ("F", "89"),
                          ("F", "abcd"), ("P", "efgh"), ("F", "i")])

    def test_a_cr_that_ends_a_long_line_goes_as_its_last_piece(self):
        daemon = self.daemon(config=configured(udp(
            'max_record = 2; framing = "line";')))
        self.udp(daemon).send(b"abc\nab\r")
        daemon.wait_for_data(4)
        self.assertEqual([(r.tag, r.data) for r in daemon.records()],
                         [("P", "ab"), ("F", "c"), ("P", "ab"), ("F", "\\r")])


class Endurance(harness.Case):

    def test_the_time_is_that_of_the_kernel(self):
        daemon = self.daemon("-l", "udp:0")
        sender = self.udp(daemon)
        # Shortly after the start the kernel may not yet note the time.
        def is_noted():
            begin = time.time()
            daemon.freeze()
            sender.send(b"a")
            end = time.time()
            count = len(daemon.data())
            daemon.signal(signal.SIGCONT)
            daemon.wait_for_data(count + 1)
            return begin - 0.001 <= seconds_of(daemon.records()[-1]) <= end
        wait_for(is_noted, "the kernel's time")
        told = len(daemon.records())
        begin = time.time()
        daemon.freeze()
        for number in range(200):
            sender.send(b"%d" % number)
        end = time.time()
        daemon.signal(signal.SIGCONT)
        daemon.wait_for_data(told + 200)
        times = [seconds_of(r) for r in daemon.records()[told:]]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual(times[0], begin - 0.001)
        self.assertLessEqual(times[-1], end)
        self.assertGreater(len(set(times)), 20)

    def test_all_of_many_senders_is_logged(self):
        daemon = self.daemon("-l", "udp:0")
        senders = [self.udp(daemon) for _ in range(50)]
        for turn in range(20):
            for sender in senders:
                sender.send(b"%d" % turn)
            daemon.wait_for_data(50 * (turn + 1))
        got = {}
        for record in daemon.records():
            got.setdefault(record.peer, []).append(record.data)
        self.assertEqual(got, {harness.name_of(s): [str(t) for t in range(20)]
                               for s in senders})

    def test_what_had_arrived_is_logged_when_stopped(self):
        daemon = self.daemon("-l", "udp:0")
        sender = self.udp(daemon)
        daemon.freeze()
        for number in range(300):
            sender.send(b"%d" % number)
        daemon.signal(signal.SIGTERM)
        daemon.signal(signal.SIGCONT)
        self.assertEqual(daemon.wait(), 0)
        self.assertEqual(daemon.data(), [str(n) for n in range(300)])


if __name__ == "__main__":
    harness.main()
