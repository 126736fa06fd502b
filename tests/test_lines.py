# SPDX-License-Identifier: MIT
"""max_line: no line is longer than its reader takes, and none is forged."""
import base64
import json
import os
import random
import re
import socket
import tempfile
import threading
import unittest

import harness
from harness import Case, Record, portlog, run

BOTH = ('{ protocol = "tcp"; port = 0; address = "127.0.0.1"; },'
        '{ protocol = "udp"; port = 0; address = "127.0.0.1"; }')
CONTAINER = 16384  # bytes after which a container's runtime cuts a line
JOURNAL = 48 << 10  # the default of LineMax= in journald.conf(5)
FORGED = b"<0>2026-01-01T00:00:00.000000Z tcp/1 192.0.2.1:1 * closed "


def config(outputs, more=""):
    return f"{more}\nlisteners = ( {BOTH} );\noutputs = ( {outputs} );\n"


def some_bytes(size):
    """Any bytes but LF and CR, with much that escaping makes longer."""
    source = random.Random(size)
    words = (b"plain text ", b"\x1b", b"\\", "grüße 😀".encode(), b"\xff",
             b"\xe2\x80\xa8", FORGED, b"\xe2\x82")
    data = b""
    while len(data) < size:
        data += source.choice(words) * source.randrange(1, 40)
    return data[:size]


# What long records are made of: each would be a line of 50 KB and more.
LONG = {
    "text": FORGED * 1000,
    "ESC": 13000 * b"\x1b",
    "characters": "€".encode() * 17000,
    "any bytes": some_bytes(65000),
}


class Reader:
    """Reads a pipe to its end, and cuts lines as a log's reader does."""

    def __init__(self):
        self.end, self.writer = os.pipe()
        self.data = b""
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while True:
            data = os.read(self.end, 65536)
            if not data:
                break
            self.data += data

    def lines(self, limit):
        """All lines, of which none may be longer than limit."""
        os.close(self.writer)
        self.thread.join(harness.PATIENCE)
        os.close(self.end)
        lines = self.data.split(b"\n")
        assert lines.pop() == b""
        return [line[i:i + limit - 1] for line in lines
                for i in range(0, len(line), limit - 1)]


