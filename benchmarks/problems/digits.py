"""A problem that is really trained: small CNNs on scikit-learn's digits, in a few tenths of a second on one thread."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

import paretree as pt
from paretree.spaces import Configuration, nn

from .problem import Problem, hypervolume

IMAGE = (1, 8, 8)
TRAINED_ON = 1000
"""Of 1,797 images; the others validate."""

EPOCHS = 4
BATCH = 40
WORST = {"accuracy": 0.8, "params": 5000.0}
"""The reference point; one in four random networks is better in accuracy, three in four in size."""


def digits(cached: Path) -> Problem:
    """Validation accuracy and parameters of networks of one to three convolutions, and how they are trained.

    The seed of a training is made of its configuration, so that a configuration has one accuracy; it is kept in the
    folder `cached` for whoever asks again.
    """
    objectives = {"accuracy": "maximize", "params": "minimize"}

    def evaluate(configuration: Configuration, seed: int) -> dict[str, float]:
        return {"accuracy": _remembered(configuration, cached), "params": params(configuration)}

    score = hypervolume(objectives, WORST)
    return Problem("digits", space(), objectives, evaluate, score, known={"params": params})


def space() -> pt.Space:
    """The second and third convolution see half the height and width."""
    norm = pt.Choice(none=nn.Identity(), batch=nn.BatchNorm2d(), layer=nn.GroupNorm(1))

    def block(*after: object) -> object:
        width = pt.Int(4, 32, log=True)
        return nn.Seq(nn.Conv2d(width, kernel_size=pt.Choice(1, 3, 5, ordered=True)), norm.fresh(), nn.ReLU(), *after)

    deeper = pt.Repeat(block(), pt.Int(0, 2), name="deeper")
    return pt.Space(
        model=nn.Seq(block(nn.MaxPool2d(2)), deeper, nn.Flatten(), nn.Linear(10)),
        optimizer=pt.Choice(
            adam={"lr": pt.Float(1e-4, 1e-1, log=True)},
            sgd={"lr": pt.Float(1e-3, 1.0, log=True), "momentum": pt.Float(0.0, 0.99)},
        ),
    )


def params(configuration: Configuration) -> float:
    """Number of parameters."""
    return float(nn.cost(configuration, IMAGE).params)


def accuracy(configuration: Configuration) -> float:
    """Share of the validation images that a trained network tells right."""
    torch.manual_seed(int(configuration.key[:8], 16))
    images, labels = _data()
    model = configuration.model.build(input_shape=IMAGE)
    optimizer = _optimizer(configuration, model)
    model.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(TRAINED_ON).split(BATCH):
            optimizer.zero_grad()
            cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        told = model(images[TRAINED_ON:]).argmax(1)
    return float((told == labels[TRAINED_ON:]).float().mean())


def _optimizer(configuration: Configuration, model: torch.nn.Module) -> torch.optim.Optimizer:
    if configuration["optimizer"] == "adam":
        return torch.optim.Adam(model.parameters(), lr=configuration["optimizer=adam/lr"])
    lr, momentum = configuration["optimizer=sgd/lr"], configuration["optimizer=sgd/momentum"]
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)


def _remembered(configuration: Configuration, cached: Path) -> float:
    """The accuracy as it is written down, or trained and then written down; several processes may do so at once."""
    file = cached / f"{configuration.key}.json"
    if file.is_file():
        return float(json.loads(file.read_text())["accuracy"])
    found = accuracy(configuration)
    cached.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps({"accuracy": found, "configuration": dict(configuration.values)}))
    unfinished.replace(file)
    return found


@cache
def _data() -> tuple[torch.Tensor, torch.Tensor]:
    """Images (1797, 1, 8, 8) from 0 to 1 in a shuffled order that is always the same, and their labels."""
    digits = load_digits()
    order = torch.randperm(len(digits.target), generator=torch.Generator().manual_seed(0))
    images = torch.tensor(digits.images, dtype=torch.float32)[order, None] / 16
    return images, torch.tensor(digits.target)[order]
