"""Architecture and training hyperparameters of a small CNN on real handwritten digits: accuracy against size.

    paretree run examples/digits.py --trials 60

The data are scikit-learn's 1,797 images of 8x8 pixels, which come with the package. `make demo` runs this file.
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn.functional import cross_entropy

import paretree as pt
from paretree.spaces import nn

EPOCHS = 12

block = nn.Seq(
    nn.Conv2d(pt.Int(4, 48, log=True, name="channels"), kernel_size=pt.Choice(3, 5), name="conv"),
    pt.Maybe(nn.BatchNorm2d(), name="norm"),
    pt.Choice(relu=nn.ReLU(), gelu=nn.GELU(), name="activation"),
    pt.Maybe(nn.MaxPool2d(2), name="pool"),
)
space = pt.Space(
    model=nn.Seq(
        pt.Repeat(block, pt.Int(1, 4), name="blocks"),
        nn.GlobalAvgPool2d(name="mean"),
        nn.Dropout(pt.Float(0.0, 0.5), name="dropout"),
        nn.Linear(10, name="head"),
    ),
    optimizer=pt.Choice(
        adamw=pt.Build(dict, weight_decay=pt.Float(1e-4, 1e-1, log=True)),
        sgd=pt.Build(dict, momentum=pt.Float(0.5, 0.99)),
    ),
    lr=pt.Float(1e-3, 1e-1, log=True),
    batch_size=pt.Choice(32, 64, 128, ordered=True),
)


def digits():
    """Training and validation images (N, 1, 8, 8) in 0..1, and their labels."""
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images / 16, labels, test_size=0.25, random_state=0, stratify=labels)
    x_train, x_valid, y_train, y_valid = map(torch.tensor, split)
    return x_train.float().view(-1, 1, 8, 8), y_train, x_valid.float().view(-1, 1, 8, 8), y_valid


def make_optimizer(trial, parameters):
    settings = trial.config.optimizer.build()
    kind = torch.optim.AdamW if trial.config["optimizer"] == "adamw" else torch.optim.SGD
    return kind(parameters, lr=trial.config.lr, **settings)


def train(trial):
    x_train, y_train, x_valid, y_valid = (part.to(trial.device) for part in digits())
    model = trial.config.model.build(input_shape=(1, 8, 8)).to(trial.device)
    optimizer = make_optimizer(trial, model.parameters())
    for epoch in range(EPOCHS):
        model.train()
        for batch in torch.randperm(len(x_train)).split(trial.config.batch_size):
            optimizer.zero_grad()
            loss = cross_entropy(model(x_train[batch]), y_train[batch])
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(x_valid).argmax(1) == y_valid).float().mean()
        trial.report(epoch, accuracy=accuracy, loss=loss)
    return {"accuracy": accuracy}


sweep = pt.Sweep(
    "digits",
    space,
    train,
    objectives={"accuracy": "maximize", "params": "minimize"},
    known={"params": nn.measured((1, 8, 8)).params},  # no trial has to find out
    store="sqlite:///paretree.db",
    seed=0,
)
