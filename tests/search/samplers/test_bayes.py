"""What `bayes` promises beyond the shared suite."""

import math
import random
import warnings

import numpy as np
import pytest
import torch
from botorch.acquisition.multi_objective import logei
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood

import paretree as pt
from paretree.search import Goals, KnownTrial, Trials
from paretree.search.samplers import Guided
from paretree.search.samplers.bayes import BayesSampler, SaasSampler
from paretree.search.samplers.bayes.beliefs import Beliefs
from paretree.search.samplers.bayes.fitting import fit_hyperparameters, log_posterior
from paretree.search.samplers.bayes.inputs import Inputs
from paretree.search.samplers.bayes.kernels import TreeKernel
from paretree.search.samplers.bayes.learning import learn
from paretree.search.samplers.bayes.outcomes import robust_losses, robust_violations
from paretree.search.samplers.bayes.surrogates import fit_tree_gp, posterior_mean
from paretree.search.samplers.bayes.trust import Trust
from paretree.search.store import TrialState

LINE = pt.Space(x=pt.Float(0, 1), y=pt.Float(0, 1))
TREE = pt.Space(
    op=pt.Choice(conv={"kernel": pt.Choice(3, 5, 7, ordered=True)}, pool={"size": pt.Int(2, 5)}, skip=0),
    lr=pt.Float(1e-5, 1e-1, log=True),
    optimizer=pt.Choice(adam=0, sgd={"momentum": pt.Float(0, 0.99)}),
)


def trials_of(space, goals, values, n=14, seed=0):
    """`n` random finished trials."""
    trials, draw = Trials(goals), random.Random(seed)
    for _ in range(n):
        put(trials, space.sample(draw), values)
    return trials


def put(trials, configuration, values, proposal=None):
    trial = KnownTrial(len(trials), configuration, TrialState.RUNNING, proposal=proposal or {})
    trials.put(trial)
    trials.put(trial.finished(trials.goals, values(configuration)))


def run(sampler, space, goals, values, n):
    trials = Trials(goals)
    for number in range(n):
        [proposal] = sampler.propose(space, trials, 1, number)
        put(trials, proposal.configuration, values, proposal.to_json())
    return trials


def tree_loss(configuration):
    values = configuration.values
    loss = abs(math.log10(values["lr"]) + 3) + {"conv": 0.0, "pool": 0.5, "skip": 1.0}[values["op"]]
    loss += 0.3 * abs(values.get("op=conv/kernel", 5) - 5) / 2
    return {"loss": loss + (0.2 if values["optimizer"] == "adam" else abs(values["optimizer=sgd/momentum"] - 0.9))}


def test_it_finds_the_optimum_of_a_conditional_space_where_random_search_does_not():
    goals = Goals.of({"loss": "minimize"})
    ours = run(BayesSampler(), TREE, goals, tree_loss, 40)
    chance = trials_of(TREE, goals, tree_loss, 40)
    best, lucky = (min(trial.losses[0] for trial in trials) for trials in (ours, chance))
    assert best < 0.1 < lucky


