# SPDX-License-Identifier: MIT
"""More connections than have a thread from the start: those that come later
are read by the poller, and get one when they need it."""
import contextlib
import os
import resource
import select
import socket

import harness
import keeper
from harness import configured, name_of, tcp, wait_for
from tracer import Tracer

FIRST = 256  # have a thread each
MORE = 60


@contextlib.contextmanager
def no_more_memory(daemon):
    """It gets none meanwhile, so it can start no thread."""
    pid, what = daemon.process.pid, resource.RLIMIT_AS
    limits = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (1, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, what, limits)


class Case(keeper.Case):

    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE,
                        (soft, hard))

    def connect(self, daemon, count=MORE):
        """So many more connections, once all are accepted."""
        before = daemon.counters()["in"]["connections"]
        made = [self.tcp(daemon) for _ in range(count)]
        wait_for(lambda: daemon.counters()["in"]["connections"] ==
                 before + count, "all to be accepted")
        return made

    def crowded(self, more="", **options):
        """A daemon with a thread for each of the first, and the others."""
        daemon = self.serve(keeper.tcp("in", more), **options)
        self.first = self.connect(daemon, FIRST)
        self.assert_threads(daemon, FIRST)
        return daemon, self.connect(daemon)

    def assert_threads(self, daemon, count):
        wait_for(lambda: daemon.threads("conn") == count,
                 f"{count} threads, not {daemon.threads('conn')}")

    def send_all(self, daemon, peers, *texts):
        """One after another, each once the one before is in the log."""
        for text in texts:
            before = len(self.told(daemon))
            for peer in peers:
                peer.sendall(text.encode() + b"\n")
            wait_for(lambda before=before: len(self.told(daemon)) ==
                     before + len(peers), "all to be logged")

    def assert_told(self, daemon, peers, *texts):
        by_peer = {}
        for record in daemon.records(self.log):
            by_peer.setdefault(record.peer, []).append(record.data)
        for peer in peers:
            self.assertEqual(by_peer.get(name_of(peer)), list(texts))


