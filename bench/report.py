# SPDX-License-Identifier: MIT
"""Results as tables in Markdown: medians over the turns."""
import statistics


def cpu_us(result):
    return result["cpu_seconds"] * 1e6 / max(result["delivered"], 1)


def rate(result):
    return result["delivered"] / max(result["seconds"], 1e-6)


# Title, what to compute, how it is written.
DELIVERED = ("records", lambda r: r["delivered"], "{:,.0f}")
RATE = ("a second", rate, "{:,.0f}")
CPU = ("CPU µs", cpu_us, "{:.3f}")
PEAK = ("peak MiB", lambda r: r["peak_kib"] / 1024, "{:.1f}")
PSS = ("KiB a connection", lambda r: r["pss_kib"], "{:.1f}")
P50 = ("p50 µs", lambda r: r["p50_us"], "{:,.0f}")
P99 = ("p99 µs", lambda r: r["p99_us"], "{:,.0f}")
LOST = ("probes not seen", lambda r: r["lost"], "{:.0f}")
COLUMNS = {
    "stream": [DELIVERED, RATE, CPU, PEAK],
    "datagrams": [DELIVERED, RATE, CPU, PEAK],
    "idle": [DELIVERED, PSS, PEAK],
    "line": [DELIVERED, P50, P99, CPU],
    "delay": [DELIVERED, P50, P99, LOST, CPU],
}
RATIOS = (RATE, CPU)  # also as so many times the limit


def median(column, runs):
    """None where no turn has it."""
    values = [column[1](run) for run in runs
              if "failed" not in run and has(column, run)]
    return statistics.median(values) if values else None


def has(column, run):
    try:
        column[1](run)
        return True
    except KeyError:
        return False


def cells(columns, runs, limit):
    for column in columns:
        value = median(column, runs)
        yield "–" if value is None else column[2].format(value)
        if column in RATIOS:
            bar = median(column, limit)
            yield "–" if not value or not bar else f"{value / bar:.2f}"


def row(words):
    return "| " + " | ".join(words) + " |"


def table(load, results):
    """Of one load: a row for each receiver."""
    columns = COLUMNS[load.kind]
    titles = [""]
    for column in columns:
        titles.append(column[0])
        if column in RATIOS:
            titles.append("× limit")
    lines = [f"{load.name}: {load.text}; {load.lines:,} lines", "",
             row(titles), row(["---"] + ["---:"] * (len(titles) - 1))]
    for name, runs in results.items():
        failed = [run["failed"] for run in runs if "failed" in run]
        if len(failed) == len(runs):
            lines.append(row([name, " ".join(failed[0].split())[:60]] +
                             [""] * (len(titles) - 2)))
        else:
            lines.append(row([name, *cells(columns, runs,
                                           results.get("limit", []))]))
    return "\n".join(lines) + "\n"


def tables(loads, results):
    return "\n".join(table(load, results[load.name]) for load in loads)


def brief(load, result):
    """One run, in a line."""
    if "failed" in result:
        return result["failed"]
    return ", ".join(f"{column[0]} {column[2].format(column[1](result))}"
                     for column in COLUMNS[load.kind] if has(column, result))
