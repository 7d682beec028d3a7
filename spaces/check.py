"""Finding the branches of a space that cannot be built, before any trial does.

Random configurations come first. Then every option of every choice and both bounds of every number that were in none
that was built are forced, one after the other, with all else decided at random. What fails is traced to a decision by
changing one decision at a time until the model builds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from .configuration import Configuration
from .cost import cost, model_name
from .domains import Decision, Domain, Labels
from .errors import ConfigurationError
from .moves import complete
from .selections import Selections
from .slots import Slot
from .space import Space

ATTEMPTS = 10
"""Random surroundings in which a value is tried before it counts as not covered."""

Value = tuple[str, Decision]
"""A path and a decision made there."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A decision without which a configuration would build.

    Attributes:
        path, decision: the decision at fault; where no single one is, the name of the model, and None.
        error: what torch or the model said, and where in the space that was.
        configuration: one that fails.
        always: whether the decision was in no configuration that was built.
    """

    path: str
    decision: Decision
    error: str
    configuration: Configuration
    always: bool

    def __str__(self) -> str:
        if self.path not in self.configuration.values:
            return f"{self.path}: a combination of decisions does not build: {self.error}"
        when = "was never built" if self.always else "does not build in some combinations"
        return f"{self.path} = {self.decision!r} {when}: {self.error}"


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found.

    Attributes:
        findings: what does not build; one for each decision at fault.
        built: how many different configurations were built.
        exhaustive: all configurations of the space were tried.
        values: how many options of choices and bounds of numbers there are.
        covered: how many of them were in a configuration that was built.
        uncovered: those that were in none, and are not known to be at fault either.
    """

    findings: tuple[Finding, ...]
    built: int
    exhaustive: bool
    values: int
    covered: int
    uncovered: tuple[Value, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found and every option and bound was built at least once."""
        return not self.findings and not self.uncovered

    def __str__(self) -> str:
        lines = [self._proved()]
        for finding in self.findings:
            lines += [f"- {finding}", f"  shown by {dict(finding.configuration.values)!r}"]
        for path, decision in self.uncovered:
            lines.append(f"- {path} = {decision!r} was never built: it stands only beside or below what does not build")
        return "\n".join(lines)

    def _proved(self) -> str:
        if self.exhaustive:
            return f"Proved: {self.built} configurations build, and these are all that do."
        return (
            f"Proved: {self.covered} of {self.values} options and bounds build at least once. Sampled: their "
            f"combinations, and numbers between bounds, in {self.built} configurations that build."
        )


def check(
    space: Space,
    input_shape: tuple[int, ...],
    *,
    samples: int = 100,
    seed: int = 0,
    input_dtype: str = "float32",
) -> Report:
    """Whether the branches of a space build, each tried on the meta device; nothing is computed.

    A space with no more than `samples` configurations is tried whole.

    Args:
        space: a space with one part that builds a model, or one called `model`.
        input_shape: shape of one input without the batch dimension, as `(3, 32, 32)`.
        samples: how many random configurations are tried before the options they missed.
        seed: of the random decisions.
        input_dtype: name of the input's type in torch: `"int64"` for tokens.

    Raises:
        ValueError: it is not clear which part of the space is the model.
    """
    exhaustive = space.count() <= samples
    trials = _Trials(space, input_shape, input_dtype, random.Random(seed), model_name(space))
    for configuration in space.enumerate() if exhaustive else trials.samples(samples):
        trials.note(configuration)
    values = [(slot, value) for slot in space.slots for value in _telling(slot.domain)]
    if not exhaustive:
        for slot, value in values:
            trials.force(slot, value)
    return trials.report(exhaustive, [(slot.path, value) for slot, value in values])


@dataclass
class _Trials:
    """What was tried so far."""

    space: Space
    input_shape: tuple[int, ...]
    input_dtype: str
    draw: random.Random
    model: str
    built: set[str] = field(default_factory=set)
    covered: set[Value] = field(default_factory=set)
    faults: dict[Value, tuple[str, Configuration]] = field(default_factory=dict)

    def samples(self, n: int) -> Iterator[Configuration]:
        """`n` random configurations."""
        return (self.space.sample(self.draw) for _ in range(n))

    def note(self, configuration: Configuration) -> None:
        """Try a configuration, and find out what is at fault where it fails for a reason not known yet."""
        error = self._error(configuration)
        if error is not None and not any(value in self.faults for value in configuration.values.items()):
            self.faults.setdefault(self._blamed(configuration), (error, configuration))

    def force(self, slot: Slot, value: Decision) -> None:
        """Try configurations with this decision until one builds."""
        for _ in range(ATTEMPTS):
            if (slot.path, value) in self.covered or (slot.path, value) in self.faults:
                return
            configuration = self._with({**self._way_to(slot), slot.path: value})
            if configuration is not None:
                self.note(configuration)

    def report(self, exhaustive: bool, values: list[Value]) -> Report:
        """What all that was tried tells."""
        findings = tuple(
            Finding(path, decision, error, configuration, (path, decision) not in self.covered)
            for (path, decision), (error, configuration) in self.faults.items()
        )
        uncovered = tuple(value for value in values if value not in self.covered and value not in self.faults)
        covered = sum(value in self.covered for value in values)
        return Report(findings, len(self.built), exhaustive, len(values), covered, uncovered)

    def _error(self, configuration: Configuration) -> str | None:
        """What the model says that cannot be built; None where it can."""
        try:
            cost(configuration, self.input_shape, self.input_dtype)
        except Exception as error:
            return _told(error)
        self.built.add(configuration.key)
        self.covered.update(configuration.values.items())
        return None

    def _blamed(self, configuration: Configuration) -> Value:
        """The innermost decision whose change alone makes the configuration build."""
        for slot in reversed(self.space.slots):
            if slot.path in configuration.values:
                decision = configuration.values[slot.path]
                others = [value for value in _telling(slot.domain) if value != decision]
                changed = (self._with({**configuration.values, slot.path: other}) for other in others)
                if any(other is not None and self._error(other) is None for other in changed):
                    return slot.path, decision
        return self.model, None

    def _with(self, wanted: dict[str, Decision]) -> Configuration | None:
        """A configuration with these decisions, the rest at random; None where the space has none such."""
        try:
            return self.space.configuration(complete(self.space.slots, wanted, self._decide))
        except ConfigurationError:
            return None

    def _decide(self, slot: Slot) -> Decision:
        """A random value, if possible none that is known to be at fault."""
        drawn = [slot.domain.at(self.draw.random()) for _ in range(ATTEMPTS)]
        return next((value for value in drawn if (slot.path, value) not in self.faults), drawn[0])

    def _way_to(self, slot: Slot) -> dict[str, Decision]:
        """Decisions under which this one is asked for, if possible none that is known to be at fault."""
        if not slot.when:
            return {}
        literal = self.draw.choice(slot.when)
        sound = [value for value in literal.allowed if (literal.path, value) not in self.faults]
        above = next(other for other in self.space.slots if other.path == literal.path)
        return {**self._way_to(above), literal.path: self.draw.choice(sound or literal.allowed)}


def _telling(domain: Domain) -> tuple[Decision, ...]:
    """The values that are to be built at least once: every label; of numbers, the bounds; each item of a selection."""
    if isinstance(domain, Labels):
        return domain.values
    if isinstance(domain, Selections):
        return tuple(next(value for value in domain.values if item in domain.labels_of(value)) for item in domain.items)
    return tuple(dict.fromkeys([domain.nearest(domain.low), domain.nearest(domain.high)]))


def _told(error: Exception) -> str:
    """An error and where it arose, in one line."""
    what = (str(error).splitlines() or [""])[0]
    notes = getattr(error, "__notes__", [])
    return " ".join([f"{type(error).__name__}: {what}", *notes[:1]])
