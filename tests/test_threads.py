# SPDX-License-Identifier: MIT
"""threads: several threads for a UDP listener, each with a socket of its own."""
import os
import re
import socket
from signal import SIGCONT

import harness
import keeper
from harness import configured, to_file, udp, wait_for

THREADS = 4
JSON = 'type = "stdout"; format = "json";'


def threads(count, more=""):
    return udp(f'name = "dgram"; threads = {count}; {more}')


def sockets_of(port):
    """How many UDP sockets of this host have the port."""
    wanted, found = f":{port:04X}", 0
    for name in ("udp", "udp6"):
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            found += sum(line.split()[1].endswith(wanted)
                         for line in list(file)[1:])
    return found


class Threads(harness.Case):

    def many(self, daemon, count=16):
        return [self.udp(daemon) for _ in range(count)]

    def test_each_peer_is_in_order_and_each_number_is_given_once(self):
        daemon = self.daemon(config=configured(threads(THREADS), output=JSON))
        peers, each = self.many(daemon), 200
        self.assertEqual(sockets_of(daemon.port()), THREADS)
        for number in range(each):
            for peer in peers:
                peer.send(b"%d" % number)
        total = each * len(peers)
        wait_for(lambda: len(daemon.json()) == total, "all")
        logged = daemon.json()
        for peer in peers:
            port = peer.getsockname()[1]
            self.assertEqual([r["data"] for r in logged if r["port"] == port],
                             [str(n) for n in range(each)])
        self.assertEqual(sorted(r["record"] for r in logged),
                         list(range(1, total + 1)))
        wait_for(lambda: daemon.counters()["dgram"]["records"] == total,
                 "all to be counted")
        self.assertEqual(daemon.stop(), 0)

    def test_pieces_have_the_number_of_their_record(self):
        daemon = self.daemon(config=configured(
            threads(2, 'framing = "line"; max_record = 4;'), output=JSON))
        peers = self.many(daemon, 8)
        for peer in peers:
            peer.send(b"abcdefghij\nk")
        wait_for(lambda: len(daemon.json()) == 4 * len(peers), "all")
        for peer in peers:
            numbers = [r["record"] for r in daemon.json()
                       if r["port"] == peer.getsockname()[1]]
            self.assertEqual(len(set(numbers[:3])), 1, numbers)
            self.assertNotEqual(numbers[3], numbers[0])

    def test_several_threads_read(self):
        daemon = self.daemon(config=configured(threads(THREADS)))
        before = [self.switches(daemon, t) for t in self.tasks(daemon)]
        for count, peer in enumerate(self.many(daemon, 64), 1):
            peer.send(b"x")
            daemon.wait_for_data(count)
        after = [self.switches(daemon, t) for t in self.tasks(daemon)]
        # More often than once a second, which all do.
        self.assertGreater(sum(b > a + 2 for a, b in zip(before, after)), 1)
        self.assertEqual(daemon.stop(), 0)

    @staticmethod
    def tasks(daemon):
        return sorted(os.listdir(f"/proc/{daemon.process.pid}/task"))

    @staticmethod
    def switches(daemon, task):
        with open(f"/proc/{daemon.process.pid}/task/{task}/status",
                  encoding="ascii") as file:
            return int(re.search(r"(?m)^voluntary_ctxt_switches:\s*(\d+)",
                                 file.read()).group(1))

    def test_a_broadcast_is_logged_once(self):
        for address in ("*", "0.0.0.0"):
            daemon = self.daemon(config=configured(
                threads(THREADS, f'address = "{address}";')))
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(sender.close)
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            for number in range(10):
                sender.sendto(b"%d" % number,
                              ("127.255.255.255", daemon.port()))
            daemon.wait_for_data(10)
            self.assertEqual(daemon.stop(), 0)  # which reads what there is
            self.assertEqual(daemon.data(), [str(n) for n in range(10)])

    def test_another_daemon_does_not_get_a_share(self):
        daemon = self.daemon(config=configured(threads(2)))
        at = threads(2).replace("port = 0", f"port = {daemon.port()}")
        for other in (harness.Daemon("-l", f"udp:{daemon.port()}",
                                     start=False),
                      harness.Daemon(config=configured(at), start=False)):
            other.exits = 1
            self.addCleanup(other.close)
            other.launch()
            self.assertEqual(other.wait(), 1)
            self.assertIn("in use", other.errors())
        self.assertEqual(sockets_of(daemon.port()), 2)

    def test_all_that_is_lost_is_told(self):
        daemon = self.daemon(config=configured(
            threads(THREADS, "receive_buffer = 4096;")))
        daemon.freeze()
        peers = self.many(daemon, 32)
        for number in range(100):
            for peer in peers:
                peer.send(b"%d" % number)
        daemon.signal(SIGCONT)

        def told():
            return sum(int(r.note()[1]["datagrams"])
                       for r in daemon.records() if r.tag == "*")
        wait_for(lambda: told() + len(daemon.data()) == 3200, "all to be told")
        self.assertGreater(told(), 0)
        wait_for(lambda: (lambda counted: (
            counted["lost"], counted["records"]) == (told(), 3200 - told()))(
                daemon.counters()["dgram"]), "all to be counted")

    def test_a_source_has_one_rate_for_all_threads(self):
        daemon = self.daemon(config=configured(threads(
            THREADS, "rate_records = 1; rate_burst = 10;")))
        for peer in self.many(daemon, 64):
            peer.send(b"x")
        wait_for(lambda: sum(daemon.counters()["dgram"][key] for key in
                             ("records", "limited")) == 64, "all")
        self.assertLess(daemon.counters()["dgram"]["records"], 14)

    def test_it_is_for_udp_alone(self):
        daemon = self.daemon(config=configured(harness.tcp("threads = 2;")),
                             start=False)
        daemon.launch()
        daemon.exits = 78
        self.assertEqual(daemon.wait(), 78)
        self.assertIn("threads", daemon.errors())


