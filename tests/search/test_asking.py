"""When and how a sampler is asked, and what happens where it is slow, hangs or fails."""

import random
import threading

import pytest

import paretree as pt
from paretree.search import Goals, KnownTrial, Proposal, Trials
from paretree.search.asking import Asking
from paretree.search.store import TrialState

SPACE = pt.Space(x=pt.Float(0, 1))
PATIENCE = 30.0  # seconds; a guard against hanging, not an expectation


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Sampler:
    """Draws at random, remembers its asks, and lets a test decide how long it thinks, and whether it fails."""

    name = "watched"

    def __init__(self, clock=None, seconds=0.0, thinks=False, fails=lambda ask: None, hangs=lambda ask: False):
        self.clock, self.seconds, self.thinks, self.fails, self.hangs = clock, seconds, thinks, fails, hangs
        self.sizes, self.seen, self.threads, self.go_on = [], [], [], threading.Event()

    def propose(self, space, trials, n, seed):
        ask = len(self.sizes)
        self.sizes.append(n)
        self.seen.append(trials)
        self.threads.append(threading.current_thread())
        if self.clock:
            self.clock.now += self.seconds * n
        if self.hangs(ask):
            assert self.go_on.wait(PATIENCE)
        if (error := self.fails(ask)) is not None:
            raise error
        draw = random.Random(seed)
        return [Proposal(space.sample(draw), self.name, "drawn") for _ in range(n)]


@pytest.fixture
def make():
    """A function that makes an `Asking` of a sampler, closed at the end of the test."""
    made = []

    def make(sampler, clock=None, goals=None, space=SPACE, **options):
        trials = Trials(goals or Goals.of({"loss": "minimize"}))
        made.append(Asking(space, trials, sampler, 0, clock or Clock(), **options))
        return made[-1]

    yield make
    for asking in made:
        if hasattr(asking.sampler, "go_on"):
            asking.sampler.go_on.set()
        asking.close()


def take(asking, n):
    """`n` new trials, known from now on, as the controller takes them."""
    taken = []
    while len(taken) < n and asking.exhausted is None:
        new = asking.take(n - len(taken))
        for trial in new:
            asking.trials.put(trial)
        taken += new
        asking.wait(PATIENCE)
    return taken


def finish(asking, number):
    asking.trials.put(asking.trials[number].finished(asking.trials.goals, {"loss": 1.0}))


def proposers(trials):
    return [trial.proposal["sampler"] for trial in trials]


def test_a_quick_sampler_is_asked_directly_from_its_second_ask_on(make):
    asking = make(sampler := Sampler())
    assert asking.thinks
    for _ in range(3):
        take(asking, 1)
    assert not asking.thinks
    assert [thread is threading.current_thread() for thread in sampler.threads] == [False, True, True]
    assert sampler.seen[1] is asking.trials, "a quick sampler needs no snapshot"


def test_a_sampler_whose_last_answer_was_slow_is_asked_in_a_thread(make):
    clock = Clock()
    asking = make(sampler := Sampler(clock), clock)
    for sampler.seconds in (0.0, 0.2, 0.0, 0.0):
        take(asking, 2)
    here = threading.current_thread()
    assert [thread is here for thread in sampler.threads] == [False, True, False, True]


def test_a_sampler_that_says_it_thinks_is_never_asked_directly_and_sees_snapshots_of_one_sweep(make):
    asking = make(sampler := Sampler(thinks=True))
    for _ in range(3):
        take(asking, 1)
    assert len(set(sampler.threads)) == 1
    assert sampler.threads[0] is not threading.current_thread()
    assert [len(trials) for trials in sampler.seen] == [0, 1, 2]
    assert {trials.sweep for trials in sampler.seen} == {asking.trials.sweep}


def test_nothing_is_asked_ahead_of_a_quick_sampler(make):
    asking = make(sampler := Sampler())
    take(asking, 1)
    asking.think_ahead(8)
    asking.wait(PATIENCE)
    assert sampler.sizes == [1]


