"""What a trial tells through Tune's results: beside the user's metrics, which schedulers read, a mark for the store.

Tune adds its own columns to a result and flattens it, so that `{"a": {"b": 1}}` becomes `{"a/b": 1}`. The mark keeps
what was measured apart from all that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ray.tune.result import AUTO_RESULT_KEYS, DEBUG_METRICS, DEFAULT_EXPERIMENT_INFO_KEYS, DONE

from ..results import as_number
from .configs import MARK

TUNES_OWN = {*AUTO_RESULT_KEYS, *DEBUG_METRICS, *DEFAULT_EXPERIMENT_INFO_KEYS, DONE, "should_checkpoint"}
"""Columns that Tune adds to every result."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a result says.

    Attributes:
        step: at which it was measured.
        values: what was measured, or returned where `returned`.
        returned: whether the user's function has returned.
        lines: what it logged since the last result.
        origin: the `lineage` of who made the checkpoint which this trial goes on from.
    """

    step: int
    values: Mapping[str, float]
    returned: bool = False
    lines: Sequence[str] = field(default_factory=tuple)
    origin: str | None = None

    def mark(self) -> dict[str, Any]:
        """As it travels in a result."""
        return {
            MARK: {
                "step": self.step,
                "values": dict(self.values),
                "returned": self.returned,
                "lines": "\n".join(self.lines),
                "origin": self.origin,
            }
        }


def told(result: Mapping[str, Any]) -> Told:
    """What a flattened result says; without our mark it is one of the user's own trainables, and all numbers count."""
    if f"{MARK}/step" not in result:
        numbers = {name: as_number(value) for name, value in result.items() if not _is_tunes_own(name)}
        measured = {name: number for name, number in numbers.items() if number is not None}
        return Told(int(result.get("training_iteration", 0)), measured)
    return Told(
        step=result[f"{MARK}/step"],
        values=below(result, f"{MARK}/values/"),
        returned=result[f"{MARK}/returned"],
        lines=result[f"{MARK}/lines"].splitlines(),
        origin=result[f"{MARK}/origin"],
    )


def _is_tunes_own(name: str) -> bool:
    return name in TUNES_OWN or name.startswith("config/")


def below(result: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The part of a flattened result that was nested below `prefix`."""
    return {name[len(prefix) :]: value for name, value in result.items() if name.startswith(prefix)}
