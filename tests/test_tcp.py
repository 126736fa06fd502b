# SPDX-License-Identifier: MIT
"""TCP: streams to records, whatever the framing and however they come."""
import array
import fcntl
import os
import select
import socket
import termios
import threading

import harness
from harness import configured, end_of, name_of, tcp, unescape, wait_for

# What is sent, and the tags and data that must be logged.
STREAMS = {
    "line": (b"one\ntwo\r\n\nx\0y\n\r\nc\rr\r\r\nend",
             [("F", b"one"), ("F", b"two"), ("F", b""), ("F", b"x\0y"),
              ("F", b""), ("F", b"c\rr\r"), ("E", b"end")]),
    "lf": (b"one\ntwo\r\n\nx\0y\n\r\nend\r",
           [("F", b"one"), ("F", b"two\r"), ("F", b""), ("F", b"x\0y"),
            ("F", b"\r"), ("E", b"end\r")]),
    "nul": (b"one\0two\n\0\0\r\n\0end",
            [("F", b"one"), ("F", b"two\n"), ("F", b""), ("F", b"\r\n"),
             ("E", b"end")]),
    "octet-counted": (b"3 one4 t\nwo1 \0002 3 11 hello world5 end",
                      [("F", b"one"), ("F", b"t\nwo"), ("F", b"\0"),
                       ("F", b"3 "), ("F", b"hello world"), ("E", b"end")]),
    r'delimiter"; delimiter = "\x1c\r':
        (b"\x0bone\r\ntwo\x1c\r\x1c\r\x0bend\x1c",
         [("F", b"\x0bone\r\ntwo"), ("F", b""), ("E", b"\x0bend\x1c")]),
    r'delimiter"; delimiter = "\\x00\\\\':
        (b"a\0b\\\0\\\0", [("F", b"a\0b\\"), ("E", b"\0")]),
    'length"; length_bytes = 2; length_order = "little':
        (b"\3\0one\0\0\4\0t\nwo\4\0end",
         [("F", b"one"), ("F", b""), ("F", b"t\nwo"), ("E", b"end")]),
    'length"; length_bytes = 4; length_includes_itself = true; name = "l':
        (b"\0\0\0\7one\0\0\0\4\0\0\0", [("F", b"one"), ("F", b""),
                                          ("E", b"\0\0\0")]),
}

# Framings with settings of their own, as framed() takes them.
MLLP = r'delimiter"; delimiter = "\x1c\r'
LENGTH = 'length"; length_bytes = 1; length_order = "big'

BAD_FRAMES = {
    "letters": b"hello",
    "a count of 0": b"0 hello",
    "a leading zero": b"05 hello",
    "30 digits": b"9" * 30 + b" hello",
    "10 digits": b"1234567890 hello",
    "no space": b"5hello",
    "a tab between frames": b"\t5 hello",
    "a sign": b"+5 hello",
    "lines": b"<13>one\n<13>two\n",
}


def framed(*framings, settings="flush_timeout = 0;"):
    """A configuration: a TCP listener for each of these framings."""
    return configured(*(tcp('framing = "%s"; %s' % (f, settings))
                        for f in framings))


def of_peer(daemon, peer):
    """The peer's records, with unescaped data."""
    return [(r.tag, unescape(r.data)) for r in daemon.of(peer)
            if r.tag != "*"]


