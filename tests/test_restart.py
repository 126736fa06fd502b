# SPDX-License-Identifier: MIT
"""A restart of the service loses, doubles and splits nothing."""
import re
import subprocess
from functools import partial

import accounting
import harness
import losses
from harness import to_file, wait_for, watch
from machine import MachineCase

LOG = "/var/log/portlog/log"
configured = partial(to_file, path=LOG)
LINE = '{ protocol = "tcp"; port = 8888; }'
COUNTED = ('{ protocol = "tcp"; port = 8889; name = "counted"; '
           'framing = "octet-counted"; }')
UDP = '{ protocol = "udp"; port = 8888; }'
RESTARTS, KILLS = 20, 5
FRAMINGS = (accounting.LF, accounting.LF, accounting.LF, accounting.COUNTED)

# Stop one thread, as a debugger does, until stdin ends.
STOPPER = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
tid = int(sys.argv[1])
for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
    if libc.ptrace(request, tid, None, None) != 0:
        sys.exit("ptrace: " + str(ctypes.get_errno()))
print("stopped", flush=True)
sys.stdin.read()
"""


class Restarts(MachineCase):
    """Listeners, connections and records continue in the next process."""

    def setUp(self):
        self.needs_libsystemd()
        self.senders = []

    def start(self, sender):
        self.senders.append(sender)
        self.addCleanup(sender.abandon)
        sender.start()
        return sender

    def load(self, *framings):
        """Start a stream of each of these framings, and datagrams."""
        self.machine.configure(configured(LINE, COUNTED, UDP))
        ports = {accounting.COUNTED: 8889}
        streams = [accounting.Halves(self.tcp(ports.get(framing, 8888)), name,
                                     burst=3, rate=2000, framing=framing)
                   for name, framing in zip("abcd", framings)]
        datagrams = accounting.Datagrams(self.udp(8888), "e", rate=5000,
                                         listener="udp/8888")
        for sender in (*streams, datagrams):
            self.start(sender)
        return streams, datagrams

    def log(self):
        return self.machine.run("cat", LOG).stdout.encode()

    def test_restarts_under_load_lose_double_and_split_nothing(self):
        streams, datagrams = self.load(*FRAMINGS)
        for _ in range(RESTARTS):
            for sender in self.senders:
                sender.wait_for(50)
            self.machine.systemctl("restart", "portlogd")
        for sender in self.senders:
            sender.wait_for(50)
            sender.finish()
        self.assertFalse(any(s.cut_off for s in self.senders))
        self.machine.systemctl("stop", "portlogd")
        accounting.check(self.log(), streams, [datagrams])
        closed = re.findall(rb" \* closed reason=(\S+)", self.log())
        self.assertEqual(closed, [b"eof"] * 4)
        self.assertNotIn(b" P ", self.log())

    def test_a_kill_closes_nothing_and_what_was_in_hand_is_told(self):
        streams, datagrams = self.load(*FRAMINGS)
        for turn in range(KILLS * 2):
            for sender in self.senders:
                sender.wait_for(50)
            if turn % 2:
                self.kill(len(streams))
            else:
                self.machine.systemctl("restart", "portlogd")
        for sender in self.senders:
            sender.wait_for(50)
            sender.finish()
        self.assertFalse(any(s.cut_off for s in self.senders))
        self.machine.systemctl("stop", "portlogd")
        entries = losses.entries_of(self.log(), KILLS)
        losses.check(entries, streams, [datagrams], KILLS)

    def kill(self, connections):
        """Kill it once so many connections are in flight."""
        pid = self.machine.main_pid()
        wait_for(lambda: sum(map(int, re.findall(
            r"^scm_fds:\s+(\d+)", self.machine.output(
                "sh", "-c", f"cat /proc/{pid}/fdinfo/*"), re.M))) >=
                 connections, "connections to be in flight")
        self.machine.run("kill", "-9", str(pid))
        wait_for(lambda: self.machine.main_pid() not in (0, pid),
                 "the next process")

    def test_a_kill_costs_the_unfinished_record_to_the_byte(self):
        self.machine.configure(configured(LINE, COUNTED))
        for count, (port, before, after, told) in enumerate((
                (8888, b"one\ntw", b"o\nthree\n",
                 ["one", "lost bytes=2", "o", "three"]),
                (8889, b"3 one10 unfin", b"ished3 two",
                 ["one", "lost bytes=5", "ished", "two"]),
                (8889, b"3 one1", b"0 ten octets3 two",
                 ["one", "ten octets", "two"])), 1):
            with self.subTest(port=port, before=before):
                connection = self.tcp(port)
                peer = harness.name_of(connection)
                connection.sendall(before)
                wait_for(lambda p=peer: self.told(p) == ["one"], "one")
                self.kill(count)
                connection.sendall(after)
                wait_for(lambda p=peer, t=told: self.told(p) == t, told)

    def told(self, peer):
        return [r.data for r in self.machine.records(LOG) if r.peer == peer]

    def test_counters_and_numbers_go_on(self):
        self.machine.configure(configured(LINE, UDP))
        connection, sender = self.tcp(8888), self.udp(8888)
        connection.sendall(b"one\ntw")
        sender.send(b"datagram")
        self.wait_for_lines(LOG, 2)
        self.machine.systemctl("restart", "portlogd")
        connection.sendall(b"o\nthr")
        connection.shutdown(harness.socket.SHUT_WR)
        self.assertEqual(harness.end_of(connection), b"")
        told = [r.data for r in self.machine.records(LOG)
                if r.peer == harness.name_of(connection)]
        self.assertEqual(told[:-1], ["one", "two", "thr"])
        self.assertIn("records=3 bytes=11 ", told[-1])
        pid = self.machine.main_pid()
        self.machine.run("kill", "-USR1", str(pid))
        wait_for(lambda: any(
            "listener udp/8888: records=1 bytes=8 lost=0" in message
            for message in self.machine.messages(f"_PID={pid}")),
            "the counters of UDP")

    def test_a_stop_ends_every_stream(self):
        self.machine.configure(configured(LINE))
        connection = self.tcp(8888)
        connection.sendall(b"one\nunfinished")
        self.wait_for_lines(LOG, 1)
        self.machine.systemctl("stop", "portlogd")
        self.assertEqual(harness.end_of(connection), b"")
        self.assertEqual([r.tag for r in self.machine.records(LOG)],
                         ["F", "E", "*"])
        self.assertIn("reason=shutdown", self.machine.records(LOG)[-1].data)
        with self.assertRaises(ConnectionRefusedError):
            self.tcp(8888)

    def test_a_changed_configuration_keeps_what_is_wanted(self):
        self.machine.configure(configured(LINE, COUNTED))
        kept, ended = self.tcp(8888), self.tcp(8889)
        kept.sendall(b"one\ntw")
        ended.sendall(b"3 one9 unfini")
        self.wait_for_lines(LOG, 2)
        self.machine.write("/etc/portlogd.conf", configured(
            LINE, '{ protocol = "tcp"; port = 8890; }'))
        self.machine.systemctl("restart", "portlogd")
        self.assertEqual(harness.end_of(ended), b"")
        kept.sendall(b"o\n")
        self.wait_for_lines(LOG, 4)
        self.tcp(8890)
        with self.assertRaises(ConnectionRefusedError):
            self.tcp(8889)
        records = self.machine.records(LOG)
        self.assertEqual([(r.tag, r.data) for r in records
                          if r.peer == harness.name_of(kept)],
                         [("F", "one"), ("F", "two")])
        of_ended = [r for r in records if r.peer == harness.name_of(ended)]
        self.assertEqual([(r.tag, r.data) for r in of_ended[:-1]],
                         [("F", "one"), ("E", "unfini")])
        self.assertIn("closed reason=shutdown", of_ended[-1].data)
        self.assertEqual({r.listener for r in of_ended}, {"counted"})

    def test_what_is_kept_and_not_understood_is_told(self):
        self.machine.configure(configured(LINE))
        keeper = ("import os, socket, array\n"
                  "fd = os.memfd_create('x'); os.write(fd, b'no state')\n"
                  "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                  "s.connect(os.environ['NOTIFY_SOCKET'])\n"
                  "for n in range(9):\n"
                  "    s.send(b'FDSTOREREMOVE=1\\nFDNAME=state %d' % n)\n"
                  "s.sendmsg([b'FDSTORE=1\\nFDNAME=state 9'], [(socket.SOL_SOCKET,"
                  " socket.SCM_RIGHTS, array.array('i', [fd]))])\n")
        self.drop_in("keeper", "[Service]\nNotifyAccess=all\n"
                     "ExecStartPost=/usr/bin/python3 /run/keeper.py\n")
        self.machine.write("/run/keeper.py", keeper)
        self.machine.systemctl("restart", "portlogd")
        pid = self.machine.main_pid()
        self.machine.run("kill", "-9", str(pid))
        wait_for(lambda: self.machine.main_pid() not in (0, pid), "the next")
        pid = self.machine.main_pid()
        wait_for(lambda: any("cannot understand what was kept" in m for m in
                             self.machine.messages(f"_PID={pid}")), "a word")
        self.tcp(8888).sendall(b"served\n")
        self.wait_for_lines(LOG, 1)


class Signs(MachineCase):
    """The watchdog of a real systemd, with a thread that is stopped."""

    def setUp(self):
        self.needs_libsystemd()

    def test_status_counts_while_it_changes(self):
        self.machine.configure(configured(LINE, UDP))
        connection = self.tcp(8888)
        connection.sendall(b"one\ntwo\n")
        wait_for(lambda: self.machine.show("StatusText") ==
                 "1 connections, 2 records, 0 datagrams lost", "the status")

    def test_a_thread_that_stands_still_gets_it_restarted(self):
        self.machine.configure(configured(LINE, UDP))
        self.drop_in("watchdog", "[Service]\nWatchdogSec=4s\n")
        self.machine.systemctl("restart", "portlogd")
        connection = self.tcp(8888)
        connection.sendall(b"one\n")
        self.wait_for_lines(LOG, 1)
        pid = self.machine.main_pid()
        watch(5, lambda: self.machine.main_pid() == pid, "the same process")
        self.machine.write("/run/stopper.py", STOPPER)
        task = self.machine.output(
            "sh", "-c", f"grep -l '^recv ' /proc/{pid}/task/*/comm"
        ).split("/")[4]
        with subprocess.Popen(
                self.machine.inside("python3", "/run/stopper.py",
                                    task),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True) as stopper:
            self.assertEqual(stopper.stdout.readline(), "stopped\n")
            wait_for(lambda: self.machine.show("Result") == "watchdog",
                     "the watchdog")
            # The process can end only then.
            stopper.stdin.close()
        connection.sendall(b"two\n")
        self.wait_for_lines(LOG, 2)


if __name__ == "__main__":
    harness.main()
