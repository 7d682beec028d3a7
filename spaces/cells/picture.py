"""The picture of a cell (SVG): nodes from left to right, and each operation in a box on its edge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import shortened
from ..svg import CHARACTER, FONT, PADDING, escaped
from .layout import Box, Key, Layout, Placed, layered

GAP, BETWEEN, MARGIN = 12.0, 46.0, 12.0
"""Pixels between boxes above each other, between columns, and around the picture."""

OPERATION, NODE = 24.0, 30.0
"""Heights of boxes, in pixels."""

COLORS = {"conv": "#3b82f6", "pool": "#d97706", "skip": "#16a34a"}
"""Of operations that have this in their names."""

OTHER = 'fill="currentColor" fill-opacity="0.03" stroke="currentColor" stroke-opacity="0.5"'
NOTHING = 'fill="none" stroke="currentColor" stroke-opacity="0.5" stroke-dasharray="3 3"'
CIRCLE = 'fill="currentColor" fill-opacity="0.08" stroke="currentColor" stroke-opacity="0.7"'
LINE = 'fill="none" stroke="currentColor" stroke-opacity="0.4" stroke-width="1.3"'

OUTPUT = "c_k"
"""As DARTS calls what a cell puts out; behind "_" stands what is set lower."""

OUT: Key = ("node", "output")

Edge = tuple[str, int, int]
"""An operation, and the numbers of the nodes that it leads from and to."""


@dataclass(frozen=True)
class Picture:
    """A part of an SVG picture, and its size in pixels."""

    parts: tuple[str, ...]
    width: float
    height: float


def cell(edges: Sequence[Edge], names: Mapping[int, str], joined: Sequence[int]) -> Picture:
    """A cell: nodes stand in even columns, by the longest way to them; operations in the odd one before their target.

    Args:
        edges: operations, each with the nodes that it leads from and to, the second with a greater number.
        names: of nodes, where they are not their numbers.
        joined: nodes that are joined to an output, which is no node itself.

    Raises:
        ValueError: there are no edges, or one leads back.
    """
    _check(edges)
    depths = _depths(edges, names)
    texts: dict[Key, str] = {("node", node): names.get(node, str(node)) for node in sorted(depths)}
    columns: dict[Key, int] = {("node", node): 2 * depth for node, depth in depths.items()}
    links: list[tuple[Key, Key]] = []
    for number, (name, source, target) in enumerate(edges):
        key: Key = ("edge", number)
        texts[key], columns[key] = name, 2 * depths[target] - 1
        links += [(("node", source), key), (key, ("node", target))]
    if joined:
        texts[OUT], columns[OUT] = OUTPUT, 2 * max(depths.values()) + 1
        links += [(("node", node), OUT) for node in joined]
    boxes = {key: Box(columns[key], _width(text), NODE if _is_node(key) else OPERATION) for key, text in texts.items()}
    layout = layered(boxes, links, GAP, BETWEEN)
    drawn = (_drawn(key, layout.boxes[key], text) for key, text in texts.items())
    return Picture((*_lines(layout), *drawn), layout.width, layout.height)


def caption(text: str) -> Picture:
    """A line of text."""
    inner = f'<text x="0" y="{FONT}" fill="currentColor" fill-opacity="0.7">{escaped(text)}</text>'
    return Picture((inner,), CHARACTER * FONT * len(text), FONT + 2.0)


def svg(pictures: Sequence[Picture], title: str) -> str:
    """The text of an SVG picture with these parts above each other, called `title` for who cannot see it."""
    top, parts = MARGIN, []
    for one in pictures:
        parts += [f'<g transform="translate({MARGIN:g} {top:.1f})">', *one.parts, "</g>"]
        top += one.height + MARGIN
    width, height = round(max(one.width for one in pictures) + 2 * MARGIN), round(top)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="ui-monospace, monospace" font-size="{FONT}">',
            f"<title>{escaped(title)}</title>",
            *parts,
            "</svg>",
        ]
    )


def _is_node(key: Key) -> bool:
    return key[0] == "node"


def _width(text: str) -> float:
    return max(2 * PADDING + CHARACTER * FONT * len(text), NODE)


def _check(edges: Sequence[Edge]) -> None:
    if not edges:
        raise ValueError("A cell without edges cannot be drawn; give at least one.")
    for name, source, target in edges:
        if source >= target:
            raise ValueError(
                f"The edge {shortened(name)!r} leads from node {source} to {target}; number the nodes so that all "
                "edges lead to greater ones."
            )


def _depths(edges: Sequence[Edge], names: Iterable[int]) -> dict[int, int]:
    """By node, the number of edges on the longest way to it."""
    depths = dict.fromkeys([*names, *(source for _, source, _ in edges)], 0)
    for _, source, target in sorted(edges, key=lambda edge: edge[2]):
        depths[target] = max(depths.get(target, 0), depths[source] + 1)
    return depths


def _lines(layout: Layout) -> Iterable[str]:
    for parts in layout.lines.values():
        curves = []
        for left, upper, right, lower in parts:
            bend = (left + right) / 2
            start, end = f"{left:.1f} {upper:.1f}", f"{right:.1f} {lower:.1f}"
            curves.append(f"M{start}C{bend:.1f} {upper:.1f} {bend:.1f} {lower:.1f} {end}")
        yield f'<path d="{" ".join(curves)}" {LINE}/>'


def _drawn(key: Key, at: Placed, name: str) -> str:
    if _is_node(key):
        return _box(at, at.height / 2, CIRCLE) + _text(at, _lowered(name), ' font-weight="600"')
    return _box(at, 6, _look(name)) + _text(at, escaped(name))


def _look(name: str) -> str:
    if name == "none":
        return NOTHING
    color = next((color for part, color in COLORS.items() if part in name), None)
    return f'fill="{color}" fill-opacity="0.14" stroke="{color}"' if color else OTHER


def _box(at: Placed, corner: float, look: str) -> str:
    size = f'width="{at.right - at.left:.1f}" height="{at.height:.1f}" rx="{corner:.1f}"'
    return f'<rect x="{at.left:.1f}" y="{at.middle - at.height / 2:.1f}" {size} {look}/>'


def _text(at: Placed, inner: str, look: str = "") -> str:
    x, y = (at.left + at.right) / 2, at.middle + FONT / 3
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="currentColor"{look}>{inner}</text>'


def _lowered(name: str) -> str:
    text, _, lower = name.partition("_")
    return escaped(text) + (f'<tspan dy="3" font-size="{FONT - 3}">{escaped(lower)}</tspan>' if lower else "")
