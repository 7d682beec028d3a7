"""What Optuna hands over of a trial, as rows."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as State
from sqlalchemy import Row

from ...spaces import Decision
from ...spaces.domains import Real
from ..goals import Goals
from ..store import StoreError
from ..store.states import AttemptState, TrialState, ValueKind
from .parameters import Parameter, plain_parameter
from .studies import MAKER, StudyInfo

TRIES = 100
"""How many random completions of a trial are made to find one that fulfils what its space requires."""

TRIAL_STATES = {
    State.WAITING: TrialState.WAITING,
    State.RUNNING: TrialState.RUNNING,
    State.COMPLETE: TrialState.FINISHED,
    State.PRUNED: TrialState.STOPPED,
    State.FAIL: TrialState.FAILED,
}

ATTEMPT_STATES = {
    State.WAITING: AttemptState.INTERRUPTED,
    State.RUNNING: AttemptState.RUNNING,
    State.COMPLETE: AttemptState.FINISHED,
    State.PRUNED: AttemptState.STOPPED,
    State.FAIL: AttemptState.FAILED,
}

Values = dict[str, tuple[ValueKind, float]]


@dataclass
class Decisions:
    """What was decided of a trial so far.

    In a sweep with a space a trial is a whole configuration from the start, so that whoever drives the sweep next can
    run it: what Optuna has not decided yet is drawn at random.

    Attributes:
        decided: what Optuna decided.
        drawn: what stands for the rest, as far as that is known.
        own: distributions that differ from the study's, as JSON text.
        met: those that were decided by now and are new to the study, or another range than its own.
    """

    study: StudyInfo
    seed: int
    decided: dict[str, Decision] = field(default_factory=dict)
    drawn: Mapping[str, Decision] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    met: dict[str, BaseDistribution] = field(default_factory=dict)

    @classmethod
    def stored(cls, study: StudyInfo, row: Row[Any]) -> Decisions:
        """As a row of `trial` has them."""
        detail, drawn = row.proposal.get("detail", {}), row.configuration
        decided, own = detail.get("decided", drawn), detail.get("distributions", {})
        return cls(study, row.seed, dict(decided), drawn, dict(own))

    @classmethod
    def given(
        cls, study: StudyInfo, known: Mapping[str, Parameter], template: FrozenTrial | None, seed: int
    ) -> Decisions:
        """Of a new trial; one that waits for Optuna may have decisions that it is to make."""
        if template is None:
            return cls(study, seed)
        decisions = cls(study, seed, drawn=_fixed(study, template))
        for name, value in template.params.items():
            distribution = template.distributions[name]
            decisions.decide(known.get(name), name, distribution.to_internal_repr(value), distribution)
        return decisions

    def decide(self, known: Parameter | None, name: str, internal: float, distribution: BaseDistribution) -> Parameter:
        """Decide a parameter; `known` is what the study has under its name. Return it as it is read back.

        Raises:
            StoreError: the sweep has no such decision, or the value is none of its range.
            ValueError: the study has another kind of parameter, or other choices, under that name.
        """
        parameter = plain_parameter(name, distribution)
        if known is not None:
            self._refuse_another_kind(name, known.distribution, parameter.distribution)
        decision = parameter.decision(internal)
        self.decided[name] = decision if self.study.space is None else self._within(name, decision)
        self.own.pop(name, None)
        if known is None or known.distribution != parameter.distribution:
            self.met[name] = parameter.distribution
            self.own |= {} if known is None else {name: parameter.text}
        return parameter

    def configuration(self) -> dict[str, Decision]:
        """What is stored of a trial that has not finished.

        Raises:
            StoreError: what was decided breaks what the space requires.
        """
        space = self.study.space
        if space is None:
            return self.decided
        draw, given = random.Random(self.seed), {**self.drawn, **self.decided}
        for _ in range(TRIES):
            values: dict[str, Decision] = {}
            for slot in space.slots:
                if slot.active(values):
                    drawn = slot.domain.at(draw.random())
                    values[slot.path] = given.get(slot.path, drawn)
            if space.contains(values):
                return values
            given = self.decided
        raise StoreError(
            f"no configuration of sweep {self.study.name!r} with {self.decided!r} fulfils what its space requires; "
            "let the trial fail, or suggest other values"
        )

    def finished(self) -> dict[str, Decision]:
        """What is stored of a trial that has finished.

        Raises:
            ConfigurationError: it is not a configuration of the sweep's space; the message says why.
        """
        space = self.study.space
        return self.decided if space is None else dict(space.configuration(self.decided).values)

    def proposal(self, *, whole: bool) -> dict[str, Any]:
        """Who proposed it; `whole` where all that is stored was decided."""
        detail: dict[str, Any] = {} if whole or self.study.space is None else {"decided": self.decided}
        return {
            "sampler": MAKER,
            "reason": "asked for through Optuna",
            "detail": detail | ({"distributions": self.own} if self.own else {}),
        }

    def _refuse_another_kind(self, name: str, known: BaseDistribution, new: BaseDistribution) -> None:
        try:
            check_distribution_compatibility(known, new)
        except ValueError as error:
            raise ValueError(
                f"Parameter {name!r} of {self.study.name!r} is {known} and cannot be {new} in another trial "
                f"({str(error).rstrip('.')}); give the new one another name."
            ) from None

    def _within(self, name: str, decision: Decision) -> Decision:
        slot = self.study.slots.get(name)
        if slot is None:
            raise StoreError(
                f"sweep {self.study.name!r} has no decision {name!r}; suggest its own: {', '.join(self.study.slots)}"
            )
        if not slot.domain.contains(decision):
            raise StoreError(
                f"decision {name!r} of sweep {self.study.name!r} cannot be {decision!r}; "
                f"suggest a value of {slot.domain!r}"
            )
        return slot.domain.nearest(decision) if isinstance(slot.domain, Real) else decision  # type: ignore[arg-type]


def _fixed(study: StudyInfo, template: FrozenTrial) -> dict[str, Decision]:
    """What `study.enqueue_trial` asked for, as far as the sweep has such decisions."""
    fixed: Mapping[str, Decision] = template.system_attrs.get("fixed_params", {})
    return {
        name: value for name, value in fixed.items() if name in study.slots and study.slots[name].domain.contains(value)
    }


def given_values(goals: Goals, values: Sequence[float] | None, violations: Mapping[str, float]) -> Values:
    """Objectives in their order, and constraints, as what the sweep calls them."""
    found: Values = {
        name: (ValueKind.OBJECTIVE, float(value)) for name, value in zip(goals.names, values or (), strict=False)
    }
    names = constraint_names(goals, violations)
    bounds = {constraint.name: constraint for constraint in goals.constraints}
    for key, violation in violations.items():
        constraint = bounds.get(names[key])
        if constraint is not None:
            sign = 1 if constraint.relation == "<=" else -1
            found[constraint.name] = (ValueKind.CONSTRAINT, constraint.bound + sign * violation)
    return found


def constraint_names(goals: Goals, keys: Iterable[str]) -> dict[str, str]:
    """What Optuna's constraints are called here: their keys; by position, those that Optuna numbers in old studies."""
    ours = [constraint.name for constraint in goals.constraints]
    names = {}
    for key in keys:
        number = int(key) if key.isdigit() else len(ours)
        name = f"constraint {key}" if key.isdigit() or key in goals.names else key
        names[key] = ours[number] if number < len(ours) and key not in ours else name
    return names
