# SPDX-License-Identifier: MIT
"""Formats: the output for any bytes."""
import base64
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
import unicodedata
import unittest
from datetime import datetime, timezone

import harness
from harness import end_of, name_of, unescape, wait_for

TIME = r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})Z"

# Three outputs of the same records.
ALL_FORMATS = """
    listeners = ({ protocol = "udp"; port = 0; framing = "exact"; },
                 { protocol = "tcp"; port = 0; framing = "octet-counted";
                   flush_timeout = 0; });
    outputs = ({ type = "stdout"; format = "text"; },
               { type = "file"; format = "json"; path = "@DIR@/json"; },
               { type = "file"; format = "raw"; path = "@DIR@/raw"; });
"""

# Characters that would mislead a reader of the log, human or program.
HOSTILE = ([0x7f, *range(0x80, 0xa0), 0x2028, 0x2029, 0xad, 0x61c, 0xfeff,
            *range(0x200b, 0x2010), *range(0x202a, 0x202f),
            *range(0x2060, 0x2070), 0x180e, 0x3164, *range(0xfe00, 0xfe10),
            *range(0xe0000, 0xe0080), *range(0xfdd0, 0xfdf0)] +
           [plane << 16 | low for plane in range(17)
            for low in (0xfffe, 0xffff)])
# Neighbours of these, which must not be escaped.
HARMLESS = [0x09, 0x20, 0x7e, 0xa0, 0xac, 0xae, 0x200a, 0x2010, 0x2027,
            0x202f, 0x205f, 0x2070, 0xfdcf, 0xfdf0, 0xfdff, 0xfe10, 0xfffd,
            0xfefe, 0xff00, 0x61b, 0x61d, 0x180a, 0x1810, 0x3163, 0x3165,
            0x10000, 0x1f600, 0xdfffd, 0xe1000, 0x10fffd, 0xd7ff, 0xe000]

