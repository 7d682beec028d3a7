"""Half fine-tuning: a share of the model's matrices stays frozen."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, no_grad, zeros

from .checks import one_of
from .errors import Unsupported
from .full import FullFineTuning, Own, parameters, within
from .schedules import enrol

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from .anatomy import Anatomy, Layer
    from .host import Host

GRANULARITIES = ("model", "layer", "category")
REDRAWS = ("never", "epoch")


@dataclass(frozen=True)
class HalfFineTuning(Own):
    """Fine-tuning of all but a random share of the modules in the kept layers.

    Hui et al. 2024 (arXiv 2404.18466): a module is a weight with its bias. What stands outside the layers trains if
    every layer is kept, as in `FullFineTuning`.

    Args:
        share: of the modules, how many are frozen, rounded down.
        granularity: the share is taken `"model"`: of all modules; `"layer"`: of the layers, each as a whole;
            `"category"`: in each layer, of the modules of attention, of the feed-forward block, and of LayerNorms.
        redraw: whether others are drawn for each `"epoch"`, or `"never"`.
        seed: of the draw.

    Raises:
        Unsupported: an argument cannot be meant.
    """

    share: float = 0.5
    granularity: str = "category"
    redraw: str = "never"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise Unsupported(f"share of HalfFineTuning is {self.share!r}; give a number between 0 and 1.")
        one_of(self, GRANULARITIES, granularity=self.granularity)
        one_of(self, REDRAWS, redraw=self.redraw)

    def trains(self, anatomy: Anatomy, layers: Sequence[bool], draw: int = 0) -> tuple[str, ...]:
        """The names of the parameters that it trains in its `draw`-th draw."""
        generator = random.Random(f"{self.seed}/{draw}")
        frozen: set[str] = set()
        for group in self._groups(anatomy, layers):
            frozen.update(*generator.sample(group, int(self.share * len(group))))
        return tuple(name for name in FullFineTuning().trains(anatomy, layers) if name not in frozen)

    def schedule(self, host: Host, steps: int, epochs: int) -> Redraw | None:
        """What draws again for each epoch; None where nothing does."""
        return Redraw(self, host, max(1, steps // epochs)) if self.redraw == "epoch" else None

    def _groups(self, anatomy: Anatomy, layers: Sequence[bool]) -> list[list[tuple[str, ...]]]:
        """What is drawn from: groups of units, each of which is frozen as a whole, as names of parameters."""
        kept = [layer for layer, on in zip(anatomy.layers, layers, strict=True) if on]
        if self.granularity == "layer":
            return [[tuple(anatomy.below(layer.name)) for layer in kept]]
        if self.granularity == "model":
            return [_modules(within(anatomy, layers))]
        groups: list[list[tuple[str, ...]]] = []
        for layer in kept:
            parts: dict[str, list[tuple[str, ...]]] = {"attention": [], "feed-forward": [], "norms": []}
            for module in _modules(anatomy.below(layer.name)):
                parts[_category(module[0].rpartition(".")[0], layer, anatomy)].append(module)
            groups.extend(parts.values())
        return groups


class Redraw:
    """Draws at the end of each epoch which modules of `HalfFineTuning` are frozen in the next one."""

    def __init__(self, method: HalfFineTuning, host: Host, steps_per_epoch: int) -> None:
        self._method, self._host, self._steps_per_epoch = method, host, steps_per_epoch
        names = FullFineTuning().trains(host.anatomy, host.layers)
        self._own = dict(zip(names, parameters(host, names), strict=True))
        self._draw = 0

    def penalty(self) -> Tensor:
        """What is added to the loss: nothing."""
        return zeros(())

    def step(self, step: int, optimizer: Optimizer) -> None:
        """Draw again after the last step of an epoch; `step` counts from 0."""
        epoch, left = divmod(step + 1, self._steps_per_epoch)
        if left:
            return
        before = [parameter for parameter in self._own.values() if parameter.requires_grad]
        enrol(optimizer, before[0], self._train(epoch))

    def state(self) -> dict[str, Any]:
        """Which draw it is, and the values of what is frozen in it, which may have trained before."""
        frozen = {name: parameter.detach() for name, parameter in self._own.items() if not parameter.requires_grad}
        return {"draw": self._draw, "frozen": frozen}

    @no_grad()
    def resume(self, state: Mapping[str, Any]) -> None:
        """Freeze what is frozen in the draw of a state, with the values that it says."""
        self._train(state["draw"])
        for name, values in state["frozen"].items():
            self._own[name].copy_(values)

    def _train(self, draw: int) -> list[nn.Parameter]:
        """Let train what a draw says, and nothing else; returns that."""
        self._draw = draw
        trained = set(self._method.trains(self._host.anatomy, self._host.layers, draw))
        for name, parameter in self._own.items():
            parameter.requires_grad_(name in trained)
            parameter.grad = None
        return [self._own[name] for name in sorted(trained)]


def _category(module: str, layer: Layer, anatomy: Anatomy) -> str:
    if module in anatomy.norms:
        return "norms"
    return "attention" if module.startswith(f"{layer.attention}.") or module == layer.output else "feed-forward"


def _modules(names: Iterable[str]) -> list[tuple[str, ...]]:
    """The names of parameters, those of one module together."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.rpartition(".")[0], []).append(name)
    return [tuple(module) for module in found.values()]
