"""How a configuration is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..settings import check_setting


@dataclass(frozen=True)
class Settings:
    """All numbers of a training that are not of the methods.

    Attributes:
        lr: learning rate of the methods, where it is greatest.
        head_lr: the same of the head, which is new and so learns faster than what is attached to trained weights.
        batch_size: examples of a step.
        epochs: how often the training data are gone through; may be a share of once.
        steps: at most, whatever the epochs; None for no such limit.
        data: share of the training data that is used, the same examples for all trials.
        max_length: tokens of an example.
        warmup: share of the steps in which learning rates rise from 0; then they fall to 0, both linearly.
        weight_decay: of matrices, as AdamW has it; biases and norms do not decay.
        clip: the norm that the gradient of all parameters together has at most.
        dropout: before the head.
        patience: after so many epochs in a row without a better validation metric, training ends.

    Raises:
        ParetreeError: a number is out of its range.
    """

    lr: float = 1e-3
    head_lr: float = 5e-3
    batch_size: int = 32
    epochs: float = 3
    steps: int | None = None
    data: float = 1.0
    max_length: int = 128
    warmup: float = 0.06
    weight_decay: float = 0.0
    clip: float = 1.0
    dropout: float = 0.1
    patience: int = 10

    def __post_init__(self) -> None:
        for name in ("lr", "head_lr", "batch_size", "epochs", "data", "max_length", "clip", "patience"):
            check_setting(self, name, getattr(self, name) > 0, "a number above 0")
        for name in ("warmup", "data"):
            check_setting(self, name, 0 <= getattr(self, name) <= 1, "a share from 0 to 1")
        check_setting(self, "steps", self.steps is None or self.steps > 0, "a number above 0, or None")
        check_setting(self, "weight_decay", self.weight_decay >= 0, "0 or more")
        check_setting(self, "dropout", 0 <= self.dropout < 1, "a share from 0 to below 1")

    def steps_of(self, examples: int) -> int:
        """Steps of the whole training, with so many training examples."""
        whole = max(1, math.ceil(math.ceil(examples / self.batch_size) * self.epochs))
        return whole if self.steps is None else min(whole, self.steps)

    def epochs_of(self, examples: int) -> int:
        """Epochs of the whole training, the last of which need not be whole."""
        return math.ceil(self.steps_of(examples) / math.ceil(examples / self.batch_size))

    def rate(self, step: int, steps: int) -> float:
        """The share of the learning rates at a step, from 0, of so many."""
        rising = math.ceil(self.warmup * steps)
        return (step + 1) / rising if step < rising else (steps - step) / max(1, steps - rising)
