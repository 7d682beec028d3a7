"""Scaling laws from the command line."""

from __future__ import annotations

import json
import math
import re

import pytest

import paretree as pt
from paretree.cli import app
from paretree.cli.amounts import amount_of, pair_of
from paretree.search import RandomSampler
from paretree.spaces.laws import LossLaw, ScalingLaw, StepLaw
from paretree.workers import InlineWorkers

from .conftest import Paretree

SEQUENCE = 256
"""Tokens."""


def best(N, D):
    """The learning rate and the batch size (tokens) that the made-up trainings like best."""
    return 15.2 * N**-0.714 * D**0.218, 0.354 * D**0.588


def train(trial):
    config = trial.config
    rate, batch = best(config.N, config.D)
    off = math.log(config.lr / rate), math.log(config.batch_size * SEQUENCE / batch)
    bowl = 0.0063 * off[0] ** 2 - 0.005 * off[0] * off[1] + 0.0061 * off[1] ** 2
    return {"loss": (1.8 + 480 / config.N**0.35 + 2100 / config.D**0.37) * math.exp(bowl)}


def space_of(N, D):
    return pt.Space(N=N, D=D, lr=pt.Float(1e-4, 1e-1, log=True), batch_size=pt.Int(8, 4096, log=True))


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """The command line in a folder whose store holds six sweeps "lm/..." at other N and D, of 16 random trials."""
    command = Paretree(tmp_path_factory.mktemp("family"))
    store = str(command.folder / "paretree.db")
    for N in (2e7, 6e7, 2e8):
        for D in (20 * N, 80 * N):
            sweep = pt.Sweep(
                f"lm/{N:g},{D:g}",
                space_of(N, D),
                train,
                {"loss": "minimize"},
                sampler=RandomSampler(),
                store=store,
                seed=int(N),
            )
            sweep.run(16, workers=InlineWorkers(), progress=False)
    return command


@pytest.mark.parametrize(
    ("text", "value"),
    [("215M", 215e6), ("1.4T", 1.4e12), ("20b", 2e10), ("98k", 98e3), ("1e9", 1e9), ("2_000", 2000), (" 7B ", 7e9)],
)
def test_numbers_are_read_as_people_write_them(text, value):
    assert amount_of("--N", text) == value


@pytest.mark.parametrize("text", ["", "M", "many", "-3M", "0", "nan", "inf", "3 M B"])
def test_what_is_no_positive_number_is_refused(text):
    with pytest.raises(pt.ParetreeError, match=r"--N .* is no positive number; write it as 215M, 20B, 1.4T or 1e9"):
        amount_of("--N", text)


def test_pairs_have_a_comma_between_them():
    assert pair_of("--at", "1B,20B") == (1e9, 2e10)
    with pytest.raises(pt.ParetreeError, match="--at '1B' is no pair of N and D; write it as 1B,20B"):
        pair_of("--at", "1B")


def test_a_published_law_predicts_with_intervals_in_tokens_and_sequences(searched):
    asked = ("law", "predict", "--N", "429M", "--D", "40B", "--seq-len", 2048)
    told = searched(*asked)
    assert told.returncode == 0, told.stderr
    assert "0.00225" in told.stdout, told.stdout
    assert "batch size (sequences of 2048)   321" in told.stdout, told.stdout
    assert "Expected loss above the best: 0.38 %" in told.stdout, told.stdout
    assert told.stderr == "", "nothing is wrong with this"
    data = searched.json(*asked)
    law = StepLaw().predict(429e6, 40e9, seq_len=2048)
    assert data["learning_rate"] == law.learning_rate
    assert data["batch_sequences_interval"] == list(law.batch_sequences_interval)


def test_the_shape_of_a_model_stands_for_its_size(searched):
    shape = ("--hidden", 1280, "--ffn", 9472, "--layers", 10)
    told = searched("law", "predict", *shape, "--D", "40B", "--json")
    assert json.loads(told.stdout)["N"] == 10 * (4 * 1280**2 + 3 * 1280 * 9472)
    assert "note: N = 429M" in told.stderr, "it says how it counted"


def test_laws_stand_side_by_side(searched):
    told = searched("law", "predict", "--N", "429M", "--D", "40B", "--compare", "--target-loss", 2.3, COLUMNS="200")
    for name in ("Step Law", "Kaplan", "DeepSeek", "Porian", "Microsoft", "MiniCPM"):
        assert name in told.stdout, told.stdout
    assert "warning: Porian was not fitted for 93.2 tokens per parameter" in told.stderr
    laws = searched.json("law", "predict", "--N", "429M", "--D", "40B", "--compare")
    assert [law["law"] for law in laws][:2] == ["Step Law", "Kaplan"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--N", "big"), "--N 'big' is no positive number; write it as 215M, 20B, 1.4T or 1e9."),
        ((), "How large is the model? Give --N 215M, or all of --hidden, --ffn and --layers."),
        (("--N", "1B", "--layers", "3"), "--N and the shape of the model say two things; give one of them."),
        (("--N", "1B", "--law", "chinchilla"), "There is no law 'chinchilla', and no such file; name one of"),
        (("--N", "1B", "--law", "cheap.py"), "cheap.py cannot be read as a law (Expecting value"),
        (("--N", "1B", "--law", "minicpm"), "MiniCPM predicts from the loss that is to be reached; give --targ"),
        (
            ("--N", "1B", "--transfer", "far"),
            "There is no transfer 'far'; say one of 'same recipe', 'published'",
        ),
    ],
)
def test_what_cannot_be_predicted_is_refused_in_one_sentence(arguments, sentence, searched, monkeypatch):
    monkeypatch.chdir(searched.folder)
    with pytest.raises(pt.ParetreeError, match=re.escape(sentence)):
        app(["law", "predict", "--D", "20B", *arguments], standalone_mode=False)