def test_what_was_thought_of_ahead_is_there_when_it_is_wanted(make):
    asking = make(sampler := Sampler(thinks=True))
    take(asking, 2)
    asking.think_ahead(8)
    asking.wait(PATIENCE)
    assert [len(trials) for trials in sampler.seen] == [0, 2], "it did not know of the trials that run"
    sampler.hangs = lambda ask: True
    assert len(asking.take(2)) == 2
    assert sampler.sizes == [2, 2], "as many ahead as were taken since the last ask"


def test_no_more_is_asked_ahead_than_there_may_be(make):
    asking = make(sampler := Sampler(thinks=True))
    take(asking, 4)
    for most in (0, 3):
        asking.think_ahead(most)
        asking.wait(PATIENCE)
    assert sampler.sizes == [4, 3]


def test_what_was_thought_of_ahead_is_replaced_once_more_is_known(make):
    asking = make(sampler := Sampler(thinks=True))
    take(asking, 1)
    for _ in range(2):  # the second time nothing is new
        asking.think_ahead(1)
        asking.wait(PATIENCE)
    assert len(sampler.sizes) == 2
    finish(asking, 0)
    asking.think_ahead(1)
    asking.wait(PATIENCE)
    assert [trials.ended for trials in sampler.seen] == [0, 0, 1]
    take(asking, 1)
    assert len(sampler.sizes) == 3


def test_what_was_thought_of_ahead_is_used_while_the_sampler_thinks_of_something_better(make):
    asking = make(sampler := Sampler(thinks=True))
    take(asking, 1)
    asking.think_ahead(1)
    asking.wait(PATIENCE)
    finish(asking, 0)
    sampler.hangs = lambda ask: True
    asking.think_ahead(1)
    assert proposers(asking.take(1)) == ["watched"]


def test_random_draws_stand_in_for_a_sampler_that_hangs_and_its_late_answer_is_tried_later(make, caplog):
    clock = Clock()
    asking = make(sampler := Sampler(thinks=True, hangs=lambda ask: ask == 1), clock, timeout=60.0)
    take(asking, 1)
    assert asking.take(1) == []
    clock.now += 60.0
    assert asking.take(1) == [], "not before its time is over"
    clock.now += 0.1
    drawn = take_now(asking, 3)
    assert [trial.proposal["reason"] for trial in drawn] == ["watched thought for over 60 s"] * 3
    assert proposers(drawn) == ["random"] * 3
    warned = [record.message for record in caplog.records]
    assert warned == ["sampler watched thought for over 60 s, and random draws stand in for it until it answers"]

    sampler.go_on.set()
    asking.wait(PATIENCE)
    [late] = take_now(asking, 1)
    assert proposers([late]) == ["watched"]
    assert len(sampler.sizes) == 2
    take(asking, 1)
    assert [len(trials) for trials in sampler.seen] == [0, 1, 5]


def take_now(asking, n):
    """`n` trials, one by one, without waiting for any."""
    taken = []
    for _ in range(n):
        new = asking.take(1)
        for trial in new:
            asking.trials.put(trial)
        taken += new
    return taken


@pytest.mark.parametrize("thinks", [False, True])
def test_random_draws_stand_in_for_a_sampler_that_raises(make, caplog, thinks):
    asking = make(Sampler(thinks=thinks, fails=lambda ask: ValueError("a\nb") if ask in (1, 2, 4, 5) else None))
    taken = take(asking, 2)
    for _ in range(6):
        taken += take(asking, 1)
    random_ones = [trial for trial in taken if trial.proposal["sampler"] == "random"]
    assert [trial.number for trial in random_ones] == [2, 3, 5, 6]
    assert {trial.proposal["reason"] for trial in random_ones} == {"watched failed: ValueError: a"}
    messages = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert messages == ["sampler watched failed, and random draws stand in for it: ValueError: a"] * 4
    assert len({trial.configuration.key for trial in taken}) == 8


@pytest.mark.parametrize("thinks", [False, True])
def test_a_sampler_that_raises_three_times_in_a_row_stops_the_sweep(make, thinks):
    asking = make(Sampler(thinks=thinks, fails=lambda ask: ZeroDivisionError("no") if ask > 0 else None))
    with pytest.raises(pt.SweepError) as error:
        take(asking, 1), take(asking, 1), take(asking, 1), take(asking, 1)
    assert str(error.value) == (
        "The sweep stopped because its sampler watched failed 3 times in a row; the last: ZeroDivisionError: no."
    )
    assert len(asking.trials) == 3


