"""The problems of the sampler benchmark, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .problem import Problem, Score, Values
from .tables import STEPLAW_GROUPS, MissingTableError

__all__ = ["NAMES", "STEPLAW", "MissingTableError", "Problem", "Score", "Values", "make_problem"]

STEPLAW = tuple(f"steplaw-{group}" for group in STEPLAW_GROUPS)
NAMES = (
    "tree", "nasbench201", "nasbench201_size", "zdt1", "zdt2", "zdt3", "dtlz2", "c2dtlz2", "mixed", "digits", *STEPLAW,
)  # fmt: skip


def make_problem(name: str, data: Path, cached: Path) -> Problem:
    """The problem of that name.

    Args:
        data: the folder of the tables.
        cached: a folder for what trainings gave.

    Raises:
        KeyError: there is no such problem.
        MissingTableError: its table is not in `data`.
    """
    from . import analytic, digits, tables, tree

    makers: dict[str, Callable[[], Problem]] = {
        "tree": tree.tree,
        "nasbench201": lambda: tables.nasbench201(data),
        "nasbench201_size": lambda: tables.nasbench201_size(data),
        "mixed": analytic.mixed,
        "digits": lambda: digits.digits(cached),
    }
    makers |= {other: lambda: analytic.of_botorch(name) for other in analytic.BOTORCH}
    makers |= {other: lambda: tables.steplaw(data, name.removeprefix("steplaw-")) for other in STEPLAW}
    return makers[name]()
