"""What is proposed before a sampler is asked, on a space with priors."""

import math

import pytest

import paretree as pt
from paretree.search import Goals, KnownTrial, Proposal, RandomSampler, Trials
from paretree.search.samplers import NAMES, Guided, make_sampler
from paretree.search.samplers.optuna import OptunaSampler
from paretree.search.samplers.qmc import QMCSampler
from paretree.search.store import TrialState
from paretree.workers import InlineWorkers

PLAIN = pt.Space(lr=pt.Float(1e-5, 1e-1, log=True), free=pt.Float(0, 1))
LR = pt.Float(1e-5, 1e-1, log=True, prior=pt.Normal(1e-3, 0.2))
BELIEVED = pt.Space(lr=LR, free=pt.Float(0, 1))
CONTROLS = {"grid", "qmc", "random:branch", "random:leaf", "optuna:qmc"}


class Recorder:
    """Draws evenly, and remembers what it was asked."""

    name, thinks = "recorder", True

    def __init__(self):
        self.asked = []

    def propose(self, space, trials, n, seed):
        self.asked.append((trials, n, seed))
        return RandomSampler("branch").propose(space, trials, n, seed)


def openings(proposals):
    return [proposal.detail.get("opening") for proposal in proposals]


def test_without_priors_the_sampler_is_asked_and_nothing_else_happens(search):
    inner, trials = Recorder(), search.trials()
    proposals = Guided(inner).propose(PLAIN, trials, 3, 7)
    assert inner.asked == [(trials, 3, 7)]
    assert openings(proposals) == [None] * 3


def test_the_most_likely_configuration_comes_first_and_then_a_hedge_and_the_rest_is_the_samplers(search):
    inner, trials = Recorder(), search.trials()
    proposals = Guided(inner).propose(BELIEVED, trials, 5, 7)
    assert openings(proposals) == ["most likely", "hedge", None, None, None]
    assert proposals[0].configuration.lr == pytest.approx(1e-3)
    [(seen, n, seed)] = inner.asked
    assert (n, seed) == (3, 7)
    assert [(one.configuration, one.state) for one in seen] == [
        (proposal.configuration, TrialState.WAITING) for proposal in proposals[:2]
    ], "the sampler does not see what is proposed before its own"
    assert len(trials) == 0, "the trials of the sweep were changed"


def test_asked_one_at_a_time_by_processes_that_know_only_the_trials_it_begins_alike(search):
    trials = search.trials()
    for seed in range(4):
        [proposal] = Guided(Recorder()).propose(BELIEVED, trials, 1, seed)
        search.add(trials, proposal.configuration, proposal)
    assert [trial.proposal["detail"].get("opening") for trial in trials] == ["most likely", "hedge", None, None]


def test_the_hedge_knows_no_prior(search):
    hedges = [Guided(Recorder()).propose(BELIEVED, search.trials(), 2, seed)[1].configuration for seed in range(200)]
    assert 80 < sum(one.lr < 1e-3 for one in hedges) < 120
    far = sum(abs(math.log(one.lr / 1e-3)) > 1 for one in hedges)
    assert far > 130, "5 standard deviations from the centre lie 78 % of the range"


@pytest.mark.parametrize(
    ("sources", "told"),
    [((None, None), "the priors"), (("Step Law", None), "Step Law"), (("Step Law", "a guess"), "Step Law and a guess")],
)
def test_the_reason_names_whoever_says_what_is_likely(search, sources, told):
    numbers = {
        name: pt.Float(0, 1, prior=pt.Normal(0.5, 0.1, source=one)) for name, one in zip("ab", sources, strict=True)
    }
    [first] = Guided(Recorder()).propose(pt.Space(numbers), search.trials(), 1, 0)
    assert (first.sampler, first.reason) == ("prior", f"the most likely configuration by {told}")


