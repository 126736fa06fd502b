# SPDX-License-Identifier: MIT
"""What the daemon and systemd say to each other, and what follows from it."""
import contextlib
import os
import re
import shutil
import tempfile
import time
from signal import SIGHUP, SIGTERM

import harness
import keeper
from harness import wait_for
from keeper import tcp, udp
from tracer import Tracer

LINE, UDP = tcp("line"), udp("dgram")
COUNTED = tcp("counted", 'framing = "octet-counted";')


class Ends(keeper.Case):
    """Only a restart that is known to be one leaves all to the next."""

    def begin(self, **options):
        """A daemon with a record in hand; it, and its peer."""
        daemon = self.serve(LINE, UDP, **options)
        stream = self.tcp(daemon)
        stream.sendall(b"one\ntw")
        daemon.wait_for_bytes(0, 6)
        return daemon, stream

    def assert_drained(self, daemon, stream):
        """It ends as if there were no systemd."""
        self.assertEqual(daemon.wait(), 0, daemon.errors())
        self.assertIn("stopping: SIGTERM", daemon.errors())
        self.assertEqual(harness.end_of(stream), b"")
        log = daemon.records(daemon.dir + "/log")
        self.assertEqual([(r.tag, r.data) for r in log[:-1]],
                         [("F", "one"), ("E", "tw")])
        self.assertIn("closed reason=shutdown records=2 bytes=6 ",
                      log[-1].data)
        self.assertEqual(daemon.keeper.names(), ["ledger 1"])
        with self.assertRaises(ConnectionRefusedError):
            daemon.tcp()

    def test_a_stop_and_a_signal_of_nobody_drain(self):
        for job in ("stop", None, "reload", "restarting"):
            with self.subTest(job):
                daemon, stream = self.begin()
                daemon.keeper.job = job
                daemon.signal(SIGTERM)
                self.assert_drained(daemon, stream)
                self.assertEqual([value for _, value in
                                  daemon.keeper.heard("STOPPING")], ["1"])

    def test_a_bus_that_is_silent_at_any_point_or_absent_drains(self):
        # All at once, for each of them waits for a second.
        begun = [self.begin() for _ in range(7)]
        for answers, (daemon, _) in enumerate(begun[:6]):
            daemon.keeper.answers = answers
        begun[6][0].keeper.leave_bus()
        started = time.monotonic()
        for daemon, _ in begun:
            daemon.signal(SIGTERM)
        for daemon, stream in begun:
            self.assert_drained(daemon, stream)
        self.assertLess(time.monotonic() - started, harness.PATIENCE / 4)

    def test_a_bus_that_is_slow_is_waited_for(self):
        daemon, stream = self.begin()
        daemon.keeper.pause = 0.1
        daemon.restart()
        stream.sendall(b"o\n")
        self.wait_until_told(daemon, stream, ["one", "two"])

    def test_a_configuration_that_the_next_would_refuse_drains(self):
        for change, fault in (
                (lambda daemon: daemon.configure("listeners = 1;\n"),
                 r"portlogd\.conf:1: listeners: "),
                (lambda daemon: os.unlink(daemon.arguments[-1]),
                 r"portlogd\.conf: .*No such file")):
            with self.subTest(fault):
                daemon, stream = self.begin()
                change(daemon)
                daemon.signal(SIGTERM)
                self.assert_drained(daemon, stream)
                self.assertRegex(daemon.errors(), fault)
                self.assertIn("cannot restart with this configuration",
                              daemon.errors())
                self.assertEqual(daemon.text(), "")

    def test_what_cannot_be_checked_in_time_or_at_all_is_left_to_the_next(
            self):
        def never_end(daemon):
            os.unlink(daemon.arguments[-1])
            os.mkfifo(daemon.arguments[-1])

        def be_gone(daemon):
            os.unlink(daemon.arguments[0])
        for change in (never_end, be_gone):
            with self.subTest(change):
                daemon = self.serve(LINE, UDP, start=False)
                daemon.arguments[0] = shutil.copy(harness.PORTLOGD,
                                                  daemon.dir)
                daemon.start()
                stream = self.tcp(daemon)
                stream.sendall(b"tw")
                daemon.wait_for_bytes(0, 2)
                change(daemon)
                daemon.leave()
                self.assertIn("state", daemon.keeper.names())
                self.assert_open(stream)

    def test_without_room_for_all_it_drains(self):
        # Two listeners, as many held connections, a state; and the ledger.
        daemon, stream = self.begin(most=6)
        daemon.restart()
        stream.sendall(b"o\n")
        self.wait_until_told(daemon, stream, ["one", "two"])
        daemon.stop()
        daemon, stream = self.begin(most=5)
        daemon.signal(SIGTERM)
        self.assert_drained(daemon, stream)


