# SPDX-License-Identifier: MIT
"""Limits: no peer can use up what others need."""
import os
import shutil
import socket
import subprocess
import sys
import unittest

import harness
from harness import configured, end_of, name_of, tcp, wait_for, watch


class LimitCase(harness.Case):

    def told(self, daemon, number=0):
        """A listener's counters, once all waiting connections are accepted.

        The main thread accepts and logs counters in one loop: connections
        that waited at the first of two requests are accepted at the second.
        """
        daemon.counters()
        return daemon.counters()[daemon.listening[number][0]]

    def say(self, daemon, connection, text):
        """Send a line and wait until it is logged."""
        connection.sendall(text.encode() + b"\n")
        peer = name_of(connection)
        wait_for(lambda: text in [r.data for r in daemon.of(peer)],
                 f"{text!r} of {peer}")

    def from_address(self, daemon, host, number=0):
        """A connection from another address of this host."""
        connection = socket.create_connection(
            ("127.0.0.1", daemon.port(number)), harness.PATIENCE, (host, 0))
        self.addCleanup(connection.close)
        return connection


class MaxConnections(LimitCase):

    def test_when_full_others_wait_and_lose_nothing(self):
        daemon = self.daemon(config=configured(
            tcp(), limits="max_connections = 2;"))
        first, second = self.tcp(daemon), self.tcp(daemon)
        self.say(daemon, first, "first")
        self.say(daemon, second, "second")
        waiting = [self.tcp(daemon) for _ in range(3)]
        for number, connection in enumerate(waiting):
            connection.sendall(b"".join(b"%d of %d\n" % (line, number)
                                        for line in range(100)))
        # One connects and closes before it is accepted.
        waiting[1].shutdown(socket.SHUT_WR)
        told = self.told(daemon)
        self.assertEqual((told["connections"], told["total"]), (2, 2))
        self.say(daemon, first, "still first")
        self.say(daemon, second, "still second")
        self.assertEqual(self.told(daemon)["total"], 2)
        self.assertEqual({r.peer for r in daemon.records()},
                         {name_of(first), name_of(second)})
        first.close()
        for number, connection in enumerate(waiting):
            wait_for(lambda c=connection: len(
                [r for r in daemon.of(c) if r.tag == "F"]) == 100,
                f"{number} to be served")
            self.assertEqual([r.data for r in daemon.of(connection)][:100],
                             [f"{line} of {number}" for line in range(100)])
            connection.close()
        self.say(daemon, second, "second to the end")
        wait_for(lambda: self.told(daemon)["connections"] == 1, "one left")
        self.assertEqual(self.told(daemon)["total"], 5)

    def test_that_others_wait_is_said_and_counted(self):
        for where, config in (
                ("", configured(tcp("max_connections = 3;"), tcp())),
                ("limits.", configured(tcp(), tcp(),
                                       limits="max_connections = 3;"))):
            daemon = self.daemon(config=config)
            for host in "127.0.0.2", "127.0.0.3", "127.0.0.3":
                self.say(daemon, self.from_address(daemon, host), host)
            self.assertEqual(self.told(daemon)["waiting"], 0)
            self.assertNotIn("max_connections", daemon.errors())
            # They come while the listener is left alone.
            waiting = [self.tcp(daemon) for _ in range(4)]
            said = daemon.wait_for_error(
                r"listener (\S+): (.*)max_connections is reached: 3 "
                r"connections, 2 of them from 127\.0\.0\.3; ([1-4]) more wait")
            self.assertEqual(said.group(1, 2), (daemon.listening[0][0], where))
            self.assertEqual(self.told(daemon)["waiting"], len(waiting))
            # Once a minute.
            watch(1.5, lambda: daemon.errors().count("is reached") == 1)
            daemon.stop()

    def test_those_who_wait_are_heard_when_stopped(self):
        daemon = self.daemon(config=configured(
            tcp(), limits="max_connections = 1;"))
        first = self.tcp(daemon)
        self.say(daemon, first, "first")
        waiting = [self.tcp(daemon) for _ in range(5)]
        for number, connection in enumerate(waiting):
            connection.sendall(b"waited %d\n" % number)
        self.assertEqual(self.told(daemon)["total"], 1)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(sorted(daemon.data()), ["first"] + [
            f"waited {number}" for number in range(5)])

    def test_a_listener_has_its_share(self):
        daemon = self.daemon(config=configured(
            tcp("max_connections = 1;"), tcp()))
        mine, other = self.tcp(daemon, 0), self.tcp(daemon, 1)
        self.say(daemon, mine, "mine")
        waiting = self.tcp(daemon, 0)
        waiting.sendall(b"waited\n")
        self.say(daemon, other, "other")
        self.say(daemon, self.tcp(daemon, 1), "another")
        self.assertEqual(self.told(daemon, 0)["connections"], 1)
        self.assertEqual(self.told(daemon, 1)["connections"], 2)
        self.assertEqual(daemon.of(waiting), [])
        mine.close()
        wait_for(lambda: daemon.of(waiting), "its turn")
        self.assertEqual(daemon.of(waiting)[0].data, "waited")

    def test_all_listeners_have_a_limit_together(self):
        daemon = self.daemon(config=configured(
            tcp(), tcp(), limits="max_connections = 2;"))
        mine, other = self.tcp(daemon, 0), self.tcp(daemon, 1)
        self.say(daemon, mine, "mine")
        self.say(daemon, other, "other")
        waiting = [self.tcp(daemon, 0), self.tcp(daemon, 1)]
        for connection in waiting:
            connection.sendall(b"waited\n")
        told = self.told(daemon, 0), self.told(daemon, 1)
        self.assertEqual([t["connections"] for t in told], [1, 1])
        self.assertEqual(daemon.data(), ["mine", "other"])
        mine.close()
        other.close()
        wait_for(lambda: daemon.data() == ["mine", "other", "waited",
                                           "waited"], "both")


