# SPDX-License-Identifier: MIT
"""Signals: what TERM, INT, HUP and USR1 leave in the log."""
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from signal import SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGUSR1

import harness
from harness import Case, Daemon, wait_for

BOTH = """
listeners = (
  { protocol = "tcp"; port = 0; address = "127.0.0.1"; },
  { protocol = "udp"; port = 0; address = "127.0.0.1"; }
);
"""
NO_FLUSH = "limits = { flush_timeout = 0; };" + BOTH


class Pipe:
    """A pipe that is read only when the test does so."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        self.received = b""

    def read(self):
        """Read what is there now."""
        while select.select([self.reader], [], [], 0)[0]:
            data = os.read(self.reader, 65536)
            if not data:
                break
            self.received += data
        return self.received.decode("utf-8")

    def fill(self):
        """Fill the pipe from our side."""
        flags = os.open(f"/proc/self/fd/{self.writer}",
                        os.O_WRONLY | os.O_NONBLOCK)
        for size in (4096, 1):
            try:
                while True:
                    os.write(flags, b"x" * size)
            except BlockingIOError:
                pass
        os.close(flags)

    def close(self):
        os.close(self.reader)
        os.close(self.writer)


class Drain(Case):
    """TERM and INT: all that the kernel has queued is written."""

    def test_all_that_was_sent_before_the_signal_is_logged(self):
        for number in (SIGTERM, SIGINT):
            with self.subTest(signal.Signals(number).name):
                self.drain(number)

    def drain(self, number):
        daemon = self.daemon(config=NO_FLUSH)
        known = [self.tcp(daemon) for _ in range(5)]
        for connection in known:
            connection.sendall(b"early\n")
        daemon.wait_for_data(len(known))
        daemon.freeze()
        waiting = [self.tcp(daemon) for _ in range(20)]
        silent = self.tcp(daemon)
        ended = self.tcp(daemon)
        ended.sendall(b"ended\n")
        ended.shutdown(socket.SHUT_WR)
        for connection in known + waiting:
            connection.sendall(b"whole\nunfinished")
        sender = self.udp(daemon, 1)
        for i in range(200):
            sender.send(b"datagram %d" % i)
        daemon.signal(number)
        daemon.signal(SIGCONT)
        self.assertEqual(daemon.wait(), 0)
        self.assertEqual([r.data for r in daemon.of(sender)],
                         [f"datagram {i}" for i in range(200)])
        for connection in known + waiting:
            records = daemon.of(connection)
            self.assertEqual([(r.tag, r.data) for r in records[:-1]],
                             [("F", "early")] * (connection in known) +
                             [("F", "whole"), ("E", "unfinished")])
            event, keys = records[-1].note()
            self.assertEqual((event, keys["reason"], keys["records"]),
                             ("closed", "shutdown",
                              "3" if connection in known else "2"))
            self.assertEqual(harness.end_of(connection), b"")
        self.assertEqual([r.note()[1]["reason"] for r in daemon.of(silent)],
                         ["shutdown"])
        self.assertEqual([(r.tag, r.data.split(" records=")[0])
                          for r in daemon.of(ended)],
                         [("F", "ended"), ("*", "closed reason=eof")])
        self.assertIn(f"stopping: {signal.Signals(number).name}",
                      daemon.errors())

    def test_nobody_can_connect_any_more(self):
        daemon = self.daemon(config=BOTH)
        self.tcp(daemon)
        self.assertEqual(daemon.stop(), 0)
        with self.assertRaises(ConnectionRefusedError):
            daemon.tcp()

    def test_with_nothing_to_write_it_ends_with_code_0(self):
        for number in (SIGTERM, SIGINT):
            daemon = self.daemon(config=BOTH)
            self.assertEqual(daemon.stop(number), 0)
            self.assertEqual(daemon.bytes(), b"")

    def test_what_was_taken_is_written_when_the_reader_is_slow(self):
        daemon = self.daemon("-l", "tcp:127.0.0.1:0", start=False)
        reader, writer = os.pipe()
        daemon.start(stdout=writer)
        os.close(writer)
        connection = self.tcp(daemon)
        sent = b"".join(b"%d\n" % i for i in range(20000))
        connection.sendall(sent)
        daemon.wait_for_bytes(0, 1)
        daemon.signal(SIGTERM)
        daemon.wait_for_error("stopping")
        with open(reader, "rb") as file:
            lines = file.read().decode().split("\n")[:-1]
        self.assertEqual(daemon.wait(), 0)
        data = [harness.Record(line).data for line in lines]
        self.assertEqual(data[:-1], [str(i) for i in range(20000)])
        self.assertRegex(data[-1], r"\Aclosed reason=shutdown records=20000 ")


class Reopen(Case):
    """HUP, as logrotate sends it."""

    KINDS = ("text", "json", "raw")

    def config(self, directory=""):
        return BOTH + "outputs = (" + ",".join(
            f'{{ type = "file"; name = "{kind}"; format = "{kind}"; '
            f'path = "@DIR@{directory}/{kind}"; }}'
            for kind in self.KINDS) + ");"

    def test_with_its_directory_gone_it_keeps_the_old_file(self):
        daemon = self.daemon(config=self.config("/sub"), start=False)
        os.mkdir(daemon.dir + "/sub")
        daemon.start()
        sender = self.udp(daemon, 1)
        sender.send(b"before")
        old = daemon.dir + "/gone/text"
        daemon.wait_for_data(1, path=daemon.dir + "/sub/text")
        os.rename(daemon.dir + "/sub", daemon.dir + "/gone")
        daemon.signal(SIGHUP)
        for kind in self.KINDS:
            daemon.wait_for_error(
                f"output {kind}: cannot reopen, keeping the old: "
                f"{daemon.dir}/sub/{kind}: No such file or directory")
        sender.send(b"after")
        self.assertEqual(daemon.wait_for_data(2, path=old),
                         ["before", "after"])
        os.mkdir(daemon.dir + "/sub")
        daemon.signal(SIGHUP)
        daemon.wait_for_error("output raw: reopened")
        sender.send(b"later")
        self.assertEqual(daemon.wait_for_data(1, path=daemon.dir +
                                              "/sub/text"), ["later"])
        self.assertEqual(len(daemon.data(path=old)), 2)

    def test_a_new_file_has_its_mode(self):
        daemon = self.daemon(config=BOTH + 'outputs = ( { type = "file"; '
                             'path = "@DIR@/log"; mode = "0604"; } );')
        os.rename(daemon.dir + "/log", daemon.dir + "/log.1")
        daemon.signal(SIGHUP)
        daemon.wait_for_error("reopened")
        self.assertEqual(os.stat(daemon.dir + "/log").st_mode & 0o7777, 0o604)

    def test_it_says_once_that_the_configuration_is_not_read(self):
        daemon = self.daemon(config=self.config())
        for number in (1, 2):
            daemon.signal(SIGHUP)
            wait_for(lambda n=number: daemon.errors().count(
                "output raw: reopened") == n, "the files to be reopened")
        self.assertEqual(daemon.errors().count(
            "SIGHUP: opening the files again; for a changed configuration, "
            "restart\n"), 1)

    def test_it_goes_on_listening_and_keeps_its_connections(self):
        daemon = self.daemon(config=BOTH)
        connection = self.tcp(daemon)
        connection.sendall(b"one\ntw")
        daemon.wait_for_data(1)
        daemon.signal(SIGHUP)
        daemon.counters()
        connection.sendall(b"o\n")
        self.assertEqual(daemon.wait_for_data(2)[0], "one")
        self.assertEqual("".join(daemon.data()[1:]), "two")


class Early(Case):
    """Signals that come before it listens."""

    def test_they_wait_while_the_configuration_is_read(self):
        daemon = self.daemon(config=BOTH, start=False)
        path = daemon.arguments[-1]
        os.unlink(path)
        os.mkfifo(path)
        daemon.launch()
        with open(path, "w", encoding="utf-8") as file:
            for number in (SIGHUP, SIGUSR1, SIGTERM):
                daemon.signal(number)
            file.write(BOTH)
        self.assertEqual(daemon.wait(), 0)
        for said in ("SIGHUP: ", ": records=0 ", "stopping: SIGTERM",
                     "stopped"):
            self.assertIn(said, daemon.errors())

    def test_one_that_was_there_before_it_ran_stops_it_in_order(self):
        daemon = self.daemon(
            config=BOTH, start=False,
            wrap=("env", "--block-signal=TERM", "sh", "-c",
                  'kill -TERM $$; exec "$@"', "sh"))
        daemon.launch()
        self.assertEqual(daemon.wait(), 0)
        self.assertIn("stopping: SIGTERM", daemon.errors())
        self.assertIn("stopped", daemon.errors())

    def test_sent_at_once_it_ends_it_before_or_after_the_start(self):
        for _ in range(10 * harness.TURNS):
            daemon = self.daemon(config=BOTH, start=False)
            daemon.launch()
            daemon.exits = daemon.stop()
            # Before main() nothing is there that could be lost.
            self.assertIn(daemon.exits, (0, -SIGTERM))
            if daemon.exits:
                self.assertEqual(daemon.errors(), "")

    def test_they_end_a_check(self):
        with tempfile.TemporaryDirectory() as directory:
            path = directory + "/fifo.conf"
            os.mkfifo(path)
            with subprocess.Popen([harness.PORTLOGD, "-t", "-c", path]) as test:
                with open(path, "w", encoding="utf-8"):
                    test.terminate()
                    self.assertEqual(test.wait(harness.PATIENCE), -SIGTERM)


class Counters(Case):
    """USR1."""

    OUTPUT = re.compile(r"output (\S+): (.*)\n")

    def test_counters_agree_with_the_log(self):
        daemon = self.daemon(config="""
            limits = { max_record = 100; max_connections_per_source = 2; };
            """ + BOTH + """outputs = (
            { type = "file"; name = "text"; path = "@DIR@/text"; },
            { type = "stdout"; format = "raw"; } );""")
        log = daemon.dir + "/text"
        ended = self.tcp(daemon)
        ended.sendall(b"one\ntwo\nthree")
        ended.shutdown(socket.SHUT_WR)
        harness.end_of(ended)
        wait_for(lambda: daemon.counters()[daemon.listening[0][0]][
            "connections"] == 0, "the connection to be gone")
        kept = [self.tcp(daemon) for _ in range(2)]
        for connection in kept:
            connection.sendall(b"x" * 150 + b"\n")
        daemon.wait_for_data(7, path=log)
        self.assert_refused(self.tcp, daemon)
        sender = self.udp(daemon, 1)
        sender.send(b"datagram")
        sender.send(b"y" * 150)
        daemon.wait_for_note("truncated", log)
        counters = {}

        def agree():
            """Get the counters; true once the output has counted all."""
            told = len(daemon.errors())
            counters.update(daemon.counters())
            wait_for(lambda: len(self.OUTPUT.findall(
                daemon.errors()[told:])) == 2)
            for name, text in self.OUTPUT.findall(daemon.errors()[told:]):
                counters[name] = dict(p.split("=") for p in text.split())
            return (counters["stdout"]["records"] == "11" and
                    sum(counters[l[0]]["records"]
                        for l in daemon.listening) == 7)
        wait_for(agree, "all to be counted")
        tcp, udp = (counters[l[0]] for l in daemon.listening)
        self.assertEqual(tcp, {"records": 5, "bytes": 13 + 2 * 151,
                               "connections": 2, "total": 3, "refused": 1,
                               "waiting": 0})
        self.assertEqual(udp, {"records": 2, "bytes": 158, "lost": 0,
                               "truncated": 1, "refused": 0,
                               "limited": 0})
        for name, path in (("text", log), ("stdout", daemon.out)):
            counted = counters[name]
            self.assertEqual(counted["records"],
                             str(len(daemon.records(log))))
            self.assertEqual(counted["bytes"], str(len(daemon.bytes(path))))
            self.assertEqual(counted["errors"], "0")
            self.assertEqual(float(counted["stalled_seconds"]), 0)

    def test_a_stall_shows_in_the_counters(self):
        daemon = self.daemon(start=False, config=BOTH + """outputs = (
            { type = "file"; name = "pipe"; path = "@DIR@/fifo"; } );""")
        path = daemon.dir + "/fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        daemon.start()
        os.close(reader)
        self.udp(daemon, 1).send(b"x")
        daemon.wait_for_error("stalled")
        with open(path, "rb") as file:
            file.readline()
            daemon.wait_for_error("resumed")
            daemon.signal(SIGUSR1)
            said = daemon.wait_for_error(
                r"output pipe: .*errors=1 stalled_seconds=(\S+)")
            self.assertGreater(float(said.group(1)), 0)
            self.assertEqual(daemon.stop(), 0)


class Abandon(unittest.TestCase):
    """An output that is stalled when the daemon must end."""

    def setUp(self):
        self.pipe = Pipe()
        self.addCleanup(self.pipe.close)

    def stalled(self, timeout_s, settings=""):
        """A daemon whose stdout is a full pipe, with a record in hand."""
        daemon = Daemon(start=False, config="limits = { " + settings +
                        f"shutdown_timeout = {timeout_s}; }};" + BOTH)
        self.addCleanup(daemon.close)
        daemon.start(stdout=self.pipe.writer)
        self.pipe.fill()
        connection = daemon.tcp()
        self.addCleanup(connection.close)
        connection.sendall(b"one\ntwo\n")
        wait_for(lambda: self.waiting(daemon) == 2, "two records to wait")
        return daemon

    def waiting(self, daemon):
        told = len(daemon.errors())
        daemon.counters()
        match = wait_for(lambda: re.search(r"output stdout: .* waiting=(\d+)",
                                           daemon.errors()[told:]))
        return int(match.group(1))

    def assert_abandoned(self, daemon):
        self.assertEqual(daemon.wait(), 1)
        said = daemon.errors()
        self.assertRegex(said, r"abandoned: 1 connections, \d+ bytes unread")
        self.assertIn("output stdout: 2 records unwritten", said)
        return said

    def test_a_second_signal_ends_it_at_once(self):
        for first, second in ((SIGTERM, SIGTERM), (SIGINT, SIGTERM)):
            daemon = self.stalled(3600)
            daemon.signal(first)
            daemon.wait_for_error("stopping")

            def ended(daemon=daemon, second=second):
                # A signal very soon after the first is taken for the same.
                daemon.signal(second)
                return daemon.process.poll() is not None
            wait_for(ended, "the end")
            self.assertIn("giving up: a second signal",
                          self.assert_abandoned(daemon))

    def test_the_timeout_ends_it(self):
        daemon = self.stalled(1)
        begin = time.monotonic()
        daemon.signal(SIGTERM)
        said = self.assert_abandoned(daemon)
        took = time.monotonic() - begin
        self.assertGreater(took, 0.9)
        self.assertLess(took, 1 + harness.LATE)
        self.assertIn("giving up after 1 second", said)

    def test_those_whom_it_had_no_room_for_are_told(self):
        daemon = self.stalled(3600, "max_connections = 1; ")
        waiting = [daemon.tcp() for _ in range(3)]
        for connection in waiting:
            self.addCleanup(connection.close)
        daemon.signal(SIGTERM)
        daemon.wait_for_error("stopping")
        wait_for(lambda: daemon.signal(SIGTERM) or
                 daemon.process.poll() is not None, "the end")
        self.assertRegex(self.assert_abandoned(daemon),
                         r"abandoned: listener tcp/\d+: 3 connections waiting")

    def test_an_output_that_goes_on_in_time_is_waited_for(self):
        daemon = self.stalled(60)
        daemon.signal(SIGTERM)
        daemon.wait_for_error("stopping")

        def ended():
            self.pipe.read()
            return daemon.process.poll() is not None
        wait_for(ended, "the end")
        self.assertEqual(daemon.wait(), 0)
        lines = self.pipe.read().lstrip("x").split("\n")
        self.assertEqual([harness.Record(line).data.split(" records=")[0]
                          for line in lines[:-1]],
                         ["one", "two", "closed reason=shutdown"])

    def test_datagrams_that_nobody_read_are_not_left_untold(self):
        daemon = self.stalled(1)
        with daemon.udp(1) as sender:
            sender.send(b"first")
            wait_for(lambda: self.waiting(daemon) == 3, "a third record")
            for _ in range(10):
                sender.send(b"not read")
        daemon.signal(SIGTERM)
        self.assertEqual(daemon.wait(), 1)
        self.assertRegex(daemon.errors(), "(?i)abandoned: .*(udp|datagram)")


class StderrStalled(unittest.TestCase):
    """stderr is a full pipe: it still logs records, and ends."""

    def test_a_full_stderr_does_not_keep_it_from_logging_and_ending(self):
        pipe = Pipe()
        self.addCleanup(pipe.close)
        with Daemon("-l", "tcp:127.0.0.1:0", "-l", "udp:127.0.0.1:0",
                    start=False) as daemon:
            with open(daemon.out, "wb") as out:
                daemon.process = subprocess.Popen(
                    daemon.arguments, stdout=out, stderr=pipe.writer)
            daemon.errors = pipe.read
            wait_for(daemon.is_listening, "the start")
            pipe.fill()
            with daemon.tcp() as connection, daemon.udp(1) as sender:
                daemon.signal(SIGUSR1)
                connection.sendall(b"one\n")
                daemon.wait_for_data(1)
                sender.send(b"two")
                daemon.wait_for_data(2)
                daemon.signal(SIGHUP)
                self.assertEqual(daemon.stop(), 0)
            self.assertEqual(daemon.data(), ["one", "two"])

    def test_a_stderr_without_a_reader_does_not_end_it(self):
        pipe = Pipe()
        with Daemon("-l", "tcp:127.0.0.1:0", "-l", "udp:127.0.0.1:0",
                    start=False) as daemon:
            with open(daemon.out, "wb") as out:
                daemon.process = subprocess.Popen(
                    daemon.arguments, stdout=out, stderr=pipe.writer)
            daemon.errors = pipe.read
            wait_for(daemon.is_listening, "the start")
            pipe.close()
            daemon.signal(SIGUSR1)
            with daemon.udp(1) as sender:
                sender.send(b"one")
                self.assertEqual(daemon.wait_for_data(1), ["one"])
            self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    harness.main(jobs=4)