def test_the_fit_has_the_value_of_gpytorchs_own():
    encoding = TREE.encoding
    draw = random.Random(0)
    x = torch.tensor(np.array([TREE.encode(TREE.sample(draw)) for _ in range(20)]))
    y = torch.randn(20, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SingleTaskGP(x, y, covar_module=TreeKernel(encoding), outcome_transform=None)
    theirs = ExactMarginalLogLikelihood(model.likelihood, model)
    model.train()
    before = float(log_posterior(model).detach())
    assert before == pytest.approx(float(theirs(model(*model.train_inputs), model.train_targets)), rel=1e-6)
    fit_hyperparameters(model)
    assert float(log_posterior(model).detach()) > before


def test_the_kernel_is_a_covariance_and_treats_labels_as_equally_far():
    draw = random.Random(1)
    x = torch.tensor(np.array([TREE.encode(TREE.sample(draw)) for _ in range(60)]))
    kernel = TreeKernel(TREE.encoding).double()
    covariance = kernel(x).to_dense()
    assert torch.linalg.eigvalsh(covariance).min() > -1e-9
    assert torch.allclose(covariance.diagonal(), kernel(x, diag=True))
    labels = pt.Space(a=pt.Choice("p", "q", "r", "s"))
    rows = torch.tensor(np.array([labels.encode(one) for one in labels.enumerate()]))
    apart = TreeKernel(labels.encoding).double()(rows).to_dense()
    off_diagonal = apart[~torch.eye(4, dtype=torch.bool)]
    assert torch.allclose(off_diagonal, off_diagonal[0].expand_as(off_diagonal))


def test_outliers_and_failures_do_not_set_the_scale():
    losses = np.array([[1.0], [2.0], [3.0], [1e6], [math.nan], [math.inf], [-math.inf]])
    robust = robust_losses(losses)[:, 0]
    assert robust[:3].tolist() == [1.0, 2.0, 3.0]
    assert np.isfinite(robust).all()
    assert robust.max() < 10
    assert (robust[3:] == robust.max()).all()


def test_with_several_objectives_bad_losses_are_drawn_together_but_keep_their_order():
    losses = np.array([[0.0, 1000.0], [1.0, 1.0], [2.0, 0.5], [3.0, 0.4], [4.0, 0.3], [900.0, 900.0]])
    robust = robust_losses(losses)
    assert (np.argsort(robust, axis=0) == np.argsort(losses, axis=0)).all()
    assert robust[:, 0].max() < 50
    assert robust[:4].tolist() != losses[:4].tolist()
    assert robust[1:4, 0].tolist() == losses[1:4, 0].tolist()


def test_a_front_that_is_found_in_part_does_not_hide_the_rest():
    goals = Goals.of({"a": "minimize", "b": "minimize"})

    def values(one):
        return {"a": one.x, "b": 1 - one.x + one.y}

    trials = trials_of(LINE, goals, values, 20)
    for number in range(5):  # nothing but a corner of the front
        put(trials, LINE.configuration({"x": 0.01 * number, "y": 0.0}), values)
    found = [BayesSampler().propose(LINE, trials, 1, seed)[0].configuration.x for seed in range(4)]
    assert max(found) > 0.5


def test_violations_keep_their_sign_and_failures_violate():
    robust = robust_violations(np.array([[-1e-9], [5.0], [1e9], [math.nan]]))[:, 0]
    assert robust[0] <= 0
    assert (robust[1:] > 0).all()
    assert np.isfinite(robust).all()


def test_a_single_outlier_leaves_the_surrogate_as_it_was():
    goals = Goals.of({"loss": "minimize"})
    trials = trials_of(LINE, goals, lambda one: {"loss": (one.x - 0.3) ** 2 + (one.y - 0.6) ** 2}, 25)
    put(trials, LINE.configuration({"x": 0.99, "y": 0.01}), lambda _: {"loss": 1e6})
    inputs = Inputs(LINE, goals)
    learned = learn(trials, inputs, fit_tree_gp, random.Random(0))
    good, bad = (LINE.configuration({"x": x, "y": y}) for x, y in ((0.3, 0.6), (0.9, 0.1)))
    expected = posterior_mean(learned.exact.model, inputs.rows([good, bad]))[:, 0]
    assert float(expected[0] - expected[1]) > 1


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_objective_is_no_problem(value):
    trials = trials_of(TREE, Goals.of({"loss": "minimize"}), lambda _: {"loss": value})
    [proposal] = BayesSampler().propose(TREE, trials, 1, 0)
    assert TREE.contains(proposal.configuration)
    assert proposal.sampler == "bayes"


def test_nothing_but_failures_is_no_problem():
    trials = Trials(Goals.of({"loss": "minimize"}))
    for number in range(12):
        trials.put(KnownTrial(number, TREE.sample(number), TrialState.FAILED))
    assert len(BayesSampler().propose(TREE, trials, 3, 0)) == 3


def test_pending_points_are_kept_away_from():
    goals = Goals.of({"loss": "minimize"})
    trials = trials_of(LINE, goals, lambda one: {"loss": (one.x - 0.3) ** 2 + (one.y - 0.6) ** 2}, 12)
    proposals = BayesSampler().propose(LINE, trials, 8, 0)
    points = np.array([[one.configuration.x, one.configuration.y] for one in proposals])
    distances = np.abs(points[:, None] - points[None]).max(axis=-1)[~np.eye(8, dtype=bool)]
    assert distances.min() > 0.01


def test_known_objectives_are_exact_and_asked_of_few():
    asked = []

    def size(configuration):
        asked.append(configuration.key)
        return float(len(configuration.values))

    goals = Goals.of({"loss": "minimize", "size": "minimize"}, known={"size": size})
    trials = trials_of(TREE, goals, lambda one: {**tree_loss(one), "size": float(len(one.values))})
    asked.clear()
    [proposal] = BayesSampler().propose(TREE, trials, 1, 0)
    assert proposal.sampler == "bayes"
    assert len(set(asked)) < 100
    inputs = Inputs(TREE, goals)
    learned = learn(trials, inputs, fit_tree_gp, random.Random(0))
    rows = inputs.rows([trial.configuration for trial in trials])
    samples = torch.zeros(len(trials), 1, dtype=torch.float64)
    gains = learned.exact.gains(samples, rows)[:, 1]
    sizes = torch.tensor([float(len(trial.configuration.values)) for trial in trials])
    assert torch.allclose(-gains * sizes.std(correction=0) + sizes.mean(), sizes.double())


def test_a_trial_whose_known_value_cannot_be_computed_does_not_end_the_modelling():
    def size(configuration):
        if configuration.values["op"] == "skip":
            raise ValueError("nothing to count")
        return float(len(configuration.values))

    goals = Goals.of({"loss": "minimize", "size": "minimize"}, known={"size": size})
    trials, draw = Trials(goals), random.Random(3)
    for number in range(16):
        configuration = TREE.sample(draw)
        if configuration.values["op"] == "skip":
            trials.put(KnownTrial(number, configuration, TrialState.FAILED))
        else:
            put(trials, configuration, lambda one: {**tree_loss(one), "size": size(one)})
    assert any(trial.state is TrialState.FAILED for trial in trials)
    [proposal] = BayesSampler().propose(TREE, trials, 1, 0)
    assert proposal.sampler == "bayes"


def test_priors_and_pending_points_go_together():
    space = believing(0.7, 0.1)
    trials = trials_of(space, Goals.of({"loss": "minimize"}), valley)
    trials.put(KnownTrial(len(trials), space.configuration({"x": 0.7, "y": 0.4}), TrialState.RUNNING))
    assert {proposal.sampler for proposal in BayesSampler().propose(space, trials, 2, 0)} == {"bayes"}


def test_known_constraints_hold_before_training():
    goals = Goals.of({"loss": "minimize"}, {"lr": "<= 0.0001"}, known={"lr": lambda configuration: configuration.lr})
    trials = trials_of(TREE, goals, lambda one: {**tree_loss(one), "lr": one.lr}, 20)
    proposals = BayesSampler().propose(TREE, trials, 3, 0)
    assert all(proposal.configuration.lr <= 1e-4 for proposal in proposals)


def test_measured_constraints_are_learned():
    goals = Goals.of({"loss": "minimize"}, {"heat": "<= 0.5"})
    trials = run(BayesSampler(), LINE, goals, lambda one: {"loss": -one.x, "heat": one.x + 0.1 * one.y}, 18)
    feasible = [trial.configuration.x for trial in trials if trial.violations[0] <= 0]
    assert max(feasible) > 0.45


def test_when_nothing_is_feasible_yet_it_looks_for_what_is():
    goals = Goals.of({"loss": "minimize"}, {"heat": "<= 0.05"})
    trials = run(BayesSampler(), LINE, goals, lambda one: {"loss": -one.x, "heat": abs(one.x - 0.77)}, 20)
    assert any(trial.violations[0] <= 0 for trial in trials)


def believing(center, spread):
    return pt.Space(x=pt.Float(0, 1, prior=pt.Normal(center, spread)), y=pt.Float(0, 1))


def valley(configuration):
    return {"loss": (configuration.x - 0.7) ** 2 + (configuration.y - 0.4) ** 2}


BELIEVED = Goals.of({"loss": "minimize"})


def known(space, points):
    """Finished trials at these (x, y), with the valley's loss."""
    trials = Trials(BELIEVED)
    for x, y in points:
        put(trials, space.configuration({"x": x, "y": y}), valley)
    return trials


def test_the_first_design_lies_around_the_centre_of_a_prior():
    space = believing(0.7, 0.01)
    points = [proposal.configuration.x for proposal in BayesSampler().propose(space, Trials(BELIEVED), 4, 0)]
    assert max(abs(x - 0.7) for x in points) < 0.2, points


def test_small_spaces_are_modelled_after_fewer_trials():
    line, many = pt.Space(x=pt.Float(0, 1)), pt.Space({f"x{number}": pt.Float(0, 1) for number in range(9)})
    assert [BayesSampler()._first_trials(space) for space in (line, LINE, many)] == [4, 4, 8]
    assert BayesSampler(initial=11)._first_trials(LINE) == 11


def test_an_honest_prior_pays_at_once_and_a_wrong_one_is_overcome():
    honest = run(Guided(BayesSampler()), believing(0.7, 0.1), BELIEVED, valley, 12)
    assert min(trial.losses[0] for trial in honest) < 0.002
    wrong = run(Guided(BayesSampler()), believing(0.05, 0.05), BELIEVED, valley, 25)
    assert min(trial.losses[0] for trial in wrong) < 0.002


def test_a_hedge_that_does_better_far_away_ends_a_prior_at_the_third_trial_and_the_design_is_even_again():
    space = believing(0.05, 0.02)
    trials = known(space, [(0.05, 0.5), (0.8, 0.5)])
    proposals = BayesSampler(initial=12).propose(space, trials, 8, 0)
    assert all("prior rejected: the best trial is far from that of 'x'" in one.reason for one in proposals)
    assert all(one.detail["prior"] == "rejected" for one in proposals)
    assert max(one.configuration.x for one in proposals) > 0.5


def test_a_hedge_alone_speaks_against_no_prior():
    space = believing(0.05, 0.02)
    [proposal] = BayesSampler().propose(space, known(space, [(0.8, 0.5)]), 1, 0)
    assert "rejected" not in proposal.reason
    assert "prior" not in proposal.detail


def test_a_failed_favourite_speaks_against_its_prior():
    space = believing(0.05, 0.02)
    trials = known(space, [(0.8, 0.5)])
    trials.put(KnownTrial(1, space.configuration({"x": 0.05, "y": 0.5}), TrialState.FAILED))
    assert Trust(space, trials).rejected == ["x"]


def test_a_prior_is_asked_again_when_the_best_trial_is_back_near_its_centre():
    space = believing(0.7, 0.02)
    points = [(0.7, 0.9), (0.3, 0.4)]
    assert Trust(space, known(space, points)).rejected == ["x"]
    assert Trust(space, known(space, [*points, (0.71, 0.4)])).rejected == []


def test_only_the_prior_that_trials_speak_against_is_rejected():
    space = pt.Space(x=pt.Float(0, 1, prior=pt.Normal(0.1, 0.02)), y=pt.Float(0, 1, prior=pt.Normal(0.4, 0.1)))
    trust = Trust(space, known(space, [(0.1, 0.4), (0.7, 0.4)]))
    assert trust.rejected == ["x"]
    assert [columns.slot.path for columns in trust.beliefs.numbers] == ["y"]


def test_the_tails_of_a_prior_say_how_far_is_too_far():
    def rejected(prior):
        space = pt.Space(x=pt.Float(0, 1, prior=prior), y=pt.Float(0, 1))
        return Trust(space, known(space, [(0.2, 0.4), (0.6, 0.4)])).rejected

    assert rejected(pt.Normal(0.2, 0.1)) == ["x"], "four standard deviations"
    assert rejected(pt.StudentT(0.2, 0.1)) == [], "four spreads, beyond which 3 % of the belief lie"
    assert rejected(pt.StudentT(0.2, 0.06)) == ["x"], "seven spreads"


def test_a_whole_front_must_be_far_from_a_prior():
    space, goals = believing(0.1, 0.02), Goals.of({"a": "minimize", "b": "minimize"})
    trials = Trials(goals)
    put(trials, space.configuration({"x": 0.1, "y": 0.5}), lambda _: {"a": 0.0, "b": 1.0})
    put(trials, space.configuration({"x": 0.9, "y": 0.5}), lambda _: {"a": 1.0, "b": 0.0})
    assert Trust(space, trials).rejected == []
    put(trials, space.configuration({"x": 0.8, "y": 0.5}), lambda _: {"a": -1.0, "b": -1.0})
    assert Trust(space, trials).rejected == ["x"]


def test_a_rejected_prior_is_logged_once(caplog):
    space, sampler = believing(0.05, 0.02), BayesSampler(initial=9)
    trials = known(space, [(0.05, 0.5), (0.8, 0.5)])
    for seed in range(3):
        sampler.propose(space, trials, 1, seed)
    assert caplog.text.count("the prior of 'x' is not asked") == 1


def test_the_weight_of_a_prior_decays_with_trials_also_those_under_way():
    space = believing(0.7, 0.5)
    few, many = (Trust(space, trials_of(space, BELIEVED, valley, n)) for n in (2, 20))
    assert few.weight() == pytest.approx(10 * many.weight())
    assert many.weight(20) == pytest.approx(many.weight() / 2)


def density(space, *values):
    """What is believed about configurations with these decisions."""
    configurations = [space.configuration(one) for one in values]
    return Beliefs(space).about(configurations).log_density(Inputs(space, BELIEVED).rows(configurations)).tolist()


def test_weights_of_labels_are_a_prior_too():
    space = pt.Space(kind=pt.Choice("a", "b", "c", weights=(8, 1, 1)), x=pt.Float(0, 1))
    likely, unlikely = density(space, {"kind": "a", "x": 0.5}, {"kind": "b", "x": 0.5})
    assert likely - unlikely == pytest.approx(math.log(8))


def test_the_centre_of_a_prior_follows_other_decisions_and_options_have_priors_too():
    batch = pt.share("batch", pt.Choice(64, 128, 256, ordered=True, prior=pt.StudentT(128, 0.3)))
    space = pt.Space(batch=batch, lr=pt.Float(1e-4, 1e-1, log=True, prior=pt.StudentT(1e-4 * batch, 0.2)))
    asked = [(128, 0.0128), (128, 0.0256), (256, 0.0256), (256, 0.0128)]
    likely, off, other, off_again = density(space, *({"batch": size, "lr": rate} for size, rate in asked))
    assert likely > off
    assert other > off_again
    assert likely > other, "128 is believed in more than 256"


def test_a_prior_that_follows_other_decisions_is_asked_and_rejected_by_each_trials_own_centre():
    space = pt.Space(x=(x := pt.Float(0, 1)), y=pt.Float(0, 1, prior=pt.Normal(1 - x, 0.02)))
    near = known(space, [(0.7, 0.3), (0.7, 0.31), (0.6, 0.4)])
    assert Trust(space, near).rejected == []
    assert Trust(space, known(space, [(0.7, 0.3), (0.7, 0.4)])).rejected == ["y"]
    [proposal] = BayesSampler(initial=3).propose(space, near, 1, 0)
    assert abs(proposal.configuration.y - (1 - proposal.configuration.x)) < 0.2


def test_cheap_trials_come_first_where_costs_are_known():
    goals = Goals.of({"loss": "minimize"})
    trials = trials_of(LINE, goals, lambda one: {"loss": (one.y - 0.4) ** 2}, 10)
    thrifty = BayesSampler(cost=lambda one: math.exp(8 * one.x)).propose(LINE, trials, 4, 0)
    assert np.mean([one.configuration.x for one in thrifty]) < 0.25


def test_a_fit_that_fails_is_answered_by_another_sampler_and_logged(caplog, monkeypatch):
    def broken(x, y, encoding):
        raise torch.linalg.LinAlgError("the matrix is not positive definite")

    monkeypatch.setattr(BayesSampler, "fit", property(lambda self: broken))
    trials = trials_of(TREE, Goals.of({"loss": "minimize"}), tree_loss)
    [proposal] = BayesSampler().propose(TREE, trials, 1, 0)
    assert proposal.sampler == "optuna:tpe"
    assert "not positive definite" in caplog.text


def test_of_many_trials_the_best_and_the_latest_are_modelled(monkeypatch):
    monkeypatch.setattr("paretree.search.samplers.bayes.learning.MODELLED", 20)
    trials = trials_of(LINE, Goals.of({"loss": "minimize"}), valley, 60)
    inputs = Inputs(LINE, trials.goals)
    learned = learn(trials, inputs, fit_tree_gp, random.Random(0))
    assert len(learned.exact.x) == 20
    rows = inputs.rows([trials[-1].configuration, min(trials, key=lambda trial: trial.losses).configuration])
    assert all((learned.exact.x == row).all(dim=1).any() for row in rows)


def test_inactive_decisions_are_canonical_to_the_surrogate():
    values = {"op": "skip", "lr": 0.01, "optimizer": "adam"}
    rows = Inputs(TREE, Goals.of({"loss": "minimize"})).rows([TREE.configuration(values)])
    momentum = next(one for one in TREE.encoding.columns if one.slot.path.endswith("momentum"))
    assert float(rows[0, momentum.start]) == 0.5


def test_nothing_is_compiled_in_the_users_home():
    assert logei._load_attempted
    assert logei._C is None


def test_global_settings_of_torch_are_left_as_they_were():
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    five = Goals.of(dict.fromkeys("abcde", "minimize"))
    trials = trials_of(LINE, five, lambda one: {name: one.x * index for index, name in enumerate("abcde")})
    BayesSampler().propose(LINE, trials, 1, 0)
    assert torch.get_num_threads() == threads
    assert torch.get_default_dtype() is torch.float32
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("objectives", [1, 2])
def test_saas_models_without_numpyro(objectives):
    goals = Goals.of(dict(list({"loss": "minimize", "size": "minimize"}.items())[:objectives]))
    trials = trials_of(TREE, goals, lambda one: {**tree_loss(one), "size": float(len(one.values))})
    [proposal] = SaasSampler(initial=5, nuts=False).propose(TREE, trials, 1, 0)
    assert proposal.sampler == "saas"
    assert TREE.contains(proposal.configuration)


@pytest.mark.slow
def test_saas_samples_hyperparameters_and_repeats_itself():
    goals = Goals.of({"loss": "minimize", "size": "minimize"}, known={"size": lambda one: float(len(one.values))})
    trials = trials_of(TREE, goals, lambda one: {**tree_loss(one), "size": float(len(one.values))})
    first, again = (SaasSampler(initial=5, nuts=True).propose(TREE, trials, 1, 0)[0] for _ in range(2))
    assert first.sampler == "saas"
    assert first.configuration == again.configuration


def test_saas_ignores_columns_that_do_not_matter():
    wide = pt.Space({f"x{number}": pt.Float(0, 1) for number in range(12)})
    goals = Goals.of({"loss": "minimize"})
    trials = trials_of(wide, goals, lambda one: {"loss": math.sin(5 * one.x3)}, 30)
    sampler = SaasSampler(initial=5, nuts=False)
    inputs = Inputs(wide, goals)
    learned = learn(trials, inputs, sampler.fit, random.Random(0))
    held_out = [wide.sample(seed) for seed in range(1000, 1100)]
    expected = posterior_mean(learned.exact.model, inputs.rows(held_out))[:, 0].numpy()
    true = [-math.sin(5 * one.x3) for one in held_out]
    assert np.corrcoef(expected, true)[0, 1] > 0.9
