# SPDX-License-Identifier: MIT
"""Interfaces and addresses that are not there yet, or not any more."""
import os
import re
import socket
import time
import unittest
from signal import SIGCONT

import harness
import interfaces
import keeper
from harness import to_file, wait_for
from keeper import tcp, udp

PLAIN = tcp("plain")
ON = 'interface = "here";'
HERE, THERE = "fe80::1", "fe80::2"


class Rebind(keeper.Case):
    """In a network of its own: `here` is ours, `there` the senders'."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        harness.own_network()
        interfaces.up("lo")
        try:
            cls.appear()
        except OSError as error:
            raise unittest.SkipTest(f"no veth: {error}") from None
        interfaces.remove("here")

    @staticmethod
    def appear():
        interfaces.pair("here", "there", os.getpid())
        for name, address in (("here", HERE), ("there", THERE)):
            interfaces.up(name)
            interfaces.address(name, address)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.disappear)

    @staticmethod
    def disappear():
        if "here" in (name for _, name in socket.if_nameindex()):
            interfaces.remove("here")

    def sender(self, daemon, number, kind):
        """A socket that sends over `there`, once that is ready."""
        end = socket.socket(socket.AF_INET6, kind)
        self.addCleanup(end.close)
        at = (HERE, daemon.port(number), 0, socket.if_nametoindex("there"))
        wait_for(lambda: not end.connect_ex(at), "a route")
        return end

    @staticmethod
    def find_ports(daemon):
        """Port 0 is another one after each bind(2)."""
        daemon.is_listening()
        newest = {found[0]: found for found in daemon.listening}
        daemon.listening = [newest[n] for n in ("stream", "dgram", "plain")]

    def assert_serves(self, daemon, text):
        """Each listener on the interface logs a line of this text."""
        self.sender(daemon, 0, socket.SOCK_STREAM).sendall(text + b"\n")
        self.sender(daemon, 1, socket.SOCK_DGRAM).send(text)
        wait_for(lambda: [r.data for r in daemon.records(self.log)].count(
            text.decode()) == 2, text)

    def test_an_interface_that_goes_and_comes_is_noticed_and_bound(self):
        self.appear()
        daemon = self.serve(tcp("stream", ON), udp("dgram", ON), PLAIN)
        self.assert_serves(daemon, b"before")
        for turn in range(2):
            self.disappear()
            for name in ("stream", "dgram"):
                wait_for(lambda n=name, t=turn: len(re.findall(
                    f"listener {n}: its interface is gone",
                    daemon.errors())) == t + 1, "a word of it")
            self.tcp(daemon, 2).sendall(b"meanwhile\n")
            wait_for(lambda t=turn: daemon.text(self.log).count(
                " meanwhile\n") == t + 1, "the others")
            self.appear()
            wait_for(lambda t=turn: len(re.findall(
                r"it could not listen for \d+\.\d{3} s",
                daemon.errors())) == 2 * t + 2, "the new sockets")
            self.find_ports(daemon)
            self.assert_serves(daemon, b"after %d" % turn)
        daemon.restart()
        self.find_ports(daemon)
        self.assert_serves(daemon, b"after a restart")
        daemon.kill()
        self.assert_serves(daemon, b"after a kill")

    def test_what_had_arrived_before_it_went_is_in_the_log(self):
        self.appear()
        daemon = self.serve(tcp("stream", ON), udp("dgram", ON))
        stream = self.sender(daemon, 0, socket.SOCK_STREAM)
        sender = self.sender(daemon, 1, socket.SOCK_DGRAM)
        stream.sendall(b"one\nunfinished")
        daemon.wait_for_bytes(0, 14)
        daemon.freeze()
        for number in range(100):
            sender.send(b"%d" % number)
        self.disappear()
        daemon.signal(SIGCONT)
        wait_for(lambda: [r.data for r in daemon.records(self.log)
                          if r.listener == "dgram"] ==
                 [str(n) for n in range(100)], "all datagrams")

    def test_who_waits_because_of_a_limit_is_not_forgotten(self):
        self.appear()
        daemon = self.serve(tcp("stream", ON + "max_connections = 1;"), PLAIN)
        first = self.sender(daemon, 0, socket.SOCK_STREAM)
        first.sendall(b"first\n")
        wait_for(lambda: self.told(daemon) == ["first"], "the first")
        self.sender(daemon, 0, socket.SOCK_STREAM).sendall(b"second\n")
        wait_for(lambda: daemon.counters()["stream"]["waiting"] == 1,
                 "the second")
        self.disappear()
        daemon.wait_for_error("listener stream: its interface is gone")
        wait_for(lambda: daemon.counters()["stream"]["waiting"] == 1)
        self.assertEqual(daemon.stop(), 0)
        self.assertIn("second", self.told(daemon))

    def test_what_is_not_there_at_the_start_is_waited_for(self):
        daemon = self.serve(tcp("stream", ON), udp("dgram", ON), tcp(
            "address", f'address = "{HERE}%here";'), PLAIN, start=False)
        began = time.monotonic()
        daemon.launch()
        wait_for(lambda: "listener plain: listening" in daemon.errors(),
                 "the start")
        for name in ("stream", "dgram", "address"):
            self.assertIn(f"listener {name}: cannot listen yet: ",
                          daemon.errors())
        harness.watch(2.5, lambda: daemon.errors().count(
            "listener stream: cannot listen yet") == 1, "one word a minute")
        self.appear()
        wait_for(lambda: daemon.errors().count("it could not listen") == 3,
                 "all to listen")
        seconds = [float(s) for s in re.findall(
            r"could not listen for (\S+) s", daemon.errors())]
        self.assertGreater(min(seconds), 2)
        self.assertLess(max(seconds), time.monotonic() - began)
        self.find_ports(daemon)
        self.assert_serves(daemon, b"then")

    def test_a_kept_socket_whose_interface_is_gone_is_not_taken_for_any(self):
        port = free_port()
        self.appear()
        on = udp("dgram", ON).replace("port = 0", f"port = {port}")
        daemon = self.serve(on)
        daemon.leave()
        self.disappear()
        daemon.configure(to_file(on.replace(ON, "")))
        daemon.start()
        self.udp(daemon).send(b"heard")
        wait_for(lambda: "heard" in self.told(daemon), "the datagram")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


if __name__ == "__main__":
    harness.main()