class Framing(harness.Case):

    def test_each_framing_makes_its_records(self):
        daemon = self.daemon(config=framed(*STREAMS))
        for number, (sent, expected) in enumerate(STREAMS.values()):
            connection = self.tcp(daemon, number)
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(end_of(connection), b"")
            self.assertEqual(of_peer(daemon, name_of(connection)), expected)

    def test_chunk_makes_a_record_of_each_read(self):
        daemon = self.daemon(config=framed("chunk"))
        connection = self.tcp(daemon)
        chunks = [b"one", b"\n", b"two\r\n", b"\0", b"a\nb"]
        for count, chunk in enumerate(chunks, 1):
            connection.sendall(chunk)
            daemon.wait_for_data(count)
        connection.close()
        daemon.wait_for_note("closed")
        self.assertEqual(of_peer(daemon, daemon.records()[0].peer),
                         [("F", chunk) for chunk in chunks])

    def test_two_reads_at_every_split_point_make_the_same_records(self):
        daemon = self.daemon(config=framed(*STREAMS))
        halves = []
        for number, (sent, expected) in enumerate(STREAMS.values()):
            for at in range(1, len(sent)):
                connection = self.tcp(daemon, number)
                connection.sendall(sent[:at])
                key = daemon.listening[number][0], name_of(connection)
                halves.append((connection, sent[at:], expected, key))
        # Send the second half once the first was read.
        for number, (sent, _) in enumerate(STREAMS.values()):
            daemon.wait_for_bytes(number, sum(range(1, len(sent))))
        for connection, rest, _, _ in halves:
            connection.sendall(rest)
            connection.shutdown(socket.SHUT_WR)
        for connection, _, _, _ in halves:
            end_of(connection)
        got = {}
        for record in daemon.records():
            if record.tag != "*":
                key = record.listener, record.peer
                got.setdefault(key, []).append(
                    (record.tag, unescape(record.data)))
        for _, rest, expected, key in halves:
            self.assertEqual(got[key], expected, f"split before {rest!r}")

    def test_a_byte_a_read_makes_the_same_records(self):
        daemon = self.daemon(config=framed(*STREAMS))
        connections = [self.tcp(daemon, n) for n in range(len(STREAMS))]
        streams = list(STREAMS.values())
        for at in range(max(len(sent) for sent, _ in streams)):
            for connection, (sent, _) in zip(connections, streams):
                if at < len(sent):
                    connection.sendall(sent[at:at + 1])
            wait_for(lambda at=at: all(
                told["bytes"] >= min(at + 1, len(sent)) for told, (sent, _)
                in zip(daemon.counters().values(), streams)), "one byte each")
        for connection, (_, expected) in zip(connections, streams):
            connection.shutdown(socket.SHUT_WR)
            end_of(connection)
            self.assertEqual(of_peer(daemon, connection), expected)


