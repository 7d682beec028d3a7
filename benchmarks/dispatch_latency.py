"""How quickly workers do what they are told, how sweeps grow, and what they hold in memory."""

from __future__ import annotations

import ctypes
import signal
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dispatch import family, start_ray

STOPS = 100
FINISHED = 10_000
WINDOW = 500


def stopping(folder: Path) -> dict[str, float]:
    """Seconds until a trial that reports every 10 ms hears of its stop, and that one which hangs outlives its time"""
    return {**_told_to_stop(folder), **_overdue()}


def _told_to_stop(folder: Path) -> dict[str, float]:
    import paretree as pt
    from paretree.workers.protocol import Assignment, AttemptId, Job, Reported, Stopped

    def train(trial: pt.Trial) -> dict[str, float]:
        try:
            for step in range(100_000):
                time.sleep(0.01)
                trial.report(step, value=0.0)
        finally:
            (folder / str(trial.number)).write_text(repr(time.time()))
        return {"loss": 0.0}

    start_ray()
    workers = pt.RayWorkers(cpus=1, count=2)
    workers.open(Job("stops", pt.Space(x=pt.Float(0, 1)), train, key="stops"))
    workers.submit([Assignment(AttemptId(number, 0), {"x": 0.5}, seed=number) for number in range(STOPS)])
    decided: dict[int, float] = {}
    ended = 0

    def handle(events: Any) -> None:
        nonlocal ended
        for event in events:
            ended += isinstance(event, Stopped)
            if isinstance(event, Reported) and event.id.trial not in decided:
                decided[event.id.trial] = time.time()
                workers.stop(event.id)

    while ended < STOPS:
        workers.pump(handle, wait=1.0)
    workers.close()
    told = sorted(float((folder / str(number)).read_text()) - decided[number] for number in range(STOPS))
    return {
        "stop told after, median (s)": statistics.median(told),
        "stop told after, 99 % (s)": told[int(0.99 * STOPS) - 1],
    }


def _overdue() -> dict[str, float]:
    import paretree as pt
    from paretree.workers.protocol import Assignment, AttemptId, Failed, Job, Limits, Started

    def train(trial: pt.Trial) -> dict[str, float]:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        ctypes.PyDLL(None).pause()  # keeps Python to itself, and does not hear that it is asked to end
        return {"loss": 0.0}

    limits, trials = Limits(timeout=1.0), 5
    workers = pt.RayWorkers(cpus=1, count=1)
    workers.open(Job("hangs", pt.Space(x=pt.Float(0, 1)), train, key="hangs", limits=limits))
    workers.submit([Assignment(AttemptId(number, 0), {"x": 0.5}, seed=number) for number in range(trials)])
    began: dict[int, float] = {}
    late: list[float] = []

    def handle(events: Any) -> None:
        for event in events:
            if isinstance(event, Started):
                began[event.id.trial] = event.at
            elif isinstance(event, Failed):
                late.append(event.at - began[event.id.trial] - 1.0)

    while len(late) < trials:
        workers.pump(handle, wait=1.0)
    workers.close()
    return {"a hung trial is gone after its timeout, longest of 5 (s)": max(late)}


def growth(folder: Path) -> dict[str, float]:
    """Overhead per trial early and late in a sweep (2 Ray workers, inline, random), and going on with 10,600 trials"""
    import paretree as pt

    start_ray()
    store = str(folder / "paretree.db")

    def sweep() -> pt.Sweep:
        space = pt.Space({name: pt.Float(0, 1) for name in "abcde"})
        return pt.Sweep(
            "s", space, lambda trial: {"loss": trial.config.a}, {"loss": "minimize"}, sampler="random", store=store
        )

    sweep().run(trials=FINISHED + 100 + WINDOW, workers=pt.RayWorkers(isolation="inline"), progress=False)
    ends = sweep().trials().sort_values("number")["finished_at"]
    early, late = (ends.iloc[first + WINDOW - 1] - ends.iloc[first] for first in (100, FINISHED + 100))
    began = time.time()
    resumed = sweep()
    resumed.run(trials=FINISHED + 100 + WINDOW + 1, workers=pt.RayWorkers(isolation="inline"), progress=False)
    first = resumed.trials()["started_at"].max().timestamp()
    return {
        "ms per trial, trials 100-600": early.total_seconds() / WINDOW * 1e3,
        f"ms per trial, trials {FINISHED + 100}-{FINISHED + 100 + WINDOW}": late.total_seconds() / WINDOW * 1e3,
        "ratio": late / early,
        "from run() to the next trial, 10,600 in the store (s)": first - began,
    }


def memory(folder: Path) -> dict[str, float]:
    """MiB of memory (proportional set size) of all processes, while 2 trials sleep"""
    return {"Paretree, a process per trial": _held(_paretree_sleeps, folder)}


def memory_of_tune(folder: Path) -> dict[str, float]:
    """The same of Ray Tune, actors reused"""
    return {"Ray Tune": _held(_tune_sleeps, folder)}


def _held(run: Callable[[Path], None], folder: Path) -> float:
    found: list[float] = []

    def look() -> None:
        time.sleep(15)
        found.append(sum(process.memory_full_info().pss for process in family()) / 2**20)

    start_ray()
    looker = threading.Thread(target=look)
    looker.start()
    run(folder)
    looker.join()
    return found[0]


def _paretree_sleeps(folder: Path) -> None:
    import paretree as pt

    def train(trial: pt.Trial) -> dict[str, float]:
        time.sleep(20)
        return {"loss": 0.0}

    sweep = pt.Sweep(
        "s", pt.Space(x=pt.Float(0, 1)), train, {"loss": "minimize"}, sampler="random", store=str(folder / "a.db")
    )
    sweep.run(trials=2, workers=pt.RayWorkers(count=2), progress=False)


def _tune_sleeps(folder: Path) -> None:
    from ray import tune

    def train(config: dict[str, float]) -> None:
        time.sleep(20)
        tune.report({"loss": 0.0})

    tune.Tuner(
        train,
        param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(num_samples=2, reuse_actors=True),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0, callbacks=[]),
    ).fit()


MEASUREMENTS: dict[str, Callable[[Path], dict[str, float]]] = {
    "stopping": stopping,
    "growth": growth,
    "memory": memory,
    "memory_of_tune": memory_of_tune,
}
