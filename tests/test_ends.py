# SPDX-License-Identifier: MIT
"""Which stops of the daemon are a restart, and which ones drain."""
import contextlib
import os
import re
import shutil
import socket
import time
from signal import SIGCONT, SIGTERM

import accounting
import harness
import keeper
import losses
from harness import TURNS, to_file, wait_for
from keeper import tcp, udp

LINE, UDP = tcp("line"), udp("dgram")
COUNTED = tcp("counted", 'framing = "octet-counted";')
NOBODY = ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534",
          "--clear-groups")


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
        self.assertEqual(daemon.keeper.kinds(),
                         ["inflight receive", "inflight send", "state"])
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
        # sd-bus itself would wait for 25 seconds.
        self.assertLess(time.monotonic() - started, 15)

    def test_a_bus_that_is_slow_is_waited_for(self):
        daemon, stream = self.begin()
        daemon.keeper.pause = 0.1
        daemon.restart()
        stream.sendall(b"o\n")
        self.wait_until_told(daemon, stream, ["one", "two"])

    def assert_refused(self, daemon, stream, said):
        """It says why the next process would fail, and drains."""
        daemon.signal(SIGTERM)
        self.assert_drained(daemon, stream)
        self.assertRegex(daemon.errors(), said)
        self.assertIn("cannot restart: ending all in order", daemon.errors())
        self.assertEqual(daemon.text(), "")

    def test_what_the_next_could_not_open_or_bind_drains(self):
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]
        for config, said in (
                ("listeners = 1;\n", r"portlogd\.conf:1: listeners: "),
                (to_file(LINE, path="@DIR@/no/log"),
                 "/no/log: No such file"),
                (to_file(LINE, path="@DIR@"), "found a directory"),
                (to_file(LINE, UDP, tcp("new").replace("0", str(port))),
                 rf"cannot listen on tcp \*:{port}: Address already in use")):
            with self.subTest(said):
                daemon, stream = self.begin()
                daemon.configure(config)
                self.assert_refused(daemon, stream, said)

    def test_what_its_user_may_not_drains(self):
        harness.needs_root()
        for make, path, said in (
                (os.makedirs, "other", "other/log: Permission denied"),
                (lambda path: os.chmod(path, 0), "portlogd.conf",
                 r"portlogd\.conf: .*Permission denied")):
            with self.subTest(said):
                daemon = self.serve(LINE, UDP, start=False, wrap=NOBODY)
                daemon.keeper.open_to_all()
                os.chown(daemon.dir, 65534, 65534)
                daemon.start()
                stream = self.tcp(daemon)
                stream.sendall(b"one\ntw")
                daemon.wait_for_bytes(0, 6)
                daemon.configure(to_file(LINE, path="@DIR@/other/log"))
                make(f"{daemon.dir}/{path}")
                self.assert_refused(daemon, stream, said)

    def test_what_a_socket_unit_has_is_not_to_be_bound(self):
        # The daemon has no network of its own, as with sockets.conf.
        harness.needs_root()
        harness.namespaces("n")
        harness.needs_ipv6()
        bound = socket.create_server(("::1", 0), family=socket.AF_INET6)
        self.addCleanup(bound.close)
        at = f'address = "::1"; port = {bound.getsockname()[1]}'
        good = tcp("line").replace("port = 0", at)
        daemon = self.serve(good, passed=[("line", bound)],
                            wrap=("/usr/bin/unshare", "-n"))
        stream = self.tcp(daemon, host="::1")
        stream.sendall(b"tw")
        daemon.wait_for_bytes(0, 2)
        daemon.restart(to_file(good))
        stream.sendall(b"o\n")
        self.wait_until_told(daemon, stream, ["two"])
        # Without a network the new one waits for its address.
        daemon.configure(to_file(good, tcp("new", 'address = "::1";')))
        daemon.leave()
        self.assertIn("restarting: SIGTERM", daemon.errors())
        daemon.launch()
        daemon.wait_for_error("listener new: cannot listen yet: Cannot assign")
        stream.sendall(b"three\n")
        self.wait_until_told(daemon, stream, ["two", "three"])

    def test_a_check_that_cannot_say_that_all_is_well_drains(self):
        def never_end(daemon):
            os.unlink(daemon.arguments[-1])
            os.mkfifo(daemon.arguments[-1])

        def be_gone(daemon):
            os.unlink(daemon.arguments[0])

        def become(command):
            def change(daemon):
                be_gone(daemon)
                with open(daemon.arguments[0], "w", encoding="ascii") as file:
                    os.chmod(file.fileno(), 0o755)
                    file.write(f"#!/bin/sh\n{command}\n")
            return change
        for change, said in (
                (never_end, "does not end"),
                (be_gone, "cannot run /.*: No such file or directory"),
                (become("exit 127"), "ended with exit code 127"),
                (become("kill -9 $$"), "killed by signal 9")):
            with self.subTest(said):
                daemon = self.serve(LINE, UDP, start=False)
                daemon.arguments[0] = shutil.copy(harness.PORTLOGD,
                                                  daemon.dir)
                daemon.start()
                stream = self.tcp(daemon)
                stream.sendall(b"one\ntw")
                daemon.wait_for_bytes(0, 6)
                change(daemon)
                self.assert_refused(daemon, stream, said)

    def test_a_restart_without_a_file_is_checked_with_its_options(self):
        daemon = self.serve(LINE, start=False)
        daemon.arguments = [harness.PORTLOGD, "-l",
                            f"tcp:127.0.0.1:{harness.free_port()}", "-o",
                            daemon.dir + "/sub/log"]
        os.mkdir(daemon.dir + "/sub")
        daemon.start()
        stream = self.tcp(daemon)
        stream.sendall(b"one\n")
        path = daemon.dir + "/sub/log"
        self.wait_until_told(daemon, stream, ["one"], path)
        daemon.restart()
        stream.sendall(b"two\n")
        self.wait_until_told(daemon, stream, ["one", "two"], path)
        daemon.keeper.job = "restart"
        os.rename(daemon.dir + "/sub", daemon.dir + "/gone")
        daemon.leave()
        self.assertIn("/sub/log: No such file or directory", daemon.errors())
        self.assertEqual(harness.end_of(stream), b"")

    def test_the_check_of_a_good_change_leaves_no_trace(self):
        daemon, stream = self.begin()
        port = harness.free_port()
        daemon.configure(to_file(LINE, tcp("new").replace("0", str(port)),
                                 path="@DIR@/new"))
        daemon.leave()
        self.assertFalse(os.path.exists(daemon.dir + "/new"))
        daemon.start()
        stream.sendall(b"o\n")
        self.wait_until_told(daemon, stream, ["two"], daemon.dir + "/new")
        self.tcp(daemon, 1).close()

    def test_without_room_for_all_it_drains(self):
        # Two listeners, the pair, and of two processes the state and bytes.
        daemon, stream = self.begin(most=8)
        daemon.restart()
        stream.sendall(b"o\n")
        self.wait_until_told(daemon, stream, ["one", "two"])
        daemon.stop()
        daemon, stream = self.begin(most=7)
        daemon.signal(SIGTERM)
        self.assert_drained(daemon, stream)