class Store(keeper.Case):
    """What is kept is what lives."""

    def test_it_does_not_grow_with_connections_that_come_and_go(self):
        daemon = self.serve(LINE, UDP)
        before = daemon.keeper.names()
        stays = self.tcp(daemon)
        for _ in range(10):
            streams = [daemon.tcp() for _ in range(100)]
            for number, stream in enumerate(streams):
                if number % 3:
                    stream.sendall(b"x\ny")
                if number % 5:
                    stream.close()
                else:
                    harness.reset(stream)
        wait_for(lambda: [daemon.counters()["line"][key] for key in
                          ("total", "connections")] == [1001, 1], "the ends")
        self.assertEqual(daemon.keeper.names(), sorted(
            [*before, next(n for n in daemon.keeper.names() if
                           n.startswith("connection 1 of line "))]))
        self.assert_open(stays)

    def test_their_peers_see_the_end_though_they_are_kept(self):
        daemon = self.serve(tcp("line", "idle_timeout = 1;"), COUNTED)
        idle, bad = self.tcp(daemon), self.tcp(daemon, 1)
        wait_for(lambda: len(daemon.keeper.names()) == 5, "both to be kept")
        bad.sendall(b"bad\n")
        # Nothing of what is told is heard for now.
        with daemon.keeper.deaf:
            self.assertEqual(harness.end_of(bad), b"")
            self.assertEqual(harness.end_of(idle), b"")

    def test_all_is_kept_before_the_first_byte_is_logged(self):
        daemon = self.serve(LINE)
        stream = self.tcp(daemon)
        stream.sendall(b"one\n")
        self.wait_until_told(daemon, stream, ["one"])
        self.assertEqual([re.sub(" (tcp|udp) .*|of .*", "", name) for name in
                          daemon.keeper.names()],
                         ["connection 1 ", "ledger 1", "listener line"])
        for _, message in daemon.keeper.told:
            if "FDSTORE" in message:
                self.assertEqual(message["FDPOLL"], "0")
                self.assertRegex(message["FDNAME"], r"\A[ -9;-~]{1,255}\Z")


