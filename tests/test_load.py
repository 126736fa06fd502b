# SPDX-License-Identifier: MIT
"""Signals in the middle of load, again and again: nothing is missing."""
import os
import re
import select
import shutil
import socket
import unittest
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGUSR1

import accounting
import harness
from harness import TURNS, wait_for

LISTENERS = """
listeners = (
  { protocol = "tcp"; port = 0; },
  { protocol = "tcp"; port = 0; name = "counted";
    framing = "octet-counted"; },
  { protocol = "udp"; port = 0; },
  { protocol = "udp"; port = 0; name = "small"; receive_buffer = 4096; }
);
"""
CONFIG = LISTENERS + """
limits = { flush_timeout = 0; shutdown_timeout = 60; };
outputs = ( { type = "file"; path = "@DIR@/text"; },
  { type = "file"; path = "@DIR@/json"; format = "json"; },
  { type = "file"; path = "@DIR@/raw"; format = "raw"; } );
"""
FORMATS = (("text", accounting.from_text), ("json", accounting.from_json))
FILES = ("text", "json", "raw")


class UnderLoad(accounting.Case):
    """Signals while TCP and UDP senders flood or send slowly."""

    def load(self):
        """Start a daemon and senders: some as fast as they can, some not."""
        self.streams, self.datagrams = [], []
        daemon = self.daemon(config=CONFIG)
        self.stream(daemon, "flood", burst=100, rate=30000)
        self.stream(daemon, "slow", burst=1, rate=2000)
        self.stream(daemon, "counted", 1, rate=5000,
                    framing=accounting.COUNTED)
        self.datagrams_of(daemon, "even", 2, rate=5000)
        self.datagrams_of(daemon, "burst", 3, rate=20000)
        return daemon

    def run_for(self, turn):
        """Let each send some, in each turn another number."""
        for sender in self.senders():
            sender.wait_for(20 + 17 * (turn % 10))

    def halt(self):
        """End the streams that are still open in order."""
        for sender in self.senders():
            sender.finish()

    def check_files(self, daemon, parts=("",)):
        """Check both files, with parts; returns the datagrams lost."""
        told = [self.check_log(b"".join(
            daemon.bytes(f"{daemon.dir}/{name}{part}") for part in parts),
            parse) for name, parse in FORMATS]
        self.assertEqual(told[0], told[1])
        return told[0]

    def stop_under_load(self, number, turn):
        daemon = self.load()
        self.run_for(turn)
        daemon.signal(number)
        self.assertEqual(daemon.wait(), 0, daemon.errors())
        for sender in self.senders():
            sender.abandon()
        self.check_files(daemon)

    def test_term_and_int_lose_nothing_that_the_kernel_had_taken(self):
        for turn in range(TURNS):
            self.stop_under_load(SIGINT if turn % 2 else SIGTERM, turn)

    def test_senders_that_never_pause_do_not_keep_it_from_ending(self):
        daemon = self.daemon(config=CONFIG)
        for name in ("a", "b", "c"):
            self.stream(daemon, name)
        self.datagrams_of(daemon, "d", 2)
        self.run_for(9)
        self.assertEqual(daemon.stop(), 0)
        self.assertNotIn("giving up", daemon.errors())
        for sender in self.senders():
            sender.abandon()
        self.check_files(daemon)

    def test_files_renamed_before_hup_hold_all_of_it(self):
        daemon = self.load()
        for turn in range(TURNS):
            self.run_for(turn)
            for name in FILES:
                path = f"{daemon.dir}/{name}"
                os.rename(path, f"{path}.{turn}")
            daemon.signal(SIGHUP)
            wait_for(lambda: all(os.path.exists(f"{daemon.dir}/{name}")
                                 for name in FILES), "new files")
        self.run_for(0)
        self.halt()
        self.assertEqual(daemon.stop(), 0)
        parts = [f".{turn}" for turn in range(TURNS)] + [""]
        self.check_files(daemon, parts)
        self.check_raw([daemon.bytes(f"{daemon.dir}/raw{part}")
                        for part in parts])

    def check_raw(self, parts):
        """Check streams in raw files, which do not name the peer."""
        self.assertEqual({part[-1:] for part in parts}, {b"\n"})
        for stream in self.streams:
            name = stream.sender + b"."
            self.assertEqual(
                [line for line in b"".join(parts).split(b"\n")
                 if line.startswith(name)],
                [accounting.record(stream.sender, n, stream.spread)
                 for n in range(stream.number)])

    def test_hup_without_a_directory_keeps_the_old_files(self):
        daemon = self.load()
        for turn in range(TURNS):
            self.run_for(turn)
            told = len(daemon.errors())
            os.rename(daemon.dir, daemon.dir + ".gone")
            try:
                daemon.signal(SIGHUP)
                daemon.err = daemon.dir + ".gone/err"
                # Who looks at the path just before the signal tells it too.
                wait_for(lambda t=told: len(set(re.findall(
                    "(.*): cannot reopen, keeping the old: .*No such file",
                    daemon.errors()[t:]))) == 3, "each to be told")
                self.run_for(turn)
            finally:
                os.rename(daemon.dir + ".gone", daemon.dir)
                daemon.err = daemon.dir + "/err"
        self.halt()
        self.assertEqual(daemon.stop(), 0)
        self.check_files(daemon)

    def test_counters_told_under_load_agree_at_its_end(self):
        daemon = self.load()
        last = daemon.counters()
        for turn in range(TURNS):
            self.run_for(turn)
            counters = daemon.counters()
            for name, counted in counters.items():
                for key in set(counted) - {"connections", "waiting"}:
                    self.assertGreaterEqual(counted[key], last[name][key])
            last = counters
        self.halt()
        small = daemon.listening[3][0]
        sent = self.datagrams[1].sent
        wait_for(lambda: (lambda c: c["records"] + c["lost"] == sent)(
            daemon.counters()[small]), "all to be counted")
        lost = sum(c.get("lost", 0) for c in daemon.counters().values())
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.check_files(daemon), lost)

    def test_after_kill_all_but_the_last_line_is_whole(self):
        for turn in range(TURNS):
            daemon = self.load()
            self.run_for(turn)
            daemon.signal(SIGKILL)
            daemon.wait()
            for sender in self.senders():
                sender.abandon()
            lines = daemon.bytes(daemon.dir + "/text")
            for stream in self.streams:
                stream.acked = 0  # read and not written: lost
            self.streams_only(lines[:lines.rfind(b"\n") + 1])
            os.unlink(daemon.err)
            daemon.start()
            self.assertEqual(daemon.stop(), 0)
            again = daemon.bytes(daemon.dir + "/text")
            self.assertEqual(again, lines if lines.endswith(b"\n")
                             else lines + b"\n")

    def streams_only(self, content):
        """Check the streams only: a kill leaves datagrams unnoted."""
        accounting.check(b"".join(
            line for line in content.splitlines(keepends=True)
            if b" udp/" not in line and b" small " not in line),
            self.streams)


