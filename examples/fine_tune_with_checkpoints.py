"""Fine-tuning that goes on: a network that knows the digits 0 to 4 learns all ten, and is killed meanwhile.

Run it: `python examples/fine_tune_with_checkpoints.py` (needs the extras torch, ray and examples). Each trial has a
process of its own, which is killed halfway, as a kernel without memory does it. The next attempt goes on from the last
checkpoint: `paretree logs fine-tune 0` tells where. `paretree run` kills nobody.
"""

import os
import signal

import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

import paretree as pt

EPOCHS = 8
KILLED_AT = None  # the epoch at which the first attempt of each trial is killed

space = pt.Space(
    lr=pt.Float(1e-2, 1.0, log=True),
    momentum=pt.Float(0.0, 0.95),
    frozen=pt.Choice(False, True),
)


def digits():
    """All images (N, 64) in 0..1, and their labels."""
    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)


def pretrained(images, labels):
    """A network that knows the digits 0 to 4; the same one for every trial."""
    known = labels < 5
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        cross_entropy(model(images[known]), labels[known]).backward()
        optimizer.step()
    return model


def train(trial):
    images, labels = digits()
    model = pretrained(images[:1400], labels[:1400])
    model[0].requires_grad_(not trial.config.frozen)
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.config.lr, momentum=trial.config.momentum)
    first = 0
    if folder := trial.restore():
        state = torch.load(folder / "state.pt")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = trial.restored_step + 1
        trial.log("goes on with epoch", first)
    for epoch in range(first, EPOCHS):
        for batch in torch.randperm(1400).split(64):
            optimizer.zero_grad()
            cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        with trial.checkpoint(epoch) as folder:
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / "state.pt")
        accuracy = (model(images[1400:]).argmax(1) == labels[1400:]).float().mean()
        trial.report(epoch, accuracy=accuracy)
        if epoch == KILLED_AT and trial.attempt == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return {"accuracy": accuracy, "trained": sum(part.numel() for part in model.parameters() if part.requires_grad)}


sweep = pt.Sweep("fine-tune", space, train, {"accuracy": "maximize", "trained": "minimize"}, sampler="random", seed=0)

if __name__ == "__main__":
    KILLED_AT = 3
    sweep.run(trials=4, workers=pt.RayWorkers(count=2))
    print(sweep.front()[["number", "accuracy", "trained", "lr", "momentum", "frozen"]].to_string(index=False))
