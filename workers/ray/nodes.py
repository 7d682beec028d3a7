"""The nodes of a cluster: which are there, which are about to go, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray
import ray._private.state

from ..protocol import WorkersError
from .terms import Allotment


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes at one moment, by Ray's ids."""

    alive: Mapping[str, Mapping[str, float]]  # what each has in all, by resource
    draining: frozenset[str]  # alive, but announced to end soon: by a cloud that takes back its machine, or by hand

    @property
    def staying(self) -> list[Mapping[str, float]]:
        """The resources of those that new work may be given to."""
        return [resources for id, resources in self.alive.items() if id not in self.draining]

    def capacity(self, allotment: Allotment) -> int:
        """How many such allotments they hold, if nobody else takes any."""
        return sum(allotment.times_in(node) for node in self.staying)

    def check(self, allotment: Allotment) -> None:
        """See that at least one node could ever hold such an allotment.

        Raises:
            WorkersError: none could.
        """
        if not self.capacity(allotment):
            raise WorkersError(allotment.missing_from(self.staying))


def look() -> Nodes:
    """The nodes as Ray sees them now."""
    listed: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    alive = {node["NodeID"]: node["Resources"] for node in listed if node["Alive"]}
    return Nodes(alive, frozenset(_draining()).intersection(alive))


def here() -> str:
    """The id of the node that this process is on."""
    return str(ray.get_runtime_context().get_node_id())


def free() -> str:
    """What nobody has taken of the cluster, for messages."""
    resources = ray.available_resources()  # type: ignore[no-untyped-call]
    return f"{resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs"


def _draining() -> list[str]:
    """Ray says which nodes drain only by a private call; where a version has it no more, losses come unannounced."""
    try:
        return list(ray._private.state.state.get_draining_nodes())
    except AttributeError:
        return []
