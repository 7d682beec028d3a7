"""Spaces of cells: which operation stands on which edge, seen as a tree of decisions and as rows of weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from ..build import Build
from ..choice import Choice
from ..configuration import Configuration
from ..domains import Decision
from ..errors import ParetreeError, brief
from ..literals import lift
from ..node import Node, join
from ..pick import Pick
from ..space import Space
from .genotype import CellGenotype, Edge, Genotype
from .primitives import DARTS, NASBENCH201, PrimitiveSet
from .skeleton import MacroSkeleton

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scores = Mapping[str, "NDArray[np.floating[Any]]"]
"""By type of cell: for each edge, in the order of `CellSpace.edges`, and each primitive, how good it is there."""

NETWORK = "paretree.spaces.cells.network:cell_network"
EDGE = "paretree.spaces.cells.space:edge"
SURE = 10.0
"""Score of what is chosen, over 0 for what is not, where scores are made of decisions: as logits, 0.9995 or more."""


@dataclass(frozen=True)
class CellSpace:
    """All cells of so many nodes, with one definition for two views.

    The tree has for each type of cell and each node the decision which earlier nodes lead to it (a `Pick`), and on each
    edge that is chosen the decision on its operation. The table of weights has a row for each edge and a column for
    each primitive. An operation is keyed by its edge in both, so that one is easily turned into the other.

    Attributes:
        primitives: to choose from.
        nodes: after the inputs.
        inputs: nodes that come from outside.
        fan_in: edges that lead to a node; None for all there can be.
        types: of cells.
    """

    primitives: PrimitiveSet = DARTS
    nodes: int = 4
    inputs: int = 2
    fan_in: int | None = 2
    types: tuple[str, ...] = ("normal", "reduce")

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Pairs of nodes (from, to), by the second and then by the first; inputs are 0 and on."""
        return tuple((source, target) for target in self.targets for source in range(target))

    @property
    def targets(self) -> range:
        """Numbers of the nodes after the inputs."""
        return range(self.inputs, self.inputs + self.nodes)

    @property
    def operations(self) -> tuple[str, ...]:
        """Names that may stand on an edge. Where edges are chosen, one that lets nothing through is none of them."""
        return self.primitives.names if self.fan_in is None else self.primitives.something

    @property
    def shape(self) -> tuple[int, int]:
        """Edges of a cell, and primitives: what a table of weights has for each type."""
        return len(self.edges), len(self.primitives)

    def count(self) -> int:
        """How many choices of all cells there are; the same graph may be among them more than once."""
        of_node = [math.comb(target, self.fan_in) if self.fan_in else 1 for target in self.targets]
        chosen = self.nodes * self.fan_in if self.fan_in else len(self.edges)
        return int((math.prod(of_node) * len(self.operations) ** chosen) ** len(self.types))

    def tree(self, believed: Scores | None = None) -> dict[str, Node]:
        """By type of cell, the tree of its decisions.

        Args:
            believed: weights after a softmax, as a supernet's search ends with: the prior probabilities of operations.
        """
        make = self._all_edges if self.fan_in is None else self._picked_edges
        return {kind: lift(make(None if believed is None else self._table(believed, kind))) for kind in self.types}

    def space(self, skeleton: MacroSkeleton | None = None, believed: Scores | None = None, **parts: object) -> Space:
        """A space whose part `model` is the network of the cells; with its other parts, such as a learning rate.

        Args:
            skeleton: how cells are stacked; DARTS' for CIFAR-10, if nobody says.
            believed: as in `tree`; every sampler then begins with what a search on a supernet believes.
            parts: by name.

        Raises:
            ParetreeError: these cells are not stacked so (see `zoo.nasbench201`).
        """
        if self.fan_in is None or self.types != ("normal", "reduce"):
            raise ParetreeError(
                "Cells of one type with all edges have a network of their own; take zoo.nasbench201(), or build one "
                "with the nodes of tree()."
            )
        chosen = skeleton or MacroSkeleton()
        stacked: dict[str, Any] = {
            "layers": chosen.layers,
            "channels": chosen.channels,
            "classes": chosen.classes,
            "stem": chosen.stem,
            "auxiliary": chosen.auxiliary,
        }
        cells: dict[str, Any] = self.tree(believed)
        return Space(model=Build(NETWORK, **cells, primitives=self.primitives.name, **stacked), **parts)

    def decisions(self, scores: Scores, at: str = "model") -> dict[str, Decision]:
        """The best cells by a table of scores, as decisions by path.

        Of the edges to a node those are taken whose best operation scores highest, an operation that lets nothing
        through not counted; earlier nodes before later ones where they are equal (DARTS, section 2.4).

        Args:
            scores: weights after a softmax, or whatever else says what is good.
            at: path of the part that has the types of cells.

        Raises:
            ParetreeError: a table has another shape.
        """
        decided: dict[str, Decision] = {}
        for kind in self.types:
            for target, chosen in self._chosen(self._table(scores, kind)).items():
                decided |= self._written(join(at, kind), target, chosen)
        return decided

    def genotype(self, scores: Scores, with_none: bool = False) -> Genotype:
        """The best cells by a table of scores, strongest edges first, as DARTS derives them.

        Args:
            scores: as in `decisions`.
            with_none: an operation that lets nothing through can be the best one too.

        Raises:
            ParetreeError: a table has another shape, or these cells have no genotype.
        """
        self._need_genotypes()
        concat = tuple(self.targets)
        cells = [
            CellGenotype(tuple(self._chosen(self._table(scores, kind), with_none).values()), concat)
            for kind in self.types
        ]
        return Genotype(*cells)

    def genotype_of(self, configuration: Configuration, at: str = "model") -> Genotype:
        """The genotype that a configuration decides on."""
        self._need_genotypes()
        cells = []
        for kind in self.types:
            paths = {target: join(join(at, kind), str(target)) for target in self.targets}
            nodes = (self._read(configuration, path) for path in paths.values())
            cells.append(CellGenotype(tuple(nodes), tuple(self.targets)))
        return Genotype(*cells)

    def decisions_of(self, genotype: Genotype, at: str = "model") -> dict[str, Decision]:
        """The decisions that lead to a genotype, by path; `space.configuration` takes them.

        Raises:
            ParetreeError: it is not one of these cells.
        """
        self._need_genotypes()
        decided: dict[str, Decision] = {}
        for kind, cell in genotype.ordered().cells.items():
            if len(cell.nodes) != self.nodes or cell.concat != tuple(self.targets):
                raise ParetreeError(
                    f"The {kind} cell has {len(cell.nodes)} nodes and joins {list(cell.concat)}; cells of this space "
                    f"have {self.nodes} and join all of them."
                )
            for target, edges in zip(self.targets, cell.nodes, strict=True):
                sources = {source for _, source in edges}
                strange = [name for name, _ in edges if name not in self.operations]
                if len(sources) != self.fan_in or strange:
                    why = f"{strange[0]!r} is none of its operations" if strange else "two come from the same node"
                    raise ParetreeError(f"Edges {brief(list(edges))} of the {kind} cell are not in the space: {why}.")
                decided |= self._written(join(at, kind), target, edges)
        return decided

    def scores_of(self, decisions: Mapping[str, Decision], at: str = "model") -> dict[str, NDArray[np.float64]]:
        """A table of scores whose best cells are these: what is chosen has `SURE`, all else 0.

        As architecture weights before a softmax, they make a supernet nearly the network that was decided on.
        """
        tables = {kind: np.zeros(self.shape) for kind in self.types}
        for kind, table in tables.items():
            for row, edge_of in enumerate(self.edges):
                name = decisions.get(self._path(join(at, kind), edge_of))
                if name is not None:
                    table[row, self.primitives.names.index(str(name))] = SURE
        return tables

    def named(self, tables: Scores, at: str = "model") -> dict[str, float]:
        """The numbers of tables, each by the path of its decision and the operation.

        As in `model/normal/2=0/op=skip_connect`. `tables_of` reads them back.
        """
        return {
            f"{self._path(join(at, kind), edge_of)}={name}": float(value)
            for kind in self.types
            for edge_of, row in zip(self.edges, self._table(tables, kind), strict=True)
            for name, value in zip(self.primitives.names, row, strict=True)
        }

    def tables_of(self, named: Mapping[str, float], at: str = "model") -> dict[str, NDArray[np.float64]]:
        """The tables that `named` wrote.

        Raises:
            KeyError: a number is missing.
        """
        return {
            kind: np.array(
                [
                    [named[f"{self._path(join(at, kind), edge_of)}={name}"] for name in self.primitives.names]
                    for edge_of in self.edges
                ]
            )
            for kind in self.types
        }

    def _all_edges(self, believed: NDArray[np.float64] | None) -> dict[str, Choice]:
        return {f"{source}->{target}": self._choice((source, target), believed) for source, target in self.edges}

    def _picked_edges(self, believed: NDArray[np.float64] | None) -> dict[str, Pick]:
        return {
            str(target): Pick(
                {
                    str(source): Build(EDGE, source=source, op=self._choice((source, target), believed))
                    for source in range(target)
                },
                self.fan_in or 0,
            )
            for target in self.targets
        }

    def _choice(self, edge_of: tuple[int, int], believed: NDArray[np.float64] | None) -> Choice:
        if believed is None:
            return Choice(*self.operations)
        row = believed[self.edges.index(edge_of), [self.primitives.names.index(name) for name in self.operations]]
        return Choice(*self.operations, weights=(row / row.sum()).tolist() if row.sum() > 0 else None)

    def _path(self, cell: str, edge_of: tuple[int, int]) -> str:
        """Of the decision on an operation."""
        source, target = edge_of
        if self.fan_in is None:
            return join(cell, f"{source}->{target}")
        return f"{join(cell, str(target))}={source}/op"

    def _written(self, cell: str, target: int, chosen: tuple[Edge, ...]) -> dict[str, Decision]:
        """The decisions on the edges to a node."""
        in_order = sorted(chosen, key=lambda edge_of: edge_of[1])
        ops: dict[str, Decision] = {self._path(cell, (source, target)): name for name, source in in_order}
        if self.fan_in is None:
            return ops
        return {join(cell, str(target)): "+".join(str(source) for _, source in in_order), **ops}

    def _read(self, configuration: Configuration, path: str) -> tuple[Edge, ...]:
        picked = str(configuration[path]).split("+")
        return tuple((str(configuration[f"{path}={source}/op"]), int(source)) for source in picked)

    def _table(self, scores: Scores, kind: str) -> NDArray[np.float64]:
        if kind not in scores:
            raise ParetreeError(f"There are no scores of {kind!r} cells; give tables for {', '.join(self.types)}.")
        table = np.asarray(scores[kind], dtype=float)
        if table.shape != self.shape:
            raise ParetreeError(
                f"Scores of {kind!r} cells have the shape {table.shape}; these cells have {self.shape[0]} edges and "
                f"{self.shape[1]} primitives."
            )
        return table

    def _chosen(self, table: NDArray[np.float64], with_none: bool = False) -> dict[int, tuple[Edge, ...]]:
        """By node, the edges that lead to it; the strongest first."""
        names = self.primitives.names
        allowed = names if with_none else self.operations
        columns = [names.index(name) for name in allowed]
        best = {
            edge_of: (float(row[columns].max()), allowed[int(row[columns].argmax())])
            for edge_of, row in zip(self.edges, table, strict=True)
        }
        chosen = {}
        for target, group in groupby(self.edges, key=lambda edge_of: edge_of[1]):
            ranked = sorted(group, key=lambda edge_of: -best[edge_of][0])
            chosen[target] = tuple((best[one][1], one[0]) for one in ranked[: self.fan_in])
        return chosen

    @property
    def has_genotypes(self) -> bool:
        """Whether DARTS' notation can tell these cells: a normal and a reducing one, with two inputs and fan-in 2."""
        return (self.fan_in, self.inputs, self.types) == (2, 2, ("normal", "reduce"))

    def _need_genotypes(self) -> None:
        if not self.has_genotypes:
            raise ParetreeError(
                "Genotypes are of normal and reduction cells with two inputs and two edges to each node; these cells "
                "are configurations only."
            )


def edge(source: int, op: str) -> Edge:
    """An edge as genotypes write it."""
    return op, source


def darts_space(primitives: PrimitiveSet = DARTS, skeleton: MacroSkeleton | None = None, **parts: object) -> Space:
    """DARTS' space of a normal and a reduction cell, with those primitives: 1.08e18 choices with DARTS' own."""
    return CellSpace(primitives).space(skeleton, None, **parts)


NASBENCH201_CELLS = CellSpace(NASBENCH201, nodes=3, inputs=1, fan_in=None, types=("edges",))
"""The cells of NAS-Bench-201; `zoo.nasbench201()` is their space, in which they stand at "model"."""
