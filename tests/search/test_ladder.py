"""Sweeps at several sizes, the law that follows from them, and the step up."""

import math
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest

import paretree as pt
from paretree.search import SweepError

from ..spaces.laws.twin import SEQUENCE, losses, optimum

RUNGS = [{"N": N, "D": D} for N in (20_000_000, 80_000_000) for D in (1_000_000_000, 4_000_000_000)]
LARGER = {"N": 160_000_000, "D": 8_000_000_000}


def space(law, N, D):
    return pt.Space(
        N=N,
        D=D,
        lr=pt.Float(1e-4, 1e-1, log=True, prior=law and law.learning_rate(N, D)),
        batch_size=pt.Int(4, 512, log=True, prior=law and law.batch_size(N, D, seq_len=SEQUENCE)),
    )


def train(trial):
    """The twin of a real training: a bowl around an optimum that moves with N and D, and a noise of 0.1 %."""
    config = trial.config
    (loss,) = losses(config.N, config.D, np.array([config.lr]), np.array([config.batch_size * SEQUENCE]))
    return loss * math.exp(0.001 * np.random.default_rng(trial.seed).standard_normal())


def make(tmp_path, rungs=RUNGS, space=space, **options):
    defaults = {"seq_len": SEQUENCE, "sampler": "random", "store": str(tmp_path / "s.db"), "seed": 0}
    return pt.Ladder("lm", space, train, rungs, {"loss": "minimize"}, **{**defaults, **options})


def run(ladder, trials=4):
    ladder.run(trials, pt.InlineWorkers(), progress=False)
    return ladder


def test_each_rung_is_a_sweep_named_after_its_settings(tmp_path):
    ladder = run(make(tmp_path), trials=2)
    assert [sweep.name for sweep in ladder.sweeps] == [
        "lm/N=20M,D=1G",
        "lm/N=20M,D=4G",
        "lm/N=80M,D=1G",
        "lm/N=80M,D=4G",
    ]
    assert [sweep.size() for sweep in ladder.sweeps] == [2, 2, 2, 2]


def test_settings_that_are_no_numbers_name_a_sweep_as_they_are(tmp_path):
    name = make(tmp_path).name_of({"optimizer": "adamw", "tied": True, "dropout": 0.125, "width": 98_304, "small": 640})
    assert name == "lm/optimizer=adamw,tied=True,dropout=0.125,width=98.3k,small=640"


def test_the_trials_of_all_rungs_come_in_tokens_with_their_sizes(tmp_path):
    ladder = run(make(tmp_path), trials=3)
    frame = ladder.trials()
    assert len(frame) == 12
    assert set(zip(frame["N"], frame["D"], strict=True)) == {(rung["N"], rung["D"]) for rung in RUNGS}
    first = ladder.sweeps[0].trials()
    assert frame["batch_size"][:3].tolist() == (first["batch_size"] * SEQUENCE).tolist(), "sequences, not tokens"


def test_each_rung_draws_what_no_other_rung_draws(tmp_path):
    frame = run(make(tmp_path), trials=2).trials()
    assert frame["learning_rate"].is_unique


def test_more_trials_are_added_to_those_of_an_earlier_run(tmp_path):
    first = run(make(tmp_path), trials=2).trials()
    second = run(make(tmp_path), trials=3).trials()
    assert len(second) == 12
    assert second[second["number"] < 2].reset_index(drop=True).equals(first), "earlier trials were changed"


def test_a_rung_may_be_added_later(tmp_path):
    run(make(tmp_path), trials=2)
    longer = run(make(tmp_path, [*RUNGS, LARGER]), trials=2)
    assert longer.trials()["sweep"].nunique() == 5


def test_a_ladder_that_is_killed_goes_on_with_the_same_trials(tmp_path):
    script = tmp_path / "climb.py"
    script.write_text(
        dedent(
            """
            import os, sys
            import paretree as pt

            def space(law, N, D):
                return pt.Space(N=N, D=D, lr=pt.Float(1e-4, 1e-1, log=True))

            def train(trial):
                if sys.argv[2] == "killed" and trial.config.N == 2 and trial.number == 1:
                    os.kill(os.getpid(), 9)
                return trial.config.lr

            rungs = [{"N": 1, "D": 1}, {"N": 2, "D": 1}, {"N": 2, "D": 2}]
            ladder = pt.Ladder("lm", space, train, rungs, {"loss": "minimize"}, batch_size=None, sampler="random",
                               store=sys.argv[1], seed=0)
            ladder.run(3, pt.InlineWorkers(), progress=False)
            print(ladder.trials().to_csv())
            """
        )
    )

    def climb(store, how):
        command = [sys.executable, script, str(tmp_path / store), how]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)

    whole = climb("whole.db", "whole")
    assert whole.returncode == 0, whole.stderr
    assert climb("parts.db", "killed").returncode == -9, "it was to be killed on the second rung"
    rest = climb("parts.db", "whole")
    assert rest.returncode == 0, rest.stderr
    assert rest.stdout == whole.stdout
    assert whole.stdout.count("lm/") == 9