class Kept(keeper.Case):
    """Under systemd, which keeps each of the sockets."""

    def config(self, count, more=""):
        return to_file(threads(count).replace("port = 0",
                                              f"port = {self.port}"),
                       more=more)

    def setUp(self):
        super().setUp()
        self.port = harness.free_port()

    def start(self, count, **rest):
        return self.serve(threads(count).replace(
            "port = 0", f"port = {self.port}"), **rest)

    def kept(self, daemon):
        return daemon.keeper.kinds().count("listener")

    def test_restarts_with_other_numbers_lose_and_double_nothing(self):
        daemon = self.start(1)
        peers = [self.udp(daemon) for _ in range(32)]
        sent = 0
        for count in (4, 2, 3, 1, 1, 4, 4):
            for peer in peers:
                peer.send(b"%d" % sent)
            sent += 1
            daemon.keeper.job = "restart"
            daemon.leave()
            for peer in peers:
                peer.send(b"%d" % sent)
            sent += 1
            daemon.configure(self.config(count))
            daemon.start()
            wait_for(lambda n=count: self.kept(daemon) == n, "its sockets")
        total = sent * len(peers)
        wait_for(lambda: len(daemon.data(path=self.log)) >= total, "all")
        wait_for(lambda: daemon.counters()["dgram"]["records"] == total,
                 "all to be counted")
        self.assertEqual(daemon.stop(), 0)
        for peer in peers:
            self.assertEqual(sorted(self.told(daemon, peer), key=int),
                             [str(n) for n in range(sent)])

    def test_numbers_go_on_after_restarts_and_kills(self):
        daemon = self.start(3, more='format = "json";')
        peers, total = [self.udp(daemon) for _ in range(16)], 0
        for end in (daemon.kill, daemon.restart, daemon.kill):
            for peer in peers:
                peer.send(b"x")
            total += len(peers)
            wait_for(lambda n=total: len(daemon.json(self.log)) == n and all(
                p[0] == p[1] for p in daemon.listeners()), "all")
            end()
        self.assertEqual(sorted(r["record"] for r in daemon.json(self.log)),
                         list(range(1, total + 1)))
        self.assertEqual(self.kept(daemon), 3)
        self.assertEqual(daemon.counters()["dgram"]["records"], total)

    def test_what_a_kill_takes_is_told_for_each(self):
        daemon = self.start(3)
        self.datagrams_of(daemon, "a", 0, rate=3000)
        self.datagrams_of(daemon, "b", 0, rate=3000)
        self.datagrams_of(daemon, "c", 0, rate=3000)
        self.kill_and_restart(daemon)

    def unit(self, count):
        """The sockets of a unit with ReusePort=yes."""
        sockets = []
        for _ in range(count):
            bound = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            self.addCleanup(bound.close)
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind(("::", self.port))
            sockets.append(("dgram", bound))
        return sockets

    def test_a_unit_may_have_as_many_sockets_or_fewer(self):
        for passed, said in ((3, "3 threads"), (2, "2 threads"),
                             (1, "1 threads")):
            daemon = self.start(3, passed=self.unit(passed))
            self.assertIn(said, daemon.errors())
            self.assertEqual(
                daemon.errors().count("no socket for its thread"), 3 - passed)
            for _ in range(32):
                self.udp(daemon).send(b"x")
            wait_for(lambda d=daemon: len(d.data(path=self.log)) == 32, "all")
            self.assertEqual(daemon.stop(), 0)
            self.port = harness.free_port()


if __name__ == "__main__":
    harness.main(jobs=4)