class Overtaken(keeper.Case):
    """A stop that comes while a restart hands over."""

    def test_it_drains(self):
        daemon = self.serve(LINE, UDP)
        stream = self.tcp(daemon)
        young, sender = self.tcp(daemon), self.udp(daemon, 1)
        daemon.wait_until_sent()
        waiting = self.tcp(daemon)
        daemon.freeze()
        late = self.tcp(daemon)  # which waits to be accepted
        for peer in (stream, young, waiting, late):
            peer.sendall(b"one\ntw")
        sender.send(b"datagram")
        daemon.keeper.next_job = "stop"
        daemon.signal(SIGTERM)
        daemon.signal(SIGCONT)
        self.assertEqual(daemon.wait(), 0, daemon.errors())
        self.assertRegex(daemon.errors(), "restarting: SIGTERM\n.*stopping: "
                         "the restart became a stop\n")
        for peer in (stream, young, waiting, late):
            self.assertEqual(harness.end_of(peer), b"")
            told = daemon.of(peer, self.log)
            self.assertEqual([(r.tag, r.data) for r in told[:-1]],
                             [("F", "one"), ("E", "tw")])
            self.assertIn("closed reason=shutdown records=2 bytes=6 ",
                          told[-1].data)
        self.assertEqual(self.told(daemon, sender), ["datagram"])
        self.assertEqual(daemon.keeper.kinds(),
                         ["inflight receive", "inflight send", "state"])
        with self.assertRaises(ConnectionRefusedError):
            daemon.tcp()
        # The store is emptied by a stop; if not, there is nothing to go on.
        daemon.start()
        self.assertEqual(daemon.open(), [])

    def test_it_drains_under_load(self):
        for turn in range(TURNS):
            daemon = self.serve(LINE, COUNTED, UDP)
            self.streams, self.datagrams = [], []
            for name, number, framing in (
                    ("a", 0, accounting.LF), ("b", 0, accounting.LF),
                    ("c", 1, accounting.COUNTED)):
                self.stream(daemon, name, number, burst=3, rate=3000,
                            framing=framing)
            self.stream(daemon, "flood", burst=100, rate=50000)
            self.datagrams_of(daemon, "d", 2, rate=3000)
            for sender in self.senders():
                sender.wait_for(200)
            daemon.keeper.next_job = "stop"
            daemon.signal(SIGTERM)
            self.assertEqual(daemon.wait(), 0, daemon.errors())
            for sender in self.senders():
                sender.abandon()
            self.check_log(daemon.bytes(self.log))
            self.assertIn("became a stop", daemon.errors())
            closed = re.findall(rb" \* closed reason=(\S+)",
                                daemon.bytes(self.log))
            self.assertEqual(closed, [b"shutdown"] * 4, turn)


