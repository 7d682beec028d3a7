"""IncreLoRA: low-rank updates that gain, in the course of training, ranks where they matter most."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .checks import positive
from .ranks import TARGETS
from .schedules import dismiss, enrol, orthogonality
from .targets import check_targets, names
from .updates import Update, attach_updates, fold_updates, updates

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from .anatomy import Anatomy
    from .host import Host

SPREAD = 0.02
"""Standard deviation of new rows and columns, as in the released code."""

RESERVED = 1e-5
"""The value of a reserved rank, as in the released code: just so much that its vectors get gradients."""


@dataclass(frozen=True)
class IncreLoRA:
    """An update `alpha / rank * B diag(e) A` of each Linear, whose ranks grow where they matter most.

    Zhang et al. 2023 (arXiv 2308.12043), as in the released code. All modules start at rank 1; in each round the `top`
    modules with the greatest scores gain `gain` ranks, until they have `target_rank` on average. A score is the moving
    average of `sum |dW * dL/dW| / sqrt(size)`, times that of its deviation. The next ranks of each module are held in
    reserve, with a value near 0, so that their vectors are trained in advance. The rounds are those of its `schedule`,
    without which it stays at rank 1.

    Args:
        target_rank: on average over modules, at the end.
        alpha: over a module's rank, what its update is multiplied by.
        targets: the Linear modules that it changes.
        warmup: share of the steps before the first round.
        growing: share of the steps, after those, in which all rounds are.
        top: modules that gain in a round.
        beta1, beta2: how slowly the averages of sensitivity and of its deviation change.
        penalty: weight of the term in the loss that keeps `A` and `B` orthogonal.
        ranks: that modules have grown to, in turn; without any, all of them are at the start.

    Raises:
        Unsupported: an argument cannot be meant.
    """

    target_rank: int = 4
    alpha: float = 16
    targets: tuple[str, ...] = TARGETS
    warmup: float = 0.1
    growing: float = 0.5
    top: int = 6
    beta1: float = 0.85
    beta2: float = 0.85
    penalty: float = 0.1
    ranks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_targets(self)
        positive(self, target_rank=self.target_rank, alpha=self.alpha, growing=self.growing, top=self.top)

    @property
    def gain(self) -> int:
        """Ranks that a module gains at once: 1 to 4 for target ranks 2 to 8, as in the released code."""
        return max(1, self.target_rank // 2)

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it: every one can."""
        return None

    def attach(self, host: Host) -> None:
        """Put an update beside the Linear modules of the kept layers.

        Raises:
            Unsupported: another method stands in its way.
        """
        where = names(host, self.targets)
        ranks = dict(zip(where, self.ranks or [1] * len(where), strict=True))
        attach_updates(host, where, lambda name, weight: Growing(*weight.T.shape, rank=ranks[name], alpha=self.alpha))

    def merge(self, host: Host) -> None:
        """Fold it into the weights: the outputs stay the same, and its parameters are gone."""
        fold_updates(host, names(host, self.targets))

    def trained(self, host: Host) -> IncreLoRA:
        """Itself, with the ranks that the modules have grown to."""
        return replace(self, ranks=tuple(growing.rank for growing in self._growing(host).values()))

    def schedule(self, host: Host, steps: int, epochs: int) -> Growth:
        """What lets ranks grow in a training of so many steps."""
        return Growth(self, self._growing(host), steps)

    def _growing(self, host: Host) -> dict[str, Growing]:
        found = updates(host, names(host, self.targets))
        return {name: update for name, update in found.items() if isinstance(update, Growing)}


