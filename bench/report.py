#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Results as tables in Markdown, and where they are published.

    bench/report.py    makes tables and charts from bench/results.json
"""
import json
import os
import re

import chart
import loads
from figures import CPU, FIGURES, LOST, RATE

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(HERE, "results.json")


def row(words):
    return "| " + " | ".join(words) + " |"


def table(titles, rows):
    return "\n".join([row(titles), row(["---"] + ["---:"] * len(titles[1:])),
                      *map(row, rows)]) + "\n"


def failure(runs):
    """Why no turn has a result; None: one has."""
    failed = [run["failed"] for run in runs if "failed" in run]
    return failed[0].split("\n")[0] if len(failed) == len(runs) else None


def labelled(name, runs):
    """The name, and how many turns failed if any did."""
    failed = sum("failed" in run for run in runs)
    return f"{name} ({failed} of {len(runs)} failed)" if failed else name


def cells(figures, runs, limit):
    for figure in figures:
        yield figure.text(figure.value(runs))
        if figure.is_relative:
            times = figure.ratio(runs, limit)
            yield "–" if times is None else f"{times:.2f}"


def of_load(load, results):
    """One row for each receiver, one column for each figure."""
    titles, rows = [""], []
    for figure in FIGURES[load.kind]:
        titles += [figure.title] + ["× limit"] * figure.is_relative
    for name, runs in results.items():
        why = failure(runs)
        if why:
            rows.append([name, why] + [""] * (len(titles) - 2))
        else:
            rows.append([labelled(name, runs), *cells(
                FIGURES[load.kind], runs, results.get("limit", []))])
    return (f"**{load.name}**: {load.text}; {load.lines:,} lines\n\n" +
            table(titles, rows))


def of_figure(figure, columns):
    """One row for each receiver, one column for each (title, results)."""
    names = list(columns[0][1])
    return f"{figure.title}:\n\n" + table(
        [""] + [title for title, _ in columns],
        [[name] + [figure.text(figure.value(results.get(name, [])))
                   for _, results in columns] for name in names])


def columns_of(section, found):
    """The loads side by side; those on one core beside those on two."""
    results = found[section.name]
    if section.cores == 2:
        return [(name, results[name]) for name in results]
    both = {"1 core": results, "2 cores": found.get("peers", {})}
    return [(f"{name}, {cores}", of[name]) for name in results
            for cores, of in both.items() if name in of]


def failures(results):
    """The reasons, for receivers without a figure."""
    return "".join(
        f"\n{name} under {load}: {failure(runs)}\n"
        for load, of in results.items() for name, runs in of.items()
        if failure(runs))


def of_curve(section, found):
    columns = [(title.removeprefix("connections-").removeprefix("length-"),
                results) for title, results in columns_of(section, found)]
    is_lossy = any(LOST.value(runs) for _, results in columns
                   for name, runs in results.items()
                   if name in columns[0][1])
    return "\n".join(of_figure(figure, columns)
                     for figure in [CPU, RATE] + [LOST] * is_lossy
                     ) + failures(found[section.name])


def of_section(section, found):
    head = f"### {section.title}\n\n" if section.title else ""
    if section.is_curve:
        return head + of_curve(section, found)
    return head + "\n".join(of_load(load, found[section.name][load.name])
                            for load in section.loads)


def of_machine(found):
    programs = [name for name in found["versions"]
                if not any(name.startswith(f"{other}-")
                           for other in found["versions"])]
    versions = ", ".join(f"{name} {found['versions'][name]}"
                         for name in programs if found["versions"][name])
    text = f"{found['machine']}; {versions}. Turns: {found['turns']}"
    if found["scale"] != 1:
        text += f"; {found['scale']:g} times the lines"
    if found["left_out"]:
        text += f". Not there, and left out: {', '.join(found['left_out'])}"
    return text + ".\n"


def of_all(found):
    """found: the results of run.py."""
    return "\n".join([of_machine(found)] + [
        of_section(section.scaled(found["scale"]), found["sections"])
        for section in loads.SECTIONS if section.name in found["sections"]])


def in_brief(found):
    peers = found["sections"]["peers"]
    names = list(peers[chart.LOADS[0]])
    rows = [[loads.ALL[load].text] +
            [CPU.text(CPU.value(peers[load][name])) for name in names]
            for load in chart.LOADS]
    return f"{table([CPU.title] + names, rows)}\n{of_machine(found)}"


def put_between(marks, path, text):
    begin, end = (f"<!-- {mark} -->\n" for mark in marks)
    with open(path, "r+", encoding="utf-8") as file:
        before, _, rest = file.read().partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise SystemExit(f"{path}: no place for the results")
        file.seek(0)
        file.truncate()
        file.write(f"{before}{begin}\n{text}\n{end}{after}")


def publish(found):
    """Write all that shows results: charts and both READMEs."""
    with open(RESULTS, "w", encoding="utf-8") as file:
        file.write(re.sub(r"(?<=[\]}], )(?=\")", "\n", json.dumps(found)))
        file.write("\n")
    readme = os.path.join(HERE, "README.md")
    put_between(("summary", "end of summary"), readme, in_brief(found))
    put_between(("results", "end of results"), readme, of_all(found))
    chart.write(found["sections"], HERE)


def main():
    with open(RESULTS, encoding="utf-8") as file:
        publish(json.load(file))


if __name__ == "__main__":
    main()