class ReaderGone(keeper.Case):
    """Nobody reads stdout any more: as after a kill, the next goes on."""

    def serve_pipe(self):
        """A daemon whose stdout is a pipe, and the end to read it."""
        reader, writer = os.pipe()
        self.reader = reader
        daemon = keeper.Served(harness.configured(
            LINE, COUNTED, UDP, limits="flush_timeout = 0;"), stdout=writer)
        os.close(writer)
        self.addCleanup(self.end, daemon)
        os.set_blocking(reader, False)
        return daemon

    def read(self):
        """What is in the pipe."""
        data = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                data += os.read(self.reader, 65536)
        return data

    def go_on(self, daemon):
        """It ends for want of a reader; the next one writes to a file."""
        self.assertEqual(daemon.wait(), 1, daemon.errors())
        self.assertIn("stdout", daemon.errors())
        daemon.keeper.settle()
        daemon.start()

    def test_what_it_did_not_take_is_told(self):
        daemon = self.serve_pipe()
        line, counted, quiet = (self.tcp(daemon), self.tcp(daemon, 1),
                                self.tcp(daemon))
        sender = self.udp(daemon, 2)
        line.sendall(b"one\ntw")
        counted.sendall(b"3 one6 tw")
        quiet.sendall(b"half")
        sender.send(b"one")
        daemon.wait_for_bytes(0, 10)
        daemon.wait_for_bytes(1, 9)
        wait_for(lambda: all(done == read for read, done in
                             daemon.listeners()), "the datagram")
        self.assertEqual(self.read().count(b" F one\n"), 3)
        os.close(self.reader)
        line.sendall(b"o\nthr")
        counted.sendall(b"elve3 two5 thr")
        sender.send(b"two")
        self.go_on(daemon)
        line.sendall(b"ee\n")
        counted.sendall(b"ee")
        quiet.sendall(b" and half\n")
        sender.send(b"three")
        for peer, expected in ((line, ["lost bytes=7", "ee"]),
                               (quiet, ["half and half"])):
            self.wait_until_told(daemon, peer, expected, daemon.out)
        # Their threads may have ended before they read the second part.
        for peer, lost, whole in (
                (counted, ["lost bytes=16", "ee"], ["twelve", "two", "three"]),
                (sender, ["three"], ["two", "three"])):
            wait_for(lambda p=peer, either=(lost, whole): self.told(
                daemon, p, daemon.out) in either, "all or a note of it")
        self.assertEqual(" * lost datagrams=1\n" in daemon.text(), self.told(
            daemon, sender, daemon.out) == ["three"])

    def test_under_load_the_sums_hold(self):
        for turn in range(TURNS):
            daemon = self.serve_pipe()
            self.streams, self.datagrams = [], []
            for name, number, framing in (
                    ("a", 0, accounting.LF), ("b", 0, accounting.LF),
                    ("c", 1, accounting.COUNTED)):
                self.stream(daemon, name, number, burst=3, rate=1000,
                            kind=accounting.Halves, framing=framing)
            self.datagrams_of(daemon, "d", 2, rate=3000)
            log = b""
            while any(s.number < 100 + turn for s in self.senders()):
                log += self.read()
            # All that it has given away is read, to the byte.
            harness.Daemon.freeze(daemon)
            log += self.read()
            os.close(self.reader)
            daemon.signal(SIGCONT)
            self.go_on(daemon)
            for sender in self.senders():
                sender.wait_for(100)
                sender.finish()
            self.assertEqual([s for s in self.senders() if s.cut_off], [])
            self.assertEqual(daemon.stop(), 0)
            if not log.endswith(b"\n"):
                log += b"\n"  # of a line that was written in part
            entries = losses.entries_of(log + daemon.bytes(), 1)
            losses.check(entries, self.streams, self.datagrams, 1)


if __name__ == "__main__":
    harness.main(jobs=4)