def test_a_refusal_is_one_line_and_no_success(searched):
    told = searched("law", "predict", "--D", "20B")
    assert told.returncode == 1, told.stdout
    assert told.stderr.startswith("error: How large is the model?"), told.stderr
    assert told.stderr.count("\n") == 1, told.stderr


def test_a_law_is_fitted_stored_and_predicts_again(family):
    asked = ("law", "fit", "lm/*", "--seq-len", SEQUENCE, "--at", "1B,20B", "--output", "law.json", "--plot", "fit.png")
    told = family(*asked)
    assert told.returncode == 0, told.stderr
    assert "96 trials of 6 sweeps." in told.stderr, told.stderr
    assert (family.folder / "fit.png").read_bytes().startswith(b"\x89PNG")
    law = ScalingLaw.from_json((family.folder / "law.json").read_text())
    predicted = law.predict(1e9, 2e10)
    rate, batch = best(1e9, 2e10)
    assert abs(math.log(predicted.learning_rate / rate)) < 0.7, "of the right size, after six small sweeps"
    assert abs(math.log(predicted.batch_size / batch)) < 0.7, "in tokens"
    again = family.json("law", "predict", "--law", "law.json", "--N", "1B", "--D", "20B")
    assert again["learning_rate"] == pytest.approx(predicted.learning_rate)
    assert f"{predicted.learning_rate:.3g}" in told.stdout, told.stdout


def test_a_fit_as_json_holds_law_and_predictions(family):
    data = family.json("law", "fit", "lm/*", "--seq-len", SEQUENCE, "--at", "1B,20B", "--at", "2B,20B")
    law = ScalingLaw.from_json(data["law"])
    assert [law.predict(N, 2e10).learning_rate for N in (1e9, 2e9)] == pytest.approx(
        [prediction["learning_rate"] for prediction in data["predictions"]]
    )


def test_a_law_of_the_loss_is_fitted_stored_and_spends_compute(family):
    told = family(
        "law", "loss", "lm/*", "--at", "1B,20B", "--compute", "1e21", "--output", "loss.json", "--plot", "loss.png"
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("L = "), told.stdout
    assert "at N = 1B, D = 20B" in told.stdout, told.stdout
    assert "1e+21 FLOPs: N = " in told.stdout, told.stdout
    assert (family.folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    law = LossLaw.from_json((family.folder / "loss.json").read_text())
    again = family.json("law", "predict", "--law", "loss.json", "--N", "1B", "--D", "20B")
    assert again["loss"] == pytest.approx(law.predict(1e9, 2e10).loss)


def test_all_trials_count_for_the_loss_where_that_is_asked(family):
    before = (family.folder / "paretree.db").read_bytes()
    evidence = family.json("law", "loss", "lm/*", "--every-trial")["law"]["evidence"]
    assert evidence["scatter"] > 0.02, "untuned trials lie far above the tuned ones"
    assert (family.folder / "paretree.db").read_bytes() == before, "it only reads"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("fit", "gpt/*"), "called like 'gpt/*'; there are 'lm/2e+07,4e+08'"),
        (("fit", "lm/*", "--lr", "rate"), "has no part 'rate'; name the one meant with learning_rate=: 'N', 'D', 'lr'"),
        (("fit", "lm/2e+07,4e+08"), "A law needs 3 groups (pairs of N and D)"),
        (("fit", "lm/*", "--at", "1B"), "--at '1B' is no pair of N and D; write it as 1B,20B."),
        (("fit", "lm/*", "--output", "no/where.json"), "cannot be written into no/where.json"),
        (("loss", "lm/*", "--loss", "bits"), "have no value 'bits'; name one of 'loss'"),
        (("loss", "lm/2*"), "run sweeps at 5 or more"),
        (("loss", "lm/*", "--compute", "much"), "--compute 'much' is no positive number"),
        (("loss", "lm/*", "--plot", "loss.xyz"), "cannot be drawn into loss.xyz"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_sentence(arguments, sentence, family, monkeypatch):
    monkeypatch.chdir(family.folder)
    with pytest.raises(pt.ParetreeError, match=re.escape(sentence)):
        app(["law", *arguments], standalone_mode=False)
