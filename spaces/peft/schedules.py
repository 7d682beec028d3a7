"""What methods do in the course of training: move ranks about, or freeze other weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from .adapted import Adapted


class Schedule(Protocol):
    """What a training loop calls for a method."""

    def penalty(self) -> Tensor:
        """What is added to the loss of a step: one number, which may be 0."""
        ...

    def step(self, step: int, optimizer: Optimizer) -> None:
        """Do what is due after a step, with its gradients still there: after `optimizer.step()`, before `zero_grad()`.

        Args:
            step: its number, from 0.
            optimizer: has new parameters from then on, in the groups of the old ones.
        """
        ...

    def state(self) -> dict[str, Any]:
        """What it needs to go on later, besides the values of what trains: plain numbers, names and tensors."""
        ...

    def resume(self, state: Mapping[str, Any]) -> None:
        """Be as the schedule was that gave a state, and let the same parameters train as then.

        Args:
            state: of the same method, in a training of as many steps; the model is as it was before any step.
        """
        ...


def schedules_of(adapted: Adapted, steps: int, epochs: int = 1) -> list[Schedule]:
    """The schedules of the methods that have any.

    Args:
        adapted: the model with its methods.
        steps: of all the training.
        epochs: of all the training.
    """
    made = (method.schedule(adapted.host, steps, epochs) for method in adapted.methods if hasattr(method, "schedule"))
    return [schedule for schedule in made if schedule is not None]


def enrol(optimizer: Optimizer, beside: nn.Parameter, new: Iterable[nn.Parameter]) -> None:
    """Let an optimizer train more parameters, in the group where one already is; those it has already, it has once."""
    known = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    group = next(group for group in optimizer.param_groups if any(one is beside for one in group["params"]))
    group["params"].extend(parameter for parameter in new if id(parameter) not in known)


def dismiss(optimizer: Optimizer, gone: Iterable[nn.Parameter]) -> None:
    """Let an optimizer forget parameters that are in the model no more."""
    left = {id(parameter) for parameter in gone}
    for group in optimizer.param_groups:
        group["params"] = [parameter for parameter in group["params"] if id(parameter) not in left]
    for parameter in [one for one in optimizer.state if id(one) in left]:
        del optimizer.state[parameter]


def orthogonality(rows: Iterable[Tensor]) -> Tensor:
    """How far the rows of matrices are from orthonormal: the mean of `|R R^T - I|`, Frobenius norms.

    AdaLoRA, Zhang et al. 2023 (arXiv 2303.10512), equation 4, as averaged over matrices in its released code.
    """
    norms = [torch.linalg.norm(one @ one.T - torch.eye(len(one), dtype=one.dtype, device=one.device)) for one in rows]
    return torch.stack(norms).mean()