class Begin(Case):

    def test_lines_and_silence_need_no_thread(self):
        daemon, others = self.crowded()
        self.send_all(daemon, others, "one", "two", "three")
        self.assert_told(daemon, others, "one", "two", "three")
        harness.watch(0.7, lambda: daemon.threads("conn") == FIRST)

    def test_each_end_is_noted_as_ever_and_needs_no_thread(self):
        daemon, others = self.crowded()
        self.send_all(daemon, others, "one")
        reset, *ended = others
        if not harness.sanitized():
            self.enterContext(no_more_memory(daemon))
        for peer in ended:
            peer.shutdown(socket.SHUT_WR)
            self.assertEqual(harness.end_of(peer), b"")
        # A thread that has ended a connection waits a moment for the next.
        self.assertEqual(daemon.threads("conn"), FIRST)
        names = [name_of(peer) for peer in ended]
        name = name_of(reset)
        harness.reset(reset)
        wait_for(lambda: "closed reason=reset records=1 bytes=4 " in
                 " ".join(self.told(daemon)), "the reset")
        closed = [r for r in daemon.records(self.log) if r.tag == "*"]
        self.assertEqual(sorted(r.peer for r in closed),
                         sorted([*names, name]))
        for record in closed:
            event, keys = record.note()
            self.assertEqual((event, keys["records"], keys["bytes"]),
                             ("closed", "1", "4"))
            self.assertEqual(keys["reason"],
                             "reset" if record.peer == name else "eof")

    def test_an_unfinished_record_is_shown_in_time(self):
        daemon, others = self.crowded("flush_timeout = 200;")
        peer = others[0]
        peer.sendall(b"one\ntw")
        self.wait_until_told(daemon, peer, ["one", "tw"])
        peer.sendall(b"o\n")
        self.wait_until_told(daemon, peer, ["one", "tw", "o"])
        self.assertEqual([r.tag for r in daemon.of(peer, self.log)],
                         ["F", "P", "F"])

    def test_bytes_one_by_one_make_whole_records(self):
        daemon, others = self.crowded()
        peers = others[:5]
        for byte in b"one\r\ntwo\n":
            for peer in peers:
                peer.sendall(bytes([byte]))
        wait_for(lambda: len(self.told(daemon)) == 2 * len(peers))
        self.assert_told(daemon, peers, "one", "two")

    def test_a_bad_frame_is_told_and_the_rest_is_logged(self):
        daemon, others = self.crowded('framing = "octet-counted";')
        peer = others[0]
        peer.sendall(b"3 onexyz")
        harness.end_of(peer)
        *told, closed = self.told(daemon, peer)
        self.assertEqual(told, ["one", "xyz"])
        self.assertIn("closed reason=bad-frame ", closed)

    def test_large_writes_get_a_thread_and_arrive(self):
        daemon, others = self.crowded()
        line = b"x" * 999 + b"\n"
        others[0].sendall(10000 * line)
        others[0].shutdown(socket.SHUT_WR)
        harness.end_of(others[0])
        *told, _ = self.told(daemon, others[0])
        self.assertEqual(told, 10000 * ["x" * 999])

    def test_who_sends_more_than_its_rate_loses_nothing(self):
        daemon, others = self.crowded("rate_records = 100; rate_burst = 1;")
        peer = others[0]
        peer.sendall(b"".join(b"%d\n" % n for n in range(150)))
        self.wait_until_told(daemon, peer, [str(n) for n in range(150)])

    def test_who_has_a_note_of_its_begin_has_a_thread_at_once(self):
        daemon, _ = self.crowded('connection_notes = "all";')
        self.assert_threads(daemon, FIRST + MORE)

    def test_a_silent_peer_is_idle_in_time(self):
        # Long enough that all of them are there before the first is idle.
        daemon, others = self.crowded("idle_timeout = 10;")
        peer = others[-1]
        self.send_all(daemon, [peer], "one")
        harness.end_of(peer)
        self.assertIn("closed reason=idle ", self.told(daemon, peer)[1])
        seconds = float(daemon.of(peer, self.log)[1].note()[1]["seconds"])
        self.assertGreaterEqual(seconds, 10)
        self.assertLess(seconds, 18)

    def test_chunks_are_as_they_were_sent(self):
        daemon, others = self.crowded('framing = "chunk";')
        self.assert_threads(daemon, FIRST + MORE)
        peer = others[0]
        for text in "one", "two", "three":
            before = len(self.told(daemon, peer))
            peer.sendall(text.encode())
            wait_for(lambda before=before: len(self.told(daemon, peer)) >
                     before)
        self.assertEqual(self.told(daemon, peer), ["one", "two", "three"])

    def test_where_no_thread_can_start_that_is_tried_again(self):
        if harness.sanitized():
            self.skipTest("a sanitizer ends where memory does")
        daemon, others = self.crowded("flush_timeout = 100;")
        # Once, so that it has the memory to receive into.
        others[-1].sendall(b"ze")
        self.wait_until_told(daemon, others[-1], ["ze"])
        others[-1].sendall(b"ro\n")
        self.wait_until_told(daemon, others[-1], ["ze", "ro"])
        with no_more_memory(daemon):
            others[0].sendall(b"one\ntw")
            daemon.wait_for_error("listener in: no thread for a connection: ")
            # The others do not wait for that.
            self.send_all(daemon, others[1:3], "three")
        self.wait_until_told(daemon, others[0], ["one", "tw"])
        others[0].sendall(b"o\n")
        self.wait_until_told(daemon, others[0], ["one", "tw", "o"])

    def test_the_watchdog_sees_who_reads_for_them_stand_still(self):
        daemon, others = self.crowded(watchdog_us=800000)
        pings = daemon.keeper
        with Tracer(daemon, "poll"):
            others[0].sendall(b"one\n")
            before = len(pings.heard("WATCHDOG"))
            # Two pings may be for earlier turns; there would be six.
            harness.watch(2.4, lambda: len(pings.heard("WATCHDOG")) <=
                          before + 2, "no pings")
            before = len(pings.heard("WATCHDOG"))
        self.wait_until_told(daemon, others[0], ["one"])
        wait_for(lambda: len(pings.heard("WATCHDOG")) > before, "a ping")

    def test_who_reads_for_them_is_alive_while_it_waits_for_memory(self):
        if harness.sanitized():
            self.skipTest("a sanitizer ends where memory does")
        daemon, others = self.crowded(watchdog_us=800000)
        with no_more_memory(daemon):
            # So many that they hold all the memory to receive into.
            for peer in self.first[:16]:
                peer.sendall(b"unfinished" * 1000)
            daemon.wait_for_error("out of memory to receive into")
            others[0].sendall(b"one\n")
            before = len(daemon.keeper.heard("WATCHDOG"))
            # One or two may be for an earlier turn.
            wait_for(lambda: len(daemon.keeper.heard("WATCHDOG")) >=
                     before + 5, "signs of life")
        self.wait_until_told(daemon, others[0], ["one"])


