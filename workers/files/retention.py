"""Which checkpoints of a trial there are, and which of them are kept."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..protocol import Keep

PATTERN = re.compile(r"checkpoint-(\d+)-(\d+)\.(\d+)-[0-9a-f]+")


class Label(NamedTuple):
    """What the name of a checkpoint says. Labels sort by when checkpoints were made, whatever their steps."""

    attempt: int
    nth: int  # of the checkpoints of this attempt, from 0
    step: int
    name: str

    @classmethod
    def new(cls, attempt: int, nth: int, step: int) -> Label:
        """A label with a name that no other checkpoint has, not even one of a second process of the same attempt."""
        return cls(attempt, nth, step, f"checkpoint-{step:08}-{attempt:03}.{nth:04}-{secrets.token_hex(4)}")

    @classmethod
    def read(cls, name: str) -> Label | None:
        """What `name` says, or None where it is not the name of a checkpoint."""
        match = PATTERN.fullmatch(name)
        if match is None:
            return None
        step, attempt, nth = map(int, match.groups())
        return cls(attempt, nth, step, name)


def kept(labels: Sequence[Label], keep: Keep, scores: Mapping[str, float]) -> set[Label]:
    """Those of `labels`, the oldest first, that `keep` keeps; `scores` has values of its metric by name."""
    chosen = set(labels[-keep.last :])
    if keep.every is not None:
        chosen.update(label for label in labels if label.step % keep.every == 0)
    scored = [label for label in labels if label.name in scores]
    if scored:
        sign = 1 if keep.mode == "maximize" else -1
        chosen.add(max(reversed(scored), key=lambda label: sign * scores[label.name]))
    return chosen
