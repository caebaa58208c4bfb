"""The plot: bars on a logarithmic scale, readable on light and dark ground. Pure."""

import math
from html import escape

from benchmarks.stats import Cells
from benchmarks.table import CASES, TITLES, distance, seconds

COLOURS = {
    "ssh": "#9aa0a6",
    "exec": "#6f767d",
    "ours": "#1a9850",
    "pyinfra": "#3f7fbf",
    "mitogen": "#e08a2e",
    "ansible": "#c8553d",
}
STYLE = (
    "text{font:13px sans-serif;fill:#222}.case{font-weight:bold}.grid{stroke:#8884}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
)
WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 860, 180, 90, 18, 34, 30


def place(value: float, low: float, high: float) -> float:
    """Where a value lies between the ends of the scale, in pixels from the left."""
    part = (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))
    return LEFT + part * (WIDTH - LEFT - RIGHT)


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def svg(cells: Cells) -> str:
    """A group of bars for each cell, one bar for each contender that was measured in it."""
    values = [value for cell in cells for name in TITLES if (value := cell.median(name))]
    if not values:
        raise ValueError("nothing was measured")
    low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values) * 1.001))
    parts, y = [], TOP
    for cell in cells:
        hosts = f"{cell.hosts} host{'s' * (cell.hosts > 1)}, {distance(cell.distance)}"
        parts.append(text(LEFT, y + 14, f"{CASES[cell.case]}, {hosts}", "case"))
        y += 22
        for name, title in TITLES.items():
            if (value := cell.median(name)) is None:
                continue
            end = place(value, low, high)
            parts.append(text(LEFT - 8, y + 13, title.strip("`"), anchor="end"))
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{max(1, end - LEFT):.1f}" height="{BAR - 3}" '
                f'fill="{COLOURS[name]}"/>'
            )
            parts.append(text(end + 6, y + 13, seconds(value)))
            y += BAR
        y += GAP - BAR
    grid = []
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        x = place(10.0**power, low, high)
        grid.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{y}" class="grid"/>')
        grid.append(text(x, TOP - 12, f"{10.0**power:g} s", anchor="middle"))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 10}" width="{WIDTH}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *grid, *parts, "</svg>", ""])
