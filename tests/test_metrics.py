# SPDX-License-Identifier: MIT
"""portlog metrics, and what is made for the monitoring of others."""
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

import harness
import test_status
from harness import TOP, portlog, tcp, udp, wait_for

CONTRIB = os.path.join(TOP, "contrib")
SAMPLE = re.compile(r'(\w+)(?:\{(.*)\})? (-?[\d.]+)')
LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')


def has(program):
    return unittest.skipUnless(shutil.which(program), f"no {program}")


def ran(*arguments, data=None, **options):
    return subprocess.run(arguments, input=data, capture_output=True,
                          timeout=harness.PATIENCE, check=False, **options)


def samples(text):
    """{name: {labels: value}} of a text; labels as a frozenset."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        found.setdefault(name, {})[frozenset(LABEL.findall(labels or ""))] = (
            float(value))
    return found


class Case(test_status.Case):
    def metrics(self, *arguments, code=0):
        ran_ = portlog("metrics", "-s", self.path, *arguments)
        self.assertEqual(ran_.returncode, code, ran_)
        return ran_.stdout.decode()

    def value(self, name, **labels):
        found = samples(self.metrics())[name]
        return found[frozenset(labels.items())]


class Metrics(Case):
    @has("promtool")
    def test_promtool_finds_no_fault(self):
        self.serve(tcp(), udp(),
                   '{ protocol = "unix-stream"; path = "@DIR@/u"; }')
        checked = ran("promtool", "check", "metrics",
                      data=self.metrics().encode())
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr),
                         (0, b""))

    def test_values(self):
        daemon = self.serve(tcp('name = "t";'), udp('name = "u";'))
        with self.tcp(daemon) as end:
            end.sendall(b"one\ntwo\n")
            self.udp(daemon, 1).send(b"three")
            wait_for(lambda: len(daemon.data(path=daemon.dir + "/log")) == 3)
            for name, labels, value in (
                    ("portlog_up", {}, 1),
                    ("portlog_connections", {}, 1),
                    ("portlog_listener_records_total", {"listener": "t"}, 2),
                    ("portlog_listener_received_bytes_total",
                     {"listener": "t"}, 8),
                    ("portlog_listener_connections", {"listener": "t"}, 1),
                    ("portlog_listener_connections_limit", {"listener": "t"},
                     1024),
                    ("portlog_listener_records_total", {"listener": "u"}, 1),
                    ("portlog_listener_lost_datagrams_total",
                     {"listener": "u"}, 0),
                    ("portlog_output_records_total",
                     {"output": daemon.dir + "/log"}, 3),
                    ("portlog_output_stalled",
                     {"output": daemon.dir + "/log"}, 0)):
                with self.subTest(name=name):
                    self.assertEqual(self.value(name, **labels), value)

    def test_no_label_grows_with_peers(self):
        daemon = self.serve(tcp(), udp())
        before = samples(self.metrics())
        ends = [self.tcp(daemon) for _ in range(20)]
        for end in ends:
            end.sendall(b"x\n")
            self.udp(daemon, 1).send(b"x")
        wait_for(lambda: len(daemon.data(path=daemon.dir + "/log")) == 40)
        after = samples(self.metrics())
        self.assertEqual(set(after) - set(before), {
            "portlog_output_last_write_timestamp_seconds",
            "portlog_listener_last_record_timestamp_seconds"})
        for name, values in before.items():
            self.assertEqual(set(values), set(after[name]), name)
        names = {name for values in after.values() for labels in values
                 for name, _ in labels}
        self.assertEqual(names, {"version", "listener", "output", "protocol",
                                 "address", "framing", "type", "format",
                                 "path", "reason"})

    def test_whatever_an_output_is_called_its_label_is_one(self):
        name = r'a\"b\\c\nd\xff'
        self.serve(output='type = "file"; path = "@DIR@/log"; '
                          f'name = "{name}";')
        text = self.metrics()
        self.assertIn(r'{output="a\"b\\\\c\\nd' + "\ufffd" + '"}', text)
        if shutil.which("promtool"):
            checked = ran("promtool", "check", "metrics", data=text.encode())
            self.assertEqual(checked.returncode, 0, checked)

    def test_the_start_is_that_of_the_process(self):
        daemon = self.serve()
        first = self.value("portlog_start_time_seconds")
        self.assertEqual(self.value("portlog_start_time_seconds"), first)
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        daemon.launch()
        self.assertGreater(self.value("portlog_start_time_seconds"), first)

    def test_where_nobody_answers_it_is_down(self):
        daemon = self.serve()
        daemon.stop()
        found = samples(self.metrics(code=1))
        self.assertEqual(found["portlog_up"], {frozenset(): 0})
        self.assertEqual(set(found), {"portlog_up",
                                      "portlog_metrics_timestamp_seconds"})


class File(Case):
    def test_it_is_replaced_as_a_whole(self):
        daemon = self.serve()
        directory = daemon.dir + "/metrics"
        os.mkdir(directory)
        path = directory + "/portlog.prom"
        self.assertEqual(self.metrics("-o", path), "")
        old = os.stat(path)
        self.assertEqual(stat.S_IMODE(old.st_mode), 0o644)
        with open(path, encoding="utf-8") as file:
            self.metrics("-o", path)
            self.assertEqual(samples(file.read())["portlog_up"],
                             {frozenset(): 1})
        self.assertNotEqual(os.stat(path).st_ino, old.st_ino)
        self.assertEqual(os.listdir(directory), ["portlog.prom"])
        daemon.stop()
        self.metrics("-o", path, code=1)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(samples(file.read())["portlog_up"],
                             {frozenset(): 0})

    def test_where_it_cannot_be_written(self):
        daemon = self.serve()
        self.metrics("-o", daemon.dir + "/no/x.prom", code=1)
        os.mkdir(daemon.dir + "/m")
        os.mkdir(daemon.dir + "/m/x.prom")
        self.metrics("-o", daemon.dir + "/m/x.prom", code=1)
        self.assertEqual(os.listdir(daemon.dir + "/m"), ["x.prom"])

    @has("prometheus-node-exporter")
    def test_the_textfile_collector_reads_it(self):
        daemon = self.serve(tcp('name = "t";'))
        directory = daemon.dir + "/metrics"
        os.mkdir(directory)
        self.metrics("-o", directory + "/portlog.prom")
        port = harness.free_port()
        with subprocess.Popen(
                ["prometheus-node-exporter", "--collector.disable-defaults",
                 "--collector.textfile",
                 f"--collector.textfile.directory={directory}",
                 f"--web.listen-address=127.0.0.1:{port}"],
                stderr=subprocess.DEVNULL) as exporter:
            self.addCleanup(exporter.kill)

            def page():
                try:
                    with harness.connect_tcp(("127.0.0.1", port)) as web:
                        web.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                        return harness.end_of(web).decode()
                except ConnectionError:
                    return ""
            text = wait_for(page)
            exporter.kill()
        self.assertIn("node_textfile_scrape_error 0", text)
        self.assertIn('portlog_listener_records_total{listener="t"} 0', text)


class Contrib(unittest.TestCase):
    """What others read: rules, dashboard, format."""

    @has("promtool")
    def test_the_rules_and_their_tests(self):
        for arguments in (("check", "rules", "portlog.rules.yml"),
                          ("test", "rules", "portlog_test.yml")):
            checked = ran("promtool", *arguments, cwd=CONTRIB)
            self.assertEqual(checked.returncode, 0, checked)

    def test_each_rule_has_a_test(self):
        with open(CONTRIB + "/portlog.rules.yml", encoding="utf-8") as file:
            rules = re.findall(r"- alert: (\w+)", file.read())
        with open(CONTRIB + "/portlog_test.yml", encoding="utf-8") as file:
            tests = set(re.findall(
                r"alertname: (\w+)\n +exp_alerts", file.read()))
        self.assertGreater(len(rules), 5)
        self.assertEqual(set(rules), tests)

    def test_they_name_metrics_that_there_are(self):
        with open(os.path.join(TOP, "src/client/metrics.c"),
                  encoding="utf-8") as file:
            there = set(re.findall(r'"(portlog_\w+)"', file.read()))
        for name in ("portlog.rules.yml", "portlog-dashboard.json"):
            with open(f"{CONTRIB}/{name}", encoding="utf-8") as file:
                used = set(re.findall(r"\b(portlog_\w+)\b", file.read()))
            self.assertLessEqual(used - {"portlog_test"}, there)
            self.assertGreater(len(used), 5)
        with open(os.path.join(TOP, "man/portlog.1"), encoding="utf-8") as file:
            manual = set(re.findall(r"(portlog_\w+)", file.read()))
        self.assertEqual(manual, there)

    def test_the_dashboard_is_json(self):
        with open(CONTRIB + "/portlog-dashboard.json",
                  encoding="utf-8") as file:
            board = json.load(file)
        self.assertEqual(board["uid"], "portlog")
        ids = [panel["id"] for panel in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))

    @has("lnav")
    def test_lnav_takes_the_format(self):
        home = tempfile.mkdtemp(prefix="portlog-")
        self.addCleanup(shutil.rmtree, home)
        environment = {**os.environ, "HOME": home, "TERM": "dumb",
                       "XDG_CONFIG_HOME": home}
        formats = home + "/lnav/formats/portlog"
        os.makedirs(formats)
        shutil.copy(CONTRIB + "/portlog.lnav.json", formats + "/portlog.json")
        checked = ran("lnav", "-C", env=environment)
        said = checked.stdout + checked.stderr
        self.assertNotIn(b"portlog", said)
        log = home + "/log"
        with open(log, "w", encoding="utf-8") as file:
            file.write("2026-11-23T07:12:01.123456Z tcp/8888 192.0.2.7:51034 "
                       "F hello\n2026-11-23T07:12:02.123456Z udp/8888 - * "
                       "lost datagrams=3\n")
        shown = ran("lnav", "-n", "-c", ";select listener, tag, log_level "
                    "from portlog_log", "-c", ":write-csv-to -", log,
                    env=environment)
        self.assertIn(b"tcp/8888,F,info\nudp/8888,*,error\n",
                      shown.stdout.replace(b"\r", b""), shown)


if __name__ == "__main__":
    harness.main(jobs=4)
