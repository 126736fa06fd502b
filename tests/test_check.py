# SPDX-License-Identifier: MIT
"""portlog check: that nothing is wrong, or what is wrong first."""
import ctypes
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

import certificates
import harness
import tls_peers
from harness import (PORTLOG, configured, free_port, inside, namespaces,
                     portlog, tcp, to_file, udp, wait_for)

STATUS = 'status_socket = "@DIR@/status.sock";'
# The kernel grants so much to anybody.
SMALL = "receive_buffer = 65536;"
TIME_ERROR = 5
JOURNALD = "/lib/systemd/systemd-journald"
# What it needs, in a /run of its own.
JOURNAL = ("mount -t tmpfs tmpfs /run && mkdir -p /run/log/journal "
           "/run/systemd/journal /run/systemd/journald.conf.d && "
           "printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=no\\n' "
           ">/run/systemd/journald.conf.d/test.conf")


def at(protocol, port, more=""):
    return f'{{ protocol = "{protocol}"; port = {port}; {more} }}'


def unix(kind, name):
    return (f'{{ protocol = "unix-{kind}"; path = "@DIR@/{name}"; '
            f'name = "{name}"; }}')


def is_synchronised():
    return ctypes.CDLL(None).adjtimex(
        ctypes.create_string_buffer(512)) != TIME_ERROR


def drain(fd):
    """Read to the end, so that who writes may end."""
    while os.read(fd, 65536):
        pass
    os.close(fd)


def nobody():
    harness.needs_root()
    return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


class Case(harness.Case):
    """Daemons with a status socket."""

    def serve(self, config, **options):
        return self.daemon(config=config + STATUS, **options)

    def path(self, daemon, name="portlogd.conf"):
        return os.path.join(daemon.dir, name)

    def check(self, daemon, *arguments, wrap=()):
        """The lines that are printed, and the last one apart."""
        result = subprocess.run(
            [*wrap, PORTLOG, "check", "-j", "-c", self.path(daemon),
             *arguments], capture_output=True, check=False,
            # It waits 5 s for each of several that may be silent.
            timeout=3 * harness.PATIENCE)
        self.assertEqual(result.stderr, b"")
        *lines, last = [json.loads(line)
                        for line in result.stdout.splitlines()]
        self.assertIs(last["end"], True)
        fails = [line for line in lines if line["result"] == "fail"]
        self.assertEqual(result.returncode, 1 if fails else 0, lines)
        for line in lines:
            self.assertEqual("advice" in line, line["result"] != "ok", line)
            self.assertIn(line["result"], ("ok", "warn", "fail", "unknown"))
        return lines, last

    def wait_for_status(self, daemon, text):
        wait_for(lambda: text in portlog(
            "status", "-j", "-s", self.path(daemon, "status.sock")).stdout)

    def wrong(self, lines):
        """What fails or is warned of; a clock that is not ours aside."""
        return [line for line in lines if line["result"] in ("fail", "warn")
                and line["check"] != "clock"]

    def assert_first(self, daemon, word, check, seen, *arguments, wrap=()):
        """The first that is wrong, and its line."""
        lines, last = self.check(daemon, *arguments, wrap=wrap)
        wrong = self.wrong(lines)
        self.assertTrue(wrong, lines)
        self.assertEqual((wrong[0]["result"], wrong[0]["check"]),
                         (word, check), lines)
        self.assertRegex(wrong[0]["seen"], seen)
        if word == "fail":
            self.assertEqual(last["result"], "fail")
            self.assertIn(wrong[0]["seen"], last["cause"])
        return lines

    def of(self, lines, check):
        return [line for line in lines if line["check"] == check]

    def assert_healthy(self, daemon, **options):
        lines, _ = self.check(daemon, **options)
        self.assertEqual(self.wrong(lines), [])
        return lines

    def words(self, lines, check):
        return [line["result"] for line in self.of(lines, check)]


