"""Samplers compared: Paretree's and those of its peers, on the same problems.

    python benchmarks/samplers.py --out runs --jobs 2
    python benchmarks/samplers.py --out runs --problems tree digits --contenders bayes "Optuna TPE" --seeds 0-4
    python benchmarks/samplers.py --out runs --report
    python benchmarks/samplers.py --out runs --latency

Every run (a problem, a contender, a seed) becomes a file in `--out`, with the versions that made it; what is there
already is not run again, so the command can be stopped and gone on with. A contender sees one result before it decides
on the next configuration, and computes on one thread. At the end stand tables of all that is in `--out`, and a plot.

The peers come with the extra `peers`; tables of trainings, for three of the problems, are looked for in `--data`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from multiprocessing import get_context
from pathlib import Path

from contenders import PEERS, evaluate, make_contender
from latency import report_latency
from problems import NAMES, STEPLAW, MissingTableError, Problem, make_problem
from standings import report

OURS = ("auto", "bayes", "evolution", "optuna:tpe", "random")
PACKAGES = ("paretree", "optuna", "optuna-integration", "botorch", "gpytorch", "ax-platform", "pymoo", "torch", "numpy")
RUNS_PER_PROCESS = 40
"""After which a fresh process takes over, so that what libraries keep does not pile up."""


@dataclass(frozen=True)
class Run:
    """One contender on one problem, and where the result belongs."""

    problem: str
    contender: str
    seed: int
    evaluations: int | None
    out: Path
    data: Path

    @property
    def file(self) -> Path:
        return self.out / self.problem / self.contender.replace(":", "-") / f"{self.seed}.json"

    @property
    def title(self) -> str:
        return f"{self.contender} on {self.problem}, seed {self.seed}"

    def wanted(self) -> Problem:
        """The problem, with as many evaluations as were asked for."""
        problem = _problem(self.problem, self.data, self.out)
        return replace(problem, evaluations=min(problem.evaluations, self.evaluations or problem.evaluations))

    def is_done(self) -> bool:
        return self.file.is_file() and json.loads(self.file.read_text())["asked"] >= self.wanted().evaluations


@cache
def _problem(name: str, data: Path, out: Path) -> Problem:
    return make_problem(name, data, out / "trained")


def perform(run: Run) -> None:
    """Do a run and write its file, all or nothing."""
    import torch

    torch.set_num_threads(1)
    problem = run.wanted()
    evaluations = list(evaluate(problem, make_contender(run.contender), run.seed))
    row = {
        "problem": run.problem,
        "contender": run.contender,
        "seed": run.seed,
        "asked": problem.evaluations,
        "values": [dict(one.values) for one in evaluations],
        "configurations": [dict(one.configuration.values) for one in evaluations],
        "seconds": [one.seconds for one in evaluations],
        "versions": versions(),
    }
    run.file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = run.file.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps(row))
    unfinished.replace(run.file)


def versions() -> dict[str, str]:
    """Of Python and of the packages that are compared, as far as they are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def attempt(run: Run) -> tuple[Run, str]:
    """Do a run, and say what went wrong; nothing is an empty text."""
    try:
        perform(run)
    except Exception:
        return run, traceback.format_exc()
    return run, ""


def perform_all(runs: Sequence[Run], jobs: int) -> None:
    """Do all runs that are not done, so many at a time; one that fails is reported and leaves no file."""
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    open_runs = [run for run in runs if not run.is_done()]
    columns = [*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns) as progress, get_context("spawn").Pool(jobs, maxtasksperchild=RUNS_PER_PROCESS) as pool:
        task = progress.add_task("runs", total=len(open_runs))
        for run, error in pool.imap_unordered(attempt, open_runs):
            if error:
                progress.console.print(f"{run.title} failed:\n{error}", markup=False, highlight=False)
            progress.update(task, advance=1, description=run.title)


def seeds_of(text: str) -> list[int]:
    """`"0-9"` or `"3"`."""
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def problems_of(names: Sequence[str], data: Path) -> list[str]:
    """The names of problems, `steplaw` standing for all of its groups; without those whose table is not there."""
    asked = [name for given in names for name in (STEPLAW if given == "steplaw" else [given])]
    return [name for name in asked if _is_there(name, data)]


def _is_there(name: str, data: Path) -> bool:
    try:
        _problem(name, data, Path())
    except MissingTableError as missing:
        print(f"Without {name}: {missing}", file=sys.stderr)
        return False
    return True


def runs_of(options: argparse.Namespace) -> Iterator[Run]:
    """Contender after contender, each with all problems."""
    problems = problems_of(options.problems, options.data)
    for contender, problem, seed in product(options.contenders, problems, options.seeds):
        yield Run(problem, contender, seed, options.evaluations, options.out, options.data)


def main() -> None:
    here = Path(__file__).resolve().parent
    data = Path(os.environ.get("PARETREE_DATA", here.parent.parent / "shared" / "data"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=[*NAMES, "steplaw"], metavar="NAME", default=NAMES)
    parser.add_argument("--contenders", nargs="+", metavar="NAME", default=[*OURS, *PEERS])
    parser.add_argument("--seeds", type=seeds_of, default=seeds_of("0-9"), metavar="FIRST-LAST")
    parser.add_argument("--evaluations", type=int, help="of each run; else what the problem is for")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/samplers"))
    parser.add_argument("--data", type=Path, default=data, help="folder of tables (else PARETREE_DATA)")
    parser.add_argument("--report", action="store_true", help="only the tables and the plot of what is there")
    parser.add_argument("--latency", action="store_true", help="how long samplers think, instead")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if options.latency:
        report_latency(versions())
        return
    if not options.report:
        for name in options.contenders:
            make_contender(name)
        perform_all(list(runs_of(options)), options.jobs)
    report(options.out, options.data, f"python {shlex.join(sys.argv)}")


if __name__ == "__main__":
    main()
