"""What a running sweep shows in a terminal; plain lines where there is none."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from .budget import Budget, Spent
from .goals import Direction
from .store import TrialState
from .trials import Trials

LINE_EVERY = 10.0
"""Seconds between two lines where the output is no terminal."""


class SweepProgress:
    """A live line: what is spent of the budget, the time left, trials under way and failed, and the best values.

    The time left is that of the part of the budget which ends first at the present pace.
    """

    def __init__(self, name: str, budget: Budget) -> None:
        self._name, self._budget = name, budget
        self._live = Progress(
            TextColumn("[bold]{task.description}", table_column=Column(no_wrap=True, max_width=24)),
            TextColumn("{task.fields[spent]}"),
            BarColumn(bar_width=12),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[state]}", table_column=Column(no_wrap=True, ratio=1)),  # is cut where it must be
            console=Console(file=sys.stderr),
            refresh_per_second=5,
            expand=True,
        )
        self._task = self._live.add_task(name, total=1.0, spent="", state="")
        self._best: dict[str, float] = {}
        self._counts: Counter[TrialState] = Counter()
        self._known = 0
        self._open: set[int] = set()
        self._line_at = time.monotonic()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, trials: Trials, out: int, spent: Spent) -> None:
        """Take in the trials that ended since the last call, and show where the sweep stands."""
        self._open.update(range(self._known, len(trials)))
        self._known = len(trials)
        for number in [number for number in self._open if trials[number].ended]:
            self._open.discard(number)
            self._count(trials, number)
        told, state = self._budget.told(spent), self._state(trials, out)
        self._live.update(self._task, completed=self._budget.share(spent), spent=told, state=state)
        self._print_line(f"{self._name}: {told} · {state}")

    def _count(self, trials: Trials, number: int) -> None:
        trial = trials[number]
        self._counts[trial.state] += 1
        for objective, loss in zip(trials.goals.objectives, trial.losses, strict=False):
            if math.isfinite(loss):
                self._best[objective.name] = min(loss, self._best.get(objective.name, math.inf))

    def _state(self, trials: Trials, out: int) -> str:
        words = [f"{out} out"] if out else []
        words += [f"{self._counts[TrialState.FAILED]} failed"] if self._counts[TrialState.FAILED] else []
        for objective in trials.goals.objectives:
            if objective.name in self._best:
                sign = -1 if objective.direction is Direction.MAXIMIZE else 1
                words.append(f"best {objective.name} {sign * self._best[objective.name]:.4g}")
        return " · ".join(words)

    def _print_line(self, line: str) -> None:
        now = time.monotonic()
        if self._live.console.is_terminal or now - self._line_at < LINE_EVERY:
            return
        self._line_at = now
        print(line, file=sys.stderr, flush=True)
