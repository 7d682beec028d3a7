"""Searches with and without a scaling law as prior, replayed on tables of real trainings.

    python benchmarks/laws/replay.py --data DIR --out replay.jsonl --seeds 0-9 --plot replay.png
    python benchmarks/laws/replay.py --data DIR --out replay.jsonl --methods bayes "bayes: x30" --groups 429M-40B
    python benchmarks/laws/replay.py --data DIR --out replay.jsonl --report

Each run looks 30 times for a learning rate and a batch size, in a box as wide as users draw it; what it finds is that
of the nearest training in the table (see `benchmarks/problems/tables.py`). A method is a sampler, and after a colon the
prior that it is given: `step`, the published Step Law; `own`, a law fitted to all models of another size, so that it
knows nothing of the group; and three that mislead: `x3`, with the Step Law's learning rate times 3 and its batch size
divided by 3, `x30` and `d30`, with its learning rate times 30 and divided by 30. All have the tails of Student's t and
the spreads that the Step Law is published with, as the user does not know which of them are good.

Every run is a line in `--out`; what is there is not run again, so the command can be stopped and gone on with. The
group of 1.07B parameters and 100B tokens is not in the table; 537M parameters and 50B tokens stand in for it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shlex
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from itertools import product
from multiprocessing import get_context
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pandas as pd
from contenders import evaluate, make_contender
from problems.problem import Problem
from problems.tables import STEPLAW_GROUPS, STEPLAW_TRIALS, steplaw

import paretree as pt
from laws.cubic import surface
from laws.table import NEAR, Group, read_groups
from paretree.spaces import laws

VERY_NEAR = 0.1
"""Per cent above the best loss: the noise of one training."""

SPREADS = (0.5, 0.6)
"""Of the logarithms of learning rate and batch size: those of a published law in its domain."""

METHODS = (
    "random:branch",
    "Optuna TPE",
    "Optuna GP",
    "bayes",
    "bayes: own",
    "bayes: step",
    "bayes: x3",
    "bayes: x30",
    "bayes: d30",
    "random: own",
    "optuna:tpe: own",
)
MISLED = {"x3": (3.0, 1 / 3), "x30": (30.0, 1.0), "d30": (1 / 30, 1.0)}
"""What the learning rate and the batch size of the Step Law are multiplied with."""

PACKAGES = ("paretree", "botorch", "torch", "optuna", "numpy")


@dataclass(frozen=True)
class Run:
    """A method on a group of trainings."""

    method: str
    group: str
    seed: int
    data: Path

    @property
    def key(self) -> tuple[str, str, int]:
        return self.method, self.group, self.seed

    @property
    def sampler(self) -> str:
        return self.method.partition(": ")[0]

    @property
    def prior(self) -> str:
        return self.method.partition(": ")[2]

    def problem(self) -> Problem:
        problem = steplaw(self.data, self.group)
        return replace(problem, space=believing(*center(self.prior, self.group, self.data))) if self.prior else problem


def believing(rate: float, batch: float) -> pt.Space:
    """The box of the problem, with priors around this learning rate and this batch size in tokens."""
    source = "the law"
    return pt.Space(
        lr=pt.Float(1e-5, 1e-1, log=True, prior=pt.StudentT(rate, SPREADS[0], source=source)),
        batch=pt.Float(2.0**13, 2.0**24, log=True, prior=pt.StudentT(batch, SPREADS[1], source=source)),
    )


def center(prior: str, name: str, data: Path) -> tuple[float, float]:
    """The learning rate and the batch size, in tokens, that a prior thinks best for a group."""
    group = _groups(data)[name]
    rate, batch = np.exp(_own(group, data) if prior == "own" else laws.StepLaw().log_optimum(group.N, group.D))
    times = MISLED.get(prior, (1.0, 1.0))
    return float(rate * times[0]), float(batch * times[1])


@cache
def _groups(data: Path) -> dict[str, Group]:
    """The groups of the problems, by the problems' names for them."""
    sizes = {(round(group.N / 1e6), group.D / 1e9): group for group in read_groups(data)}
    return {name: sizes[size] for name, size in STEPLAW_GROUPS.items()}


def _own(group: Group, data: Path) -> np.ndarray:
    """ln learning rate by N and D, and ln batch size by D, through the optima of all models of another size."""
    others = [other for other in read_groups(data) if abs(math.log(other.N / group.N)) > math.log(1.05)]
    optima = np.array([surface(other).optimum for other in others])
    sizes = np.array([[1.0, math.log(other.N), math.log(other.D)] for other in others])
    at = np.array([1.0, math.log(group.N), math.log(group.D)])
    rate = np.linalg.lstsq(sizes, optima[:, 0], rcond=None)[0]
    batch = np.linalg.lstsq(sizes[:, [0, 2]], optima[:, 1], rcond=None)[0]
    return np.array([rate @ at, batch @ at[[0, 2]]])


def perform(run: Run) -> dict[str, object]:
    """Do a run; what it gives is a line of the results."""
    import torch

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=pt.PriorWarning)
    problem = run.problem()
    evaluations = list(evaluate(problem, make_contender(run.sampler), run.seed))
    return {
        "method": run.method,
        "group": run.group,
        "seed": run.seed,
        "losses": [one.values["loss"] for one in evaluations],
        "points": [[one.configuration.lr, one.configuration.batch] for one in evaluations],
        "seconds": sum(one.seconds for one in evaluations),
        "versions": versions(),
    }


@cache
def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}


def read(out: Path) -> list[dict[str, object]]:
    """The lines there are."""
    return [json.loads(line) for line in out.read_text().splitlines()] if out.is_file() else []


