# SPDX-License-Identifier: MIT
"""Where records go: files, pipes, syslog and the journal."""
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import harness
import proxies
from harness import Case, Daemon, Record, unescape, wait_for

TCP = '{ protocol = "tcp"; port = 0; address = "127.0.0.1"; }'
UDP = '{ protocol = "udp"; port = 0; address = "127.0.0.1"; }'
LONGEST_MESSAGE = 8192


def config(outputs, listeners=UDP, more=""):
    return (f"{more}\nlisteners = ( {listeners} );\n"
            f"outputs = ( {outputs} );\n")


def every_byte(size):
    """So many bytes: all values but LF, and some valid UTF-8."""
    unit = bytes(set(range(256)) - {10}) + "päßwörd €𝄞".encode("utf-8")
    return (unit * (size // len(unit) + 1))[:size]


class Choice(Case):
    """Several outputs, each with its format and its listeners."""

    def test_each_output_has_its_own_format(self):
        daemon = self.daemon(config=config(
            '{ type = "file"; name = "t"; path = "@DIR@/text"; },'
            '{ type = "file"; path = "@DIR@/json"; format = "json"; },'
            '{ type = "stdout"; format = "raw"; }', TCP))
        text, js = daemon.dir + "/text", daemon.dir + "/json"
        connection = self.tcp(daemon)
        connection.sendall(b"one\x07\ntwo")
        connection.shutdown(socket.SHUT_WR)
        harness.end_of(connection)
        self.assertEqual([(r.tag, r.data) for r in daemon.records(text)][:2],
                         [("F", r"one\x07"), ("E", "two")])
        self.assertEqual(daemon.records(text)[2].note()[0], "closed")
        self.assertEqual([(o.get("tag"), o.get("data"), o.get("event"))
                          for o in daemon.json(js)],
                         [("F", "one\x07", None), ("E", "two", None),
                          (None, None, "closed")])
        self.assertEqual(daemon.bytes(), b"one\x07\ntwo\n")
        self.assertEqual([r.time for r in daemon.records(text)],
                         [o["time"] for o in daemon.json(js)])

    def test_start_lines_tell_where_each_output_writes(self):
        daemon = self.daemon(config=config(
            '{ type = "file"; name = "a"; path = "@DIR@/a"; },'
            '{ type = "stdout"; format = "json"; }'))
        said = daemon.errors()
        self.assertIn(f"output a: writing text to {daemon.dir}/a\n", said)
        self.assertIn("output stdout: writing json to stdout\n", said)

    def test_listeners_choose_their_outputs_by_name(self):
        daemon = self.daemon(config=config(
            '{ type = "file"; name = "a"; path = "@DIR@/a"; },'
            '{ type = "file"; name = "b"; path = "@DIR@/b"; },'
            '{ type = "stdout"; }',
            ",".join(UDP.replace("}", f"{choice} }}") for choice in (
                'outputs = [ "a" ];', 'outputs = ( "b", "stdout" );', ""))))
        a, b = daemon.dir + "/a", daemon.dir + "/b"
        for i, text in enumerate((b"first", b"second", b"third")):
            self.udp(daemon, i).sendall(text)
            daemon.wait_for_data(1 if i == 0 else i, path=a if i == 0 else b)
        daemon.wait_for_data(2)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.data(path=a), ["first", "third"])
        self.assertEqual(daemon.data(path=b), ["second", "third"])
        self.assertEqual(daemon.data(), ["second", "third"])


class Files(Case):
    """The state of a file before the start and after it."""

    def log_one(self, output, text=b"new", before=None, **options):
        """The file with one record, added to its former content."""
        daemon = self.daemon(config=config(output), start=False, **options)
        path = daemon.dir + "/log"
        if before is not None:
            with open(path, "wb") as file:
                file.write(before)
        daemon.start()
        self.udp(daemon).sendall(text)
        size = len(before or b"")
        wait_for(lambda: b"new" in daemon.bytes(path)[size:], "the record")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.bytes(), b"")
        return daemon.bytes(path)

    def test_a_new_file_has_exactly_its_mode_whatever_the_umask(self):
        for umask in ("000", "022", "077", "777"):
            for mode, wanted in (("", 0o640), ('mode = "0600";', 0o600),
                                 ('mode = "666";', 0o666)):
                daemon = self.daemon(
                    config=config('{ type = "file"; path = "@DIR@/log"; %s }'
                                  % mode), wrap=(
                        "sh", "-c", f'umask {umask}; exec "$@"', "sh"))
                status = os.stat(daemon.dir + "/log")
                self.assertEqual(oct(stat.S_IMODE(status.st_mode)),
                                 oct(wanted), f"umask {umask}")
                daemon.stop()

    def test_a_file_that_is_there_keeps_its_mode_and_what_is_in_it(self):
        daemon = self.daemon(config=config(
            '{ type = "file"; path = "@DIR@/log"; mode = "0600"; }'),
            start=False)
        path = daemon.dir + "/log"
        with open(path, "wb") as file:
            file.write(b"before\n")
        os.chmod(path, 0o604)
        daemon.start()
        self.udp(daemon).sendall(b"x")
        wait_for(lambda: len(daemon.bytes(path)) > 7)
        self.assertTrue(daemon.bytes(path).startswith(b"before\n2"))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o604)

    def test_a_torn_last_line_is_ended_first(self):
        for kind in ("text", "json"):
            after = self.log_one(
                '{ type = "file"; path = "@DIR@/log"; format = "%s"; }' % kind,
                before=b"whole\nhalf a li")
            lines = after.split(b"\n")
            self.assertEqual(lines[:2], [b"whole", b"half a li"])
            self.assertEqual((len(lines), lines[3]), (4, b""))
            if kind == "json":
                self.assertEqual(json.loads(lines[2].decode())["data"], "new")
            else:
                self.assertEqual(Record(lines[2].decode()).data, "new")

    def test_a_whole_last_line_is_not_followed_by_an_empty_one(self):
        after = self.log_one('{ type = "file"; path = "@DIR@/log"; }',
                             before=b"whole\n")
        self.assertRegex(after, rb"\Awhole\n2[^\n]* F new\n\Z")

    def test_raw_goes_on_in_the_line_that_is_there(self):
        self.assertEqual(self.log_one(
            '{ type = "file"; path = "@DIR@/log"; format = "raw"; }',
            before=b"half a li"), b"half a linew\n")

    def test_a_relative_path_is_below_the_working_directory(self):
        with tempfile.TemporaryDirectory() as directory:
            daemon = self.daemon(config=config(
                '{ type = "file"; path = "log"; }'), cwd=directory)
            self.udp(daemon).sendall(b"x")
            daemon.wait_for_data(1, path=os.path.join(directory, "log"))

    def test_a_path_may_have_spaces(self):
        daemon = self.daemon(config=config(
            '{ type = "file"; path = "@DIR@/a b"; }'))
        self.udp(daemon).sendall(b"x")
        daemon.wait_for_data(1, path=daemon.dir + "/a b")


