"""Fine-tuning one configuration: it learns, tells how it goes, and goes on where an attempt was interrupted."""

import math
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from paretree import InlineWorkers, Sweep
from paretree.spaces import Build, Fidelity, Float, Space
from paretree.spaces.errors import ParetreeError
from paretree.spaces.peft.adalora import AdaLoRA
from paretree.spaces.peft.bottleneck import Parallel, Serial
from paretree.spaces.peft.classifier import Classifier, Pretrained
from paretree.spaces.peft.data import Examples, Task
from paretree.spaces.peft.halves import HalfFineTuning
from paretree.spaces.peft.increlora import IncreLoRA
from paretree.spaces.peft.learner import Learner
from paretree.spaces.peft.lora import LoRA
from paretree.spaces.peft.prefix import Prefix
from paretree.spaces.peft.settings import Settings
from paretree.spaces.peft.training import fine_tune, fit, peft_trial
from paretree.spaces.settings import given_settings, settings_of

LAYERS = 3
SMALL = {"batch_size": 16, "max_length": 16, "lr": 5e-3}


def sentences(count, seed):
    """Whether a film was good is told by one word; the others are noise. A twin of reviews of films."""
    draws = np.random.default_rng(seed)
    noise = ["film", "plot", "the", "a", "was"]
    labels = draws.integers(0, 2, count).tolist()
    texts = []
    for label in labels:
        words = draws.choice(noise, draws.integers(2, 8)).tolist()
        words.insert(int(draws.integers(0, len(words) + 1)), "good" if label else "bad")
        texts.append(" ".join(words))
    return Examples(tuple(texts), tuple(labels))


@pytest.fixture(scope="module")
def task():
    return Task(sentences(128, 0), sentences(64, 1), sentences(64, 2))


@pytest.fixture
def pretrained(encoder, tokenizer):
    return Pretrained(encoder("bert"), tokenizer)


@dataclass
class Diary:
    """A trial that keeps what it is told; `dies_after` so many epochs."""

    config: object
    folder: Path
    seed: int = 7
    device: str = "cpu"
    restored_step: int | None = None
    dies_after: float = math.inf
    reports: list = field(default_factory=list)

    def report(self, step, **metrics):
        self.reports.append((step, metrics))
        if len(self.reports) >= self.dies_after:
            raise InterruptedError

    @contextmanager
    def checkpoint(self, step):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        yield self.folder

    def restore(self):
        return self.folder if self.folder.is_dir() else None


def configuration(methods, layers=(True,) * LAYERS, **parts):
    return Space(methods=methods, layers=list(layers), **parts).sample(0)


SERIAL = {"serial": Build(Serial, 8)}


@pytest.mark.parametrize(
    "methods",
    [SERIAL, {"parallel": Build(Parallel, 8), "prefix": Build(Prefix, 4)}, {"lora": Build(LoRA, 4)}],
    ids=["serial", "parallel and prefix", "LoRA"],
)
def test_a_configuration_learns_what_a_word_means(methods, pretrained, task, tmp_path):
    trial = Diary(configuration(methods), tmp_path / "checkpoint")
    found = peft_trial(pretrained, task, epochs=8, head_lr=5e-3, **SMALL)(trial)
    assert found["accuracy"] > 0.8, "half would be chance"
    assert found["test_accuracy"] > 0.7
    assert found["accuracy"] == max(metrics["accuracy"] for _, metrics in trial.reports), "the best epoch counts"


def test_every_epoch_is_reported(pretrained, task, tmp_path):
    trial = Diary(configuration(SERIAL), tmp_path / "checkpoint")
    peft_trial(pretrained, task, epochs=3, **SMALL)(trial)
    assert [step for step, _ in trial.reports] == [0, 1, 2]


def test_sizes_are_those_of_the_methods_without_the_head(pretrained, task, tmp_path):
    trial = Diary(configuration({"lora": Build(LoRA, 4)}), tmp_path / "checkpoint")
    found = peft_trial(pretrained, task, steps=1, **SMALL)(trial)
    assert found["params"] == LAYERS * 2 * 2 * 4 * 32, "two matrices for query and for value"
    assert found["stored_bytes"] == 4 * found["params"]
    assert found["percent"] == pytest.approx(
        100 * found["params"] / sum(p.numel() for p in pretrained.encoder.parameters())
    )
    assert found["seconds_per_step"] > 0


