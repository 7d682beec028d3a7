"""Who is compared: every sampler of Paretree, and its peers through their own natural interfaces.

A contender is a generator: it yields the configuration to evaluate next, and is sent what it gave. All of them see the
same space and the same constraints, decide on one evaluation after the other, and start with nothing known.
"""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from problems import Problem, Values

from paretree.search import Goals, KnownTrial, Trials
from paretree.search.admission import ExhaustedError, admitted
from paretree.search.samplers import make_sampler
from paretree.search.seeds import derive
from paretree.search.store import TrialState
from paretree.spaces import Configuration, Space
from paretree.spaces.domains import Domain, Integer, Labels, Real

Search = Generator[Configuration, Values, None]
Contender = Callable[[Problem, int], Search]

POPULATION = 20
"""Of both NSGA-II: with the 50 and 100 that they come with, 100 evaluations are hardly a second generation."""


@dataclass(frozen=True)
class Evaluation:
    """One step of a run.

    Attributes:
        seconds: that the contender thought about it, of processor time.
    """

    configuration: Configuration
    values: Values
    seconds: float


def evaluate(problem: Problem, contender: Contender, seed: int) -> Iterator[Evaluation]:
    """The evaluations of a run, in order; fewer where a contender finds nothing more to try."""
    search = contender(problem, seed)
    values: Values | None = None
    for number in range(problem.evaluations):
        began = time.process_time()
        try:
            configuration = search.send(values) if values is not None else next(search)
        except StopIteration:
            return
        seconds = time.process_time() - began
        values = problem.evaluate(configuration, derive(seed, "trial", number))
        yield Evaluation(configuration, values, seconds)


def make_contender(name: str) -> Contender:
    """A peer of that name, or the sampler of Paretree that `paretree.Sweep` knows by it.

    Raises:
        paretree.SweepError: there is none.
    """
    if name in PEERS:
        return PEERS[name]
    make_sampler(name)
    return lambda problem, seed: paretree_search(problem, seed, name)


def paretree_search(problem: Problem, seed: int, chosen: Any) -> Search:
    """A sampler of ours, by its name or itself, with one worker and nothing stored.

    What a sweep would not try is replaced as a sweep does.
    """
    sampler, space = make_sampler(chosen), problem.space
    trials = Trials(Goals.of(problem.objectives, problem.constraints, problem.known))
    while True:
        number = len(trials)
        proposals = sampler.propose(space, trials, 1, derive(seed, "propose", number))
        if not proposals:
            return
        try:
            proposal = admitted(proposals[0], space, trials, set(), derive(seed, "redraw", number))
        except ExhaustedError:
            return
        trial = KnownTrial(number, proposal.configuration, TrialState.RUNNING, proposal=proposal.to_json())
        trials.put(trial)
        values = yield proposal.configuration
        trials.put(trial.finished(trials.goals, values))


