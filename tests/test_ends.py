# SPDX-License-Identifier: MIT
"""Which stops of the daemon are a restart, and which ones drain."""
import os
import shutil
import time
from signal import SIGTERM

import harness
import keeper
from keeper import tcp, udp

LINE, UDP = tcp("line"), udp("dgram")


class Ends(keeper.Case):
    """Only a restart that is known to be one hands over."""

    def begin(self, **options):
        """A daemon with an unfinished record, and its peer."""
        daemon = self.serve(LINE, UDP, **options)
        stream = self.tcp(daemon)
        stream.sendall(b"one\ntw")
        daemon.wait_for_bytes(0, 6)
        return daemon, stream

    def assert_drained(self, daemon, stream):
        """It drains, as without systemd."""
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
        # Side by side, for each of them waits for a second.
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
        # Two listeners, two connections, the saved state and the ledger.
        daemon, stream = self.begin(most=6)
        daemon.restart()
        stream.sendall(b"o\n")
        self.wait_until_told(daemon, stream, ["one", "two"])
        daemon.stop()
        daemon, stream = self.begin(most=5)
        daemon.signal(SIGTERM)
        self.assert_drained(daemon, stream)


if __name__ == "__main__":
    harness.main(jobs=3)