def perform_all(runs: list[Run], out: Path, jobs: int) -> None:
    """Do the runs that are not in the results, and add each as soon as it ends."""
    done = {(line["method"], line["group"], line["seed"]) for line in read(out)}
    missing = [run for run in runs if run.key not in done]
    out.parent.mkdir(parents=True, exist_ok=True)
    with get_context("spawn").Pool(jobs) as pool, out.open("a") as file:
        for line in pool.imap_unordered(perform, missing):
            print(json.dumps(line), file=file, flush=True)


def measured(lines: list[dict[str, object]], data: Path) -> pd.DataFrame:
    """One row for each run: trials until within 0.25 % and 0.1 % of the best, and the gap after some trials."""
    best = {name: group.best for name, group in _groups(data).items()}
    return pd.DataFrame([_measures(line, best[str(line["group"])]) for line in lines])


def _measures(line: dict[str, object], best: float) -> dict[str, object]:
    gaps = course(line, best)
    after = {f"gap @{trial}": gaps[trial - 1] for trial in (1, 5, 10, STEPLAW_TRIALS)}
    until = {"t25": trials_until(gaps, NEAR), "t10": trials_until(gaps, VERY_NEAR)}
    return {"method": line["method"], "group": line["group"], **until, **after, "seconds": line["seconds"]}


def course(line: dict[str, object], best: float) -> np.ndarray:
    """Per cent by which the best of a run is above the best of the table, after each trial."""
    return 100 * (np.minimum.accumulate(line["losses"]) / best - 1)


def trials_until(gaps: np.ndarray, bound: float) -> int:
    """The first trial within the bound; one more than there are when never."""
    within = np.flatnonzero(gaps <= bound * (1 + 1e-9))
    return int(within[0]) + 1 if len(within) else STEPLAW_TRIALS + 1


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Means over the runs of each method, in the order of METHODS."""
    rows = {}
    for method in sorted(runs["method"].unique(), key=_place):
        mine = runs[runs["method"] == method]
        rows[method] = {
            "runs": len(mine),
            "t25 median": mine["t25"].median(),
            "t25": mine["t25"].mean(),
            "±": mine["t25"].sem(),
            "at once": f"{(mine['t25'] == 1).mean():.0%}",
            "hit 0.25 %": f"{(mine['t25'] <= STEPLAW_TRIALS).mean():.0%}",
            "t10": mine["t10"].mean(),
            "hit 0.1 %": f"{(mine['t10'] <= STEPLAW_TRIALS).mean():.0%}",
            **mine.filter(like="gap").mean(),
            "seconds": mine["seconds"].mean(),
        }
    return pd.DataFrame(rows).T


def _place(method: str) -> tuple[int, str]:
    return (METHODS.index(method) if method in METHODS else len(METHODS), method)


def report(out: Path, data: Path, plot: Path | None) -> None:
    """Print the table of all that is in `out`, and draw it."""
    lines = read(out)
    print(
        f"Replay of {STEPLAW_TRIALS} trials on {len(STEPLAW_GROUPS)} groups: t25 and t10 are the mean number of trials"
    )
    print(f"until within {NEAR} % and {VERY_NEAR} % of the best ({STEPLAW_TRIALS + 1} when never); gaps in per cent.\n")
    print(summary(measured(lines, data)).to_string(float_format=lambda number: f"{number:.3g}"))
    print("\nThe group of 1.07B parameters and 100B tokens is not in the table; 537M and 50B stand in for it.")
    print(f"{versions()}, seeds {sorted({line['seed'] for line in lines})}")
    print(f"command: python {shlex.join(sys.argv)}")
    if plot is not None:
        draw(lines, data, plot)


def draw(lines: list[dict[str, object]], data: Path, file: Path) -> None:
    """The mean gap of each method after each trial."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    best = {name: group.best for name, group in _groups(data).items()}
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    for method in sorted({str(line["method"]) for line in lines}, key=_place):
        courses = [course(line, best[str(line["group"])]) for line in lines if line["method"] == method]
        mean = np.mean([np.pad(one, (0, STEPLAW_TRIALS - len(one)), mode="edge") for one in courses], axis=0)
        axes.plot(range(1, STEPLAW_TRIALS + 1), mean, label=f"{method} ({len(courses)} runs)")
    axes.axhline(NEAR, color="black", linewidth=0.8, linestyle=":")
    axes.set(yscale="log", xlabel="trials", ylabel="per cent above the best loss (mean)")
    axes.legend(fontsize="small")
    figure.savefig(file, dpi=150)
    plt.close(figure)
    print(f"\nPlot: {file}")


def runs_of(options: argparse.Namespace) -> Iterator[Run]:
    """Seed after seed, so that a table of what is there is fair to all methods."""
    first, _, last = options.seeds.partition("-")
    for seed, method, group in product(range(int(first), int(last or first) + 1), options.methods, options.groups):
        yield Run(method, group, seed, options.data)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("PARETREE_DATA", "data")))
    parser.add_argument("--out", type=Path, default=Path("runs/laws/replay.jsonl"))
    parser.add_argument("--seeds", default="0-9", metavar="FIRST-LAST")
    parser.add_argument("--groups", nargs="+", choices=list(STEPLAW_GROUPS), default=list(STEPLAW_GROUPS))
    parser.add_argument("--methods", nargs="+", default=METHODS, metavar="SAMPLER[: PRIOR]")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="PNG to draw")
    parser.add_argument("--report", action="store_true", help="only the table and the plot of what is there")
    options = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"
    if not options.report:
        perform_all(list(runs_of(options)), options.out, options.jobs)
    report(options.out, options.data, options.plot)


if __name__ == "__main__":
    main(sys.argv[1:])
