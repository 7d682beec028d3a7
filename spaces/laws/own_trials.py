"""The trials that a law of one's own is fitted to: read from a table, checked, grouped by N and D."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .amounts import human
from .errors import LawError, LawWarning

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

SAME = 0.01
"""Relative difference below which two N, or two D, are one: a last batch more or less."""

FEWEST_GROUPS = 3

FEWEST_TRIALS = 4
"""Of a group that counts as one."""

FEWEST_VALUES = 3
"""Of learning rates, or batch sizes, in a group that searched them."""

SMALLEST_BATCH = 1024
"""Tokens; where no batch is larger they are most likely sequences."""

FEWEST_STEPS, MOST_STEPS = 50, 3e6
"""Of the training in the middle; with fewer, batch sizes are most likely tokens that were taken for sequences, with
more, sequences that were taken for tokens."""


@dataclass(frozen=True)
class OwnTrials:
    """The trials that count; everything in natural logarithms, batch sizes in tokens.

    Attributes:
        rate, batch, loss: (n,) of each trial; batch is NaN where it is not known.
        group: (n,) the number of its group, from 0.
        N, D: (groups,) of each group, as numbers, not logarithms.
        lost: (groups,) how many further trials of the group had no finite, positive loss.
        tried: (groups, 2, 2) lowest and highest of ln learning rate and ln batch size, lost trials included.
        searched: whether learning rate and batch size were searched within groups.
    """

    rate: Floats
    batch: Floats
    loss: Floats
    group: Numbers
    N: Floats
    D: Floats
    lost: Numbers
    tried: Floats
    searched: tuple[bool, bool]

    @property
    def groups(self) -> int:
        """How many pairs of N and D there are."""
        return len(self.N)

    def of(self, number: int) -> OwnTrials:
        """The trials of one group alone."""
        return self._chosen([number])

    def without(self, number: int) -> OwnTrials:
        """The trials of all groups but one."""
        return self._chosen([other for other in range(self.groups) if other != number])

    @property
    def largest(self) -> int:
        """The group with the most compute (N D)."""
        return int(np.argmax(self.N * self.D))

    @property
    def hash(self) -> str:
        """SHA-256 of the trials in a fixed order: two laws of the same data have the same."""
        columns = [self.N[self.group], self.D[self.group], self.rate, self.batch, self.loss]
        rows = np.stack(columns, axis=1).round(9)
        return hashlib.sha256(rows[np.lexsort(rows.T)].astype("<f8").tobytes()).hexdigest()

    def _chosen(self, numbers: list[int]) -> OwnTrials:
        kept = np.isin(self.group, numbers)
        return OwnTrials(
            rate=self.rate[kept],
            batch=self.batch[kept],
            loss=self.loss[kept],
            group=np.searchsorted(numbers, self.group[kept]),
            N=self.N[numbers],
            D=self.D[numbers],
            lost=self.lost[numbers],
            tried=self.tried[numbers],
            searched=self.searched,
        )


def read_own_trials(
    trials: pd.DataFrame,
    *,
    N: str,
    D: str,
    learning_rate: str,
    batch_size: str | None,
    loss: str,
    seq_len: int | None,
) -> OwnTrials:
    """The table's trials; warns (`LawWarning`) where batch sizes look like another unit.

    Args:
        trials: a row for each training.
        N, D, learning_rate, batch_size, loss: its columns.
        seq_len: where it is given batch sizes are in sequences of so many tokens.

    Raises:
        LawError: a column is missing, holds what has no logarithm, or the trials cannot tell a law.
    """
    columns = {"N": N, "D": D, "learning_rate": learning_rate, "batch_size": batch_size, "loss": loss}
    for keyword, column in columns.items():
        if column is not None and column not in trials.columns:
            raise LawError(
                f"The trials have no column {column!r}; they have {', '.join(map(repr, trials.columns))}, "
                f"and {keyword}= says which one to take."
            )
    values = trials[loss].to_numpy(float)
    finite = np.isfinite(values) & (values > 0)
    sizes, tokens, rates = (positive(trials, column) for column in (N, D, learning_rate))
    batches = _batches(trials, batch_size, tokens, seq_len)
    if not finite.any():
        raise LawError(f"No trial has a finite loss in column {loss!r}; give the loss that trainings reached.")
    group = grouped(sizes, tokens)
    alive = np.unique(group[finite])
    found = OwnTrials(
        rate=np.log(rates[finite]),
        batch=np.log(batches[finite]),
        loss=np.log(values[finite]),
        group=np.searchsorted(alive, group[finite]),
        N=np.array([np.median(sizes[group == number]) for number in alive]),
        D=np.array([np.median(tokens[group == number]) for number in alive]),
        lost=np.array([np.sum(~finite & (group == number)) for number in alive]),
        tried=np.array([[_bounds(rates[group == number]), _bounds(batches[group == number])] for number in alive]),
        searched=(_searched(rates[finite], group[finite]), _searched(batches[finite], group[finite])),
    )
    _check(found)
    return found


def grouped(N: Floats, D: Floats) -> Numbers:
    """(n,) the number of each pair of N and D, from 0; sizes that differ by less than 1 % are one."""
    pairs = np.stack([_numbered(N), _numbered(D)], axis=1)
    return np.asarray(np.unique(pairs, axis=0, return_inverse=True)[1], dtype=np.int64).reshape(-1)


def _numbered(values: Floats) -> Numbers:
    order = np.argsort(values, kind="stable")
    apart = np.diff(np.log(values[order]), prepend=-np.inf) > SAME
    numbers = np.empty(len(values), dtype=np.int64)
    numbers[order] = np.cumsum(apart) - 1
    return numbers


def positive(trials: pd.DataFrame, column: str) -> Floats:
    """(n,) a column that has logarithms.

    Raises:
        LawError: one of its values has none.
    """
    values = trials[column].to_numpy(float)
    wrong = values[~(np.isfinite(values) & (values > 0))]
    if len(wrong):
        raise LawError(
            f"Column {column!r} holds {wrong[0]:g}, and the law takes its logarithm; give positive numbers there."
        )
    return values


def _batches(trials: pd.DataFrame, column: str | None, tokens: Floats, seq_len: int | None) -> Floats:
    """In tokens; NaN where there are none."""
    if column is None or trials[column].isna().all():
        return np.full(len(trials), np.nan)
    batches = positive(trials, column) * (seq_len or 1)
    steps = float(np.median(tokens / batches))
    if seq_len is None and (batches.max() < SMALLEST_BATCH or steps > MOST_STEPS):
        warnings.warn(
            f"With the batch sizes of column {column!r} as tokens a training has {human(steps)} steps, and no batch "
            f"more than {human(float(batches.max()))}, which looks like sequences; give seq_len=, the tokens of one.",
            LawWarning,
            stacklevel=4,
        )
    if seq_len is not None and steps < FEWEST_STEPS:
        warnings.warn(
            f"With seq_len={seq_len} a training has {human(steps)} steps, so column {column!r} looks like tokens; "
            "leave seq_len out.",
            LawWarning,
            stacklevel=4,
        )
    return batches


def _bounds(values: Floats) -> list[float]:
    return [float(np.log(values.min())), float(np.log(values.max()))]


def _searched(values: Floats, group: Numbers) -> bool:
    """Whether enough groups tried enough values."""
    tried = [len(np.unique(values[group == number].round(12))) for number in np.unique(group)]
    return bool(np.isfinite(values).all()) and sum(count >= FEWEST_VALUES for count in tried) >= FEWEST_GROUPS


def _check(trials: OwnTrials) -> None:
    full = np.bincount(trials.group, minlength=trials.groups) >= FEWEST_TRIALS
    if full.sum() < FEWEST_GROUPS:
        raise LawError(
            f"A law needs {FEWEST_GROUPS} groups (pairs of N and D) of {FEWEST_TRIALS} trials that did not diverge, "
            f"and these trials have {full.sum()}; run sweeps of more sizes, or more trials of each."
        )
    for name, values in (("N", trials.N[full]), ("D", trials.D[full])):
        if len(np.unique(_numbered(values))) < 2:
            raise LawError(
                f"All trials have {name} = {human(float(values[0]))}, which tells nothing of how the optimum moves "
                f"with {name}; add sweeps at another {name}."
            )
    if not any(trials.searched):
        raise LawError(
            f"Neither learning rate nor batch size has {FEWEST_VALUES} values in {FEWEST_GROUPS} groups or more; "
            "a law is fitted to what was searched, so search one of them."
        )
