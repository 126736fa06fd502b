# SPDX-License-Identifier: MIT
"""Senders of other projects: how their messages are logged."""
import logging
import logging.handlers
import os
import shutil
import socket
import subprocess
import tempfile
import unittest

import harness
from harness import wait_for

# RFC 5424 as logger(1) writes it: user.notice, version 1.
RFC5424 = r"<13>1 \d{4}-\d\d-\d\dT\S+ \S+ lesson - - .*"


def needs(program):
    """Skip the test if a program is not installed."""
    return unittest.skipUnless(
        shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"),
        f"{program} is missing")


def help_of(program):
    if not shutil.which(program):
        return ""
    return subprocess.run([program, "--help"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False,
                          timeout=harness.PATIENCE).stdout.decode()


class PeerCase(harness.Case):

    def run_peer(self, *command, stdin=b""):
        """Run a program to its end; its exit code must be 0."""
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False,
                              timeout=harness.PATIENCE)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def start_peer(self, *command):
        """Run a program until the end of the test."""
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        process = subprocess.Popen(
            [shutil.which(command[0], path=path), *command[1:]],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

        def end():
            process.terminate()
            process.wait(harness.PATIENCE)
        self.addCleanup(end)
        return process

    def directory(self):
        directory = tempfile.TemporaryDirectory(prefix="portlog-peer-")
        self.addCleanup(directory.cleanup)
        return directory.name

    def log(self, daemon, count):
        """Wait for so many records; returns their tags and data."""
        daemon.wait_for_data(count)
        return [(r.tag, r.data) for r in daemon.records() if r.tag != "*"]

    def syslog_daemon(self):
        return self.daemon(config="""
            listeners = ({ protocol = "tcp"; port = 0;
                           framing = "octet-counted"; });""")


class Python(PeerCase):
    """SysLogHandler of Python's logging ends each message with a NUL."""

    def check(self, config, kind):
        daemon = self.daemon(config=config)
        handler = logging.handlers.SysLogHandler(
            ("127.0.0.1", daemon.port()), socktype=kind)
        self.addCleanup(handler.close)
        for text in ("one", "two\nlines"):
            handler.emit(logging.makeLogRecord(
                {"levelname": "INFO", "msg": text}))
        self.assertEqual(self.log(daemon, 2), [("F", "<14>one"),
                                               ("F", "<14>two\\nlines")])

    def test_over_udp(self):
        self.check(harness.configured(harness.udp()), socket.SOCK_DGRAM)

    def test_over_tcp(self):
        self.check(harness.configured(harness.tcp('framing = "nul";')),
                   socket.SOCK_STREAM)


class Logger(PeerCase):
    """logger(1) of util-linux."""

    def check(self, daemon, *options, texts=("hello world",), peer=""):
        self.run_peer("logger", "-n", peer or "127.0.0.1", "-P",
                      str(daemon.port()), "-t", "lesson", "--rfc5424=notq",
                      *options, stdin="\n".join(texts).encode())
        records = self.log(daemon, len(texts))
        self.assertEqual(len(records), len(texts))
        for (tag, data), text in zip(records, texts):
            self.assertEqual(tag, "F")
            self.assertRegex(data, r"\A%s\Z" % RFC5424)
            self.assertTrue(data.endswith(" - - " + text) or
                            data.endswith("] " + text), data)

    @unittest.skipUnless("--octet-count" in help_of("logger"),
                         "logger is missing, or too old for --octet-count")
    def test_octet_counts_over_tcp(self):
        self.check(self.syslog_daemon(), "-T", "--octet-count",
                   texts=("hello", "12 bottles", "grüße", "last"))

    @unittest.skipUnless("--tcp" in help_of("logger"),
                         "logger is missing, or too old for --tcp")
    def test_lines_over_tcp(self):
        self.check(self.daemon("-l", "tcp:0"), "-T",
                   texts=("hello", "grüße", "last"))

    @unittest.skipUnless("--udp" in help_of("logger"),
                         "logger is missing, or too old for --udp")
    def test_datagrams(self):
        self.check(self.daemon("-l", "udp:0"), "-d",
                   texts=("hello", "grüße", "last"))

    @unittest.skipUnless("--udp" in help_of("logger"),
                         "logger is missing, or too old for --udp")
    def test_datagrams_on_ipv6(self):
        daemon = self.daemon("-l", "udp:[::1]:0")
        self.check(daemon, "-d", peer="::1")
        self.assertTrue(daemon.records()[0].peer.startswith("[::1]:"))


class Netcat(PeerCase):

    SENT = b"hello\r\nworld\n\nend"
    LOGGED = [("F", "hello"), ("F", "world"), ("F", ""), ("E", "end")]

    @needs("ncat")
    def test_ncat_over_tcp_sees_the_close_once_all_is_logged(self):
        daemon = self.daemon("-l", "tcp:0")
        # Without --send-only it waits until the other side has closed.
        self.run_peer("ncat", "127.0.0.1", str(daemon.port()),
                      stdin=self.SENT)
        self.assertEqual([(r.tag, r.data) for r in daemon.records()
                          if r.tag != "*"], self.LOGGED)
        self.assertEqual(daemon.records()[-1].note()[1]["reason"], "eof")

    @needs("ncat")
    def test_ncat_over_udp(self):
        daemon = self.daemon("-l", "udp:0")
        self.run_peer("ncat", "-u", "--send-only", "::1", str(daemon.port()),
                      stdin=b"hello\n")
        self.assertEqual(self.log(daemon, 1), [("F", "hello")])

    @needs("nc.openbsd")
    def test_nc_of_openbsd_over_tcp(self):
        daemon = self.daemon("-l", "tcp:0")
        self.run_peer("nc.openbsd", "-N", "127.0.0.1", str(daemon.port()),
                      stdin=self.SENT)
        self.assertEqual([(r.tag, r.data) for r in daemon.records()
                          if r.tag != "*"], self.LOGGED)

    @needs("nc.openbsd")
    def test_nc_of_openbsd_over_udp(self):
        daemon = self.daemon("-l", "udp:0")
        self.run_peer("nc.openbsd", "-u", "-q0", "127.0.0.1",
                      str(daemon.port()), stdin=b"hello\n")
        self.assertEqual(self.log(daemon, 1), [("F", "hello")])

    @needs("nc.openbsd")
    def test_a_port_scan_is_a_probe(self):
        daemon = self.daemon("-l", "tcp:0")
        for _ in range(3):
            self.run_peer("nc.openbsd", "-z", "127.0.0.1",
                          str(daemon.port()))
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual([r.data for r in daemon.records()],
                         ["probes connections=3 peer=127.0.0.1"])

    @needs("socat")
    def test_socat_over_tcp(self):
        daemon = self.daemon("-l", "tcp:0")
        self.run_peer("socat", "-", f"TCP6:[::1]:{daemon.port()}",
                      stdin=self.SENT)
        self.assertEqual(self.log(daemon, 4), self.LOGGED)

    @needs("socat")
    def test_socat_over_udp(self):
        daemon = self.daemon("-l", "udp:0")
        self.run_peer("socat", "-u", "-", f"UDP4:127.0.0.1:{daemon.port()}",
                      stdin=b"hello\n")
        self.assertEqual(self.log(daemon, 1), [("F", "hello")])

    @unittest.skipUnless(shutil.which("bash"), "bash is missing")
    def test_the_redirection_of_bash(self):
        daemon = self.daemon("-l", "tcp:0", "-l", "udp:0")
        for count, (number, kind) in enumerate(((0, "tcp"), (1, "udp")), 1):
            self.run_peer(
                "bash", "-c", f"echo hello {kind} "
                f">/dev/{kind}/127.0.0.1/{daemon.port(number)}")
            self.assertEqual(self.log(daemon, count)[-1],
                             ("F", f"hello {kind}"))


class Loggen(PeerCase):
    """loggen(1) of syslog-ng."""

    @needs("loggen")
    def test_loggen_loses_nothing(self):
        daemon = self.daemon("-l", "tcp:0")
        self.run_peer("loggen", "--inet", "--stream", "--rate", "100000",
                      "--number", "1000", "--syslog-proto=off", "127.0.0.1",
                      str(daemon.port()))
        self.assertEqual(len(self.log(daemon, 1000)), 1000)


class Rsyslog(PeerCase):

    CONFIG = """
        global(workDirectory="@DIR@")
        module(load="imuxsock" SysSock.Use="off")
        input(type="imuxsock" Socket="@DIR@/log" RateLimit.Interval="0")
        template(name="message" type="string" string="<%PRI%>%msg%")
        action(type="omfwd" target="127.0.0.1" port="@PORT@" @HOW@
               template="message" action.resumeInterval="1")
    """

    def check(self, daemon, how):
        directory = self.directory()
        path = os.path.join(directory, "log")
        config = os.path.join(directory, "rsyslog.conf")
        text = self.CONFIG.replace("@DIR@", directory)
        text = text.replace("@PORT@", str(daemon.port()))
        text = text.replace("@HOW@", how)
        with open(config, "w", encoding="utf-8") as file:
            file.write(text)
        process = self.start_peer("rsyslogd", "-n", "-f", config, "-i",
                                  os.path.join(directory, "pid"))
        wait_for(lambda: os.path.exists(path) or process.poll() is not None,
                 "rsyslogd")
        self.assertIsNone(process.poll(), "rsyslogd ended")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(path)
            for number in range(50):
                sender.send(f"<14>lesson: {number} grüße".encode())
        self.assertEqual(self.log(daemon, 50), [
            ("F", f"<14> {number} grüße") for number in range(50)])

    @needs("rsyslogd")
    def test_octet_counts_over_tcp(self):
        self.check(self.syslog_daemon(),
                   'protocol="tcp" TCP_Framing="octet-counted"')

    @needs("rsyslogd")
    def test_lines_over_tcp(self):
        self.check(self.daemon("-l", "tcp:0"), 'protocol="tcp"')

    @needs("rsyslogd")
    def test_datagrams(self):
        self.check(self.daemon("-l", "udp:0"), 'protocol="udp"')


class Haproxy(PeerCase):

    CONFIG = """
global
    log 127.0.0.1:%d format rfc5424 local0
defaults
    mode http
    log global
    option httplog
    timeout client 5s
    timeout connect 5s
    timeout server 5s
frontend lesson
    bind unix@%s
    http-request return status 200
"""

    @needs("haproxy")
    def test_its_log_of_requests(self):
        daemon = self.daemon("-l", "udp:127.0.0.1:0")
        directory = self.directory()
        path = os.path.join(directory, "socket")
        config = os.path.join(directory, "haproxy.cfg")
        with open(config, "w", encoding="utf-8") as file:
            file.write(self.CONFIG % (daemon.port(), path))
        process = self.start_peer("haproxy", "-db", "-f", config)
        wait_for(lambda: os.path.exists(path) or process.poll() is not None,
                 "haproxy")
        self.assertIsNone(process.poll(), "haproxy ended")
        with socket.socket(socket.AF_UNIX) as connection:
            # The socket is there before it is listened to.
            def is_connected():
                return connection.connect_ex(path) == 0
            wait_for(is_connected, "haproxy to listen")
            connection.sendall(b"GET /what HTTP/1.0\r\n\r\n")
            self.assertIn(b" 200 ", harness.end_of(connection))
        wait_for(lambda: [d for d in daemon.data("F") if "/what" in d],
                 "the request's line")
        line, = [d for d in daemon.data("F") if "/what" in d]
        self.assertRegex(line, r'\A<134>1 \S+ .*"GET /what HTTP/1.0"\Z')


if __name__ == "__main__":
    harness.main()
