#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Results as tables in Markdown.

    bench/report.py RESULTS README    puts them into README, between the marks
"""
import json
import re
import sys

import loads
from figures import CPU, FIGURES, RATE


def row(words):
    return "| " + " | ".join(words) + " |"


def table(titles, rows):
    return "\n".join([row(titles), row(["---"] + ["---:"] * len(titles[1:])),
                      *map(row, rows)]) + "\n"


def failure(runs):
    """Why no turn has a result, or None."""
    failed = [run["failed"] for run in runs if "failed" in run]
    return failed[0].split("\n")[0] if len(failed) == len(runs) else None


def of_load(load, results):
    """A row for each receiver, a column for each figure."""
    titles, rows = [""], []
    for figure in FIGURES[load.kind]:
        titles += [figure.title] + ["× limit"] * figure.is_relative
    for name, runs in results.items():
        why = failure(runs)
        if why:
            rows.append([name, why] + [""] * (len(titles) - 2))
            continue
        words = [name]
        for figure in FIGURES[load.kind]:
            words.append(figure.text(figure.median(runs)))
            if figure.is_relative:
                times = figure.ratio(runs, results.get("limit", []))
                words.append("–" if times is None else f"{times:.2f}")
        rows.append(words)
    return (f"**{load.name}**: {load.text}; {load.lines:,} lines\n\n" +
            table(titles, rows))


def of_figure(figure, section, results):
    """A row for each receiver, a column for each load."""
    names = list(next(iter(results.values())))
    titles = [load.name for load in section.loads]
    return f"{figure.title}:\n\n" + table([""] + titles, [
        [name] + [figure.text(figure.median(results[load][name]))
                  for load in titles] for name in names])


def of_section(section, results):
    if section.is_curve:
        parts = [of_figure(figure, section, results)
                 for figure in (CPU, RATE)]
    else:
        parts = [of_load(load, results[load.name]) for load in section.loads]
    head = [f"### {section.title}\n"] if section.title else []
    return "\n".join(head + parts)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        found = json.load(file)
    text = [f"{found['machine']}; medians of {found['turns']} turns.\n"]
    text += [of_section(section, found["sections"][section.name])
             for section in loads.SECTIONS
             if section.name in found["sections"]]
    with open(sys.argv[2], "r+", encoding="utf-8") as file:
        readme = re.sub(r"(<!-- results -->\n).*(<!-- end -->)",
                        lambda match: "\n".join([match[1], *text, match[2]]),
                        file.read(), flags=re.S)
        file.seek(0)
        file.truncate()
        file.write(readme)


if __name__ == "__main__":
    main()
