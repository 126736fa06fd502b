# SPDX-License-Identifier: MIT
"""portlogd as a service of a real systemd, from its installation on.

Run by `make check-service`, as root; see machine.py.
"""
import contextlib
import json
import os
import re
import socket
import subprocess
import threading
import time
import unittest

from harness import PATIENCE, TOP, end_of, knows, main, wait_for
from machine import (CONFIG, LOGROTATE, SYSCONFDIR, MachineCase, exposure,
                     needs)

LOG = "/var/log/portlog/portlog.log"
PORTS = """
listeners = ( { protocol = "tcp"; port = 8888; },
              { protocol = "udp"; port = 8888; } );
"""
TO_FILE = PORTS + f'outputs = ( {{ type = "file"; path = "{LOG}"; }} );'
TO_STDOUT = PORTS + 'outputs = ( { type = "stdout"; } );'
TO_JOURNAL = PORTS + 'outputs = ( { type = "journal"; } );'
TO_SYSLOG = PORTS + 'outputs = ( { type = "syslog"; } );'
PACKAGE = os.environ.get("PORTLOG_DEB", "")


def send(connection, data):
    """Send all and wait for the receipt."""
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    end_of(connection)


def exercise(case, name):
    """Send one line to a port, as installed, and find it in the log."""
    send(case.tcp(8888), b"hello from %s\n" % name.encode())
    case.assertEqual([r.data for r in case.machine.records(LOG)
                      if r.tag == "F"], [f"hello from {name}"])


class Installation(MachineCase):
    """Install, enable, stop and uninstall the service."""

    installed = False

    def files(self):
        return self.machine.files("/usr", "/etc", "/var/log", "/var/lib")

    def test_install_enable_and_uninstall(self):
        before = self.files()
        self.machine.make("install")
        self.machine.systemctl("enable", "--now", "portlogd")
        self.machine.wait_for_listeners(2)
        exercise(self, "a newcomer")
        self.assertEqual(self.machine.show("User"), "portlog")
        self.machine.configure(TO_FILE)
        send(self.tcp(8888), b"kept\n")
        self.machine.systemctl("disable", "--now", "portlogd")
        self.machine.write(CONFIG, TO_FILE + "# mine")
        self.machine.make("uninstall")
        # Directories that other packages use too may stay.
        left = {path for path in self.files() - before
                if not path.startswith(("/etc/.", "/var/lib/systemd/",
                                        "/var/log/journal"))
                and ("portlog" in path or self.machine.run(
                    "test", "-d", path, check=False).returncode != 0)}
        self.assertEqual(left - {"/etc/passwd-", "/etc/group-",
                                 "/etc/shadow-", "/etc/gshadow-"},
                         {CONFIG, LOG, os.path.dirname(LOG)})
        self.assertEqual(self.machine.show("LoadState"), "not-found")
        self.assertIn("kept", self.machine.read(LOG))

    def test_files_are_where_debian_looks_for_them(self):
        if SYSCONFDIR != "/etc":
            self.skipTest("needs --prefix=/usr --sysconfdir=/etc")
        self.machine.make("install", "DESTDIR=/root/staged")
        there = self.machine.files("/root/staged")
        for path in ("/etc/portlogd.conf", "/etc/logrotate.d/portlogd",
                     "/lib/systemd/system/portlogd.service",
                     "/usr/bin/portlog", "/usr/sbin/portlogd",
                     "/usr/lib/sysusers.d/portlogd.conf",
                     "/usr/lib/tmpfiles.d/portlogd.conf",
                     "/usr/share/bash-completion/completions/portlogd",
                     "/usr/share/zsh/vendor-completions/_portlogd",
                     "/usr/share/fish/vendor_completions.d/portlogd.fish",
                     "/usr/share/man/man8/portlogd.8"):
            with self.subTest(path=path):
                self.assertIn(f"/root/staged{path}", there)