def test_without_methods_only_the_head_learns(pretrained, task):
    learner = fine_tune(pretrained, task, None, steps=2, **SMALL)
    assert {name for name, _ in learner.trained()} == {"head.weight", "head.bias"}
    assert learner.adapted.trainable_parameters == 0


def test_what_was_validated_is_what_the_weights_at_the_end_give(pretrained, task):
    learner = fine_tune(pretrained, task, Serial(8), epochs=3, **SMALL)
    assert learner.validated == learner.score("validation")


def test_the_model_that_was_given_stays_as_it_was(pretrained, task):
    before = {name: one.clone() for name, one in pretrained.encoder.state_dict().items()}
    fine_tune(pretrained, task, Serial(8), steps=3, **SMALL)
    after = pretrained.encoder.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], one) for name, one in before.items())


@pytest.mark.parametrize(
    "methods",
    [
        SERIAL,
        {"half": Build(HalfFineTuning, redraw="epoch")},
        {"increlora": Build(IncreLoRA, target_rank=2, targets=("query", "value"))},
        {"adalora": Build(AdaLoRA, target_rank=2, initial_rank=4, targets=("query", "value"), interval=2)},
    ],
    ids=["serial", "half", "IncreLoRA", "AdaLoRA"],
)
def test_an_attempt_goes_on_as_if_nothing_had_happened(methods, pretrained, task, tmp_path):
    config = configuration(methods)
    train = peft_trial(pretrained, task, epochs=4, **SMALL)
    whole = Diary(config, tmp_path / "whole")
    expected = train(whole)
    first = Diary(config, tmp_path / "parts", dies_after=2)
    with pytest.raises(InterruptedError):
        train(first)
    second = Diary(config, tmp_path / "parts")
    found = train(second)
    assert first.reports + second.reports == whole.reports
    assert found | {"seconds_per_step": 0} == expected | {"seconds_per_step": 0}


def test_training_ends_when_patience_has_run_out(pretrained, task, tmp_path):
    trial = Diary(configuration(SERIAL), tmp_path / "checkpoint")
    peft_trial(pretrained, task, epochs=20, patience=2, lr=1e-12, head_lr=1e-12, batch_size=64)(trial)
    assert len(trial.reports) == 3, "the first epoch, and two that are no better"


@pytest.mark.parametrize("metric", ["f1", "matthews"])
def test_other_metrics_of_classes_are_told_by_their_name(metric, pretrained, task, tmp_path):
    trial = Diary(configuration(SERIAL), tmp_path / "checkpoint")
    found = peft_trial(pretrained, task, metric=metric, steps=2, **SMALL)(trial)
    assert {metric, f"test_{metric}"} < found.keys()
    assert set(trial.reports[0][1]) == {metric}


def test_numbers_are_learnt_too(pretrained, task):
    rated = [
        Examples(part.texts, tuple(2.0 * label - 1 for label in part.labels)) for part in (task.train, task.validation)
    ]
    learner = fine_tune(
        pretrained, Task(*rated, regression=True), Serial(8), metric="spearman", epochs=6, head_lr=5e-3, **SMALL
    )
    assert learner.score("validation", "spearman") > 0.7


def test_a_metric_that_is_not_for_the_labels_is_refused_before_any_trial(pretrained, task):
    with pytest.raises(ParetreeError, match="The labels are classes, which 'spearman' is not for"):
        peft_trial(pretrained, task, metric="spearman")


def test_methods_that_draw_anew_what_they_train_keep_training(pretrained, task, tmp_path):
    methods = {"half": Build(HalfFineTuning, redraw="epoch")}
    trial = Diary(configuration(methods), tmp_path / "checkpoint")
    found = peft_trial(pretrained, task, epochs=3, head_lr=5e-3, **{**SMALL, "lr": 1e-3})(trial)
    assert len(trial.reports) == 3
    assert found["accuracy"] == trial.reports[-1][1]["accuracy"], "its last weights count"


