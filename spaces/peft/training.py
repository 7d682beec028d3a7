"""Fine-tuning one configuration: the function that a sweep runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..configuration import Configuration
from ..settings import given_settings, settings_of
from .classifier import Pooling, Pretrained
from .data import Task
from .learner import Learner
from .metrics import metric_of
from .progress import Progress, Training
from .schedules import schedules_of
from .settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..trial import Trial


def peft_trial(
    model: str | PathLike[str] | Pretrained,
    task: Task,
    *,
    metric: str = "accuracy",
    pooling: Pooling = "mean",
    features: str | PathLike[str] | None = None,
    **settings: Any,
) -> Callable[[Trial], dict[str, float]]:
    """The function of a sweep that fine-tunes a model as each configuration says.

        task = Task.split(Examples.read("reviews.csv"), validation=0.1, test=0.1)
        train = peft_trial("bert-base-uncased", task, epochs=5)
        goals = {"accuracy": "maximize", "percent": "minimize"}
        sweep = pt.Sweep("reviews", autopeft(config), train, goals)

    AdamW, linear decay after a warm-up, a learning rate of the head's own, gradients clipped; after each epoch the
    metric on the validation examples is reported and a checkpoint kept, from which another attempt goes on as if
    nothing had happened. The weights of the best epoch count. Layers below all that is trained run without dropout.

    What it returns: the metric on the validation examples, and on those held out (`test_accuracy`) where the task has
    any; of the methods, without the head, `params` (trained numbers), `percent` (AutoPEFT's formula) and
    `stored_bytes`; `seconds_per_step`, of the processor's time on CPUs and of the clock's on GPUs.

    Args:
        model: folder or name of an encoder of `transformers` with its tokenizer, or both, loaded.
        task: examples to learn from, to validate with and, if you like, held-out ones.
        metric: a key of `METRICS`.
        pooling: what the head sees of hidden states: their mean, or that of the first token.
        features: a folder in which the hidden states of frozen lowest layers are kept for all trials.
        settings: those of `Settings` that are the same for all configurations; a configuration's parts of these names
            say the others.

    Raises:
        ParetreeError: there is no such metric, or it is not for the labels of the task.
    """
    metric_of(metric, of_classes=not task.regression)
    folder = None if features is None else Path(features)

    def train(trial: Trial) -> dict[str, float]:
        chosen = settings_of(Settings, trial.config, settings)
        learner = Learner(
            _loaded(model),
            task,
            trial.config,
            chosen,
            seed=trial.seed,
            device=trial.device,
            pooling=pooling,
            features=folder,
        )
        progress = fit(learner, chosen, metric, trial.seed, trial)
        return {
            metric: learner.validated,
            **({f"test_{metric}": learner.score("test", metric)} if task.test else {}),
            "params": learner.adapted.trainable_parameters,
            "percent": learner.adapted.percent,
            "stored_bytes": learner.adapted.stored_bytes,
            "seconds_per_step": progress.seconds / progress.steps,
        }

    return train


def fine_tune(
    model: str | PathLike[str] | Pretrained,
    task: Task,
    methods: Any,
    *,
    layers: Sequence[bool] | None = None,
    metric: str = "accuracy",
    pooling: Pooling = "mean",
    features: str | PathLike[str] | None = None,
    seed: int = 0,
    device: str = "cpu",
    **settings: Any,
) -> Learner:
    """Fine-tune a model once, as `peft_trial` does in each trial, and keep it.

        learner = fine_tune("bert-base-uncased", task, sweep.configuration(7), epochs=5)
        learner.score("test")
        learner.adapted.save("reviews")

    Args:
        model, task, metric, pooling, features, settings: as in `peft_trial`.
        methods: a configuration, a method, several, or None for the head alone.
        layers: for each layer whether methods attach to it; as the configuration says, or all.
        seed: of new weights, and of the order of examples.
        device: "cpu" or "cuda".

    Raises:
        ParetreeError: as in `peft_trial`; the model cannot take a method; or a setting is none.
    """
    of_configuration = isinstance(methods, Configuration)
    chosen = settings_of(Settings, methods, settings) if of_configuration else given_settings(Settings, settings)
    folder = None if features is None else Path(features)
    learner = Learner(
        _loaded(model),
        task,
        methods,
        chosen,
        layers=layers,
        seed=seed,
        device=device,
        pooling=pooling,
        features=folder,
    )
    fit(learner, chosen, metric, seed)
    return learner


def fit(learner: Learner, settings: Settings, metric: str, seed: int, trial: Trial | None = None) -> Progress:
    """Train until the steps are done or patience has run out; the learner then has the weights of the best epoch.

    Methods that change what they train in the course of it keep their last weights.

    Args:
        learner: what is trained.
        settings: how.
        metric: on the validation examples, by which the best epoch is chosen.
        seed: of the order of examples and of dropout.
        trial: is told of each epoch, and keeps checkpoints.

    Returns:
        How it went.
    """
    rows = _used(len(learner.task.train), settings.data)
    steps = settings.steps_of(len(rows))
    optimizer = torch.optim.AdamW(_groups(learner, settings))
    decay = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: settings.rate(step, steps))
    changes = schedules_of(learner.adapted, steps, settings.epochs_of(len(rows)))
    training = Training(learner, optimizer, decay, changes)
    folder = None if trial is None else trial.restore()
    progress = Progress() if folder is None else training.restore(folder)
    while _goes_on(progress, settings, steps):
        of_epoch = seed + progress.epochs  # one that is begun again is the same one
        torch.manual_seed(of_epoch)
        learner.train()
        began = _clock(learner.device)
        for batch in _batches(rows, settings.batch_size, of_epoch)[: steps - progress.steps]:
            optimizer.zero_grad()
            loss = learner.loss(batch) + sum(change.penalty() for change in changes)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_([one for _, one in learner.trained()], settings.clip)
            optimizer.step()
            decay.step()
            for change in changes:
                change.step(progress.steps, optimizer)
            progress.steps += 1
        progress.seconds += _clock(learner.device) - began
        score = learner.score("validation", metric)
        _note(progress, score, {} if changes else dict(learner.trained()))
        if trial is None:
            continue
        if _goes_on(progress, settings, steps):
            with trial.checkpoint(progress.epochs - 1) as folder:
                training.save(folder, progress)
        trial.report(progress.epochs - 1, **{metric: score})
    learner.load(progress.weights)
    learner.validated = score if changes else progress.best
    return progress


def _loaded(model: str | PathLike[str] | Pretrained) -> Pretrained:
    return model if isinstance(model, Pretrained) else Pretrained.load(model)


def _goes_on(progress: Progress, settings: Settings, steps: int) -> bool:
    return progress.steps < steps and progress.waited < settings.patience


def _note(progress: Progress, score: float, weights: Mapping[str, Tensor]) -> None:
    """An epoch has ended with this metric and these weights."""
    progress.epochs += 1
    progress.waited += 1
    if score > progress.best:
        progress.best, progress.waited = score, 0
        progress.weights = {name: one.detach().clone() for name, one in weights.items()}


def _used(examples: int, share: float) -> NDArray[np.int64]:
    """The rows of a share of the examples: smaller shares are parts of greater ones."""
    return np.random.default_rng(0).permutation(examples)[: max(1, round(share * examples))]


def _batches(rows: NDArray[np.int64], size: int, seed: int) -> list[list[int]]:
    """All rows, shuffled."""
    order = np.random.default_rng(seed).permutation(rows).tolist()
    return [order[first : first + size] for first in range(0, len(order), size)]


def _groups(learner: Learner, settings: Settings) -> list[dict[str, Any]]:
    """What trains, by its learning rate and weight decay."""
    head = {id(one) for one in learner.network.head.parameters()}
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for _, one in learner.trained():
        rate = settings.head_lr if id(one) in head else settings.lr
        groups.setdefault((rate, settings.weight_decay if one.dim() > 1 else 0.0), []).append(one)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def _clock(device: str) -> float:
    """Seconds that a CPU, all threads together, or a GPU has worked."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()
