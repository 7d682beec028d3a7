"""What a law predicts for one training, as text, as data and in notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from .amounts import human


@dataclass(frozen=True)
class Prediction:
    """The best learning rate and batch size for one training, with intervals that hold 80 % of what is believed.

    Attributes:
        law: the law's name.
        N, D: parameters and training tokens.
        learning_rate, learning_rate_interval: of the peak; None where the law says nothing of it.
        batch_size, batch_size_interval: tokens; None where the law says nothing of it.
        seq_len: tokens of one sequence, if it was said.
        batch_sequences, batch_sequences_interval: the batch size in sequences, where `seq_len` is known.
        expected_penalty: the loss to be expected above the best one from being off, per cent: half the curvature of
            the loss times the variance of the belief.
        transfer: how far the law is carried, which decides the width of the intervals.
        warnings: sentences on what is outside the law's domain, or looks like a wrong unit.
    """

    law: str
    N: float
    D: float
    learning_rate: float | None
    learning_rate_interval: tuple[float, float] | None
    batch_size: float | None
    batch_size_interval: tuple[float, float] | None
    seq_len: int | None
    expected_penalty: float
    transfer: str
    warnings: tuple[str, ...] = ()

    @property
    def batch_sequences(self) -> float | None:
        """The batch size in sequences; not rounded: take a multiple of what your devices hold."""
        return None if self.batch_size is None or self.seq_len is None else self.batch_size / self.seq_len

    @property
    def batch_sequences_interval(self) -> tuple[float, float] | None:
        """Its interval."""
        if self.batch_size_interval is None or self.seq_len is None:
            return None
        return self.batch_size_interval[0] / self.seq_len, self.batch_size_interval[1] / self.seq_len

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        sequences = {
            "batch_sequences": self.batch_sequences,
            "batch_sequences_interval": self.batch_sequences_interval,
        }
        return {**asdict(self), **sequences}

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """What it is, the value and its 80 % interval, as text."""
        if self.learning_rate is not None and self.learning_rate_interval is not None:
            low, high = self.learning_rate_interval
            yield "learning rate", f"{self.learning_rate:.3g}", f"{low:.2g} to {high:.2g}"
        if self.batch_size is not None and self.batch_size_interval is not None:
            low, high = self.batch_size_interval
            yield "batch size (tokens)", human(self.batch_size), f"{human(low)} to {human(high)}"
        if self.batch_sequences is not None and self.batch_sequences_interval is not None:
            low, high = self.batch_sequences_interval
            yield (
                f"batch size (sequences of {self.seq_len})",
                human(self.batch_sequences),
                f"{human(low)} to {human(high)}",
            )

    @property
    def title(self) -> str:
        """Whose prediction, and for what."""
        return f"{self.law} for N = {human(self.N)} parameters and D = {human(self.D)} tokens ({self.transfer})"

    def __str__(self) -> str:
        lines = [f"  {name + ':':<38} {value:>8}   80 %: {interval}" for name, value, interval in self.rows()]
        penalty = f"  {'expected loss above the best:':<38} {self.expected_penalty:>6.2f} %"
        return "\n".join([self.title, *lines, penalty, *(f"  ! {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(value)}</td><td>{escape(interval)}</td></tr>"
            for name, value, interval in self.rows()
        )
        notes = "".join(f"<li>{escape(warning)}</li>" for warning in self.warnings)
        return (
            f"<table><caption>{escape(self.title)}</caption>"
            f"<thead><tr><th></th><th>prediction</th><th>80 % interval</th></tr></thead><tbody>{rows}"
            f"<tr><td>expected loss above the best</td><td>{self.expected_penalty:.2f} %</td><td></td></tr></tbody>"
            f"</table>{f'<ul>{notes}</ul>' if notes else ''}"
        )
