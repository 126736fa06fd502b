# SPDX-License-Identifier: MIT
"""TLS before an output that is slow: who has our close_notify has its lines
there, whichever program it is, and whatever ends the stream.

The output is a pipe of one page.  Where a sender has its receipt the daemon is
killed at once: what it had not written then is nowhere.
"""
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time

import certificates
import harness
import programs
import tls_peers
from harness import TURNS, configured, name_of, reset, wait_for
from tls_peers import BOTH, FIN, RECEIPT, RESET, Client, connect

MADE = {}
LINES = 2000
READ, PAUSE = 4096, 0.004
F_SETPIPE_SZ = 1031
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
STUNNEL = """
foreground = yes
pid =
[out]
client = yes
accept = 127.0.0.1:@PORT@
connect = 127.0.0.1:@TO@
"""
HAPROXY = """
defaults
    mode tcp
    timeout connect 20s
    timeout client 60s
    timeout server 60s
listen l
    bind 127.0.0.1:@PORT@
    server s 127.0.0.1:@TO@ @OPTIONS@
"""
NGINX = """
daemon off;
pid @DIR@/pid;
error_log stderr;
events { }
stream { server {
    listen 127.0.0.1:@PORT@;
    proxy_pass 127.0.0.1:@TO@;
    proxy_ssl on;
} }
"""


def setUpModule():
    authority = certificates.of_module()
    MADE["authority"] = authority.chain
    MADE["server"] = authority.issue("server", names=("DNS:localhost",))


def lines_of(name, count=LINES):
    return [f"{name}.{i}.{'x' * 80}." for i in range(count)]


def unacknowledged(connection):
    """The bytes that the other side's kernel has not taken yet."""
    return int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)),
                          sys.byteorder)


def joined(lines):
    return "".join(line + "\n" for line in lines).encode()


class Reader(threading.Thread):
    """Reads a pipe slowly, into a file, until it is told to hurry."""

    def __init__(self, pipe, path):
        super().__init__(daemon=True)
        self.pipe = pipe
        self.path = path
        self.hurry = threading.Event()
        self.start()

    def run(self):
        with open(self.path, "wb", buffering=0) as out:
            while part := os.read(self.pipe, READ):
                out.write(part)
                self.hurry.wait(PAUSE)
        os.close(self.pipe)

    def finish(self):
        """All that was written, once nobody writes any more."""
        self.hurry.set()
        self.join(harness.PATIENCE)
        assert not self.is_alive()


class Case(harness.Case):

    def serve(self):
        daemon = self.daemon(config=configured(
            tls_peers.listener(MADE["server"]), limits="flush_timeout = 0;"),
            start=False)
        pipe, writer = os.pipe()
        fcntl.fcntl(writer, F_SETPIPE_SZ, READ)
        daemon.reader = Reader(pipe, daemon.out)
        daemon.start(stdout=writer)
        os.close(writer)
        return daemon

    def kill(self, daemon):
        """Kill it; returns all the whole lines of data that it has written."""
        daemon.exits = -signal.SIGKILL
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        daemon.reader.finish()
        return daemon.data()

    def client(self, daemon, *arguments):
        connection = connect(daemon)
        self.addCleanup(connection.close)
        return Client(connection, *arguments)

    def ended(self, daemon, count=1):
        """Wait for so many ends of streams; returns their reasons, sorted."""
        def look():
            found = [r.note()[1]["reason"] for r in daemon.records()
                     if r.data.startswith("closed ")]
            return len(found) >= count and sorted(found)
        return wait_for(look, f"{count} ends")

    def directory(self):
        directory = tempfile.TemporaryDirectory(prefix="portlog-slow-")
        self.addCleanup(directory.cleanup)
        return directory.name

    def run_proxy(self, program, config, to, *options):
        """Run one that reads this configuration; returns its port."""
        program = shutil.which(program, path=programs.PATH)
        if not program:
            self.skipTest("it is missing")
        directory, port = self.directory(), harness.free_port()
        for name, value in (("PORT", port), ("TO", to), ("DIR", directory)):
            config = config.replace(f"@{name}@", str(value))
        path = os.path.join(directory, "conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        process = subprocess.Popen(
            [program, *options, path], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, harness.PATIENCE)
        self.addCleanup(process.terminate)

        def listens():
            with open("/proc/net/tcp", encoding="ascii") as file:
                return f"0100007F:{port:04X} 00000000:0000 0A" in file.read()
        wait_for(listens, program)
        return port


