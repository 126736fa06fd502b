# SPDX-License-Identifier: MIT
"""A real Prometheus and node_exporter: increase() over a kill and a restart."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

import harness
import keeper
from harness import TOP, portlog, wait_for
from test_status import SOCKET

RULES = os.path.join(TOP, "contrib", "portlog.rules.yml")
SCRAPE = """
global: {{ scrape_interval: 200ms, scrape_timeout: 200ms,
           evaluation_interval: 200ms }}
rule_files: [ "{rules}" ]
scrape_configs:
  - job_name: node
    static_configs: [ {{ targets: [ "127.0.0.1:{port}" ] }} ]
"""
RECORDS = "portlog_listener_records_total"
WRITTEN = "portlog_output_records_total"
ENDED = 'portlog_listener_connections_closed_total{reason="eof"}'


class Scrape(keeper.Case):
    def setUp(self):
        super().setUp()
        for program in ("prometheus", "prometheus-node-exporter"):
            if not shutil.which(program):
                self.skipTest(f"no {program}")
        self.dir = tempfile.mkdtemp(prefix="portlog-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.node, self.web = harness.free_port(), harness.free_port()

    def run_program(self, *arguments):
        program = subprocess.Popen(arguments, stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, cwd=self.dir)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)

    def begin(self):
        """A daemon without notes, and those that look at it."""
        self.daemon_ = keeper.Served(harness.to_file(
            keeper.tcp("t")) + 'connection_notes = "none"; ' + SOCKET)
        self.addCleanup(self.end, self.daemon_)
        with open(self.dir + "/prometheus.yml", "w", encoding="utf-8") as file:
            file.write(SCRAPE.format(rules=RULES, port=self.node))
        self.run_program(
            "prometheus-node-exporter", "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={self.dir}",
            f"--web.listen-address=127.0.0.1:{self.node}")
        self.run_program(
            "prometheus", f"--config.file={self.dir}/prometheus.yml",
            f"--storage.tsdb.path={self.dir}/data",
            f"--web.listen-address=127.0.0.1:{self.web}")

    def ask(self, query):
        """What Prometheus answers: the values, by nothing."""
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.web}/api/v1/query?" +
                    urllib.parse.urlencode({"query": query}),
                    timeout=harness.PATIENCE) as answer:
                found = json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            return []  # it is starting
        return [float(one["value"][1]) for one in found["data"]["result"]]

    def collect(self, up=1):
        """As the timer does."""
        ran = portlog("metrics", "-s", self.daemon_.dir + "/s", "-o",
                      self.dir + "/portlog.prom")
        self.assertEqual(ran.returncode, 1 - up, ran)

    def wait_until_seen(self, query, value):
        wait_for(lambda: self.ask(query) == [value], f"{query} {value}")

    def send(self, peer, count):
        """Send records, one of them by a peer that ends, and see them all."""
        self.sent += count
        self.ended += 1
        peer.sendall(b"x\n" * (count - 1))
        with self.daemon_.tcp() as other:
            other.sendall(b"x\n")
            other.shutdown(socket.SHUT_WR)
            self.assertEqual(harness.end_of(other), b"")
        wait_for(lambda: len(self.daemon_.data(
            path=self.daemon_.dir + "/log")) == self.sent)
        self.collect()
        self.wait_until_seen(RECORDS, self.sent)

    def test_what_a_kill_and_a_restart_do_to_increase(self):
        self.sent = self.ended = 0
        self.begin()
        self.collect()
        self.wait_until_seen(RECORDS, 0)
        # Fewer each time: a counter that has passed its old value before it is
        # seen again has begun anew for nobody.
        with self.daemon_.tcp() as peer:
            self.send(peer, 300)
            self.daemon_.fell()
            self.collect(up=0)
            self.wait_until_seen("portlog_up", 0)
            wait_for(lambda: self.ask('ALERTS{alertname="PortlogDown"}'))
            self.daemon_.start()
            self.send(peer, 200)
            self.daemon_.restart()
            self.send(peer, 100)
        self.wait_until_seen(f"resets({RECORDS}[10m])", 0)
        self.wait_until_seen(f"resets({WRITTEN}[10m])", 2)
        self.wait_until_seen(f"resets({ENDED}[10m])", 0)
        self.wait_until_seen(ENDED, self.ended)
        # It is extrapolated, by an interval at the most.
        for name, value in ((RECORDS, self.sent), (WRITTEN, self.sent),
                            (ENDED, self.ended)):
            increase, = self.ask(f"increase({name}[10m])")
            self.assertAlmostEqual(increase / value, 1, delta=0.1, msg=name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