class Fifos(Case):
    """A FIFO is a file too."""

    def test_a_fifo_gets_the_records(self):
        daemon = self.daemon(start=False, config=config(
            '{ type = "file"; path = "@DIR@/fifo"; }'))
        path = daemon.dir + "/fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        daemon.start()
        self.udp(daemon).sendall(b"through the pipe")
        ready, _, _ = select.select([reader], [], [], harness.PATIENCE)
        self.assertTrue(ready)
        line = os.read(reader, 65536).decode()
        self.assertEqual(line[-1], "\n")
        self.assertEqual(Record(line[:-1]).data, "through the pipe")

    def test_a_fifo_that_nobody_reads_is_not_waited_for(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "fifo")
            os.mkfifo(path)
            result = harness.run("-l", "udp:127.0.0.1:0", "-o", path)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"{path}: No such device or address: nobody reads this "
                      "FIFO", result.stderr)

    def test_a_reader_that_comes_back_gets_what_was_held(self):
        daemon = self.daemon(start=False, config=config(
            '{ type = "file"; name = "pipe"; path = "@DIR@/fifo"; }'))
        path = daemon.dir + "/fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        daemon.start()
        os.close(reader)
        self.udp(daemon).sendall(b"held")
        daemon.wait_for_error("output pipe: stalled reason=EPIPE")
        with open(path, "rb") as file:
            self.assertEqual(Record(file.readline().decode()[:-1]).data,
                             "held")
            self.assertIn(b" * resumed seconds=", file.readline())


