"""What the pages know: the store, read only as far as it has changed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from ..search import Goals, Store
from ..search.analysis import is_detail, pareto_front, trials_frame
from ..search.control import is_driven
from ..search.store import SweepRecord, SweepState, SweepSummary, TrialTable
from ..search.sweep import DEFAULT_STORE
from .launch import STORE_VARIABLE

SWEEPS_KEPT = 8  # in memory, for all viewers together
Mark = tuple[int, bool]
"""The last event of a sweep (or of all), and whether what should be running is."""


@dataclass(frozen=True, slots=True)
class View:
    """A sweep at one moment.

    Attributes:
        sweep: its row in the store.
        goals: its objectives and constraints.
        frame: one row for each trial, by number; columns as in `paretree.search.analysis.trials_frame`.
        front: the rows of `frame` on the Pareto front.
        measured: the columns that hold returned numbers: objectives, constraints, then other metrics.
        paths: the columns that hold decisions.
        mark: what to compare with `mark` to see whether it is still true.
    """

    sweep: SweepRecord
    goals: Goals
    frame: pd.DataFrame
    front: pd.DataFrame
    measured: tuple[str, ...]
    paths: tuple[str, ...]
    mark: Mark


class Feed:
    """One sweep, kept up to date by reading only the trials that were touched since the last time."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._lock = threading.Lock()
        self._view: View | None = None

    def view(self) -> View:
        """The sweep as it stands.

        Raises:
            StoreError: the store or the sweep is gone.
        """
        with self._lock, opened(self._url) as store:
            last = store.last_event(store.sweep(self._name).id)  # before all else, so that nothing falls between
            sweep = store.sweep(self._name)
            known = self._view if self._view and self._view.sweep.created_at == sweep.created_at else None
            if known is None:
                self._view = _first_view(sweep, store.table(sweep.id), (last, _is_alive([sweep])))
            else:
                touched = store.trials(sweep.id, after_event=known.mark[0]) if last != known.mark[0] else []
                self._view = _next_view(known, sweep, TrialTable.of(touched), (last, _is_alive([sweep])))
            return self._view


def _first_view(sweep: SweepRecord, trials: TrialTable, mark: Mark) -> View:
    goals = Goals.read(sweep.objectives, sweep.constraints)
    frame = _by_number(trials, goals)
    measured, paths = _names(goals, (), (), trials)
    return View(sweep, goals, frame, pareto_front(frame, goals), measured, paths, mark)


def _next_view(before: View, sweep: SweepRecord, touched: TrialTable, mark: Mark) -> View:
    goals = before.goals
    if not touched.number:
        return View(sweep, goals, before.frame, before.front, before.measured, before.paths, mark)
    new = _by_number(touched, goals)
    frame = pd.concat([before.frame.drop(new.index, errors="ignore"), new]).sort_index()
    # What was dominated stays so: a finished trial never changes.
    front = pareto_front(frame.loc[before.front.index.union(new.index)], goals)
    measured, paths = _names(goals, before.measured, before.paths, touched)
    return View(sweep, goals, frame, front, measured, paths, mark)


def _by_number(trials: TrialTable, goals: Goals) -> pd.DataFrame:
    return trials_frame(trials, goals).set_index("number", drop=False).rename_axis(None)


def _names(
    goals: Goals, measured: Iterable[str], paths: Iterable[str], trials: TrialTable
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which columns hold returned numbers and which decisions, those of `trials` added."""
    numbers = dict.fromkeys([*goals.names, *(constraint.name for constraint in goals.constraints), *measured])
    numbers |= dict.fromkeys(name for name in trials.values if not is_detail(name))
    decisions = dict.fromkeys(paths) | dict.fromkeys(path for one in trials.configuration for path in one)
    return tuple(numbers), tuple(path for path in decisions if path not in numbers)


def store_url() -> str:
    """The store that this dashboard shows, as it was given to `launch`: with its password, if it has one."""
    return os.environ.get(STORE_VARIABLE, DEFAULT_STORE)


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """The store, for a moment and only to read; a file that was deleted or made anew is thus seen as it is.

    Raises:
        StoreError: it cannot be opened.
    """
    store = Store.open(url, readonly=True)
    try:
        yield store
    finally:
        store.close()


@st.cache_resource(max_entries=SWEEPS_KEPT, show_spinner=False)
def feed(url: str, name: str) -> Feed:
    """The one feed of a sweep, for all viewers."""
    return Feed(url, name)


def mark(url: str, watched: Iterable[SweepRecord], sweep_id: int | None = None) -> Mark:
    """How far a sweep is, or all of them, and whether those of `watched` that should be running are; cheap to ask.

    Raises:
        StoreError: the store or a sweep is gone.
    """
    with opened(url) as store:
        return store.last_event(sweep_id), _is_alive(store.sweep(sweep.name) for sweep in watched)


def summaries(url: str) -> tuple[list[SweepSummary], Mark]:
    """All sweeps at a glance, the one with the newest activity first, and how far they are.

    Raises:
        StoreError: the store is gone.
    """
    with opened(url) as store:
        last = store.last_event()
        found = store.sweeps()
    found.sort(key=lambda one: one.last_activity or one.sweep.created_at, reverse=True)
    return found, (last, _is_alive(summary.sweep for summary in found))


def _is_alive(sweeps: Iterable[SweepRecord]) -> bool:
    now = datetime.now(UTC)
    return all(is_driven(sweep, now) for sweep in sweeps if sweep.state is SweepState.RUNNING)
