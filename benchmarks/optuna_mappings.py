"""How a conditional space is shown to Optuna's samplers: the walk against padding, on the conditional problem `tree`.

    python benchmarks/optuna_mappings.py --samplers tpe nsgaii cmaes qmc --seeds 10
    python benchmarks/optuna_mappings.py --samplers gp --evaluations 40 --seeds 5

Each run sees one result before it decides on the next configuration, and computes on one thread. The table has the mean
regret (lower is better) after 20, 40, 60 and 100 evaluations with its standard error over the seeds, and the processor
time of a run.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import statistics
import sys
import time
import warnings
from importlib.metadata import version

os.environ["OMP_NUM_THREADS"] = "1"

from problems.problem import Problem
from problems.tree import tree

from paretree.search import Goals, KnownTrial, Trials
from paretree.search.samplers.optuna import OptunaSampler
from paretree.search.store import TrialState

MAPPINGS = ("walk", "padded")
SHOWN = (20, 40, 60, 100)


def main() -> None:
    options = read_options()
    warnings.filterwarnings("ignore", module="optuna")
    versions = ", ".join(f"{name} {version(name)}" for name in ("paretree", "optuna", "torch", "cmaes"))
    print(f"{shlex.join(sys.argv)}\nPython {platform.python_version()}, {versions}; {options.seeds} seeds\n")
    shown = [count for count in SHOWN if count <= options.evaluations]
    print("| sampler | mapping | " + " | ".join(f"@{count}" for count in shown) + " | s/run |")
    print("|---|---" + "|---" * (len(shown) + 1) + "|")
    for sampler in options.samplers:
        for mapping in MAPPINGS:
            started = time.process_time()
            curves = [regrets(tree(), sampler, mapping, seed, options.evaluations) for seed in range(options.seeds)]
            seconds = (time.process_time() - started) / options.seeds
            cells = [summary([curve[count - 1] for curve in curves]) for count in shown]
            print(f"| {sampler} | {mapping} | {' | '.join(cells)} | {seconds:.1f} |", flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samplers", nargs="+", default=["tpe", "nsgaii", "cmaes", "qmc", "gp"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evaluations", type=int, default=100)
    return parser.parse_args()


def regrets(problem: Problem, name: str, mapping: str, seed: int, evaluations: int) -> list[float]:
    """The score after each evaluation of a run."""
    sampler, trials = OptunaSampler(name, mapping=mapping), Trials(Goals.of(problem.objectives))
    found = []
    for number in range(evaluations):
        [proposal] = sampler.propose(problem.space, trials, 1, seed=1000 * seed + number)
        trial = KnownTrial(number, proposal.configuration, TrialState.RUNNING, proposal=proposal.to_json())
        found.append(problem.evaluate(proposal.configuration, 1000 * seed + number))
        trials.put(trial.finished(trials.goals, found[-1]))
    return problem.score.curve(found)


def summary(values: list[float]) -> str:
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{statistics.mean(values):.3f} ± {error:.3f}"


if __name__ == "__main__":
    main()