class TestChangingMethods:
    """Methods that change what they train go on from a checkpoint as all others do."""

    EPOCHS = 6
    METHODS: ClassVar = {
        "half": HalfFineTuning(redraw="epoch"),
        # With this seed, of the upper two layers the lower one rests, then trains, then rests again.
        "half of the layers": HalfFineTuning(granularity="layer", redraw="epoch", seed=6),
        "IncreLoRA": IncreLoRA(target_rank=3, targets=("query", "value"), top=2),
        "AdaLoRA": AdaLoRA(target_rank=2, initial_rank=4, targets=("query", "value"), interval=2),
        "two": [AdaLoRA(2, 3, targets=("query",)), IncreLoRA(target_rank=2, targets=("ffn_in",))],
    }

    @pytest.fixture(params=list(METHODS))
    def attempt(self, request, pretrained, task):
        """Train until the end or the death of the trial that is told of it."""
        settings = Settings(epochs=self.EPOCHS, weight_decay=0.1, **SMALL)

        def run(trial, layers=(True,) * LAYERS):
            learner = Learner(pretrained, task, self.METHODS[request.param], settings, layers=layers, seed=trial.seed)
            fit(learner, settings, "accuracy", trial.seed, trial)
            return learner

        return run

    @pytest.mark.parametrize("layers", [(True, True, True), (False, True, True)], ids=["all", "upper"])
    def test_whenever_an_attempt_dies_the_next_one_ends_with_the_same_weights(self, attempt, layers, tmp_path):
        expected = attempt(Diary(None, tmp_path / "whole"), layers)
        reports = []
        for _ in range(self.EPOCHS - 1):
            trial = Diary(None, tmp_path / "parts", dies_after=1)
            with pytest.raises(InterruptedError):
                attempt(trial, layers)
            reports += trial.reports
        last = Diary(None, tmp_path / "parts")
        found = attempt(last, layers)
        assert [step for step, _ in reports + last.reports] == list(range(self.EPOCHS)), "no epoch is trained twice"
        assert found.validated == expected.validated
        assert found.depth == expected.depth
        weights, trains = expected.network.state_dict(), {name for name, _ in expected.trained()}
        assert found.network.state_dict().keys() == weights.keys(), "the same ranks"
        assert {name for name, _ in found.trained()} == trains
        assert all(torch.equal(one, weights[name]) for name, one in found.network.state_dict().items())


class TestFrozenBottom:
    """Layers below all that is trained are computed once, and their states looked up."""

    TOP = (False, False, True)

    def test_as_many_layers_are_looked_up_as_nothing_is_trained_in(self, pretrained, task):
        depth = {
            layers: fine_tune(pretrained, task, Serial(8), layers=layers, steps=1, **SMALL).depth
            for layers in [(True, False, False), (False, True, True), self.TOP]
        }
        assert list(depth.values()) == [0, 1, 2]
        assert fine_tune(pretrained, task, None, steps=1, **SMALL).depth == LAYERS
        assert fine_tune(pretrained, task, Prefix(2), layers=self.TOP, steps=1, **SMALL).depth == 2

    def test_nothing_changes_by_it_but_the_time(self, pretrained, task, tmp_path):
        asked = {"layers": self.TOP, "epochs": 2, **SMALL}
        computed = fine_tune(pretrained, task, Serial(8), **asked)
        kept = fine_tune(pretrained, task, Serial(8), features=tmp_path, **asked)
        read = fine_tune(pretrained, task, Serial(8), features=tmp_path, **asked)
        weights, again = dict(computed.trained()), dict(read.trained())
        for name, one in kept.trained():
            torch.testing.assert_close(one, weights[name], atol=1e-4, rtol=1e-3)
            assert torch.equal(one, again[name]), "what is read is what was written"

    def test_the_layers_below_do_not_run(self, pretrained, task, tmp_path):
        learner = fine_tune(pretrained, task, Serial(8), layers=self.TOP, features=tmp_path, steps=1, **SMALL)
        ran = []
        for index, layer in enumerate(learner.network.encoder.encoder.layer):
            layer.attention.register_forward_hook(lambda *_, index=index: ran.append(index))
        learner.predict("validation")
        assert set(ran) == {2}

    def test_another_model_has_files_of_its_own(self, pretrained, encoder, tokenizer, task, tmp_path):
        asked = {"layers": self.TOP, "steps": 1, "features": tmp_path, **SMALL}
        fine_tune(pretrained, task, Serial(8), **asked)
        before = set(tmp_path.iterdir())
        fine_tune(pretrained, task, Serial(16), **asked)
        assert set(tmp_path.iterdir()) == before, "the same frozen layers have the same states"
        other = encoder("bert")
        other.embeddings.word_embeddings.weight.data += 0.1
        fine_tune(Pretrained(other, tokenizer), task, Serial(8), **asked)
        assert len(set(tmp_path.iterdir())) == 2 * len(before)

    def test_dropout_stays_off_below_and_on_above(self, pretrained, task):
        learner = fine_tune(pretrained, task, Serial(8), layers=self.TOP, steps=1, **SMALL)
        learner.train()
        layers = learner.network.encoder.encoder.layer
        assert [layer.output.dropout.training for layer in layers] == list(self.TOP)
        assert not learner.network.encoder.embeddings.dropout.training


