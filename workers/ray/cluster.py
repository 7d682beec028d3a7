"""A Ray cluster to work on: joined, or started small and quiet on this machine."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
from dataclasses import dataclass
from typing import Any

import ray
import ray._private.worker

from ..protocol import WorkersError

OBJECT_STORE_BYTES = 80 * 2**20  # holds one packed job; Ray's default is 30 % of the machine's memory


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

    def times_in(self, node: dict[str, float]) -> int:
        """How many such allotments a node with these resources holds."""
        fits = (node.get(name, 0) / amount for name, amount in self._resources().items())
        return int(min(fits) + 1e-6)  # 0.6 / 0.2 falls just short of 3

    def missing_from(self, nodes: list[dict[str, float]]) -> str:
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


def join(address: str | None, allotment: Allotment, count: int | None) -> bool:
    """Connect this process to Ray: to the cluster at `address`, else to a new one on this machine.

    Returns whether that was needed: a process that already uses Ray goes on with what it has.

    Raises:
        WorkersError: there is no cluster at `address`.
    """
    if ray.is_initialized():
        return False
    if address and address.startswith("ray://"):
        raise WorkersError(
            f"{address} is a Ray Client address, which loses running trials with the connection; "
            "run this on a node of the cluster with address='auto'"
        )
    target: dict[str, Any] = {"address": address} if address else _own(_declared_cpus(allotment, count))
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**target, namespace="paretree", log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise WorkersError(
            f"Ray cannot be had at address={address or 'local'!r} ({error}); "
            "see that it runs, and that RAY_AUTH_MODE is the same here as there"
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # ray.init puts its own in its place
    _print_deaths(False)
    return True


def leave() -> None:
    """Undo `join`: a cluster that it started ends."""
    ray.shutdown()
    _print_deaths(True)


def places(allotment: Allotment, count: int | None) -> int:
    """How many runners to start: `count`, or as many as the cluster holds.

    Raises:
        WorkersError: it does not hold that many, or not even one.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    capacity = sum(allotment.times_in(node) for node in nodes)
    if not capacity:
        raise WorkersError(allotment.missing_from(nodes))
    if count and count > capacity:
        raise WorkersError(
            f"RayWorkers(count={count}) does not fit: this Ray cluster holds {capacity} with {allotment}"
        )
    return count or capacity


def free() -> str:
    """What nobody has taken of the cluster, for messages."""
    resources = ray.available_resources()  # type: ignore[no-untyped-call]
    return f"{resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs"


def _own(cpus: int) -> dict[str, Any]:
    """What makes `ray.init` start a cluster, where by default it would join any it finds on this machine."""
    return {
        "address": "local",
        "num_cpus": cpus,
        "object_store_memory": OBJECT_STORE_BYTES,
        "include_dashboard": False,
    }


def _print_deaths(wanted: bool) -> None:
    """Whether Ray tells of dead workers on stdout: `log_to_driver` does not decide it, so do as Ray's debugger."""
    ray._private.worker._worker_logs_enabled = wanted


def _declared_cpus(allotment: Allotment, count: int | None) -> int:
    """The CPUs to tell Ray of: those there are, or more where `count` runners of a possible size ask to share them."""
    available = os.cpu_count() or 1
    if count is None or allotment.cpus > available:
        return available
    return max(available, math.ceil(count * allotment.cpus))
