"""Trees of boxes as SVG, from left to right, without any program to lay them out.

Lines and text take the color of the surrounding page (`currentColor`), so a drawing fits light and dark ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Literal

FONT, SMALL = 12, 10
CHARACTER = 0.62
"""Width of a character of a monospaced font, as a share of its size."""
PADDING, GAP, INDENT = 8, 8, 36
"""Pixels beside the text in a box, between boxes one above the other, and to the boxes below."""

Kind = Literal["part", "decision", "taken", "inactive"]

BOXES: dict[Kind, str] = {
    "part": 'fill="currentColor" fill-opacity="0.03" stroke="currentColor" stroke-opacity="0.5"',
    "decision": 'fill="#3b82f6" fill-opacity="0.15" stroke="#3b82f6"',
    "taken": 'fill="#16a34a" fill-opacity="0.15" stroke="#16a34a" stroke-width="2"',
    "inactive": 'fill="none" stroke="currentColor" stroke-dasharray="3 3"',
}

LINES: dict[Kind, str] = {
    "part": 'stroke="currentColor" stroke-opacity="0.5"',
    "decision": 'stroke="currentColor" stroke-opacity="0.5"',
    "taken": 'stroke="#16a34a" stroke-width="2"',
    "inactive": 'stroke="currentColor" stroke-opacity="0.2"',
}


@dataclass(frozen=True)
class Box:
    """A node of the drawing: its text, a fainter second line, how it looks, and the boxes to its right."""

    text: str
    note: str = ""
    kind: Kind = "part"
    below: tuple[Box, ...] = ()

    @property
    def width(self) -> float:
        """In pixels."""
        return 2 * PADDING + CHARACTER * max(FONT * len(self.text), SMALL * len(self.note))

    @property
    def height(self) -> float:
        """In pixels."""
        return 2.0 * FONT + (SMALL + 4 if self.note else 0)


@dataclass(frozen=True)
class Placed:
    """A box in its place: its left side, and the height of its middle, in pixels."""

    box: Box
    left: float
    middle: float
    below: tuple[Placed, ...]

    @property
    def right(self) -> float:
        """Its right side, where the lines to the boxes below begin."""
        return self.left + self.box.width


@dataclass
class _Layout:
    """Boxes with nothing to their right are stacked; each other one stands beside the middle of those it leads to.

    So each box has a band of the height for itself and all below it, and no two overlap.
    """

    floor: float = float(GAP)
    right: float = 0.0

    def place(self, box: Box, left: float) -> Placed:
        top, end = self.floor, left + box.width
        self.right = max(self.right, end)
        below = tuple(self.place(child, end + INDENT) for child in box.below)
        middle = (below[0].middle + below[-1].middle) / 2 if below else top + box.height / 2
        self.floor = max(self.floor, middle + box.height / 2 + (0 if below else GAP))
        return Placed(box, left, middle, below)


def svg(root: Box, title: str) -> str:
    """The tree under a box as the text of an SVG picture, which is called `title` for who cannot see it."""
    layout = _Layout()
    placed = layout.place(root, float(GAP))
    width, height = round(layout.right + GAP), round(layout.floor + GAP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="ui-monospace, monospace" font-size="{FONT}">',
            f"<title>{escaped(title)}</title>",
            *_drawn(placed),
            "</svg>",
        ]
    )


def escaped(text: str) -> str:
    """`text` as it may stand in SVG and HTML, signs that cannot be printed replaced."""
    return escape("".join(sign if sign.isprintable() else "�" for sign in text))


def _drawn(placed: Placed) -> Iterator[str]:
    box, left, top = placed.box, placed.left, placed.middle - placed.box.height / 2
    faint = ' opacity="0.45"' if box.kind == "inactive" else ""
    size = f'width="{box.width:.1f}" height="{box.height:.1f}"'
    yield f'<g{faint}><rect x="{left:.1f}" y="{top:.1f}" {size} rx="5" {BOXES[box.kind]}/>'
    yield _text(left, top + 16, box.text)
    if box.note:
        yield _text(left, top + 30, box.note, f' font-size="{SMALL}" opacity="0.6"')
    yield "</g>"
    for child in placed.below:
        yield _line(placed, child)
        yield from _drawn(child)


def _text(left: float, base: float, text: str, look: str = "") -> str:
    return f'<text x="{left + PADDING:.1f}" y="{base:.1f}" fill="currentColor"{look}>{escaped(text)}</text>'


def _line(parent: Placed, child: Placed) -> str:
    bend = (parent.right + child.left) / 2
    start, end = f"{parent.right:.1f} {parent.middle:.1f}", f"{child.left:.1f} {child.middle:.1f}"
    curve = f"M{start} C{bend:.1f} {parent.middle:.1f} {bend:.1f} {child.middle:.1f} {end}"
    return f'<path d="{curve}" fill="none" {LINES[child.box.kind]}/>'
