"""A trial's decisions as a tree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..spaces.domains import Decision

_STEPS = re.compile(r"\[[^]]*]|[^/[=]+|=[^/[]+")


@dataclass(slots=True)
class _Branch:
    below: dict[str, _Branch] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)  # a choice taken by a choice has its place


def decision_tree(values: Mapping[str, Decision]) -> str:
    """Decisions by path, as an indented tree.

    `net[1]/op` stands below `[1]`, below `net`; what a taken branch decides (`op=conv/kernel`) stands below the
    decision that took it.
    """
    root = _Branch()
    for path, value in values.items():
        branch = root
        for step in _STEPS.findall(path):
            if not step.startswith("="):
                branch = branch.below.setdefault(step, _Branch())
        branch.decisions.append(value)
    return "\n".join(line for name, top in root.below.items() for line in (_title(name, top), *_below(top, "")))


def shown(value: Decision) -> str:
    """A decision in one line; floats to six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _title(name: str, branch: _Branch) -> str:
    return " = ".join([name, *map(shown, branch.decisions)])


def _below(branch: _Branch, indent: str) -> Iterator[str]:
    for position, (name, child) in enumerate(branch.below.items()):
        last = position == len(branch.below) - 1
        yield f"{indent}{'└─ ' if last else '├─ '}{_title(name, child)}"
        yield from _below(child, indent + ("   " if last else "│  "))