class Receipts(Case):
    """Programs that wait for our close_notify, and say whether it came."""

    SENDERS = (
        "gnutls-cli --no-ca-verification -p @ 127.0.0.1",
        "gnutls-cli --no-ca-verification --priority NORMAL:-VERS-TLS1.3 -p @ "
        "127.0.0.1",
        "socat -t 60 - OPENSSL:127.0.0.1:@,verify=0",
        "portlog send --tls --ca CA localhost @",
    )

    def send(self, command, port, lines):
        words = command.replace("@", str(port)).split()
        program = harness.PORTLOG if words[0] == "portlog" else shutil.which(
            words[0])
        if not program:
            self.skipTest(f"no {words[0]}")
        words = [MADE["authority"] if word == "CA" else word
                 for word in words[1:]]
        return subprocess.run([program, *words], input=joined(lines),
                              capture_output=True, check=False,
                              timeout=harness.PATIENCE)

    def test_each_program_that_has_one_has_all_in_the_output(self):
        for command in self.SENDERS:
            with self.subTest(command):
                daemon = self.serve()
                lines = lines_of("a")
                ran = self.send(command, daemon.port(), lines)
                written = self.kill(daemon)
                self.assertEqual(ran.returncode, 0, ran.stderr)
                self.assertEqual(written, lines)

    def test_it_passes_through_a_proxy_that_forwards_tls(self):
        daemon = self.serve()
        port = self.run_proxy("haproxy", HAPROXY.replace("@OPTIONS@", ""),
                              daemon.port(), "-db", "-f")
        lines = lines_of("a")
        ran = self.send(self.SENDERS[-1], port, lines)
        written = self.kill(daemon)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(written, lines)

    def test_a_kill_meanwhile_is_none(self):
        for command in self.SENDERS:
            with self.subTest(command):
                daemon = self.serve()
                killing = threading.Thread(target=lambda d=daemon: (
                    wait_for(d.data), self.kill(d)))
                killing.start()
                ran = self.send(command, daemon.port(), lines_of("a", 20000))
                killing.join()
                self.assertNotEqual(ran.returncode, 0)


class Ends(Case):
    """Each end of a stream, behind lines that are not written yet."""

    def each(self, count=LINES):
        for version in BOTH:
            with self.subTest(version=version.name):
                daemon = self.serve()
                client = self.client(daemon, version)
                client.lines = lines_of(version.name, count)
                client.send(joined(client.lines))
                yield daemon, client

    def test_close_notify(self):
        for daemon, client in self.each():
            self.assertEqual(client.close(), RECEIPT)
            self.assertEqual(self.kill(daemon), client.lines)

    def test_a_fin_between_two_records(self):
        for daemon, client in self.each():
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(client.verdict(), FIN)
            self.assertEqual(self.ended(daemon), ["truncated"])
            self.assertEqual(daemon.data(), client.lines)

    def test_a_fin_inside_a_record(self):
        for daemon, client in self.each():
            client.socket.sendall(client.encrypt(b"y" * 20)[:-1])
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(client.verdict(), FIN)
            self.assertEqual(self.ended(daemon), ["truncated"])
            self.assertEqual(daemon.data(), client.lines)
            self.assertIn(" undeciphered=", daemon.text())

    def test_a_flipped_bit(self):
        for daemon, client in self.each():
            wire = bytearray(client.encrypt(b"y" * 20))
            wire[-1] ^= 1
            client.socket.sendall(wire + client.say_close())
            self.assertIn(client.verdict(), (FIN, RESET))
            self.assertEqual(self.ended(daemon), ["tls-error"])
            self.assertEqual(daemon.data(), client.lines)

    def test_a_reset(self):
        for daemon, client in self.each():
            wait_for(daemon.data)
            reset(client.socket)
            self.assertEqual(self.ended(daemon), ["reset"])
            written = daemon.data()
            # The last line may be a part.
            self.assertEqual(written[:-1], client.lines[:len(written) - 1])
            self.assertTrue(client.lines[len(written) - 1].startswith(
                written[-1]))

    def test_sigterm(self):
        for daemon, client in self.each(200):  # that the kernel has room for
            said = self.client(daemon, client.tls.context.minimum_version)
            lines = lines_of("said", 200)
            said.send(joined(lines))
            said.socket.sendall(said.say_close())
            for of in said, client:
                wait_for(lambda s=of.socket: unacknowledged(s) == 0)
            daemon.signal(signal.SIGTERM)
            self.assertEqual(said.verdict(), RECEIPT)
            self.assertEqual(client.verdict(), FIN)
            self.assertEqual(daemon.wait(), 0)
            daemon.reader.finish()
            self.assertEqual(self.ended(daemon, 2), ["eof", "shutdown"])
            for of in said, client:
                self.assertEqual([r.data for r in daemon.of(name_of(of.socket))
                                  if r.tag != "*"],
                                 lines if of is said else client.lines)

    def test_a_kill_of_the_daemon(self):
        for daemon, client in self.each():
            client.socket.sendall(client.say_close())
            wait_for(daemon.data)
            written = self.kill(daemon)
            self.assertEqual(client.verdict(), RESET)
            self.assertEqual(written[:-1], client.lines[:len(written) - 1])

    def test_whoever_has_a_receipt_when_it_is_killed_has_all(self):
        """The one failure that counts, eight at a time."""
        receipts = 0
        for turn in range(6 * TURNS):
            daemon = self.serve()
            clients = [self.client(daemon, BOTH[i % 2]) for i in range(8)]
            for number, client in enumerate(clients):
                client.lines = lines_of(f"c{number}", 200)
                client.send(joined(client.lines))
                client.socket.sendall(client.say_close())
            if turn % 2:
                wait_for(lambda c=clients: any(x.is_answered() for x in c))
            time.sleep(random.random() / 5)  # at another moment each
            written = set(self.kill(daemon))
            for client in clients:
                if client.verdict() == RECEIPT:
                    receipts += 1
                    self.assertEqual(set(client.lines) - written, set())
        self.assertGreater(receipts, 0)


