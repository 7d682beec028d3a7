"""Regularised evolution and NSGA-II."""

import math

import numpy as np
import pytest

import paretree as pt
from paretree.search.samplers import make_sampler
from paretree.search.samplers.evolution import EvolutionSampler
from paretree.search.samplers.nsga import crowding, survivors
from paretree.search.samplers.outcomes import Outcomes
from paretree.search.store import TrialState

LINE = pt.Space(x=pt.Float(0, 1), op=pt.Choice("a", "b"))


def children(trials):
    return [trial for trial in trials if trial.proposal["detail"].get("parents")]


@pytest.mark.parametrize(("problem", "share"), [("edges", 0.6), ("conditional", 0.75)])
def test_it_finds_much_better_than_random_search(search, problem, share):
    n, seeds = 100, 8
    assert search.mean_best("evolution", problem, n, seeds) < share * search.mean_best("random", problem, n, seeds)


def test_a_child_differs_from_its_parent_in_a_single_decision_and_what_hangs_on_it(search):
    trials = search.run("evolution", search.conditional, lambda values: float(len(values)), 80)
    assert len(children(trials)) == 60
    for child in children(trials):
        [parent] = child.proposal["detail"]["parents"]
        both = set(child.configuration.values) & set(trials[parent].configuration.values)
        changed = [path for path in both if child.configuration[path] != trials[parent].configuration[path]]
        assert len(changed) == 1, changed


def test_the_old_die_however_good_they_are(search):
    trials = search.run(EvolutionSampler(5, 5), LINE, lambda values: 0.0, 5)
    search.add(trials, LINE.sample(99), loss=-100.0)
    search.run(EvolutionSampler(5, 5), LINE, lambda values: values["x"], 20, trials=trials)
    for child in trials[6:]:
        assert child.number - child.proposal["detail"]["parents"][0] <= 5
    assert any(child.proposal["detail"]["parents"] == [5] for child in trials[6:])


def test_generations_are_counted_through_stored_proposals(search):
    trials = search.run("evolution", LINE, lambda values: values["x"], 60)
    for child in children(trials):
        parents = [trials[number] for number in child.proposal["detail"]["parents"]]
        assert child.proposal["detail"]["generation"] == 1 + parents[0].proposal["detail"]["generation"]


@pytest.mark.parametrize("objectives", [["loss"], ["loss", "cost"]])
def test_failed_and_running_trials_never_breed(search, objectives):
    trials = search.trials(objectives)
    for number in range(40):
        values = {"loss": number / 40, "cost": -number / 40} if number % 4 == 0 else {}
        state = TrialState.FAILED if number % 4 == 1 else TrialState.RUNNING
        search.add(trials, LINE.sample(number), state=state, **values)
    for proposal in make_sampler("evolution").propose(LINE, trials, 20, seed=0):
        assert all(number % 4 == 0 for number in proposal.detail["parents"])


def test_where_all_failed_it_draws_at_random(search):
    trials = search.trials()
    for number in range(30):
        search.add(trials, LINE.sample(number), state=TrialState.FAILED)
    [proposal] = make_sampler("evolution").propose(LINE, trials, 1, seed=0)
    assert proposal.detail == {"generation": 0}


@pytest.mark.parametrize("objectives", [["loss"], ["loss", "cost"]])
def test_constraints_come_before_losses(search, objectives):
    trials = search.trials(objectives, {"size": "<= 0.3"})

    def values(found):
        return {"loss": -found["x"], "cost": found["x"] ** 2, "size": found["x"]}

    search.run("evolution", LINE, values, 80, trials=trials)
    parents = {number for child in trials[60:] for number in child.proposal["detail"]["parents"]}
    assert all(trials[number].configuration.x <= 0.3 for number in parents)


def test_no_configuration_is_bred_twice(search):
    space = pt.Space(**{f"x{i}": pt.Choice(0, 1) for i in range(7)})
    trials = search.run("evolution", space, lambda values: sum(values.values()), 100, together=4)
    assert len({trial.configuration.key for trial in trials}) == 100


def test_a_space_with_nothing_to_change_has_one_individual(search):
    trials = search.run("evolution", pt.Space(op=pt.Choice("only")), lambda values: 0.0, 25)
    assert len({trial.configuration.key for trial in trials}) == 1


def test_nsga_approaches_and_spreads_over_the_front(search):
    space = pt.Space(**{f"x{i}": pt.Float(0, 1) for i in range(4)})

    def values(found):
        """ZDT1 with four variables: the front is where all but the first are 0."""
        first, *rest = found.values()
        g = 1 + 3 * sum(rest)
        return {"a": first, "b": g * (1 - math.sqrt(first / g))}

    def distance(name, seed):
        trials = search.run(name, space, values, 150, seed, trials=search.trials(["a", "b"]))
        return sum(sum(list(trial.configuration.values.values())[1:]) for trial in trials[100:]) / 50, trials

    for seed in range(3):
        evolved, trials = distance("evolution", seed)
        assert evolved < 0.5 * distance("random", seed)[0]
        firsts = [trial.configuration.x0 for trial in trials[100:]]
        assert min(firsts) < 0.15
        assert max(firsts) > 0.6


def test_crowding_is_that_of_the_paper():
    front = np.array([[0.0, 1.0], [0.2, 0.6], [1.0, 0.0], [0.5, 0.5]])
    assert list(crowding(front)) == pytest.approx([math.inf, 0.5 + 0.5, math.inf, 0.8 + 0.6])


def test_survivors_come_front_by_front_and_what_breaks_constraints_last(search):
    points = [(0, 3, 0), (3, 0, 0), (1, 1, 0), (2, 2, 0), (0, 0, 2), (0, 0, 1), (math.nan, 0, 0)]
    trials = search.trials(["a", "b"], {"c": "<= 0"})
    for seed, point in enumerate(points):
        search.add(trials, LINE.sample(seed), **dict(zip("abc", map(float, point), strict=True)))
    found = survivors(Outcomes.of(trials, trials.goals), 10)
    assert [(one.trial.number, one.rank) for one in found] == [(0, 0), (1, 0), (2, 0), (3, 1), (5, 2), (4, 3)]
    assert len(survivors(Outcomes.of(trials, trials.goals), 2)) == 2


def test_a_population_or_tournament_of_nothing_is_refused():
    with pytest.raises(pt.SweepError, match="cannot have a population of 20 and tournaments of 0; give 1 or more"):
        EvolutionSampler(tournament=0)
