# SPDX-License-Identifier: MIT
"""Read from /proc: CPU and memory of a receiver with all its processes."""
import os
import re
import time

TICK = os.sysconf("SC_CLK_TCK")


def read(path):
    """Read a file of /proc; empty if the process has ended."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def stat(pid):
    """The fields of /proc/PID/stat, from the third on."""
    return read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def family(pid):
    """The process and all its descendants."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        fields = stat(name)
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def cpu_seconds(pid):
    """User and system time: in nanoseconds for live processes, in ticks for
    children that were reaped."""
    total = 0.0
    for member in family(pid):
        fields = stat(member)
        try:
            # The process's CPU clock, as clock_getcpuclockid(3) returns it.
            total += time.clock_gettime(~member << 3 | 2)
            total += sum(map(int, fields[13:15])) / TICK
        except (OSError, ValueError):
            pass  # the process has just ended
    return total


def kib(pids, file, key):
    """The sum of the lines of this name in a file of /proc/PID."""
    texts = (read(f"/proc/{pid}/{file}") for pid in pids)
    found = (re.search(rf"^{key}:\s+(\d+) kB", text, re.M) for text in texts)
    return sum(int(match.group(1)) for match in found if match)


def pss_kib(pid):
    """PSS: shared memory counts once."""
    return kib(family(pid), "smaps_rollup", "Pss")


def memory_kib(pid):
    """The peak of one process; of several, their present sum."""
    several = len(family(pid)) > 1
    return pss_kib(pid) if several else kib([pid], "status", "VmHWM")


def listens(protocol, port):
    """Whether a socket listens there; makes no connection to it."""
    state = {"tcp": "0A", "udp": "07"}[protocol]
    sought = re.compile(rf":\s+\S+:{port:04X} \S+ {state} ", re.M | re.I)
    return any(sought.search(read(f"/proc/net/{protocol}{six}"))
               for six in ("", "6"))
