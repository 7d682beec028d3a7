"""What each runner of a pool is given, and how it runs its trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..protocol import WorkersError
from ..trial import Device

Isolation = Literal["process", "inline", "torchrun"]
ISOLATIONS = ("process", "inline", "torchrun")


@dataclass(frozen=True, slots=True)
class Allotment:
    """What each runner is given: CPUs, GPUs (fractions share one), and bytes of memory."""

    cpus: float
    gpus: float
    memory: int | None

    def __post_init__(self) -> None:
        if self.cpus <= 0:
            raise WorkersError(f"RayWorkers(cpus={self.cpus}) leaves trials nothing to run on; give each more than 0")
        if self.gpus < 0 or (self.gpus > 1 and self.gpus != int(self.gpus)):
            raise WorkersError(f"RayWorkers(gpus={self.gpus}) cannot be had; give a part of one GPU, or whole ones")

    def __str__(self) -> str:
        return ", ".join(f"{name}={amount:g}" for name, amount in self._resources().items())

    def times_in(self, node: Mapping[str, float]) -> int:
        """How many such allotments a node with these resources holds."""
        fits = (node.get(name, 0) / amount for name, amount in self._resources().items())
        return int(min(fits) + 1e-6)  # 0.6 / 0.2 falls just short of 3

    def missing_from(self, nodes: list[Mapping[str, float]]) -> str:
        """Why no node holds even one, as a sentence."""
        for name, amount in self._resources().items():
            most = max((node.get(name, 0) for node in nodes), default=0)
            if most < amount:
                return (
                    f"each trial asks for {name}={amount:g}, but the largest node of this Ray cluster has {most:g}; "
                    "ask RayWorkers for less, or join a larger cluster with address="
                )
        return f"each trial asks for {self}, which no node of this Ray cluster has together; ask RayWorkers for less"

    def _resources(self) -> dict[str, float]:
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": float(self.memory or 0)}
        return {name: amount for name, amount in asked.items() if amount}


@dataclass(frozen=True)
class Terms:
    """The terms on which a runner serves; one that an earlier controller left goes on only where they are the same."""

    allotment: Allotment
    isolation: Isolation
    orphan_seconds: float
    runtime_env: Mapping[str, Any] | None

    def __post_init__(self) -> None:
        if self.isolation not in ISOLATIONS:
            raise WorkersError(
                f"RayWorkers(isolation={self.isolation!r}) is unknown; give one of {', '.join(map(repr, ISOLATIONS))}"
            )
        if self.isolation == "torchrun" and 0 < self.allotment.gpus < 1:
            raise WorkersError(
                f"RayWorkers(isolation='torchrun', gpus={self.allotment.gpus}) shares one GPU; give whole ones, "
                "one for each process"
            )
        if self.orphan_seconds <= 0:
            raise WorkersError(f"RayWorkers(orphan_seconds={self.orphan_seconds}) is no time; give more than 0")

    @property
    def device(self) -> Device:
        """What trials compute on."""
        return "cuda" if self.allotment.gpus else "cpu"

    @property
    def processes(self) -> int:
        """How many processes a trial under torchrun has: one for each GPU, or each CPU where there is none."""
        return max(1, int(self.allotment.gpus or self.allotment.cpus))

    @property
    def options(self) -> dict[str, Any]:
        """What Ray is asked for."""
        return {
            "num_cpus": self.allotment.cpus,
            "num_gpus": self.allotment.gpus,
            "memory": self.allotment.memory,
            "runtime_env": self.runtime_env,
        }


def environment(runtime_env: Mapping[str, Any] | None, env: Mapping[str, str] | None) -> dict[str, Any] | None:
    """A runtime environment with the variables of `env` besides its own; `None` where nothing is asked, as one takes
    a second to set up.
    """
    merged = dict(runtime_env or {})
    if env:
        merged["env_vars"] = {**merged.get("env_vars", {}), **env}
    return merged or None