class Healthy(Case):
    """Nothing is wrong, and what is said to be ok was tried."""

    def test_each_framing_takes_its_probe(self):
        framings = ("line", "lf", "nul", "octet-counted", "chunk")
        daemon = self.serve(to_file(
            *(tcp(f'framing = "{name}";') for name in framings),
            *(tcp(f'framing = "delimiter"; delimiter = "{text}";')
              for text in (r"\r", r"\x1c\r")),
            *(tcp(f'framing = "length"; length_bytes = {size}; '
                  f'length_order = "{order}"; '
                  f'length_includes_itself = {itself};')
              for size in (1, 2, 3, 4) for order in ("big", "little")
              for itself in ("true", "false")),
            *(udp(SMALL + f'framing = "{name}";')
              for name in ("datagram", "exact")),
            unix("stream", "s"), unix("datagram", "d")))
        lines = self.assert_healthy(daemon)
        self.assertEqual(self.words(lines, "stream"), ["ok"] * 24)
        self.assertEqual(self.words(lines, "datagram"), ["ok"] * 3)
        self.assertEqual([line["seen"] for line in self.of(lines, "output")],
                         ["it has all 27 probes that were sent for it"])
        data = daemon.data("FPET", self.path(daemon, "log"))
        self.assertEqual(len(data), 27)
        tokens = {re.fullmatch(r"portlog check ([0-9a-f]{8})-(\d+)",
                               text).groups() for text in data}
        self.assertEqual(len({token for token, _ in tokens}), 1)
        self.assertEqual({int(number) for _, number in tokens},
                         set(range(27)))

    def test_each_output_has_all_probes_of_its_listeners(self):
        files = ", ".join(
            '{ type = "file"; name = "%s"; %s }' % pair for pair in (
                ("json", 'path = "@DIR@/json"; format = "json";'),
                ("raw", 'path = "@DIR@/raw"; format = "raw";'),
                ("pattern", 'path = "@DIR@/%{listener}/%{peer}";'),
                ("full", 'path = "@DIR@/full"; max_size = 65536;')))
        daemon = self.serve(
            f"listeners = ( {tcp()}, {udp(SMALL)}, "
            f"{tcp('''outputs = [ 'json' ];'''.replace(chr(39), chr(34)))} );"
            f"outputs = ( {files} );")
        full = self.path(daemon, "full")
        for turn in range(1, 4):
            left = 65536 - os.path.getsize(full)
            with daemon.tcp() as connection:
                connection.sendall(b"x" * (left - 200) + b"\n")
                connection.shutdown(socket.SHUT_WR)
                harness.end_of(connection)
            lines = self.assert_healthy(daemon)
            self.assertTrue(os.path.exists(f"{full}.{turn}"))
            self.assertEqual(
                [line["seen"].split()[3]
                 for line in self.of(lines, "output")], ["3", "2", "2", "2"])

    def test_it_behaves_as_a_proxy_where_it_is_one(self):
        daemon = self.serve(to_file(
            tcp('proxies = [ "127.0.0.1" ]; allow = [ "192.0.2.0/24" ];')))
        self.assertEqual(self.words(self.assert_healthy(daemon), "stream"),
                         ["ok"])

    def test_one_address_of_either_family(self):
        harness.needs_ipv6()
        daemon = self.serve(to_file(
            tcp('address = "::1";'), udp(SMALL + 'address = "127.0.0.2";')))
        lines, _ = self.check(daemon)
        self.assertEqual(self.words(lines, "stream"), ["ok"])
        self.assertEqual(self.words(lines, "datagram"), ["ok"])

    def test_without_probes_nothing_is_sent(self):
        daemon = self.serve(to_file(tcp(), udp(SMALL)))
        lines = self.assert_healthy(daemon, wrap=()) and self.check(
            daemon, "-n")[0]
        self.assertEqual(self.wrong(lines), [])
        self.assertEqual(self.words(lines, "stream"), ["unknown"])
        self.assertEqual(len(daemon.data(path=self.path(daemon, "log"))), 2)

    def test_what_no_file_has_is_not_said_to_be_ok(self):
        daemon = self.serve(configured(tcp(), udp(SMALL)))
        lines = self.assert_healthy(daemon)
        self.assertEqual(self.words(lines, "stream"), ["ok"])
        self.assertEqual(self.words(lines, "datagram"), ["unknown"])
        self.assertRegex(self.of(lines, "datagram")[0]["seen"],
                         "records went from 0 to 1;")
        self.assertEqual(self.words(lines, "output"), ["unknown"])

    def in_journald(self):
        """The prefix of a command that has a journald of its own."""
        processes = [subprocess.Popen([*namespaces("m", JOURNAL),
                                       "sleep", "3600"])]
        enter = ("nsenter", "-m", "-t", str(processes[0].pid))
        path = "/systemd/journal/socket"
        root = f"/proc/{processes[0].pid}/root/run"
        wait_for(lambda: os.path.exists(root + "/systemd/journald.conf.d/"
                                        "test.conf"))
        processes.append(subprocess.Popen(
            [*enter, JOURNALD], stderr=subprocess.DEVNULL))

        def end():
            for process in reversed(processes):
                process.terminate()
                process.wait(harness.PATIENCE)
        self.addCleanup(end)
        wait_for(lambda: os.path.exists(root + path) or
                 processes[1].poll() is not None)
        if processes[1].poll() is not None:
            self.skipTest("journald does not run here")
        return enter

    @unittest.skipUnless(os.path.exists(JOURNALD), "no systemd-journald")
    @unittest.skipUnless(os.geteuid() == 0, "a journald needs root")
    def test_the_journal_has_all_probes(self):
        if not harness.knows_systemd():
            self.skipTest("built without libsystemd")
        daemon = self.serve(
            configured(tcp(), udp(SMALL), output='type = "journal";'),
            wrap=self.in_journald(), start=False)
        daemon.start()
        lines = self.assert_healthy(daemon, wrap=inside(daemon))
        daemon.stop()
        self.assertEqual([line["seen"] for line in self.of(lines, "output")],
                         ["it has all 2 probes that were sent for it"])
        self.assertEqual(self.words(lines, "datagram"), ["ok"])

    def test_a_daemon_without_a_status_socket_is_checked_too(self):
        port = free_port()
        daemon = self.daemon(config=to_file(at("tcp", port),
                                            at("udp", port, SMALL)) +
                             'status_socket = "";')
        lines = self.assert_healthy(daemon)
        self.assertEqual(self.words(lines, "stream"), ["ok"])
        self.assertEqual(self.words(lines, "datagram"), ["ok"])
        self.assertEqual(self.words(lines, "output"), ["ok"])

    def test_a_user_in_the_group_of_the_log_sees_the_same(self):
        daemon = self.serve(to_file(tcp(), udp(SMALL)), start=False)
        harness.needs_root()
        os.chown(daemon.dir, -1, 65534)
        os.chmod(daemon.dir, 0o2755)
        daemon.start()
        lines = self.assert_healthy(daemon, wrap=nobody())
        root, _ = self.check(daemon)
        for one, other in zip(lines, root):
            self.assertEqual((one["check"], one["result"]),
                             (other["check"], other["result"]))

    def test_a_pattern_may_have_many_files(self):
        daemon = self.serve(to_file(tcp(), path="@DIR@/logs/%{peer}"),
                            start=False)
        os.mkdir(self.path(daemon, "logs"))
        for number in range(3000):
            with open(self.path(daemon, f"logs/{number}"), "wb"):
                pass
        daemon.start()
        lines = self.assert_healthy(daemon)
        self.assertEqual(self.words(lines, "output"), ["ok"])

    def test_a_file_that_is_removed_is_made_again_by_the_probe(self):
        daemon = self.serve(to_file(tcp()))
        self.assert_healthy(daemon)
        os.remove(self.path(daemon, "log"))
        wait_for(lambda: not self.wrong(self.check(daemon)[0]))

    def test_the_exit_code_alone(self):
        port = free_port()
        daemon = self.serve(to_file(at("tcp", port)))
        for code in 0, 1:
            result = portlog("check", "-q", "-c", self.path(daemon))
            self.assertEqual((result.returncode, result.stdout,
                              result.stderr), (code, b"", b""))
            daemon.process.poll() is None and daemon.stop()


