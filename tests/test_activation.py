# SPDX-License-Identifier: MIT
"""Socket units: systemd binds the sockets, the daemon has no network.

Run by `make check-service`, as root; see machine.py.
"""
from functools import partial

import accounting
import harness
from harness import to_file, wait_for
from machine import MachineCase

LOG = "/var/log/portlog/log"
configured = partial(to_file, path=LOG)
UNITS = ("portlogd-tcp.socket", "portlogd-udp.socket")
TCP, UDP = ('{ protocol = "%s"; port = 8888; }' % p for p in ("tcp", "udp"))


class Activation(MachineCase):
    """The socket units of the examples."""

    def setUp(self):
        self.needs_libsystemd()
        self.machine.systemctl("stop", "portlogd")
        self.machine.run("rm", "-f", LOG)
        self.machine.write("/etc/portlogd.conf", configured(TCP, UDP))
        self.drop_in("sockets", self.example("sockets.conf"))
        for unit in UNITS:
            self.socket_unit(unit, self.example(unit))
        self.machine.systemctl("daemon-reload")
        self.machine.systemctl("start", *UNITS)
        self.addCleanup(self.machine.systemctl, "stop", *UNITS)
        self.addCleanup(self.machine.systemctl, "stop", "portlogd")

    def example(self, name):
        with open(f"{harness.TOP}/systemd/examples/{name}",
                  encoding="utf-8") as file:
            return file.read()

    def socket_unit(self, name, text):
        self.machine.write(f"/etc/systemd/system/{name}", text)

    def state(self, unit="portlogd"):
        return self.machine.show("ActiveState", unit)

    def data(self):
        return sorted(r.data for r in self.machine.records(LOG)
                      if r.tag != "*")

    def test_what_activates_it_is_in_the_log(self):
        self.assertEqual(self.state(), "inactive")
        self.udp(8888).send(b"a datagram")
        self.wait_for_lines(LOG, 1)
        self.machine.systemctl("stop", "portlogd")
        self.assertEqual([self.state(unit) for unit in UNITS],
                         ["active", "active"])
        connection = self.tcp(8888)
        connection.sendall(b"a line\n")
        self.wait_for_lines(LOG, 2)
        self.assertEqual(self.data(), ["a datagram", "a line"])

    def test_ipv4_and_ipv6_are_served_without_a_network(self):
        expected = []
        for host in ("127.0.0.1", "::1"):
            self.tcp(8888, host).sendall(b"tcp %s\n" % host.encode())
            self.udp(8888, host).send(b"udp %s" % host.encode())
            expected += [f"tcp {host}", f"udp {host}"]
        self.wait_for_lines(LOG, 4)
        self.assertEqual(self.data(), sorted(expected))
        self.assertEqual({r.listener for r in self.machine.records(LOG)},
                         {"tcp/8888", "udp/8888"})
        pid = self.machine.main_pid()
        self.assertEqual(self.machine.output(
            "nsenter", "-t", str(pid), "-n", "sh", "-c",
            "tail -n +3 /proc/net/dev | cut -d: -f1").split(), ["lo"])

    def test_a_socket_of_another_name_is_known_by_its_address(self):
        for unit in UNITS:
            self.machine.systemctl("stop", unit)
            self.socket_unit(unit, self.example(unit).replace(
                "FileDescriptorName=", "FileDescriptorName=not-"))
        self.machine.systemctl("daemon-reload")
        self.machine.systemctl("start", *UNITS)
        self.tcp(8888).sendall(b"a line\n")
        self.udp(8888).send(b"a datagram")
        self.wait_for_lines(LOG, 2)
        self.assertEqual(self.data(), ["a datagram", "a line"])

    def test_restarts_under_load_lose_double_and_split_nothing(self):
        self.restart_under_load(8888, LOG)

    def test_a_socket_that_no_listener_wants_is_told(self):
        self.machine.write("/etc/portlogd.conf", configured(UDP))
        self.udp(8888).send(b"a datagram")
        self.wait_for_lines(LOG, 1)
        pid = self.machine.main_pid()
        wait_for(lambda: any(
            "passed and not wanted, closed: tcp/8888" in message
            for message in self.machine.messages(f"_PID={pid}")), "a word")
        held = self.machine.output("ls", "-l", f"/proc/{pid}/fd")
        self.assertNotIn(f"[{self.inode('tcp6')}]", held)
        self.assertIn(f"[{self.inode('udp6')}]", held)

    def inode(self, protocol):
        """The inode of the socket of port 8888, which systemd has bound."""
        for line in self.machine.read(f"/proc/net/{protocol}").split("\n")[1:]:
            columns = line.split()
            if columns[1].endswith(":22B8") and columns[3] in ("0A", "07"):
                return columns[9]
        raise AssertionError(f"nobody has {protocol} 8888")

    def test_each_family_may_have_a_socket_of_its_own(self):
        hosts = {"four": "127.0.0.1", "six": "[::1]"}
        for unit in UNITS:
            self.machine.systemctl("stop", unit)
        units, listeners = [], []
        for protocol, kind in (("tcp", "Stream"), ("udp", "Datagram")):
            for family, host in hosts.items():
                unit = f"portlogd-{protocol}-{family}.socket"
                units.append(unit)
                self.socket_unit(unit, self.example(
                    f"portlogd-{protocol}.socket").replace(
                        f"Listen{kind}=8888", f"Listen{kind}={host}:8888"
                    ).replace(f"{protocol}/8888", f"{protocol}-{family}"))
                listeners.append(
                    f'{{ protocol = "{protocol}"; name = "{protocol}-{family}"'
                    f'; address = "{host.strip("[]")}"; port = 8888; }}')
        self.drop_in("sockets", self.example("sockets.conf").replace(
            " ".join(UNITS), " ".join(units)))
        self.addCleanup(self.machine.systemctl, "stop", *units)
        self.machine.write("/etc/portlogd.conf", configured(*listeners))
        self.machine.systemctl("start", *units)
        for host in ("127.0.0.1", "::1"):
            self.tcp(8888, host).sendall(b"a line\n")
            self.udp(8888, host).send(b"a datagram")
        self.wait_for_lines(LOG, 4)
        self.assertEqual(
            {r.listener: ":" in r.peer.rpartition(":")[0]
             for r in self.machine.records(LOG)},
            {"tcp-four": False, "tcp-six": True, "udp-four": False,
             "udp-six": True})

    def test_stops_under_load_leave_what_comes_to_the_next_process(self):
        datagrams = accounting.Datagrams(self.udp(8888), "a", rate=3000,
                                         listener="udp/8888")
        self.addCleanup(datagrams.abandon)
        datagrams.start()
        pids = set()
        for _ in range(5):
            datagrams.wait_for(100)
            wait_for(lambda: self.machine.main_pid() not in (0, *pids),
                     "the next process")
            pids.add(self.machine.main_pid())
            self.machine.systemctl("stop", "portlogd")
            connection = self.tcp(8888)
            connection.sendall(b"a line\n")
            connection.shutdown(harness.socket.SHUT_WR)
            self.assertEqual(harness.end_of(connection), b"")
        datagrams.wait_for(100)
        datagrams.finish()
        self.assertFalse(datagrams.cut_off)
        self.wait_for_lines(LOG, datagrams.sent + 5)
        self.assertEqual(self.data().count("a line"), 5)
        content = self.machine.run("cat", LOG).stdout.encode()
        accounting.check_datagrams("udp/8888", [datagrams], [
            e for e in accounting.entries_of(content)
            if e.listener == "udp/8888"])
        self.assertNotIn(b" * lost", content)

    def test_a_running_service_is_moved_by_a_stop(self):
        self.machine.systemctl("stop", "portlogd", *UNITS)
        self.machine.drop_in("sockets", "")
        self.machine.systemctl("start", "portlogd")
        self.machine.drop_in("sockets", self.example("sockets.conf"))
        self.assertNotEqual(self.machine.systemctl(
            "restart", "portlogd", check=False).returncode, 0)
        self.assertTrue(any(
            "Failed to receive listening socket" in message
            for message in self.machine.messages("-u", UNITS[0])))
        self.machine.systemctl("stop", "portlogd")
        self.machine.systemctl("start", *UNITS)
        self.machine.systemctl("start", "portlogd")
        self.tcp(8888).sendall(b"a line\n")
        self.udp(8888).send(b"a datagram")
        self.wait_for_lines(LOG, 2)

    def test_a_port_that_systemd_does_not_have_is_a_clear_error(self):
        self.machine.write("/etc/portlogd.conf", configured(
            TCP, '{ protocol = "tcp"; port = 8889; }'))
        self.machine.run("systemctl", "start", "portlogd", check=False)
        wait_for(lambda: any(
            "cannot open a socket for tcp *:8889: " in message
            for message in self.machine.messages("-u", "portlogd")),
            "an error that names the port")


if __name__ == "__main__":
    harness.main()
