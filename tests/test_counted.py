# SPDX-License-Identifier: MIT
"""What the status socket counts: how connections end, and what files do."""
import os
import select
import signal
import socket
import time
from datetime import datetime

import harness
import keeper
import test_status
from harness import end_of, tcp, udp, wait_for
from test_status import SOCKET, ask, named
from tracer import Calls


def closed(listener):
    """{reason: connections}, of which there are some."""
    return {key.removeprefix("closed_"): value
            for key, value in listener.items()
            if key.startswith("closed_") and value}


def since_1970(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Case(test_status.Case):
    def listener(self, name):
        return named(ask(self.path), "listener", name)

    def output(self):
        return named(ask(self.path), "output")

    def ends(self, name, **expected):
        """They are counted before the peer sees the end, and leave behind."""
        self.assertEqual(closed(self.listener(name)), expected)
        wait_for(lambda: self.listener(name)["connections"] == 0, "its end")
        self.assertEqual(self.listener(name)["total"], sum(expected.values()))


class Connections(Case):
    def test_each_is_counted_by_how_it_ended(self):
        daemon = self.serve(
            tcp('name = "t";'), tcp('name = "i"; idle_timeout = 1;'),
            tcp('name = "c"; framing = "octet-counted";'))
        self.ends("t")
        with self.tcp(daemon) as peer:
            peer.sendall(b"one\n")
            peer.shutdown(socket.SHUT_WR)
            self.assertEqual(end_of(peer), b"")
        self.ends("t", eof=1)
        peer = self.tcp(daemon)
        peer.sendall(b"two\n")
        daemon.wait_for_bytes(0, 8)
        harness.reset(peer)
        wait_for(lambda: self.listener("t")["closed_reset"] == 1)
        self.ends("t", eof=1, reset=1)
        with self.tcp(daemon, 1) as peer:
            peer.sendall(b"three\n")
            end_of(peer)
        self.ends("i", idle=1)
        with self.tcp(daemon, 2) as peer:
            peer.sendall(b"no count")
            end_of(peer)
        self.ends("c", bad_frame=1)
        self.assertEqual([self.listener(n)["probes"] for n in "tic"],
                         [0, 0, 0])

    def test_health_checks_are_counted_whatever_is_noted(self):
        for notes in ("none", "closed", "all"):
            with self.subTest(notes):
                daemon = self.serve(
                    tcp('name = "t";'),
                    top=f'{SOCKET} connection_notes = "{notes}";')
                for _ in range(3):
                    with self.tcp(daemon) as peer:
                        peer.shutdown(socket.SHUT_WR)
                        end_of(peer)
                self.assertEqual(self.listener("t")["probes"], 3)
                self.ends("t", eof=3)
                daemon.stop()

    def test_who_left_before_the_header_of_a_proxy_sent_nothing(self):
        daemon = self.serve(tcp('name = "t"; proxies = ("127.0.0.0/8");'))
        with self.tcp(daemon) as peer:
            peer.shutdown(socket.SHUT_WR)
            end_of(peer)
        self.ends("t", eof=1)
        self.assertEqual(self.listener("t")["probes"], 1)

    def test_how_many_can_wait(self):
        self.serve(tcp('name = "t";'),
                   limits="backlog = 7;")
        self.assertEqual(self.listener("t")["max_waiting"], 7)


class Records(Case):
    def test_when_the_last_one_came(self):
        daemon = self.serve(tcp('name = "t";'), udp('name = "u";'))
        for name, send in (("t", self.tcp(daemon).sendall),
                           ("u", self.udp(daemon, 1).send)):
            self.assertNotIn("last_record", self.listener(name))
            before = int(time.time())
            send(b"one\n")
            wait_for(lambda n=name: self.listener(n)["records"] == 1)
            at = since_1970(self.listener(name)["last_record"])
            self.assertLessEqual(before, at)
            self.assertLessEqual(at, time.time())
            wait_for(lambda b=before: time.time() >= b + 2)
            send(b"two\n")
            wait_for(lambda n=name, a=at: a < since_1970(
                self.listener(n)["last_record"]) <= time.time())
        self.assertRegex(self.status(), r"(?m)^LISTENER.* LAST .*\nt .* \ds ")


class Files(Case):
    def write(self, daemon, text, path):
        with self.tcp(daemon) as peer:
            peer.sendall(text + b"\n")
        wait_for(lambda: text.decode() in daemon.data(path=path))

    def test_a_new_file_at_the_path_is_counted(self):
        daemon = self.serve()
        log = daemon.dir + "/log"
        self.write(daemon, b"one", log)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_error("reopened")
        self.assertEqual(self.output()["rotations"], 0)
        for count in 1, 2:
            os.rename(log, f"{log}.{count}")
            daemon.signal(signal.SIGHUP)
            wait_for(lambda: os.path.exists(log), "a new file")
            wait_for(lambda c=count: self.output()["rotations"] == c)
        self.assertIs(self.output()["file_replaced"], False)

    def test_those_of_max_size_too(self):
        daemon = self.serve(
            output='type = "file"; path = "@DIR@/log"; max_size = 65536;')
        with self.tcp(daemon) as peer:
            for number in range(4):
                peer.sendall(b"x" * 60000 + b"\n")
                wait_for(lambda n=number: self.output()["rotations"] == n)

    def test_a_path_that_cannot_be_opened_again(self):
        daemon = self.serve()
        log = daemon.dir + "/log"
        self.write(daemon, b"one", log)
        os.rename(log, log + ".1")
        os.mkdir(log)
        daemon.signal(signal.SIGHUP)
        wait_for(lambda: self.output()["file_replaced"])
        self.assertIn("the old file goes on", self.status())
        self.write(daemon, b"two", log + ".1")
        self.assertIs(self.output()["file_replaced"], True)
        os.rmdir(log)
        with self.tcp(daemon) as peer:
            # It looks ten times a second, before it writes.
            wait_for(lambda: peer.sendall(b"three\n") or
                     not self.output()["file_replaced"])
        self.assertTrue(os.path.exists(log))
        self.assertEqual(self.output()["rotations"], 1)


class Kept(keeper.Case):
    """What is counted goes on, also over a kill."""

    def listener(self, daemon):
        return named(ask(daemon.dir + "/s"), "listener", "t")

    def probe(self, daemon):
        with daemon.tcp() as peer:
            peer.shutdown(socket.SHUT_WR)
            end_of(peer)

    def test_over_a_restart_and_a_kill(self):
        daemon = keeper.Served(harness.to_file(keeper.tcp("t")) + SOCKET)
        self.addCleanup(self.end, daemon)
        self.log = daemon.dir + "/log"
        with daemon.tcp() as peer:
            peer.sendall(b"abc\n")
            self.wait_until_told(daemon, peer, ["abc"])
            for number, again in enumerate((daemon.restart, daemon.kill), 1):
                self.probe(daemon)
                before = self.listener(daemon)
                daemon.wait_until_sent()
                again()
                after = self.listener(daemon)
                for key in ("last_record", "probes", "closed_eof", "total"):
                    self.assertEqual(after[key], before[key], key)
                self.assertEqual(after["probes"], number)
                self.assertEqual(after["closed_eof"], number)

    def test_what_a_kill_costs(self):
        daemon = keeper.Served(harness.to_file(keeper.tcp("t")) + SOCKET)
        self.addCleanup(self.end, daemon)
        self.log = daemon.dir + "/log"
        with daemon.tcp() as old:
            old.sendall(b"one\ntw")
            daemon.wait_for_bytes(0, 6)
            daemon.wait_until_done(4)
            daemon.kill()
            old.sendall(b"o\n")
            self.wait_until_told(daemon, old, ["one", "lost bytes=2", "o"])
            self.assertEqual(self.listener(daemon)["lost_bytes"], 2)
            # Those that are accepted and not yet in flight.
            daemon.freeze()
            young = [self.tcp(daemon) for _ in range(3)]
            daemon.fell()
            daemon.launch()
            self.assertTrue(Calls(daemon, "accept4").kill_at(3))
            daemon.wait()
            daemon.start()
            wait_for(lambda: self.listener(daemon)["waiting"] == 0)
            ended = sum(bool(select.select([peer], [], [], 0)[0])
                        for peer in young)
            # One after another, once the new process ends what was ended.
            expected = {"total": 1 + len(young), "closed_killed": ended,
                        "connections": 1 + len(young) - ended,
                        "lost_bytes": 2}
            wait_for(lambda: expected.items() <=
                     self.listener(daemon).items(), str(expected))
            if ended == 0:
                self.skipTest("so slow that all were in flight")


if __name__ == "__main__":
    harness.main(jobs=4)
