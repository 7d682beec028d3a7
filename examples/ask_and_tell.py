"""A loop of one's own: eight classifiers of digits at a time, trained together as one batch of matrices.

Run it: `python examples/ask_and_tell.py` (needs the extras torch and examples). A sweep calls a function for each
trial; here a loop asks the sweep for trials and tells it what came of them, because many small matrices are multiplied
faster together than one by one. The results are in paretree.db like those of any sweep: `paretree front batches`.
"""

import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

import paretree as pt

TOGETHER = 8
EPOCHS = 20

space = pt.Space(
    lr=pt.Float(1e-2, 10, log=True),
    decay=pt.Float(1e-5, 1e-1, log=True),
    noise=pt.Float(0.0, 0.5),
)


def learn(configs):
    """Train a linear classifier for each configuration; return the accuracies on images that they did not see."""
    pixels, labels = load_digits(return_X_y=True)
    pixels, labels = torch.tensor(pixels, dtype=torch.float32) / 16, torch.tensor(labels)
    lr, decay, noise = (
        torch.tensor([config[name] for config in configs]).view(-1, 1, 1) for name in ("lr", "decay", "noise")
    )
    weights = torch.zeros(len(configs), 64, 10, requires_grad=True)
    for _ in range(EPOCHS):
        for batch in torch.randperm(1400).split(64):
            images = pixels[batch] + noise * torch.randn(len(configs), len(batch), 64)
            scores = images @ weights  # (classifiers, images, digits)
            targets = labels[batch].repeat(len(configs))
            loss = cross_entropy(scores.flatten(0, 1), targets, reduction="sum") / len(batch)
            (slope,) = torch.autograd.grad(loss, weights)
            weights.data -= lr * (slope + decay * weights.data)
    correct = (pixels[1400:] @ weights).argmax(-1) == labels[1400:]
    return correct.float().mean(-1).tolist()


def train(trial):
    return {"accuracy": learn([trial.config])[0]}  # one at a time, for `paretree run`


sweep = pt.Sweep("batches", space, train, objectives={"accuracy": "maximize"}, sampler="evolution", seed=0)

if __name__ == "__main__":
    with sweep.driving(trials=40) as session:
        while batch := session.ask_batch(TOGETHER):
            for trial, accuracy in zip(batch, learn([trial.config for trial in batch]), strict=True):
                trial.tell({"accuracy": accuracy})
    print(sweep.best()[["number", "accuracy", "lr", "decay", "noise"]].to_string())
