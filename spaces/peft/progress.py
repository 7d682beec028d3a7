"""How far a training is, kept in a folder, so that another attempt goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR

    from .learner import Learner
    from .schedules import Schedule

STATE = "state.pt"


@dataclass
class Progress:
    """How far a training is; a checkpoint keeps it.

    Attributes:
        epochs: that are done.
        steps: that are done.
        seconds: that the steps took.
        best: the validation metric of the best epoch.
        waited: epochs since that one.
        weights: trained parameters by name, as after the best epoch.
    """

    epochs: int = 0
    steps: int = 0
    seconds: float = 0.0
    best: float = float("-inf")
    waited: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """All that changes in a training.

    Attributes:
        learner: what is trained.
        optimizer: of its parameters.
        decay: of the learning rates.
        changes: the schedules of its methods.
    """

    learner: Learner
    optimizer: Optimizer
    decay: LambdaLR
    changes: Sequence[Schedule]

    def save(self, folder: Path, progress: Progress) -> None:
        """Write it into a folder."""
        names = {id(one): name for name, one in self.learner.network.named_parameters()}
        state = {
            "weights": {name: one.detach() for name, one in self.learner.trained()},
            "depth": self.learner.depth,
            "changes": [change.state() for change in self.changes],
            "enrolled": [[names[id(one)] for one in group["params"]] for group in self.optimizer.param_groups],
            "optimizer": self.optimizer.state_dict(),
            "decay": self.decay.state_dict(),
            "progress": vars(progress),
        }
        torch.save(state, folder / STATE)

    def restore(self, folder: Path) -> Progress:
        """Be again what `save` wrote; all of it must be as it was before the first step."""
        state = torch.load(folder / STATE, map_location=self.learner.device, weights_only=True)
        for change, own in zip(self.changes, state["changes"], strict=True):
            change.resume(own)
        self.learner.load(state["weights"])
        self.learner.depth = state["depth"]
        self._enrol(state["enrolled"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.decay.load_state_dict(state["decay"])
        return Progress(**state["progress"])

    def _enrol(self, groups: Sequence[Sequence[str]]) -> None:
        """Let the optimizer have the parameters of these names, which need not be those that it began with."""
        named: dict[str, Any] = dict(self.learner.network.named_parameters())
        for group, names in zip(self.optimizer.param_groups, groups, strict=True):
            group["params"] = [named[name] for name in names]
