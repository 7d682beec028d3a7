"""Cosine power annealing of a learning rate: as the cosine, but sooner low."""

from __future__ import annotations

import math

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


def cosine_power(epoch: int, epochs: int, power: float = 2.0, warmup: int = 0) -> float:
    """The share of the range between the lowest and the highest learning rate that an epoch has, from 1 down to 0.

    With c = (1 + cos(pi * epoch / epochs)) / 2 it is (power^c - 1) / (power - 1), divided by its value in the first
    epoch. After a warm-up, in which it rises in equal steps, epochs are counted from its end, and nothing is divided.
    Half-way it is near 1 / (1 + sqrt(power)). Source: Hundt, Jain and Hager, 2019, arXiv 1903.09900, as their code has
    it.

    Args:
        epoch: from 1 on.
        epochs: in all.
        power: 1 is the cosine; the greater, the sooner it is low (2 on CIFAR-10, 10 on ImageNet).
        warmup: epochs before the one that has the highest learning rate.

    Raises:
        ValueError: there is no such epoch, the power is below 1, or the warm-up leaves nothing to anneal.
    """
    _check(epochs, power, warmup)
    if not 1 <= epoch <= epochs:
        raise ValueError(f"There is no epoch {epoch}; epochs are numbered from 1 to {epochs}.")
    if epoch <= warmup + 1:
        return epoch / (warmup + 1)
    share = _powered((epoch - warmup) / (epochs - warmup), power)
    return share if warmup else share / _powered(1 / epochs, power)


class CosinePowerAnnealingLR(LRScheduler):
    """Anneals the learning rate of each group of an optimiser from its own down to `eta_min`; see `cosine_power`.

    Call `step()` after each epoch, as with the schedulers of torch: the first epoch runs before any call. After the
    last one the learning rate stays. It is resumed by `state_dict`, in the warm-up too.

    Args:
        optimizer: its groups' learning rates are the highest ones.
        epochs: in all.
        power, warmup: as in `cosine_power`.
        eta_min: the learning rate of the last epoch.
        last_epoch: number of the last epoch that is over, from 0 as torch counts; -1 to begin.

    Raises:
        ValueError: the power is below 1, or the warm-up leaves nothing to anneal.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        epochs: int,
        power: float = 2.0,
        eta_min: float = 0.0,
        warmup: int = 0,
        last_epoch: int = -1,
    ) -> None:
        _check(epochs, power, warmup)
        self.epochs, self.power, self.eta_min, self.warmup = epochs, power, eta_min, warmup
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float | Tensor]:
        """The learning rate of each group in the coming epoch."""
        epoch = min(self.last_epoch + 1, self.epochs)
        share = cosine_power(epoch, self.epochs, self.power, self.warmup)
        return [self.eta_min + (highest - self.eta_min) * share for highest in self.base_lrs]


def _powered(progress: float, power: float) -> float:
    """From 1 where nothing is done to 0 where all is."""
    cosine = (1 + math.cos(math.pi * progress)) / 2
    # expm1 keeps all digits also where the power is near 1.
    return cosine if power == 1 else math.expm1(cosine * math.log(power)) / (power - 1)


def _check(epochs: int, power: float, warmup: int) -> None:
    if not 1 <= power < math.inf:
        raise ValueError(f"power={power} is no power to anneal by; give 1 (the cosine) or more.")
    if not 0 <= warmup < epochs:
        raise ValueError(
            f"A warm-up of {warmup} epochs does not fit into {epochs}; give 0 or more, and fewer than all."
        )