def test_parts_of_a_configuration_are_settings():
    config = configuration(SERIAL, lr=Float(1e-4, 1e-3), warmup=0.1, epochs=Fidelity(1, 9))
    settings = settings_of(Settings, config.at(epochs=2), {"batch_size": 8})
    assert (settings.lr, settings.warmup, settings.epochs, settings.batch_size) == (config.lr, 0.1, 2, 8)


def test_what_is_given_goes_before_constants_of_the_space():
    assert settings_of(Settings, configuration(SERIAL, lr=1e-4), {"lr": 1e-3}).lr == 1e-3


def test_what_the_space_decides_cannot_be_given_too():
    with pytest.raises(ParetreeError, match=r"lr=0.001 is given, but the space decides 'lr'; leave one out"):
        settings_of(Settings, configuration(SERIAL, lr=Float(1e-4, 1e-3)), {"lr": 1e-3})


def test_an_unknown_setting_is_refused_with_those_there_are():
    with pytest.raises(ParetreeError, match="no setting 'learning_rate' of a training; name some of lr, head_lr"):
        given_settings(Settings, {"learning_rate": 1})


@pytest.mark.parametrize(
    ("name", "value"), [("lr", 0.0), ("data", 1.5), ("warmup", -0.1), ("steps", 0), ("dropout", 1.0)]
)
def test_a_setting_out_of_its_range_is_refused(name, value):
    with pytest.raises(ParetreeError, match=f"{name}={value} of a training must be"):
        Settings(**{name: value})


def test_rates_rise_in_the_warm_up_and_then_fall_to_nothing():
    rates = [Settings(warmup=0.2).rate(step, 10) for step in range(11)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0.0])


def test_steps_are_at_most_those_given():
    settings = Settings(batch_size=10, epochs=3)
    assert (settings.steps_of(95), settings.epochs_of(95)) == (30, 3)
    assert (Settings(batch_size=10, epochs=3, steps=12).steps_of(95)) == 12
    assert (Settings(batch_size=10, epochs=3, steps=12).epochs_of(95)) == 2


def test_the_head_reads_the_mean_over_tokens_or_the_first_one(encoder, batch):
    model = encoder("bert")
    states = model(**batch).last_hidden_state
    mean, first = (Classifier(model, 32, 2, pooling, dropout=0).eval() for pooling in ("mean", "first"))
    torch.testing.assert_close(mean(batch)[1], mean.head(states[1, :4].mean(0)), msg="padding does not count")
    torch.testing.assert_close(first(batch), first.head(states[:, 0]))


def test_a_model_in_a_folder_is_loaded_once(pretrained, task, tmp_path):
    pretrained.encoder.save_pretrained(tmp_path)
    pretrained.tokenizer.save_pretrained(tmp_path)
    assert Pretrained.load(tmp_path) is Pretrained.load(str(tmp_path))
    learner = fine_tune(tmp_path, task, Serial(8), steps=1, **SMALL)
    assert learner.adapted.anatomy.hidden == 32


def test_a_sweep_runs_it_and_knows_sizes(pretrained, task, tmp_path):
    space = Space(methods={"lora": Build(LoRA, 4)}, layers=[True] * LAYERS, lr=Float(1e-3, 1e-2, log=True))
    train = peft_trial(pretrained, task, steps=2, batch_size=16)
    goals = {"accuracy": "maximize", "percent": "minimize"}
    sweep = Sweep("tiny", space, train, goals, sampler="random", store=str(tmp_path / "tiny.db"), seed=0)
    sweep.run(trials=2, workers=InlineWorkers(), progress=False)
    trials = sweep.trials()
    assert list(trials["state"]) == ["finished", "finished"], trials["message"].tolist()
    assert trials["percent"].nunique() == 1
