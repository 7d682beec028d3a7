"""A Ray cluster to work on: joined, or started small and quiet on this machine."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
from typing import Any

import ray
import ray._private.worker
from ray.exceptions import RayError

from ..protocol import WorkersError
from .terms import Allotment

OBJECT_STORE_BYTES = 80 * 2**20  # holds one packed job; Ray's default is 30 % of the machine's memory
AUTH_MODE = "RAY_AUTH_MODE"


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
    if address:
        _show_token()
    target: dict[str, Any] = {"address": address} if address else _own(_declared_cpus(allotment, count))
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**target, namespace="paretree", log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError, RayError) as error:
        raise WorkersError(
            f"Ray cannot be had at address={address or 'local'!r} ({error}); see that it runs, that {AUTH_MODE} "
            f"({os.environ.get(AUTH_MODE, 'not set here')}) is the same here as there, and that ~/.ray/auth_token is"
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # ray.init puts its own in its place
    _print_deaths(False)
    return True


def leave() -> None:
    """Undo `join`: a cluster that it started ends."""
    ray.shutdown()
    _print_deaths(True)


def _show_token() -> None:
    """Show the cluster the token of this user, if there is one and nothing else was said.

    A local cluster asks for it since Ray 2.59, while `ray.init(address=...)` shows it by itself only from 2.61 on and
    fails after 20 s without; a cluster that does not ask does not mind.
    """
    try:
        from ray._private.authentication import authentication_token_setup as setup
    except ImportError:  # another version of Ray, which knows no tokens or shows them
        return
    logger = logging.getLogger(setup.__name__)
    level = logger.level
    logger.setLevel(logging.ERROR)
    setup.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    logger.setLevel(level)


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
