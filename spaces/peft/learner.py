"""A model in training on a task: what it is made of, and what it predicts."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .apply import apply
from .classifier import Classifier, Pooling, Pretrained, rest
from .data import Encoded, Examples, Task, encode
from .features import Features, features_of, recalled, untouched
from .metrics import metric_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .adapted import Adapted
    from .settings import Settings

AT_ONCE = 64
"""Texts of a batch when nothing is trained."""


@dataclass(frozen=True, eq=False)
class Part:
    """Examples of a task, ready for the model.

    Attributes:
        inputs: tokens.
        targets: labels `(examples,)`.
        features: hidden states after the lowest layers, where these are looked up.
    """

    inputs: Encoded
    targets: Tensor
    features: Features | None = None


class Learner:
    """An encoder with methods attached and a head, its data, and the device it is on.

    Attributes:
        network: the whole model.
        adapted: its encoder with the methods: to be counted, saved, merged.
        parts: the examples of the task, as tokens.
        depth: how many of the lowest layers are frozen, and all that is below them.
        validated: the metric on the validation examples, as it was found in training; NaN before that.

    Args:
        pretrained: copied, so that it stays as it is.
        task: what is learnt.
        methods: as `apply` takes them.
        settings: `max_length` and `dropout` are used.
        layers: as `apply` takes them.
        seed: of all new weights.
        device: "cpu" or "cuda"; on the latter, it computes in bfloat16 where that is safe.
        pooling: of hidden states, for the head.
        features: a folder for the hidden states of frozen layers; None to compute them each time.

    Raises:
        Unsupported: the model cannot take one of the methods.
    """

    def __init__(
        self,
        pretrained: Pretrained,
        task: Task,
        methods: Any,
        settings: Settings,
        *,
        layers: Sequence[bool] | None = None,
        seed: int = 0,
        device: str = "cpu",
        pooling: Pooling = "mean",
        features: Path | None = None,
    ) -> None:
        self.task, self.device, self.validated = task, device, float("nan")
        encoder = copy.deepcopy(pretrained.encoder)
        torch.manual_seed(seed)
        self.adapted: Adapted = apply(encoder, methods, layers=layers)
        self.network = Classifier(encoder, self.adapted.anatomy.hidden, task.outputs, pooling, settings.dropout).to(
            device
        )
        encoded = {
            name: encode(pretrained.tokenizer, examples, settings.max_length) for name, examples in task.parts.items()
        }
        self.depth = self._untouched(encoded["train"])
        self.parts = {name: self._part(encoded[name], examples, features) for name, examples in task.parts.items()}

    def train(self) -> None:
        """Turn dropout on, but not in what is frozen below all that is trained.

        What is frozen may change in training, with methods that draw anew what they train.
        """
        self.depth = min(self.depth, self._untouched(self.parts["train"].inputs))
        self.network.train()
        rest(self.network.encoder, self.adapted.anatomy, self.depth)

    def loss(self, rows: Sequence[int]) -> Tensor:
        """Of training examples: cross-entropy, or the squared error in regression; a scalar."""
        targets = self.parts["train"].targets[list(rows)].to(self.device)
        predicted = self._outputs("train", rows)
        if self.task.regression:
            return functional.mse_loss(predicted.squeeze(1), targets)
        return functional.cross_entropy(predicted, targets)

    def score(self, part: str, metric: str = "accuracy") -> float:
        """A metric on a part of the task.

        Raises:
            ParetreeError: there is no such metric, or it is not for the labels of the task.
        """
        of_classes = not self.task.regression
        return metric_of(metric, of_classes=of_classes).score(self.parts[part].targets.numpy(), self.predict(part))

    @torch.no_grad()
    def predict(self, part: str) -> NDArray[np.generic]:
        """What is predicted of each example of a part of the task: the number of its class, or a number."""
        self.network.eval()
        lengths = self.parts[part].inputs.lengths
        order = sorted(range(len(lengths)), key=lengths.__getitem__)
        outputs = torch.empty(len(order), self.task.outputs)
        for first in range(0, len(order), AT_ONCE):
            rows = order[first : first + AT_ONCE]
            outputs[rows] = self._outputs(part, rows).float().cpu()
        predicted: NDArray[np.generic] = (outputs[:, 0] if self.task.regression else outputs.argmax(1)).numpy()
        return predicted

    def trained(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """The parameters that train, the head's included."""
        return ((name, one) for name, one in self.network.named_parameters() if one.requires_grad)

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Give the parameters that train the values of these names."""
        own = dict(self.trained())
        for name, values in weights.items():
            own[name].copy_(values)

    def _outputs(self, part: str, rows: Sequence[int]) -> Tensor:
        inputs, features = self.parts[part].inputs, self.parts[part].features
        batch = {name: column.to(self.device) for name, column in inputs.batch(rows).items()}
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"), self._known(features, rows):
            outputs: Tensor = self.network(batch)
        return outputs.float()

    def _known(self, features: Features | None, rows: Sequence[int]) -> Any:
        if features is None or features.depth > self.depth:
            return nullcontext()
        states = features.batch(rows).to(self.device)
        return recalled(self.network.encoder, self.adapted.anatomy, features.depth, states)

    def _untouched(self, encoded: Encoded) -> int:
        batch = {name: column.to(self.device) for name, column in encoded.batch(range(min(2, len(encoded)))).items()}
        return untouched(self.network.encoder, self.adapted.anatomy, batch)

    def _part(self, encoded: Encoded, examples: Examples, folder: Path | None) -> Part:
        targets = self.task.targets(examples)
        if folder is None or self.depth == 0:
            return Part(encoded, targets)
        encoder, anatomy = self.network.encoder, self.adapted.anatomy
        return Part(encoded, targets, features_of(encoder, anatomy, encoded, self.depth, folder, self.device))
