"""Counting, numbering and enumerating the configurations of a space, exactly.

Slots are decided in order, and what later slots need to know of earlier ones is little: which of their conditions hold
(the open gates), and the values that a constraint still asks for. Two ways of deciding the first slots that agree in
this have the same completions, so a table of (slot, what is known) -> number of completions counts a space without
listing it (dynamic programming over the table's frontier, as in a decision diagram). Numbers are exact, of any size.

A number without a step cannot be counted: a configuration counts once, whatever its continuous decisions are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import or_
from typing import NamedTuple

from .domains import Decision
from .node import Environment
from .require import Constraint
from .slots import Literal, Slot

MAX_CONSTRAINED = 10_000
"""Values of a decision that a constraint may ask for if configurations are to be counted."""


class Known(NamedTuple):
    """What later slots need to know: the open gates as a bit mask, and decisions that constraints still ask for.

    `met` are the constraints, again as a bit mask, that hold already whatever is decided later: the first layer that is
    kept fulfils "at least one layer", and none of the others need be remembered.
    """

    gates: int = 0
    kept: tuple[tuple[str, Decision], ...] = ()
    met: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring values of a slot that later slots cannot tell apart: from index `start` to before `stop`."""

    start: int
    stop: int
    opens: int

    @property
    def size(self) -> int:
        """How many values."""
        return self.stop - self.start


class Census:
    """The number of completions after each slot, for everything that can be known there.

    Constraints must not ask for continuous decisions. `operands` is what the expressions in them mean.
    """

    def __init__(
        self, slots: Sequence[Slot], constraints: Sequence[Constraint], operands: Mapping[tuple[str, int], str]
    ) -> None:
        self._slots, self._operands = slots, operands
        index_of = {slot.path: index for index, slot in enumerate(slots)}
        gates = {when: number for number, when in enumerate(dict.fromkeys(slot.when for slot in slots if slot.when))}
        asked = frozenset[str]().union(*(constraint.paths for constraint in constraints))
        self._gate = [1 << gates[slot.when] if slot.when else 0 for slot in slots]
        self._runs = [_runs(slot, gates, slot.path in asked) for slot in slots]
        self._due: list[dict[int, Constraint]] = [{} for _ in slots]
        self._early: list[dict[int, Constraint]] = [{} for _ in slots]
        for number, constraint in enumerate(constraints):
            *before, last = sorted({index_of[path] for path in constraint.paths}) or [0]
            self._due[last][1 << number] = constraint
            for index in before if constraint.has_alternatives else ():
                self._early[index][1 << number] = constraint
        self._live, self._open = self._needed_from()
        self._asked: dict[tuple[int, int], frozenset[str]] = {}
        self._completions = self._count()

    @property
    def total(self) -> int:
        """How many configurations there are, continuous decisions aside."""
        return self._completions[0].get(Known(), 0)

    def unrank(self, rank: int, continuous: Callable[[Slot], Decision]) -> dict[str, Decision]:
        """The decisions of configuration number `rank`, from 0; `continuous` decides what cannot be counted.

        Raises:
            IndexError: there are not so many.
        """
        if not 0 <= rank < self.total:
            raise IndexError(f"There are {self.total} configurations, numbered from 0; there is no {rank}.")
        values: dict[str, Decision] = {}
        known = Known()
        for index, slot in enumerate(self._slots):
            position, after, rank = self._nth(index, known, rank)
            if not self._skips(index, known):
                values[slot.path] = continuous(slot) if slot.domain.size is None else slot.domain.nth(position)
            known = after
        return values

    def _nth(self, index: int, known: Known, rank: int) -> tuple[int, Known, int]:
        """The value of a slot in completion number `rank`, what is known after it, and the rank of what follows."""
        for run, after, each in self._branches(index, known):
            if rank < each * run.size:
                step, rest = divmod(rank, each)
                return run.start + step, after, rest
            rank -= each * run.size
        raise IndexError(rank)

    def rank(self, values: Mapping[str, Decision]) -> int:
        """The number of the configuration with these active decisions: the inverse of `unrank`."""
        rank, known = 0, Known()
        for index, slot in enumerate(self._slots):
            counted = slot.path in values and slot.domain.size is not None
            position = slot.domain.position(values[slot.path]) if counted else 0
            for run, after, each in self._branches(index, known):
                if run.start <= position < run.stop:
                    rank += each * (position - run.start)
                    known = after
                    break
                rank += each * run.size
        return rank

    def walk(self) -> Iterator[dict[str, Decision]]:
        """All configurations in the order of their numbers; no decision may be continuous."""
        return (self.unrank(rank, lambda slot: None) for rank in range(self.total))

    def _branches(self, index: int, known: Known) -> Iterator[tuple[Run, Known, int]]:
        """The runs that lead on, what is known after each, and the completions of each of its values."""
        for run, after in self._steps(index, known):
            each = self._completions[index + 1][after]
            if each:
                yield run, after, each

    def _steps(self, index: int, known: Known) -> Iterator[tuple[Run, Known]]:
        """The ways to decide a slot, and what is known after; a slot that is not active has one way."""
        slot = self._slots[index]
        skips = self._skips(index, known)
        for run in (_NOTHING,) if skips else self._runs[index]:
            kept = known.kept
            if not skips and slot.path in self._wanted(index, known.met):
                kept = (*kept, (slot.path, slot.domain.nth(run.start)))
            env = Environment(dict(kept), self._operands)
            if all(bit & known.met or constraint.holds(env) for bit, constraint in self._due[index].items()):
                settled = (bit for bit, constraint in self._early[index].items() if constraint.is_settled(env))
                met = reduce(or_, settled, known.met) & sum(self._open[index + 1])
                later = tuple(pair for pair in kept if pair[0] in self._wanted(index + 1, met))
                yield run, Known((known.gates | run.opens) & self._live[index + 1], later, met)

    def _skips(self, index: int, known: Known) -> bool:
        return bool(self._gate[index]) and not known.gates & self._gate[index]

    def _wanted(self, index: int, met: int) -> frozenset[str]:
        """The decisions that are still asked for from a slot on, where these constraints are met."""
        if (index, met) not in self._asked:
            unmet = (constraint.paths for bit, constraint in self._open[index].items() if not bit & met)
            self._asked[index, met] = frozenset[str]().union(*unmet)
        return self._asked[index, met]

    def _needed_from(self) -> tuple[list[int], list[dict[int, Constraint]]]:
        """For each position, the gates that are still asked for from there on, and the constraints."""
        live, open = [0], [dict[int, Constraint]()]
        for gate, due in zip(reversed(self._gate), reversed(self._due), strict=True):
            live.append(live[-1] | gate)
            open.append({**open[-1], **due})
        return live[::-1], open[::-1]

    def _count(self) -> list[dict[Known, int]]:
        """Forward, what can be known at each slot; then backward, how many completions that leaves."""
        reachable: list[dict[Known, int]] = [{Known(): 0}]
        for index in range(len(self._slots)):
            found = (after for known in reachable[index] for _, after in self._steps(index, known))
            reachable.append(dict.fromkeys(found, 0))
        reachable[-1] = dict.fromkeys(reachable[-1], 1)
        for index in range(len(self._slots) - 1, -1, -1):
            later = reachable[index + 1]
            for known in reachable[index]:
                reachable[index][known] = sum(run.size * later[after] for run, after in self._steps(index, known))
        return reachable