def test_the_law_of_the_rungs_predicts_a_larger_size(tmp_path):
    ladder = run(make(tmp_path), trials=16)
    told = ladder.fit().predict(LARGER["N"], LARGER["D"])
    rate, batch = optimum(LARGER["N"], LARGER["D"])
    assert abs(math.log(told.learning_rate / rate)) < 0.5, f"{told.learning_rate} is far from {rate}"
    assert abs(math.log(told.batch_size / batch)) < 0.5, f"{told.batch_size} is far from {batch}"


def test_a_step_tries_first_what_the_law_predicts(tmp_path):
    law = pt.laws.StepLaw()
    step = make(tmp_path).step(LARGER, law)
    step.run(1, workers=pt.InlineWorkers(), progress=False)
    told, first = law.predict(LARGER["N"], LARGER["D"], seq_len=SEQUENCE), step.trials().iloc[0]
    assert first["lr"] == pytest.approx(told.learning_rate, rel=0.01)
    assert first["batch_size"] == pytest.approx(told.batch_sequences, rel=0.05)


def test_a_step_that_was_begun_keeps_its_priors_when_the_law_has_changed(tmp_path):
    def step_with(law):
        step = make(tmp_path).step(LARGER, law)
        step.run(step.size() + 1, workers=pt.InlineWorkers(), progress=False)
        return step

    begun = step_with(pt.laws.StepLaw())
    again = step_with(pt.laws.DeepSeek())
    assert again.space == begun.space
    assert again.size() == 2


def test_a_step_is_no_rung_of_the_ladder(tmp_path):
    with pytest.raises(SweepError, match=r"'lm/N=20M,D=1G' is a rung of the ladder; step to a size that is not one"):
        make(tmp_path).step(RUNGS[0], pt.laws.StepLaw())


def test_two_rungs_make_no_ladder(tmp_path):
    with pytest.raises(SweepError, match=r"Ladder 'lm' has 2 rungs, of which no law follows; give 3 or more"):
        make(tmp_path, RUNGS[:2])


@pytest.mark.parametrize(("same", "other"), [("N", "D"), ("D", "N")])
def test_rungs_that_have_all_one_size_tell_nothing_of_it(tmp_path, same, other):
    rungs = [{same: 1_000_000, other: size} for size in (1e6, 2e6, 4e6)]
    with pytest.raises(
        SweepError, match=f"All rungs of ladder 'lm' have {same}=1M, .* give rungs with two or more {same}"
    ):
        make(tmp_path, rungs)


def test_two_rungs_of_one_name_are_refused(tmp_path):
    rungs = [*RUNGS, {"N": 20_000_001, "D": 1_000_000_000}]
    with pytest.raises(SweepError, match=r"Two rungs of the ladder are called 'lm/N=20M,D=1G'; leave one out"):
        make(tmp_path, rungs)


def test_a_space_must_name_what_a_law_is_about_before_anything_runs(tmp_path):
    with pytest.raises(
        SweepError, match=r"'lm/N=20M,D=1G' has no part 'rate'; name the one meant with learning_rate=: 'N'"
    ):
        make(tmp_path, learning_rate="rate")


def test_parts_may_have_names_of_their_own(tmp_path):
    def own(law, size, tokens):
        return pt.Space(size=size, tokens=tokens, eta=pt.Float(1e-4, 1e-1, log=True))

    rungs = [{"size": rung["N"], "tokens": rung["D"]} for rung in RUNGS]
    names = {"N": "size", "D": "tokens", "learning_rate": "eta", "batch_size": None}
    ladder = pt.Ladder(
        "own", own, lambda trial: trial.config.eta, rungs, {"loss": "minimize"}, **names, sampler="random",
        store=str(tmp_path / "s.db"),
    )  # fmt: skip
    frame = run(ladder, trials=1).trials()
    assert set(frame["N"]) == {20e6, 80e6}
    assert "batch_size" not in frame