class Stdout(unittest.TestCase):
    """The reader of stdout may go away."""

    def test_a_stdout_closed_by_its_reader_ends_it_with_the_reason(self):
        reader, writer = os.pipe()
        with Daemon(config=config(
                '{ type = "file"; path = "@DIR@/before"; },'
                '{ type = "stdout"; },'
                '{ type = "file"; path = "@DIR@/after"; format = "json"; }',
                TCP + "," + UDP), start=False) as daemon:
            daemon.start(stdout=writer)
            os.close(writer)
            with daemon.tcp() as connection, daemon.udp(1) as sender:
                connection.sendall(b"first\n")
                before = daemon.dir + "/before"
                daemon.wait_for_data(1, path=before)
                daemon.freeze()
                os.close(reader)
                connection.sendall(b"a\nb\nc")
                sender.send(b"d")
                daemon.signal(signal.SIGCONT)
                self.assertEqual(daemon.wait(), 1)
                self.assertIn("output stdout: Broken pipe", daemon.errors())
                data = daemon.data(path=before)
                self.assertEqual(sorted(data), ["a", "b", "c", "d", "first"])
                self.assertEqual(
                    sorted(o["data"] for o in daemon.json(daemon.dir +
                                                          "/after")
                           if "data" in o), sorted(data))
                self.assertRegex(daemon.errors(),
                                 r"output stdout: \d+ records unwritten")

    def test_a_stdout_without_a_reader_is_told_by_the_first_record(self):
        reader, writer = os.pipe()
        with Daemon("-l", "udp:127.0.0.1:0", start=False) as daemon:
            daemon.start(stdout=writer)
            os.close(writer)
            os.close(reader)
            with daemon.udp() as sender:
                sender.send(b"x")
                self.assertEqual(daemon.wait(), 1)
            self.assertIn("output stdout: 1 records unwritten",
                          daemon.errors())

    def test_a_non_blocking_stdout_is_waited_for(self):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        with Daemon("-l", "tcp:127.0.0.1:0", "-f", "raw",
                    start=False) as daemon:
            daemon.start(stdout=writer)
            sent = b"".join(b"%07d\n" % i for i in range(20000))
            with daemon.tcp() as connection:
                sender = threading.Thread(target=connection.sendall,
                                          args=(sent,), daemon=True)
                sender.start()
                wait_for(lambda: not select.select([], [writer], [], 0)[1],
                         "the pipe to be full")
                os.close(writer)
                received = b""
                while (len(received) < len(sent) and
                       select.select([reader], [], [], harness.PATIENCE)[0]):
                    received += os.read(reader, 65536)
                sender.join(harness.PATIENCE)
            self.assertEqual(received, sent)
            self.assertEqual(daemon.stop(), 0)
            self.assertNotIn("stalled", daemon.errors())
        os.close(reader)


class Server:
    """A server of local datagrams, and of descriptors in them."""

    def __init__(self, path):
        self.path = path
        self.socket = None
        self.open()

    def open(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(harness.PATIENCE)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)

    def close(self):
        self.socket.close()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def get(self):
        """The next message: its bytes, or those of the passed file."""
        data, passed, _, _ = self.socket.recvmsg(1 << 23, 1024)
        for level, kind, content in passed:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                with os.fdopen(struct.unpack("i", content[:4])[0],
                               "rb") as file:
                    file.seek(0)
                    return file.read()
        return data