class Kept(Case):

    def test_restarts_and_kills_lose_nothing_and_start_no_thread(self):
        daemon, others = self.crowded()
        self.send_all(daemon, others, "one")
        daemon.restart()
        self.assertEqual(daemon.threads("conn"), 0)
        self.send_all(daemon, others, "two")
        daemon.wait_until_sent()
        daemon.kill()
        self.send_all(daemon, others, "three")
        daemon.restart()
        self.send_all(daemon, others, "four")
        self.assert_told(daemon, others, "one", "two", "three", "four")
        for peer in others:
            self.assert_open(peer)

    def test_unfinished_records_go_on_over_a_restart(self):
        daemon, others = self.crowded()
        for peer in others:
            peer.sendall(b"one\ntw")
        wait_for(lambda: len(self.told(daemon)) == MORE)
        daemon.wait_for_bytes(0, 6 * MORE)
        daemon.restart()
        for peer in others:
            peer.sendall(b"o\n")
        wait_for(lambda: len(self.told(daemon)) == 2 * MORE)
        self.assert_told(daemon, others, "one", "two")

    def test_a_kill_tells_what_was_in_hand(self):
        daemon, others = self.crowded()
        peer = others[0]
        peer.sendall(b"one\ntw")
        self.wait_until_told(daemon, peer, ["one"])
        daemon.wait_for_bytes(0, 6)
        daemon.wait_until_done(4)
        daemon.kill()
        peer.sendall(b"o\n")
        self.wait_until_told(daemon, peer, ["one", "lost bytes=2", "o"])

    def test_a_stop_reads_what_was_taken(self):
        daemon, others = self.crowded()
        daemon.freeze()
        for peer in others:
            peer.sendall(b"one\ntwo")
        daemon.keeper.job = "stop"
        daemon.signal(harness.SIGTERM)
        daemon.signal(harness.signal.SIGCONT)
        self.assertEqual(daemon.wait(), 0)
        for peer in others:
            one, two, closed = self.told(daemon, peer)
            self.assertEqual((one, two), ("one", "two"))
            self.assertIn("closed reason=shutdown ", closed)


class Stalled(harness.Case):
    """The output takes nothing: who reads for all waits too, and goes on."""

    def test_all_is_logged_once_it_does(self):
        directory = harness.shared_directory()
        pipe = os.path.join(directory, "pipe")
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        daemon = self.daemon(config=configured(
            tcp('name = "in";'), output=f'type = "file"; path = "{pipe}";',
            limits="shutdown_timeout = 1;"))
        peers = [self.tcp(daemon) for _ in range(FIRST + MORE)]
        sent = 0
        for number in range(40):
            for peer in peers:
                peer.sendall(b"%d %s\n" % (number, b"x" * 100))
                sent += 1
        found = b""
        while found.count(b" F ") < sent:
            self.assertTrue(select.select([reader], [], [],
                                          harness.PATIENCE)[0])
            found += os.read(reader, 65536)
        os.close(reader)
        daemon.exits = 1  # nobody reads the notes of the ends
        for peer in peers:
            lines = [line for line in found.split(b"\n")
                     if f" {name_of(peer)} F ".encode() in line]
            self.assertEqual([int(line.split(b" F ")[1].split()[0])
                              for line in lines], list(range(40)))


if __name__ == "__main__":
    harness.main(jobs=4)
