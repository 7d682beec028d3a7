"""What dispatching costs: trials that do nothing, five parameters, two workers, every result stored.

    python benchmarks/throughput.py --trials 500 --repeats 3
    python benchmarks/throughput.py --only dispatch growth

Each contender runs in a process of its own, in turn, each repeat with another seed. Before the clock starts, Ray is
started (for us as for Ray Tune) and the database is made (for us as for Optuna); starting workers or actors counts. The
sampler is the same object for all, and the last row is what it takes by itself. CPU time is that of the whole machine:
let nothing else run.
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
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from dispatch import CONTENDERS, OURS, Contender, Cost
from dispatch_latency import MEASUREMENTS

SLOW_TRIALS = 20
"""Trials of a contender that takes seconds for each."""


def measure(task: str, **arguments: object) -> dict[str, float]:
    """What a task of `run_one` prints, run in a fresh process."""
    one = json.dumps({"task": task, "arguments": arguments})
    done = subprocess.run([sys.executable, __file__, "--one", one], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{task} {arguments} failed:\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def run_one(text: str) -> None:
    one = json.loads(text)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if one["task"] == "dispatch":
            cost = dispatch(folder=Path(folder), **one["arguments"])
            print(json.dumps({"seconds": cost.seconds, "cpu": cost.cpu}))
        else:
            print(json.dumps(MEASUREMENTS[one["task"]](Path(folder))))


def dispatch(name: str, kind: str, trials: int, seed: int, folder: Path) -> Cost:
    contender: Contender = CONTENDERS[name]
    return contender(trials, kind, seed, folder)


def compare(trials: int, repeats: int) -> None:
    """The table of all contenders."""
    columns = ("ms/trial", "(range)", "CPU ms/trial", "wall, x ours", "CPU, x ours")
    print(f"{'sampler':8} {'contender':40}", *(f"{column:>15}" for column in columns))
    for kind in ("random", "tpe"):
        found = {name: dispatched(name, kind, trials, repeats) for name in CONTENDERS}
        ours = medians(found[OURS])
        for name, costs in found.items():
            each = [cost.seconds * 1e3 for cost in costs]
            cost = medians(costs)
            cells = (
                f"{cost.seconds * 1e3:.2f}",
                f"{min(each):.2f}-{max(each):.2f}",
                f"{cost.cpu * 1e3:.2f}",
                f"{cost.seconds / ours.seconds:.1f}x",
                f"{cost.cpu / ours.cpu:.1f}x",
            )
            print(f"{kind:8} {name:40}", *(f"{cell:>15}" for cell in cells), flush=True)


def medians(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(cost.seconds for cost in costs), statistics.median(cost.cpu for cost in costs))


def dispatched(name: str, kind: str, trials: int, repeats: int) -> Sequence[Cost]:
    """Costs per trial."""
    count = min(trials, SLOW_TRIALS) if "default" in name and "Tune" in name else trials
    rows = [measure("dispatch", name=name, kind=kind, trials=count, seed=seed) for seed in range(repeats)]
    return [Cost(row["seconds"] / count, row["cpu"] / count) for row in rows]


def print_measurement(task: str, repeats: int) -> None:
    rows = [measure(task) for _ in range(repeats)]
    print(f"\n{MEASUREMENTS[task].__doc__}:")
    for name in rows[0]:
        values = [row[name] for row in rows]
        print(f"  {name:64} {statistics.median(values):10.4g}   ({min(values):.4g}-{max(values):.4g})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=["dispatch", *MEASUREMENTS], default=["dispatch", *MEASUREMENTS])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_one(options.one)
        return
    packages = ", ".join(f"{name} {version(name)}" for name in ("paretree", "ray", "optuna", "sqlalchemy"))
    print(f"{options.trials} trials, medians of {options.repeats} runs (seeds 0-{options.repeats - 1}); {packages}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    if "dispatch" in options.only:
        compare(options.trials, options.repeats)
    for task in options.only:
        if task != "dispatch":
            print_measurement(task, options.repeats)


if __name__ == "__main__":
    main()