class PerSource(LimitCase):

    def test_too_many_of_one_source_are_closed_and_others_are_served(self):
        daemon = self.daemon(config=configured(
            tcp(), limits="max_connections_per_source = 2;"))
        first, second = self.tcp(daemon), self.tcp(daemon)
        self.say(daemon, first, "first")
        self.say(daemon, second, "second")
        for _ in range(3):
            self.assert_refused(self.tcp, daemon, data=b"refused\n")
        other = self.from_address(daemon, "127.0.0.2")
        self.say(daemon, other, "from elsewhere")
        told = self.told(daemon)
        self.assertEqual((told["refused"], told["connections"],
                          told["total"]), (3, 3, 3))
        # Once a peer has left, another of its source is accepted.
        first.shutdown(socket.SHUT_WR)
        end_of(first)
        wait_for(lambda: self.told(daemon)["connections"] == 2, "room")
        self.say(daemon, self.tcp(daemon), "third")
        self.say(daemon, second, "still second")
        self.assertEqual(daemon.stop(), 0)
        notes = [r.data for r in daemon.records() if r.tag == "*" and
                 r.data.startswith("refused")]
        self.assertEqual(notes, [
            "refused connections=3 peer=127.0.0.1 reason=limit"])
        self.assertEqual(daemon.data(), ["first", "second", "from elsewhere",
                                         "third", "still second"])

    def test_ipv4_and_ipv6_are_two_sources(self):
        daemon = self.daemon(config=configured(
            tcp("max_connections_per_source = 1;")))
        for host in ("127.0.0.1", "::1"):
            self.say(daemon, self.tcp(daemon, 0, host), host)
            self.assert_refused(self.tcp, daemon, 0, host)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual({r.data for r in daemon.records() if r.tag == "*" and
                          r.data.startswith("refused")},
                         {"refused connections=1 peer=127.0.0.1 reason=limit",
                          "refused connections=1 peer=::1 reason=limit"})


    # Connections from each address named; what became of each of them.
    CONNECTIONS = """import socket, sys
port, *hosts = sys.argv[1:]
peers = []
for host in hosts:
    try:
        peers.append(socket.create_connection(("fd09::100", int(port)), 20,
                                              (host, 0)))
    except ConnectionResetError:
        pass  # it was refused before connect() looked
for peer in reversed(peers):  # the first stays to the end
    try:
        peer.sendall(b"line\\n")
        peer.shutdown(socket.SHUT_WR)
        peer.recv(1)
    except OSError:
        pass
    peer.close()
"""

    def of_networks(self, limits):
        """The notes and data of a daemon with peers of two IPv6 networks."""
        hosts = ("fd09::1", "fd09::2", "fd09::3:4:5:6", "fd09:0:0:1::1")
        ip = harness.INTERFACES
        wrap = harness.namespaces("n", f"{ip} up lo && " + " && ".join(
            f"{ip} address lo {host}" for host in (*hosts, "fd09::100")))
        daemon = self.daemon(wrap=wrap, config=configured(
            tcp(), limits=limits))
        subprocess.run(harness.inside(daemon, sys.executable, "-c",
                                      self.CONNECTIONS, str(daemon.port()),
                                      *hosts),
                       check=True, timeout=harness.PATIENCE)
        self.assertEqual(daemon.stop(), 0)
        return daemon

    def test_an_ipv6_network_is_one_source(self):
        for prefix, heard in ("", 2), ("source_prefix_v6 = 128;", 4), (
                "source_prefix_v6 = 48;", 1):
            daemon = self.of_networks(
                "max_connections_per_source = 1;" + prefix)
            self.assertEqual(daemon.data(), ["line"] * heard, prefix)

    def test_only_connections_of_the_listener_itself_count(self):
        daemon = self.daemon(config="""
            listeners = (
              { protocol = "tcp"; port = 0; address = "127.0.0.1"; },
              { protocol = "tcp"; port = 0; address = "127.0.0.1";
                max_connections_per_source = 1; } );""")
        self.say(daemon, self.tcp(daemon, 0), "to the one")
        self.say(daemon, self.tcp(daemon, 0), "to the one again")
        self.say(daemon, self.tcp(daemon, 1), "to the other")
        self.assert_refused(self.tcp, daemon, 1)
        self.assertEqual(daemon.stop(), 0)


