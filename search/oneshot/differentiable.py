"""Differentiable architecture search: weights and alphas of a supernet are trained in turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ...spaces.cells.annealing import CosinePowerAnnealingLR
from ...spaces.cells.images import Augmentation, Images
from ..seeds import derive
from .architecture import ArchParameters, arrays
from .bilevel import first_order, second_order
from .curvature import EarlyStopping, greatest_eigenvalue
from .discretise import by_magnitude, by_perturbation
from .learner import Batch, Mixture, SupernetLearner, batches, called
from .settings import SearchSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

MakeSupernet = Callable[[int], nn.Module]
"""Makes a supernet of which one in so many channels passes through the operations."""

JUDGED_AT_ONCE = 256
"""Validation images in a batch."""

TUNED_SLOWER = 10
"""The learning rate of the search, over that with which perturbation tunes (DARTS-PT)."""


class DifferentiableSearch:
    """A search, which goes on epoch by epoch and ends in scores.

        search = DifferentiableSearch(
            lambda portion: NASBench201Supernet(portion=portion), *images.split(0.5), SearchSettings()
        )
        while not search.done:
            print(search.epoch())
        configuration = space.configuration(NASBENCH201_CELLS.decisions(search.finish()))

    Each step trains alphas on a batch of validation images, drawn with replacement, and then the weights on one of
    training images (DARTS). All that is random in an epoch follows from the seed and the epoch's number, so what is
    gone on with from `state_dict` ends as if it had never been interrupted. On a GPU the supernet computes in bfloat16;
    alphas, losses and curvature are in single precision.

    Args:
        make_supernet: from the portion of the settings to a supernet, such as `Supernet`, `NASBench201Supernet`, or a
            `HyperCuboidSupernet`, whose scores are those of its `paths`.
        train: images that weights learn from.
        validation: images that alphas learn from.
        settings: how.
        seed: of initial weights and alphas, and of all that is drawn.
        device: "cpu" or "cuda".
        channels_last: the layout of images and weights in memory.
    """

    def __init__(
        self,
        make_supernet: MakeSupernet,
        train: Images,
        validation: Images,
        settings: SearchSettings | None = None,
        seed: int = 0,
        device: str = "cpu",
        *,
        channels_last: bool = False,
    ) -> None:
        self.settings = chosen = settings or SearchSettings()
        self.seed = seed
        self.train, self.validation = train.to(device), validation.to(device)
        self._augmentation = Augmentation(chosen.crop, chosen.flip, chosen.cutout)
        self._epochs, self._stopped, self._accuracy = 0, False, math.nan
        self._found: dict[str, NDArray[np.float64]] | None = None
        network = self._made(make_supernet)
        self.learner = SupernetLearner(network, chosen, device, channels_last)
        self.architecture = ArchParameters(self.space, chosen, self._generator("alphas"), device)
        self._optimizer = self.learner.optimizer(chosen.lr)
        self._annealing = CosinePowerAnnealingLR(
            self._optimizer, chosen.epochs, chosen.annealing, chosen.lr_min, chosen.lr_warmup
        )
        self._alpha_optimizer = torch.optim.Adam(
            self.architecture.all, chosen.alpha_lr, betas=chosen.alpha_betas, weight_decay=chosen.alpha_weight_decay
        )
        self._stopping = EarlyStopping(chosen.stop_ratio)

    @property
    def space(self) -> Any:
        """Of the supernet: a `CellSpace`, or what else it searches."""
        return self.learner.network.space

    @property
    def accuracy(self) -> float:
        """Of the supernet on the validation images after the last epoch; NaN before the first."""
        return self._accuracy

    @property
    def epochs(self) -> int:
        """That are done."""
        return self._epochs

    @property
    def stopped(self) -> bool:
        """The curvature grew too much; alphas are those from before it did."""
        return self._stopped

    @property
    def done(self) -> bool:
        """There is nothing left but to `finish`."""
        return self._stopped or self._epochs >= self.settings.epochs

    def epoch(self) -> dict[str, float]:
        """Go once through the training images.

        Returns:
            `loss` and `accuracy` in training; accuracy of the supernet on validation images (`validation`); the
            `eigenvalue`, after epochs in which it is measured; the mean `entropy` of weights, in nats; and by type and
            primitive ("normal/skip_connect") the mean weight.

        Raises:
            ValueError: the search is done.
        """
        if self.done:
            raise ValueError(f"The search is done after {self._epochs} epochs; finish() gives what it found.")
        generator = self._generator("epoch", self._epochs)
        losses, hits, seen = [], [], 0
        self.learner.network.train()
        for batch in self.train.batches(self.settings.batch_size, generator, self._augmentation):
            if self._epochs >= self.settings.frozen_epochs:
                self._step_alphas(self._validation_batch(generator), batch, _drawn(generator))
            mixture = self.architecture.mixture(self._progress, _drawn(generator))
            loss, right = self.learner.step(self._optimizer, batch, mixture)
            losses.append(loss)
            hits.append(right)
            seen += len(batch[1])
        self._annealing.step()
        self._epochs += 1
        self._accuracy, _ = self._judge(self.architecture.expected())
        measured = {
            "loss": float(torch.stack(losses).mean()),
            "accuracy": float(torch.stack(hits).sum()) / seen,
            "validation": self._accuracy,
        }
        return {**measured, **self._measure_curvature(), **self.architecture.summary()}

    def weights(self) -> dict[str, NDArray[np.float64]]:
        """By type of cell, how much each operation contributes in the mean: (edges, primitives).

        Once perturbation has found cells it is what that says of the operations on each edge, with the sum 1.
        """
        if self._found is not None and self.settings.discretise == "perturbation":
            return {kind: one / one.sum(1, keepdims=True) for kind, one in self._found.items()}
        return arrays(self.architecture.expected().weights)

    def finish(self) -> dict[str, NDArray[np.float64]]:
        """Scores by type of cell; `space.decisions(scores)` is what was found.

        Perturbation goes on training the supernet, so its search cannot be gone on with afterwards.
        """
        if self._found is None:
            by_weight = self.settings.discretise == "magnitude"
            self._found = by_magnitude(self.architecture.expected()) if by_weight else self._perturbed()
        return self._found

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on, in numbers and tensors: `torch.load(..., weights_only=True)` reads it."""
        return {
            "epochs": self._epochs,
            "stopped": self._stopped,
            "accuracy": self._accuracy,
            "network": self.learner.network.state_dict(),
            "architecture": self.architecture.state(),
            "optimizer": self._optimizer.state_dict(),
            "annealing": self._annealing.state_dict(),
            "alpha_optimizer": self._alpha_optimizer.state_dict(),
            "stopping": self._stopping.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave, of a search with the same supernet, images, settings and seed."""
        self._epochs, self._stopped = int(state["epochs"]), bool(state["stopped"])
        self._accuracy = float(state["accuracy"])
        self.learner.network.load_state_dict(state["network"])
        self.architecture.load(state["architecture"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._annealing.load_state_dict(state["annealing"])
        self._alpha_optimizer.load_state_dict(state["alpha_optimizer"])
        self._stopping.load(state["stopping"])

    def _made(self, make_supernet: MakeSupernet) -> Any:
        """The supernet, on the CPU, so that its first weights are the same whatever device it is for."""
        pixels, _ = self.validation.some(torch.arange(2)).to("cpu").drawn(2, self._generator("first"))
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.default_generator.manual_seed(derive(self.seed, "weights", 0))
            network: Any = make_supernet(self.settings.portion)
            called(network, pixels, ArchParameters(network.space, self.settings, self._generator("alphas")).expected())
        return network

    @property
    def _progress(self) -> float:
        """From 0 in the first epoch to 1 in the last one."""
        return self._epochs / max(1, self.settings.epochs - 1)

    def _perturbed(self) -> dict[str, NDArray[np.float64]]:
        optimizer, generator = self.learner.optimizer(self.settings.lr / TUNED_SLOWER), self._generator("tuning")

        def judge(mixture: Mixture) -> float:
            return self._judge(mixture, self.settings.judged_on)[1]

        def tune(mixture: Mixture) -> None:
            for batch in self._tuning_batches(generator):
                self.learner.step(optimizer, batch, mixture)

        mixture, seed = self.architecture.expected(), derive(self.seed, "edges", 0)
        return by_perturbation(self.space, mixture, judge, tune, seed)

    def _step_alphas(self, validation: Batch, training: Batch, seed: int) -> None:
        """Both losses are of the same draw of weights."""
        chosen, alphas = self.settings, self.architecture.all

        def on(batch: Batch) -> torch.Tensor:
            return self.learner.loss(batch, self.architecture.mixture(self._progress, seed))

        def loss() -> torch.Tensor:
            return on(validation) + self.architecture.penalty(self._progress)

        parameters = self.learner.parameters
        if chosen.order == 1:
            gradients = first_order(loss, alphas, parameters)
        else:
            gradients = second_order(
                loss,
                lambda: on(training),
                alphas,
                parameters,
                lr=float(self._optimizer.param_groups[0]["lr"]),
                momentum=chosen.momentum,
                weight_decay=chosen.weight_decay,
                buffers=[self._optimizer.state[one].get("momentum_buffer") for one in parameters],
            )
        for one, gradient in zip(alphas, gradients, strict=True):
            one.grad = gradient
        self._alpha_optimizer.step()

    def _measure_curvature(self) -> dict[str, float]:
        """The eigenvalue, where it is time for it; a search that has gone wrong goes back and stops."""
        every = self.settings.eigenvalue_every
        if not every or self._epochs % every:
            return {}
        generator = self._generator("curvature", self._epochs)
        with self.learner.exact():
            mixture = self.architecture.mixture(self._progress, _drawn(generator))
            loss = self.learner.loss(self._validation_batch(generator), mixture)
            found = greatest_eigenvalue(loss, list(self.architecture.alphas.values()), _drawn(generator))
        if self._stopping.add(self._epochs, found, self.architecture.state()):
            self._stopped = True
            self.architecture.load(self._stopping.older)
        return {"eigenvalue": found}

    def _judge(self, mixture: Mixture, images: int | None = None) -> tuple[float, float]:
        """Accuracy and loss on so many validation images, always the same ones, or on all."""
        size = JUDGED_AT_ONCE if images is None else min(JUDGED_AT_ONCE, images)
        whole = batches(self.validation, size, derive(self.seed, "judge", 0))
        return self.learner.judge(whole if images is None else islice(whole, images // size), mixture)

    def _tuning_batches(self, generator: torch.Generator) -> Iterator[Batch]:
        """So many epochs, the last of which need not be whole."""
        size, epochs = self.settings.batch_size, self.settings.tuned_epochs
        steps = max(1, round(epochs * max(1, len(self.train) // size)))
        endless = chain.from_iterable(self.train.batches(size, generator, self._augmentation) for _ in repeat(None))
        return islice(endless, steps)

    def _validation_batch(self, generator: torch.Generator) -> Batch:
        return self.validation.drawn(self.settings.batch_size, generator, self._augmentation)

    def _generator(self, purpose: str, number: int = 0) -> torch.Generator:
        return torch.Generator().manual_seed(derive(self.seed, purpose, number))


def _drawn(generator: torch.Generator) -> int:
    """A seed."""
    return int(torch.randint(2**62, (), generator=generator))
