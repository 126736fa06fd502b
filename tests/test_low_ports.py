# SPDX-License-Identifier: MIT
"""Ports below 1024, for a service that has no capability to bind them.

Run by `make check-service`, as root; see machine.py.
"""
import re
import shlex
import socket
from functools import partial

import accounting
import harness
from harness import to_file, wait_for
from machine import CONFIG, MachineCase

LOG = "/var/log/portlog/log"
configured = partial(to_file, path=LOG)
TCP, UDP = ('{ protocol = "%s"; port = 79; }' % p for p in ("tcp", "udp"))
CAPABILITIES = r"(?m)^Cap\w+:\t(.*)$"
NONE, BIND = "0000000000000000", "0000000000000400"

# Fill a socket until it drops: only the daemon will read from it, later.
BURST = 20000
FLOOD = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range({BURST}):
    s.sendto(b"%d" % i, ("127.0.0.1", 79))
"""


class LowPorts(MachineCase):
    """The ports are bound before the daemon starts."""

    def setUp(self):
        self.machine.systemctl("reset-failed", "portlogd", check=False)

    def exchange(self):
        """Send a line and datagrams to each; all are logged."""
        self.machine.run("truncate", "-s", "0", LOG)
        self.udp(79).send(b"a datagram")
        self.udp(79, "::1").send(b"another")
        self.tcp(79).sendall(b"a line\n")
        self.assertEqual({r.data for r in self.wait_for_lines(LOG, 3)},
                         {"a datagram", "another", "a line"})

    def told(self, since, what):
        """How often the unit has logged this."""
        return sum(what in m for m in self.machine.messages(
            "-u", "portlogd", "--since", since))

    def now(self):
        return self.machine.output("date", "+@%s.%N")

    def kill(self):
        pid = self.machine.main_pid()
        self.machine.run("kill", "-9", str(pid))
        wait_for(lambda: self.machine.main_pid() not in (0, pid) and
                 self.machine.show("ActiveState") == "active", "the next")

    def test_the_configuration_alone_and_the_daemon_has_no_capability(self):
        self.machine.configure(configured(TCP, UDP))
        self.exchange()
        status = self.machine.read(f"/proc/{self.machine.main_pid()}/status")
        self.assertEqual(
            re.findall(CAPABILITIES, status),
            [NONE if self.machine.tells_readiness() else BIND] * 5)

    def test_what_binds_them_is_the_user_with_one_capability(self):
        self.needs_libsystemd()
        unit = self.machine.output("systemctl", "cat", "portlogd")
        line = re.search(r"^ExecStartPre=-\+((?:.*\\\n)*.*)$", unit, re.M)
        words = shlex.split(line.group(1).replace("\\\n", ""))
        self.assertEqual(words[-1], "--keep-low-ports")
        status = self.machine.output(*words[:-2], "cat", "/proc/self/status")
        self.assertEqual(re.findall(CAPABILITIES, status), [BIND] * 5)
        uid = self.machine.output("id", "-u", "portlog")
        self.assertIn("\nUid:" + f"\t{uid}" * 4 + "\n", status)
        self.assertRegex(status, r"(?m)^Groups:\s*$")
        self.assertIn("\nNoNewPrivs:\t1\n", status)

    def test_they_are_there_again_after_each_end(self):
        self.machine.configure(configured(TCP, UDP))
        since = self.now()
        for end in (("restart",), ("stop", "start"), ("kill",), ("restart",)):
            with self.subTest(end):
                for word in end:
                    if word == "kill":
                        self.kill()
                    else:
                        self.machine.systemctl(word, "portlogd")
                wait_for(lambda: self.machine.show("ActiveState") == "active",
                         "the start")
                self.exchange()
        self.assertEqual(self.told(since, "cannot listen"), 0)

    def test_restarts_under_load_lose_double_and_split_nothing(self):
        self.needs_libsystemd()
        self.machine.configure(configured(TCP, UDP))
        self.machine.run("truncate", "-s", "0", LOG)
        self.restart_under_load(79, LOG)

    def test_the_threads_of_a_listener_share_one(self):
        self.needs_libsystemd()
        self.machine.configure(configured(
            UDP.replace("port", "threads = 3; port")))
        for end in (lambda: None, self.kill,
                    lambda: self.machine.systemctl("restart", "portlogd")):
            end()
            self.machine.run("truncate", "-s", "0", LOG)
            sent = {f"from {number}" for number in range(30)}
            for text in sent:
                self.udp(79).send(text.encode())
            self.assertEqual({r.data for r in self.wait_for_lines(LOG, 30)},
                             sent)
            sockets = self.machine.read(
                f"/proc/{self.machine.main_pid()}/net/udp6")
            self.assertEqual(sockets.count(f":{79:04X} "), 3)

    def test_a_changed_configuration_has_others(self):
        self.machine.configure(configured(TCP))
        kept = self.tcp(79)
        kept.sendall(b"one\ntw")
        self.wait_for_lines(LOG, 1)
        self.machine.write(CONFIG, configured(
            TCP, TCP.replace("79", "77"), UDP.replace("79", "77")))
        self.machine.systemctl("restart", "portlogd")
        self.machine.wait_for_listeners(3)
        self.tcp(77).sendall(b"more\n")
        self.udp(77).send(b"and more")
        if self.machine.tells_readiness():
            kept.sendall(b"o\n")
            self.wait_for_lines(LOG, 4)
            self.assertEqual([r.data for r in self.machine.records(LOG) if
                              r.peer == harness.name_of(kept)],
                             ["one", "two"])
        self.machine.write(CONFIG, configured(UDP))
        self.machine.systemctl("restart", "portlogd")
        self.machine.wait_for_listeners(1)
        for port in (79, 77):
            with self.assertRaises(ConnectionRefusedError):
                self.tcp(port)

    def change(self, setting):
        """Add a setting to both listeners, for the next start."""
        self.machine.write(CONFIG, configured(*(
            listener.replace("port", f"{setting} port")
            for listener in (TCP, UDP))))

    def starts(self):
        """How often systemd tried after the last start on request."""
        return int(self.machine.show("NRestarts"))

    def test_another_address_takes_one_start_and_loses_nothing(self):
        self.needs_libsystemd()
        self.machine.configure(configured(TCP, UDP))
        self.machine.run("truncate", "-s", "0", LOG)
        datagrams = accounting.Datagrams(self.udp(79), "a", listener="udp/79",
                                         rate=3000)
        self.addCleanup(datagrams.abandon)
        datagrams.start()
        since = self.now()
        for address in ("127.0.0.1", "*"):
            datagrams.wait_for(100)
            self.change(f'address = "{address}";')
            self.machine.systemctl("restart", "portlogd")
            self.tcp(79).sendall(b"to %s\n" % address.encode())
        self.tcp(79, "::1").sendall(b"to all\n")
        datagrams.wait_for(100)
        datagrams.finish()
        self.assertFalse(datagrams.cut_off)
        self.assertEqual(
            (self.starts(), self.told(since, "cannot listen")), (0, 0))
        self.machine.systemctl("stop", "portlogd")
        log = self.machine.run("cat", LOG).stdout.encode()
        self.assertLessEqual({"to *", "to 127.0.0.1", "to all"}, {
            r.data for r in self.machine.records(LOG)})
        # The old socket's last datagrams are read while the new one receives.
        by_time = sorted(log.splitlines(True), key=lambda line: line[:27])
        accounting.check_datagrams("udp/79", [datagrams], [
            e for e in accounting.entries_of(b"".join(by_time))
            if e.listener == "udp/79"])
        self.assertNotIn(b" * lost", log)

    def test_another_interface_takes_one_start(self):
        self.needs_libsystemd()
        self.machine.configure(configured(TCP, UDP))
        since = self.now()
        for interface in ('interface = "lo";', ""):
            self.change(interface)
            sender, peer = self.udp(79), self.tcp(79)
            sender.send(b"before")
            peer.sendall(b"one\n")
            self.machine.systemctl("restart", "portlogd")
            sender.send(b"after")
            self.tcp(79).sendall(b"two\n")
            self.wait_for_lines(LOG, 4)
            self.machine.run("truncate", "-s", "0", LOG)
        self.assertEqual(
            (self.starts(), self.told(since, "cannot listen")), (0, 0))

    def test_after_a_kill_a_change_takes_two_starts(self):
        self.needs_libsystemd()
        for before, then in (('address = "127.0.0.1";', ""),
                             ("", 'address = "127.0.0.1";'),
                             ('interface = "lo";', ""),
                             ("", 'interface = "lo";')):
            with self.subTest(then or f"not {before}"):
                self.kill_and_change(before, then)

    def kill_and_change(self, before, then):
        self.machine.systemctl("stop", "portlogd")
        self.machine.run("rm", "-f", LOG)
        self.change(before)
        self.machine.systemctl("start", "portlogd")
        sender, since = self.udp(79), self.now()
        sender.send(b"before")
        self.wait_for_lines(LOG, 1)
        self.change(then)
        self.machine.run("kill", "-9", str(self.machine.main_pid()))
        sender.send(b"between")
        wait_for(lambda: self.told(since, "listening on udp") == 1,
                 "the start")
        sender.send(b"after")
        self.assertEqual({r.data for r in self.wait_for_lines(LOG, 3)},
                         {"before", "between", "after"})
        self.assertEqual(self.starts(), 2)

    def test_a_port_of_another_program_is_told_and_tried(self):
        self.machine.systemctl("stop", "portlogd")
        with self.machine.network():
            holder = socket.create_server(("127.0.0.1", 79))
        self.addCleanup(holder.close)
        self.machine.write(CONFIG, configured(TCP, UDP))
        since = self.now()
        self.machine.systemctl("start", "portlogd", check=False)
        wait_for(lambda: self.told(
            since, "cannot listen on tcp *:79: Address already in use") > 2,
            "a word at each try")
        self.assertEqual(self.told(since, "listen on udp"), 0)
        holder.close()
        wait_for(lambda: self.machine.show("ActiveState") == "active",
                 "the start")
        self.exchange()

    def test_a_wrong_configuration_is_told_once(self):
        self.machine.systemctl("stop", "portlogd")
        self.machine.write(CONFIG, "listeners = ( { port = 79; } );")
        since = self.now()
        self.machine.systemctl("start", "portlogd", check=False)
        wait_for(lambda: self.machine.show("ActiveState") == "failed",
                 "the end")
        self.assertEqual(self.told(since, f"{CONFIG}:1: "), 1)

    def test_what_is_dropped_before_it_runs_is_told(self):
        self.needs_libsystemd()
        self.machine.systemctl("stop", "portlogd")
        self.machine.run("rm", "-f", LOG)
        self.machine.write("/run/flood.py", FLOOD)
        self.machine.write(CONFIG, configured(UDP))
        self.drop_in("flood", "[Service]\n"
                     "ExecStartPre=/usr/bin/python3 /run/flood.py\n")
        self.machine.systemctl("start", "portlogd")

        def lost():
            return sum(int(r.data.removeprefix("lost datagrams="))
                       for r in self.machine.records(LOG)
                       if r.data.startswith("lost "))
        wait_for(lost, "a word of what is lost")
        kept = [r.data for r in self.machine.records(LOG) if r.tag == "F"]
        self.assertEqual(kept, [str(i) for i in range(len(kept))])
        self.assertEqual(len(kept) + lost(), BURST)


if __name__ == "__main__":
    harness.main()
