"""Cells as graphs: when two of them compute the same.

A cell is a directed graph without cycles. `matrix[i][j]` is 1 where vertex j receives what vertex i puts out; vertex 0
is the input, the last one the output, and `ops` names what each vertex does. What a vertex computes depends on its
operation and on what it receives, not on its number, so cells that differ in the numbering alone are one cell, and
vertices that are on no way from the input to the output do nothing (Ying et al., 2019, arXiv 1902.09635).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Matrix = Sequence[Sequence[int]]


class CellGraph(NamedTuple):
    """A cell: its adjacency matrix, and the operation of each vertex."""

    matrix: Matrix
    ops: Sequence[str]


def cell_graph(edges: Iterable[tuple[int, int]], ops: Sequence[str]) -> CellGraph:
    """The cell with edges `(from, to)` between vertices that do `ops`."""
    present = set(edges)
    return CellGraph([[int((i, j) in present) for j in range(len(ops))] for i in range(len(ops))], ops)


def chain_graph(cell: Mapping[str, Any]) -> CellGraph:
    """The cell that is written vertex by vertex: `{"op": ..., "inputs": [0, ...], "next": {...}}`.

    `inputs` are the numbers of vertices, 0 for that of the cell; the last in the chain is the output, which has inputs
    only.
    """
    edges: list[tuple[int, int]] = []
    ops = ["input"]
    rest: Mapping[str, Any] | None = cell
    while rest is not None:
        edges += [(source, len(ops)) for source in rest["inputs"]]
        ops.append(rest.get("op", "output"))
        rest = rest.get("next")
    return cell_graph(edges, ops)


def pruned(matrix: Matrix, ops: Sequence[str]) -> CellGraph:
    """The cell without the vertices that are on no way from its input to its output.

    Where there is no such way, the input and the output are left, with nothing between them.

    Raises:
        ValueError: the matrix is not that of a cell with these operations.
    """
    _refuse_malformed(matrix, ops)
    last = len(ops) - 1
    fed, used = {0}, {last}
    for vertex in range(1, last + 1):
        if any(matrix[source][vertex] for source in fed):
            fed.add(vertex)
    for vertex in range(last - 1, -1, -1):
        if any(matrix[vertex][target] for target in used):
            used.add(vertex)
    kept = sorted(fed & used | {0, last})
    return CellGraph([[matrix[i][j] for j in kept] for i in kept], [ops[i] for i in kept])


def cell_hash(matrix: Matrix, ops: Sequence[str]) -> str:
    """SHA-256 (64 hex digits) that isomorphic cells share, the same in every process and on every machine.

    Weisfeiler and Lehman's refinement (1968) in both directions of the edges: each vertex is told what its neighbours
    know, as often as there are vertices. Different cells may share it too, in theory; `isomorphic` is exact. (The hash
    of networkx follows edges in one direction only, and its values change with the version.)

    Raises:
        ValueError: the matrix is not that of a cell with these operations.
    """
    matrix, ops = pruned(matrix, ops)
    vertices = range(len(ops))
    colors = [_digest(op) for op in ops]
    for _ in vertices:
        colors = [
            _digest(
                colors[vertex],
                *sorted(colors[i] for i in vertices if matrix[i][vertex]),
                "|",
                *sorted(colors[j] for j in vertices if matrix[vertex][j]),
            )
            for vertex in vertices
        ]
    return _digest(*sorted(colors))


def isomorphic(a: CellGraph, b: CellGraph) -> bool:
    """Whether two cells are one, but for the numbers of their vertices and for what does nothing.

    Raises:
        ValueError: a matrix is not that of a cell with these operations.
    """
    if cell_hash(*a) != cell_hash(*b):
        return False
    import networkx

    first, second = networkx.DiGraph(), networkx.DiGraph()
    for graph, (matrix, ops) in ((first, pruned(*a)), (second, pruned(*b))):
        graph.add_nodes_from((vertex, {"op": op}) for vertex, op in enumerate(ops))
        graph.add_edges_from((i, j) for i, row in enumerate(matrix) for j, edge in enumerate(row) if edge)
    return bool(networkx.is_isomorphic(first, second, node_match=lambda one, other: one["op"] == other["op"]))


def _refuse_malformed(matrix: Matrix, ops: Sequence[str]) -> None:
    vertices = len(ops)
    if vertices < 2 or len(matrix) != vertices or any(len(row) != vertices for row in matrix):
        raise ValueError(
            f"A matrix with {len(matrix)} rows does not describe a cell with {vertices} operations; give one operation "
            "for each of its rows and columns, input and output included."
        )
    backward = next(((i, j) for i in range(vertices) for j in range(i + 1) if matrix[i][j]), None)
    if backward:
        raise ValueError(
            f"The edge from vertex {backward[0]} to {backward[1]} leads backward; number the vertices so that every "
            "edge leads to a higher number."
        )


def _digest(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()