INVALID = [b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf",
           b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80",
           b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80", b"\xf4\x90\x80\x80",
           b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xff\xfe",
           b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc3(", b"\xe2\x82(",
           b"\xf0\x9f\x98(", b"\xe2(\xac", b"\x80\x80", b"a\xc3\xa9\x80z",
           b"\xe2\x82\xac\xe2\x82", b"\xc3\xa9\xc3"]

FORGERY = (b"2026-11-23T07:12:01.123456Z tcp/8888 192.0.2.7:51034 F forged")
TRICKS = [b"x\n" + FORGERY, b"x\r" + FORGERY, b"x\r\n" + FORGERY + b"\n",
          b"x\0" + FORGERY, "x\u2028".encode() + FORGERY,
          "x\x85".encode() + FORGERY, b"\x1b[2K\x1b[1G" + FORGERY,
          b"\x08" * 80 + FORGERY, "\u202e".encode() + FORGERY,
          b"\\n" + FORGERY, b"\\", b"\\\\n", b"\\x0a", b"\\x0", b"\\x",
          b'x","tag":"*","event":"closed', b'"}\n{"time":"', b'\\"}',
          b"* closed reason=eof records=1 bytes=1 seconds=0.000",
          b" leading and trailing ", b"  ", b"", b"\t\ttabs\t", b"\n",
          b"\n\n\n", b"\x0b\x0c\x1c\x1d\x1e", b"%s%n%d%%", b"\\u000a"]


def inputs():
    """All special bytes, and random ones; the same in each run."""
    chance = random.Random(20261123)
    found = [bytes([byte]) for byte in range(256)]
    found += [b"a" + bytes([byte]) + b"z" for byte in range(256)]
    found += [chr(c).encode() for c in HOSTILE + HARMLESS]
    found += [b"12345678"[:n] + chr(c).encode() + b"abcdefgh" for n in (1, 6)
              for c in HOSTILE + HARMLESS]
    found += INVALID + TRICKS + [bytes(range(256)) * 4]
    found += [bytes(chance.randrange(256) for _ in range(n))
              for n in range(120)]
    found += ["".join(chr(chance.choice(HOSTILE + HARMLESS + [65, 92, 10]))
                      for _ in range(30)).encode() for _ in range(30)]
    return found


def is_text(data):
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def without_duplicates(pairs):
    """An object whose keys are all different."""
    if len(dict(pairs)) != len(pairs):
        raise AssertionError(f"a key twice: {pairs!r}")
    return dict(pairs)


class Formats(harness.Case):

    def received(self, sent):
        """A daemon that has logged these datagrams in all formats."""
        daemon = self.daemon(config=ALL_FORMATS)
        sender = self.udp(daemon)
        # Not more at once than the smallest receive buffer takes.
        for begin in range(0, len(sent), 100):
            some = sent[begin:begin + 100]
            for data in some:
                sender.send(data)
            wait_for(lambda count=begin + len(some):
                     daemon.bytes().count(b"\n") >= count, "all datagrams")
        self.sender = name_of(sender)
        return daemon

    def path(self, daemon, name):
        return os.path.join(daemon.dir, name)

    def check_safe(self, log):
        """Each record is one line of harmless characters."""
        self.assertEqual([b for b in log if b < 0x20 and b not in b"\t\n"
                          or b == 0x7f], [])
        text = log.decode("utf-8")
        self.assertEqual([c for c in text if ord(c) in HOSTILE], [])
        controls = {c for c in text
                    if unicodedata.category(c) in ("Cc", "Zl", "Zp")}
        self.assertEqual(controls - {"\t", "\n"}, set())

    def test_text_is_safe_and_comes_back_exactly(self):
        sent = inputs()
        daemon = self.received(sent)
        self.check_safe(daemon.bytes())
        records = daemon.records()
        self.assertEqual(len(records), len(sent))
        for record, data in zip(records, sent):
            self.assertEqual(unescape(record.data), data)
            self.assertEqual((record.tag, record.peer), ("F", self.sender))

    def test_text_escapes_only_what_it_must(self):
        clean = ("grüße, 世界 😀 \"quoted\" 'too' <a&b> %s {} "
                 + "".join(map(chr, HARMLESS))).encode()
        plain = bytes(b for b in range(0x20, 0x7f) if b != 0x5c)
        escapes = [(b"\\", r"\\"), (b"\n", r"\n"), (b"\r", r"\r"),
                   (b"\t", "\t"), (b"\0", r"\x00"), (b"\x1b", r"\x1b"),
                   (b"\x7f", r"\x7f"), (b"\xff", r"\xff"),
                   (b"\xc2\x85", r"\xc2\x85"),
                   (b"\xe2\x80\xa8", r"\xe2\x80\xa8"),
                   (b"\xef\xbb\xbfx", r"\xef\xbb\xbfx"),
                   (b"\xe2\x82x", r"\xe2\x82x"),
                   (b"\xed\xa0\x80", r"\xed\xa0\x80"),
                   (b"\xef\xbf\xbe", r"\xef\xbf\xbe"),
                   (b"\xc3\xa9\xc3", "é\\xc3")]
        daemon = self.received([clean, plain] + [e[0] for e in escapes])
        self.assertEqual(daemon.data(), [clean.decode(), plain.decode()] +
                         [e[1] for e in escapes])

    @unittest.skipUnless(shutil.which("perl"), "no perl")
    def test_nothing_is_in_the_log_that_may_be_invisible(self):
        """Perl has the standard's list too, of a version of its own."""
        listed = subprocess.run(
            ["perl", "-e", r"""for (0xa0..0xd7ff, 0xe000..0x10ffff) {
                print "$_\n" if chr =~ /\p{Default_Ignorable_Code_Point}/ }"""],
            check=True, capture_output=True, text=True).stdout.split()
        listed = [chr(int(c)) for c in listed]
        self.assertGreater(len(listed), 4000)
        sent = ["".join(listed[i:i + 100]).encode()
                for i in range(0, len(listed), 100)]
        daemon = self.received(sent)
        self.assertTrue(daemon.bytes().isascii())
        self.assertEqual([unescape(data) for data in daemon.data()], sent)

    def test_text_has_five_columns(self):
        begin = time.time()
        daemon = self.daemon("-l", "tcp:0", "-l", "udp:0")
        for number, host in ((0, "127.0.0.1"), (0, "::1"), (1, "127.0.0.1"),
                             (1, "::1")):
            sender = (self.udp if number else self.tcp)(daemon, number, host)
            count = len(daemon.data())
            sender.send(b"  two spaces, F and * \n")
            daemon.wait_for_data(count + 1)
            peer = name_of(sender)
            line = daemon.text().split("\n")[-2]
            kind = "udp" if number else "tcp"
            match = re.fullmatch(TIME + " (%s/%d) (%s) (F) (.*)" % (
                kind, daemon.port(number), re.escape(peer)), line)
            self.assertTrue(match, line)
            self.assertEqual(match.group(11), "  two spaces, F and * ")
            made = datetime(*map(int, match.groups()[:7]),
                            tzinfo=timezone.utc).timestamp()
            self.assertLessEqual(begin - 1, made)
            self.assertLessEqual(made, time.time())

    def test_json_is_json_whatever_arrives(self):
        sent = inputs()
        daemon = self.received(sent)
        path = self.path(daemon, "json")
        wait_for(lambda: daemon.bytes(path).count(b"\n") >= len(sent),
                 "all objects")
        log = daemon.bytes(path)
        self.check_safe(log)
        lines = log.decode("utf-8").split("\n")
        self.assertEqual(lines.pop(), "")
        self.assertEqual(len(lines), len(sent))
        host, port = self.sender.rsplit(":", 1)
        for number, (line, data) in enumerate(zip(lines, sent), 1):
            made = json.loads(line, object_pairs_hook=without_duplicates)
            self.assertRegex(made.pop("time"), r"\A%s\Z" % TIME)
            self.assertRegex(made.pop("run"), r"\A[0-9a-f]{16}\Z")
            if is_text(data):
                self.assertEqual(made.pop("data").encode("utf-8"), data)
            else:
                self.assertEqual(base64.b64decode(
                    made.pop("data_base64"), validate=True), data)
            self.assertEqual(made, {
                "listener": daemon.listening[0][0], "protocol": "udp",
                "peer": host, "port": int(port), "record": number,
                "tag": "F"})

    def test_raw_is_the_bytes_and_a_newline(self):
        sent = inputs()
        daemon = self.received(sent)
        path = self.path(daemon, "raw")
        expected = b"".join(data + b"\n" for data in sent)
        wait_for(lambda: len(daemon.bytes(path)) >= len(expected), "all")
        self.assertTrue(daemon.bytes(path) == expected)

    def test_a_stream_is_as_safe_as_datagrams(self):
        sent = [data for data in inputs() if data]
        daemon = self.daemon(config=ALL_FORMATS)
        connection = self.tcp(daemon, 1)
        connection.sendall(b"".join(b"%d %s" % (len(d), d) for d in sent))
        connection.shutdown(socket.SHUT_WR)
        end_of(connection)
        self.check_safe(daemon.bytes())
        self.assertEqual([unescape(d) for d in daemon.data()], sent)
        made = daemon.json(self.path(daemon, "json"))
        self.assertEqual([m["data"].encode("utf-8") if "data" in m else
                          base64.b64decode(m["data_base64"])
                          for m in made[:-1]], sent)
        self.assertEqual(made[-1]["event"], "closed")
        self.assertTrue(daemon.bytes(self.path(daemon, "raw")) ==
                        b"".join(data + b"\n" for data in sent))

    def test_a_peer_cannot_forge_a_line(self):
        daemon = self.daemon("-l", "tcp:0", "-l", "udp:0")
        sender, connection = self.udp(daemon, 1), self.tcp(daemon)
        for trick in TRICKS:
            sender.send(trick)
        connection.sendall(b"\n".join(TRICKS))
        connection.shutdown(socket.SHUT_WR)
        end_of(connection)
        count = len(TRICKS)
        wait_for(lambda: len(daemon.of(sender)) == count, "all datagrams")
        peers = {("udp/%d" % daemon.port(1), name_of(sender)),
                 ("tcp/%d" % daemon.port(0), name_of(connection))}
        self.assertEqual({(r.listener, r.peer) for r in daemon.records()},
                         peers)
        # No word of a note comes from the peer.
        notes = [r for r in daemon.records() if r.tag == "*"]
        self.assertEqual([n.note()[0] for n in notes], ["closed"])
        # Readers that know more line ends than LF see no more lines.
        self.assertEqual(len(daemon.text().splitlines()),
                         daemon.text().count("\n"))


class Notes(harness.Case):

    def config(self, form):
        return """
            listeners = ({ protocol = "tcp"; port = 0; max_record = 8;
                           flush_timeout = 0; },
                         { protocol = "udp"; port = 0; max_record = 8; });
            outputs = ({ type = "stdout"; format = "%s"; });
            connection_notes = "all";""" % form

    def test_notes_in_json_are_events_with_keys(self):
        daemon = self.daemon(config=self.config("json"))
        connection, sender = self.tcp(daemon), self.udp(daemon, 1)
        connection.sendall(b"one\ntwo")
        connection.shutdown(socket.SHUT_WR)
        end_of(connection)
        opened, _, _, closed = daemon.json()
        self.assertRegex(opened.pop("time"), r"\A%s\Z" % TIME)
        origin = {"listener": daemon.listening[0][0], "protocol": "tcp",
                  "peer": "127.0.0.1", "connection": 1,
                  "run": opened["run"],
                  "port": connection.getsockname()[1]}
        self.assertEqual(opened, dict(origin, event="opened"))
        closed.pop("time")
        self.assertIsInstance(closed["seconds"], float)
        self.assertLess(closed.pop("seconds"), 60)
        self.assertEqual(closed, dict(origin, event="closed", reason="eof",
                                      records=2, bytes=7))
        sender.send(b"0123456789")
        wait_for(lambda: len(daemon.json()) == 6, "a note")
        cut, note = daemon.json()[4:]
        self.assertEqual((cut["tag"], cut["data"], cut["record"]),
                         ("T", "01234567", 1))
        note.pop("time")
        self.assertEqual(note, {
            "run": opened["run"], "listener": daemon.listening[1][0], "protocol": "udp",
            "peer": "127.0.0.2", "port": sender.getsockname()[1],
            "event": "truncated", "size": 10, "kept": 8})

    def test_probes_in_json_name_their_source(self):
        daemon = self.daemon(config="""
            listeners = ({ protocol = "tcp"; port = 0; });
            outputs = ({ type = "stdout"; format = "json"; });""")
        for host in ("127.0.0.1", "127.0.0.1", "::1"):
            connection = self.tcp(daemon, 0, host)
            connection.shutdown(socket.SHUT_WR)
            end_of(connection)
        self.assertEqual(daemon.stop(), 0)
        told = sorted((o["event"], o["connections"], o["peer"], o["protocol"])
                      for o in daemon.json())
        self.assertEqual(told, [("probes", 1, "::1", "tcp"),
                                ("probes", 2, "127.0.0.1", "tcp")])

    def test_raw_has_no_notes_and_no_newline_after_a_piece(self):
        daemon = self.daemon(config=self.config("raw"))
        connection, sender = self.tcp(daemon), self.udp(daemon, 1)
        connection.sendall(b"0123456789abcdef!\r\n\none\nend of the stream")
        connection.shutdown(socket.SHUT_WR)
        end_of(connection)
        sender.send(b"0123456789")
        sender.send(b"last")
        wait_for(lambda: daemon.bytes().endswith(b"last\n"), "the last")
        self.assertEqual(daemon.bytes(), b"0123456789abcdef!\n\none\n"
                         b"end of the stream\n01234567\nlast\n")

    def test_a_name_of_a_listener_is_escaped_in_json(self):
        daemon = self.daemon(config="""
            listeners = ({ protocol = "udp"; port = 0;
                           name = "a\\"b\\\\c"; });
            outputs = ({ type = "stdout"; format = "json"; });""")
        self.udp(daemon).send(b"x")
        wait_for(daemon.json, "a record")
        self.assertEqual(daemon.json()[0]["listener"], 'a"b\\c')


class Zones(unittest.TestCase):
    """A peer's zone is an interface's name: nearly any text."""

    def peer_on(self, interface):
        """What JSON says of one on an interface of that name."""
        wrap = harness.namespaces("n", f"""
            {harness.INTERFACES} rename lo "{interface}" &&
            {harness.INTERFACES} up "{interface}" &&
            {harness.INTERFACES} address "{interface}" fe80::1""")
        with harness.Daemon("-f", "json", "-l", "udp:[fe80::1%1]:0",
                            wrap=wrap) as daemon:
            subprocess.run(harness.inside(daemon, sys.executable, "-c",
                                          f"""import socket
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
    sender.sendto(b"x", ("fe80::1", {daemon.port()}, 0, 1))
"""), check=True, timeout=harness.PATIENCE)
            return harness.wait_for(daemon.json)[0]["peer"]

    def test_json_is_valid_whatever_the_interface_is_called(self):
        self.assertEqual(self.peer_on(r'q\"\\z'), 'fe80::1%q"\\z')

    def test_an_interface_whose_name_is_not_printable_is_a_number(self):
        self.assertEqual(self.peer_on("a$(printf '\\033')b"), "fe80::1%1")

if __name__ == "__main__":
    harness.main()