class Messages(unittest.TestCase):
    """Tests for both syslog and the journal."""

    Server = Server

    def private(self, mounted, link, target):
        """A mount namespace in which link leads to our own socket."""
        return harness.namespaces(
            "m", f"mount -t tmpfs tmpfs {mounted} && "
            f"mkdir -p {os.path.dirname(link)} && ln -s '{target}' {link}")

    def start(self, outputs, listeners, more="", wrap=(), env=None):
        """The daemon and the server that it sends to."""
        daemon = Daemon(start=False, env=env,
                        config=config(outputs, listeners, more))
        self.addCleanup(daemon.close)
        path = daemon.dir + "/socket"
        daemon.arguments = [*self.private(*self.PLACE, path), *wrap,
                            *daemon.arguments]
        server = self.Server(path)
        self.addCleanup(server.close)
        daemon.start()
        return daemon, server

    def refuses(self, what):
        """Without a socket the daemon does not start."""
        with Daemon(start=False, config=config('{ type = "%s"; }' % what)
                    ) as daemon:
            result = subprocess.run(
                [*self.private(*self.PLACE, "/nowhere"), *daemon.arguments],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                timeout=harness.PATIENCE)
        said = result.stderr.decode()
        self.assertEqual((result.returncode, result.stdout), (1, b""), said)
        self.assertIn(f"cannot open output {what}: {self.PLACE[1]}: ", said)
        self.assertNotIn("listening", said)
        return said

    def loses_nothing(self, daemon, server, data_of):
        """While the server is gone nothing is lost or doubled."""
        with daemon.udp() as sender:
            sender.send(b"before")
            self.assertEqual(data_of(server.get()), "before")

            def is_counted():
                # A socket that goes while it is being asked may make it
                # doubt, and say again, what was taken.
                daemon.signal(signal.SIGUSR1)
                return re.search(r"output \S+: records=1 ", daemon.errors())
            wait_for(is_counted, "the record to be counted")
            server.close()
            sender.send(b"one")
            daemon.wait_for_error(
                r"stalled reason=(ECONNREFUSED|ENOENT|EPIPE)")
            sender.send(b"two")
            sender.send(b"three")
            server.open()
            self.assertEqual([data_of(server.get()) for _ in range(2)][0],
                             "one")
            self.assertEqual([data_of(server.get()) for _ in range(2)],
                             ["two", "three"])
            self.assertEqual(daemon.stop(), 0)
            said = daemon.errors()
            self.assertEqual(said.count("stalled reason="), 1, said)
            self.assertEqual(said.count("resumed seconds="), 1, said)


