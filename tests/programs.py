# SPDX-License-Identifier: MIT
"""Loggers that others wrote, as senders: each takes datagrams on a socket of
its own and sends them on as lines, until it is stopped."""
import glob
import os
import shutil
import signal
import socket
import subprocess
import unittest

import harness
from harness import wait_for

PATH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
# rsyslog and Debian's syslog-ng exclude each other: bench/unpack-syslog-ng.
SYSLOG_NG_ROOT = os.environ.get("SYSLOG_NG_ROOT") or os.path.join(
    os.path.dirname(os.path.abspath(harness.PORTLOGD)), "bench", "syslog-ng")
DRIVERS = {"ossl": "lmnsd_ossl.so", "gtls": "lmnsd_gtls.so"}
RSYSLOG = """
global(workDirectory="@DIR@" net.enableDNS="off")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="@DIR@/in" RateLimit.Interval="0")
template(name="line" type="string" string="%msg:2:$%\\n")
"""
SYSLOG_NG = """@version: current
options { use-dns(no); dns-cache(no); stats-freq(0); };
source s_in { unix-dgram("@DIR@/in"); };
@DESTINATION@
log { source(s_in); destination(@NAME@); };
"""


class Sender:
    """One that runs; it is ended with the test."""

    def __init__(self, case, directory, *command, **environment):
        self.path = os.path.join(directory, "in")
        with open(os.path.join(directory, "said"), "wb") as said:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                env={**os.environ, **environment})
        case.addCleanup(self.process.wait, harness.PATIENCE)
        case.addCleanup(self.process.kill)
        wait_for(lambda: os.path.exists(self.path) or
                 self.process.poll() is not None, command[0])
        with open(said.name, encoding="utf-8") as text:
            case.assertIsNone(self.process.poll(), text.read())

    def send(self, lines):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.connect(self.path)
            for line in lines:
                out.send(b"<13>sender: " + line.encode())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(harness.PATIENCE)


def _write(directory, text):
    path = os.path.join(directory, "conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("@DIR@", directory))
    return path


def rsyslog(case, directory, driver, action, wrap=()):
    """One with this action, which may use the template "line"; wrap is what
    the command begins with."""
    program = shutil.which("rsyslogd", path=PATH)
    if not program or not glob.glob("/usr/lib/*/rsyslog/" + DRIVERS[driver]):
        raise unittest.SkipTest(f"no rsyslogd with {driver}")
    return Sender(case, directory, *wrap, program, "-n", "-i",
                  os.path.join(directory, "pid"), "-f",
                  _write(directory, RSYSLOG + action))


def syslog_ng(case, directory, name, destination, wrap=()):
    """One with this destination, of this name."""
    root = os.path.join(SYSLOG_NG_ROOT, "usr")
    program = shutil.which("syslog-ng", path=f"{PATH}:{root}/sbin")
    if not program:
        raise unittest.SkipTest("no syslog-ng: see bench/unpack-syslog-ng")
    options, environment = [], {}
    if program.startswith(root):
        modules = ":".join(glob.glob(f"{root}/lib/syslog-ng/[0-9]*"))
        options = [f"--module-path={modules}"]
        environment = {"LD_LIBRARY_PATH": ":".join(
            [f"{root}/lib/syslog-ng", *glob.glob(f"{root}/lib/*-linux-*")])}
    text = SYSLOG_NG.replace("@DESTINATION@", destination)
    return Sender(case, directory, *wrap, program, "-F", "--no-caps", *options,
                  "-f", _write(directory, text.replace("@NAME@", name)),
                  *(f"--{kind}={directory}/{kind}"
                    for kind in ("persist-file", "pidfile", "control")),
                  **environment)
