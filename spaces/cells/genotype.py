"""What a cell is made of, in the notation of DARTS."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ParetreeError, shortened

Edge = tuple[str, int]
"""An operation, and the number of the node that it takes its input from."""


@dataclass(frozen=True)
class CellGenotype:
    """One cell.

    Attributes:
        nodes: for each node after the inputs, the edges that lead to it; the node is their sum.
        concat: numbers of the nodes whose outputs are joined to the cell's.
    """

    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]

    @property
    def edges(self) -> tuple[Edge, ...]:
        """All of them, node by node."""
        return tuple(edge for node in self.nodes for edge in node)

    def ordered(self) -> CellGenotype:
        """The same cell, with the edges to each node in the order of where they come from."""
        return CellGenotype(tuple(tuple(sorted(node, key=lambda edge: edge[1])) for node in self.nodes), self.concat)


@dataclass(frozen=True, repr=False)
class Genotype:
    """The cells of a network by type: "normal" and "reduce".

    `repr` is DARTS' notation, which `Genotype.parse` reads.

    Attributes:
        normal: keeps height and width.
        reduce: halves them.
    """

    normal: CellGenotype
    reduce: CellGenotype

    @property
    def cells(self) -> Mapping[str, CellGenotype]:
        """By type."""
        return {"normal": self.normal, "reduce": self.reduce}

    @classmethod
    def parse(cls, text: str) -> Genotype:
        """Read `Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=..., reduce_concat=...)`.

        Every node has two edges, as in DARTS. Nothing is evaluated.

        Raises:
            ParetreeError: it is not written so.
        """
        try:
            call = ast.parse(" ".join(text.split()), mode="eval").body
            if not isinstance(call, ast.Call):
                raise ValueError("it is no call")
            fields = {keyword.arg: _literal(keyword.value) for keyword in call.keywords}
            return cls(*(_cell(fields[name], fields[f"{name}_concat"]) for name in ("normal", "reduce")))
        except (SyntaxError, ValueError, KeyError, TypeError) as error:
            raise ParetreeError(
                f"{shortened(text)!r} is no genotype ({type(error).__name__}: {error}); write it as "
                "Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=[...], "
                "reduce_concat=range(2, 6))."
            ) from None

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Genotype:
        """Read what `to_json` wrote."""
        return cls(*(_cell(data[name], data[f"{name}_concat"]) for name in ("normal", "reduce")))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data, with the keys of DARTS' notation."""
        cells = self.cells.items()
        edges = {name: [list(edge) for edge in cell.edges] for name, cell in cells}
        return edges | {f"{name}_concat": list(cell.concat) for name, cell in cells}

    def ordered(self) -> Genotype:
        """The same network, with the edges to each node in the order of where they come from."""
        return Genotype(self.normal.ordered(), self.reduce.ordered())

    def __repr__(self) -> str:
        cells = self.cells.items()
        parts = (f"{name}={list(cell.edges)!r}, {name}_concat={_concat(cell.concat)}" for name, cell in cells)
        return f"Genotype({', '.join(parts)})"


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return list(range(*map(ast.literal_eval, node.args)))
    return ast.literal_eval(node)


def _cell(edges: Sequence[Sequence[Any]], concat: Sequence[int]) -> CellGenotype:
    pairs = tuple((str(name), int(source)) for name, source in edges)
    if not pairs or len(pairs) % 2:
        raise ValueError(f"{len(pairs)} edges are not two for each node")
    nodes = tuple(pairs[first : first + 2] for first in range(0, len(pairs), 2))
    for number, node in enumerate(nodes, 2):
        for name, source in node:
            if not 0 <= source < number:
                raise ValueError(f"{name} leads from node {source} to node {number}, which does not come after it")
    if not concat or any(not 0 <= number < len(nodes) + 2 for number in concat):
        raise ValueError(f"concat {list(concat)} names nodes that there are not")
    return CellGenotype(nodes, tuple(map(int, concat)))


def _concat(numbers: Sequence[int]) -> str:
    first, last = numbers[0], numbers[-1]
    whole = list(numbers) == list(range(first, last + 1))
    return f"range({first}, {last + 1})" if whole else repr(list(numbers))


def _parse(cells: str) -> Genotype:
    return Genotype.parse(f"Genotype({cells})")


NASNET = _parse(
    "normal=[('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 0), ('sep_conv_3x3', 0), ('avg_pool_3x3', 1), "
    "('skip_connect', 0), ('avg_pool_3x3', 0), ('avg_pool_3x3', 0), ('sep_conv_3x3', 1), ('skip_connect', 1)], "
    "normal_concat=[2, 3, 4, 5, 6], reduce=[('sep_conv_5x5', 1), ('sep_conv_7x7', 0), ('max_pool_3x3', 1), "
    "('sep_conv_7x7', 0), ('avg_pool_3x3', 1), ('sep_conv_5x5', 0), ('skip_connect', 3), ('avg_pool_3x3', 2), "
    "('sep_conv_3x3', 2), ('max_pool_3x3', 1)], reduce_concat=[4, 5, 6]"
)
"""NASNet-A (Zoph et al., 2018, arXiv 1707.07012), as DARTS writes it."""

AMOEBANET = _parse(
    "normal=[('avg_pool_3x3', 0), ('max_pool_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 2), ('sep_conv_3x3', 0), "
    "('avg_pool_3x3', 3), ('sep_conv_3x3', 1), ('skip_connect', 1), ('skip_connect', 0), ('avg_pool_3x3', 1)], "
    "normal_concat=[4, 5, 6], reduce=[('avg_pool_3x3', 0), ('sep_conv_3x3', 1), ('max_pool_3x3', 0), "
    "('sep_conv_7x7', 2), ('sep_conv_7x7', 0), ('avg_pool_3x3', 1), ('max_pool_3x3', 0), ('max_pool_3x3', 1), "
    "('conv_7x1_1x7', 0), ('sep_conv_3x3', 5)], reduce_concat=[3, 4, 6]"
)
"""AmoebaNet-A (Real et al., 2019, arXiv 1802.01548), as DARTS writes it."""

DARTS_V1 = _parse(
    "normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)], normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)], reduce_concat=range(2, 6)"
)
"""What DARTS found with first-order gradients on CIFAR-10."""

DARTS_V2 = _parse(
    "normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), "
    "('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=range(2, 6)"
)
"""What DARTS found with second-order gradients on CIFAR-10."""