class Syslog(Messages):
    """/dev/log, as syslog(3) uses it."""

    PLACE = ("/dev", "/dev/log")
    MESSAGE = re.compile(
        rb"<(?P<priority>\d+)>(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) "
        rb"(?P<ident>[^\[]+)\[(?P<pid>\d+)\]: (?P<listener>\S+) "
        rb"(?P<peer>\S+) (?P<tag>[FPET*]) (?P<data>[^\n]*)\Z")

    def parse(self, message):
        match = self.MESSAGE.match(message)
        self.assertTrue(match, message)
        return {key: value.decode("utf-8")
                for key, value in match.groupdict().items()}

    def test_a_message_has_the_columns_of_the_text(self):
        daemon, server = self.start(
            '{ type = "syslog"; }, { type = "syslog"; name = "other"; '
            'facility = "local3"; severity = "warning"; ident = "x"; }', UDP)
        with daemon.udp() as sender:
            sender.send(b"<13>a\nb\\\0\xff")
            first, second = (self.parse(server.get()) for _ in range(2))
            self.assertEqual(first["priority"], str(3 * 8 + 6))
            self.assertEqual(second["priority"], str(19 * 8 + 4))
            self.assertEqual((first["ident"], second["ident"]),
                             ("portlogd", "x"))
            for got in (first, second):
                self.assertEqual(got["pid"], str(daemon.process.pid))
                self.assertEqual(got["listener"], f"udp/{daemon.port()}")
                self.assertEqual(got["peer"], harness.name_of(sender))
                self.assertEqual((got["tag"], got["data"]),
                                 ("F", r"<13>a\nb\\\x00\xff"))
                self.assertIn(got["time"], {
                    time.strftime("%b %e %H:%M:%S",
                                  time.localtime(time.time() - age))
                    for age in range(int(harness.PATIENCE))})
        self.assertIn("output syslog: writing records to syslog",
                      daemon.errors())
        self.assertEqual(daemon.stop(), 0)

    def test_notes_are_messages_too(self):
        daemon, server = self.start('{ type = "syslog"; }', TCP)
        with daemon.tcp() as connection:
            connection.sendall(b"end")
        got = [self.parse(server.get()) for _ in range(2)]
        self.assertEqual((got[0]["tag"], got[0]["data"]), ("E", "end"))
        self.assertEqual(got[1]["tag"], "*")
        self.assertRegex(got[1]["data"], r"\Aclosed reason=eof records=1 ")
        self.assertEqual(daemon.stop(), 0)

    def test_a_long_record_goes_as_pieces_that_join_to_it(self):
        daemon, server = self.start(
            '{ type = "syslog"; }, { type = "stdout"; }', TCP,
            "limits = { flush_timeout = 0; };")
        record = every_byte(65536)
        with daemon.tcp() as connection:
            feeder = threading.Thread(target=connection.sendall, daemon=True,
                                      args=(record + b"\nnext\n",))
            feeder.start()
            got, data, messages = None, "", 0
            while not got or got["tag"] == "P":
                message = server.get()
                self.assertLessEqual(len(message), LONGEST_MESSAGE)
                got = self.parse(message)
                data += got["data"]
                messages += 1
            feeder.join(harness.PATIENCE)
            self.assertEqual(got["tag"], "F")
            self.assertGreater(messages, 65536 // LONGEST_MESSAGE)
            self.assertEqual(self.parse(server.get())["data"], "next")
            self.assertEqual(unescape(data), record)
            self.assertEqual(data, daemon.wait_for_data(1)[0])

    def test_max_line_is_the_longest_message(self):
        for limit in 1024, 65536:
            daemon, server = self.start(
                '{ type = "syslog"; max_line = %d; }' % limit, UDP)
            with daemon.udp() as sender:
                sender.send(b"\x1b" * 50000)
                sizes, message = [], " P "
                while " P " in message:
                    message = server.get().decode()
                    sizes.append(len(message))
            self.assertLessEqual(max(sizes), limit)
            self.assertGreater(max(sizes), limit - 4)

    def test_a_server_that_goes_away_and_comes_back_loses_nothing(self):
        daemon, server = self.start('{ type = "syslog"; }', UDP)
        self.loses_nothing(daemon, server, lambda m: self.parse(m)["data"])

    def test_it_does_not_start_without_a_socket(self):
        self.assertIn("No such file or directory", self.refuses("syslog"))

    def test_a_server_that_does_not_read_does_not_keep_it_from_ending(self):
        daemon, server = self.start('{ type = "syslog"; }', TCP,
                                    "limits = { shutdown_timeout = 1; };")
        with daemon.tcp() as connection:
            connection.sendall(b"x" * 500 + b"\n" + 5000 * b"y\n")
            server.get()
            self.assertEqual(daemon.stop(), 1)
        self.assertRegex(daemon.errors(),
                         r"output syslog: \d+ records unwritten")


class SyslogStream(Syslog):
    """The same where /dev/log is a stream: a NUL ends each message."""

    class Server(Server):
        """A server of one connection at a time."""

        def open(self):
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.settimeout(harness.PATIENCE)
            self.listener.bind(self.path)
            os.chmod(self.path, 0o666)
            self.listener.listen()
            self.socket, self.data = None, b""

        def close(self):
            if self.socket:
                self.socket.close()
            self.listener.close()
            if os.path.exists(self.path):
                os.unlink(self.path)

        def get(self):
            while b"\0" not in self.data:
                if not self.socket:
                    self.socket, _ = self.listener.accept()
                    self.socket.settimeout(harness.PATIENCE)
                data = self.socket.recv(65536)
                if not data:
                    self.socket = None
                self.data += data
            message, _, self.data = self.data.partition(b"\0")
            return message

    # There are two outputs, but one connection at a time.
    test_a_message_has_the_columns_of_the_text = None


class Journal(Messages):
    """The native protocol of the journal."""

    PLACE = ("/run", "/run/systemd/journal/socket")

    def setUp(self):
        with Daemon(start=False, config=config('{ type = "journal"; }')
                    ) as daemon:
            result = subprocess.run(
                [*self.private(*self.PLACE, "/nowhere"), *daemon.arguments],
                stderr=subprocess.PIPE, check=False, timeout=harness.PATIENCE)
        if b"built without libsystemd" in result.stderr:
            self.skipTest("built without libsystemd")

    def parse(self, message):
        """KEY=value, or KEY, the size of the value and the value."""
        fields = {}
        while message:
            line, _, rest = message.partition(b"\n")
            key, equals, value = line.partition(b"=")
            if not equals:
                size = struct.unpack("<Q", rest[:8])[0]
                value, rest = rest[8:8 + size], rest[9 + size:]
            self.assertNotIn(key, fields)
            fields[key.decode()] = value
            message = rest
        return fields

    def data(self, fields):
        """What follows the columns of the message."""
        listener, _, tag, data = fields["MESSAGE"].split(b" ", 3)
        self.assertEqual((listener, tag), (fields["PORTLOG_LISTENER"],
                                           fields["PORTLOG_TAG"]))
        return data

    def test_no_peer_speaks_as_portlogd(self):
        daemon, server = self.start('{ type = "journal"; }', UDP)
        own = [line.removeprefix("portlogd: ")
               for line in daemon.errors().split("\n") if line]
        self.assertGreater(len(own), 1)
        with daemon.udp() as sender:
            peer = "%s:%d" % sender.getsockname()[:2]
            for line in [*own, "stopping: SIGTERM", "closed reason=eof",
                         "udp/1 - * lost datagrams=1", "<0>panic"]:
                sender.send(line.encode())
                self.assertEqual(self.parse(server.get())["MESSAGE"].decode(),
                                 f"udp/{daemon.port()} {peer} F {line}")
        self.assertEqual(daemon.stop(), 0)

    def test_a_record_of_tcp_has_every_field(self):
        daemon, server = self.start('{ type = "journal"; ident = "x"; '
                                    'facility = "local0"; severity = "err"; }',
                                    TCP)
        with daemon.tcp() as connection:
            connection.sendall(b"hello\ttab\nsecond")
            peer = connection.getsockname()
        first, second, closed = (self.parse(server.get()) for _ in range(3))
        self.assertRegex(first["PORTLOG_RUN"], rb"\A[0-9a-f]{16}\Z")
        self.assertEqual(closed["PORTLOG_RUN"], first.pop("PORTLOG_RUN"))
        self.assertEqual(first, {
            "MESSAGE": b"tcp/%d 127.0.0.1:%d F hello\ttab" % (
                daemon.port(), peer[1]),
            "PORTLOG_LISTENER": b"tcp/%d" % daemon.port(),
            "PORTLOG_PROTOCOL": b"tcp", "PORTLOG_PEER": b"127.0.0.1",
            "PORTLOG_PORT": b"%d" % peer[1], "PORTLOG_CONNECTION": b"1",
            "PORTLOG_RECORD": b"1", "PORTLOG_TAG": b"F",
            "SYSLOG_IDENTIFIER": b"x", "SYSLOG_FACILITY": b"16",
            "PRIORITY": b"3"})
        self.assertEqual((second["PORTLOG_RECORD"], second["PORTLOG_TAG"],
                          self.data(second)), (b"2", b"E", b"second"))
        self.assertEqual((closed["PORTLOG_TAG"], closed["PORTLOG_CONNECTION"]),
                         (b"*", b"1"))
        self.assertTrue(self.data(closed).startswith(b"closed reason=eof "))
        self.assertNotIn("PORTLOG_RECORD", closed)
        self.assertIn("output journal: writing records to the journal",
                      daemon.errors())
        self.assertEqual(daemon.stop(), 0)

    def test_each_entry_of_a_record_in_pieces_is_told_apart(self):
        daemon, server = self.start('{ type = "journal"; }', TCP.replace(
            "}", "max_record = 8; }"))
        with daemon.tcp() as connection:
            connection.sendall(b"x" * 20 + b"\nshort\n")
        entries = [self.parse(server.get()) for _ in range(5)]
        self.assertEqual(
            [(e.get("PORTLOG_RECORD"), e.get("PORTLOG_PIECE"),
              e["PORTLOG_TAG"]) for e in entries],
            [(b"1", b"0", b"P"), (b"1", b"8", b"P"), (b"1", b"16", b"F"),
             (b"2", None, b"F"), (None, None, b"*")])
        self.assertEqual(len({e["PORTLOG_RUN"] for e in entries}), 1)
        self.assertEqual(daemon.stop(), 0)

    def test_a_record_of_udp_has_no_connection(self):
        daemon, server = self.start('{ type = "journal"; }', UDP)
        with daemon.udp() as sender:
            sender.send(b"x")
            got = self.parse(server.get())
            self.assertEqual(got["PORTLOG_PROTOCOL"], b"udp")
            self.assertNotIn("PORTLOG_CONNECTION", got)
            self.assertEqual((got["SYSLOG_IDENTIFIER"], got["PRIORITY"]),
                             (b"portlogd", b"6"))
        self.assertEqual(daemon.stop(), 0)

    def test_a_refusal_is_an_entry(self):
        daemon, server = self.start('{ type = "journal"; }', UDP.replace(
            "}", 'deny = [ "127.0.0.0/8" ]; }'))
        with daemon.udp() as sender:
            sender.send(b"x")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(
            self.parse(server.get())["MESSAGE"],
            b"udp/%d - * refused datagrams=1 peer=127.0.0.2 reason=network" %
            daemon.port())

    def test_a_peer_with_a_name_has_a_field_for_it(self):
        daemon, server = self.start(
            '{ type = "journal"; }', UDP, more='names = ( { address = '
            '"127.0.0.0/8"; name = "pump3"; } );')
        with daemon.udp() as sender:
            sender.send(b"x")
            got = self.parse(server.get())
        self.assertEqual((got["PORTLOG_NAME"], got["PORTLOG_PEER"]),
                         (b"pump3", b"127.0.0.2"))
        self.assertEqual(daemon.stop(), 0)

    def test_a_peer_behind_a_proxy_has_a_field_for_that(self):
        daemon, server = self.start('{ type = "journal"; }', TCP.replace(
            "}", 'proxies = [ "127.0.0.1" ]; }'))
        with daemon.tcp() as connection:
            connection.sendall(proxies.v1() + b"x\n")
            by = harness.name_of(connection).encode()
        for got in (self.parse(server.get()) for _ in range(3)):
            self.assertEqual((got["PORTLOG_PEER"], got["PORTLOG_PORT"],
                              got["PORTLOG_BY"]),
                             (b"192.0.2.7", b"51034", by))
        self.assertEqual(daemon.stop(), 0)

    def test_the_bytes_themselves_are_there_only_where_they_differ(self):
        daemon, server = self.start('{ type = "journal"; }', UDP)
        with daemon.udp() as sender:
            for sent, message in (
                    (b"plain", b"plain"), ("päß €".encode(), None),
                    (b"", b""), (b"a\nb", rb"a\nb"), (b"\x1b[2J", rb"\x1b[2J"),
                    (b"back\\slash", rb"back\\slash"),
                    (b"\0=\nMESSAGE=forged", rb"\x00=\nMESSAGE=forged"),
                    (b"\xff", rb"\xff")):
                sender.send(sent)
                got = self.parse(server.get())
                self.assertEqual(self.data(got), message or sent)
                self.assertEqual(got.get("PORTLOG_RAW", sent), sent)
                self.assertEqual("PORTLOG_RAW" in got,
                                 message not in (None, sent), sent)
        self.assertEqual(daemon.stop(), 0)

    def test_a_long_record_is_one_entry(self):
        daemon, server = self.start('{ type = "journal"; }', TCP,
                                    "limits = { max_record = 1048576; "
                                    "flush_timeout = 0; };")
        with daemon.tcp() as connection:
            every = every_byte(1048576)
            for record, raw in ((every, every), (b"x" * 1048576, None)):
                feeder = threading.Thread(target=connection.sendall,
                                          daemon=True, args=(record + b"\n",))
                feeder.start()
                got = self.parse(server.get())
                feeder.join(harness.PATIENCE)
                self.assertEqual(got["PORTLOG_TAG"], b"F")
                self.assertEqual(got.get("PORTLOG_RAW"), raw)
                self.assertEqual(unescape(self.data(got).decode()), record)

    def test_a_journal_that_goes_away_and_comes_back_loses_nothing(self):
        daemon, server = self.start('{ type = "journal"; }', UDP)
        self.loses_nothing(daemon, server,
                           lambda m: self.data(self.parse(m)).decode())

    def states(self, daemon):
        """The states of its threads, in the kernel's letters."""
        tasks = f"/proc/{daemon.process.pid}/task"
        states = set()
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/stat", encoding="utf-8") as file:
                states.add(file.read().rpartition(")")[2].split()[0])
        return states

    @unittest.skipUnless(shutil.which("strace"), "no strace")
    def test_a_socket_that_is_replaced_in_mid_send_loses_nothing(self):
        for call, sent, shown in (("sendto", b"x", b"x"),
                                  ("sendmsg", b"\xff", rb"\xff")):
            with self.subTest(call):
                self.replace_in_mid_send(call, sent, shown)

    def replace_in_mid_send(self, call, sent, shown):
        options = os.environ.get("ASAN_OPTIONS", "")
        daemon, server = self.start(
            '{ type = "journal"; }', UDP, wrap=(
                "strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o",
                "/dev/null", "-e", f"trace={call}", "-e",
                f"inject={call}:error=ENOENT:delay_enter=1000000:when=2"),
            env=dict(os.environ, ASAN_OPTIONS=f"{options}:detect_leaks=0"))
        with daemon.udp() as sender:
            sender.send(sent)
            server.get()
            wait_for(lambda: self.states(daemon) == {"S"}, "all to wait")
            sender.send(sent)
            wait_for(lambda: "t" in self.states(daemon), "strace to hold it")
            # Another inode: in /run none is soon used again.
            other = Server(server.path + ".new")
            self.addCleanup(other.close)
            os.rename(other.path, server.path)
            self.assertEqual(self.data(self.parse(other.get())), shown)
            self.assertEqual(daemon.stop(), 0)
        self.assertIn("stalled reason=ENOENT", daemon.errors())

    def test_it_does_not_start_without_a_journal(self):
        self.assertIn("No such file or directory", self.refuses("journal"))


if __name__ == "__main__":
    harness.main(jobs=4)
