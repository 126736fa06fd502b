# SPDX-License-Identifier: MIT
"""Multicast: a listener receives from its groups, and from no other."""
import contextlib
import os
import socket
import struct
import unittest

import harness
import interfaces
import keeper
from harness import run, wait_for
from keeper import udp

FOUR, OTHER_FOUR = "239.1.2.3", "239.1.2.4"
SIX, OTHER_SIX = "ff15::514", "ff15::515"
EVERY = (FOUR, OTHER_FOUR, SIX, OTHER_SIX)
ON = 'interface = "here";'
MOST = "/proc/sys/net/ipv4/igmp_max_memberships"


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def joins(*groups):
    quoted = ", ".join(f'"{group}"' for group in groups)
    return f"groups = [ {quoted} ];"


class Multicast(keeper.Case):
    """In a network of its own: what `there` sends arrives on `here`."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        harness.own_network()
        interfaces.up("lo")
        # The sender is on this host too.
        write("/proc/sys/net/ipv4/conf/all/accept_local", "1")
        write("/proc/sys/net/ipv4/conf/all/rp_filter", "0")
        write("/proc/sys/net/ipv4/conf/default/rp_filter", "0")
        try:
            cls.appear()
        except OSError as error:
            raise unittest.SkipTest(f"no veth: {error}") from None

    @staticmethod
    def appear():
        interfaces.pair("here", "there", os.getpid())
        for name, number in (("here", 1), ("there", 2)):
            interfaces.up(name)
            interfaces.address(name, f"192.0.{number}.1")
            interfaces.address(name, f"2001:db8:{number}::1")

    @staticmethod
    def disappear():
        interfaces.remove("here")

    def setUp(self):
        super().setUp()
        self.port = harness.free_port()
        self.sent = 0
        if "here" not in (name for _, name in socket.if_nameindex()):
            self.appear()

    def listener(self, *settings, name="m"):
        return udp(name, " ".join(settings)).replace(
            "port = 0", f"port = {self.port}")

    def send(self, group, data):
        """A datagram to a group, out of `there`."""
        index = socket.if_nametoindex("there")
        if ":" in group:
            family, option, value = socket.AF_INET6, (
                socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF), index
        else:
            family, option, value = socket.AF_INET, (
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF), struct.pack(
                    "4s4si", bytes(4), bytes(4), index)
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(*option, value)
            sender.sendto(data, (group, self.port))

    def join(self, group):
        """Another process of this host joins it, on another port."""
        index = socket.if_nametoindex("here")
        if ":" in group:
            other = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            other.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                socket.inet_pton(socket.AF_INET6, group) +
                struct.pack("i", index))
        else:
            other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            other.setsockopt(
                socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack(
                    "4s4si", socket.inet_aton(group), bytes(4), index))
        self.addCleanup(other.close)
        return other

    def assert_hears(self, *groups):
        """It receives from these, once each, and from none of the others."""
        self.sent += 1
        texts = {g: f"{self.sent} to {g}" for g in EVERY}
        for group in (*EVERY, groups[0]):
            self.send(group, texts[group].encode())
        with open(self.log, encoding="utf-8") as log:
            read = []

            def all_are_there():
                read.append(log.read())
                text = "".join(read)
                return all(text.count(f" {texts[g]}\n") == 1 + (
                    g == groups[0]) for g in groups)
            wait_for(all_are_there, f"what was sent to {groups}")
            text = "".join(read)
        for group in set(EVERY) - set(groups):
            self.assertNotIn(texts[group], text)

    @staticmethod
    def members():
        """The groups that this host is in."""
        found = set()
        with open("/proc/self/net/igmp", encoding="ascii") as file:
            found |= {socket.inet_ntoa(struct.pack("I", int(
                line.split()[0], 16))) for line in file if line[0] == "\t"}
        with open("/proc/self/net/igmp6", encoding="ascii") as file:
            found |= {socket.inet_ntop(socket.AF_INET6, bytes.fromhex(
                line.split()[2])) for line in file}
        return found & set(EVERY)

    def test_its_groups_are_received_and_none_that_others_joined(self):
        for group in EVERY:
            self.join(group)
        daemon = self.serve(self.listener(joins(FOUR, SIX), ON))
        self.assertRegex(
            daemon.errors(), rf"on here, receive buffer.*, groups {FOUR}, {SIX}\n")
        self.assert_hears(FOUR, SIX)

    def test_a_listener_without_groups_receives_from_none(self):
        for group in EVERY:
            self.join(group)
        for settings in ("", 'address = "0.0.0.0";'):
            daemon = self.serve(self.listener(settings))
            for group in EVERY:
                self.send(group, b"of others")
            self.udp(daemon).send(b"unicast")
            wait_for(lambda d=daemon: "unicast" in self.told(d), "it")
            self.assertEqual(self.told(daemon), ["unicast"])
            self.assertEqual(daemon.stop(), 0)

    def test_each_family_has_its_groups(self):
        for address, group in (("0.0.0.0", FOUR), ("::", SIX)):
            daemon = self.serve(self.listener(
                f'address = "{address}";', joins(group), ON))
            self.assert_hears(group)
            self.assertEqual(self.members(), {group})
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(self.members(), set())

    def test_a_restart_leaves_and_joins_what_the_configuration_says(self):
        daemon = self.serve(self.listener(joins(FOUR, SIX), ON))
        self.assert_hears(FOUR, SIX)
        daemon.leave()
        self.assertEqual(self.members(), {FOUR, SIX})
        for group in (FOUR, SIX):
            self.send(group, b"meanwhile")
        daemon.start()
        wait_for(lambda: self.told(daemon).count("meanwhile") == 2)
        for groups in ((OTHER_FOUR, SIX), (FOUR, OTHER_SIX), EVERY, (SIX,)):
            daemon.restart(harness.to_file(self.listener(joins(*groups), ON)))
            self.assert_hears(*groups)
            self.assertEqual(self.members(), set(groups))
        daemon.restart(harness.to_file(self.listener(ON)))
        self.assertEqual(self.members(), set())

    def test_several_threads_log_it_once_also_after_restarts_and_kills(self):
        daemon = self.serve(self.listener(joins(FOUR, SIX), ON,
                                          "threads = 3;"))
        self.assert_hears(FOUR, SIX)
        for end in (daemon.restart, daemon.kill, daemon.restart):
            end()
            self.assert_hears(FOUR, SIX)
        daemon.leave()
        for group in (FOUR, SIX):
            self.send(group, b"meanwhile")
        daemon.start()
        wait_for(lambda: self.told(daemon).count("meanwhile") >= 2)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.told(daemon).count("meanwhile"), 2)

    def test_a_kill_keeps_the_groups_and_the_next_process_knows_them(self):
        daemon = self.serve(self.listener(joins(FOUR, SIX), ON))
        daemon.kill()
        self.assert_hears(FOUR, SIX)
        daemon.fell()
        daemon.configure(harness.to_file(self.listener(joins(SIX), ON)))
        daemon.start()
        self.assert_hears(SIX)
        self.assertEqual(self.members(), {SIX})

    def test_the_socket_of_a_unit_joins_and_leaves(self):
        unit = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.addCleanup(unit.close)
        unit.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        unit.bind(("::", self.port))
        daemon = self.serve(self.listener(joins(FOUR, SIX), ON),
                            passed=[("m", unit)])
        self.assert_hears(FOUR, SIX)
        daemon.restart(harness.to_file(self.listener(joins(FOUR), ON)))
        self.assert_hears(FOUR)
        self.assertEqual(self.members(), {FOUR})
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.members(), set())

    def test_an_interface_that_comes_back_is_joined_again(self):
        daemon = self.serve(self.listener(joins(FOUR, SIX), ON))
        self.assert_hears(FOUR, SIX)
        self.disappear()
        daemon.wait_for_error("its interface is gone")
        self.appear()
        daemon.wait_for_error("it could not listen for")
        self.assert_hears(FOUR, SIX)

    def test_an_interface_that_is_not_there_yet_is_waited_for(self):
        self.disappear()
        daemon = self.serve(self.listener(joins(FOUR, SIX), ON), start=False)
        daemon.launch()
        daemon.wait_for_error("listener m: cannot listen yet: ")
        self.appear()
        daemon.wait_for_error("it could not listen for")
        self.assert_hears(FOUR, SIX)

    def test_without_an_interface_the_route_says_where(self):
        self.disappear()
        daemon = self.serve(self.listener(joins(FOUR)))
        self.assertIn("listening on udp", daemon.errors())
        self.udp(daemon).send(b"unicast, meanwhile")
        wait_for(lambda: "unicast, meanwhile" in self.told(daemon))
        daemon.wait_for_error(f"listener m: cannot join {FOUR}: No such device; "
                              "trying again every second")
        for turn in range(2):
            self.appear()
            interfaces.route("here")
            wait_for(lambda t=turn: daemon.errors().count(
                "listener m: joined 1 of its groups") == t + 1, "a word")
            self.assertEqual(self.members(), {FOUR})
            self.assert_hears(FOUR)
            self.disappear()

    def test_memberships_of_interfaces_that_are_gone_are_no_obstacle(self):
        write(MOST, "1")
        self.addCleanup(write, MOST, "20")
        interfaces.route("here")
        daemon = self.serve(self.listener(joins(FOUR)))
        self.assert_hears(FOUR)
        self.disappear()
        self.appear()
        interfaces.route("here")
        daemon.wait_for_error("listener m: it could not listen for")
        self.assert_hears(FOUR)

    def test_more_groups_than_the_kernel_allows_are_a_clear_error(self):
        write(MOST, "2")
        self.addCleanup(write, MOST, "20")
        many = joins(FOUR, SIX, OTHER_SIX, OTHER_FOUR, "239.1.2.5")
        error = (rf"cannot listen on udp \*:{self.port} on here: No buffer "
                 r"space available: net\.ipv4\.igmp_max_memberships")
        daemon = self.serve(self.listener(joins(FOUR), ON))
        daemon.configure(harness.to_file(self.listener(many, ON)))
        tested = run("--test=full", "-c", daemon.arguments[-1])
        self.assertEqual(tested.returncode, 1)
        self.assertRegex(tested.stderr, error)
        # A restart into it would leave nothing that listens.
        daemon.keeper.job = "restart"
        self.assertEqual(harness.Daemon.stop(daemon), 0)
        self.assertRegex(daemon.errors(), error)
        self.assertIn("cannot restart: ending all in order", daemon.errors())

    def test_others_may_have_the_port_only_where_there_are_groups(self):
        for settings, taken in (("", True), (joins(FOUR) + ON, False)):
            daemon = self.serve(self.listener(settings))
            with contextlib.ExitStack() as stack:
                other = stack.enter_context(socket.socket(
                    socket.AF_INET, socket.SOCK_DGRAM))
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if taken:
                    with self.assertRaises(OSError):
                        other.bind(("0.0.0.0", self.port))
                else:
                    other.bind(("0.0.0.0", self.port))
            daemon.restart(harness.to_file(self.listener()))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with self.assertRaises(OSError):
                    other.bind(("0.0.0.0", self.port))
            self.assertEqual(daemon.stop(), 0)

    def test_what_a_program_of_others_sends_is_received(self):
        if not harness.shutil.which("socat"):
            self.skipTest("no socat")
        daemon = self.serve(self.listener(joins(FOUR, SIX), ON))
        for number, to in enumerate((
                f"UDP4-DATAGRAM:{FOUR}:{self.port},ip-multicast-if=192.0.2.1",
                f"UDP6-DATAGRAM:[{SIX}]:{self.port},bindtodevice=there")):
            harness.subprocess.run(["socat", "-u", "STDIN", to], check=True,
                                   input=b"by socat %d\n" % number,
                                   timeout=harness.PATIENCE)
        wait_for(lambda: sorted(self.told(daemon)) ==
                 ["by socat 0", "by socat 1"], "both")


if __name__ == "__main__":
    harness.main()
