# SPDX-License-Identifier: MIT
"""The parts of SVG that a chart needs."""
import math
from xml.sax.saxutils import escape

INK, GREY, GRID, PAPER = "#1f2328", "#59636e", "#e4e8ec", "#ffffff"
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


class Drawing:
    """A drawing on light paper, so that it shows on a dark page too."""

    def __init__(self, width, height, title):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} '
            f'{height}" width="{width}" height="{height}" role="img" '
            f'font-family="{FONT}" font-size="13">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" rx="8" '
            f'fill="{PAPER}"/>']

    def line(self, start, end, colour=GRID, width=1):
        (x1, y1), (x2, y2) = start, end
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="{width}"/>')

    def curve(self, points, colour, width):
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(
            f'<polyline points="{places}" fill="none" stroke="{colour}" '
            f'stroke-width="{width}" stroke-linejoin="round"/>')

    def text(self, at, text, anchor="start", colour=INK, size=13, bold=False):
        x, y = at
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
            f'fill="{colour}" font-size="{size}"{weight}>{escape(text)}'
            '</text>')

    def mark(self, at, style):
        """Draw a receiver's marker, with its name as a tooltip."""
        (x, y), r = at, style.radius
        paint = (f'fill="{PAPER if style.is_hollow else style.colour}" '
                 f'stroke="{style.colour if style.is_hollow else PAPER}" '
                 f'stroke-width="{1.5 if style.is_hollow else 1}"')
        self.parts.append({
            "circle": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" {paint}/>',
            "square": f'<rect x="{x - r + .5:.1f}" y="{y - r + .5:.1f}" '
                      f'width="{2 * r - 1}" height="{2 * r - 1}" {paint}/>',
            "triangle": f'<path d="M{x:.1f} {y - r:.1f}l{r} {1.8 * r:.1f}'
                        f'h{-2 * r}z" {paint}/>',
            "bar": f'<rect x="{x - 2:.1f}" y="{y - 2 * r:.1f}" width="4" '
                   f'height="{4 * r}" {paint}/>'}[style.shape])

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.parts) + "\n</svg>\n")


class LogScale:
    """A scale from values to places; it ends at whole powers of ten."""

    def __init__(self, values, begin, end):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.begin, self.end = begin, end

    def place(self, value):
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.begin + part * (self.end - self.begin)

    def ticks(self):
        return [10.0 ** power for power in range(self.low, self.high + 1)]


def spread(places, gap):
    """The places, moved apart where they are closer than the gap."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for before, after in zip(order, order[1:]):
        moved[after] = max(moved[after], moved[before] + gap)
    return moved