class Use(MachineCase):
    """The service at work."""

    def test_a_file_belongs_to_the_service_and_adm_may_read_it(self):
        self.machine.configure(TO_FILE)
        send(self.tcp(8888), b"hello\n")
        self.assertEqual(self.machine.output("stat", "-c", "%U:%G %a", LOG),
                         "portlog:adm 640")
        read = ("setpriv", "--reuid", "nobody", "--regid", "nogroup",
                "--groups")
        self.assertIn("hello", self.machine.output(*read, "adm", "cat", LOG))
        self.assertNotEqual(self.machine.run(
            *read, "nogroup", "cat", LOG, check=False).returncode, 0)

    def test_root_and_adm_may_ask_at_the_status_socket(self):
        self.machine.configure(TO_FILE)
        path = "/run/portlog/status.sock"
        self.assertEqual(self.machine.output("stat", "-c", "%U:%G %a", path),
                         "portlog:adm 660")
        ask = ("setpriv", "--reuid", "nobody", "--regid", "nogroup",
               "--groups")
        for way in ("restart", "kill", "stop"):
            with self.tcp(8888) as peer:
                peer.sendall(b"x\n")
                shown = wait_for(lambda: (lambda text: "tcp/8888" in text
                                          and text)(
                    self.machine.output(*ask, "adm", "portlog", "who")))
                self.assertEqual(len(shown.splitlines()), 2, shown)
            self.assertIn("serving", self.machine.output("portlog", "status"))
            refused = self.machine.run(*ask, "nogroup", "portlog", "status",
                                       check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("usermod -a -G adm", refused.stderr)
            if way == "kill":
                self.machine.systemctl("kill", "-s", "KILL", "portlogd")
            else:
                self.machine.systemctl(way, "portlogd")
            # Who asks meanwhile is answered by the next process.
            self.assertEqual(self.machine.run(
                *ask, "adm", "portlog", "status", "-q",
                check=False).returncode, way == "stop")

    def test_every_kind_of_output_works_in_the_sandbox(self):
        self.needs_libsystemd()
        self.machine.configure(PORTS + f"""outputs = (
            {{ type = "stdout"; }}, {{ type = "file"; path = "{LOG}"; }},
            {{ type = "syslog"; ident = "by-syslog"; }},
            {{ type = "journal"; ident = "by-journal"; }} );""")
        send(self.tcp(8888), b"to all of them\n")
        self.wait_for_lines(LOG, 1)
        for name in ("portlogd", "by-syslog", "by-journal"):
            with self.subTest(name):
                wait_for(lambda n=name: any(
                    "to all of them" in message
                    for message in self.machine.messages("-t", n)), name)

    def test_unix_sockets_take_records_over_a_restart(self):
        kinds = {"stream": "--tcp", "datagram": "--udp"}
        self.drop_in("run", "[Service]\nRuntimeDirectory=portlog-in\n"
                            "RuntimeDirectoryPreserve=restart\n")
        listeners = ", ".join(
            f"""{{ protocol = "unix-{kind}"; name = "{kind}"; mode = "0666";
                   path = "/run/portlog-in/{kind}"; }}""" for kind in kinds)
        self.machine.configure(f"""listeners = ( {listeners} );
            outputs = ( {{ type = "file"; path = "{LOG}"; }} );""")
        for when in ("before", "after"):
            for kind, flag in kinds.items():
                self.machine.run("logger", flag, "--socket-errors=on",
                                 "--socket", f"/run/portlog-in/{kind}", when)
            self.machine.systemctl("restart", "portlogd")
        self.wait_for_lines(LOG, 4)
        self.assertEqual(
            sorted((r.listener, r.data.split()[-1])
                   for r in self.machine.records(LOG) if r.tag in "FE"),
            sorted((kind, time) for kind in kinds
                   for time in ("before", "after")))

    def test_tail_follows_the_log_over_a_rotation_and_a_restart(self):
        needs("logrotate")
        self.machine.configure(TO_FILE)
        send(self.tcp(8888), b"before\n")
        tail = subprocess.Popen(
            self.machine.inside("timeout", str(PATIENCE), "portlog", "tail",
                                "-f", "-t", "F", "-m", "3", "-o", "data"),
            stdout=subprocess.PIPE)
        self.addCleanup(tail.wait)
        self.addCleanup(tail.stdout.close)
        self.assertEqual(tail.stdout.readline(), b"before\n")
        self.machine.run("logrotate", "--force", LOGROTATE)
        send(self.tcp(8888), b"in the new file\n")
        self.assertEqual(tail.stdout.readline(), b"in the new file\n")
        self.machine.systemctl("restart", "portlogd")
        send(self.tcp(8888), b"to the next process\n")
        self.assertEqual(tail.stdout.read(), b"to the next process\n")
        self.assertEqual(tail.wait(), 0)

    def test_it_runs_again_whatever_ended_it(self):
        self.machine.configure(TO_FILE)
        for number in ("KILL", "SEGV", "TERM"):
            before = self.machine.main_pid()
            self.machine.run("kill", f"-{number}", str(before))
            wait_for(lambda b=before: self.machine.main_pid() not in (0, b),
                     f"another process after SIG{number}")
            wait_for(lambda: self.machine.show("ActiveState") == "active",
                     "the start")
        self.machine.systemctl("stop", "portlogd")
        self.assertEqual(self.machine.show("ActiveState"), "inactive")

    def test_a_kill_for_want_of_memory_is_like_any_other(self):
        """No limit of the unit asks for one."""
        for name, value in (("MemoryMax", "infinity"),
                            ("MemoryHigh", "infinity"),
                            ("OOMPolicy", "continue")):
            self.assertEqual(self.machine.show(name), value)

    def test_a_wrong_configuration_is_not_tried_again(self):
        self.machine.write(CONFIG, "listener = ();")
        self.machine.systemctl("restart", "portlogd", check=False)
        self.assertEqual(self.machine.show("ActiveState"), "failed")
        self.assertEqual(self.machine.show("ExecMainStatus"), "78")
        self.assertEqual(self.machine.show("NRestarts"), "0")
        self.assertTrue(any(f"{CONFIG}:1: " in message for message in
                            self.machine.messages("-u", "portlogd")))

    def test_a_port_in_use_is_tried_until_it_is_free(self):
        self.machine.systemctl("stop", "portlogd")
        with self.machine.network():
            holder = socket.create_server(("", 8888))
        self.addCleanup(holder.close)
        self.machine.write(CONFIG, TO_FILE)
        self.machine.systemctl("restart", "portlogd", check=False)
        wait_for(lambda: int(self.machine.show("NRestarts")) >= 6,
                 "more tries than the 5 of systemd's default")
        holder.close()
        wait_for(lambda: self.machine.show("ActiveState") == "active",
                 "the start")

    def test_no_limit_of_the_unit_is_met_before_its_descriptors(self):
        self.assertLess(int(self.machine.show("LimitNOFILE")),
                        int(self.machine.show("TasksMax")))
        # With a note of its begin each has a thread.
        self.machine.configure(TO_FILE + """connection_notes = "all";
            limits = { max_connections = 1500; };""")
        connections = [self.tcp(8888) for _ in range(1500)]
        for number, connection in enumerate(connections):
            connection.sendall(b"connection %d\n" % number)
        wait_for(lambda: sum("F connection " in line for line in
                             self.machine.read(LOG).split("\n")) >= 1500,
                 "all of them")
        self.assertGreater(int(self.machine.show("TasksCurrent")), 1500)


def manual_example(beginning):
    """The lines of portlogd(8) that begin so, up to the end of the example."""
    with open(os.path.join(TOP, "man", "portlogd.8"),
              encoding="utf-8") as file:
        return re.search(rf"(?ms)^({re.escape(beginning)}\n.*?)^\.Ed",
                         file.read()).group(1)


class Check(MachineCase):
    """portlog check, of the service as it is installed."""

    AS = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--groups")

    def check(self, *wrap):
        """Its lines, and what fails or is warned of but for the clock."""
        shown = self.machine.run(*wrap, "portlog", "check", "-j",
                                 check=False).stdout
        lines = [json.loads(line) for line in shown.splitlines()[:-1]]
        return lines, [(line["check"], line["result"], line["seen"])
                       for line in lines if line["result"] in
                       ("warn", "fail") and line["check"] not in
                       ("clock", "receive-buffer")]

    def test_all_works_whoever_asks(self):
        self.machine.configure(TO_FILE)
        for wrap, proved in (((), True), ((*self.AS, "adm"), True),
                             ((*self.AS, "nogroup"), False)):
            lines, wrong = self.check(*wrap)
            self.assertEqual(wrong, [])
            found = {line["check"]: line["result"] for line in lines}
            self.assertEqual(found["listens"], "ok")
            self.assertEqual(found["stream"], "ok")
            self.assertEqual(found["unit"], "ok")
            for check in "datagram", "output":
                self.assertEqual(found[check], "ok" if proved else "unknown")

    def test_the_unit_takes_nothing_from_here(self):
        self.machine.configure(TO_FILE)
        self.machine.write("/etc/systemd/system/portlogd.service.d/f.conf",
                           "[Service]\nIPAddressDeny=any\n")
        self.machine.systemctl("daemon-reload")
        self.machine.systemctl("restart", "portlogd")
        wrong = self.check()[1]
        self.assertEqual([(check, word) for check, word, _ in wrong],
                         [("unit", "warn")])
        self.assertIn("systemd drops what comes from ", wrong[0][2])

    def test_the_service_was_stopped(self):
        self.machine.configure(TO_FILE)
        self.machine.systemctl("stop", "portlogd")
        wrong = self.check()[1]
        self.assertEqual(wrong[0][:2], ("listens", "fail"))
        self.assertIn("nobody listens on tcp port 8888", wrong[0][2])


class Installed(MachineCase):
    """The configuration as installed keeps peers out of the journal."""

    LINES = 100000

    def test_a_flood_is_in_the_file_and_not_in_the_journal(self):
        self.machine.systemctl("restart", "portlogd")
        send(self.tcp(8888), b"".join(b"flood %d\n" % i
                                      for i in range(self.LINES)))
        found = [r.data for r in self.machine.records(LOG) if r.tag == "F"]
        self.assertEqual(found, [f"flood {i}" for i in range(self.LINES)])
        said = self.machine.messages("-u", "portlogd")
        self.assertTrue(any("listening on" in m for m in said), said)
        self.assertFalse(any("flood" in m for m in said), said)

    def test_the_rate_limit_of_its_own_words_is_the_system_s(self):
        for name in "LogRateLimitIntervalUSec", "LogRateLimitBurst":
            self.assertEqual(self.machine.show(name), "0")


class Journal(MachineCase):
    """A journal of its own, as the manual has it: no record is suppressed."""

    BURST = 60000

    def setUp(self):
        self.machine.write("/etc/systemd/journald@portlog.conf",
                           manual_example("[Journal]"))
        self.drop_in("journal", manual_example("[Service]\nLogNamespace=portlog"))

    def test_the_system_s_journal_has_none_of_it(self):
        self.machine.configure(TO_STDOUT)
        send(self.tcp(8888), b"in the other\n")
        wait_for(lambda: any(m.endswith("in the other") for m in
                             self.machine.messages("-u", "portlogd")),
                 "the record")
        self.assertNotIn("in the other", self.machine.output(
            "journalctl", "-o", "cat", "-u", "portlogd"))

    def test_entries_are_found_by_the_peer(self):
        self.needs_libsystemd()
        self.machine.run("ip", "address", "add", "192.0.2.7/32", "dev", "lo")
        self.machine.configure(TO_JOURNAL)
        with self.machine.network():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.bind(("192.0.2.7", 0))
        sender.sendto(b"from the one\x07", ("127.0.0.1", 8888))
        self.udp(8888).send(b"from another")
        (entry,) = wait_for(lambda: self.machine.journal(
            "PORTLOG_PEER=192.0.2.7"), "the entry")
        name = "%s:%d" % sender.getsockname()
        self.assertEqual(entry["MESSAGE"],
                         rf"udp/8888 {name} F from the one\x07")
        self.assertEqual(bytes(entry["PORTLOG_RAW"]), b"from the one\x07")
        for name, value in (("LISTENER", "udp/8888"), ("PROTOCOL", "udp"),
                            ("PORT", str(sender.getsockname()[1])),
                            ("TAG", "F")):
            self.assertEqual(entry[f"PORTLOG_{name}"], value)
        self.assertEqual(entry["_SYSTEMD_UNIT"], "portlogd.service")

    def burst(self, config):
        """The numbers of a burst that are in the journal, in their order."""
        self.machine.configure(config)
        mark = f"burst-{time.monotonic_ns()}"
        send(self.tcp(8888), b"".join(
            b"%s %d\n" % (mark.encode(), i) for i in range(self.BURST)))

        def look():
            ours = ("journalctl", "--namespace=portlog")
            self.machine.run(*ours, "--sync")
            text = self.machine.run(*ours, "-o", "cat", "-u", "portlogd",
                                    "--grep", f"{mark} ", check=False).stdout
            found = re.findall(rf"{mark} (\d+)$", text, re.M)
            return len(found) >= self.BURST and list(map(int, found))
        return wait_for(look, f"{self.BURST} records")

    def test_a_burst_is_in_the_journal_by_each_way(self):
        for name, config in (("stdout", TO_STDOUT), ("journal", TO_JOURNAL),
                             ("syslog", TO_SYSLOG)):
            with self.subTest(name):
                if name == "journal":
                    self.needs_libsystemd()
                self.assertEqual(self.burst(config), list(range(self.BURST)))


class Rotation(MachineCase):
    """logrotate, with the rules that are installed."""

    LINES = 400000

    def rotate(self):
        self.machine.run("logrotate", "--force", LOGROTATE)
        wait_for(lambda: self.machine.exists(LOG), "the new file")

    def test_nothing_is_lost_or_doubled_under_load(self):
        needs("logrotate")
        self.machine.configure(TO_FILE)
        connection = self.tcp(8888)
        sent = threading.Event()

        def load():
            for number in range(0, self.LINES, 200):
                connection.sendall(b"".join(
                    b"%d\n" % i for i in range(number, number + 200)))
                time.sleep(0.001)
            connection.shutdown(socket.SHUT_WR)
            end_of(connection)
            sent.set()

        sender = threading.Thread(target=load)
        sender.start()
        rotations = 0
        while not sent.is_set() and rotations < 12:
            self.rotate()
            rotations += 1
        sender.join()
        self.assertGreaterEqual(rotations, 3)
        # An empty log is not rotated, so look at what is there.
        names = sorted(self.machine.output("sh", "-c", f"ls {LOG}*").split(),
                       key=lambda name: int((name.split(".") + ["0"])[2]))
        parts = [self.machine.output("zcat", "-f", name)
                 for name in reversed(names)]
        found = [line.split(" F ")[1] for part in parts
                 for line in part.split("\n") if " F " in line]
        self.assertEqual(found, [str(i) for i in range(self.LINES)])
        self.assertGreater(sum(" F " in part for part in parts), 2)
        self.assertEqual(self.machine.output("stat", "-c", "%U:%G %a", LOG),
                         "portlog:adm 640")


class Reload(MachineCase):
    """When systemctl reload returns, the reload is done."""

    def setUp(self):
        self.needs_libsystemd()

    @contextlib.contextmanager
    def reloading(self):
        """A context in which systemctl reload is running; then it returns."""
        with subprocess.Popen(self.machine.inside(
                "systemctl", "reload", "portlogd")) as reload:
            wait_for(lambda: self.machine.show("ActiveState") == "reloading",
                     "the reload to begin")
            with self.assertRaises(subprocess.TimeoutExpired):
                reload.wait(1)
            yield
            self.assertEqual(reload.wait(PATIENCE), 0)

    def test_the_new_file_is_there_when_reload_returns(self):
        self.machine.configure(TO_FILE)
        pid = str(self.machine.main_pid())
        self.machine.run("mv", LOG, f"{LOG}.old")
        self.machine.run("kill", "-STOP", pid)
        try:
            with self.reloading():
                self.assertFalse(self.machine.exists(LOG))
                self.machine.run("kill", "-CONT", pid)
        finally:
            self.machine.run("kill", "-CONT", pid)
        self.assertTrue(self.machine.exists(LOG))
        send(self.tcp(8888), b"the next\n")
        self.assertIn("the next", self.machine.read(LOG))

    def test_it_waits_for_an_output_that_is_at_a_write(self):
        fifo = "/run/portlog-fifo"
        self.machine.run("mkfifo", "-m", "666", fifo)
        with subprocess.Popen(
                self.machine.inside("sh", "-c", f"exec 3<>{fifo}; echo $$; "
                                    "read go; exec cat <&3 >/dev/null"),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True) as reader:
            pid = reader.stdout.readline().strip()
            try:
                self.machine.configure(TO_FILE.replace(LOG, fifo))
                connection = self.tcp(8888)
                connection.settimeout(1)
                with self.assertRaises(TimeoutError):
                    connection.sendall(b"more than fits\n" * 1000000)
                with self.reloading():
                    reader.stdin.write("go\n")
                    reader.stdin.flush()
            finally:
                self.machine.run("kill", pid)


# What the sandbox must do to each attempt of tests/systemd/probe.
ALLOWED = {"AF_UNIX", "AF_INET", "AF_INET6", "journal_socket",
           "syslog_socket", "notify_socket", "write_tmp", "write_own_log",
           "read_config"}
# If the kernel would refuse it anyway, the error shows that we did.
REFUSED = {"write_usr": "EROFS", "write_etc": "EROFS", "write_var": "EROFS",
           "write_log": "EROFS", "write_kmsg": "EROFS", "mount": "EPERM",
           "write_proc_sys": "ENOENT", "read_memory": "ENOENT",
           "AF_PACKET": "EAFNOSUPPORT", "AF_VSOCK": "EAFNOSUPPORT",
           "AF_ALG": "EAFNOSUPPORT"}
EXAMPLES = os.path.join(TOP, "systemd", "examples")


class Sandbox(MachineCase):
    """What the unit forbids has a score, and is in force."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machine.copy(os.path.join(TOP, "tests", "systemd", "probe"),
                         "/usr/local/lib/probe")
        cls.machine.run("chmod", "755", "/usr/local/lib/probe")
        cls.machine.run("touch", "/tmp/portlog-foreign")

    def probe(self):
        """The results of the attempts, made within the unit."""
        self.drop_in("probe", "[Service]\nRestart=no\n"
                     "ExecStartPre=/usr/local/lib/probe\n")
        mark = self.machine.output("date", "+@%s.%N")
        self.machine.systemctl("restart", "portlogd", check=False)
        for message in self.machine.messages("-u", "portlogd", "--since",
                                             mark):
            if message.startswith("PROBE "):
                return json.loads(message.removeprefix("PROBE "))
        raise AssertionError(self.machine.messages("-u", "portlogd"))

    def example(self, name):
        with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
            return file.read()

    def check(self, allowed, capabilities, *namespaces):
        """Compare the probe's results with the expected ones."""
        found = self.probe()
        self.assertEqual({name for name, result in found.items()
                          if result == "allowed"}, allowed, found)
        self.assertEqual(found, found | REFUSED)
        self.assertEqual({found[f"Cap{kind}"] for kind in
                          ("Eff", "Bnd", "Amb")}, {capabilities})
        self.assertNotEqual(found["Uid"], "0")
        self.assertEqual((found["NoNewPrivs"], found["Seccomp"]), ("1", "2"))
        self.assertEqual(found["processes"], 1)
        self.assertFalse(set(found["devices"]) & {"kmsg", "mem", "rtc", "sda",
                                                  "vda", "kvm"})
        for name in ("ipc", "mnt", "uts", *namespaces):
            self.assertNotEqual(
                found[f"{name} namespace"],
                self.machine.output("readlink", f"/proc/1/ns/{name}"))

    def score(self):
        return exposure(self.machine.output("systemd-analyze", "security",
                                            "--no-pager", "portlogd"))

    def test_the_unit(self):
        if self.machine.tells_readiness():
            self.check(ALLOWED, "0000000000000000", "user")
            self.assertLessEqual(self.score(), 1.1)
        else:
            self.check(ALLOWED | {"bind_low_port"}, "0000000000000400")
            self.assertLessEqual(self.score(), 1.4)

    @unittest.skipUnless(knows("libseccomp"), "built without libseccomp")
    def test_the_daemon_confines_itself_in_there(self):
        self.machine.configure(TO_FILE)
        status = self.machine.read(f"/proc/{self.machine.main_pid()}/status")
        filters = int(re.search(r"Seccomp_filters:\t(\d+)", status).group(1))
        self.machine.configure("confine = false;\n" + TO_FILE)
        status = self.machine.read(f"/proc/{self.machine.main_pid()}/status")
        self.assertEqual(filters, 1 + int(re.search(
            r"Seccomp_filters:\t(\d+)", status).group(1)))
        self.assertFalse([message for message in self.machine.messages(
            "-u", "portlogd") if "cannot confine itself" in message])

    def test_what_is_left_open_is_needed(self):
        self.needs_libsystemd()
        before = self.attempts("")
        self.assertEqual(before, ALLOWED)
        for line, lost in (
                ("RestrictAddressFamilies=~AF_UNIX",
                 {"AF_UNIX", "journal_socket", "syslog_socket",
                  "notify_socket"}),
                ("RestrictAddressFamilies=~AF_INET AF_INET6",
                 {"AF_INET", "AF_INET6"})):
            with self.subTest(line):
                self.assertEqual(before - self.attempts(line), lost)

    def attempts(self, line):
        """The attempts that are allowed with one more line in the unit."""
        # The daemon need not be ready: it may be unable to report it.
        self.drop_in("narrower", f"[Service]\nType=exec\n{line}\n")
        return {name for name, result in self.probe().items()
                if result == "allowed"}

    def test_with_sockets_from_systemd(self):
        for kind in ("tcp", "udp"):
            self.machine.write(f"/etc/systemd/system/portlogd-{kind}.socket",
                               self.example(f"portlogd-{kind}.socket"))
        self.machine.run("systemctl", "stop", "portlogd")
        self.drop_in("example", self.example("sockets.conf"))
        self.check(ALLOWED - {"AF_INET", "AF_INET6"},
                   "0000000000000000", "user", "net")
        self.assertLessEqual(self.score(), 0.2)
        for kind in ("tcp", "udp"):
            unit = f"portlogd-{kind}.socket"
            self.assertEqual(self.machine.show("FileDescriptorName", unit),
                             f"{kind}/8888")
            self.machine.systemctl("stop", unit)

    def test_systemd_finds_no_fault_in_the_units(self):
        for kind in ("tcp", "udp"):
            self.machine.write(f"/etc/systemd/system/portlogd-{kind}.socket",
                               self.example(f"portlogd-{kind}.socket"))
        result = self.machine.run(
            "systemd-analyze", "verify", "portlogd.service",
            "portlogd-tcp.socket", "portlogd-udp.socket", check=False)
        self.assertEqual((result.stdout, result.stderr), ("", ""))


class Elsewhere(MachineCase):
    """Without systemd: under a supervisor, or in a container."""

    def setUp(self):
        self.daemon = self.machine.output("sh", "-c", "command -v portlogd")

    def tearDown(self):
        self.machine.run("sh", "-c", """
            pids=$(pidof portlogd) && kill -KILL $pids""", check=False)

    def hello(self, path):
        """It listens, writes there, and ends on TERM."""
        def is_listening():
            try:
                send(self.tcp(8888), b"hello\n")
                return True
            except ConnectionRefusedError:
                return False
        wait_for(is_listening, "the port")
        self.assertEqual([r.data for r in self.machine.records(path)
                          if r.tag == "F"], ["hello"])

    def test_process_1_in_the_root_that_the_dockerfile_makes(self):
        with open(os.path.join(TOP, "etc", "Dockerfile"),
                  encoding="utf-8") as file:
            lines = dict(re.findall(r"(?m)^([A-Z]+) ((?:.*\\\n)*.*)$",
                                    file.read()))
        self.assertIn("ldd", lines["RUN"])
        self.machine.run("sh", "-c", lines["RUN"].replace(
            "/usr/sbin/portlogd", self.daemon))
        uid, gid = lines["USER"].split(":")
        inside = subprocess.Popen(self.machine.inside(
            "sh", "-c", 'exec "$@" >/root/port.log', "sh",
            "setpriv", "--reuid", uid, "--regid", gid,
            "--clear-groups", "--no-new-privs", "--bounding-set=-all",
            "unshare", "--user", "--map-current-user", "--pid", "--fork",
            "--root", "/bare", *json.loads(lines["ENTRYPOINT"]),
            *json.loads(lines["CMD"])), stderr=subprocess.DEVNULL)
        self.addCleanup(inside.wait, PATIENCE)
        self.hello("/root/port.log")
        pid = self.machine.output("pidof", "portlogd")
        self.assertRegex(self.machine.read(f"/proc/{pid}/status"),
                         r"(?m)^NSpid:.*\t1$")
        self.machine.run("kill", pid)
        self.assertEqual(inside.wait(PATIENCE), 0)

    def test_start_stop_daemon(self):
        needs("start-stop-daemon")
        self.machine.run(
            "start-stop-daemon", "--start", "--background", "--make-pidfile",
            "--pidfile", "/run/portlogd.pid", "--chuid", "nobody", "--exec",
            self.daemon, "--", "-l", "tcp:8888", "-o", "/tmp/port.log")
        self.hello("/tmp/port.log")
        self.machine.run("start-stop-daemon", "--stop", "--pidfile",
                         "/run/portlogd.pid", "--retry", "TERM/10")

    def test_a_plain_shell_that_goes_away(self):
        self.machine.run("sh", "-c", f"""
            setsid {self.daemon} -l tcp:8888 -o /root/port.log <&- >&- 2>&- &
            """)
        self.hello("/root/port.log")


class Package(MachineCase):
    """The Debian package, over its life."""

    installed = False

    @classmethod
    def setUpClass(cls):
        if not PACKAGE:
            raise unittest.SkipTest("PORTLOG_DEB names no package")
        super().setUpClass()
        cls.machine.copy(PACKAGE, "/root/portlog.deb")
        # The next version: the same, with another number and a mark.
        cls.machine.run("sh", "-c", """
            cd /root && dpkg-deb -R portlog.deb next &&
            sed -i 's/^Version: .*/&+next/' next/DEBIAN/control &&
            dpkg-deb -b next next.deb""")

    def dpkg(self, *arguments):
        return self.machine.run("env", "DEBIAN_FRONTEND=noninteractive",
                                "dpkg", *arguments)

    def test_an_upgrade_under_load_loses_doubles_and_splits_nothing(self):
        self.dpkg("-i", "/root/portlog.deb")
        self.machine.write("/etc/portlogd.conf", TO_FILE)
        self.machine.systemctl("restart", "portlogd")
        senders = self.begin_load(8888)
        pid = self.machine.main_pid()
        self.dpkg("--force-confold", "-i", "/root/next.deb")
        self.assertNotEqual(self.machine.main_pid(), pid)
        self.end_load(senders, LOG)
        self.dpkg("-P", "portlog")

    def test_an_upgrade_over_a_broken_configuration_keeps_what_works(self):
        self.dpkg("-i", "/root/portlog.deb")
        self.machine.write("/etc/portlogd.conf", TO_FILE)
        self.machine.systemctl("restart", "portlogd")
        pid = self.machine.main_pid()
        for text, mode, fault in (
                ("\nnonsense = 1;\n", "0644", "/etc/portlogd.conf:2: "),
                (TO_FILE, "0600", "/etc/portlogd.conf: ")):
            self.machine.write("/etc/portlogd.conf", text, mode)
            said = self.dpkg("--force-confold", "-i", "/root/next.deb").stderr
            self.assertIn(fault, said)
            self.assertIn("was not restarted. Mend it", said)
            self.assertEqual(self.machine.main_pid(), pid)
        send(self.tcp(8888), b"goes on\n")
        self.assertEqual([r.data for r in self.machine.records(LOG)
                          if r.tag == "F"], ["goes on"])
        self.dpkg("-r", "portlog")
        self.machine.write("/etc/portlogd.conf", "nonsense = 1;\n")
        said = self.dpkg("-i", "/root/portlog.deb").stderr
        self.assertIn("/etc/portlogd.conf:1: ", said)
        self.machine.write("/etc/portlogd.conf", TO_FILE)
        said = self.dpkg("--force-confold", "-i", "/root/next.deb").stderr
        self.assertNotIn("Mend it", said)
        self.assertEqual(self.machine.show("ActiveState"), "active")
        self.dpkg("-P", "portlog")

    def test_install_upgrade_remove_and_purge(self):
        before = self.machine.files("/usr", "/etc", "/lib/systemd", "/var/log")
        self.dpkg("-i", "/root/portlog.deb")
        self.assertEqual(self.machine.show("ActiveState"), "active")
        self.assertEqual(self.machine.show("UnitFileState"), "enabled")
        exercise(self, "the package")
        self.machine.write("/etc/portlogd.conf", TO_FILE)
        self.machine.systemctl("restart", "portlogd")
        send(self.tcp(8888), b"kept\n")
        pid = self.machine.main_pid()
        self.dpkg("--force-confold", "-i", "/root/next.deb")
        self.assertEqual(self.machine.show("ActiveState"), "active")
        self.assertNotEqual(self.machine.main_pid(), pid)
        send(self.tcp(8888), b"kept too\n")
        self.assertEqual(self.machine.read("/etc/portlogd.conf"), TO_FILE)
        self.dpkg("-r", "portlog")
        self.assertEqual(self.machine.show("ActiveState"), "inactive")
        self.assertEqual([r.data for r in self.machine.records(LOG)
                          if r.tag == "F"],
                         ["hello from the package", "kept", "kept too"])
        self.assertTrue(self.machine.exists("/etc/portlogd.conf"))
        self.dpkg("-P", "portlog")
        left = {path for path in self.machine.files(
            "/usr", "/etc", "/lib/systemd", "/var/log") - before
            if "journal" not in path and not path.endswith("-")
            and not path.startswith("/etc/.")}
        self.assertEqual({path for path in left if "portlog" in path}, set())


if __name__ == "__main__":
    main()
