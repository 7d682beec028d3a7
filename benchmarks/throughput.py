"""Overhead per trial: trials that do nothing, five parameters, two workers, every result stored.

    python benchmarks/throughput.py --trials 500 --repeats 3

Each contender runs in a process of its own, in turn, each repeat with another seed. Before the clock starts, Ray is
started (for us as for Ray Tune) and the database is made (for us as for Optuna); starting workers or actors counts. The
sampler is the same object for all, and the last row is what it takes by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

PARAMETERS = "abcde"


def sampler(kind: str, seed: int):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.samplers.RandomSampler(seed) if kind == "random" else optuna.samplers.TPESampler(seed=seed)


def nothing(trial) -> dict[str, float]:
    return {"loss": trial.config.a}


def start_ray() -> None:
    import ray

    ray.init(
        address="local", num_cpus=2, include_dashboard=False, object_store_memory=80 * 2**20, log_to_driver=False,
        logging_level="ERROR",
    )  # fmt: skip


def paretree_on_ray(trials: int, kind: str, seed: int, folder: Path) -> float:
    import paretree as pt

    start_ray()
    space = pt.Space({name: pt.Float(0, 1) for name in PARAMETERS})
    store = str(folder / "paretree.db")
    chosen = "random" if kind == "random" else sampler(kind, seed)
    sweep = pt.Sweep("s", space, nothing, {"loss": "minimize"}, sampler=chosen, store=store, seed=seed)
    assert sweep.size() == 0  # makes the store
    began = time.perf_counter()
    sweep.run(trials=trials, workers=pt.RayWorkers(cpus=1), progress=False)
    seconds = time.perf_counter() - began
    assert (sweep.trials()["state"] == "finished").sum() == trials
    return seconds


def ray_tune(trials: int, kind: str, seed: int, folder: Path) -> float:
    """Ray Tune as fast as it goes: actors reused, no files of results per trial, nothing printed."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    from ray import tune
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    start_ray()
    search = OptunaSearch(metric="loss", mode="min", sampler=sampler(kind, seed))
    tuner = tune.Tuner(
        lambda config: tune.report({"loss": config["a"]}),
        param_space={name: tune.uniform(0, 1) for name in PARAMETERS},
        tune_config=tune.TuneConfig(
            search_alg=ConcurrencyLimiter(search, max_concurrent=2), num_samples=trials, reuse_actors=True
        ),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0, callbacks=[]),
    )
    began = time.perf_counter()
    results = tuner.fit()
    seconds = time.perf_counter() - began
    assert len(results) == trials
    assert not results.errors
    return seconds


def optuna_on_sqlite(trials: int, kind: str, seed: int, folder: Path) -> float:
    import optuna

    chosen = sampler(kind, seed)
    study = optuna.create_study(storage=f"sqlite:///{folder}/optuna.db", sampler=chosen)

    def objective(trial: optuna.Trial) -> float:
        values = [trial.suggest_float(name, 0, 1) for name in PARAMETERS]
        return values[0]

    began = time.perf_counter()
    study.optimize(objective, n_trials=trials)
    return time.perf_counter() - began


def sampler_alone(trials: int, kind: str, seed: int, folder: Path) -> float:
    """What all of the others spend on the sampler itself: Optuna in memory, nothing run and nothing stored."""
    import optuna

    study = optuna.create_study(sampler=sampler(kind, seed))
    began = time.perf_counter()
    for _ in range(trials):
        trial = study.ask()
        values = [trial.suggest_float(name, 0, 1) for name in PARAMETERS]
        study.tell(trial, values[0])
    return time.perf_counter() - began


CONTENDERS: dict[str, Callable[[int, str, int, Path], float]] = {
    "Paretree, 2 Ray workers, SQLite": paretree_on_ray,
    "Ray Tune, best configuration, 2 at a time": ray_tune,
    "Optuna study.optimize, SQLite": optuna_on_sqlite,
    "(the sampler alone, Optuna in memory)": sampler_alone,
}
OURS = next(iter(CONTENDERS))


def measure(name: str, kind: str, trials: int, seed: int) -> float:
    """Seconds of one run in a fresh process."""
    one = json.dumps({"name": name, "kind": kind, "trials": trials, "seed": seed})
    done = subprocess.run([sys.executable, __file__, "--one", one], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stdout}\n{done.stderr}")
    return float(done.stdout.splitlines()[-1])


def run_one(text: str) -> None:
    one = json.loads(text)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        print(CONTENDERS[one["name"]](one["trials"], one["kind"], one["seed"], Path(folder)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_one(options.one)
        return
    packages = ", ".join(f"{name} {version(name)}" for name in ("paretree", "ray", "optuna", "sqlalchemy"))
    print(f"{options.trials} trials, medians of {options.repeats} runs (seeds 0-{options.repeats - 1}); {packages}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    print(f"{'sampler':8} {'contender':42} {'ms/trial':>9} {'(range)':>15} {'trials/s':>9} {'ours is':>9}")
    for kind in ("random", "tpe"):
        runs = {name: [] for name in CONTENDERS}
        for seed in range(options.repeats):
            for name in CONTENDERS:
                runs[name].append(measure(name, kind, options.trials, seed) / options.trials)
        ours = statistics.median(runs[OURS])
        for name, seconds in runs.items():
            middle = statistics.median(seconds)
            spread = f"{min(seconds) * 1e3:.2f}-{max(seconds) * 1e3:.2f}"
            ratio = "" if name == OURS else f"{middle / ours:.1f}x"
            print(f"{kind:8} {name:42} {middle * 1e3:9.2f} {spread:>15} {1 / middle:9.0f} {ratio:>9}", flush=True)


if __name__ == "__main__":
    main()
