# SPDX-License-Identifier: MIT
"""Figures of runs, their medians, and their ratios to the limit."""
import statistics
from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Figure:
    title: str
    of: Callable  # run -> number
    layout: str
    is_relative: bool = False  # also shown as a multiple of the limit's
    choose: Callable = statistics.median  # combines several turns

    def in_run(self, run):
        """None if the run failed or has nothing to measure."""
        try:
            return None if "failed" in run else self.of(run)
        except KeyError:
            return None

    def by_turn(self, runs):
        return [self.in_run(run) for run in runs]

    def value(self, runs):
        there = [value for value in self.by_turn(runs) if value is not None]
        return self.choose(there) if there else None

    def ratio(self, runs, limit):
        """Ratios of each turn: a disturbance affects both values of it."""
        pairs = zip(self.by_turn(runs), self.by_turn(limit))
        there = [a / b for a, b in pairs if a is not None and b]
        return statistics.median(there) if there else None

    def text(self, value):
        return "–" if value is None else self.layout.format(value)


RECORDS = Figure("records", lambda run: run["delivered"], "{:,.0f}")
LOST = Figure("lost, worst turn", lambda run: run["sent"] - run["delivered"],
              "{:,.0f}", choose=max)
RATE = Figure("records a second",
              lambda run: run["delivered"] / run["seconds"], "{:,.0f}")
CPU = Figure("CPU µs a record", lambda run: run["cpu_seconds"] * 1e6 /
             max(run["delivered"], 1), "{:.3f}", True)
PEAK = Figure("peak MiB", lambda run: run["peak_kib"] / 1024, "{:.1f}")
PSS = Figure("KiB a connection", lambda run: run["pss_kib"], "{:.1f}", True)
A_SECOND = Figure("connections a second",
                  lambda run: run["delivered"] / run["seconds"], "{:,.0f}")
A_CONNECTION = Figure("CPU µs a connection", CPU.of, "{:,.0f}", True)
ANSWERED = Figure("records a second whose stream was ended",
                  lambda run: run["answered"] / run["answered_seconds"],
                  "{:,.0f}")
P50 = Figure("p50 µs", lambda run: run["p50_us"], "{:,.1f}", True)
P99 = Figure("p99 µs", lambda run: run["p99_us"], "{:,.1f}")

FIGURES = {
    "stream": [RECORDS, LOST, RATE, CPU, PEAK],
    "datagrams": [RECORDS, LOST, RATE, CPU, PEAK],
    "idle": [RECORDS, LOST, PSS, PEAK],
    "short": [RECORDS, LOST, A_SECOND, A_CONNECTION, PEAK],
    "receipt": [RECORDS, LOST, ANSWERED, RATE, P50, P99, CPU],
    "line": [RECORDS, LOST, P50, P99, CPU],
    "delay": [RECORDS, LOST, P50, P99, CPU],
}


def brief(load, run):
    """One run as a line of text."""
    if "failed" in run:
        return run["failed"]
    return ", ".join(f"{figure.title.split(',')[0]} "
                     f"{figure.text(figure.in_run(run))}"
                     for figure in FIGURES[load.kind])