class Pieces(harness.Case):

    def test_long_records_are_cut_at_characters_and_join_exactly(self):
        limit = 8
        texts = ["a" * n + "é" * 9 + "€" * 5 + "😀" * 4 for n in range(8)]
        texts += ["x" * limit, "x" * (limit + 1), "x" * 3 * limit, "é" * 4]
        for framing, end in (("line", b"\r\n"), ("lf", b"\n"), ("nul", b"\0"),
                             ("octet-counted", b"")):
            daemon = self.daemon(config=framed(
                framing, settings="flush_timeout = 0; max_record = 8;"))
            for text in texts:
                data = text.encode("utf-8")
                head = b"%d " % len(data) if not end else b""
                connection = self.tcp(daemon)
                connection.sendall(head + data + end)
                connection.shutdown(socket.SHUT_WR)
                end_of(connection)
                records = of_peer(daemon, connection)
                self.assertEqual(b"".join(d for _, d in records), data)
                self.assertEqual("".join(t for t, _ in records),
                                 "P" * (len(records) - 1) + "F")
                for _, piece in records[:-1]:
                    piece.decode("utf-8")
                    self.assertLessEqual(len(piece), limit)
                    self.assertGreater(len(piece), limit - 4)
                self.assertLessEqual(len(records[-1][1]), limit)
            daemon.stop()

    def test_a_record_of_max_record_bytes_is_whole(self):
        daemon = self.daemon(config=framed(
            "line", settings="flush_timeout = 0; max_record = 8;"))
        connection = self.tcp(daemon)
        connection.sendall(b"12345678\r\n12345678\n123456789\n\x80")
        connection.shutdown(socket.SHUT_WR)
        end_of(connection)
        self.assertEqual(of_peer(daemon, connection),
                         [("F", b"12345678"), ("F", b"12345678"),
                          ("P", b"12345678"), ("F", b"9"), ("E", b"\x80")])

    def test_bytes_that_are_no_text_are_cut_at_max_record(self):
        daemon = self.daemon(config=framed(
            "line", settings="flush_timeout = 0; max_record = 8;"))
        connection = self.tcp(daemon)
        connection.sendall(b"\x80" * 20 + b"\n" + b"\xf0\x9f" * 6)
        connection.shutdown(socket.SHUT_WR)
        end_of(connection)
        records = of_peer(daemon, connection)
        self.assertEqual(records[:3], [("P", b"\x80" * 8), ("P", b"\x80" * 8),
                                       ("F", b"\x80" * 4)])
        self.assertEqual(b"".join(d for _, d in records[3:]),
                         b"\xf0\x9f" * 6)
        self.assertEqual(records[-1][0], "E")

    def test_a_long_record_that_ends_with_the_stream(self):
        daemon = self.daemon(config=framed(
            "line", "octet-counted",
            settings="flush_timeout = 0; max_record = 8;"))
        for number, head in enumerate((b"", b"99 ")):
            connection = self.tcp(daemon, number)
            connection.sendall(head + b"0123456789abcdef!")
            connection.shutdown(socket.SHUT_WR)
            end_of(connection)
            self.assertEqual(of_peer(daemon, connection),
                             [("P", b"01234567"), ("P", b"89abcdef"),
                              ("E", b"!")])

    def test_a_megabyte_line_comes_back_exactly(self):
        daemon = self.daemon("-l", "tcp:0")
        data = bytes(range(11, 256)) * 4400
        connection = self.tcp(daemon)
        connection.sendall(data + b"\n")
        connection.shutdown(socket.SHUT_WR)
        end_of(connection)
        records = of_peer(daemon, connection)
        self.assertEqual({t for t, _ in records[:-1]}, {"P"})
        self.assertEqual(records[-1][0], "F")
        self.assertTrue(b"".join(d for _, d in records) == data)

    def test_unfinished_records_show_as_pieces(self):
        for framing, head, end in (("line", b"", b"\n"), ("lf", b"", b"\n"),
                                   ("nul", b"", b"\0"),
                                   ("octet-counted", b"6 ", b""),
                                   (MLLP, b"", b"\x1c\r"),
                                   (LENGTH, b"\6", b"")):
            daemon = self.daemon(config=framed(
                framing, settings="flush_timeout = 30;"))
            connection = self.tcp(daemon)
            connection.sendall(head + b"abc")
            daemon.wait_for_data(1)
            connection.sendall(b"def" + end)
            daemon.wait_for_data(2)
            connection.sendall(head + b"ghi")
            daemon.wait_for_data(3)
            connection.shutdown(socket.SHUT_WR)
            end_of(connection)
            self.assertEqual(of_peer(daemon, connection),
                             [("P", b"abc"), ("F", b"def"), ("P", b"ghi"),
                              ("E", b"")])
            daemon.stop()

    def test_half_of_a_delimiter_is_shown_only_where_it_is_none(self):
        daemon = self.daemon(config=framed(
            MLLP, settings="flush_timeout = 30;"))
        connection = self.tcp(daemon)
        connection.sendall(b"abc\x1c")
        daemon.wait_for_data(1)
        connection.sendall(b"\rdef\x1c")
        daemon.wait_for_data(3)
        connection.shutdown(socket.SHUT_WR)
        end_of(connection)
        self.assertEqual(of_peer(daemon, connection),
                         [("P", b"abc"), ("F", b""), ("P", b"def"),
                          ("E", b"\x1c")])

    def test_a_terminator_after_a_piece_makes_an_empty_last_piece(self):
        daemon = self.daemon(config=framed(
            "line", settings="flush_timeout = 30;"))
        connection = self.tcp(daemon)
        connection.sendall(b"abc")
        daemon.wait_for_data(1)
        connection.sendall(b"\nnext\n")
        daemon.wait_for_data(3)
        connection.close()
        self.assertEqual([(r.tag, r.data) for r in daemon.records()[:3]],
                         [("P", "abc"), ("F", ""), ("F", "next")])

    def test_a_peer_that_never_pauses_is_shown_in_time(self):
        daemon = self.daemon(config=framed(
            "line", settings="flush_timeout = 30; max_record = 1048576;"))
        connection = self.tcp(daemon)
        stopping = threading.Event()

        def send():
            while not stopping.is_set():
                connection.send(b"x")
        sender = threading.Thread(target=send)
        sender.start()
        try:
            first = daemon.wait_for_data(1)[0]
        finally:
            stopping.set()
            sender.join()
        self.assertLess(len(first), 1048576)

    def test_flush_timeout_0_shows_no_pieces(self):
        daemon = self.daemon(config=configured(
            tcp("flush_timeout = 0;"), tcp("flush_timeout = 30;")))
        first, second = self.tcp(daemon, 0), self.tcp(daemon, 1)
        first.sendall(b"held")
        daemon.wait_for_bytes(0, 4)
        for count in range(1, 6):
            second.sendall(b"shown")
            daemon.wait_for_data(count)
        self.assertEqual(daemon.of(first), [])
        first.sendall(b" back\n")
        daemon.wait_for_data(6)
        self.assertEqual([(r.tag, r.data) for r in daemon.of(first)],
                         [("F", "held back")])


