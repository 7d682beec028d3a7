"""The weights of a supernet: how they are called, trained and judged for given architecture weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ...spaces.cells.images import Images
from .bilevel import frozen
from .settings import SearchSettings

WHOLE = "paths"
"""The type that architectures have which are one tensor, and no cells by type."""

Batch = tuple[Tensor, Tensor]
"""Images (N, channels, height, width) and labels (N,)."""


class Mixture(NamedTuple):
    """What a supernet is given with its images.

    Attributes:
        weights: by type of cell, what each operation contributes.
        strengths: by type of cell, what each edge contributes (edges,); None where all contribute alike.
    """

    weights: Mapping[str, Tensor]
    strengths: Mapping[str, Tensor] | None = None

    def detached(self) -> Mixture:
        """The same without gradients."""
        strengths = self.strengths
        return Mixture(
            {kind: one.detach() for kind, one in self.weights.items()},
            None if strengths is None else {kind: one.detach() for kind, one in strengths.items()},
        )


class SupernetLearner:
    """A supernet and the optimiser of its weights.

    Args:
        network: takes images, weights by type, and strengths; that of a HyperCuboid images and one tensor of weights.
            All its layers have their sizes.
        settings: how weights are trained.
        device: "cpu" or "cuda"; on the latter it computes in bfloat16.
        channels_last: the layout of images and weights in memory.
    """

    def __init__(self, network: Any, settings: SearchSettings, device: str, channels_last: bool = False) -> None:
        self.settings, self.device = settings, torch.device(device)
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        self._mixed = self.device.type == "cuda"
        self.network = network.to(self.device, memory_format=self._layout)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The weights."""
        return list(self.network.parameters())

    def optimizer(self, lr: float) -> torch.optim.SGD:
        """Of the weights."""
        momentum, decay = self.settings.momentum, self.settings.weight_decay
        return torch.optim.SGD(self.parameters, lr, momentum=momentum, weight_decay=decay)

    def logits(self, images: Tensor, mixture: Mixture) -> Tensor:
        """(N, classes) in single precision."""
        laid_out = images.contiguous(memory_format=self._layout)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._mixed):
            logits = called(self.network, laid_out, mixture)
        return logits.float()

    def loss(self, batch: Batch, mixture: Mixture) -> Tensor:
        """The mean cross-entropy."""
        return cross_entropy(self.logits(batch[0], mixture), batch[1])

    def step(self, optimizer: torch.optim.Optimizer, batch: Batch, mixture: Mixture) -> tuple[Tensor, Tensor]:
        """Train on a batch; its loss before, and how many of its labels were told right."""
        logits = self.logits(batch[0], mixture.detached())
        loss = cross_entropy(logits, batch[1])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        optimizer.step()
        return loss.detach(), (logits.argmax(1) == batch[1]).sum()

    @torch.no_grad()
    def judge(self, batches: Iterable[Batch], mixture: Mixture) -> tuple[float, float]:
        """Accuracy, and the mean loss.

        Batches are normalised by what is in them, as in training: means that run along would be those of other
        architecture weights.
        """
        self.network.train()
        hits, losses, seen = [], [], 0
        for images, labels in batches:
            logits = self.logits(images, mixture)
            hits.append((logits.argmax(1) == labels).sum())
            losses.append(cross_entropy(logits, labels, reduction="sum"))
            seen += len(labels)
        return float(torch.stack(hits).sum()) / seen, float(torch.stack(losses).sum()) / seen

    @contextmanager
    def exact(self) -> Iterator[None]:
        """Inside, everything is in single precision, and no gradient is computed with respect to the weights."""
        mixed, self._mixed = self._mixed, False
        with frozen(self.parameters):
            yield
        self._mixed = mixed


def called(network: Any, images: Tensor, mixture: Mixture) -> Tensor:
    """The logits of a supernet; on the first call its lazy layers get their sizes."""
    logits: Tensor = network(images, mixture.weights[WHOLE]) if WHOLE in mixture.weights else network(images, *mixture)
    return logits


def batches(images: Images, size: int, seed: int) -> Iterable[Batch]:
    """Once through images that are not changed; those that do not fill a batch are left out."""
    return images.batches(size, torch.Generator().manual_seed(seed))
