"""What a sampler is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...spaces import Configuration, Space
from ..trials import Trials


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration to try, who proposed it and why.

    Attributes:
        detail: JSON data that the sampler wants to find again on the trial that comes of it (a generation, say).
    """

    configuration: Configuration
    sampler: str
    reason: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it is stored with the trial; the configuration has a column of its own."""
        return {"sampler": self.sampler, "reason": self.reason, "detail": dict(self.detail)}


class Sampler(Protocol):
    """Proposes what to try next.

    A sampler is a function of what is known: it may keep caches, but no truth. Whatever it must remember of its own
    trials it puts into `Proposal.detail`, and reads it there. So a sweep can be resumed anywhere from its store.

    A sampler that takes longer than some 0.1 s for a proposal is asked in a thread of its own, one ask at a time; it
    may say so from the start with an attribute `thinks = True`. What it raises is logged, and random draws stand in
    for it; a `SweepError` stops the sweep. Proposals may come to be tried late, or never.

    On a space with priors a sweep begins with two proposals that are not the sampler's (see `Guided`), unless it says
    with an attribute `control = True` that others are to be compared with it, so that nothing may be put before it.
    """

    @property
    def name(self) -> str:
        """As users write it."""
        ...

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """`n` proposals, or fewer when nothing is left to propose.

        Args:
            space: what is searched; every proposal is a configuration of it.
            trials: finished, running, waiting and failed trials; losses are to be minimised. It may be another object
                each time; `trials.sweep` is the same one for the same sweep. `trials.goals.known` has the objectives
                and constraints that are functions of a configuration.
            n: how many are wanted.
            seed: where randomness starts; the same arguments give the same proposals.
        """
        ...
