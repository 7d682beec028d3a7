"""What the frozen bottom of an encoder computes, kept on disk, so that it is computed once for all trials.

Where the lowest layers have nothing that is trained in them, their hidden states are the same in every epoch of every
trial. They are looked up instead of computed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from .data import Encoded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .anatomy import Anatomy

AT_ONCE = 64
"""Texts of a batch when hidden states are computed; those of like length go together."""

CLOSE = 1e-4
"""By how much states may differ, at most, when they are looked up instead of computed: rounding of a batch's shape."""


@dataclass(frozen=True, eq=False)
class Features:
    """The hidden states of examples after the lowest layers of an encoder.

    Attributes:
        states: of all tokens of all examples, one after the other `(tokens, features)`, float32.
        starts: where those of each example begin, and at last where all end.
        depth: how many layers.
    """

    states: NDArray[np.float32]
    starts: tuple[int, ...]
    depth: int

    def batch(self, rows: Sequence[int]) -> Tensor:
        """The states of these examples `(rows, tokens of the longest, features)`; 0 after the end of shorter ones."""
        from torch.nn.utils.rnn import pad_sequence

        parts = [torch.from_numpy(self.states[self.starts[row] : self.starts[row + 1]].copy()) for row in rows]
        return pad_sequence(parts, batch_first=True)


def untouched(encoder: nn.Module, anatomy: Anatomy, batch: Mapping[str, Tensor]) -> int:
    """How many of the lowest layers compute nothing that depends on a trained parameter, so that they can be looked up.

    Asks the graph of gradients of one run, so it holds for whatever was attached. It is 0 where states cannot be looked
    up: layers share their weights, put out more than states, or the encoder does more between them than to pass states
    on. Leaves the encoder in evaluation mode.

    Args:
        encoder: with its methods attached, and what is not trained frozen.
        anatomy: of the encoder.
        batch: any inputs.
    """
    if anatomy.shares_layers:
        return 0
    encoder.eval()
    with torch.enable_grad():
        outputs, last = _run(encoder, anatomy, batch)
    depth = next((index for index, one in enumerate(outputs) if not _is_frozen(one)), len(outputs))
    if depth == 0 or outputs[depth - 1].shape[:2] != batch["input_ids"].shape:
        return 0
    with torch.no_grad(), recalled(encoder, anatomy, depth, outputs[depth - 1]):
        again: Tensor = encoder(**batch).last_hidden_state
    return depth if torch.allclose(again, last, atol=CLOSE) else 0


def features_of(
    encoder: nn.Module, anatomy: Anatomy, encoded: Encoded, depth: int, folder: Path, device: str = "cpu"
) -> Features:
    """The hidden states of examples after the lowest `depth` layers: read from `folder`, or computed and kept there.

    Their file is named by what they are made of: the weights of those layers, and the tokens. Several processes may
    do so at once. A thousand sentences of MiniLM take about 40 MB for each depth.
    """
    starts = (0, *accumulate(encoded.lengths))
    file = folder / f"{_fingerprint(encoder, anatomy, encoded, depth)}.npy"
    if not file.is_file():
        states = np.empty((starts[-1], anatomy.hidden), dtype=np.float32)
        for row, found in _computed(encoder, anatomy, encoded, depth, device):
            states[starts[row] : starts[row + 1]] = found
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f"{file.stem}.{os.getpid()}.npy")
        np.save(unfinished, states)
        unfinished.replace(file)
    return Features(np.load(file, mmap_mode="r"), starts, depth)


@contextmanager
def recalled(encoder: nn.Module, anatomy: Anatomy, depth: int, states: Tensor) -> Iterator[None]:
    """Run the encoder with these hidden states `(texts, tokens, features)` as those after its lowest `depth` layers."""
    with _replaced(_layers(encoder, anatomy)[:depth], lambda given, *_, **__: states):
        yield


@contextmanager
def _replaced(layers: Sequence[nn.Module], function: Callable[..., Tensor]) -> Iterator[None]:
    """Have layers call a function instead of computing."""
    own = [vars(layer).get("forward") for layer in layers]
    for layer in layers:
        layer.forward = function
    try:
        yield
    finally:
        for layer, forward in zip(layers, own, strict=True):
            if forward is None:
                del layer.forward
            else:
                layer.forward = forward


def _layers(encoder: nn.Module, anatomy: Anatomy) -> list[nn.Module]:
    return [encoder.get_submodule(layer.name) for layer in anatomy.layers]


def _run(encoder: nn.Module, anatomy: Anatomy, batch: Mapping[str, Tensor]) -> tuple[list[Any], Tensor]:
    """What each layer puts out, and the last hidden states."""
    outputs: list[Any] = []
    hooks = [
        layer.register_forward_hook(lambda _, __, output: outputs.append(output)) for layer in _layers(encoder, anatomy)
    ]
    try:
        last: Tensor = encoder(**batch).last_hidden_state
    finally:
        for hook in hooks:
            hook.remove()
    return outputs, last


def _is_frozen(output: Any) -> bool:
    return isinstance(output, Tensor) and not output.requires_grad


def _computed(
    encoder: nn.Module, anatomy: Anatomy, encoded: Encoded, depth: int, device: str
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The states of each example `(tokens, features)`, with its row."""
    order = sorted(range(len(encoded)), key=encoded.lengths.__getitem__)
    above = _layers(encoder, anatomy)[depth:]
    for first in range(0, len(order), AT_ONCE):
        rows = order[first : first + AT_ONCE]
        batch = {name: column.to(device) for name, column in encoded.batch(rows).items()}
        with torch.no_grad(), _replaced(above, lambda given, *_, **__: given):
            outputs, _ = _run(encoder, anatomy, batch)
        for row, found in zip(rows, outputs[depth - 1].float().cpu().numpy(), strict=True):
            yield row, found[: encoded.lengths[row]]


def _fingerprint(encoder: nn.Module, anatomy: Anatomy, encoded: Encoded, depth: int) -> str:
    """A name (64 hex digits) for the states: of the frozen weights below, and of the tokens."""
    digest = hashlib.blake2b(f"{type(encoder).__name__} {depth} {encoded.lengths}".encode(), digest_size=32)
    above = tuple(f"{layer.name}." for layer in anatomy.layers[depth:])
    tensors = [
        (name, parameter.detach())
        for name, parameter in encoder.named_parameters()
        if not name.startswith(above) and not parameter.requires_grad
    ]
    for name, tensor in [*tensors, *((name, torch.cat(column)) for name, column in encoded.columns.items())]:
        digest.update(name.encode())
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
