"""A scaling law: the best learning rate and batch size as formulas of model size and amount of data."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, ClassVar, Self, cast

from ..node import Node
from ..priors import StudentT
from .amounts import human
from .domain import Domain, unit_warning
from .errors import LawError, warn
from .formula import Formula, Quantity, read_formula, write_formula
from .prediction import Prediction
from .prior import ScalingPrior
from .uncertainty import (
    DENSE_FLOOR,
    ERROR_CORRELATION,
    Basin,
    Covariance,
    Pair,
    Transfer,
    carried,
    grown,
    interval,
)

FORMAT = "paretree.law"
VERSION = 1

LONGEST_SEQUENCE = 10_000_000
"""Tokens; more is taken for another unit."""


@dataclass(frozen=True, kw_only=True)
class ScalingLaw:
    """The best peak learning rate and batch size for a model of N parameters trained on D tokens.

    N counts parameters without embeddings (with experts: of all experts), D tokens that are seen, repeated ones
    included, and batch sizes are in tokens per step of the optimiser unless a sequence length is given. Where N or D is
    a node of a space (a searched width, a `Fidelity`), beliefs follow it.

    Args:
        name: what people call it.
        learning_rate_formula, batch_size_formula: None where the law says nothing of it.
        target_loss: L of the formulas: the loss (nats per token) that the training is to reach.
        flops_per_token: C of the formulas is this times D; None takes 6 N.
        units: how N, D, batch size and compute are counted.
        recipe: optimiser, schedule, architecture and data that it was fitted with, in words.
        domain: for which sizes it was fitted.
        covariance: of its fitted coefficients; None where it was not published.
        floor: one standard deviation that no fit gets below, in ln learning rate and ln batch size.
        error_correlation: of the errors of the two.
        basin: the shape of the loss around the optimum, for the expected loss of being off.
        transfer: how far it is carried unless said otherwise.
        source: the paper.
    """

    name: str
    learning_rate_formula: Formula | None = None
    batch_size_formula: Formula | None = None
    target_loss: Quantity | None = None
    flops_per_token: Quantity | None = None
    units: str = "N non-embedding parameters, D tokens, batch size in tokens"
    recipe: str = ""
    domain: Domain = field(default_factory=Domain)
    covariance: Covariance | None = None
    floor: Pair = DENSE_FLOOR
    error_correlation: float = ERROR_CORRELATION
    basin: Basin = field(default_factory=Basin)
    transfer: Transfer = "published"
    source: str = ""

    READERS: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "learning_rate_formula": read_formula,
        "batch_size_formula": read_formula,
        "domain": Domain.from_data,
        "covariance": lambda data: None if data is None else Covariance.from_data(data),
        "floor": tuple,
        "basin": lambda data: Basin(**data),
    }
    """How fields are read that are no plain values; classes below add theirs."""

    def __post_init__(self) -> None:
        if self.learning_rate_formula is None and self.batch_size_formula is None:
            raise LawError(f"{self.name} has no formula at all; give it one for learning rate or batch size.")
        carried(self.transfer)

    def predict(
        self, N: float, D: float, *, seq_len: int | None = None, transfer: Transfer | None = None
    ) -> Prediction:
        """The best learning rate and batch size, with 80 % intervals; what looks wrong is in its `warnings`.

        Args:
            N, D: parameters and training tokens.
            seq_len: tokens of one sequence, for the batch size in sequences.
            transfer: how far the law is carried; None for what `transfer_to` says of N and D.

        Raises:
            LawError: a size is a node, not positive, or not finite; or there is no such transfer.
        """
        _check_numbers(N=N, D=D)
        transfer = transfer or self.transfer_to(N, D)
        rate, batch = self._known(self.learning_rate_formula, N, D), self._known(self.batch_size_formula, N, D)
        spreads = self.log_spread(N, D, transfer)
        return Prediction(
            law=self.name,
            N=float(N),
            D=float(D),
            learning_rate=rate,
            learning_rate_interval=interval(rate, spreads[0]),
            batch_size=batch,
            batch_size_interval=interval(batch, spreads[1]),
            seq_len=seq_len,
            expected_penalty=self.basin.penalty(spreads[0] if rate else 0, spreads[1] if batch else 0),
            transfer=transfer,
            warnings=tuple(self.warnings_for(N, D, seq_len)),
        )

    def learning_rate(
        self,
        N: Quantity,
        D: Quantity,
        *,
        batch_size: Quantity | None = None,
        seq_len: int | None = None,
        transfer: Transfer | None = None,
    ) -> StudentT:
        """The belief about the peak learning rate, for `pt.Float(..., log=True, prior=...)`.

        Args:
            N, D: parameters and training tokens; numbers or nodes.
            batch_size: where it is not the law's: a number, or the node that decides it. Tokens, or sequences where
                `seq_len` is given.
            seq_len: tokens of one sequence.
            transfer: how far the law is carried; None for what `transfer_to` says of N and D.

        Raises:
            LawError: the law has no such formula, or a size is not positive.
        """
        prior = self.prior(N=N, D=D, seq_len=seq_len, transfer=transfer)
        return prior.learning_rate if batch_size is None else prior.learning_rate_given(batch_size)

    def batch_size(
        self, N: Quantity, D: Quantity, *, seq_len: int | None = None, transfer: Transfer | None = None
    ) -> StudentT:
        """The belief about the batch size: sequences where `seq_len` is given, else tokens. As `learning_rate`."""
        return self.prior(N=N, D=D, seq_len=seq_len, transfer=transfer).batch_size

    def prior(
        self, *, N: Quantity, D: Quantity, seq_len: int | None = None, transfer: Transfer | None = None
    ) -> ScalingPrior:
        """The belief about both; warns (`LawWarning`) where N, D or `seq_len` looks wrong.

        Raises:
            LawError: a size is not positive, or there is no such transfer.
        """
        self.log_spread(N, D, transfer)
        if not isinstance(N, Node) and not isinstance(D, Node):
            for warning in self.warnings_for(N, D, seq_len):
                warn(warning)
        return ScalingPrior(self, N, D, seq_len, transfer)

    def best_learning_rate(self, N: Quantity, D: Quantity) -> Quantity:
        """The centre of the belief about the peak learning rate; an expression where N or D is a node.

        Raises:
            LawError: the law has no such formula, or lacks the loss that it computes with.
        """
        return self._compute("learning rate", self.learning_rate_formula, N, D)

    def best_batch_size(self, N: Quantity, D: Quantity) -> Quantity:
        """The same for the batch size, in tokens."""
        return self._compute("batch size", self.batch_size_formula, N, D)

    def log_optimum(self, N: Quantity, D: Quantity) -> Pair:
        """ln of the best learning rate and of the best batch size in tokens.

        Raises:
            LawError: a size is a node or not positive, or the law lacks one of the formulas.
        """
        _check_numbers(N=N, D=D)
        rate, batch = self.best_learning_rate(N, D), self.best_batch_size(N, D)
        return math.log(cast(float, rate)), math.log(cast(float, batch))

    def log_spread(self, N: Quantity, D: Quantity, transfer: Transfer | None = None) -> Pair:
        """One standard deviation of ln learning rate and of ln batch size.

        The variances of fit, floor and transfer are added, and the whole grows outside the domain. Where N or D is
        a node these two are not known, and it is the spread of the transfer and the floor alone.
        """
        rate, batch = carried(transfer or self.transfer_to(N, D))
        fit_rate, fit_batch, growth = 0.0, 0.0, 1.0
        if not isinstance(N, Node) and not isinstance(D, Node):
            _check_numbers(N=N, D=D)
            fit_rate, fit_batch, _ = self.fit_variance(N, D)
            growth = grown(self.domain.factor(N, D))
        return (
            growth * math.sqrt(fit_rate + self.floor[0] ** 2 + rate**2),
            growth * math.sqrt(fit_batch + self.floor[1] ** 2 + batch**2),
        )

    def fit_variance(self, N: float, D: float) -> tuple[float, float, float]:
        """Variances of ln learning rate and ln batch size that come from the fit, and their covariance."""
        if self.covariance is None:
            return 0.0, 0.0, 0.0
        return self.covariance.at({"N": math.log(N), "D": math.log(D), "C": math.log(6.0 * N * D)})

    def transfer_to(self, N: Quantity, D: Quantity) -> Transfer:
        """How far the law is carried unless said otherwise: "outside domain" for sizes that are far from the fitted."""
        if isinstance(N, Node) or isinstance(D, Node) or not self.domain.is_far(N, D):
            return self.transfer
        return "outside domain"

    def warnings_for(self, N: float, D: float, seq_len: int | None = None) -> Iterator[str]:
        """Sentences on what looks like a wrong unit, else on what is outside the domain."""
        of_sizes = unit_warning(N, D, self.domain) or self.domain.warning(self.name, N, D)
        if of_sizes:
            yield of_sizes
        if seq_len is not None:
            yield from self._warnings_for_sequences(N, D, seq_len)

    @property
    def formulas(self) -> dict[str, Formula]:
        """What it has formulas for, by name: `"learning rate"`, `"batch size"`."""
        both = {"learning rate": self.learning_rate_formula, "batch size": self.batch_size_formula}
        return {name: formula for name, formula in both.items() if formula is not None}

    def to_json(self) -> dict[str, Any]:
        """The law as JSON data, with a version.

        Raises:
            LawError: it computes with a node of a space.
        """
        for name in ("target_loss", "flops_per_token"):
            if isinstance(getattr(self, name), Node):
                raise LawError(f"{name} of {self.name} is a node of a space, which cannot be stored; give a number.")
        return {"format": FORMAT, "version": VERSION, "kind": type(self).__name__, **self._data()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> Self:
        """The law that `to_json` wrote, of the class that wrote it.

        Raises:
            LawError: the data are no law, of a newer version, or of another class than this one and those below it.
        """
        read = json.loads(data) if isinstance(data, str) else data
        if not isinstance(read, Mapping) or read.get("format") != FORMAT:
            raise LawError(f"This is no stored law: it lacks 'format': {FORMAT!r}.")
        if read["version"] > VERSION:
            raise LawError(
                f"This law has version {read['version']}, and this package reads up to {VERSION}; update it."
            )
        kinds = {kind.__name__: kind for kind in (cls, *cls.__subclasses__())}
        if read["kind"] not in kinds:
            raise LawError(f"A law of kind {read['kind']!r} is none of {', '.join(kinds)}.")
        return kinds[read["kind"]]._from_data(read)

    def _data(self) -> dict[str, Any]:
        """The fields as JSON data; a class with more of them adds them."""
        return {
            "name": self.name,
            "learning_rate_formula": write_formula(self.learning_rate_formula),
            "batch_size_formula": write_formula(self.batch_size_formula),
            "target_loss": self.target_loss,
            "flops_per_token": self.flops_per_token,
            "units": self.units,
            "recipe": self.recipe,
            "domain": self.domain.to_data(),
            "covariance": None if self.covariance is None else self.covariance.to_data(),
            "floor": list(self.floor),
            "error_correlation": self.error_correlation,
            "basin": vars(self.basin),
            "transfer": self.transfer,
            "source": self.source,
        }

    @classmethod
    def _from_data(cls, data: Mapping[str, Any]) -> Self:
        values = {key: value for key, value in data.items() if key not in ("format", "version", "kind")}
        return cls(**{key: cls.READERS.get(key, lambda value: value)(value) for key, value in values.items()})

    def _compute(self, what: str, formula: Formula | None, N: Quantity, D: Quantity) -> Quantity:
        if formula is None:
            raise LawError(f"{self.name} says nothing of the {what}; take a law that does, such as StepLaw.")
        if not self._has_inputs(formula):
            raise LawError(
                f"{self.name} computes the {what} from the loss that the training reaches; say which is expected, "
                f"as {type(self).__name__}(target_loss=2.5)."
            )
        return formula(self._variables(N, D))

    def _variables(self, N: Quantity, D: Quantity) -> dict[str, Quantity]:
        numbers = {name: size for name, size in (("N", N), ("D", D)) if not isinstance(size, Node)}
        _check_numbers(**numbers)
        per_token: Any = self.flops_per_token if self.flops_per_token is not None else 6.0 * N
        sizes: dict[str, Quantity] = {"N": N, "D": D, "C": per_token * D}
        return sizes if self.target_loss is None else {**sizes, "L": self.target_loss}

    def _known(self, formula: Formula | None, N: float, D: float) -> float | None:
        """What a formula gives, None where there is none or the loss that it computes with is not known."""
        if formula is None or not self._has_inputs(formula):
            return None
        return cast(float, formula(self._variables(N, D)))

    def _has_inputs(self, formula: Formula) -> bool:
        return self.target_loss is not None or "L" not in formula.variables

    def _warnings_for_sequences(self, N: float, D: float, seq_len: int) -> Iterator[str]:
        if not 1 <= seq_len <= LONGEST_SEQUENCE:
            yield f"seq_len = {human(seq_len)} is no length of a sequence: it counts the tokens of one, as 2048."
            return
        batch = self._known(self.batch_size_formula, N, D)
        if batch is not None and batch < seq_len:
            yield (
                f"The batch of {human(batch)} tokens is less than one sequence of {seq_len}; "
                "train on shorter sequences, or take one sequence and the learning rate for it."
            )

    def __str__(self) -> str:
        lines = {**{name: str(formula) for name, formula in self.formulas.items()}, **self._described()}
        return "\n".join([self.name, *(f"  {name + ':':<15} {text}" for name, text in lines.items() if text)])

    def _repr_html_(self) -> str:
        lines = {**{name: str(formula) for name, formula in self.formulas.items()}, **self._described()}
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in lines.items() if text
        )
        return f"<table><caption>{escape(self.name)}</caption><tbody>{rows}</tbody></table>"

    def _described(self) -> dict[str, str]:
        return {
            "units": self.units,
            "domain": str(self.domain),
            "recipe": self.recipe,
            "source": self.source,
        }


def _check_numbers(**sizes: Any) -> None:
    for name, size in sizes.items():
        if isinstance(size, Node):
            raise LawError(f"{name} is a node of a space, which has no number yet; take learning_rate() or prior().")
        if not (math.isfinite(size) and size > 0):
            raise LawError(f"{name} is positive and finite, not {size!r}.")