class Even(accounting.Stream):
    """All of its records have one size."""

    SIZE = 100

    def frame(self, number):
        return b"%0*d\n" % (self.SIZE - 1, number)


class Abandoned(accounting.Case):
    """Two TERMs while an output is stalled: the loss is logged."""

    CONFIG = """
    listeners = ( { protocol = "tcp"; port = 0; },
      { protocol = "udp"; port = 0; receive_buffer = 65536; } );
    limits = { shutdown_timeout = 3600; };
    connection_notes = "none";
    """

    def unread(self, open_pair=os.pipe, **options):
        """A daemon with a full stdout; self.reader is its other end."""
        daemon = harness.Daemon(start=False, **options)
        self.addCleanup(daemon.close)
        self.reader, writer = open_pair()
        self.addCleanup(os.close, self.reader)
        daemon.start(stdout=writer)
        os.close(writer)
        return daemon

    def give_up(self, daemon):
        """Send TERM twice; returns what it has written until then."""
        daemon.signal(SIGTERM)
        daemon.wait_for_error("stopping")
        wait_for(lambda: daemon.signal(SIGTERM) or
                 daemon.process.poll() is not None, "the end")
        self.assertEqual(daemon.process.returncode, 1)
        with open(self.reader, "rb", closefd=False) as pipe:
            content = pipe.read()
        return content[:content.rfind(b"\n") + 1]

    def stalled(self, *how, **options):
        """Senders that wait, since the daemon's stdout is full."""
        daemon = self.unread(*how, config=self.CONFIG, **options)
        stream = self.stream(daemon, "stream", burst=7)
        wait_for(lambda: not select.select([], [stream.connection], [], 0)[1],
                 "the window to be shut")
        datagrams = self.datagrams_of(daemon, "datagrams", 1, limit=2000)
        wait_for(lambda: not datagrams.is_alive(), "all datagrams")
        return daemon, stream, datagrams

    def abandon(self, *how, **options):
        daemon, stream, datagrams = self.stalled(*how, **options)
        content = self.give_up(daemon)
        stream.abandon()
        datagrams.abandon()
        self.check_abandoned(daemon, content, stream, datagrams)

    def test_what_two_terms_abandon_is_told_exactly(self):
        for _ in range(TURNS):
            self.abandon()

    def test_the_same_where_stdout_is_a_socket(self):
        def pair():
            ours, its = socket.socketpair()
            return ours.detach(), its.detach()
        self.abandon(pair)

    @unittest.skipUnless(os.getuid() == 0 and shutil.which("setpriv"),
                         "needs root and setpriv")
    def test_the_same_where_stdout_is_a_pipe_of_another_user(self):
        self.abandon(wrap=("setpriv", "--reuid=65534", "--clear-groups"))

    def test_the_same_of_more_that_send_much_than_are_read_at_a_time(self):
        daemon = self.unread(config=self.CONFIG)
        streams = [self.stream(daemon, f"s{i}", kind=Even, burst=1000)
                   for i in range(os.cpu_count() + 6)]
        wait_for(lambda: not select.select(
            [], [s.connection for s in streams], [], 0)[1],
            "all windows to be shut")
        entries = accounting.entries_of(self.give_up(daemon))
        for stream in streams:
            stream.abandon()
            numbers = [int(e.data) for e in entries if e.peer == stream.peer]
            self.assertEqual(numbers, list(range(len(numbers))))
        unread, held, unwritten = map(int, re.search(
            rf"{len(streams)} connections, (\d+) bytes unread, (\d+) read and"
            r".* (\d+) records unwritten", daemon.errors(), re.S).groups())
        self.assertEqual(sum(s.acked for s in streams) - unread - held,
                         Even.SIZE * (len(entries) + unwritten),
                         daemon.errors())

    def test_lines_of_datagrams_in_hand_are_told_exactly(self):
        lines, size = 600, 50
        daemon = self.unread(config=self.CONFIG.replace(
            "port = 0; rec", 'port = 0; framing = "line"; rec'))
        sender = self.udp(daemon, 1)
        datagram = b"".join(b"%0*d\n" % (size - 1, i) for i in range(lines))
        for _ in range(20):
            sender.send(datagram)
        wait_for(lambda: daemon.signal(SIGUSR1) or re.search(
            r"stdout: .* waiting=[1-9]", daemon.errors()), "the stall")
        logged = self.give_up(daemon).count(b" F 0")
        unread, lost, held, unwritten = map(int, re.search(
            r" (\d+) datagrams unread, (\d+) lost, (\d+) bytes read and.*"
            r" (\d+) records unwritten", daemon.errors(), re.S).groups())
        self.assertEqual(held % size, 0)
        self.assertEqual(logged + unwritten + held // size +
                         (unread + lost) * lines, 20 * lines, daemon.errors())

    def test_what_waited_to_be_accepted_is_told_to_the_byte(self):
        daemon = self.unread(config=self.CONFIG.replace(
            "port = 0; }", "port = 0; max_connections = 1; }", 1))
        stream = self.stream(daemon, "stream", burst=7)
        wait_for(lambda: not select.select([], [stream.connection], [], 0)[1],
                 "the window to be shut")
        for _ in range(3):
            self.tcp(daemon).sendall(b"x" * 1000)
        self.give_up(daemon)
        stream.abandon()
        self.assertIn("3 connections waiting, 3000 bytes unread",
                      daemon.errors())

    def test_notes_of_a_listener_do_not_wait_for_an_output_of_another(self):
        daemon = harness.Daemon(config="""
            listeners = (
              { name = "sick"; protocol = "tcp"; port = 0; outputs = ["full"]; },
              { name = "well"; protocol = "tcp"; port = 0; outputs = ["good"]; } );
            limits = { shutdown_timeout = 1; };
            outputs = ( { type = "file"; name = "full"; path = "/dev/full"; },
                        { type = "file"; name = "good"; path = "@DIR@/good"; } );
            """)
        self.addCleanup(daemon.close)
        for number in range(2):
            end = self.tcp(daemon, number)
            end.shutdown(socket.SHUT_WR)
            self.assertEqual(harness.end_of(end), b"")
        self.assertEqual(daemon.stop(), 1)
        self.assertEqual([r.data for r in daemon.records(daemon.dir + "/good")],
                         ["probes connections=1 peer=127.0.0.1"])
        self.assertIn("output full: 1 records unwritten", daemon.errors())

    def check_abandoned(self, daemon, content, stream, datagrams):
        """Written + unwritten + unread + lost = sent, for TCP and UDP."""
        entries = accounting.entries_of(content[:content.rfind(b"\n") + 1])
        logged = {}
        for sender in (stream, datagrams):
            numbers = [accounting.number_of(sender, e.data) for e in entries
                       if e.peer == sender.peer]
            logged[sender] = len(numbers)
            self.assertEqual(numbers, list(range(len(numbers))))
        unread, held, waiting, lost, unwritten = map(int, re.search(
            r"1 connections, (\d+) bytes unread, (\d+) read and .*"
            r" (\d+) datagrams unread, (\d+) lost, 0 bytes read and .*"
            r" (\d+) records unwritten", daemon.errors(), re.S).groups())
        self.assertGreater(lost, 0)
        # The rest of the stream, neither unread nor held, is whole records.
        records, left = 0, stream.acked - unread - held
        while left > 0:
            left -= len(stream.frame(records))
            records += 1
        self.assertEqual(left, 0, daemon.errors())
        self.assertEqual(
            datagrams.sent, logged[datagrams] + waiting + lost +
            unwritten - (records - logged[stream]), daemon.errors())


if __name__ == "__main__":
    harness.main(jobs=2)
