# SPDX-License-Identifier: MIT
"""portlog send: every line arrives, and exit 0 means that it is in the log."""
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

import harness
from harness import PATIENCE, PORTLOG, free_port, portlog, wait_for

UDP_SERVER = """
from socket import *
s = socket(AF_INET, SOCK_DGRAM)
s.bind(('0.0.0.0', PORT))
while True:
    data = s.recv(1024)
    print(data.decode('utf-8'), flush=True)
"""
TCP_SERVER = """
from socket import *
s = socket(AF_INET, SOCK_STREAM)
s.bind(('0.0.0.0', PORT))
s.listen(10)
while True:
    c, address = s.accept()
    while True:
        data = c.recv(1024)
        if not data:
            break
        print(data.decode('utf-8'), end='', flush=True)
    c.close()
"""


def is_read_to_its_end(port):
    """Whether the peer has ended and all its bytes are read."""
    with open("/proc/net/tcp", encoding="ascii") as tcp4, \
            open("/proc/net/tcp6", encoding="ascii") as tcp6:
        for line in [*tcp4, *tcp6]:
            fields = line.split()
            if fields[1].endswith(f":{port:04X}") and fields[3] == "08":
                return int(fields[4].split(":")[1], 16) <= 1
    return False


FIN_WAIT1, CLOSE_WAIT = "04", "08"


def wait_for_state(sender, state):
    """Wait until the TCP connection of a process is in this state."""
    def is_there():
        sockets = {os.readlink(file.path)[8:-1] for file in os.scandir(
            f"/proc/{sender.pid}/fd") if "socket:" in os.readlink(file.path)}
        with open("/proc/net/tcp", encoding="ascii") as table:
            return any(fields[3] == state and fields[9] in sockets
                       for fields in map(str.split, table))
    wait_for(is_there, "the state of a connection")


class Server:
    """A listening TCP socket, whose side the test plays."""

    def __init__(self, family=socket.AF_INET, host="127.0.0.1"):
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.bind((host, 0))
        self.socket.listen(10)
        self.port = str(self.socket.getsockname()[1])

    def accept(self):
        connection, _ = self.socket.accept()
        connection.settimeout(PATIENCE)
        return connection

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Tutorial(unittest.TestCase):
    """The servers of a Python lesson; only their port differs."""

    def serve(self, program, kind):
        """Start a server; returns it, its port and its output."""
        port = free_port()
        server = subprocess.Popen(
            [sys.executable, "-c", program.replace("PORT", str(port))],
            stdout=subprocess.PIPE)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        table = "/proc/net/" + ("udp" if kind == socket.SOCK_DGRAM else "tcp")

        def listens():
            with open(table, encoding="ascii") as file:
                return f":{port:04X} 00000000:0000" in file.read()
        wait_for(listens, "the server to listen")
        return server, str(port)

    def lines(self, server, count):
        return [server.stdout.readline().decode() for _ in range(count)]

    def test_every_line_arrives_at_the_tcp_server(self):
        server, port = self.serve(TCP_SERVER, socket.SOCK_STREAM)
        text = "".join(f"line {i}\n" for i in range(2000))
        sent = portlog("send", "127.0.0.1", port, data=text.encode())
        self.assertEqual((sent.returncode, sent.stderr), (0, b""))
        self.assertEqual("".join(self.lines(server, 2000)), text)

    def test_every_line_arrives_at_the_udp_server(self):
        server, port = self.serve(UDP_SERVER, socket.SOCK_DGRAM)
        text = "".join(f"line {i}\n" for i in range(50))
        sent = portlog("send", "-u", "127.0.0.1", port, data=text.encode())
        self.assertEqual((sent.returncode, sent.stderr), (0, b""))
        self.assertEqual("".join(self.lines(server, 50)), text)

    def test_of_several_addresses_the_one_that_answers_is_taken(self):
        with tempfile.NamedTemporaryFile("w") as hosts:
            hosts.write("::1 both.test\n127.0.0.1 both.test\n")
            hosts.flush()
            wrap = harness.namespaces(
                "m", f"mount --bind {hosts.name} /etc/hosts")
            for program, kind, options in (
                    (UDP_SERVER, socket.SOCK_DGRAM, ("-u",)),
                    (TCP_SERVER, socket.SOCK_STREAM, ())):
                server, port = self.serve(program, kind)
                sent = subprocess.run(
                    [*wrap, os.path.abspath(PORTLOG), "send", *options,
                     "both.test", port], input=b"one\ntwo\n", check=False,
                    capture_output=True, timeout=PATIENCE)
                self.assertEqual((sent.returncode, sent.stderr), (0, b""))
                self.assertEqual(self.lines(server, 2), ["one\n", "two\n"])


