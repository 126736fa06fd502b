# SPDX-License-Identifier: MIT
"""UDP: drops of the receive buffer are noted, to the datagram."""
import os
import shlex
import signal
import subprocess
import sys
import time

import accounting
import harness
from harness import TURNS, configured, udp, wait_for

BUFFER = "receive_buffer = 16384; "
SMALL = udp(BUFFER)
BURST = 400  # more than that buffer takes


class Loss(accounting.Case):
    """SIGSTOP the daemon while more is sent than the buffer takes."""

    def peer(self, daemon, name, number=0):
        """A numbered sender that sends when the test calls it."""
        peer = accounting.Datagrams(daemon.udp(number), name,
                                    listener=daemon.listening[number][0])
        self.addCleanup(peer.connection.close)
        self.datagrams.append(peer)
        return peer

    def burst(self, daemon, *peers, count=BURST):
        daemon.freeze()
        for _ in range(count):
            for peer in peers:
                peer.send_some()
        daemon.signal(signal.SIGCONT)

    def wait_until_told(self, daemon):
        """Wait until each listener has counted all that was sent to it."""
        def is_told():
            counted = daemon.counters()
            return all(c["records"] + c["lost"] == sum(
                d.sent for d in self.datagrams if d.listener == name)
                for name, c in counted.items()) and counted
        return wait_for(is_told, "all to be told")

    def assert_lost(self, daemon):
        """Check the log, and that datagrams were lost; returns how many."""
        lost = self.check_log(daemon.bytes())
        self.assertGreater(lost, 10)
        self.assertLess(lost, sum(d.sent for d in self.datagrams) - 10)
        return lost

    def test_a_burst_that_nothing_follows_is_told_within_a_second(self):
        daemon = self.daemon(config=configured(SMALL))
        self.burst(daemon, self.peer(daemon, "a"))
        began = time.monotonic()
        counted = self.wait_until_told(daemon)
        self.assertLess(time.monotonic() - began, 6)
        lost = self.assert_lost(daemon)
        self.assertEqual(counted[daemon.listening[0][0]]["lost"], lost)
        self.assertEqual(daemon.wait_for_note("lost").peer, "-")

    def test_a_loss_is_told_before_what_follows_it(self):
        daemon = self.daemon(config=configured(SMALL))
        peer = self.peer(daemon, "a")
        for _ in range(TURNS):
            self.burst(daemon, peer)
            self.burst(daemon, peer, count=1)
        self.wait_until_told(daemon)
        self.assert_lost(daemon)

    def test_bursts_again_and_again_are_told_exactly(self):
        daemon = self.daemon(config=configured(SMALL))
        peer = self.peer(daemon, "a")
        for turn in range(4 * TURNS):
            self.burst(daemon, peer, count=BURST // 2 + 31 * (turn % 10))
        self.wait_until_told(daemon)
        self.assert_lost(daemon)

    def test_a_loss_is_told_at_the_end_at_the_latest(self):
        for order in ((signal.SIGCONT, signal.SIGTERM),
                      (signal.SIGTERM, signal.SIGCONT)):
            self.datagrams = []
            daemon = self.daemon(config=configured(SMALL))
            peer = self.peer(daemon, "a")
            daemon.freeze()
            for _ in range(BURST):
                peer.send_some()
            for number in order:
                daemon.signal(number)
            self.assertEqual(daemon.wait(), 0)
            self.assert_lost(daemon)

    def test_each_of_several_sockets_tells_its_own(self):
        daemon = self.daemon(config=configured(SMALL, SMALL, SMALL))
        peers = [self.peer(daemon, name, number)
                 for number, name in enumerate("abc")]
        for turn in range(TURNS):
            self.burst(daemon, *peers[turn % 3:])
        counted = self.wait_until_told(daemon)
        self.assertEqual(sum(c["lost"] for c in counted.values()),
                         self.assert_lost(daemon))

    def test_all_peers_of_a_socket_are_told_together(self):
        daemon = self.daemon(config=configured(SMALL))
        peers = [self.peer(daemon, name) for name in "abc"]
        self.burst(daemon, *peers)
        self.wait_until_told(daemon)
        self.assert_lost(daemon)

    def test_a_loss_is_told_in_json(self):
        daemon = self.daemon(config=configured(
            SMALL, output='type = "stdout"; format = "json";'))
        self.burst(daemon, self.peer(daemon, "a"))
        self.assertEqual(daemon.stop(), 0)
        self.assertGreater(
            self.check_log(daemon.bytes(), accounting.from_json), 10)
        self.assertEqual({o["event"]: type(o["datagrams"])
                          for o in daemon.json() if "event" in o},
                         {"lost": int})

    def test_truncated_and_lost_datagrams_are_counted_exactly(self):
        daemon = self.daemon(config=configured(
            udp(BUFFER + "max_record = 100;")))
        sender = self.udp(daemon)
        daemon.freeze()
        for number in range(100):
            sender.send(b"%d " % number + b"x" * 500)
        daemon.signal(signal.SIGCONT)
        self.assertEqual(daemon.stop(), 0)
        notes = [r.note() for r in daemon.records() if r.tag == "*"]
        cut = [keys for event, keys in notes if event == "truncated"]
        lost = sum(int(keys["datagrams"]) for event, keys in notes
                   if event == "lost")
        self.assertEqual(len(daemon.data("T")), len(cut))
        self.assertEqual(len(cut) + lost, 100)
        self.assertGreater(len(cut), 3)
        self.assertGreater(lost, 3)
        # A datagram has 500 bytes after a number and a blank.
        for record, keys in zip(daemon.data("T"), cut):
            self.assertEqual(int(keys["size"]),
                             len(record.split(" ")[0]) + 501)
            self.assertEqual(int(keys["kept"]), len(record))


SENDER = """
import itertools, socket, sys
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sender.connect(("fd09::1", 7777))
for number in itertools.count():
    try:
        sender.send(b"%d" % number)
    except ConnectionRefusedError:  # by the one before
        print(number - 1)
        break
    except OSError:
        pass  # the way there is not up yet
"""


class Interface(harness.Case):
    """A socket on an interface without a route to this host."""

    def test_none_vanishes_between_the_last_read_and_the_end(self):
        # Skipped where there is nothing to make such a way with.
        ip = harness.INTERFACES
        harness.namespaces("n", f"{ip} pair a0 a1 $$ && "
                           f"{ip} address a0 fd09::1")
        wrap = harness.namespaces("n")
        neighbour = subprocess.Popen([*wrap, "sh", "-c", "echo; exec sleep 60"],
                                     stdout=subprocess.PIPE)
        self.addCleanup(neighbour.stdout.close)
        self.addCleanup(neighbour.wait)
        self.addCleanup(neighbour.kill)
        # A user's namespace is there before its users are: not to be entered.
        self.assertEqual(neighbour.stdout.readline(), b"\n")
        # A user's are both of one user namespace, or they could not be joined.
        enter = ("nsenter", "-t", str(neighbour.pid))
        own = wrap[1] == "-rn"
        user = (*enter, "-U", "--preserve-credentials") if own else ()
        there = (*(user or enter), "-n")
        # Once only, as what has this name is slow to go with a namespace.
        wrap = (*user, "unshare", "-n", "sh", "-c", f"""
            {ip} pair v0 v1 {neighbour.pid} && {ip} address v0 fd09::1 &&
            {ip} up v0 && {ip} up lo && exec "$@" """, "sh")
        daemon = self.daemon(wrap=wrap, config="""
            listeners = ( { protocol = "udp"; port = 7777;
                            address = "fd09::1"; interface = "v0"; } );""")
        # Its namespace must outlive it, for somebody there is to refuse.
        namespace = os.open(f"/proc/{daemon.process.pid}/ns/net", os.O_RDONLY)
        self.addCleanup(os.close, namespace)
        for words in ("address v1 fd09::2", "up v1"):
            subprocess.run([*there, *shlex.split(f"{ip} {words}")], check=True)
        sender = subprocess.Popen([*there, sys.executable, "-c", SENDER],
                                  stdout=subprocess.PIPE)
        self.addCleanup(sender.kill)
        daemon.wait_for_data(100)
        self.assertEqual(daemon.stop(), 0)
        sent = int(sender.communicate(timeout=harness.PATIENCE)[0])
        records = daemon.records()
        lost = sum(int(r.note()[1]["datagrams"]) for r in records
                   if r.tag == "*")
        first = int(daemon.data("F")[0])  # earlier ones had no route
        self.assertEqual(sent - first,
                         len(daemon.data("F")) + lost, daemon.errors())


class Flood(accounting.Case):
    """The daemon runs, under more load than it can take."""

    def test_what_a_flood_loses_is_told_where_it_is_missing(self):
        for turn in range(TURNS):
            self.datagrams = []
            daemon = self.daemon(config=configured(SMALL).replace(
                "16384", str(2048 << turn % 4)))
            peer = self.datagrams_of(daemon, "flood")
            peer.wait_for(5000)
            if turn % 2:
                peer.halt()
            self.assertEqual(daemon.stop(), 0)
            peer.abandon()
            self.check_log(daemon.bytes())


if __name__ == "__main__":
    harness.main(jobs=2)