class Encrypted(Case):
    """Probes through TLS, which trust the listener's own certificate alone."""

    @classmethod
    def setUpClass(cls):
        certificates.needs_openssl()
        if not harness.knows_tls():
            raise unittest.SkipTest("built without OpenSSL")
        directory = tempfile.TemporaryDirectory(prefix="portlog-check-")
        cls.addClassCleanup(directory.cleanup)
        cls.root = certificates.Authority(directory.name)
        below = cls.root.authority("below")
        # That it is for another host is no matter here.
        cls.chained = below.issue("chained", names=("DNS:log.example",))
        cls.other = below.issue("other")
        cls.expired = below.issue(
            "expired", valid=(-2 * certificates.DAY, -certificates.DAY))
        cls.alone = certificates.self_signed(directory.name, "alone")

    def assert_stream(self, daemon, word, seen, advice="", **options):
        lines, last = self.check(daemon, **options)
        line, = self.of(lines, "stream")
        self.assertEqual(line["result"], word, lines)
        self.assertRegex(line["seen"], seen)
        self.assertIn(advice, line.get("advice", ""))
        return last

    def fixed(self):
        """That of a daemon whose port is known without asking it."""
        return to_file(tls_peers.listener(self.chained).replace(
            "port = 0;", f"port = {free_port()};"))

    def test_each_listener_takes_its_probe(self):
        daemon = self.serve(to_file(
            tls_peers.listener(self.chained),
            tls_peers.listener(self.alone, 'framing = "octet-counted";'),
            tls_peers.listener(self.alone, tls='versions = "1.3";'),
            tls_peers.listener(self.chained, tls='clients = "optional"; '
                               f'authorities = "{self.root.chain}";'),
            tls_peers.listener(
                self.chained, 'proxies = [ "127.0.0.1", "::1" ];'),
            tcp()))
        lines = self.assert_healthy(daemon)
        self.assertEqual(self.words(lines, "stream"), ["ok"] * 6)
        self.assertEqual([line["seen"] for line in self.of(lines, "output")],
                         ["it has all 6 probes that were sent for it"])
        text = daemon.text(self.path(daemon, "log"))
        self.assertEqual(text.count(" * secured version=1.3"), 5)
        self.assertNotIn("refused", text)

    def test_a_certificate_of_ours_is_not_at_hand(self):
        daemon = self.serve(to_file(tls_peers.listener(
            self.chained, tls='clients = "required"; '
            f'authorities = "{self.root.chain}";')))
        self.assert_stream(
            daemon, "unknown", "it requires a certificate of whoever sends",
            "portlog send --tls --ca FILE --cert FILE --key FILE -w 3 HOST")
        self.assertEqual(daemon.text(self.path(daemon, "log")), "")

    def test_its_certificate_has_expired(self):
        daemon = self.serve(to_file(tls_peers.listener(self.expired)))
        last = self.assert_stream(daemon, "fail", "expired")
        self.assertIn("expired", last["cause"])

    def test_it_has_not_read_its_certificate_anew(self):
        daemon = self.serve(to_file(tcp(
            'tls = { certificate = "@DIR@/chain"; key = "@DIR@/key"; };')),
            start=False)
        for name in ("chain", "key"):
            shutil.copy(getattr(self.alone, name), self.path(daemon, name))
        daemon.start()
        self.assert_stream(daemon, "ok", "receipt")
        for name in ("chain", "key"):
            shutil.copy(getattr(self.other, name), self.path(daemon, name))
        self.assert_stream(daemon, "fail", "the probe was not taken: .*certif",
                           "reload")
        daemon.signal(signal.SIGHUP)
        wait_for(lambda: self.words(self.check(daemon)[0],
                                    "stream") == ["ok"])

    def test_a_user_who_may_not_read_its_certificate(self):
        wrap = nobody()
        daemon = self.serve(self.fixed(), start=False)
        os.chmod(daemon.dir, 0o755)
        daemon.start()
        self.assert_stream(daemon, "unknown", "cannot read its certificate",
                           wrap=wrap)

    def test_no_handshake_within_the_time(self):
        daemon = self.serve(self.fixed())
        daemon.freeze()
        self.assert_stream(daemon, "fail", "no TLS handshake within 5 s")
        daemon.signal(signal.SIGCONT)