class Ranges(harness.Case):

    def two_free_ports(self):
        """The first of two that follow each other."""
        while True:
            first = harness.free_port()
            try:
                socket.create_server(("", first + 1)).close()
                return first
            except OSError:
                continue

    def test_each_port_of_a_range_is_a_listener(self):
        first = self.two_free_ports()
        daemon = self.daemon(config=configured(
            tcp('name = "pump";').replace(
                "port = 0", f'port = "{first}-{first + 1}"')), start=False)
        daemon.launch()
        daemon.wait_for_error(f"listener pump/{first + 1}: listening")
        for count, port in enumerate((first, first + 1), 1):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"hello\n")
                daemon.wait_for_data(count)
            self.assertEqual([r.listener for r in daemon.records()
                              if r.tag == "F"][-1], f"pump/{port}")


class Endings(harness.Case):

    def test_bad_frames_are_logged_and_end_the_connection(self):
        daemon = self.daemon(config=framed("octet-counted"))
        for name, bad in BAD_FRAMES.items():
            for good in (b"", b"3 abc"):
                connection = self.tcp(daemon)
                peer = name_of(connection)
                connection.sendall(good + bad)
                end_of(connection)
                expected = [("F", b"abc")] if good else []
                self.assertEqual(of_peer(daemon, peer),
                                 expected + [("E", bad)], name)
                event, keys = daemon.of(peer)[-1].note()
                self.assertEqual((event, keys["reason"]),
                                 ("closed", "bad-frame"), name)
                self.assertEqual(int(keys["bytes"]), len(good + bad))
                self.assertEqual(int(keys["records"]), len(expected) + 1)

    def test_a_line_end_or_a_nul_between_frames_is_nobodys(self):
        daemon = self.daemon(config=framed("octet-counted"))
        between = (b"\n", b"\r\n", b"\0", b"\n ", b"\n\n")
        connection = self.tcp(daemon)
        for count, end in enumerate(between, 1):
            connection.sendall(b"9 <14>hello")
            daemon.wait_for_data(count)
            connection.sendall(end)
        connection.close()
        closed = daemon.wait_for_note("closed")
        self.assertEqual(of_peer(daemon, closed.peer),
                         [("F", b"<14>hello")] * len(between))
        self.assertEqual(closed.note()[1]["reason"], "eof")

    def test_a_length_that_is_none_ends_the_connection(self):
        daemon = self.daemon(config=framed(
            'length"; length_bytes = 4; length_order = "big'))
        connection = self.tcp(daemon)
        connection.sendall(b"\0\0\0\1aGET / HTTP/1.0\r\n")
        end_of(connection)
        self.assertEqual(of_peer(daemon, connection),
                         [("F", b"a"), ("E", b"GET / HTTP/1.0\r\n")])
        self.assertEqual(daemon.of(connection)[-1].note()[1]["reason"],
                         "bad-frame")

    def test_a_bad_frame_that_comes_bit_by_bit(self):
        daemon = self.daemon(config=framed("octet-counted"))
        connection = self.tcp(daemon)
        peer = name_of(connection)
        for count, byte in enumerate((b"1", b"2", b"3"), 1):
            connection.sendall(byte)
            daemon.wait_for_bytes(0, count)
        connection.sendall(b"x")
        end_of(connection)
        self.assertEqual(of_peer(daemon, peer), [("E", b"123x")])
        self.assertEqual(daemon.of(peer)[-1].note()[1]["reason"], "bad-frame")

    def test_a_count_that_the_stream_ended_in(self):
        daemon = self.daemon(config=framed("octet-counted"))
        for sent, data in ((b"123", b"123"), (b"12 ", b"")):
            connection = self.tcp(daemon)
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            end_of(connection)
            self.assertEqual(of_peer(daemon, connection), [("E", data)])
            self.assertEqual(daemon.of(connection)[-1].note()[1]["reason"],
                             "eof")

    def test_a_reset_is_told_and_what_came_before_is_logged(self):
        daemon = self.daemon(config=framed("line"))
        connection = self.tcp(daemon)
        peer = name_of(connection)
        connection.sendall(b"first\nunfinished")
        daemon.wait_for_bytes(0, 16)
        harness.reset(connection)
        event, keys = daemon.wait_for_note("closed").note()
        self.assertEqual((event, keys["reason"], keys["records"],
                          keys["bytes"]), ("closed", "reset", "2", "16"))
        self.assertEqual(of_peer(daemon, peer),
                         [("F", b"first"), ("E", b"unfinished")])

    def test_an_end_is_told_with_its_counts(self):
        daemon = self.daemon(config=framed("line"))
        connection = self.tcp(daemon)
        connection.sendall(b"one\ntwo\nthree\n")
        connection.shutdown(socket.SHUT_WR)
        end_of(connection)
        event, keys = daemon.of(connection)[-1].note()
        seconds = keys.pop("seconds")
        self.assertEqual((event, keys), ("closed", {
            "reason": "eof", "records": "3", "bytes": "14"}))
        self.assertRegex(seconds, r"\A\d+\.\d{3}\Z")

    def test_stopping_logs_what_had_arrived_and_closes(self):
        daemon = self.daemon(config=framed("line"))
        connection = self.tcp(daemon)
        connection.sendall(b"whole\nunfinished")
        daemon.wait_for_data(1)
        self.assertEqual(daemon.stop(), 0)
        end_of(connection)
        self.assertEqual([(r.tag, r.data) for r in daemon.records()[:2]],
                         [("F", "whole"), ("E", "unfinished")])
        event, keys = daemon.records()[-1].note()
        self.assertEqual((event, keys["reason"]), ("closed", "shutdown"))