class IdleTimeout(LimitCase):

    def test_an_idle_connection_is_closed_and_a_busy_one_is_not(self):
        daemon = self.daemon(config=configured(
            tcp("idle_timeout = 3; flush_timeout = 0;")))
        busy, idle, silent = (self.tcp(daemon) for _ in range(3))
        idle_name, silent_name = name_of(idle), name_of(silent)
        idle.sendall(b"line\nunfinished")

        def is_closed():
            busy.sendall(b"x")
            return [r for r in daemon.of(idle_name) if r.tag == "*"]
        event, keys = wait_for(is_closed, "idle to be closed")[0].note()
        end_of(idle)
        end_of(silent)
        self.assertEqual((event, keys["reason"], keys["bytes"]),
                         ("closed", "idle", "15"))
        self.assertGreaterEqual(float(keys["seconds"]), 3)
        self.assertLess(float(keys["seconds"]), 10)
        self.assertEqual([(r.tag, r.data) for r in daemon.of(idle_name)][:2],
                         [("F", "line"), ("E", "unfinished")])
        # The busy one is as old, and stays open.
        busy.sendall(b"\n")
        self.say(daemon, busy, "alive")
        busy.shutdown(socket.SHUT_WR)
        end_of(busy)
        keys = daemon.of(busy)[-1].note()[1]
        self.assertEqual(keys["reason"], "eof")
        self.assertGreaterEqual(float(keys["seconds"]), 1)
        # A connection without data is a probe.
        self.assertEqual(daemon.of(silent_name), [])
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual([r.data for r in daemon.records() if r.peer == "-"],
                         ["probes connections=1 peer=127.0.0.1"])


