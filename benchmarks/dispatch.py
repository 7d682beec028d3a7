"""Who dispatches trials that do nothing: Paretree inline and with a process per trial, Ray Tune, Optuna."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

PARAMETERS = "abcde"


@dataclass
class Cost:
    """Seconds on the wall, and of processors."""

    seconds: float = 0.0
    cpu: float = 0.0


Contender = Callable[[int, str, int, Path], Cost]


@contextmanager
def measured() -> Iterator[Cost]:
    """The cost of the block, filled in at its end."""
    cost, cpu, began = Cost(), cpu_seconds(), time.perf_counter()
    yield cost
    cost.seconds, cost.cpu = time.perf_counter() - began, cpu_seconds() - cpu


def family() -> list[psutil.Process]:
    """This process and all below it."""
    this = psutil.Process()
    return [this, *this.children(recursive=True)]


def cpu_seconds() -> float:
    """That the whole machine has worked: Ray's workers end without a trace in the times of those that started them."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system


def sampler(kind: str, seed: int) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.samplers.RandomSampler(seed) if kind == "random" else optuna.samplers.TPESampler(seed=seed)


def nothing(trial: Any) -> dict[str, float]:
    return {"loss": trial.config.a}


def start_ray() -> None:
    import ray

    ray.init(
        address="local", num_cpus=2, include_dashboard=False, object_store_memory=80 * 2**20, log_to_driver=False,
        logging_level="ERROR",
    )  # fmt: skip


def paretree_on_ray(trials: int, kind: str, seed: int, folder: Path, isolation: str) -> Cost:
    import paretree as pt

    start_ray()
    space = pt.Space({name: pt.Float(0, 1) for name in PARAMETERS})
    store = str(folder / "paretree.db")
    chosen = "random" if kind == "random" else sampler(kind, seed)
    sweep = pt.Sweep("s", space, nothing, {"loss": "minimize"}, sampler=chosen, store=store, seed=seed)
    assert sweep.size() == 0  # makes the store
    with measured() as cost:
        sweep.run(trials=trials, workers=pt.RayWorkers(cpus=1, isolation=isolation), progress=False)
    assert (sweep.trials()["state"] == "finished").sum() == trials
    return cost


def inline(trials: int, kind: str, seed: int, folder: Path) -> Cost:
    return paretree_on_ray(trials, kind, seed, folder, "inline")


def process(trials: int, kind: str, seed: int, folder: Path) -> Cost:
    return paretree_on_ray(trials, kind, seed, folder, "process")


def ray_tune(trials: int, kind: str, seed: int, folder: Path, **options: Any) -> Cost:
    from ray import tune
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    start_ray()
    search = OptunaSearch(metric="loss", mode="min", sampler=sampler(kind, seed))
    tuner = tune.Tuner(
        lambda config: tune.report({"loss": config["a"]}),
        param_space={name: tune.uniform(0, 1) for name in PARAMETERS},
        tune_config=tune.TuneConfig(
            search_alg=ConcurrencyLimiter(search, max_concurrent=2), num_samples=trials, **options
        ),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0, callbacks=[]),
    )
    with measured() as cost:
        results = tuner.fit()
    assert len(results) == trials
    assert not results.errors
    return cost


def ray_tune_default(trials: int, kind: str, seed: int, folder: Path) -> Cost:
    return ray_tune(trials, kind, seed, folder)


def ray_tune_best(trials: int, kind: str, seed: int, folder: Path) -> Cost:
    """As fast as it goes: actors reused, no files of results per trial, nothing printed."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    return ray_tune(trials, kind, seed, folder, reuse_actors=True)


def optuna_on_sqlite(trials: int, kind: str, seed: int, folder: Path) -> Cost:
    import optuna

    chosen = sampler(kind, seed)
    study = optuna.create_study(storage=f"sqlite:///{folder}/optuna.db", sampler=chosen)

    def objective(trial: optuna.Trial) -> float:
        values = [trial.suggest_float(name, 0, 1) for name in PARAMETERS]
        return values[0]

    with measured() as cost:
        study.optimize(objective, n_trials=trials)
    return cost


def sampler_alone(trials: int, kind: str, seed: int, folder: Path) -> Cost:
    """What all of the others spend on the sampler itself: Optuna in memory, nothing run and nothing stored."""
    import optuna

    study = optuna.create_study(sampler=sampler(kind, seed))
    with measured() as cost:
        for _ in range(trials):
            trial = study.ask()
            values = [trial.suggest_float(name, 0, 1) for name in PARAMETERS]
            study.tell(trial, values[0])
    return cost


CONTENDERS: dict[str, Contender] = {
    "Paretree, 2 Ray workers, inline, SQLite": inline,
    "Paretree, a process per trial": process,
    "Ray Tune, defaults, 2 at a time": ray_tune_default,
    "Ray Tune, best configuration": ray_tune_best,
    "Optuna study.optimize, SQLite": optuna_on_sqlite,
    "(the sampler alone, Optuna in memory)": sampler_alone,
}
OURS = next(iter(CONTENDERS))
