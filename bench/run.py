#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Starts each receiver in turn under the same loads, and prints the figures.

    bench/run.py                    every section
    bench/run.py --record           the same, into bench/
    bench/run.py --sections peers --turns 1
    bench/run.py --loads tcp-128,udp --receivers portlogd,limit
    bench/run.py --loads 'tcp-*' --receivers portlogd,old=./old/portlogd,limit

PORTLOGD names the portlogd to measure, BENCH_TOOLS the directory of sender
and limit; by default they are in ./ and in bench/ beside it.
"""
import argparse
import fnmatch
import json
import os
import platform
import re
import resource
import signal
import sys
import time

import figures
import loads
import receivers
import report
import trial

# In seconds: a run that takes longer is not repeated.
LONG = 20.0
SLOW = 4.0  # of a peer


def chosen_loads(patterns):
    """The names that match, in the order of the patterns."""
    found = []
    for pattern in patterns.split(","):
        names = fnmatch.filter(loads.ALL, pattern)
        if not names:
            raise SystemExit(f"no load {pattern}: " + ", ".join(loads.ALL))
        found += [loads.ALL[name] for name in names]
    return tuple(found)


def chosen_sections(args):
    """The sections of the plan, or one made from the command line."""
    if args.loads or args.receivers:
        plan = loads.SECTIONS[0]
        return [loads.Section(
            "chosen", "", chosen_loads(args.loads) if args.loads
            else plan.loads, args.receivers or plan.receivers, args.cores)]
    wanted = args.sections and args.sections.split(",")
    return [section for section in loads.SECTIONS
            if not wanted or section.name in wanted]


def present(names, left_out):
    """The installed receivers by name; prints which are missing."""
    found = {name.split("=")[0]: receivers.named(name)
             for name in names.split(",")}
    for name in [name for name in found if not found[name].is_there()]:
        if name not in left_out:
            print(f"left out, because it is not there: {name}")
            left_out.append(name)
        del found[name]
    return found


def warm_up(there, known, directory):
    """Ask each for its version, which also reads it from disk once."""
    load = loads.ALL["tcp-128"].scaled(0.01)
    for name in there:
        if name not in known:
            trial.run(there[name], load, directory)
            known[name] = there[name].version()


def is_slow(name, result):
    """Whether a run took too long to be repeated; long runs vary little."""
    is_ours = name == "limit" or name not in receivers.ALL or \
        name.startswith("portlogd")
    return result["took"] > (LONG if is_ours else SLOW)


def run_once(receiver, load, directory):
    start = time.monotonic()
    result = trial.run(receiver, load, directory)
    return {**result, "took": round(time.monotonic() - start, 3)}


def run_section(section, there, args, cores, directory):
    """Receivers take turns, so that other load hits all of them."""
    os.sched_setaffinity(0, cores[:section.cores])
    results = {load.name: {name: [] for name in there}
               for load in section.loads}
    for turn in range(args.turns):
        for load in section.loads:
            for name in list(there) if turn % 2 == 0 else reversed(there):
                runs = results[load.name][name]
                if runs and is_slow(name, runs[-1]):
                    continue
                runs.append(run_once(there[name], load, directory))
                print(f"{turn + 1}/{args.turns} {load.name} {name}: "
                      + figures.brief(load, runs[-1]), file=sys.stderr)
    return results


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sections", metavar="NAME,...", help=", ".join(
        section.name for section in loads.SECTIONS))
    parser.add_argument("--loads", metavar="PATTERN,...")
    parser.add_argument("--receivers", metavar="NAME,...")
    parser.add_argument("--turns", type=int, default=3,
                        help="medians are printed (default 3)")
    parser.add_argument("--scale", type=float, default=1.0,
                        help="so many times the lines of each load")
    parser.add_argument("--cores", type=int, default=2,
                        help="shared by receiver and sender (default 2)")
    parser.add_argument("--nice", type=int, default=0,
                        help="-19: first in line on a busy machine, as root")
    parser.add_argument("--dir", help="where the logs go (default /dev/shm, "
                        "a tmpfs; for receipts the present directory)")
    parser.add_argument("--json", metavar="FILE",
                        help="all results, written after each section")
    parser.add_argument("--record", action="store_true",
                        help="into results.json, tables and charts")
    args = parser.parse_args()
    if args.record and (args.sections or args.loads or args.receivers):
        parser.error("what is recorded is all of it")
    return args


def machine(cores):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        said = file.read()
    models = re.findall(r"^model name\s*: (.*)", said, re.M)
    is_guest = " hypervisor" in said
    return (f"{models[0] if models else platform.machine()}, "
            f"{min(2, len(cores))} cores{' of a guest' * is_guest}, "
            f"Linux {platform.release().split('-')[0]}, "
            f"{time.strftime('%Y-%m-%d', time.gmtime())}")


def measure(args):
    cores = sorted(os.sched_getaffinity(0))
    found = {"machine": machine(cores), "turns": args.turns,
             "scale": args.scale, "versions": {}, "left_out": [],
             "sections": {}}
    for section in chosen_sections(args):
        section = section.scaled(args.scale)
        there = present(section.receivers, found["left_out"])
        directory = os.path.abspath(args.dir or section.directory)
        warm_up(there, found["versions"], directory)
        found["sections"][section.name] = run_section(
            section, there, args, cores, directory)
        print(report.of_section(section, found["sections"]), flush=True)
        if args.json:
            with open(args.json, "w", encoding="utf-8") as file:
                json.dump(found, file)
    return found


def main():
    args = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.nice(args.nice)
    found = measure(args)
    print(report.of_machine(found))
    if args.record:
        report.publish(found)


if __name__ == "__main__":
    main()