def test_a_sweep_error_of_a_sampler_stops_the_sweep_at_once(make):
    asking = make(Sampler(fails=lambda ask: pt.SweepError("Leaves cannot be counted; give the Float a step.")))
    with pytest.raises(pt.SweepError, match=r"^Leaves cannot be counted; give the Float a step\.$"):
        take(asking, 1)


def test_what_is_no_list_of_proposals_counts_as_a_failure(make):
    sampler = Sampler()
    sampler.propose = lambda space, trials, n, seed: None
    assert proposers(take(make(sampler), 1)) == ["random"]


def test_repeated_proposals_are_replaced_by_new_draws(make):
    sampler = Sampler()
    sampler.propose = lambda space, trials, n, seed: [Proposal(space.sample(0), "watched", "always the same")] * n
    taken = take(make(sampler), 3)
    assert [trial.proposal["reason"] for trial in taken[1:]] == [
        "in place of one of watched that was tried already"
    ] * 2
    assert len({trial.configuration.key for trial in taken}) == 3


def test_a_sampler_that_proposes_more_than_was_wanted_is_cut_short(make):
    sampler = Sampler()
    propose = sampler.propose
    sampler.propose = lambda space, trials, n, seed: propose(space, trials, n + 2, seed)
    asking = make(sampler)
    for _ in range(3):
        take(asking, 1)
    assert len(sampler.sizes) == 3


@pytest.mark.parametrize("thinks", [False, True])
def test_a_sampler_that_has_nothing_left_ends_the_search_after_its_last_proposals(make, thinks):
    sampler = Sampler(thinks=thinks)
    propose = sampler.propose
    sampler.propose = lambda space, trials, n, seed: propose(space, trials, min(n, 5 - len(trials)), seed)
    asking = make(sampler)
    assert len(take(asking, 3) + take(asking, 3)) == 5
    assert asking.exhausted == "the space is searched"
    asking.think_ahead(4)
    assert asking.take(1) == []
    assert len(sampler.sizes) == 2


def test_a_finite_space_is_searched_to_its_end(make):
    asking = make(Sampler(), space=pt.Space(a=pt.Choice(1, 2, 3), b=pt.Choice(1, 2, 3)))
    assert len(take(asking, 50)) == 9
    assert asking.exhausted == "the space is searched"


SMALL = Goals.of({"loss": "minimize"}, {"size": "<= 0.25"}, {"size": lambda configuration: configuration.x})


def test_nothing_that_breaks_a_known_constraint_is_tried(make):
    taken = take(make(Sampler(), goals=SMALL), 30)
    assert all(trial.configuration.x <= 0.25 for trial in taken)
    replaced = [trial.proposal["reason"] for trial in taken if trial.proposal["sampler"] == "random"]
    assert set(replaced) == {"in place of one of watched that breaks a known constraint"}


def test_a_known_constraint_that_nothing_keeps_ends_the_search_and_says_so(make):
    goals = Goals.of({"loss": "minimize"}, {"size": "<= -1"}, {"size": lambda configuration: configuration.x})
    asking = make(Sampler(), goals=goals)
    assert take(asking, 3) == []
    assert asking.exhausted == "1000 draws found nothing new that keeps the known constraints"


def test_a_snapshot_stays_as_it_was_and_knows_whose_it_is():
    trials = Trials(Goals.of({"loss": "minimize"}))
    trials.put(KnownTrial(0, SPACE.sample(0), TrialState.RUNNING))
    snapshot = trials.snapshot()
    trials.put(trials[0].finished(trials.goals, {"loss": 1.0}))
    trials.put(KnownTrial(1, SPACE.sample(1), TrialState.RUNNING))
    assert (len(snapshot), snapshot.ended, snapshot[0].state) == (1, 0, TrialState.RUNNING)
    assert (len(trials), trials.ended) == (2, 1)
    assert snapshot.same_as(SPACE.sample(1)) is None
    assert snapshot.sweep is trials.sweep is snapshot.snapshot().sweep
    assert snapshot.sweep is not Trials(trials.goals).sweep