class Terminal(unittest.TestCase):
    def run_on_terminal(self, *arguments):
        """portlog with a terminal for stdin and stderr: it, and its other end."""
        try:
            ours, theirs = pty.openpty()
        except OSError as error:
            self.skipTest(f"no terminal: {error}")
        process = subprocess.Popen([PORTLOG, *arguments], stdin=theirs,
                                   stderr=theirs)
        os.close(theirs)
        self.addCleanup(os.close, ours)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, ours

    def test_a_line_goes_out_when_enter_is_pressed(self):
        with Server() as server:
            _, keyboard = self.run_on_terminal("send", "127.0.0.1",
                                               server.port)
            with server.accept() as connection:
                for line in (b"hello\n", b"world\n"):
                    os.write(keyboard, line)
                    self.assertEqual(connection.recv(100), line)

    def start_with_progress(self, *arguments):
        """portlog with a pipe for stdin; what is seen of its stderr comes by
        the function that is returned with it."""
        try:
            ours, theirs = pty.openpty()
        except OSError as error:
            self.skipTest(f"no terminal: {error}")
        process = subprocess.Popen([PORTLOG, *arguments], stderr=theirs,
                                   stdin=subprocess.PIPE)
        os.close(theirs)
        self.addCleanup(os.close, ours)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdin.close)

        def see():
            seen = b""
            while select.select([ours], [], [], 0.05)[0]:
                try:
                    seen += os.read(ours, 1000)
                except OSError:  # it has ended
                    break
            return seen
        return process, see

    def wait_for_progress(self, see, lines=rb"\d+"):
        return wait_for(
            lambda: re.search(lines + rb" lines  [\d.]+ MiB  [\d.]+ MiB/s",
                              see()), "progress")

    def test_progress_shows_while_there_is_no_input(self):
        with Server() as server:
            for option in ((), ("-u",)):
                with self.subTest(option=option):
                    _, see = self.start_with_progress(
                        "send", *option, "127.0.0.1", server.port)
                    self.wait_for_progress(see, b"\r\x1b\\[K0")

    def test_progress_shows_while_nobody_reads_and_until_the_close(self):
        with Server() as server:
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            process, see = self.start_with_progress("send", "127.0.0.1",
                                                    server.port)
            with server.accept() as connection:
                feeder = threading.Thread(
                    target=lambda: process.communicate(b"x\n" * 5000000))
                feeder.start()
                self.wait_for_progress(see)
                while connection.recv(65536):
                    pass
                self.wait_for_progress(see, b"5000000")
            feeder.join(PATIENCE)
            self.assertEqual(process.returncode, 0)
            self.assertTrue(see().endswith(b"\r\x1b[K"))

    def test_no_progress_over_the_lines_that_somebody_types(self):
        with Server() as server:
            _, screen = self.run_on_terminal("send", "127.0.0.1", server.port)
            with server.accept():
                start = os.times().elapsed
                seen = b""
                while os.times().elapsed - start < 1.6:
                    os.write(screen, b"x\n")
                    while select.select([screen], [], [], 0.05)[0]:
                        seen += os.read(screen, 1000)
                self.assertNotIn(b"lines", seen)
                self.assertIn(b"x", seen)

    def test_no_progress_where_stderr_is_no_terminal(self):
        with Server() as server:
            process = subprocess.Popen(
                [PORTLOG, "send", "127.0.0.1", server.port],
                stdin=subprocess.PIPE, stderr=subprocess.PIPE)
            with server.accept() as connection:
                start = os.times().elapsed

                def feed():
                    process.stdin.write(b"x\n")
                    process.stdin.flush()
                    return os.times().elapsed - start > 1.6
                wait_for(feed, "1.6 seconds")
                process.stdin.close()
                while connection.recv(65536):
                    pass
            self.assertEqual(process.stderr.read(), b"")
            process.stderr.close()
            self.assertEqual(process.wait(PATIENCE), 0)