class Others(Case):
    """Programs that do not wait for us, or do not say what we said."""

    def directly(self, reason, *command):
        program = shutil.which(command[0])
        if not program:
            self.skipTest(f"no {command[0]}")
        daemon = self.serve()
        lines = lines_of(command[0])
        subprocess.run([program, *command[1:], str(daemon.port())],
                       input=joined(lines), capture_output=True, check=True,
                       timeout=harness.PATIENCE)
        self.assertEqual(self.ended(daemon), [reason])
        self.assertEqual(daemon.data(), lines)

    def test_ncat(self):
        self.directly("truncated", "ncat", "--ssl", "--send-only", "127.0.0.1")

    def test_openssl(self):
        """It waits for half a second at most: that it exits 0 says nothing."""
        for version in "-tls1_2", "-tls1_3":
            with self.subTest(version):
                self.directly("eof", "openssl", "s_client", version, "-quiet",
                              "-no_ign_eof", "-host", "127.0.0.1", "-port")

    def by_logger(self, daemon, sender, count=LINES):
        lines = lines_of("logger", count)
        sender.send(lines)
        wait_for(lambda: len(daemon.data()) >= 10)
        # What it has not sent when it is stopped it may throw away.
        daemon.wait_for_data(count)
        sender.stop()
        self.assertEqual(daemon.data(), lines)
        return self.ended(daemon)

    def by_rsyslog(self, driver):
        daemon = self.serve()
        sender = programs.rsyslog(self, self.directory(), driver, f"""
            global(defaultNetstreamDriverCAFile="{MADE["authority"]}")
            action(type="omfwd" target="127.0.0.1" port="{daemon.port()}"
                   protocol="tcp" StreamDriver="{driver}" template="line"
                   StreamDriverMode="1" StreamDriverAuthMode="anon")""")
        self.assertEqual(self.by_logger(daemon, sender), ["eof"])

    def test_rsyslog_ossl(self):
        self.by_rsyslog("ossl")

    def test_rsyslog_gtls(self):
        self.by_rsyslog("gtls")

    def test_syslog_ng(self):
        daemon = self.serve()
        sender = programs.syslog_ng(self, self.directory(), "d", f"""
            destination d {{ network("127.0.0.1" port({daemon.port()})
                transport("tls") template("$MSG\\n") flags(no-multi-line)
                tls(peer-verify(optional-untrusted))); }};""")
        self.assertEqual(self.by_logger(daemon, sender), ["truncated"])

    def through(self, program, config, *options):
        """A plain sender; the proxy makes TLS of it."""
        daemon = self.serve()
        port = self.run_proxy(program, config, daemon.port(), *options)
        lines = lines_of(program)
        with harness.connect_tcp(("127.0.0.1", port)) as connection:
            connection.sendall(joined(lines))
            connection.shutdown(socket.SHUT_WR)
            daemon.wait_for_data(len(lines))
        self.assertEqual(self.ended(daemon), ["eof"])
        self.assertEqual(daemon.data(), lines)

    def test_stunnel(self):
        self.through("stunnel4", STUNNEL)

    def test_haproxy(self):
        self.through("haproxy", HAPROXY.replace(
            "@OPTIONS@", "ssl verify none"), "-db", "-f")

    def test_nginx(self):
        load = f"load_module {STREAM_MODULE};" if os.path.exists(
            STREAM_MODULE) else ""
        self.through("nginx", load + NGINX, "-c")


if __name__ == "__main__":
    harness.main(jobs=4)