class Notes(LimitCase):

    def test_connection_notes(self):
        expected = {"none": ["said"], "closed": ["said", "closed"],
                    "all": ["opened", "said", "closed"]}
        daemon = self.daemon(config=configured(
            *(tcp('connection_notes = "%s";' % n) for n in expected)))
        for number, seen in enumerate(expected.values()):
            connection = self.tcp(daemon, number)
            connection.sendall(b"said\n")
            connection.shutdown(socket.SHUT_WR)
            end_of(connection)
            name = daemon.listening[number][0]
            self.assertEqual([r.data.split()[0] for r in daemon.records()
                              if r.listener == name], seen)

    def test_all_notes_are_of_probes_too(self):
        daemon = self.daemon(config=configured(
            tcp(), top='connection_notes="all";'))
        connection = self.tcp(daemon)
        connection.shutdown(socket.SHUT_WR)
        end_of(connection)
        self.assertEqual(daemon.stop(), 0)
        opened, closed = daemon.records()
        self.assertEqual(opened.data, "opened")
        self.assertRegex(closed.data, r"\Aclosed reason=eof records=0 "
                         r"bytes=0 seconds=\d+\.\d{3}\Z")

    def test_probes_are_one_line_for_each_source(self):
        daemon = self.daemon(config=configured(tcp(), tcp()))
        for count, host, number in ((7, "127.0.0.1", 0), (5, "127.0.0.2", 0),
                                    (3, "127.0.0.1", 1)):
            for turn in range(count):
                connection = self.from_address(daemon, host, number)
                if turn % 2:
                    harness.reset(connection)
                else:
                    connection.shutdown(socket.SHUT_WR)
                    end_of(connection)
        wait_for(lambda: self.told(daemon, 0)["total"] == 12 and
                 self.told(daemon, 1)["total"] == 3, "all to be accepted")
        self.say(daemon, self.tcp(daemon), "no probe")
        self.assertEqual(len(daemon.records()), 1)
        self.assertEqual(daemon.stop(), 0)
        names = [listening[0] for listening in daemon.listening]
        self.assertEqual(
            sorted((names.index(r.listener), r.peer, r.data)
                   for r in daemon.records() if "probes" in r.data),
            [(0, "-", "probes connections=5 peer=127.0.0.2"),
             (0, "-", "probes connections=7 peer=127.0.0.1"),
             (1, "-", "probes connections=3 peer=127.0.0.1")])
        self.assertEqual(len(daemon.records()), 5)


class Kernel(LimitCase):
    """Options of sockets."""

    def test_keepalive_is_on(self):
        daemon = self.daemon("-l", "tcp:127.0.0.1:0")
        connection = self.tcp(daemon)
        self.say(daemon, connection, "hello")
        local = "0100007F:%04X" % daemon.port()
        remote = "0100007F:%04X" % connection.getsockname()[1]

        def timer():
            """The running timer (2: keepalive), and its seconds."""
            with open(f"/proc/{daemon.process.pid}/net/tcp",
                      encoding="ascii") as file:
                for line in file:
                    columns = line.split()
                    if columns[1:3] == [local, remote]:
                        kind, ticks = columns[5].split(":")
                        return (int(kind, 16), int(ticks, 16) /
                                os.sysconf("SC_CLK_TCK"))
            raise AssertionError("no such connection")
        kind, seconds = wait_for(lambda: timer()[0] == 2 and timer(),
                                 "the keepalive timer")
        self.assertEqual(kind, 2)
        self.assertLessEqual(seconds, 60.1)
        self.assertGreater(seconds, 30)

    @unittest.skipUnless(shutil.which("ss"), "ss is missing")
    def test_the_backlog_is_what_was_asked_for(self):
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
            most = int(file.read())
        for limits, backlog in (("backlog = 7;", 7), ("", 4096)):
            daemon = self.daemon(config=configured(tcp(), limits=limits))
            shown = subprocess.run(
                ["ss", "-Hltn", "sport", "=", f":{daemon.port()}"],
                stdout=subprocess.PIPE, check=True).stdout.decode()
            self.assertEqual(int(shown.split()[2]), min(backlog, most))


if __name__ == "__main__":
    harness.main()