class Receipt(harness.Case):
    def test_all_lines_are_in_the_log_once_and_in_order(self):
        daemon = self.daemon("-l", "tcp:0")
        count = int(os.environ.get("PORTLOG_LINES", "100000"))
        text = "".join(f"{i}\n" for i in range(count))
        sent = portlog("send", "127.0.0.1", str(daemon.port()),
                       data=text.encode())
        self.assertEqual((sent.returncode, sent.stderr), (0, b""))
        self.assertEqual(daemon.data("F"), text.split("\n")[:-1])

    def test_the_last_line_may_lack_its_newline(self):
        daemon = self.daemon("-l", "tcp:0")
        sent = portlog("send", "127.0.0.1", str(daemon.port()), data=b"a\nb")
        self.assertEqual(sent.returncode, 0)
        self.assertEqual([(r.tag, r.data) for r in daemon.records()[:2]],
                         [("F", "a"), ("E", "b")])

    def test_a_log_that_grows_by_what_is_sent_ends(self):
        for protocol, count, *options in ("tcp", 5000), ("udp", 200, "-u"):
            daemon = self.daemon("-f", "raw", "-l", protocol + ":127.0.0.1:0")
            with open(daemon.out, "a", encoding="utf-8") as log:
                log.write("a line\n" * count)
            with open(daemon.out, "rb") as log:
                sent = subprocess.run(
                    [PORTLOG, "send", *options, "127.0.0.1",
                     str(daemon.port())], stdin=log, check=False,
                    timeout=harness.PATIENCE)
            self.assertEqual(sent.returncode, 0)
            harness.wait_for(lambda: daemon.bytes().count(b"\n") >= 2 * count)
            self.assertEqual(daemon.bytes(), b"a line\n" * 2 * count)

    def test_a_file_whose_size_is_not_known_is_sent(self):
        daemon = self.daemon("-l", "tcp:127.0.0.1:0")
        with open("/proc/version", encoding="utf-8") as file:
            self.assertEqual(os.fstat(file.fileno()).st_size, 0)
            sent = subprocess.run(
                [PORTLOG, "send", "127.0.0.1", str(daemon.port())],
                stdin=file, check=False, timeout=harness.PATIENCE)
        self.assertEqual(sent.returncode, 0)
        self.assertEqual(len(daemon.wait_for_data(1)), 1)

    def test_ipv6(self):
        daemon = self.daemon("-l", "tcp:[::1]:0", "-l", "udp:[::1]:0")
        for option, port in ((), daemon.port(0)), (("-u",), daemon.port(1)):
            for host in "::1", "[::1]":
                sent = portlog("send", *option, host, str(port), data=b"six\n")
                self.assertEqual((sent.returncode, sent.stderr), (0, b""))
        self.assertEqual(daemon.wait_for_data(4), ["six"] * 4)

    def test_no_exit_0_before_a_stall_of_the_output_ends(self):
        reader, writer = os.pipe()
        daemon = self.daemon("-l", "tcp:0", stdout=writer)
        os.close(writer)
        text = b"".join(b"%d %s\n" % (i, b"x" * 100) for i in range(5000))
        sender = subprocess.Popen(
            [PORTLOG, "send", "127.0.0.1", str(daemon.port())],
            stdin=subprocess.PIPE)
        feeder = threading.Thread(target=lambda: (sender.stdin.write(text),
                                                  sender.stdin.close()))
        feeder.start()
        log = b""
        while log.count(b"\n") < 2000:
            log += os.read(reader, 4096)
        self.assertIsNone(sender.poll())
        while b"* closed" not in log:
            log += os.read(reader, 65536)
        feeder.join(PATIENCE)
        self.assertEqual(sender.wait(PATIENCE), 0)
        self.assertEqual(log.count(b" F "), 5000)
        os.close(reader)

    def test_no_receipt_where_stdout_has_lost_its_reader(self):
        reader, writer = os.pipe()
        daemon = harness.Daemon("-l", "tcp:0", stdout=writer)
        self.addCleanup(daemon.close)
        os.close(writer)
        os.close(reader)
        sent = portlog("send", "127.0.0.1", str(daemon.port()),
                       data=b"one\ntwo\n")
        self.assertEqual(sent.returncode, 1, sent.stderr)
        self.assertEqual(daemon.wait(), 1)
        self.assertIn("unwritten", daemon.errors())

    def test_who_is_refused_gets_no_receipt(self):
        daemon = self.daemon(config="""
            listeners = ( { protocol = "tcp"; port = 0; address = "127.0.0.1";
                            max_connections_per_source = 1; } );""")
        self.tcp(daemon).sendall(b"the one\n")
        daemon.wait_for_data(1)
        for _ in range(20):
            sent = portlog("send", "127.0.0.1", str(daemon.port()),
                           data=b"another\n")
            self.assertEqual(sent.returncode, 1)
        self.assertEqual(daemon.data(), ["the one"])

    def test_a_daemon_that_is_killed_leaves_no_exit_0(self):
        daemon = harness.Daemon("-l", "tcp:0")
        self.addCleanup(daemon.close)
        sender = subprocess.Popen(
            [PORTLOG, "send", "127.0.0.1", str(daemon.port())],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        sender.stdin.write(b"one\ntwo\n")
        sender.stdin.flush()
        daemon.wait_for_data(2)
        daemon.stop(signal.SIGKILL)
        _, said = sender.communicate(timeout=PATIENCE)
        self.assertEqual(sender.returncode, 1)
        self.assertIn(b"Connection reset by peer; 2 lines were handed over",
                      said)

    def test_a_daemon_that_is_killed_before_it_has_written_gives_no_receipt(
            self):
        reader, writer = os.pipe()
        daemon = harness.Daemon("-l", "tcp:0", stdout=writer)
        self.addCleanup(daemon.close)
        os.close(writer)
        sender = subprocess.Popen(
            [PORTLOG, "send", "127.0.0.1", str(daemon.port())],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        # More than the pipe takes, and the daemon reads all of it.
        sender.stdin.write(b"x\n" * 4000)
        sender.stdin.close()
        wait_for(lambda: is_read_to_its_end(daemon.port()), "the end")
        self.assertIsNone(sender.poll())
        daemon.stop(signal.SIGKILL)
        os.close(reader)
        said = sender.stderr.read()
        sender.stderr.close()
        self.assertEqual(sender.wait(PATIENCE), 1)
        self.assertIn(b"Connection reset by peer; 4000 lines", said)


class OtherSides(unittest.TestCase):
    def send(self, server, *options):
        return subprocess.Popen(
            [PORTLOG, "send", *options, "127.0.0.1", server.port],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, sender, data=None):
        _, said = sender.communicate(data, timeout=PATIENCE)
        return sender.returncode, said.decode()

    def test_a_reset_is_told(self):
        with Server() as server:
            sender = self.send(server)
            connection = server.accept()
            sender.stdin.write(b"one\n")
            sender.stdin.flush()
            self.assertEqual(connection.recv(10), b"one\n")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  struct.pack("ii", 1, 0))
            connection.close()
            code, said = self.end(sender)
            self.assertEqual(code, 1)
            self.assertIn("Connection reset by peer; 1 lines were", said)

    def test_a_close_before_the_end_is_told(self):
        with Server() as server:
            sender = self.send(server)
            connection = server.accept()
            sender.stdin.write(b"one\n")
            sender.stdin.flush()
            self.assertEqual(connection.recv(10), b"one\n")
            connection.close()
            wait_for_state(sender, CLOSE_WAIT)
            code, said = self.end(sender, b"two\n" * 100000)
            self.assertEqual(code, 1)
            self.assertRegex(said, r"closed by the other side before the end; "
                             r"\d+ lines")

    def test_a_side_that_ends_first_is_sent_the_rest_without_a_receipt(self):
        for option in (), ("-n",):
            with self.subTest(option=option), Server() as server:
                sender = self.send(server, *option)
                with server.accept() as connection:
                    connection.shutdown(socket.SHUT_WR)
                    wait_for_state(sender, CLOSE_WAIT)
                    code, said = self.end(sender, b"one\ntwo\n")
                    self.assertEqual(harness.end_of(connection), b"one\ntwo\n")
                if option:
                    self.assertEqual((code, said), (0, ""))
                else:
                    self.assertEqual(code, 1)
                    self.assertIn("there will be no receipt\n", said)
                    self.assertIn("no receipt; 2 lines were handed over\n",
                                  said)

    def test_a_server_that_takes_nothing_is_waited_for_as_long_as_w_says(self):
        with Server() as server:
            sender = self.send(server, "-w", "0.3")
            with server.accept():
                code, said = self.end(sender, b"x" * 99 + b"\n" * 20000000)
            self.assertEqual(code, 1)
            self.assertRegex(said, r"nothing more taken in time; [1-9]\d* lines")

    def test_a_server_that_takes_little_is_waited_for_longer_than_w_says(self):
        data = b"x" * 99 + b"\n" * 20000000
        with Server() as server:
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sender = self.send(server, "-w", "0.5")
            feeder = threading.Thread(target=lambda: sender.communicate(data))
            feeder.start()
            with server.accept() as connection:
                start = os.times().elapsed
                while os.times().elapsed - start < 1.5:
                    select.select([], [], [], 0.05)
                    connection.recv(1000)
                self.assertIsNone(sender.poll())
                while connection.recv(1 << 20):
                    pass
            feeder.join(PATIENCE)
            self.assertEqual(sender.returncode, 0)

    def test_a_server_that_never_closes_is_waited_for_as_long_as_w_says(self):
        with Server() as server:
            sender = self.send(server, "-w", "0.3")
            with server.accept():
                code, said = self.end(sender, b"one\ntwo\n")
            self.assertEqual(code, 1)
            self.assertIn("not closed in time; 2 lines", said)

    def test_n_does_not_wait(self):
        with Server() as server:
            sender = self.send(server, "-n")
            with server.accept() as connection:
                self.assertEqual(self.end(sender, b"one\n"), (0, ""))
                self.assertEqual(connection.recv(10), b"one\n")
                self.assertEqual(connection.recv(10), b"")

    def test_a_server_that_answers_a_lot_does_not_stop_it(self):
        with Server() as server:
            sender = self.send(server)
            text = b"x" * 99 + b"\n"

            def echo():
                with server.accept() as connection:
                    while connection.recv(65536):
                        connection.sendall(b"y" * 65536)
            thread = threading.Thread(target=echo)
            thread.start()
            self.assertEqual(self.end(sender, text * 100000), (0, ""))
            thread.join(PATIENCE)

    def test_a_server_that_speaks_tls_gives_no_receipt(self):
        """It answers what is no handshake with an alert, and ends in order."""
        with Server() as server:
            sender = self.send(server)
            with server.accept() as connection:
                sender.stdin.write(b"one\n")
                sender.stdin.close()
                harness.end_of(connection)
                connection.sendall(b"\x15\x03\x01\0\x02\x02\x46")
            said = sender.stderr.read()
            sender.stderr.close()
            self.assertEqual(sender.wait(PATIENCE), 1)
            self.assertIn(b"the other side speaks TLS (see --tls); 1 lines",
                          said)

    def test_a_server_that_ends_without_reading_gives_no_receipt(self):
        with Server() as server:
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sender = self.send(server, "-w", "0.3")
            connection = server.accept()
            sender.stdin.write(b"x" * 99 + b"\n")
            sender.stdin.flush()
            self.assertEqual(len(connection.recv(100)), 100)
            connection.shutdown(socket.SHUT_WR)
            code, said = self.end(sender, b"y\n" * 500000)
            self.assertEqual(code, 1)
            self.assertRegex(said, "no receipt; |nothing more taken in time; ")
            connection.close()

    def test_a_server_that_ends_after_us_without_reading_gives_none_either(
            self):
        with Server() as server:
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sender = self.send(server)
            with server.accept() as connection:
                sender.stdin.write(b"y\n" * 50000)
                sender.stdin.close()
                wait_for_state(sender, FIN_WAIT1)
                connection.shutdown(socket.SHUT_WR)
                said = sender.stderr.read()
                sender.stderr.close()
            self.assertEqual(sender.wait(PATIENCE), 1)
            self.assertIn(b"closed before all was taken; 50000 lines", said)

    def test_nobody_there_is_told(self):
        port = str(free_port())
        sent = portlog("send", "127.0.0.1", port, data=b"x\n")
        self.assertEqual(sent.returncode, 1)
        self.assertIn(b"Connection refused", sent.stderr)

    def test_an_unknown_host_is_told(self):
        sent = portlog("send", "host.invalid", "1", data=b"x\n")
        self.assertEqual(sent.returncode, 1)
        self.assertIn(b"host.invalid port 1: ", sent.stderr)


class Datagrams(harness.Case):
    def test_a_refusal_is_told_once(self):
        port = str(free_port())
        sent = portlog("send", "-u", "127.0.0.1", port, data=b"x\n" * 10)
        self.assertEqual(sent.returncode, 1)
        self.assertEqual(sent.stderr.count(b"Connection refused"), 1)

    def test_a_line_too_long_is_told_with_its_number_and_the_rest_sent(self):
        daemon = self.daemon("-l", "udp:127.0.0.1:0")
        data = b"one\n" + b"x" * 65508 + b"\n\nfour"
        sent = portlog("send", "-u", "127.0.0.1", str(daemon.port()),
                       data=data)
        self.assertEqual(sent.returncode, 1)
        self.assertEqual(sent.stderr, b"portlog: line 2: found 65508 bytes, "
                         b"more than a datagram can hold\n")
        self.assertEqual(daemon.wait_for_data(3), ["one", "", "four"])


class Usage(unittest.TestCase):
    def test_bad_command_lines_exit_with_64(self):
        for arguments in ((), ("nonsense",), ("send",), ("send", "host"),
                          ("send", "a", "1", "b"), ("send", "-x", "a", "1"),
                          ("send", "-w", "x", "a", "1"),
                          ("send", "-w", "-1", "a", "1"),
                          ("send", "--nonsense", "a", "1"),
                          ("decode", "-0", "-r"), ("decode", "-j", "-r"),
                          ("replay", "f", "h"),
                          ("replay", "-s", "-1", "f", "h", "1"),
                          ("replay", "-f", "x", "f", "h", "1")):
            with self.subTest(arguments=arguments):
                ran = portlog(*arguments)
                self.assertEqual(ran.returncode, 64)
                self.assertEqual(ran.stdout, b"")
                self.assertIn(b"usage: portlog", ran.stderr)

    def test_a_port_is_never_taken_for_another(self):
        for command in (("send",), ("send", "-u"), ("replay", "-")):
            for port in ("", "0", "65536", "70000", "4294967297", "-1", "+80",
                         " 80", "80 "):
                with self.subTest(command=command, port=port):
                    ran = portlog(*command, "127.0.0.1", port)
                    self.assertEqual(ran.returncode, 64)
                    self.assertIn(
                        f'portlog: PORT: found "{port}", expected 1 to 65535, '
                        'or the name of a service\n', ran.stderr.decode())

    def test_a_port_may_be_the_name_of_a_service(self):
        ran = portlog("send", "127.0.0.1", "nonsense-service")
        self.assertEqual(ran.returncode, 1)
        self.assertIn(b"127.0.0.1 port nonsense-service: ", ran.stderr)

    def test_faults_of_a_command_line_are_told_by_portlog(self):
        for option in ("-x", "--nonsense"):
            for command in ("send", "decode", "replay"):
                with self.subTest(command=command, option=option):
                    said = portlog(command, option).stderr
                    self.assertTrue(said.startswith(b"portlog: "), said)

    def test_what_is_found_on_the_command_line_is_shown_escaped(self):
        said = portlog("send", "-w", "\x1b[2J", "a", "1").stderr
        self.assertIn(rb'found "\x1b[2J"', said)

    def test_help_and_version_are_on_stdout(self):
        for arguments in (("-h",), ("--help",), ("-V",), ("send", "-h"),
                          ("decode", "-h"), ("replay", "-h"),
                          ("send", "--help"), ("decode", "--help"),
                          ("replay", "--help")):
            with self.subTest(arguments=arguments):
                ran = portlog(*arguments)
                self.assertEqual((ran.returncode, ran.stderr), (0, b""))
                self.assertIn(b"portlog", ran.stdout)


if __name__ == "__main__":
    harness.main(jobs=4)
