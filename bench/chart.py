# SPDX-License-Identifier: MIT
"""Results as charts in SVG, with the standard library only."""
import os
from dataclasses import dataclass

import loads
from figures import CPU
from svg import GREY, GRID, INK, Drawing, LogScale, spread

WIDTH = 860
LOADS = ("tcp-128", "tcp-24", "tcp-64x64", "tcp-64x1", "tcp-1000x16", "udp",
         "udp-100k")


@dataclass(frozen=True)
class Style:
    colour: str
    shape: str = "circle"
    is_hollow: bool = False  # copies bytes without finding records
    radius: int = 5


# In the order of drawing: later ones cover earlier ones.
STYLES = {
    "ncat": Style("#6e7781", "square", True),
    "socat": Style("#6e7781", "circle", True),
    "python": Style("#2b8a3e", "triangle"),
    "syslog-ng": Style("#9c36b5", "square"),
    "rsyslog": Style("#e8590c"),
    "limit": Style(INK, "bar"),
    "portlogd": Style("#0b6bcb", radius=7),
}


def tick_label(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def medians(results):
    """The CPU time of each receiver that has one for this load."""
    found = {name: CPU.value(runs) for name, runs in results.items()}
    return {name: value for name, value in found.items() if value}


def head(drawing, title, text):
    drawing.text((24, 34), title, size=17, bold=True)
    drawing.text((24, 55), text, colour=GREY)


def legend(drawing, names, y):
    x = 24 + 8
    for name in reversed(STYLES):
        if name in names:
            drawing.mark((x, y - 4), STYLES[name])
            drawing.text((x + 12, y), name, bold=name == "portlogd")
            x += 44 + 7.2 * len(name)


def grid_of_loads(drawing, scale, top, bottom):
    for tick in scale.ticks():
        x = scale.place(tick)
        drawing.line((x, top), (x, bottom))
        drawing.text((x, bottom + 18), tick_label(tick), "middle", GREY, 12)


def row_of_load(drawing, scale, y, load, values):
    first, _, rest = load.text.partition(", ")
    drawing.text((24, y - 2), first, bold=True)
    drawing.text((24, y + 14), rest, colour=GREY, size=12)
    drawing.line((scale.begin, y), (scale.end, y), GRID, 2)
    for name, style in STYLES.items():
        if name in values:
            drawing.mark((scale.place(values[name]), y), style)
    if "portlogd" in values:
        drawing.text((scale.place(values["portlogd"]), y - 12),
                     CPU.text(values["portlogd"]), "middle",
                     STYLES["portlogd"].colour, 11, bold=True)


def of_loads(results, path):
    """One row for each load, with one marker for each receiver."""
    rows = {name: medians(results[name]) for name in LOADS if name in results}
    values = [value for row in rows.values() for value in row.values()]
    if not values:
        return
    top, pitch = 112, 46
    bottom = top + pitch * len(rows)
    drawing = Drawing(WIDTH, bottom + 56, "CPU time a record, by load")
    head(drawing, "CPU time a record",
         "Microseconds of user and system time of the receiver; left is "
         "better. Hollow: copies bytes, no line, time or address.")
    legend(drawing, {name for row in rows.values() for name in row}, 86)
    scale = LogScale(values, 300, WIDTH - 36)
    grid_of_loads(drawing, scale, top, bottom)
    for number, (name, row) in enumerate(rows.items()):
        row_of_load(drawing, scale, top + pitch * (number + 0.5),
                    loads.ALL[name], row)
    drawing.text((scale.end, bottom + 40), "µs a record, each step ten times",
                 "end", GREY, 12)
    drawing.write(path)


@dataclass
class Panel:
    """Draw one curve for each receiver; x and y are scales."""
    drawing: Drawing
    x: LogScale
    y: LogScale

    def grid(self, title, unit, names):
        self.drawing.text((self.x.begin, self.y.end - 14), title, bold=True)
        for tick in self.y.ticks():
            y = self.y.place(tick)
            self.drawing.line((self.x.begin, y), (self.x.end, y))
            self.drawing.text((self.x.begin - 8, y + 4), tick_label(tick),
                              "end", GREY, 12)
        for place in names:
            self.drawing.text((self.x.place(place), self.y.begin + 20),
                              names[place], "middle", GREY, 12)
        self.drawing.text((self.x.end, self.y.begin + 40), unit, "end", GREY,
                          12)

    def curve(self, name, points):
        style = STYLES[name]
        places = [(self.x.place(x), self.y.place(y)) for x, y in points]
        self.drawing.curve(places, style.colour,
                           3 if name == "portlogd" else 2)
        for place in places:
            self.drawing.mark(place, Style(style.colour, radius=4))
        return places[-1]


def points_of(results, axis):
    """The points (x, CPU) of each receiver."""
    curves = {}
    for name, runs in results.items():
        for receiver, value in medians(runs).items():
            curves.setdefault(receiver, []).append(
                (axis(loads.ALL[name]), value))
    return {name: curves[name] for name in STYLES if name in curves}


def short(number):
    for size, letter in ((1 << 20, "M"), (1 << 10, "Ki")):
        if number >= size and number % size == 0:
            return f"{number // size}{letter}"
    return f"{number:,}"


def panel(drawing, left, title, unit, curves):
    xs = sorted({x for points in curves.values() for x, _ in points})
    ys = [y for points in curves.values() for _, y in points]
    shown = Panel(drawing, LogScale(xs, left, left + 290),
                  LogScale(ys, 330, 120))
    shown.grid(title, unit, {x: short(x) for x in xs})
    ends = {name: shown.curve(name, points)
            for name, points in curves.items()}
    heights = spread([y for _, y in ends.values()], 16)
    for name, y in zip(ends, heights):
        drawing.text((ends[name][0] + 10, y + 4), name, bold=True, size=12,
                     colour=STYLES[name].colour)


def of_curves(sections, path):
    by_connections = points_of(sections.get("connections", {}),
                               lambda load: load.connections)
    by_length = points_of(sections.get("lengths", {}),
                          lambda load: load.line_bytes)
    if not by_connections or not by_length:
        return
    drawing = Drawing(WIDTH, 392, "CPU time a record, by connections and by "
                      "length of a line")
    head(drawing, "CPU time a record, by connections and by length",
         "Microseconds of user and system time of the receiver; lower is "
         "better. Both axes are logarithmic.")
    panel(drawing, 60, "16 lines of 128 bytes a write", "connections",
          by_connections)
    panel(drawing, 480, "One connection, large writes", "bytes a line",
          by_length)
    drawing.write(path)


def write(sections, directory):
    """Write loads.svg and curves.svg, as far as there are results."""
    of_loads(sections.get("peers", {}),
             os.path.join(directory, "loads.svg"))
    of_curves(sections, os.path.join(directory, "curves.svg"))
