"""How long samplers think about the next configuration: ours beside the peer that does the same."""

from __future__ import annotations

import math
import os
import random
import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from contenders import suggest

import paretree as pt
from paretree.search import Goals, KnownTrial, Trials
from paretree.search.samplers import make_sampler
from paretree.search.store import TrialState
from paretree.spaces import Configuration

SPACE = pt.Space(
    {f"real{number}": pt.Float(0, 1) for number in range(3)}
    | {"lr": pt.Float(1e-5, 1e-1, log=True), "width": pt.Int(8, 512, log=True), "depth": pt.Int(1, 8)}
    | {"size": pt.Int(0, 100), "op": pt.Choice("a", "b", "c"), "norm": pt.Choice("d", "e"), "act": pt.Choice(*"fghi")}
)
"""Ten decisions: four real, three integer, three labels."""

ONE = {"loss": "minimize"}
TWO = {"loss": "minimize", "cost": "minimize"}
ASKS = 7

Ask = Callable[[int], None]
"""Propose a configuration, and be told what it gave; the number is a seed."""


def report_latency(versions: Mapping[str, str]) -> None:
    """Print medians of processor seconds on one thread, ours and the peer's in turn."""
    import torch
    from rich.console import Console
    from rich.table import Table

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    table = Table(title=f"seconds to propose, 10 decisions: medians of {ASKS} (range)", title_justify="left")
    for heading in ("objectives", "trials", "contender", "seconds"):
        table.add_column(heading)
    for objectives, trials, contenders in _cases():
        for name, seconds in _measured(contenders, objectives, trials).items():
            spread = f"{statistics.median(seconds):.3g} ({min(seconds):.3g}-{max(seconds):.3g})"
            table.add_row(str(len(objectives)), f"{trials:,}", name, spread)
    console = Console(width=100)
    console.print(table)
    console.print(", ".join(f"{name} {number}" for name, number in versions.items()), highlight=False)
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end", highlight=False)


def _cases() -> Iterable[tuple[dict[str, str], int, dict[str, Callable[[], Any] | str]]]:
    """Objectives, trials known, and by name: one of our samplers (its name), or how to make an Optuna sampler."""
    from optuna.samplers import TPESampler
    from optuna_integration import BoTorchSampler

    for trials in (50, 100, 200):
        yield TWO, trials, {"bayes": "bayes", "BoTorchSampler": lambda: BoTorchSampler(seed=0)}
    for trials in (1000, 5000):
        independent = lambda: TPESampler(multivariate=False, seed=0)  # noqa: E731 - what `optuna:tpe` is
        yield ONE, trials, {"optuna:tpe": "optuna:tpe", "Optuna TPE, independent": independent}


def _measured(
    contenders: Mapping[str, Callable[[], Any] | str], objectives: Mapping[str, str], trials: int
) -> dict[str, list[float]]:
    """Processor seconds of each ask, after one that is not counted, by contender."""
    draw = random.Random(0)
    known = [SPACE.sample(draw) for _ in range(trials)]
    asks = {
        name: _ours(made, objectives, known) if isinstance(made, str) else _optuna(made(), objectives, known)
        for name, made in contenders.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(ASKS + 1):
        for name, ask in asks.items():
            began = time.process_time()
            ask(number)
            seconds[name].append(time.process_time() - began)
    return {name: taken[1:] for name, taken in seconds.items()}


def _values(configuration: Configuration) -> dict[str, float]:
    """Something smooth of all decisions, in which the objectives disagree."""
    shares = [slot.domain.share(configuration[slot.path]) for slot in SPACE.slots]
    return {
        "loss": sum((share - 0.3) ** 2 for share in shares),
        "cost": sum(math.sin(share + 0.7) for share in shares[:5]),
    }


def _ours(name: str, objectives: Mapping[str, str], known: Iterable[Configuration]) -> Ask:
    sampler, trials = make_sampler(name), Trials(Goals.of(objectives))

    def learn(configuration: Configuration, proposal: Mapping[str, Any]) -> None:
        trial = KnownTrial(len(trials), configuration, TrialState.RUNNING, proposal=proposal)
        trials.put(trial)
        trials.put(trial.finished(trials.goals, _values(configuration)))

    def ask(seed: int) -> None:
        [proposal] = sampler.propose(SPACE, trials, 1, seed)
        learn(proposal.configuration, proposal.to_json())

    for configuration in known:
        learn(configuration, {})
    return ask


def _optuna(sampler: Any, objectives: Mapping[str, str], known: Iterable[Configuration]) -> Ask:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=list(objectives.values()), sampler=sampler)

    def values(trial: optuna.Trial) -> list[float]:
        configuration = SPACE.configuration({slot.path: suggest(trial, slot.path, slot.domain) for slot in SPACE.slots})
        return [_values(configuration)[name] for name in objectives]

    def ask(seed: int) -> None:
        trial = study.ask()
        study.tell(trial, values(trial))

    for configuration in known:
        study.enqueue_trial(dict(configuration.values))
        ask(0)
    return ask
