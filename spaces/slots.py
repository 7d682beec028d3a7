"""A space as a flat table: one slot for each decision, parents before children.

This table is the only door between what a space means (the tree of nodes) and how it is searched: sampling, validating,
encoding and every sampler work on slots and never look at the tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .domains import Decision, Domain
from .errors import SpaceError


class Literal(NamedTuple):
    """True where the decision at `path` is active and one of `allowed`."""

    path: str
    allowed: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """One decision: where it stands, what it may be, and when it is asked.

    `when` lists literals on nearest ancestors of which at least one must hold; an empty tuple means always. Only the
    nearest ancestor is named, because an ancestor that is itself inactive has no value and so fulfils no literal.
    """

    path: str
    domain: Domain
    when: tuple[Literal, ...] = ()

    def active(self, values: Mapping[str, Decision]) -> bool:
        """Whether this decision is to be made, given those before it."""
        if not self.when:
            return True
        for path, allowed in self.when:  # noqa: SIM110 - asked for every slot of every draw, and a loop is twice as fast
            if path in values and values[path] in allowed:
                return True
        return False


@dataclass(eq=False)
class Gate:
    """Under which literals a part of the tree is active, while the table is still being made.

    A shared part stands in several places, so its gate collects one entry for each; it opens where any of them does.
    """

    entries: list[Literal | Gate] = field(default_factory=list)
    always: bool = False

    def literals(self) -> tuple[Literal, ...]:
        """The literals, or an empty tuple for a gate that is always open."""
        return () if self._open() else tuple(dict.fromkeys(self._walk()))

    def _open(self) -> bool:
        return self.always or any(isinstance(entry, Gate) and entry._open() for entry in self.entries)

    def _walk(self) -> Iterator[Literal]:
        for entry in self.entries:
            if isinstance(entry, Gate):
                yield from entry._walk()
            else:
                yield entry


def parents_first(slots: Sequence[Slot], followed: Mapping[str, Sequence[str]]) -> tuple[Slot, ...]:
    """The slots in an order in which each comes after those its condition names; otherwise as they were written.

    Args:
        slots: in the order in which they were written.
        followed: by path, those that a decision comes after too: what the centre of its prior is computed from.

    Raises:
        SpaceError: whether a decision is made depends on itself, or priors follow each other in a circle.
    """
    by_path = {slot.path: slot for slot in slots}
    by_path = {slot.path: replace(slot, when=_grounded(slot, by_path)) for slot in slots}
    ordered: dict[str, Slot] = {}
    waiting: set[str] = set()

    def visit(slot: Slot) -> None:
        if slot.path in ordered:
            return
        if slot.path in waiting:
            raise SpaceError(
                slot.domain,
                slot.path,
                "whether it is decided depends on itself, through the parts it is shared by",
                "let one of them stand where nothing else decides on it",
            )
        waiting.add(slot.path)
        for literal in slot.when:
            visit(by_path[literal.path])
        for path in followed.get(slot.path, ()):
            if path in waiting and path not in ordered:
                raise SpaceError(
                    slot.domain,
                    slot.path,
                    f"its prior follows {path!r}, which itself comes only after {slot.path!r}",
                    "let one of the two priors have a plain number as its centre",
                )
            visit(by_path[path])
        ordered[slot.path] = slot

    for slot in by_path.values():
        visit(slot)
    return tuple(ordered.values())


def implies(given: tuple[Literal, ...], wanted: tuple[Literal, ...], slots: Mapping[str, Slot]) -> bool:
    """Whether a literal of `wanted` holds wherever one of `given` does; an empty tuple always holds."""
    if not wanted:
        return True
    return bool(given) and all(_grants(literal, wanted, slots) for literal in given)


def _grants(literal: Literal, wanted: tuple[Literal, ...], slots: Mapping[str, Slot]) -> bool:
    if any(path == literal.path and set(literal.allowed) <= set(allowed) for path, allowed in wanted):
        return True
    return implies(slots[literal.path].when, wanted, slots)


def _grounded(slot: Slot, slots: Mapping[str, Slot]) -> tuple[Literal, ...]:
    """The condition without what can hold only once this is decided: a shared number may stand in its own copies."""
    if len(slot.when) < 2:
        return slot.when
    return tuple(literal for literal in slot.when if not _needs(literal.path, slot.path, slots, frozenset()))


def _needs(path: str, other: str, slots: Mapping[str, Slot], seen: frozenset[str]) -> bool:
    """Whether the decision at `path` is made only where the one at `other` is."""
    if path == other or path in seen:
        return True
    when = slots[path].when
    return bool(when) and all(_needs(literal.path, other, slots, seen | {path}) for literal in when)
