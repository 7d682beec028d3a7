"""A trial's decisions as a tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
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
    decision that took it, and below the branch's own label where several were taken (`inputs=0/op`, `inputs=1/op`).
    """
    root = _Branch()
    taken = _taken(values)
    for path, value in values.items():
        branch = root
        for start, step in _steps(path):
            if not step.startswith("="):
                branch = branch.below.setdefault(step, _Branch())
            elif len(taken[path[:start]]) > 1:
                branch = branch.below.setdefault(step.removeprefix("="), _Branch())
        branch.decisions.append(value)
    return "\n".join(line for name, top in root.below.items() for line in (_title(name, top), *_below(top, "")))


def _steps(path: str) -> Iterator[tuple[int, str]]:
    """The parts of a path, each with where it begins."""
    return ((step.start(), step.group()) for step in _STEPS.finditer(path))


def _taken(paths: Iterable[str]) -> dict[str, set[str]]:
    """By path of a decision, the branches that were taken and decide something."""
    taken: dict[str, set[str]] = {}
    for path in paths:
        for start, step in _steps(path):
            if step.startswith("="):
                taken.setdefault(path[:start], set()).add(step)
    return taken


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
