"""Population based training with ray.tune.Tuner: four networks learn digits, and the worst go on from the best.

Run it: `python examples/tune_pbt.py` (needs `pip install 'ray[tune]'` and the extras torch and examples). Tune's
scheduler changes learning rates while the networks train. What it does is in paretree.db as a sweep: `paretree show
tune-pbt`, `paretree dashboard`.
"""

import os

os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # no files for TensorBoard: the store has it all

import torch
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

import paretree as pt
from paretree.workers.tune import Population, TuneSearch, explore, mutations, trainable

EPOCHS = 12

space = pt.Space(lr=pt.Float(1e-4, 1e-1, log=True), momentum=pt.Float(0.0, 0.95))


def train(trial):
    pixels, labels = load_digits(return_X_y=True)
    pixels, labels = torch.tensor(pixels, dtype=torch.float32) / 16, torch.tensor(labels)
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    start = 0
    if folder := trial.restore():  # the trial was interrupted, or is to go on from a better one
        model.load_state_dict(torch.load(folder / "model.pt"))
        start = trial.restored_step + 1
    optimiser = torch.optim.SGD(model.parameters(), trial.config.lr, trial.config.momentum)
    for epoch in range(start, EPOCHS):
        for batch in torch.randperm(1400).split(64):
            optimiser.zero_grad()
            cross_entropy(model(pixels[batch]), labels[batch]).backward()
            optimiser.step()
        with trial.checkpoint(epoch) as folder:
            torch.save(model.state_dict(), folder / "model.pt")
        trial.report(epoch, accuracy=accuracy(model, pixels[1400:], labels[1400:]))
    return {"accuracy": accuracy(model, pixels[1400:], labels[1400:])}


def accuracy(model, pixels, labels):
    return (model(pixels).argmax(1) == labels).float().mean().item()


sweep = pt.Sweep("tune-pbt", space, train, objectives={"accuracy": "maximize"}, sampler="qmc", seed=1)

if __name__ == "__main__":
    scheduler = PopulationBasedTraining(
        metric="accuracy",
        mode="max",
        time_attr="training_iteration",
        perturbation_interval=3,
        hyperparam_mutations=mutations(space, "lr", "momentum"),
        custom_explore_fn=explore(space),
    )
    with sweep.driving() as session:
        tune.Tuner(
            trainable(train, space),
            tune_config=tune.TuneConfig(
                search_alg=Population(TuneSearch(session)), scheduler=scheduler, num_samples=4, reuse_actors=True
            ),
        ).fit()
    print(sweep.trials()[["number", "state", "sampler", "lr", "momentum", "accuracy"]].to_string(index=False))
