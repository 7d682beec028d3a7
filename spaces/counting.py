"""Counting, numbering and enumerating the configurations of a space, exactly.

Slots are decided in order, and what later slots need to know of earlier ones is only which of their conditions hold:
the *open gates*. Two ways of deciding the first slots that leave the same gates open have the same completions, so a
table of (slot, open gates) -> number of completions counts any space without listing it (dynamic programming over the
table's frontier, as in a decision diagram). Numbers are exact integers of any size.

A number without a step cannot be counted: a configuration counts once, whatever its continuous decisions are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from .domains import Decision
from .slots import Literal, Slot

Gates = int
"""A set of open gates, as a bit mask."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring values of a slot that open the same gates: those from index `start` to before `stop`."""

    start: int
    stop: int
    opens: Gates


class Census:
    """The number of completions after each slot, for every set of gates that can be open there."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = slots
        gates = {when: number for number, when in enumerate(dict.fromkeys(slot.when for slot in slots if slot.when))}
        self._gate = [1 << gates[slot.when] if slot.when else 0 for slot in slots]
        self._runs = [_runs(slot, gates) for slot in slots]
        self._live = self._gates_needed_from()
        self._completions = self._count()

    @property
    def total(self) -> int:
        """How many configurations there are, continuous decisions aside."""
        return self._completions[0][0]

    def unrank(self, rank: int, continuous: Callable[[Slot], Decision]) -> dict[str, Decision]:
        """The decisions of configuration number `rank`, from 0; `continuous` decides what cannot be counted.

        Raises:
            IndexError: there are not so many.
        """
        if not 0 <= rank < self.total:
            raise IndexError(f"There are {self.total} configurations, numbered from 0; there is no {rank}.")
        values: dict[str, Decision] = {}
        gates = 0
        for index, slot in enumerate(self._slots):
            if self._skips(index, gates):
                gates &= self._live[index + 1]
                continue
            for run in self._runs[index]:
                after = self._after(index, gates, run)
                each = self._completions[index + 1][after]
                if rank < each * (run.stop - run.start):
                    break
                rank -= each * (run.stop - run.start)
            step, rank = divmod(rank, each)
            values[slot.path] = continuous(slot) if slot.domain.size is None else slot.domain.nth(run.start + step)
            gates = after
        return values

    def rank(self, values: Mapping[str, Decision]) -> int:
        """The number of the configuration with these active decisions: the inverse of `unrank`."""
        rank, gates = 0, 0
        for index, slot in enumerate(self._slots):
            if self._skips(index, gates):
                gates &= self._live[index + 1]
                continue
            position = 0 if slot.domain.size is None else slot.domain.position(values[slot.path])
            for run in self._runs[index]:
                after = self._after(index, gates, run)
                each = self._completions[index + 1][after]
                if position < run.stop:
                    rank += each * (position - run.start)
                    break
                rank += each * (run.stop - run.start)
            gates = after
        return rank

    def walk(self) -> Iterator[dict[str, Decision]]:
        """All configurations in the order of their numbers; no decision may be continuous."""
        return (self.unrank(rank, lambda slot: None) for rank in range(self.total))

    def _skips(self, index: int, gates: Gates) -> bool:
        return bool(self._gate[index]) and not gates & self._gate[index]

    def _after(self, index: int, gates: Gates, run: Run) -> Gates:
        return (gates | run.opens) & self._live[index + 1]

    def _gates_needed_from(self) -> list[Gates]:
        """For each position, the gates that a slot from there on still asks for."""
        live = [0]
        for gate in reversed(self._gate):
            live.append(live[-1] | gate)
        return live[::-1]

    def _count(self) -> list[dict[Gates, int]]:
        """Forward, which sets of gates can be open; then backward, how many completions each leaves."""
        reachable: list[dict[Gates, int]] = [{0: 0}]
        for index in range(len(self._slots)):
            found = (after for gates in reachable[index] for _, after in self._steps(index, gates))
            reachable.append(dict.fromkeys(found, 0))
        reachable[-1] = dict.fromkeys(reachable[-1], 1)
        for index in range(len(self._slots) - 1, -1, -1):
            later = reachable[index + 1]
            for gates in reachable[index]:
                reachable[index][gates] = sum(many * later[after] for many, after in self._steps(index, gates))
        return reachable

    def _steps(self, index: int, gates: Gates) -> list[tuple[int, Gates]]:
        """How many values lead to which open gates."""
        if self._skips(index, gates):
            return [(1, gates & self._live[index + 1])]
        return [(run.stop - run.start, self._after(index, gates, run)) for run in self._runs[index]]


def _runs(slot: Slot, gates: Mapping[tuple[Literal, ...], int]) -> tuple[Run, ...]:
    """The values of a slot in order, grouped by the gates they open; a continuous slot counts as one value."""
    asked = [
        (literal.allowed, 1 << number)
        for when, number in gates.items()
        for literal in when
        if literal.path == slot.path
    ]
    size = slot.domain.size or 1
    if not asked:
        return (Run(0, size, 0),)

    def opens(index: int) -> Gates:
        value = slot.domain.nth(index)
        return sum({bit for allowed, bit in asked if value in allowed})

    runs = []
    for opened, group in groupby(range(size), opens):
        indices = list(group)
        runs.append(Run(indices[0], indices[-1] + 1, opened))
    return tuple(runs)
