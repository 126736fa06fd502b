# SPDX-License-Identifier: MIT
"""What the daemon stores with systemd, and READY=1."""
import os
import socket
import time
from signal import SIGHUP

import harness
import keeper
from harness import wait_for
from keeper import tcp, udp

LINE, UDP = tcp("line"), udp("dgram")
COUNTED = tcp("counted", 'framing = "octet-counted";')


class Store(keeper.Case):
    """The store has exactly what is open."""

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
        self.assertEqual(daemon.keeper.names(), before)
        daemon.wait_until_sent()
        self.assert_open(stays)

    def test_nor_does_what_is_in_flight(self):
        daemon = self.serve(LINE)
        stays = self.tcp(daemon)
        for _ in range(3):
            streams = [daemon.tcp() for _ in range(300)]
            daemon.wait_until_sent()
            for stream in streams:
                stream.close()
        wait_for(lambda: len(daemon.keeper.in_flight()) < 300, "room")
        self.assert_open(stays)
        stays.sendall(b"one\n")
        self.wait_until_told(daemon, stays, ["one"])
        daemon.kill()
        stays.sendall(b"two\n")
        self.wait_until_told(daemon, stays, ["one", "two"])

    def test_their_peers_see_the_end_though_they_are_kept(self):
        daemon = self.serve(tcp("line", "idle_timeout = 1;"), COUNTED)
        idle, bad = self.tcp(daemon), self.tcp(daemon, 1)
        daemon.wait_until_sent()
        bad.sendall(b"bad\n")
        # The keeper reads no message for now.
        with daemon.keeper.deaf:
            self.assertEqual(harness.end_of(bad), b"")
            self.assertEqual(harness.end_of(idle), b"")

    def test_all_is_kept_before_the_first_byte_is_logged(self):
        daemon = self.serve(LINE)
        stream = self.tcp(daemon)
        stream.sendall(b"one\n")
        self.wait_until_told(daemon, stream, ["one"])
        self.assertEqual(daemon.keeper.kinds(), [
            "inflight receive", "inflight send", "listener", "state"])
        for _, message in daemon.keeper.told:
            if "FDSTORE" in message:
                self.assertEqual(message["FDPOLL"], "0")
                self.assertRegex(message["FDNAME"], r"\A[ -9;-~]{1,255}\Z")


class Signs(keeper.Case):
    """READY and RELOADING."""

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

    def test_the_status_says_why_it_does_not_start(self):
        port = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(port.close)
        number = port.getsockname()[1]
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(datagrams.close)
        datagrams.bind(("127.0.0.1", number))
        for config, code, status in (
                ("\nlisteners = 1;\n", 78, r".*portlogd\.conf:2: listeners: "),
                (LINE.replace("= 0;", f"= {number};"), 1,
                 rf"cannot listen on tcp \*:{number}: Address already in use"),
                (UDP.replace("= 0;", f"= {number};"), 1,
                 rf"cannot listen on udp \*:{number}: Address already")):
            with self.subTest(status):
                daemon = self.serve(LINE, start=False)
                daemon.configure(config if code == 78 else
                                 harness.to_file(config))
                daemon.exits = code
                daemon.launch()
                self.assertEqual(daemon.wait(), code)
                daemon.keeper.settle()
                said = [value for _, value in daemon.keeper.heard("STATUS")]
                self.assertEqual(len(said), 1, said)
                self.assertRegex(said[0], status)
                self.assertIn(said[0], daemon.errors())

    def order(self):
        return [key for _, m in list(self.signs.told) for key in m
                if key in ("READY", "RELOADING", "STOPPING")]


if __name__ == "__main__":
    harness.main(jobs=4)