class Receipt(harness.Case):
    """A peer that sees the end knows that all is written."""

    def test_all_is_written_when_the_peer_sees_the_close(self):
        daemon = self.daemon("-l", "tcp:0")
        sent = b"".join(b"line %d\n" % n for n in range(500))
        for _ in range(20):
            connection = self.tcp(daemon)
            connection.sendall(sent + b"end")
            connection.shutdown(socket.SHUT_WR)
            end_of(connection)
            records = daemon.of(connection)
            self.assertEqual(len(records), 502)
            self.assertEqual(records[500].data, "end")
            self.assertEqual(records[501].note()[0], "closed")
            connection.close()

    def test_the_close_waits_for_an_output_that_is_slow(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        daemon = self.daemon("-l", "tcp:0", "-f", "text", stdout=writer)
        os.close(writer)
        connection = self.tcp(daemon)
        connection.sendall(b"".join(b"line %d\n" % n for n in range(20000)))
        connection.shutdown(socket.SHUT_WR)
        log = b""
        while not select.select([connection], [], [], 0)[0]:
            self.assertTrue(
                select.select([reader, connection], [], [],
                              harness.PATIENCE)[0], "it does not go on")
            if select.select([reader], [], [], 0)[0]:
                log += os.read(reader, 4096)
        self.assertGreater(len(log), 500000)
        # The daemon has closed: all must be in the pipe by now.
        left = array.array("i", [0])
        fcntl.ioctl(reader, termios.FIONREAD, left)
        while left[0] > 0:
            data = os.read(reader, left[0])
            log += data
            left[0] -= len(data)
        lines = log.decode("ascii").split("\n")
        self.assertEqual(lines.pop(), "")
        records = [harness.Record(line) for line in lines]
        self.assertEqual(records[-1].note()[0], "closed")
        self.assertEqual([r.data for r in records[:-1]],
                         [f"line {n}" for n in range(20000)])


class Listeners(harness.Case):

    def test_listeners_of_both_kinds_at_once(self):
        daemon = self.daemon(config="""
            listeners = (
              { protocol = "tcp"; port = 0; name = "stream-1"; },
              { protocol = "udp"; port = 0; name = "packet-1"; },
              { protocol = "tcp"; port = 0; name = "stream-2"; },
              { protocol = "udp"; port = 0; name = "packet-2"; }
            );""")
        names = [listening[0] for listening in daemon.listening]
        self.assertEqual(names, ["stream-1", "packet-1", "stream-2",
                                 "packet-2"])
        senders = [self.tcp(daemon, n) if n % 2 == 0 else self.udp(daemon, n)
                   for n in range(4)]
        for turn in range(10):
            for name, sender in zip(names, senders):
                sender.sendall(f"to {name}, {turn}\n".encode())
        daemon.wait_for_data(40)
        for name, sender in zip(names, senders):
            self.assertEqual([(r.listener, r.peer, r.data) for r
                              in daemon.records() if r.listener == name],
                             [(name, name_of(sender), f"to {name}, {turn}")
                              for turn in range(10)])

    def test_one_port_serves_ipv4_and_ipv6(self):
        daemon = self.daemon("-l", "tcp:0")
        for host in ("127.0.0.1", "::1"):
            connection = self.tcp(daemon, 0, host)
            connection.sendall(b"from %s\n" % host.encode())
            connection.shutdown(socket.SHUT_WR)
            end_of(connection)
            self.assertEqual(daemon.of(connection)[0].data, f"from {host}")

    def test_connections_and_records_are_numbered_from_1(self):
        daemon = self.daemon(config=configured(
            tcp("max_record = 8; flush_timeout = 0;"), tcp(),
            output='type = "stdout"; format = "json";'))
        for number in (0, 1, 0):
            connection = self.tcp(daemon, number)
            connection.sendall(b"one\n0123456789abcdef!\nthree\nend")
            connection.shutdown(socket.SHUT_WR)
            end_of(connection)
        whole = [(1, "F"), (2, "F"), (3, "F"), (4, "E")]
        cut = [(1, "F"), (2, "P"), (2, "P"), (2, "F"), (3, "F"), (4, "E")]
        for count, expected in ((1, cut), (2, whole), (3, cut)):
            told = [o for o in daemon.json() if o["connection"] == count]
            self.assertEqual([(o["record"], o["tag"]) for o in told
                              if "tag" in o], expected)
            self.assertEqual([o["event"] for o in told if "event" in o],
                             ["closed"])


if __name__ == "__main__":
    harness.main()