def optuna_search(problem: Problem, seed: int, make: Callable[[int], Any]) -> Search:
    """An Optuna sampler, asked for the active decisions only, parents first: define-by-run."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    study = optuna.create_study(directions=list(problem.objectives.values()), sampler=make(seed))
    goals = Goals.of(problem.objectives, problem.constraints)
    while True:
        trial = study.ask()
        values: dict[str, Any] = {}
        for slot in problem.space.slots:
            if slot.active(values):
                values[slot.path] = suggest(trial, slot.path, slot.domain)
        found = yield problem.space.configuration(values)
        for constraint, violation in zip(goals.constraints, goals.violations(found), strict=True):
            trial.set_constraint(constraint.name, violation)
        study.tell(trial, [found[name] for name in problem.objectives])


def suggest(trial: Any, path: str, domain: Domain) -> Any:
    """Ordered labels by their position, which Optuna has no other word for."""
    match domain:
        case Real(low, high, log):
            return trial.suggest_float(path, low, high, log=log)
        case Integer(low, high, log, step):
            return trial.suggest_int(path, low, high, log=log, step=step)
        case Labels(ordered=True):
            return domain.nth(trial.suggest_int(path, 0, domain.size - 1))
    return trial.suggest_categorical(path, domain.values)


def _tpe(seed: int) -> Any:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed)


def _independent_tpe(seed: int) -> Any:
    from optuna.samplers import TPESampler

    return TPESampler(multivariate=False, seed=seed)


def _gp(seed: int) -> Any:
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed)


def _nsgaii(seed: int) -> Any:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(population_size=POPULATION, seed=seed)


def _botorch(seed: int) -> Any:
    from optuna_integration import BoTorchSampler

    return BoTorchSampler(seed=seed)


def ax_search(problem: Problem, seed: int) -> Search:
    """Ax with the generation strategy it chooses itself.

    Decisions that are asked for under one label of a choice are its dependent parameters. Ax wants a tree in which each
    parameter has one place, so the copies of a `Repeat`, which are there under several numbers of it, are always asked
    for, and those that are not active are left out of what is evaluated.
    """
    from ax.api.client import Client
    from ax.utils.common.logger import set_ax_logger_levels

    set_ax_logger_levels(logging.ERROR)
    warnings.filterwarnings("ignore")
    client = Client(random_seed=seed)
    client.configure_experiment(parameters=_ax_parameters(problem.space))
    signs = {"maximize": "", "minimize": "-"}
    objective = ", ".join(signs[direction] + name for name, direction in problem.objectives.items())
    client.configure_optimization(objective, [f"{name} {bound}" for name, bound in problem.constraints.items()])
    measured = [*problem.objectives, *problem.constraints]
    while True:
        [(number, parameters)] = client.get_next_trials(max_trials=1).items()
        found = yield _from_positions(problem.space, parameters)
        client.complete_trial(trial_index=number, raw_data={name: found[name] for name in measured})


def _ax_parameters(space: Space) -> list[Any]:
    """Labels are known by their position, so that decisions of any type are values of one type."""
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    below: dict[str, dict[int, list[str]]] = {slot.path: {} for slot in space.slots}
    domains = {slot.path: slot.domain for slot in space.slots}
    for slot in space.slots:
        if len(slot.when) == 1 and len(slot.when[0].allowed) == 1:
            parent = domains[slot.when[0].path]
            position = parent.position(slot.when[0].allowed[0])
            below[slot.when[0].path].setdefault(position, []).append(slot.path)
    parameters: list[Any] = []
    for slot in space.slots:
        match slot.domain:
            case Real(low, high, log):
                scaling = "log" if log else "linear"
                parameters.append(RangeParameterConfig(slot.path, (low, high), "float", scaling=scaling))
            case Integer(low, high, log) if not below[slot.path]:
                scaling = "log" if log else "linear"
                parameters.append(RangeParameterConfig(slot.path, (low, high), "int", scaling=scaling))
            case domain:
                ordered = not isinstance(domain, Labels) or domain.ordered
                places = list(range(domain.size))
                parameters.append(ChoiceParameterConfig(slot.path, places, "int", ordered, below[slot.path] or None))
    return parameters


def _from_positions(space: Space, found: Mapping[str, Any]) -> Configuration:
    """The configuration of numbers by their value and labels by their position; what is not active is left out."""
    values: dict[str, Any] = {}
    for slot in space.slots:
        if slot.active(values):
            value = found[slot.path]
            domain = slot.domain
            values[slot.path] = domain.nth(int(value)) if isinstance(domain, Labels) else domain.nearest(value)
    return space.configuration(values)


def pymoo_search(problem: Problem, seed: int) -> Search:
    """NSGA-II of pymoo with its operators for mixed variables.

    It knows no conditions, so all decisions are asked for, and those that are not active are left out. Numbers on a
    logarithmic scale are given as their logarithm, ordered labels as their position.
    """
    import numpy as np
    from pymoo.algorithms.moo.nsga2 import NSGA2, binary_tournament
    from pymoo.core.evaluator import Evaluator
    from pymoo.core.mixed import MixedVariableDuplicateElimination, MixedVariableMating, MixedVariableSampling
    from pymoo.core.termination import NoTermination
    from pymoo.operators.selection.tournament import TournamentSelection
    from pymoo.problems.static import StaticProblem

    goals = Goals.of(problem.objectives, problem.constraints)
    outer = _pymoo_problem(problem, len(goals.constraints))
    unequal = MixedVariableDuplicateElimination()
    mating = MixedVariableMating(
        selection=TournamentSelection(func_comp=binary_tournament), eliminate_duplicates=unequal
    )
    algorithm = NSGA2(
        POPULATION, sampling=MixedVariableSampling(), mating=mating, eliminate_duplicates=unequal, seed=seed
    )
    algorithm.setup(outer, seed=seed, termination=NoTermination())
    while True:
        generation = algorithm.ask()
        losses, violations = [], []
        for individual in generation:
            found = yield _from_logarithms(problem.space, individual.X)
            losses.append(goals.losses(found))
            violations.append(goals.violations(found))
        static = StaticProblem(outer, F=np.array(losses), G=np.array(violations))
        Evaluator().eval(static, generation)
        algorithm.tell(infills=generation)


def _pymoo_problem(problem: Problem, constraints: int) -> Any:
    from pymoo.core.problem import Problem as PymooProblem

    variables = {slot.path: _pymoo_variable(slot.domain) for slot in problem.space.slots}
    return PymooProblem(vars=variables, n_obj=len(problem.objectives), n_ieq_constr=constraints)


def _pymoo_variable(domain: Domain) -> Any:
    import numpy as np
    from pymoo.core import variable

    match domain:
        case Real(low, high, log):
            return variable.Real(bounds=(np.log(low), np.log(high)) if log else (low, high))
        case Integer(low, high, log):
            return variable.Real(bounds=(np.log(low), np.log(high))) if log else variable.Integer(bounds=(low, high))
        case Labels(ordered=True):
            return variable.Integer(bounds=(0, domain.size - 1))
    return variable.Choice(options=list(range(domain.size)))


def _from_logarithms(space: Space, found: Mapping[str, Any]) -> Configuration:
    domains = {slot.path: slot.domain for slot in space.slots}
    logarithmic = {path for path, domain in domains.items() if isinstance(domain, Real | Integer) and domain.log}
    return _from_positions(
        space, {path: math.exp(value) if path in logarithmic else value for path, value in found.items()}
    )


PEERS: dict[str, Contender] = {
    "Optuna TPE": lambda problem, seed: optuna_search(problem, seed, _tpe),
    "Optuna TPE, independent": lambda problem, seed: optuna_search(problem, seed, _independent_tpe),
    "Optuna NSGA-II": lambda problem, seed: optuna_search(problem, seed, _nsgaii),
    "pymoo NSGA-II": pymoo_search,
    "Optuna GP": lambda problem, seed: optuna_search(problem, seed, _gp),
    "Ax": ax_search,
    "BoTorchSampler": lambda problem, seed: optuna_search(problem, seed, _botorch),
}
"""By name, the quick ones first. Those of Paretree go by the names that `paretree.Sweep` knows."""
