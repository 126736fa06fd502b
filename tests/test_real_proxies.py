# SPDX-License-Identifier: MIT
"""haproxy and nginx in front of a listener: what they tell is in the log."""
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest

import accounting
import harness
import keeper
from harness import configured, end_of, free_port, name_of, wait_for

PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
HAPROXY, NGINX, OPENSSL = (shutil.which(program, path=PATH) for program in (
    "haproxy", "nginx", "openssl"))
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
FROM_US = 'proxies = [ "127.0.0.1" ];'
V2 = "send-proxy-v2"
ALL = V2 + "-ssl-cn proxy-v2-options unique-id,crc32c,authority"
HAPROXY_CONF = """
defaults
    mode tcp
    timeout connect 20s
    timeout client 60s
    timeout server 60s
    unique-id-format %[uuid()]
"""
NGINX_CONF = """
{load}
daemon off;
pid {dir}/pid;
error_log stderr;
events {{ }}
stream {{ server {{
    listen 127.0.0.1:{port};
    proxy_pass 127.0.0.1:{to};
    proxy_protocol on;
}} }}
"""


class Case(harness.Case):

    def directory(self):
        directory = tempfile.TemporaryDirectory(prefix="portlog-proxy-")
        self.addCleanup(directory.cleanup)
        return directory.name

    def run_proxy(self, directory, text, *command):
        """Run a program that reads this configuration; @ is its path."""
        path = os.path.join(directory, "conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        log = open(os.path.join(directory, "err"), "w+", encoding="utf-8")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [path if word == "@" else word for word in command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def end():
            process.terminate()  # killed, nginx would leave its worker
            process.wait(harness.PATIENCE)
        self.addCleanup(end)
        return process

    def haproxy(self, daemon, *servers, number=0):
        """Run it; the port of each server, "[options of bind | ]options"."""
        directory, ports, text = self.directory(), [], HAPROXY_CONF
        for options in servers:
            bind, _, server = options.rpartition(" | ")
            ports.append(free_port())
            text += (f"listen l{ports[-1]}\n    bind 127.0.0.1:{ports[-1]} "
                     f"{bind}\n    server s 127.0.0.1:{daemon.port(number)} "
                     f"{server}\n")
        self.run_proxy(directory, text, HAPROXY, "-db", "-f", "@")
        for port in ports:
            self.wait_for_port(port)
        return ports

    def wait_for_port(self, port):
        def connects():
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                return False
            return True
        wait_for(connects, f"port {port}")

    def connect(self, port):
        connection = harness.connect_tcp(("127.0.0.1", port))
        self.addCleanup(connection.close)
        return connection

    def assert_told(self, daemon, connection, told=None):
        """Send a line and the end; the log says whose they are."""
        peer = name_of(connection)
        connection.sendall(b"hello\n")
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(end_of(connection), b"")
        wait_for(lambda: len(daemon.of(peer)) >= 3, f"all of {peer}")
        proxied, record, closed = daemon.of(peer)
        event, keys = proxied.note()
        self.assertEqual((event, keys.get("told-name")), ("proxied", told))
        self.assertEqual((record.tag, record.data), ("F", "hello"))
        self.assertIn(" bytes=6 ", closed.data)
        self.assertEqual(closed.note()[1]["by"], keys["by"])
        self.assertNotEqual(keys["by"], peer)


@unittest.skipUnless(HAPROXY, "haproxy is missing")
class Haproxy(Case):

    def test_each_of_its_headers(self):
        daemon = self.daemon(config=configured(harness.tcp(FROM_US)))
        for port in self.haproxy(
                daemon, "send-proxy", V2, V2 +
                " proxy-v2-options unique-id,crc32c,authority"):
            self.assert_told(daemon, self.connect(port))
        self.assertEqual(daemon.stop(), 0)
        self.assertNotIn("refused", daemon.text())

    def test_its_health_checks_are_probes(self):
        daemon = self.daemon(config=configured(harness.tcp(FROM_US)))
        port, _, _ = self.haproxy(daemon, *(
            f"{send} check inter 50ms" for send in (
                "send-proxy check-send-proxy", f"{V2} check-send-proxy", "")))
        name = daemon.listening[0][0]
        wait_for(lambda: daemon.counters()[name]["total"] > 60)
        self.assert_told(daemon, self.connect(port))
        self.assertEqual(daemon.stop(), 0)
        events = [r.note() for r in daemon.records()
                  if r.tag == "*"]
        self.assertEqual({event for event, _ in events},
                         {"proxied", "closed", "probes"}, events)
        self.assertGreater(sum(int(keys["connections"]) for event, keys in
                               events if event == "probes"), 50)

    @unittest.skipUnless(OPENSSL, "openssl is missing")
    def test_the_name_that_a_client_has_proved_to_it(self):
        directory = self.directory()
        for name in ("server", "sensor7.example", "stranger"):
            subprocess.run(
                [OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", f"{directory}/{name}.key", "-out",
                 f"{directory}/{name}.crt", "-days", "2"],
                check=True, capture_output=True, timeout=harness.PATIENCE)
        with open(f"{directory}/server.pem", "w", encoding="utf-8") as both:
            for kind in ("crt", "key"):
                with open(f"{directory}/server.{kind}",
                          encoding="utf-8") as file:
                    both.write(file.read())
        daemon = self.daemon(config=configured(harness.tcp(FROM_US)))
        port, = self.haproxy(
            daemon, f"ssl crt {directory}/server.pem verify optional "
            f"ca-file {directory}/sensor7.example.crt "
            f"crt-ignore-err all ca-ignore-err all | {ALL}")
        for name, told in (("sensor7.example", "sensor7.example"),
                           ("stranger", None), (None, None)):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if name:
                context.load_cert_chain(f"{directory}/{name}.crt",
                                        f"{directory}/{name}.key")
            connection = context.wrap_socket(self.connect(port))
            self.addCleanup(connection.close)
            peer = name_of(connection)
            connection.sendall(b"hello\n")
            wait_for(lambda p=peer: len(daemon.of(p)) == 2, "both lines")
            proxied, record = daemon.of(peer)
            self.assertEqual(proxied.note()[1].get("told-name"), told, name)
            self.assertEqual(record.data, "hello")


@unittest.skipUnless(NGINX and os.path.exists(STREAM_MODULE),
                     "nginx or its stream module is missing")
class Nginx(Case):

    def test_its_header(self):
        daemon = self.daemon(config=configured(harness.tcp(FROM_US)))
        directory, port = self.directory(), free_port()
        self.run_proxy(directory, NGINX_CONF.format(
            load=f"load_module {STREAM_MODULE};", dir=directory, port=port,
            to=daemon.port()), NGINX, "-p", directory, "-c", "@",
            "-e", "stderr")
        self.wait_for_port(port)
        self.assert_told(daemon, self.connect(port))


@unittest.skipUnless(HAPROXY, "haproxy is missing")
class Kept(keeper.Case, Case):
    """Restarts and kills under load: the streams through it go on."""

    def test_restarts_and_kills_close_nothing(self):
        daemon = self.serve(keeper.tcp("behind", FROM_US))
        ports = self.haproxy(daemon, "send-proxy", V2)
        for number, name in enumerate("abcd"):
            self.begin(accounting.Halves(
                self.connect(ports[number % 2]), name, burst=3, rate=500),
                self.streams)
        entries = self.kill_and_restart(daemon)
        for stream in self.streams:
            self.assertEqual(
                [e.data.split(" ")[0] for e in entries if e.tag == "*" and
                 e.peer == stream.peer and "lost" not in e.data],
                ["proxied", "closed"])


if __name__ == "__main__":
    harness.main(jobs=2)