class People(Case):
    """What is printed where nobody asked for JSON."""

    def show(self, daemon, *arguments):
        result = portlog("check", "-c", self.path(daemon), *arguments)
        return result.stdout.decode()

    def test_each_line_begins_with_its_word(self):
        daemon = self.serve(to_file(tcp()))
        text, _, end = self.show(daemon).partition("\n\n")
        for line in text.split("\n"):
            self.assertRegex(line, r"^(ok      |warn    |fail    |unknown |"
                             r"        )\S")
        self.assertNotIn("\x1b", text)
        port = daemon.port()
        token = re.search(r"check (\S+)-0",
                          daemon.text(self.path(daemon, "log"))).group(1)
        self.assertRegex(end, rf"echo {token} \| portlog send -w 3 \S+ "
                         rf"{port}\n")
        self.assertIn(f"portlog tail -f -g {token} -c ", end)

    def test_the_first_fail_is_named_at_the_end(self):
        daemon = self.serve(to_file(at("tcp", free_port())))
        daemon.stop()
        self.assertRegex(self.show(daemon), r"\n\nThe likely cause is the "
                         r"first fail: tcp/\d+: nobody listens on [^\n]+\.\n"
                         r"What is said after it may follow from it\.\n\Z")

    def test_a_terminal_has_colours_and_no_control_character(self):
        daemon = self.serve(
            configured(tcp(), output='type = "file"; path = "@DIR@/a\\x1bb";'))

        def on_terminal(**more):
            main, end = pty.openpty()
            subprocess.run([PORTLOG, "check", "-c", self.path(daemon)],
                           stdout=end, env=dict(os.environ, **more),
                           check=False, timeout=harness.PATIENCE)
            os.close(end)
            text = b""
            try:
                while block := os.read(main, 4096):
                    text += block
            except OSError:
                pass
            os.close(main)
            return text.decode()

        text = on_terminal(NO_COLOR="")
        self.assertIn("\x1b[32mok      \x1b[m", text)
        self.assertIn(r"/a\x1bb", text)
        self.assertNotIn("\x1bb", text)
        self.assertNotIn("\x1b", on_terminal(NO_COLOR="1"))

    def test_the_command_line(self):
        for arguments, said in ((("-x",), b"invalid option"),
                                (("a",), b'found "a", expected options')):
            result = portlog("check", *arguments)
            self.assertEqual(result.returncode, 64)
            self.assertIn(said, result.stderr)
            self.assertIn(b"usage: portlog check", result.stderr)
        result = portlog("check", "-h")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertIn(b"usage: portlog check", result.stdout)


