"""What a law of one's own rests on: its groups of trials, and how well it foretells the ones it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LeftOut:
    """How a law that was fitted without a group misses it.

    Attributes:
        learning_rate, batch_size: ln of (foretold / the group's own optimum); None for what was not searched.
        gap: per cent by which the loss at what was foretold lies above the group's best, by the fitted bowl.
    """

    learning_rate: float | None
    batch_size: float | None
    gap: float


@dataclass(frozen=True)
class LawGroup:
    """The trials of one N and D, and where their optimum is by themselves.

    Attributes:
        N, D: parameters and training tokens.
        trials: how many there are; counting: how many of them the law is fitted to, those near the group's best;
            diverged: how many diverged.
        loss: the best, as fitted.
        learning_rate, batch_size: the group's own optimum, tokens; None for what was not searched.
        learning_rate_spread, batch_size_spread: one standard deviation of their logarithms.
        edge: where the optimum is beyond what was tried, and therefore only bounded: "learning rate above", "batch
            size below" and the like; None where it is not.
        left_out: how the law of the other groups misses it.
    """

    N: float
    D: float
    trials: int
    counting: int
    diverged: int
    loss: float
    learning_rate: float | None
    learning_rate_spread: float | None
    batch_size: float | None
    batch_size_spread: float | None
    edge: str | None
    left_out: LeftOut


@dataclass(frozen=True)
class Evidence:
    """What a fitted law rests on.

    Attributes:
        groups: from the least compute (N D) to the most.
        noise: standard deviation of ln loss of a trial near the optimum.
        unidentified: a sentence for each exponent that the trials leave open; it stays near what was believed before.
        notes: sentences on what was not searched or is only bounded.
        data_hash: SHA-256 of the trials; two laws of the same trials have the same.
    """

    groups: tuple[LawGroup, ...]
    noise: float
    unidentified: tuple[str, ...]
    notes: tuple[str, ...]
    data_hash: str

    @property
    def trials(self) -> int:
        """How many trials there are in all."""
        return sum(group.trials for group in self.groups)

    @property
    def largest_out(self) -> LeftOut:
        """How the law of all other groups misses the one with the most compute."""
        return self.groups[-1].left_out

    @property
    def left_out(self) -> LeftOut:
        """How groups are missed by the law of the others: root mean squares of the errors, mean of the gaps."""
        errors = [group.left_out for group in self.groups]
        return LeftOut(
            learning_rate=_root_mean_square([error.learning_rate for error in errors]),
            batch_size=_root_mean_square([error.batch_size for error in errors]),
            gap=float(np.mean([error.gap for error in errors])),
        )

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each group, with the errors of leaving it out as `left_out_learning_rate` (ln) and so on."""
        import pandas as pd

        rows = []
        for group in self.groups:
            row = asdict(group)
            row |= {f"left_out_{name}": value for name, value in row.pop("left_out").items()}
            rows.append(row)
        return pd.DataFrame(rows)

    def lines(self) -> dict[str, str]:
        """In words, by what they are about."""
        count = sum(group.counting for group in self.groups)
        lines = {
            "trials": f"{self.trials} in {len(self.groups)} groups, {count} of them near the best; noise "
            f"{100 * self.noise:.2g} % of the loss",
            "left out": f"a group that the law has not seen is missed by {_missed(self.left_out)}",
            "largest left out": _missed(self.largest_out),
        }
        lines |= {f"open {number}": text for number, text in enumerate(self.unidentified, start=1)}
        return lines | {f"note {number}": text for number, text in enumerate(self.notes, start=1)}

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Evidence:
        """What `to_data` wrote."""
        groups = [LawGroup(**{**group, "left_out": LeftOut(**group["left_out"])}) for group in data["groups"]]
        return cls(
            groups=tuple(groups),
            noise=data["noise"],
            unidentified=tuple(data["unidentified"]),
            notes=tuple(data["notes"]),
            data_hash=data["data_hash"],
        )


def _root_mean_square(errors: list[float | None]) -> float | None:
    known = [error for error in errors if error is not None]
    return float(np.sqrt(np.mean(np.square(known)))) if known else None


def _missed(error: LeftOut) -> str:
    parts = {"learning rate": error.learning_rate, "batch size": error.batch_size}
    factors = [f"a factor of {np.exp(abs(value)):.2f} in {name}" for name, value in parts.items() if value is not None]
    return f"{' and '.join(factors)}, which costs {error.gap:.2g} % of the loss"