class Signs(keeper.Case):
    """READY, RELOADING, STATUS and WATCHDOG."""

    def test_ready_comes_when_it_listens_and_reloading_before_it_at_hup(self):
        daemon = self.serve(LINE, UDP)
        self.signs = daemon.keeper
        wait_for(lambda: self.order() == ["READY"])
        os.rename(self.log, self.log + ".1")
        daemon.signal(SIGHUP)
        wait_for(lambda: self.order() == ["READY", "RELOADING", "READY"])
        self.assertTrue(os.path.exists(self.log))
        reloading = next(m for _, m in self.signs.told if "RELOADING" in m)
        at = int(reloading["MONOTONIC_USEC"]) / 1e6
        self.assertTrue(0 <= time.monotonic() - at < harness.PATIENCE)
        daemon.keeper.job = "stop"
        daemon.leave()
        self.assertEqual(self.order(), ["READY", "RELOADING", "READY",
                                        "STOPPING"])

    def order(self):
        return [key for _, m in list(self.signs.told) for key in m
                if key in ("READY", "RELOADING", "STOPPING")]

    def test_status_and_watchdog_follow_its_life(self):
        limit_s = 2.4
        daemons = [self.serve(LINE, UDP, watchdog_us=int(limit_s * 1e6))
                   for _ in range(3)]
        loaded, quiet, stopped = daemons
        # No connection yet: the last thread is that of the UDP socket.
        tracer = Tracer(stopped)
        self.stream(loaded, "load", burst=100, rate=20000)
        self.datagrams_of(loaded, "more", 1, rate=5000)
        self.tcp(quiet).sendall(b"one\ntwo\n")
        pings = stopped.keeper
        wait_for(lambda: len(pings.heard("WATCHDOG")) >= 2, "pings")
        with tracer:
            began = time.monotonic()
            wait_for(lambda: time.monotonic() - began > limit_s)
            last = max(at for at, _ in pings.heard("WATCHDOG"))
            # One ping may be for a turn that was made before.
            self.assertLess(last - began, 0.75 * limit_s)
        told = ["0 connections, 0 records, 0 datagrams lost",
                "1 connections, 2 records, 0 datagrams lost"]
        for one, expected in ((quiet, told), (stopped, told[:1])):
            wait_for(lambda one=one, expected=expected: [
                value for _, value in one.keeper.heard("STATUS")] == expected,
                expected)
        for one in (loaded, quiet):
            times = [at for at, _ in one.keeper.heard("WATCHDOG")]
            ready = min(at for at, _ in one.keeper.heard("READY"))
            gaps = [b - a for a, b in zip([ready, *times],
                                          [*times, time.monotonic()])]
            self.assertLess(max(gaps), limit_s * 0.8, gaps)
        status = [value for _, value in loaded.keeper.heard("STATUS")]
        self.assertRegex(status[-1], r"\A1 connections, [1-9]\d* records, ")
        for sender in self.senders():
            sender.finish()

    def test_the_watchdog_sees_who_reads_for_many_stand_still(self):
        limit_s = 1.2
        daemon = self.serve(LINE, watchdog_us=int(limit_s * 1e6))
        # No connection yet: the last thread is that of the crowd.
        tracer = Tracer(daemon)
        for name in "abcdefgh":
            self.stream(daemon, name, burst=1, rate=2000)
        pings = daemon.keeper
        wait_for(lambda: len(pings.heard("WATCHDOG")) >= 2, "pings")
        with tracer:
            began = time.monotonic()
            wait_for(lambda: time.monotonic() - began > 2 * limit_s)
            last = max(at for at, _ in pings.heard("WATCHDOG"))
            self.assertLess(last - began, 0.75 * limit_s)
        for sender in self.senders():
            sender.finish()

    def test_the_watchdog_is_fed_for_as_long_as_it_drains(self):
        limit_s = 1.2
        pipe = tempfile.mkdtemp() + "/pipe"
        self.addCleanup(shutil.rmtree, os.path.dirname(pipe))
        os.mkfifo(pipe)
        fd = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        daemon = self.serve(LINE, UDP, path=pipe, limits="shutdown_timeout = "
                            "60;", watchdog_us=int(limit_s * 1e6))
        stream = self.tcp(daemon)
        stream.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            stream.sendall(b"more than fits on the way\n" * 1000000)
        daemon.keeper.job = "stop"
        daemon.signal(SIGTERM)
        wait_for(lambda: daemon.keeper.heard("STOPPING"))
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > 3 * limit_s)
        times = [began, *(at for at, _ in daemon.keeper.heard("WATCHDOG")
                          if at > began), time.monotonic()]
        gaps = [b - a for a, b in zip(times, times[1:])]
        self.assertLess(max(gaps), limit_s * 0.8, gaps)
        wait_for(lambda: self.drain(fd) or daemon.process.poll() is not None,
                 "its end")

    def drain(self, fd):
        """Read what there is, to be looked at by nobody."""
        with contextlib.suppress(BlockingIOError):
            while os.read(fd, 1 << 20):
                pass

    def test_no_watchdog_is_fed_where_none_is_asked_for(self):
        daemon = self.serve(LINE)
        self.tcp(daemon).sendall(b"one\n")
        wait_for(lambda: self.told(daemon) == ["one"])
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.keeper.heard("WATCHDOG"), [])


if __name__ == "__main__":
    harness.main()
