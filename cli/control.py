"""The command line: asking something of a sweep that runs elsewhere, and reading what its trials wrote."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DEFAULT_STORE, NameArgument, StoreOption, open_to_read

if TYPE_CHECKING:
    from ..search.control import Control, Request
    from ..search.store import Store
    from ..search.store.records import LogRecord

FOLLOW_EVERY = 0.5  # seconds

TrialArgument = Annotated[int, typer.Argument(metavar="TRIAL", help="Number of the trial.")]


def add_control(app: typer.Typer) -> None:
    """Add the commands `pause`, `stop`, `retry`, `enqueue` and `logs`."""
    for command in (pause, stop, retry, enqueue, logs):
        app.command()(command)


def pause(name: NameArgument, store: StoreOption = DEFAULT_STORE) -> None:
    """Let a running sweep start no new trials; `resume` lets it go on."""
    _tell(_control(store, name).pause())


def stop(
    name: NameArgument,
    store: StoreOption = DEFAULT_STORE,
    now: Annotated[
        bool, typer.Option("--now", help="Do not wait for trials that run; resume runs them again.")
    ] = False,
    trial: Annotated[int | None, typer.Option(help="End only the trial of this number, at its next report.")] = None,
) -> None:
    """End a running sweep when the trials that run have ended; it can be resumed."""
    control = _control(store, name)
    _tell(control.stop(now) if trial is None else control.stop_trial(trial))


def retry(
    name: NameArgument,
    numbers: Annotated[list[int] | None, typer.Argument(metavar="[N]...", help="Trials; all that failed.")] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Run failed or stopped trials again: now, or when the sweep is resumed."""
    _tell(_control(store, name).retry(numbers or None))


def enqueue(
    name: NameArgument,
    decisions: Annotated[
        list[str], typer.Argument(metavar="FILE.json|-|PATH=VALUE...", help="All decisions of the configuration.")
    ],
    store: StoreOption = DEFAULT_STORE,
    priority: Annotated[int, typer.Option(help="Greater ones come first.")] = 0,
) -> None:
    """Have a configuration tried next: now, or when the sweep is resumed."""
    _tell(_control(store, name).enqueue(_decisions(decisions), priority))


def logs(
    name: NameArgument,
    trial: TrialArgument,
    store: StoreOption = DEFAULT_STORE,
    attempt: Annotated[int | None, typer.Option(help="Only what the attempt of this number wrote.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the trial has ended.")] = False,
) -> None:
    """Print what a trial wrote: its log, and what it printed."""
    opened = open_to_read(store)
    sweep_id, last = opened.sweep(name).id, 0
    while True:
        ended = _has_ended(opened, sweep_id, trial)  # looked at before its lines, so that none is missed
        for line in opened.logs(sweep_id, trial, attempt, after=last):
            print(_line(line, attempt is None), flush=True)
            last = line.id
        if ended or not follow:
            return
        time.sleep(FOLLOW_EVERY)


def unpause_where_paused(store: Store, name: str) -> bool:
    """Let a sweep go on that is paused in a process that lives; returns whether it was."""
    from ..search.control import is_driven
    from ..search.store import SweepState

    record = store.sweep(name)
    if record.state is not SweepState.PAUSED or not is_driven(record):
        return False
    _tell(_control(store.url, name).unpause())
    return True


def _control(url: str, name: str) -> Control:
    from ..search.control import Control
    from ..search.store import Store

    open_to_read(url).sweep(name)  # a store that is not there must not be made by asking something of it
    return Control(Store.open(url), name)


def _tell(request: Request) -> None:
    print(request.told())


def _has_ended(store: Store, sweep_id: int, trial: int) -> bool:
    from ..search.store.states import ENDED

    return store.trial(sweep_id, trial).state in ENDED


def _line(line: LogRecord, with_attempt: bool) -> str:
    attempt = f" #{line.attempt}" if with_attempt and line.attempt else ""
    stream = "" if line.stream == "log" else f" {line.stream}:"
    return f"{line.at:%H:%M:%S}{attempt}{stream} {line.text}"


def _decisions(given: list[str]) -> dict[str, Any]:
    """Decisions by path: from a JSON file, from standard input, or from arguments."""
    from ..search import SweepError

    others = [part for part in given if "=" not in part]
    if not others:
        return dict(map(_decision, given))
    if len(given) > 1:
        raise SweepError(f"{others[0]!r} is no decision; write PATH=VALUE for each, or one JSON file, or - for a pipe.")
    try:
        text = sys.stdin.read() if given[0] == "-" else Path(given[0]).read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise SweepError(f"{given[0]} cannot be read as JSON: {error}; write an object of PATH: VALUE.") from error
    if not isinstance(found, dict):
        raise SweepError(f"{given[0]} holds no configuration; write a JSON object of PATH: VALUE.")
    return found


def _decision(text: str) -> tuple[str, Any]:
    """`PATH=VALUE`: the value is JSON where it can be read as that, else the text as it stands."""
    path, _, value = text.rpartition("=")
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value