class Growing(Update):
    """The update of one Linear: rows of `A`, columns of `B` and values of `e`, each rank a parameter of its own.

    The last ones are in reserve: their value does not train, and they do not count as its rank.
    """

    def __init__(self, inputs: int, outputs: int, *, rank: int, alpha: float) -> None:
        super().__init__()
        self.outputs, self.inputs, self.alpha, self.rank = outputs, inputs, alpha, rank
        self.a, self.b, self.e = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        self._add(rank, torch.zeros(1), trained=True)
        self.score = 0.0

    def weights(self) -> Tensor:
        """What is added, `outputs x inputs`."""
        values = torch.cat(list(self.e)) * self.alpha / self.rank
        return torch.stack(list(self.b), 1) * values @ torch.stack(list(self.a))

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the outputs; how sensitive the loss is to it is noted on the way back."""
        added = self.weights()
        if added.requires_grad:
            added.register_hook(partial(self._note, added.detach()))  # type: ignore[no-untyped-call]
        return nn.functional.linear(x, added)

    def reserve(self, ranks: int) -> list[nn.Parameter]:
        """Hold ranks in reserve; returns their vectors, which are to be trained."""
        self._add(ranks, torch.full((1,), RESERVED), trained=False)
        return [*self.a[-ranks:], *self.b[-ranks:]]

    def grow(self, ranks: int) -> list[nn.Parameter]:
        """Take ranks from the reserve; returns their values, which are to be trained."""
        values = list(self.e[self.rank : self.rank + ranks])
        for value in values:
            value.requires_grad_(True)
        self.rank += ranks
        return values

    def drop_reserve(self) -> list[nn.Parameter]:
        """Leave out what is in reserve; returns it."""
        sides = [list(side) for side in (self.a, self.b, self.e)]
        self.a, self.b, self.e = (nn.ParameterList(side[: self.rank]) for side in sides)
        return [parameter for side in sides for parameter in side[self.rank :]]

    def _add(self, ranks: int, value: Tensor, *, trained: bool) -> None:
        like = self.a[0] if len(self.a) else value
        for _ in range(ranks):
            self.a.append(nn.Parameter(like.new_empty(self.inputs).normal_(std=SPREAD)))
            self.b.append(nn.Parameter(like.new_empty(self.outputs).normal_(std=SPREAD)))
            self.e.append(nn.Parameter(value.to(like, copy=True), requires_grad=trained))

    def _note(self, added: Tensor, gradient: Tensor) -> None:
        self.score = float((added * gradient).abs().sum()) / math.sqrt(added.numel())


class Growth:
    """Lets the updates of IncreLoRA grow."""

    def __init__(self, method: IncreLoRA, growing: Mapping[str, Growing], steps: int) -> None:
        self._method, self._growing = method, dict(growing)
        self._left = max(0, method.target_rank * len(growing) - sum(one.rank for one in growing.values()))
        rounds = math.ceil(self._left / (method.gain * min(method.top, len(growing)) or 1))
        self._first = round(method.warmup * steps)
        self._interval = max(1, int(method.growing * steps / max(1, rounds)))
        self._level = dict.fromkeys(growing, 0.0)
        self._deviation = dict.fromkeys(growing, 0.0)

    def penalty(self) -> Tensor:
        """What is added to the loss, so that `A` and `B` stay orthogonal."""
        sides = [torch.stack(list(side)) for one in self._growing.values() for side in (one.a, one.b)]
        return self._method.penalty * orthogonality(sides)

    def step(self, step: int, optimizer: Optimizer) -> None:
        """Note how much each module matters, and let some grow if it is time; `step` counts from 0."""
        if not self._left:
            return
        if step == 0:
            for one in self._growing.values():
                enrol(optimizer, one.a[0], one.reserve(self._method.gain))
        self._note()
        if step > self._first and (step - self._first) % self._interval == 0:
            self._grow(optimizer)

    def state(self) -> dict[str, Any]:
        """The ranks of each module, with those in reserve; how much each matters; and the ranks that are left."""
        return {
            "ranks": {name: (one.rank, len(one.a)) for name, one in self._growing.items()},
            "level": self._level,
            "deviation": self._deviation,
            "left": self._left,
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Grow to the ranks of a state; their values are still to be loaded."""
        for name, (rank, held) in state["ranks"].items():
            one = self._growing[name]
            one.reserve(held - one.rank)
            one.grow(rank - one.rank)
        self._level, self._deviation, self._left = dict(state["level"]), dict(state["deviation"]), state["left"]

    def _note(self) -> None:
        beta1, beta2 = self._method.beta1, self._method.beta2
        for name, one in self._growing.items():
            self._level[name] = beta1 * self._level[name] + (1 - beta1) * one.score
            self._deviation[name] = beta2 * self._deviation[name] + (1 - beta2) * abs(one.score - self._level[name])

    def _grow(self, optimizer: Optimizer) -> None:
        best = sorted(self._growing, key=lambda name: -self._level[name] * self._deviation[name])
        for name in best[: self._method.top]:
            one, gained = self._growing[name], min(self._method.gain, self._left)
            self._left -= gained
            enrol(optimizer, one.a[0], one.grow(gained))
            if gained:
                enrol(optimizer, one.a[0], one.reserve(gained))
        if not self._left:
            dismiss(optimizer, [gone for one in self._growing.values() for gone in one.drop_reserve()])