def test_what_somebody_enqueued_is_not_proposed_again(search):
    sure, trials = pt.Space(lr=LR), search.trials()
    enqueued = Proposal(sure.most_likely(0), "enqueued", "by somebody")
    search.add(trials, enqueued.configuration, enqueued)
    assert openings(Guided(Recorder()).propose(sure, trials, 3, 0)) == ["hedge", None, None]


def test_other_enqueued_trials_and_stand_ins_only_delay_it(search):
    trials = search.trials()
    for seed in range(12):
        search.add(trials, BELIEVED.sample(seed), Proposal(BELIEVED.sample(seed), "random", "a stand-in"), loss=1.0)
    assert openings(Guided(Recorder()).propose(BELIEVED, trials, 3, 0)) == ["most likely", "hedge", None]


def test_a_most_likely_configuration_that_cannot_be_tried_is_passed_over(search):
    required = BELIEVED.require(LR < 1e-4)
    assert openings(Guided(Recorder()).propose(required, search.trials(), 2, 0)) == ["hedge", None]
    trials = Trials(Goals.of({"loss": "minimize"}, {"lr": "<= 0.0001"}, {"lr": lambda configuration: configuration.lr}))
    for seed in range(3):
        [proposal] = Guided(Recorder()).propose(BELIEVED, trials, 1, seed)
        trials.put(KnownTrial(len(trials), proposal.configuration, TrialState.RUNNING, proposal=proposal.to_json()))
    assert [trial.proposal["detail"].get("opening") for trial in trials] == ["hedge", None, None]


def test_weights_alone_are_beliefs_too(search):
    space = pt.Space(op=pt.Choice("a", "b", "c", weights=(1, 5, 2)), x=pt.Float(0, 1))
    first, second = Guided(Recorder()).propose(space, search.trials(), 2, 0)
    assert first.configuration.op == "b"
    assert openings([first, second]) == ["most likely", "hedge"]


def test_it_is_called_what_its_sampler_is_called_and_thinks_as_that_does():
    assert (Guided(Recorder()).name, Guided(Recorder()).thinks) == ("recorder", True)
    assert (make_sampler("random").name, make_sampler("random").thinks) == ("random", False)
    auto = make_sampler("auto")
    assert auto.thinks
    auto.sampler.thinks = False
    assert not auto.thinks


def test_every_sampler_is_guided_but_controls_and_none_of_them_twice():
    assert {name for name in NAMES if not isinstance(make_sampler(name), Guided)} == CONTROLS
    for control in (QMCSampler("prior"), OptunaSampler("bruteforce"), RandomSampler("leaf")):
        assert make_sampler(control) is control
    guided = make_sampler(Recorder())
    assert isinstance(guided, Guided)
    assert make_sampler(guided) is guided


@pytest.mark.parametrize("name", ["auto", "bayes", "random"])
def test_no_sampler_inside_another_begins_anew(search, name, monkeypatch):
    monkeypatch.setattr("paretree.search.samplers.auto.find_spec", lambda module: None)  # TPE is quicker
    trials, sampler = search.trials(), make_sampler(name)
    for seed in range(2):
        for proposal in sampler.propose(BELIEVED, trials, 3, seed):
            search.add(trials, proposal.configuration, proposal)
    found = [trial.proposal["detail"].get("opening") for trial in trials]
    assert found == ["most likely", "hedge", None, None, None, None]
    assert [trial.configuration.lr == pytest.approx(1e-3) for trial in trials].count(True) == 1


def test_a_sweep_of_a_small_space_with_priors_is_searched_to_its_end(tmp_path):
    few = pt.Space(a=pt.Choice(one={"b": pt.Choice("x", "y", weights=(1, 999))}, two={}, weights=(999, 1)))
    sweep = pt.Sweep(
        "few", few, lambda trial: 1.0, {"loss": "minimize"}, store=str(tmp_path / "s.db"), sampler="random", seed=0
    )
    sweep.run(10, workers=InlineWorkers(), progress=False)
    frame = sweep.trials()
    assert len(frame) == few.count() == 3
    assert frame["sampler"].iloc[0] == "prior"
