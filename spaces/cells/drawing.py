"""Cells as pictures (SVG): those of genotypes, and those that a configuration decided on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..build import Build
from ..choice import Choice, Maybe
from ..configuration import Configuration, environment
from ..literals import Constant, Items, Record
from ..locate import taken
from ..nn.recipe import MODULES
from ..node import Environment, Node, descendants, join
from ..pick import Pick
from ..share import Shared
from .genotype import Edge, Genotype
from .picture import Picture, caption, cell, svg
from .space import EDGE, NETWORK

NASBENCH201_NETWORK = f"{MODULES}:NASBench201"

INPUTS = {0: "c_k-2", 1: "c_k-1"}
"""As DARTS calls what the two cells before put out; behind "_" stands what is set lower."""

NASBENCH201_NAMES = {0: "in", 3: "out"}

CAPTIONS = {"normal": "Normal cell", "reduce": "Reduction cell: edges from its inputs have stride 2"}


def draw_genotype(genotype: Genotype, title: str = "") -> str:
    """The normal and the reduction cell as the text of an SVG picture, one above the other.

    Nodes have the numbers of the genotype; the inputs, which are 0 and 1, are called as in DARTS.

    Args:
        genotype: the cells.
        title: what the picture is called for who cannot see it.
    """
    pictures: list[Picture] = []
    for kind, one in genotype.cells.items():
        pictures += _stacked(kind, one.nodes, one.concat)
    return svg(pictures, title or "A normal and a reduction cell")


def draw_cell(
    edges: Iterable[tuple[str, int, int]],
    title: str = "",
    names: Mapping[int, str] | None = None,
    joined: Sequence[int] = (),
) -> str:
    """One cell as the text of an SVG picture.

    Args:
        edges: operations, each with the numbers of the nodes that it leads from and to, the second a greater one.
        title: what the picture is called for who cannot see it.
        names: of nodes, where they are not their numbers; what stands behind "_" is set lower.
        joined: nodes that are joined to an output, which is no node itself.

    Raises:
        ValueError: there are no edges, or one leads back.
    """
    return svg([cell(list(edges), names or {}, joined)], title or "A cell")


def draw_nasbench201(operations: Mapping[str, str], title: str = "") -> str:
    """A cell of NAS-Bench-201 as the text of an SVG picture, from `{"0->1": "nor_conv_3x3", ...}`."""
    ends = {edge: edge.partition("->") for edge in operations}
    edges = [(name, int(ends[edge][0]), int(ends[edge][2])) for edge, name in operations.items()]
    return draw_cell(edges, title or "A cell of NAS-Bench-201", NASBENCH201_NAMES)


def cells_of(configuration: Configuration) -> str | None:
    """The cells of a configuration as the text of an SVG picture; None where its space builds none of our networks.

    The first network is drawn that is built at a part of the space, or below one. No code of the space is imported:
    cells whose operations anything but our own decides on are not drawn.
    """
    env = environment(configuration)
    for name, node in configuration.space.parts.items():
        for path, network in _built(name, node, env):
            picture = _drawn(path, network, env, f"Cells of the configuration {configuration.key[:12]}")
            if picture is not None:
                return picture
    return None


def _stacked(kind: str, nodes: Sequence[Sequence[Edge]], joined: Sequence[int]) -> list[Picture]:
    """A cell of that type, by the edges to each of its nodes, and what it is called above it."""
    edges = [(name, source, target) for target, into in enumerate(nodes, 2) for name, source in into]
    return [caption(CAPTIONS[kind]), cell(edges, INPUTS, joined)]


def _built(path: str, node: Node, env: Environment) -> Iterator[tuple[str, Build]]:
    """What is built at a path, and below it."""
    path, node = taken(path, node, env)
    if isinstance(node, Build):
        yield path, node
    if isinstance(node, Build | Items | Record):
        for segment, child in node.children():
            yield from _built(join(path, segment), child, env)


def _drawn(path: str, network: Build, env: Environment, title: str) -> str | None:
    parts = dict(network.kwargs)
    if network.reference == NETWORK and _are_data(parts, *CAPTIONS):
        cells = {kind: list(parts[kind].resolve(join(path, kind), env).values()) for kind in CAPTIONS}
        pictures = [_stacked(kind, nodes, range(2, 2 + len(nodes))) for kind, nodes in cells.items()]
        return svg([part for pair in pictures for part in pair], title)
    if network.reference == NASBENCH201_NETWORK and _are_data(parts, "edges"):
        return draw_nasbench201(parts["edges"].resolve(join(path, "edges"), env), title)
    return None


def _are_data(parts: dict[str, Node], *names: str) -> bool:
    """Whether these arguments are there, and nothing is called to tell what they are but our own `edge`."""
    return all(name in parts and all(map(_is_data, descendants(parts[name]))) for name in names)


def _is_data(node: Node) -> bool:
    match node:
        case Build():
            return node.reference == EDGE
        case Constant():
            return _is_json(node.value)
    return isinstance(node, Choice | Items | Maybe | Pick | Record | Shared)


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