class Pieces(Case):
    """A record whose line is too long becomes lines that are whole."""

    def send(self, daemon, data):
        """A record over TCP and one over UDP, if it fits in a datagram."""
        connection = self.tcp(daemon)
        connection.sendall(data + b"\nnext\n")
        connection.shutdown(socket.SHUT_WR)
        harness.end_of(connection)
        if len(data) < 65000:
            self.udp(daemon, 1).sendall(data)
        return len(data) < 65000

    def join_text(self, lines):
        """The records of a text log: [bytes]."""
        open_, whole = {}, []
        for line in lines:
            record = Record(line.decode())
            if record.tag == "*":
                continue
            data = open_.pop(record.peer, b"") + harness.unescape(record.data)
            if record.tag == "P":
                open_[record.peer] = data
            else:
                whole.append(data)
        self.assertEqual(open_, {})
        return whole

    def join_json(self, lines):
        """The records of a JSON log; each piece has its record's number."""
        open_, whole = {}, []
        for line in lines:
            o = json.loads(line.decode())
            if "event" in o:
                continue
            key = o["peer"], o["port"], o["record"]
            data = open_.pop(key, b"")
            if "data" in o:
                data += o["data"].encode()
            else:
                encoded = base64.b64decode(o["data_base64"])
                with self.assertRaises(UnicodeDecodeError):
                    encoded.decode()
                data += encoded
            if o["tag"] == "P":
                open_[key] = data
            else:
                whole.append(data)
        self.assertEqual(open_, {})
        return whole

    def through_a_pipe(self, kind, data, limit, settings="", journal=False):
        """Send to a daemon whose stdout is a pipe; returns its lines."""
        reader = Reader()
        status = os.fstat(reader.writer)
        named = f"{status.st_dev}:{status.st_ino}" if journal else "1:1"
        daemon = self.daemon(
            config=config(f'{{ type = "stdout"; format = "{kind}"; '
                          f"{settings} }}"),
            start=False, env=dict(os.environ, JOURNAL_STREAM=named))
        daemon.start(stdout=reader.writer)
        count = 2 + self.send(daemon, data)
        self.assertEqual(daemon.stop(), 0)
        lines = reader.lines(limit)
        join = self.join_json if kind == "json" else self.join_text
        whole = join(lines)
        self.assertEqual(len(whole), count)
        self.assertEqual(set(whole), {data, b"next"})
        return [len(line) + 1 for line in lines]

    def test_no_reader_of_a_pipe_cuts_a_line(self):
        for kind in "text", "json":
            for name, data in LONG.items():
                with self.subTest(f"{kind} {name}"):
                    sizes = self.through_a_pipe(kind, data, CONTAINER)
                    self.assertGreater(max(sizes), CONTAINER * 0.9)

    def test_the_journal_cuts_no_line(self):
        for kind in "text", "json":
            for name, data in LONG.items():
                with self.subTest(f"{kind} {name}"):
                    sizes = self.through_a_pipe(kind, data, JOURNAL,
                                                journal=True)
                    self.assertGreater(max(sizes), JOURNAL * 0.9)

    def test_a_limit_of_ones_own_is_kept_to_the_byte(self):
        for kind in "text", "json":
            for limit in 1024, 1025, 5000:
                with self.subTest(f"{kind} {limit}"):
                    self.through_a_pipe(kind, LONG["any bytes"], limit,
                                        f"max_line = {limit};")

    def test_without_a_limit_each_record_is_one_line(self):
        sizes = self.through_a_pipe("text", LONG["text"], 1 << 30,
                                    "max_line = 0;")
        self.assertEqual(len(sizes), 3 + 1)
        self.assertGreater(sizes[0], len(FORGED) * 1000)

    def test_each_output_has_its_own_limit(self):
        daemon = self.daemon(config=config("".join(
            f'{{ type = "file"; path = "@DIR@/{name}"; {settings} }},'
            for name, settings in (
                ("short", "max_line = 2000;"),
                ("long", "max_line = 20000;"),
                ("short.json", 'max_line = 2000; format = "json";'),
                ("also", "max_line = 2000;"),
                ("raw", 'max_line = 2000; format = "raw";')))
            + '{ type = "stdout"; }'))
        data = LONG["text"]
        self.send(daemon, data)
        self.assertEqual(daemon.stop(), 0)

        def lines(name, join=self.join_text):
            path = f"{daemon.dir}/{name}"
            found = daemon.bytes(path).split(b"\n")[:-1]
            self.assertEqual(sorted(join(found)),
                             sorted([data, data, b"next"][:len(join(found))]))
            return found
        short, long_ = lines("short"), lines("long")
        self.assertEqual(max(map(len, short)), 1999)
        self.assertEqual(max(map(len, long_)), 19999)
        self.assertEqual(lines("also"), short)
        self.assertLess(max(map(len, lines("short.json", self.join_json))),
                        2000)
        self.assertGreater(max(map(len, lines("out"))), len(data))
        self.assertIn(data + b"\n", daemon.bytes(daemon.dir + "/raw"))

    def test_decode_joins_them(self):
        for data in LONG.values():
            daemon = self.daemon(config=config(
                '{ type = "file"; path = "@DIR@/log"; max_line = 1500; }'))
            self.send(daemon, data)
            self.assertEqual(daemon.stop(), 0)
            ran = portlog("decode", "-l", daemon.listening[0][0],
                          daemon.dir + "/log")
            self.assertEqual((ran.returncode, ran.stderr), (0, b""))
            self.assertEqual(ran.stdout, data + b"\nnext\n")

    def test_counters_count_each_piece(self):
        daemon = self.daemon(config=config(
            '{ type = "file"; path = "@DIR@/log"; max_line = 1500; }'))
        self.send(daemon, LONG["text"])

        def agree():
            lines = daemon.bytes(daemon.dir + "/log").count(b"\n")
            daemon.counters()
            return re.search(rf"output \S+: records={lines} .*waiting=0\n",
                             daemon.errors())
        harness.wait_for(agree, "the counter to be that of the lines")


class Setting(unittest.TestCase):
    """Its values, and its defaults where there is one before the start."""

    def check(self, settings):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(config(f"{{ {settings} }}"))
            file.flush()
            return run("-T", "-c", file.name)

    def test_a_line_has_room_for_its_columns(self):
        for output, wrong, expected in (
                ('type = "stdout";', (1, 1023, 1048577), "1048576"),
                ('type = "syslog";', (0, 1023, 65537),
                 "expected an integer from 1024 to 65536")):
            for value in wrong:
                ran = self.check(f"{output} max_line = {value};")
                self.assertEqual(ran.returncode, 78, ran.stdout)
                self.assertIn(f"max_line: found {value}, expected", ran.stderr)
                self.assertIn(expected, ran.stderr)
        for value in 0, 1024, 1048576:
            ran = self.check(f'type = "stdout"; max_line = {value};')
            self.assertIn(f"max_line = {value};", ran.stdout)

    def test_the_journal_has_no_lines(self):
        ran = self.check('type = "journal"; max_line = 5000;')
        self.assertIn('found "max_line", which this type', ran.stderr)

    def test_the_start_says_the_limit(self):
        reader = Reader()
        with harness.Daemon("-l", "udp:127.0.0.1:0", start=False) as daemon:
            daemon.start(stdout=reader.writer)
            daemon.wait_for_error("writing text to stdout, "
                                  "at most 16000 bytes a line\n")
        reader.lines(CONTAINER)


if __name__ == "__main__":
    harness.main(jobs=2)
