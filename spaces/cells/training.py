"""Training a network of cells from scratch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..settings import check_setting, settings_of
from .annealing import CosinePowerAnnealingLR
from .images import Augmentation, Images
from .network import CellNetwork

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from ..trial import Trial

STATE = "state.pt"

Data = Callable[[], tuple[Images, Images]]
"""Gives the images to train with and those to validate with."""


@dataclass(frozen=True)
class CellTraining:
    """All numbers of a training of a found cell; DARTS' for CIFAR-10, but for the number of epochs.

    Attributes:
        epochs: how often the training images are gone through (DARTS: 600, sharpDARTS: 2000).
        batch_size: images of a step.
        lr: learning rate at its greatest, of SGD.
        lr_min: the same at the end.
        power: of cosine power annealing; 1 is a plain cosine (sharpDARTS: 2).
        warmup: epochs in which the learning rate rises.
        momentum, weight_decay: of SGD.
        clip: the norm that the gradient of all parameters together has at most.
        auxiliary_weight: of the loss of the auxiliary head, where the network has one.
        drop_path: probability that a path is dropped in the last epoch; it rises from 0, linearly.
        crop, flip, cutout: as in `Augmentation`.

    Raises:
        ParetreeError: a number is out of its range.
    """

    epochs: int = 50
    batch_size: int = 96
    lr: float = 0.025
    lr_min: float = 0.0
    power: float = 1.0
    warmup: int = 0
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip: float = 5.0
    auxiliary_weight: float = 0.4
    drop_path: float = 0.2
    crop: int = 4
    flip: bool = True
    cutout: int = 16

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "lr", "clip"):
            check_setting(self, name, getattr(self, name) > 0, "a number above 0")
        for name in ("lr_min", "warmup", "momentum", "weight_decay", "auxiliary_weight", "crop", "cutout"):
            check_setting(self, name, getattr(self, name) >= 0, "0 or more")
        check_setting(self, "drop_path", 0 <= self.drop_path < 1, "a probability below 1")
        check_setting(self, "power", self.power >= 1, "1 or more")
        check_setting(self, "warmup", self.warmup < self.epochs, "less than the epochs")

    @property
    def augmentation(self) -> Augmentation:
        """How training images are changed."""
        return Augmentation(self.crop, self.flip, self.cutout)


@dataclass
class Progress:
    """How far a training is; a checkpoint keeps it.

    Attributes:
        epochs: that are done.
        accuracy: on the validation images, after the last of them.
    """

    epochs: int = 0
    accuracy: float = field(default=float("nan"))


def cell_trial(data: Data, part: str = "model", **settings: Any) -> Callable[[Trial], dict[str, float]]:
    """The function of a sweep that trains the network of each configuration.

        space = darts_space(skeleton=MacroSkeleton(8, 16, auxiliary=True))
        sweep = pt.Sweep("cells", space, cell_trial(fashion, epochs=10), {"accuracy": "maximize", "params": "minimize"})

    After each epoch accuracy and loss are reported and a checkpoint is kept, from which another attempt goes on as if
    nothing had happened.

    What it returns: `accuracy` on the validation images after the last epoch, `params` without an auxiliary head, and
    `flops` of one image.

    Args:
        data: called in each trial; let it remember what it has loaded.
        part: name of the part of a configuration that builds the network.
        settings: those of `CellTraining` that are the same for all configurations; a configuration's parts of these
            names say the others.
    """

    def train(trial: Trial) -> dict[str, float]:
        chosen = settings_of(CellTraining, trial.config, settings)
        images, validation = data()
        torch.manual_seed(trial.seed)
        network = getattr(trial.config, part).build(images.shape)
        cost = trial.config.cost
        extra = network.auxiliary if isinstance(network, CellNetwork) and network.skeleton.auxiliary else nn.Identity()
        accuracy = train_cell(network, images, validation, chosen, trial.seed, trial.device, trial)
        params = cost.params - sum(one.numel() for one in extra.parameters())
        return {"accuracy": accuracy, "params": params, "flops": cost.flops}

    return train


def train_cell(
    network: nn.Module,
    train: Images,
    validation: Images,
    settings: CellTraining | None = None,
    seed: int = 0,
    device: str = "cpu",
    trial: Trial | None = None,
) -> float:
    """Train a classifier of images, and say its accuracy on the validation images after the last epoch.

    SGD with momentum; on GPUs in bfloat16 where that is safe, and channels last.

    Args:
        network: all its sizes known; a pair of logits is taken as that of an auxiliary head too.
        train, validation: images.
        settings: how; the usual, if nobody says.
        seed: of the order of images, of what is changed in them, and of dropped paths.
        device: "cpu" or "cuda".
        trial: is told of each epoch, and keeps checkpoints.
    """
    chosen = settings or CellTraining()
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    train, validation = train.to(device), validation.to(device)
    optimizer = torch.optim.SGD(
        network.parameters(), chosen.lr, momentum=chosen.momentum, weight_decay=chosen.weight_decay
    )
    annealing = CosinePowerAnnealingLR(optimizer, chosen.epochs, chosen.power, chosen.lr_min, chosen.warmup)
    progress = Progress() if trial is None else _restored(network, optimizer, annealing, trial, device)
    while progress.epochs < chosen.epochs:
        if isinstance(network, CellNetwork):
            network.drop_path = chosen.drop_path * progress.epochs / chosen.epochs
        loss = _epoch(network, optimizer, train, chosen, seed + progress.epochs, device)
        annealing.step()
        progress.accuracy = accuracy_of(network, validation, device)
        progress.epochs += 1
        if trial is None:
            continue
        if progress.epochs < chosen.epochs:
            with trial.checkpoint(progress.epochs - 1) as folder:
                torch.save(_state(network, optimizer, annealing, progress), folder / STATE)
        trial.report(progress.epochs - 1, accuracy=progress.accuracy, loss=loss)
    return progress.accuracy


@torch.no_grad()
def accuracy_of(network: nn.Module, images: Images, device: str = "cpu") -> float:
    """The share of images whose class a classifier tells."""
    network.eval()
    right = torch.zeros((), dtype=torch.long, device=device)
    for pixels, labels in images.batches(256):
        right += (network(pixels).argmax(1) == labels).sum()
    return right.item() / len(images)


def _epoch(
    network: nn.Module, optimizer: Optimizer, train: Images, settings: CellTraining, seed: int, device: str
) -> float:
    """Once through the training images; the mean loss."""
    network.train()
    torch.manual_seed(seed)  # dropped paths
    generator = torch.Generator().manual_seed(seed)
    total, steps = torch.zeros((), device=device), 0
    for pixels, labels in train.batches(settings.batch_size, generator, settings.augmentation):
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            outputs = network(pixels.contiguous(memory_format=torch.channels_last))
        loss = _loss(outputs, labels, settings.auxiliary_weight)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        optimizer.step()
        total += loss.detach()
        steps += 1
    return total.item() / steps


def _loss(outputs: Tensor | tuple[Tensor, Tensor], labels: Tensor, auxiliary_weight: float) -> Tensor:
    if isinstance(outputs, Tensor):
        return functional.cross_entropy(outputs.float(), labels)
    logits, extra = (functional.cross_entropy(one.float(), labels) for one in outputs)
    return logits + auxiliary_weight * extra


def _state(
    network: nn.Module, optimizer: Optimizer, annealing: CosinePowerAnnealingLR, progress: Progress
) -> dict[str, Any]:
    return {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "annealing": annealing.state_dict(),
        "progress": vars(progress),
    }


def _restored(
    network: nn.Module, optimizer: Optimizer, annealing: CosinePowerAnnealingLR, trial: Trial, device: str
) -> Progress:
    """Where an earlier attempt at the trial ended; the beginning where there was none."""
    folder = trial.restore()
    if folder is None:
        return Progress()
    state: Mapping[str, Any] = torch.load(folder / STATE, map_location=device, weights_only=True)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    annealing.load_state_dict(state["annealing"])
    return Progress(**state["progress"])
