#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Starts each receiver in turn under the same loads, and prints what it took.

    bench/run.py                                            all, three turns
    bench/run.py --loads tcp-128,udp --receivers portlogd,limit --turns 5
    bench/run.py --receivers portlogd,old=/path/to/portlogd,limit
"""
import argparse
import contextlib
import fnmatch
import json
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

import loads
import measure
import receivers
import report

POLL = 0.02  # seconds
PATIENCE = 3.0  # without growth, while records are missing
LIMIT = 60.0  # for one receiver under one load


class Failed(Exception):
    """The receiver can't do this."""


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(what)
        time.sleep(POLL)


def free_port():
    """One that is free for TCP and UDP, most likely still when it is used."""
    with socket.socket() as tcp, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return tcp.getsockname()[1]


def end(process):
    """Processes that outlive their parent are ended too."""
    family = measure.family(process.pid)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            if pid != process.pid or process.returncode is None:
                os.kill(pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def started(receiver, setup):
    with open(os.path.join(setup.directory, "said"), "w+",
              encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            receiver.command(setup), stdin=subprocess.DEVNULL, stdout=said,
            stderr=said, env={**os.environ, **receiver.environment})
        try:
            wait_for(lambda: measure.listens(setup.protocol, setup.port) or
                     process.poll() is not None, 10, "does not listen")
            if process.poll() is not None:
                said.seek(0)
                raise Failed("did not start: " + said.read(500))
            yield process
        finally:
            end(process)


def line_of(load):
    """What the sender sends, without its newline."""
    return bytes(ord("a") + i % 26 for i in range(load.line_bytes - 1))


def count(receiver, load, log):
    """How many records were delivered."""
    if not receiver.frames:
        return os.path.getsize(log) // load.line_bytes
    sought, found, rest = line_of(load) + receiver.ending, 0, b""
    with open(log, "rb") as file:
        while data := file.read(1 << 24):
            lines, newline, rest = (rest + data).rpartition(b"\n")
            found += (lines + newline).count(sought)
    return found


class Run:
    """One load on one receiver."""

    def __init__(self, receiver, load, setup):
        self.receiver, self.load, self.setup = receiver, load, setup
        self.deadline = time.monotonic() + LIMIT
        self.peak_kib = 0
        self.sample_at = 0.0

    def measured(self, process):
        cpu = measure.cpu_seconds(process.pid)
        pss = measure.pss_kib(process.pid)
        command = [os.path.join(receivers.TOOLS, "sender"),
                   *self.load.arguments(), str(self.setup.port),
                   self.setup.log]
        with subprocess.Popen(command, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as sender:
            try:
                while sender.poll() is None and self.load.kind != "idle":
                    self.look(process)
                delivered = self.wait_for_records(process)
                pss = measure.pss_kib(process.pid) - pss
                said = sender.communicate()[0]
            finally:
                sender.kill()
        if sender.returncode != 0:
            raise Failed("the sender failed")
        said = {key: float(value) for key, value in
                (word.split("=") for word in said.split())}
        if self.receiver.frames:  # probes are other lines
            delivered += int(said.get("probes", 0) - said.get("lost", 0))
        return {"delivered": delivered, "sent": self.load.lines,
                "cpu_seconds": measure.cpu_seconds(process.pid) - cpu,
                "peak_kib": self.peak_kib,
                "pss_kib": pss / self.load.connections, **said}

    def wait_for_records(self, process):
        """Until all are in the log, or no more come; how many there are."""
        size = -1
        while True:
            delivered = count(self.receiver, self.load, self.setup.log)
            if delivered >= self.load.lines or self.load.probes:
                break
            if os.path.getsize(self.setup.log) == size:
                break
            size = os.path.getsize(self.setup.log)
            patience = time.monotonic() + PATIENCE
            while time.monotonic() < patience and \
                    os.path.getsize(self.setup.log) == size:
                self.look(process)
        self.peak_kib = max(self.peak_kib, measure.peak_kib(process.pid))
        return delivered

    def look(self, process):
        """What there is to see while it goes on."""
        now = time.monotonic()
        if now > self.deadline:
            raise Failed(f"not done in {LIMIT:.0f} s")
        if process.poll() is not None:
            raise Failed("it ended")
        if now > self.sample_at:
            self.peak_kib = max(self.peak_kib, measure.peak_kib(process.pid))
            # Looking must not be what takes the time.
            self.sample_at = now + max(0.1, 50 * (time.monotonic() - now))
        time.sleep(POLL)


def run_once(receiver, load, directory):
    if load.protocol not in receiver.protocols:
        return {"failed": f"no {load.protocol.upper()}"}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=directory) as own:
        setup = receivers.Setup(own, free_port(), load.protocol)
        with open(setup.log, "wb"):
            pass  # some create it late
        try:
            with started(receiver, setup) as process:
                return Run(receiver, load, setup).measured(process)
        except Failed as error:
            return {"failed": str(error)}


def chosen(patterns, there):
    """The loads that match, in the order of the patterns."""
    found = []
    for pattern in patterns.split(","):
        names = [load for load in there
                 if fnmatch.fnmatch(load.name, pattern)]
        if not names:
            sys.exit(f"no load {pattern!r}: " +
                     ", ".join(load.name for load in there))
        found += names
    return found


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--loads", default=",".join(
        load.name for load in loads.MAIN), metavar="PATTERN,...")
    parser.add_argument("--receivers", default=",".join(receivers.PEERS),
                        metavar="NAME,...")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0,
                        help="so many times the lines of each load")
    parser.add_argument("--cores", type=int, default=2,
                        help="that receiver and sender share (default 2)")
    parser.add_argument("--nice", type=int, default=0,
                        help="-19 on a machine that does other work, as root")
    parser.add_argument("--dir", default="/dev/shm",
                        help="where the logs go (default /dev/shm: a tmpfs)")
    parser.add_argument("--json", metavar="FILE", help="results, for chart.py")
    return parser.parse_args()


def prepare(cores, nice):
    """All that is started inherits this."""
    os.nice(nice)
    cores = sorted(os.sched_getaffinity(0))[:cores]
    os.sched_setaffinity(0, cores)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def machine(cores):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file
                  if line.startswith("model name")]
    return (f"{models[0] if models else platform.machine()}, {cores} cores, "
            f"Linux {platform.release()}, "
            f"{time.strftime('%Y-%m-%d', time.gmtime())}")


def main():
    args = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    prepare(args.cores, args.nice)
    names = args.receivers.split(",")
    there = {name.split("=")[0]: receivers.named(name) for name in names}
    for name in [n for n, r in there.items() if not r.is_there()]:
        print(f"{name} is not there and left out", file=sys.stderr)
        del there[name]
    wanted = [load.scaled(args.scale)
              for load in chosen(args.loads, loads.ALL)]
    results = {load.name: {name: [] for name in there} for load in wanted}
    for turn in range(args.turns):
        for load in wanted:
            for name in list(there) if turn % 2 == 0 else reversed(there):
                result = run_once(there[name], load, args.dir)
                results[load.name][name].append(result)
                print(f"{turn + 1}/{args.turns} {load.name} {name}: "
                      + report.brief(load, result), file=sys.stderr)
    print(report.tables(wanted, results))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine(args.cores), "turns": args.turns,
                       "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