_NOTHING = Run(0, 1, 0)


def census(slots: Sequence[Slot], constraints: Sequence[Constraint], operands: Mapping[tuple[str, int], str]) -> Census:
    """The count of a space; constraints on continuous decisions and on models are left to be checked by drawing.

    Raises:
        ValueError: a constraint asks for a decision with too many values.
    """
    sizes = {slot.path: slot.domain.size for slot in slots}
    countable = [
        one for one in constraints if not one.is_measured and all(sizes[path] is not None for path in one.paths)
    ]
    vast = next((path for one in countable for path in one.uses if (sizes[path] or 0) > MAX_CONSTRAINED), None)
    if vast is not None:
        raise ValueError(
            f"A constraint asks for {vast!r}, which has over {MAX_CONSTRAINED} values, too many to be counted; "
            "give it a step."
        )
    return Census(slots, countable, operands)


def _runs(slot: Slot, gates: Mapping[tuple[Literal, ...], int], each: bool) -> tuple[Run, ...]:
    """The values of a slot in order, grouped by the gates they open, or each alone; a continuous slot counts as one."""
    size = slot.domain.size or 1
    asked = [
        (literal.allowed, 1 << number)
        for when, number in gates.items()
        for literal in when
        if literal.path == slot.path
    ]
    if not asked and not each:
        return (Run(0, size, 0),)

    def opens(index: int) -> int:
        value = slot.domain.nth(index)
        return sum({bit for allowed, bit in asked if value in allowed})

    if each:
        return tuple(Run(index, index + 1, opens(index)) for index in range(size))
    groups = (list(group) for _, group in groupby(range(size), opens))
    return tuple(Run(group[0], group[-1] + 1, opens(group[0])) for group in groups)
