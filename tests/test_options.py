# SPDX-License-Identifier: MIT
"""The command line: each option, each refusal, and the start."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

import harness
from harness import Case, Daemon, run

OPTIONS = ("-c, --config", "-l, --listen", "-f, --format", "-o, --output",
           "-t, --test[=full]", "-T, --dump", "--keep-low-ports", "-v, --verbose",
           "-h, --help", "-V, --version")

# Arguments, and the error for them.
BAD = (
    (["-x"], "'x'"),
    (["--nothing"], "--nothing"),
    (["operand"], 'found "operand", expected options only'),
    (["-l", "tcp:0", "operand"], 'found "operand"'),
    (["\x1b[31m"], r'found "\\x1b\[31m", expected'),
    (["-l"], "requires an argument|'l'"),
    (["-c"], "requires an argument|'c'"),
    (["--help=yes"], "--help"),
    (["--test=half"], '--test: found "half", expected "full" or nothing'),
    (["-t", "-T"], "-t, -T and"),
    (["--test", "--dump"], "-t, -T and"),
    (["--keep-low-ports", "-t"], "-T and --keep-low-ports"),
    (["-T", "--keep-low-ports"], "-T and --keep-low-ports"),
    (["-c", "FILE", "-l", "tcp:0"], "-c and -l"),
    (["-c", "FILE", "-f", "text"], "-c with -f"),
    (["-c", "FILE", "-o", "FILE"], "-c with -o"),
    (["-l", "tcp:0", "-f", "xml"], '"xml", expected "text", "json" or "raw"'),
    (["-l", "tcp:0", "-f", ""], '"", expected "text", "json" or "raw"'),
    (["-l", "tcp:0", "-f", "TEXT"], '"TEXT", expected "text"'),
    (["-l", "tcp:0", "-o", ""], '-o: found "", expected the path of a file'),
    (["-l", "tcp:0", "-o", "/var/%y.log"],
     r'-o: found "/var/%y.log", expected only %\{peer\}'),
    (["-l", "tcp:9000", "-l", "udp:9000", "-l", "tcp:9000"],
     '"tcp:9000" and "tcp:9000", expected one listener on a port'),
    (["-l", "udp:[::1]:9000", "-l", "udp:*:9000"],
     r'"udp:\[::1\]:9000" and "udp:\*:9000"'),
)

# A wrong listener, and what the error says is expected.
PROTOCOL, PORT = '"tcp:" or "udp:"', "a port from 0 to 65535"
MAPPED = 'an IPv4 address without "::ffff:"'
UNICAST = "a unicast address for tcp"
NUMERIC = '"*" or a numeric IPv4 or IPv6 address'
BRACKETS = "an IPv6 address in brackets"
BAD_LISTENERS = (
    ("9000", PROTOCOL), ("", PROTOCOL), ("sctp:9000", PROTOCOL),
    ("TCP:9000", PROTOCOL), ("tcp", PROTOCOL), ("127.0.0.1:9000", PROTOCOL),
    ("tcp:", PORT), ("udp:x", PORT), ("tcp:65536", PORT), ("tcp:-1", PORT),
    ("tcp: 1", PORT), ("tcp:1x", PORT), ("udp:99999999999999999999", PORT),
    ("tcp:127.0.0.1", PORT), ("tcp:127.0.0.1:", PORT),
    ("tcp:127.0.0.1:70000", PORT), ("tcp:[::1]", PORT), ("tcp:0x50", PORT),
    ("tcp:localhost:9000", NUMERIC), ("tcp::9000", NUMERIC),
    ("udp:127.0.0.256:9000", NUMERIC), ("udp:127.1:9000", NUMERIC),
    ("tcp:[localhost]:9000", NUMERIC), ("tcp:[]:9000", NUMERIC),
    ("tcp:[::ffff:127.0.0.1]:9000", MAPPED),
    ("tcp:255.255.255.255:9000", UNICAST), ("tcp:224.0.0.1:9000", UNICAST),
    ("udp:[ff02::1]:9000", "a unicast address: a multicast group"),
    ("tcp:[fe80::1]:9000", 'it with its interface, such as "fe80::1%eth0"'),
    ("tcp:[fe80::1%none/such]:9000", "another zone: no interface can have that name"),
    ("tcp:::1:9000", BRACKETS), ("udp:2001:db8::7:9000", BRACKETS),
    ("tcp:[::1:9000", BRACKETS), ("tcp:::1]:9000", BRACKETS),
)


def default_file():
    """The default configuration file, which the help names."""
    return re.search(r"by default\s+(\S+)", run("-h").stdout).group(1)


class Informed(unittest.TestCase):
    """Options that only print something."""

    def test_help_is_on_stdout_and_names_every_option(self):
        for option in ("-h", "--help"):
            result = run(option)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("usage: portlogd", result.stdout)
            for name in OPTIONS:
                self.assertIn(name, result.stdout)

    def test_version_is_one_line_on_stdout(self):
        for option in ("-V", "--version"):
            result = run(option)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertRegex(result.stdout, r"\Aportlogd \d+\.\d+\.\d+\n\Z")

    def test_a_stdout_that_is_full_is_told_and_is_exit_code_1(self):
        for options in (["-h"], ["-V"], ["-t", "-l", "tcp:0"],
                        ["-T", "-l", "tcp:0"]):
            with self.subTest(options), open("/dev/full", "w") as full:
                result = subprocess.run(
                    [harness.PORTLOGD, *options], stdout=full,
                    stderr=subprocess.PIPE, timeout=harness.PATIENCE,
                    check=False)
                self.assertEqual(result.returncode, 1)
                self.assertIn(b"cannot write to stdout", result.stderr)


class BadCommandLine(unittest.TestCase):
    """Errors: exit code 64, the reason on stderr, an empty stdout."""

    def refused(self, arguments):
        result = run(*arguments)
        self.assertEqual((result.returncode, result.stdout), (64, ""),
                         result.stderr)
        self.assertIn("usage: portlogd", result.stderr)
        self.assertNotIn("listening", result.stderr)
        return result.stderr

    def test_each_bad_option_is_refused_with_what_is_wrong(self):
        with tempfile.NamedTemporaryFile(suffix=".conf") as file:
            for arguments, expected in BAD:
                with self.subTest(arguments):
                    options = [file.name if a == "FILE" else a
                               for a in arguments]
                    for more in ([], ["-t"], ["-T"]):
                        self.assertRegex(self.refused(more + options),
                                         expected)

    def test_each_bad_listener_is_refused_with_what_was_expected(self):
        for listener, expected in BAD_LISTENERS:
            with self.subTest(listener):
                said = self.refused(["-l", listener])
                self.assertIn(f'found "{listener}"', said)
                self.assertIn(f"expected {expected}", said)

    def test_a_bad_listener_after_a_good_one_starts_neither(self):
        said = self.refused(["-l", "tcp:127.0.0.1:0", "-l", "tcp:65536"])
        self.assertIn('"tcp:65536"', said)

    def test_the_check_and_the_dump_refuse_it_too(self):
        for option in ("-t", "-T"):
            self.refused([option, "-l", "tcp:65536"])


class KeepLowPorts(unittest.TestCase):
    """--keep-low-ports, for units only."""

    def test_it_needs_a_systemd_that_keeps_them(self):
        result = run("--keep-low-ports", "-l", "tcp:79")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("no systemd", result.stderr)

    def test_a_fault_of_the_configuration_is_left_to_the_daemon(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("listeners = 1;")
            file.flush()
            result = run("--keep-low-ports", "-c", file.name)
        self.assertEqual((result.returncode, result.stderr), (78, ""))


class Listening(Case):
    """-l: where it listens, and what it logs."""

    def listens(self, listener, host, shown):
        daemon = self.daemon("-l", listener)
        _, protocol, address, _ = daemon.listening[0]
        self.assertEqual((protocol, address), (listener[:3], shown))
        self.assertGreater(daemon.port(), 0)
        connect = self.tcp if protocol == "tcp" else self.udp
        sender = connect(daemon, host=host)
        sender.sendall(b"hello\n")
        daemon.wait_for_data(1)
        record = daemon.records()[0]
        self.assertEqual(record.listener, f"{protocol}/{daemon.port()}")
        self.assertEqual((record.peer, record.tag, record.data),
                         (harness.name_of(sender), "F", "hello"))

    def test_on_an_ipv4_address(self):
        self.listens("tcp:127.0.0.1:0", "127.0.0.1", "127.0.0.1")
        self.listens("udp:127.0.0.1:0", "127.0.0.1", "127.0.0.1")

    def test_on_an_ipv6_address_in_brackets(self):
        harness.needs_ipv6()
        self.listens("tcp:[::1]:0", "::1", "[::1]")
        self.listens("udp:[::1]:0", "::1", "[::1]")

    def test_on_every_address_with_one_socket_for_both_families(self):
        harness.needs_ipv6()
        for listener in ("tcp:0", "udp:0", "tcp:*:0"):
            for host in ("127.0.0.1", "::1"):
                self.listens(listener, host, "[::]")

    def test_an_address_is_the_only_one_that_is_listened_on(self):
        daemon = self.daemon("-l", "tcp:127.0.0.1:0")
        with self.assertRaises(ConnectionRefusedError):
            daemon.tcp(host="127.0.0.2")

    def test_repeated_options_listen_on_each_in_their_order(self):
        daemon = self.daemon("-l", "tcp:127.0.0.1:0",
                             "--listen", "udp:127.0.0.1:0",
                             "-l", "tcp:127.0.0.2:0")
        self.assertEqual([l[1:3] for l in daemon.listening],
                         [("tcp", "127.0.0.1"), ("udp", "127.0.0.1"),
                          ("tcp", "127.0.0.2")])
        self.tcp(daemon, 0).sendall(b"one\n")
        daemon.wait_for_data(1)
        self.udp(daemon, 1).sendall(b"two\n")
        daemon.wait_for_data(2)
        self.tcp(daemon, 2, host="127.0.0.2").sendall(b"three\n")
        self.assertEqual(daemon.wait_for_data(3), ["one", "two", "three"])

    def test_start_lines_tell_the_buffer_asked_for_and_granted(self):
        daemon = self.daemon(config="""
            limits = { receive_buffer = 65536; };
            listeners = (
              { protocol = "udp"; port = 0; address = "127.0.0.1"; },
              { protocol = "udp"; port = 0; address = "127.0.0.1";
                receive_buffer = 1073741823; } );""")
        said = daemon.errors().splitlines()
        told = [re.search(r"listening on udp 127.0.0.1:\d+, receive buffer: "
                          r"(\d+) bytes asked for, (\d+) granted", line)
                for line in said]
        told = [tuple(map(int, match.groups())) for match in told if match]
        self.assertEqual(told[0], (65536, 65536))
        self.assertEqual(told[1][0], 1073741823)
        self.assertEqual(len(told), 2)

    def test_start_lines_are_one_for_each_listener_and_output(self):
        daemon = self.daemon("-l", "tcp:127.0.0.1:0", "-l", "udp:127.0.0.1:0")
        said = [line for line in daemon.errors().splitlines()
                if "cannot confine itself" not in line]
        self.assertEqual(len(said), 4, said)
        for line in said:
            self.assertTrue(line.startswith("portlogd: "), line)
        self.assertEqual(sum("listening on" in line for line in said), 2)
        self.assertIn("portlogd: output stdout: writing text to stdout", said)
        self.assertEqual(sum("memory: at most " in line for line in said), 1)

    def test_stdout_carries_records_only(self):
        daemon = self.daemon("-v", "-l", "tcp:127.0.0.1:0",
                             "-l", "udp:127.0.0.1:0")
        self.udp(daemon, 1).sendall(b"a record")
        daemon.wait_for_data(1)
        daemon.counters()
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual([(r.tag, r.data) for r in daemon.records()],
                         [("F", "a record")])

    def test_start_lines_tell_the_interface(self):
        daemon = self.daemon(config="""listeners = (
            { protocol = "tcp"; port = 0; interface = "lo"; },
            { protocol = "udp"; port = 0; interface = "lo"; } );""")
        said = daemon.errors()
        self.assertRegex(said, r"listening on tcp \[::\]:\d+ on lo\n")
        self.assertRegex(said, r"listening on udp \[::\]:\d+ on lo, receive")

    def test_verbose_says_more(self):
        said = {}
        for option in ("-v", "--verbose", None):
            options = [option] if option else []
            daemon = self.daemon(*options, "-l", "tcp:127.0.0.1:0")
            self.tcp(daemon).sendall(b"x\n")
            daemon.wait_for_data(1)
            self.assertEqual(daemon.stop(), 0)
            said[option] = len(daemon.errors().splitlines())
        self.assertGreater(said["-v"], said[None])
        self.assertEqual(said["-v"], said["--verbose"])

    def test_verbose_names_the_configuration_and_each_listener(self):
        text = 'listeners = ( { protocol = "tcp"; port = 0; name = "a"; } );'
        for options, more in (("-l", "tcp:127.0.0.1:0"), {}), ((), {
                "config": text}):
            daemon = self.daemon("-v", *options, **more)
            name = daemon.listening[0][0]
            with self.tcp(daemon) as connection:
                connection.sendall(b"x\n")
                peer = harness.name_of(connection)
            daemon.wait_for_error(re.escape(
                f"listener {name}: connection 1 from {peer}\n"))
            daemon.wait_for_error(re.escape(
                f"listener {name}: connection 1 closed: eof\n"))
            where = daemon.arguments[-1] if more else "command line"
            daemon.wait_for_error(re.escape(f"configuration: {where}\n"))


class Output(Case):
    """-f and -o."""

    def sent(self, *options, **more):
        daemon = self.daemon("-l", "udp:127.0.0.1:0", *options, **more)
        self.udp(daemon).sendall(b"he said \"\\o/\"\x07\n")
        return daemon

    def test_format_text_is_the_default(self):
        for options in ([], ["-f", "text"], ["--format", "text"]):
            daemon = self.sent(*options)
            self.assertEqual(daemon.wait_for_data(1), ['he said "\\\\o/"\\x07'])

    def test_format_json(self):
        for option in ("-f", "--format"):
            daemon = self.sent(option, "json")
            record = harness.wait_for(daemon.json)[0]
            self.assertEqual((record["tag"], record["data"]),
                             ("F", 'he said "\\o/"\x07'))
            self.assertIn("writing json to stdout", daemon.errors())

    def test_format_raw(self):
        for option in ("-f", "--format"):
            daemon = self.sent(option, "raw")
            harness.wait_for(daemon.bytes)
            self.assertEqual(daemon.bytes(), b'he said "\\o/"\x07\n')

    def test_output_appends_to_a_file_and_leaves_stdout_alone(self):
        for option in ("-o", "--output"):
            with tempfile.TemporaryDirectory() as directory:
                path = os.path.join(directory, "log")
                with open(path, "w", encoding="utf-8") as file:
                    file.write("what was there\n")
                daemon = self.sent(option, path, "-f", "raw")
                harness.wait_for(lambda: daemon.bytes(path).count(b"\n") == 2)
                self.assertEqual(daemon.bytes(path),
                                 b'what was there\nhe said "\\o/"\x07\n')
                self.assertEqual(daemon.stop(), 0)
                self.assertEqual(daemon.bytes(), b"")
                self.assertIn(f"writing raw to {path}", daemon.errors())

    def test_output_may_be_a_relative_path(self):
        with tempfile.TemporaryDirectory() as directory:
            daemon = self.sent("-o", "log", cwd=directory)
            path = os.path.join(directory, "log")
            self.assertEqual(len(daemon.wait_for_data(1, path=path)), 1)


class Checked(unittest.TestCase):
    """-t and -T."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "a.conf")

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def test_a_good_configuration_is_ok_on_stdout(self):
        self.write('outputs = ( { type = "stdout"; } );')
        for options in (["-t", "-c", self.path],
                        ["--test", "--config", self.path],
                        ["--test", f"--config={self.path}"]):
            result = run(*options)
            self.assertEqual((result.returncode, result.stdout, result.stderr),
                             (0, f"{self.path}: ok; not tried: outputs, "
                              "ports\n", ""))

    def test_a_full_test_is_ok_alone(self):
        self.write('listeners = ( { protocol = "udp"; port = 0; } );')
        for options in (["-t", "-t"], ["-tt"], ["--test=full"],
                        ["--test", "--test"]):
            result = run(*options, "-c", self.path)
            self.assertEqual((result.returncode, result.stdout, result.stderr),
                             (0, f"{self.path}: ok\n", ""))

    def test_a_full_test_changes_no_file(self):
        log = self.path + ".log"
        for before in (None, b"", b"a torn line"):
            with self.subTest(before):
                if before is not None:
                    with open(log, "wb") as file:
                        file.write(before)
                    os.utime(log, (1, 1))
                result = run("--test=full", "-l", "tcp:0", "-o", log)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertEqual(os.path.exists(log), before is not None)
                if before is not None:
                    self.assertEqual(os.stat(log).st_mtime, 1)
                    with open(log, "rb") as file:
                        self.assertEqual(file.read(), before)

    def test_a_full_test_fails_in_the_words_of_the_start(self):
        os.mkfifo(self.path + ".fifo")
        with socket.create_server(("127.0.0.1", 0)) as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", 0))
            for options in (
                    ["-l", f"tcp:127.0.0.1:{tcp.getsockname()[1]}"],
                    ["-l", f"tcp:{tcp.getsockname()[1]}"],
                    ["-l", f"udp:127.0.0.1:{udp.getsockname()[1]}"],
                    ["-o", "/nonexistent/log"],
                    ["-o", os.path.dirname(self.path)],
                    ["-o", self.path + ".fifo"]):
                with self.subTest(options):
                    if "-l" not in options:
                        options += ["-l", "tcp:0"]
                    started = run(*options)
                    tried = run("--test=full", *options)
                    self.assertEqual((tried.returncode, tried.stdout),
                                     (1, ""))
                    self.assertTrue(tried.stderr)
                    self.assertEqual(tried.stderr, started.stderr)

    def test_a_full_test_says_all_that_is_wrong(self):
        ports = "-l", "tcp:192.0.2.1:0", "-l", "udp:192.0.2.1:0"
        result = run("--test=full", *ports, "-o", "/nonexistent/log")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stderr.splitlines()), 3)
        # A start waits for an address that is not there yet.
        result = run("--test=full", *ports)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(len(result.stderr.splitlines()), 2)

    def test_a_full_test_counts_the_ports_of_a_running_portlogd_as_free(self):
        log = self.path + ".log"
        # Not port 0: a client at 127.0.0.2 may have the same one then.
        port = harness.free_port()
        with Daemon("-l", f"tcp:127.0.0.1:{port}", "-l",
                    f"udp:127.0.0.1:{port}", "-o", log) as daemon:
            ports = [f"{protocol}:{{}}:{daemon.port(i)}"
                     for i, protocol in enumerate(("tcp", "udp"))]
            for address, code in (("127.0.0.1", 0), ("127.0.0.2", 0),
                                  ("*", 0), ("192.0.2.1", 0)):
                for port in ports:
                    ran = run("--test=full", "-l", port.format(address))
                    self.assertEqual(ran.returncode, code, ran)
            # Nothing that is sent meanwhile is taken from it.
            with daemon.udp(1) as sender:
                for number in range(200):
                    sender.send(b"%d" % number)
                    if number % 40 == 0:
                        run("--test=full", "-l", ports[1].format("*"))
                daemon.wait_for_data(200, path=log)
            self.assertEqual(daemon.stop(), 0)

    def test_a_configuration_without_a_file_is_named_too(self):
        said = ": ok; not tried: outputs, ports\n"
        self.assertEqual(run("-t", "-l", "tcp:0").stdout,
                         "command line" + said)
        if not os.path.exists(default_file()):
            self.assertEqual(run("-t").stdout, "built-in, without "
                             f"{default_file()}{said}")

    def test_a_bad_configuration_is_78_and_not_ok(self):
        self.write("\nnonsense = 1;\n")
        for option in ("-t", "-T"):
            result = run(option, "-c", self.path)
            self.assertEqual((result.returncode, result.stdout), (78, ""))
            self.assertRegex(result.stderr,
                             rf"\A{re.escape(self.path)}:2: .*nonsense")

    def test_a_check_opens_and_creates_nothing(self):
        log = self.path + ".log"
        self.write(f'outputs = ( {{ type = "file"; path = "{log}"; }} );')
        self.assertEqual(run("-t", "-c", self.path).returncode, 0)
        self.assertFalse(os.path.exists(log))

    def test_a_missing_file_that_was_named_is_78(self):
        for options in ([], ["-t"], ["-T"]):
            result = run(*options, "-c", self.path)
            self.assertEqual((result.returncode, result.stdout), (78, ""))
            self.assertIn(self.path, result.stderr)
            self.assertIn("No such file or directory", result.stderr)

    def assert_dump_loads_again(self, *options):
        first = run("-T", *options)
        self.assertEqual((first.returncode, first.stderr), (0, ""))
        self.write(first.stdout)
        second = run("--dump", "-c", self.path)
        self.assertEqual((second.returncode, second.stderr), (0, ""))
        self.assertEqual(second.stdout, first.stdout)
        return first.stdout

    def test_a_dump_of_the_command_line_loads_again(self):
        dump = self.assert_dump_loads_again(
            "-l", "tcp:9000", "-l", "udp:[::1]:0", "-l", "tcp:127.0.0.1:9001",
            "-f", "json", "-o", "/nowhere/log")
        for text in ('"[::1]"', "9000"):
            self.assertIn(text.strip('"[]'), dump)
        self.assertIn('path = "/nowhere/log";', dump)
        self.assertIn('format = "json";', dump)

    def test_a_dump_of_a_configuration_loads_again(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(r"""
                connection_notes = "all";
                limits = { max_record = 100; idle_timeout = 3; backlog = 7; };
                listeners = (
                  { protocol = "tcp"; port = 514; name = "a"; framing = "nul";
                    interface = "lo"; outputs = [ "y", "x" ];
                    max_connections = 3; },
                  { protocol = "udp"; port = 0; address = "::1";
                    framing = "exact"; receive_buffer = 1000; } );
                outputs = (
                  { type = "file"; name = "x"; mode = "600";
                    path = "a \"b\" \\ c\x01d"; format = "raw"; },
                  { type = "journal"; ident = "i"; },
                  { type = "syslog"; name = "y"; facility = "local7";
                    severity = "debug"; } );""")
            file.flush()
            dump = self.assert_dump_loads_again("-c", file.name)
        for text in ('connection_notes = "all";', "backlog = 7;",
                     'outputs = [ "y", "x" ];', 'interface = "lo";',
                     'mode = "0600";', 'severity = "debug";',
                     r'path = "a \"b\" \\ c\x01d";'):
            self.assertIn(text, dump)

    def test_a_dump_with_an_unusual_path_loads_again(self):
        for path in ("/var/log/a b", "/var/" + "long/" * 20, "/é"):
            with self.subTest(path):
                self.assert_dump_loads_again("-l", "tcp:0", "-o", path)


def become_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def own_name():
    """What the kernel calls this process."""
    with open("/proc/self/comm", encoding="utf-8") as file:
        return file.read().strip()


def is_free(port):
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


class NotStarted(unittest.TestCase):
    """Exit code 1: the reason is on stderr, and nothing is left."""

    def fails(self, *options, **more):
        result = run(*options, **more)
        self.assertEqual((result.returncode, result.stdout), (1, ""),
                         result.stderr)
        self.assertNotIn("listening on", result.stderr)
        self.assertNotIn("writing", result.stderr)
        return result.stderr

    def taken(self, kind, host="127.0.0.1"):
        """A port on which another program listens."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        holder = socket.socket(family, kind)
        self.addCleanup(holder.close)
        holder.bind((host, 0))
        if kind == socket.SOCK_STREAM:
            holder.listen(1)
        return holder.getsockname()[1]

    def test_a_port_in_use_is_named_with_its_address(self):
        for protocol, kind in (("tcp", socket.SOCK_STREAM),
                               ("udp", socket.SOCK_DGRAM)):
            port = self.taken(kind)
            said = self.fails("-l", f"{protocol}:127.0.0.1:{port}")
            self.assertIn(f"{protocol} 127.0.0.1:{port}: "
                          "Address already in use by "
                          f"{own_name()}, process {os.getpid()}\n", said)

    def test_a_port_of_a_process_that_it_cannot_see_has_a_hint(self):
        harness.needs_root()
        for protocol, kind in (("tcp", socket.SOCK_STREAM),
                               ("udp", socket.SOCK_DGRAM)):
            port = self.taken(kind)
            said = self.fails("-l", f"{protocol}:127.0.0.1:{port}",
                              preexec_fn=become_nobody)
            self.assertIn("Address already in use: as root, ss "
                          f"-l{protocol[0]}np 'sport = :{port}' shows", said)

    def test_a_low_port_without_permission_says_what_is_needed(self):
        harness.needs_root()
        port = next(port for port in range(1023, 1, -1) if is_free(port))
        options = {"preexec_fn": become_nobody}
        low = "-l", f"tcp:127.0.0.1:{port}"
        for test in ((), ("--test=full",)):
            self.assertIn("Permission denied: ports below 1024 need root or "
                          "CAP_NET_BIND_SERVICE", self.fails(
                              *test, *low, **options))
        # systemd may have it bound before the start, if it is free.
        options["env"] = dict(os.environ, NOTIFY_SOCKET="/nonexistent")
        if harness.knows_systemd():
            self.assertEqual(run("--test=full", *low, **options).returncode, 0)
        with socket.create_server(("127.0.0.1", port)):
            for test in ((), ("--test=full",)):
                said = self.fails(*test, *low, **options)
                self.assertIn(f":{port}: Address already in use", said)
                self.assertNotIn("denied", said)

    def test_a_port_in_use_on_ipv6_is_named_in_brackets(self):
        harness.needs_ipv6()
        port = self.taken(socket.SOCK_STREAM, "::1")
        self.assertIn(f"tcp [::1]:{port}: Address already in use",
                      self.fails("-l", f"tcp:[::1]:{port}"))

    def test_a_second_listener_that_fails_leaves_no_first_one(self):
        port = self.taken(socket.SOCK_STREAM)
        with tempfile.TemporaryDirectory() as directory:
            log = os.path.join(directory, "log")
            self.fails("-l", f"tcp:127.0.0.2:{port}",
                       "-l", f"tcp:127.0.0.1:{port}", "-o", log)
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", port))
            if os.path.exists(log):
                self.assertEqual(os.path.getsize(log), 0)

    def test_a_limit_of_open_files_that_is_too_low_says_what_to_do(self):
        result = subprocess.run(
            ["sh", "-c", 'ulimit -n 8; exec "$@"', "sh", harness.PORTLOGD,
             "-l", "tcp:127.0.0.1:0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
            timeout=harness.PATIENCE)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(b"Too many open files; raise the limit (ulimit -n",
                      result.stderr)

    def test_an_output_that_cannot_be_opened_is_named(self):
        with tempfile.TemporaryDirectory() as directory:
            missing = os.path.join(directory, "missing", "log")
            for path, reason in ((missing, "No such file or directory"),
                                 (directory, "Is a directory")):
                said = self.fails("-l", "tcp:127.0.0.1:0", "-o", path)
                self.assertIn(f"{path}: {reason}", said)

    def test_an_output_with_a_name_is_named_with_its_path(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write('outputs = ( { type = "file"; name = "main"; '
                       'path = "/nonexistent/log"; } );')
            file.flush()
            self.assertIn("cannot open output main: /nonexistent/log: "
                          "No such file or directory",
                          self.fails("-c", file.name))

    def test_an_output_without_permission_is_named(self):
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o555)
            path = os.path.join(directory, "log")
            try:
                said = self.fails("-l", "tcp:127.0.0.1:0", "-o", path,
                                  preexec_fn=become_nobody)
            except (PermissionError, subprocess.SubprocessError) as error:
                self.skipTest(f"cannot run it as another user: {error}")
            self.assertIn(f"{path}: Permission denied\n", said)

    def test_an_output_outside_of_the_directory_of_the_unit_says_what_it_needs(
            self):
        harness.needs_root()
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o555)
            for test in ((), ("--test=full",)):
                said = self.fails(
                    *test, "-l", "tcp:127.0.0.1:0", "-o", directory + "/log",
                    env=dict(os.environ, INVOCATION_ID="0123"),
                    preexec_fn=become_nobody)
                self.assertIn(
                    "/log: Permission denied: the unit needs ReadWritePaths="
                    f"{directory}, a directory of the service's user\n", said)

    def test_a_closed_stdout_is_told(self):
        result = subprocess.run(
            ["sh", "-c", 'exec "$@" >&-', "sh", harness.PORTLOGD, "-l",
             "tcp:127.0.0.1:0"], stderr=subprocess.PIPE, check=False,
            timeout=harness.PATIENCE)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(b"stdout: Bad file descriptor", result.stderr)


class UnderTheJournal(unittest.TestCase):
    """$JOURNAL_STREAM names stderr, or another file."""

    def said(self, right):
        with Daemon("-l", "tcp:127.0.0.1:0", start=False) as daemon:
            with open(daemon.err, "wb"):
                status = os.stat(daemon.err)
            inode = status.st_ino if right else status.st_ino + 1
            daemon.env = dict(os.environ,
                              JOURNAL_STREAM=f"{status.st_dev}:{inode}")
            daemon.start()
            self.assertEqual(daemon.stop(), 0)
            return daemon.errors().splitlines()

    def test_lines_begin_with_their_priority(self):
        said = self.said(True)
        self.assertGreaterEqual(len(said), 3)
        for line in said:
            self.assertRegex(line, r"\A<6>[^<]")
            self.assertNotIn("portlogd: ", line)

    def test_raw_lines_in_the_journal_are_a_warning(self):
        for form, warns in ("raw", True), ("text", False), ("json", False):
            with self.subTest(form), Daemon("-l", "tcp:127.0.0.1:0", "-f",
                                            form, start=False) as daemon:
                with open(daemon.out, "wb") as out:
                    status = os.fstat(out.fileno())
                daemon.env = dict(os.environ, JOURNAL_STREAM="{}:{}".format(
                    status.st_dev, status.st_ino))
                daemon.start()
                self.assertEqual("looks like a message of ours" in
                                 daemon.errors(), warns)

    def test_errors_have_a_priority_of_their_own(self):
        with tempfile.TemporaryFile() as err:
            status = os.fstat(err.fileno())
            subprocess.run(
                [harness.PORTLOGD, "-l", "tcp:127.0.0.1:0", "-o", "/"],
                stderr=err, check=False, timeout=harness.PATIENCE,
                env=dict(os.environ, JOURNAL_STREAM="{}:{}".format(
                    status.st_dev, status.st_ino)))
            err.seek(0)
            self.assertRegex(err.read(), rb"\A<3>cannot open output /: ")

    def test_lines_begin_with_the_name_where_stderr_is_another_file(self):
        for line in self.said(False):
            self.assertRegex(line, r"\Aportlogd: ")


class Default(unittest.TestCase):
    """Neither -c nor -l, in a network and a file system of their own."""

    def setUp(self):
        self.path = default_file()
        self.directory = os.path.dirname(self.path)
        self.own = f"mount -t tmpfs tmpfs '{self.directory}'"
        if not os.path.isdir(self.directory):
            self.own = "true"

    def talk(self, daemon, code):
        """Run Python in the daemon's network namespace."""
        subprocess.run(harness.inside(daemon, sys.executable, "-c",
                                      "import socket\n" + code),
                       check=True, timeout=harness.PATIENCE)

    def test_without_a_file_it_is_port_8888_and_text_on_stdout(self):
        wrap = harness.namespaces("mn", f"{harness.INTERFACES} up lo && {self.own}")
        with Daemon(wrap=wrap) as daemon:
            self.assertEqual([(l[0], l[1], l[3]) for l in daemon.listening],
                             [("tcp/8888", "tcp", "8888"),
                              ("udp/8888", "udp", "8888")])
            self.talk(daemon, """
with socket.create_connection(("127.0.0.1", 8888)) as s:
    s.sendall(b"over TCP\\n")
""")
            daemon.wait_for_data(1)
            self.talk(daemon, """
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.sendto(b"over UDP", ("127.0.0.1", 8888))
""")
            daemon.wait_for_data(2)
            self.assertEqual([(r.listener, r.tag, r.data)
                              for r in daemon.records() if r.tag != "*"],
                             [("tcp/8888", "F", "over TCP"),
                              ("udp/8888", "F", "over UDP")])
            self.assertEqual(daemon.stop(), 0)

    def test_without_a_file_format_and_output_are_taken(self):
        wrap = harness.namespaces("mn", f"{harness.INTERFACES} up lo && {self.own}")
        with Daemon("-f", "json", wrap=wrap) as daemon:
            self.talk(daemon, """
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.sendto(b"over UDP", ("127.0.0.1", 8888))
""")
            self.assertEqual(harness.wait_for(daemon.json)[0]["data"],
                             "over UDP")
            self.assertEqual(daemon.stop(), 0)

    def after(self, script, *options):
        """Run a script in the directory, then portlogd to its end."""
        if self.own == "true":
            self.skipTest(f"there is no {self.directory} to mount over")
        wrap = harness.namespaces("m", f"{self.own}; {script}")
        return subprocess.run([*wrap, *options],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, check=False,
                              timeout=harness.PATIENCE)

    def in_its_place(self, text, *options):
        """The same with this text as the default file."""
        return self.after(f"printf '%s' '{text}' >'{self.path}'",
                          harness.PORTLOGD, *options)

    def cannot_be_read(self, reason, script, *before):
        for options in ([], ["-t"], ["-T"]):
            result = self.after(script, *before, harness.PORTLOGD, *options)
            self.assertEqual((result.returncode, result.stdout), (78, ""),
                             result.stderr)
            self.assertIn(f"{self.path}: cannot be read: {reason}",
                          result.stderr)

    def test_a_link_to_nowhere_is_a_file_that_cannot_be_read(self):
        self.cannot_be_read("No such file or directory",
                            f"ln -s nowhere '{self.path}'")

    def test_a_link_to_itself_is_a_file_that_cannot_be_read(self):
        self.cannot_be_read("Too many levels of symbolic links",
                            f"ln -s '{self.path}' '{self.path}'")

    @unittest.skipUnless(os.geteuid() == 0, "it takes another user")
    @unittest.skipUnless(shutil.which("setpriv"), "no setpriv")
    def test_a_file_that_is_out_of_reach_is_not_taken_for_absent(self):
        nobody = ("setpriv", "--reuid=65534", "--regid=65534",
                  "--clear-groups")
        if self.after("true", *nobody, harness.PORTLOGD, "-V").returncode:
            self.skipTest("another user cannot run it where it is")
        self.cannot_be_read("Permission denied",
                            f"chmod 700 '{self.directory}'", *nobody)

    def test_the_default_file_is_read_where_it_is(self):
        result = self.in_its_place("\nlimits = { backlog = 0; };", "-t")
        self.assertEqual(result.returncode, 78)
        self.assertIn(f"{self.path}:2: ", result.stderr)
        result = self.in_its_place("limits = { backlog = 77; };", "-T")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("backlog = 77;", result.stdout)
        result = self.in_its_place("limits = { backlog = 77; };", "-t")
        self.assertEqual(result.stdout, f"{self.path}: ok; not tried: "
                         "outputs, ports\n")

    def test_the_default_file_excludes_format_and_output(self):
        for option in (["-f", "json"], ["-o", "/dev/null"]):
            result = self.in_its_place("", *option)
            self.assertEqual((result.returncode, result.stdout), (64, ""))
            self.assertIn(self.path, result.stderr)

    def test_listen_leaves_the_default_file_unread(self):
        result = self.in_its_place("nonsense", "-T", "-l", "tcp:9000")
        self.assertEqual((result.returncode, result.stderr), (0, ""))


if __name__ == "__main__":
    harness.main()