class Broken(Case):
    """Each cause is the first thing that is wrong."""

    def fixed(self, more="", protocol="tcp"):
        self.port = free_port()
        return self.serve(to_file(at(protocol, self.port, more)))

    def edit(self, daemon, old, new):
        path = self.path(daemon)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))

    def test_the_daemon_does_not_run(self):
        daemon = self.fixed()
        daemon.stop()
        self.assert_first(daemon, "fail", "listens",
                          rf"nobody listens on tcp port {self.port} of every")

    def test_the_configuration_has_errors(self):
        daemon = self.fixed()
        self.edit(daemon, "port =", "prot =")
        lines = self.assert_first(daemon, "fail", "configuration",
                                  r'portlogd\.conf:2: unknown setting "prot"')
        self.assertEqual(len(lines), 2)  # each error
        self.assertEqual({line["check"] for line in lines}, {"configuration"})

    def test_the_configuration_is_not_there(self):
        daemon = self.fixed()
        os.remove(self.path(daemon))
        self.assert_first(daemon, "fail", "configuration", "No such file")

    def test_the_configuration_was_changed_since_the_start(self):
        daemon = self.fixed()
        self.edit(daemon, f"{self.port}", f"{free_port()}")
        self.assert_first(daemon, "warn", "configuration",
                          "it was changed since the start")

    def test_an_included_file_was_changed_since_the_start(self):
        config = to_file(at("tcp", free_port())) + '@include "d/*.conf"\n'
        daemon = self.serve(config, start=False)
        directory = daemon.dir + "/d"
        os.mkdir(directory)

        def assert_known():
            lines, _ = self.check(daemon, "-n")
            self.assertRegex(str(lines), "has run it for")
            self.assertNotIn("changed", str(lines))

        def write(name, text):
            with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        write("a.conf", "confine = false; # as it was\n")
        daemon.start()
        # What says the same is no change.
        write("a.conf", "# as it is\nconfine  =  false;\n")
        write("b.conf", "")
        write("a.swp", "confine = true;\n")
        assert_known()
        for name, text in (("a.conf", "confine = true;"),
                           ("b.conf", "connection_notes = \"all\";")):
            with self.subTest(name):
                with open(f"{directory}/{name}", encoding="utf-8") as file:
                    before = file.read()
                write(name, text)
                self.assert_first(daemon, "warn", "configuration",
                                  "it was changed since the start", "-n")
                write(name, before)
                assert_known()
        os.rename(directory + "/a.conf", directory + "/a.off")
        self.assert_first(daemon, "warn", "configuration",
                          "it was changed since the start", "-n")

    def test_another_program_has_the_port(self):
        port = free_port()
        daemon = self.serve(to_file(at("tcp", free_port()), at("tcp", port)))
        daemon.stop()
        with socket.create_server(("", port)):
            self.assert_first(daemon, "fail", "listens",
                              f"another program has tcp port {port} .*: "
                              f"python3?.*, process {os.getpid()}")

    def test_it_listens_on_the_loopback_alone(self):
        daemon = self.serve(to_file(tcp('address = "127.0.0.1";')))
        lines = self.assert_first(daemon, "warn", "listens",
                                  "127.0.0.1 alone: no other host")
        self.assertEqual(self.words(lines, "stream"), ["ok"])

    def test_the_daemon_has_another_port(self):
        port, wrong = free_port(), free_port()
        daemon = self.daemon(
            config=to_file(at("tcp", port)) + 'status_socket = "";',
            wrap=namespaces("n", f"{harness.INTERFACES} up lo"))
        self.edit(daemon, f"port = {port}", f"port = {wrong}")
        self.assert_first(daemon, "fail", "listens",
                          f"nobody listens on tcp port {wrong} of every "
                          f"address; a portlogd listens on tcp/{port}$",
                          wrap=inside(daemon))

    def test_the_daemon_has_another_configuration(self):
        daemon = self.fixed()
        other = self.path(daemon, "other.conf")
        shutil.copy(self.path(daemon), other)
        self.edit(daemon, f"{self.port}", f"{free_port()}")
        os.utime(self.path(daemon), (0, 0))
        daemon.stop()
        daemon.arguments[-1] = other
        daemon.start()
        self.wait_for_status(daemon, b"other.conf")
        self.assert_first(daemon, "warn", "configuration",
                          "another configuration, .*other.conf")

    def test_peers_are_denied(self):
        daemon = self.fixed('deny = [ "0.0.0.0/0", "::/0" ];')
        self.assert_refused(self.tcp, daemon, data=b"x")
        lines = self.assert_first(daemon, "warn", "limits", "1 were refused")
        self.assertEqual(self.words(lines, "stream"), ["unknown"])
        self.assertRegex(self.of(lines, "stream")[0]["seen"],
                         "cannot be tried from here: .* deny refuses")

    def test_a_source_has_all_the_connections_that_it_may(self):
        daemon = self.fixed("max_connections_per_source = 1;")
        connection = self.tcp(daemon)
        connection.sendall(b"a\n")
        daemon.wait_for_data(1, path=self.path(daemon, "log"))
        self.assert_first(daemon, "fail", "stream", "refused with a reset")

    def test_all_connections_are_taken(self):
        daemon = self.fixed("max_connections = 1;")
        self.tcp(daemon).sendall(b"a\n")
        daemon.wait_for_data(1, path=self.path(daemon, "log"))
        lines = self.assert_first(daemon, "fail", "limits",
                                  "max_connections is reached: 1 of 1")
        self.assertEqual(self.words(lines, "stream"), ["unknown"])

    def test_all_connections_are_taken_and_there_is_no_status(self):
        port = free_port()
        daemon = self.daemon(config=to_file(
            at("tcp", port, "max_connections = 1;")) + 'status_socket = "";')
        self.tcp(daemon).sendall(b"a\n")
        daemon.wait_for_data(1, path=self.path(daemon, "log"))
        self.assert_first(daemon, "fail", "stream",
                          "no receipt within 5 s; connections that wait to be "
                          "accepted: 1: max_connections")

    def test_nobody_reads_a_pipe(self):
        reads, writes = os.pipe()
        daemon = self.serve(configured(tcp(), udp(SMALL)), start=False)
        daemon.start(stdout=writes)
        os.close(writes)
        self.tcp(daemon).sendall(b"a\n" * 100000)
        self.wait_for_status(daemon, b'"stalled":true')
        self.assert_first(daemon, "fail", "stream", "no receipt within 5 s; "
                          "output stdout stands still")
        threading.Thread(target=drain, args=(reads,), daemon=True).start()

    def test_the_reader_of_a_pipe_is_stopped(self):
        reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL)
        self.addCleanup(reader.wait)
        self.addCleanup(reader.send_signal, signal.SIGCONT)
        daemon = self.serve(configured(tcp()), start=False)
        daemon.start(stdout=reader.stdin)
        reader.stdin.close()
        reader.send_signal(signal.SIGSTOP)
        self.tcp(daemon).sendall(b"a\n" * 100000)
        self.wait_for_status(daemon, b'"stalled":true')
        self.assert_first(daemon, "fail", "stream", "no receipt within 5 s; "
                          "output stdout stands still")
        reader.send_signal(signal.SIGCONT)

    def on_small_disk(self, options, path="@DIR@/log/a", more="keep_free = 0;"):
        """A daemon that writes to a tmpfs of its own."""
        directory = harness.tempfile.mkdtemp(prefix="portlog-")
        os.chmod(directory, 0o755)
        self.addCleanup(shutil.rmtree, directory)
        wrap = namespaces("m", f"mount -t tmpfs {options} tmpfs {directory}")
        daemon = self.serve(
            to_file(tcp(), path=path.replace("@DIR@/log", directory),
                    more=more), wrap=wrap)
        self.disk = directory
        return daemon

    def in_disk(self, daemon, script):
        subprocess.run(inside(daemon, "sh", "-c", script, "sh", self.disk),
                       check=True, timeout=harness.PATIENCE)

    def first_on_disk(self, daemon, *arguments):
        self.assert_first(daemon, *arguments, wrap=inside(daemon))

    def test_the_disk_is_full(self):
        daemon = self.on_small_disk("-o size=1m")
        self.assert_healthy(daemon, wrap=inside(daemon))
        self.in_disk(daemon, 'cat /dev/zero 2>/dev/null >"$1/b" || :')
        self.tcp(daemon).sendall(b"a\n" * 1000)
        self.first_on_disk(daemon, "fail", "stream",
                           "no receipt within 5 s; the file system of .* is "
                           "full")
        self.in_disk(daemon, 'rm "$1/b"')
        self.wait_for_status(daemon, b'"stalled":false')

    def test_the_rest_of_the_disk_is_for_others(self):
        daemon = self.on_small_disk("-o size=1m", more="keep_free = 900000;")
        self.in_disk(daemon, 'head -c 500000 /dev/zero >"$1/b"')
        self.first_on_disk(daemon, "fail", "stream", "no receipt within 5 s; "
                           "the file system of .* keep_free leaves to others")
        self.in_disk(daemon, 'rm "$1/b"')
        self.wait_for_status(daemon, b'"stalled":false')

    def test_the_disk_is_read_only(self):
        daemon = self.on_small_disk("", path="@DIR@/log/%{peer}/a")
        self.in_disk(daemon, 'mount -o remount,ro none "$1"')
        self.first_on_disk(daemon, "fail", "stream", "no receipt within 5 s; "
                           "the file system of .* is read-only")
        self.in_disk(daemon, 'mount -o remount,rw none "$1"')
        self.wait_for_status(daemon, b'"stalled":false')

    def test_the_disk_has_no_inode(self):
        daemon = self.on_small_disk("-o nr_inodes=3",
                                    path="@DIR@/log/%{peer}/a")
        self.in_disk(daemon, 'touch "$1/1" "$1/2"')
        self.first_on_disk(daemon, "fail", "stream", "no receipt within 5 s; "
                           "the file system of .* has no inode free")
        self.in_disk(daemon, 'rm "$1/1" "$1/2"')
        self.wait_for_status(daemon, b'"stalled":false')

    def test_the_file_was_moved_and_cannot_be_made_again(self):
        daemon = self.serve(to_file(tcp(), path="@DIR@/logs/log"), start=False)
        os.mkdir(self.path(daemon, "logs"))
        daemon.start()
        self.assert_healthy(daemon)
        os.rename(self.path(daemon, "logs"), self.path(daemon, "old"))
        self.assert_first(daemon, "fail", "output",
                          "there is no file at .*/logs/log: portlogd writes "
                          "to one that was removed")

    def test_the_log_cannot_be_read(self):
        daemon = self.serve(to_file(tcp(), udp(SMALL)))
        lines = self.assert_healthy(daemon, wrap=nobody())
        self.assertEqual(self.words(lines, "stream"), [])
        port = free_port()
        daemon = self.serve(to_file(at("tcp", port), at("udp", port, SMALL)))
        lines = self.assert_healthy(daemon, wrap=nobody())
        self.assertEqual(self.words(lines, "configuration"),
                         ["ok", "unknown"])
        self.assertEqual(self.words(lines, "stream"), ["ok"])
        self.assertEqual(self.words(lines, "datagram"), ["unknown"])
        self.assertEqual(self.words(lines, "output"), ["unknown"])
        self.assertIn("Permission denied", self.of(lines, "output")[0]["seen"])

    def test_the_configuration_cannot_be_read(self):
        daemon = self.fixed()
        os.chmod(self.path(daemon), 0o600)
        lines, last = self.check(daemon, wrap=nobody())
        self.assertEqual([line["result"] for line in lines], ["unknown"])
        self.assertEqual(last, {"end": True, "result": "ok"})

    def test_the_receive_buffer_was_not_granted(self):
        daemon = self.serve(to_file(udp("receive_buffer = 1073741823;")),
                            wrap=nobody(), start=False)
        os.chmod(daemon.dir, 0o777)
        daemon.start()
        self.assert_first(daemon, "warn", "receive-buffer",
                          "1073741823 bytes asked for, [0-9]+ granted")

    def test_datagrams_were_dropped(self):
        daemon = self.fixed("receive_buffer = 4096;", "udp")
        daemon.freeze()
        with daemon.udp() as sender:
            for _ in range(1000):
                sender.send(b"x" * 100)
        daemon.signal(signal.SIGCONT)
        daemon.wait_for_note("lost", self.path(daemon, "log"))
        self.assert_first(daemon, "warn", "drops",
                          r"[1-9]\d* datagrams were dropped since")

    def test_the_daemon_is_stopped(self):
        daemon = self.fixed()
        daemon.freeze()
        lines = self.assert_first(daemon, "fail", "configuration",
                                  "no answer within 3 s")
        self.assertEqual(self.words(lines, "stream"), ["fail"])

    def test_the_queue_of_a_unix_socket_is_full(self):
        daemon = self.serve(to_file(unix("datagram", "d")))
        daemon.freeze()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            with self.assertRaises(BlockingIOError):
                while True:
                    sender.sendto(b"a", self.path(daemon, "d"))
        lines, _ = self.check(daemon)
        self.assertRegex(self.of(lines, "datagram")[0]["seen"],
                         "its queue is full")

    def test_the_path_of_a_unix_socket_is_gone(self):
        daemon = self.serve(to_file(unix("stream", "s")))
        daemon.freeze()
        os.remove(self.path(daemon, "s"))
        lines, _ = self.check(daemon)
        self.assertRegex(self.of(lines, "listens")[0]["seen"],
                         "there is no socket at ")

    def test_the_interface_is_not_there(self):
        daemon = self.serve(to_file(at("tcp", free_port(),
                                       'interface = "absent0";')), start=False)
        daemon.launch()
        daemon.wait_for_error("trying again every second")
        self.assert_first(daemon, "fail", "listens",
                          "there is no interface absent0")

    @unittest.skipUnless(shutil.which("strace"), "no strace")
    def test_a_file_system_does_not_answer(self):
        daemon = self.fixed()
        result = subprocess.run(
            ["strace", "-fqqo", "/dev/null", "-e",
             "inject=statfs:delay_enter=30000000", PORTLOG, "check", "-c",
             self.path(daemon)], capture_output=True, check=False,
            timeout=harness.PATIENCE + 20)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"a step takes more than 15 s", result.stderr)
        self.assertIn(b"got its receipt", result.stdout)

    def test_the_clock_is_not_synchronised(self):
        daemon = self.fixed()
        lines, _ = self.check(daemon)
        self.assertEqual(self.words(lines, "clock"),
                         ["ok" if is_synchronised() else "warn"])

    @unittest.skipUnless(shutil.which("strace"), "no strace")
    def test_the_clock_is_believed(self):
        daemon = self.fixed()
        for value, word in ((0, "ok"), (TIME_ERROR, "warn")):
            lines, _ = self.check(daemon, wrap=(
                "strace", "-qqo", "/dev/null", "-E",
                "ASAN_OPTIONS=detect_leaks=0", "-e",
                f"inject=adjtimex,clock_adjtime:retval={value}"))
            self.assertEqual(self.words(lines, "clock"), [word])


if __name__ == "__main__":
    harness.main(jobs=4)
