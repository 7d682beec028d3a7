"""Spaces that change while their trials are kept: what differs, and old decisions read under a new space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .domains import Decision, Domain, Labels
from .errors import ConfigurationError, brief
from .slots import Slot

NAMED = 3
"""How many paths of each kind a sentence names."""


@dataclass(frozen=True)
class SpaceDiff:
    """In what the decisions of a space differ from those of an older one.

    Attributes:
        added: paths that only the new space decides.
        removed: paths that only the old one decides.
        changed: paths of decisions whose range or condition differs, with the old and the new range.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: Mapping[str, tuple[Domain, Domain]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        parts = [("does not decide", self.added), ("decides", self.removed), ("has another range for", self.changed)]
        said = [f"{verb} {_named(list(paths))}" for verb, paths in parts if paths]
        return "it " + " and ".join(said) if said else "the decisions are the same"


def difference(old: Sequence[Slot], new: Sequence[Slot]) -> SpaceDiff:
    """What differs from the old slots to the new ones."""
    before, after = ({slot.path: slot for slot in slots} for slots in (old, new))
    return SpaceDiff(
        tuple(path for path in after if path not in before),
        tuple(path for path in before if path not in after),
        {
            path: (before[path].domain, slot.domain)
            for path, slot in after.items()
            if path in before and before[path] != slot
        },
    )


def migrated(
    slots: Sequence[Slot], values: Mapping[str, Decision], defaults: Mapping[str, Decision]
) -> dict[str, Decision]:
    """Decisions of an older space as decisions of this one.

    Labels that were renamed (`Choice(..., was={"now": "then"})`) are found under their former names, in values and in
    paths. What the older space did not decide comes from `defaults`.

    Raises:
        ConfigurationError: a decision is missing, or outside its range now; or one is left over that has no place any
            more. The message says which.
    """
    found: dict[str, Decision] = {}
    used: set[str] = set()
    renamed = {slot.path: slot.domain.was for slot in slots if isinstance(slot.domain, Labels) and slot.domain.was}
    for slot in slots:
        if slot.active(found):
            source = next((path for path in _former(slot.path, renamed) if path in values), None)
            if source is not None:
                used.add(source)
            found[slot.path] = _decision(slot, values.get(source) if source else None, source is not None, defaults)
    lost = [path for path in values if path not in used]
    if lost:
        raise ConfigurationError(f"Decision {lost[0]!r} = {values[lost[0]]!r} has no place in this space any more.")
    return found


def _decision(slot: Slot, value: Decision, known: bool, defaults: Mapping[str, Decision]) -> Decision:
    if not known:
        if slot.path not in defaults:
            raise ConfigurationError(f"Decision {slot.path!r} is new; give defaults={{{slot.path!r}: ...}}.")
        value = defaults[slot.path]
    if isinstance(slot.domain, Labels) and not slot.domain.contains(value):
        value = next((new for new, old in slot.domain.was if old == value), value)
    if not slot.domain.contains(value):
        raise ConfigurationError(f"Decision {slot.path!r} was {brief(value)}, which is outside its range now.")
    return value


def _former(path: str, renamed: Mapping[str, tuple[tuple[Decision, Decision], ...]]) -> Iterator[str]:
    """The path, and the paths it had before labels in it were renamed."""
    yield path
    for choice, pairs in renamed.items():
        for new, old in pairs:
            branch = f"{choice}={new}"
            if path == branch or path.startswith((branch + "/", branch + "=", branch + "[")):
                yield f"{choice}={old}{path[len(branch) :]}"


def _named(paths: Sequence[str]) -> str:
    return ", ".join(map(repr, paths[:NAMED])) + (", …" if len(paths) > NAMED else "")
