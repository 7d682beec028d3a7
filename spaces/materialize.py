"""Giving lazy torch modules their sizes without computing anything.

The model is made twice: a twin on the meta device, where tensors have a shape and no memory, runs one input and so
shows what every lazy module receives; the real one is then given those shapes. Initial weights are drawn once, by
torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils.flop_counter import FlopCounterMode

from .cost import Cost

Call = tuple[tuple[Any, ...], dict[str, Any]]


def materialize(make: Callable[[], Any], input_shape: tuple[int, ...]) -> tuple[nn.Module, Cost]:
    """The module that `make` returns, all sizes known and weights initialised, and what it costs.

    Args:
        make: makes the module; called twice.
        input_shape: shape of one input without the batch dimension.

    Raises:
        TypeError: `make` returns no torch module.
        ValueError: a module with open sizes is never run.
    """
    trace = _trace(make, input_shape)
    module = make()
    for name, part in module.named_modules():
        if _is_open(part):
            lazy: Any = part
            lazy._infer_parameters(lazy, *trace.calls[name])
    return module, trace.cost


def measure(make: Callable[[], Any], input_shape: tuple[int, ...]) -> Cost:
    """What the module that `make` returns costs; arguments and errors as in `materialize`."""
    return _trace(make, input_shape).cost


@dataclass
class _Trace:
    calls: dict[str, Call] = field(default_factory=dict)
    activation_bytes: int = 0
    cost: Cost = field(default_factory=lambda: Cost(0, 0, 0))


def _trace(make: Callable[[], Any], input_shape: tuple[int, ...]) -> _Trace:
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        twin = make()
    if not isinstance(twin, nn.Module):
        raise TypeError(f"input_shape is for torch modules, but this part builds {type(twin).__name__}; leave it out.")
    twin.eval()
    trace = _Trace()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), _watched(twin, trace), counter:
        try:
            twin(torch.empty(1, *input_shape, device="meta"))
        except Exception as error:
            error.add_note(f"This arose while inferring sizes for an input of shape {input_shape}.")
            raise
    idle = [name for name, part in twin.named_modules() if _is_open(part)]
    if idle:
        raise ValueError(
            f"The sizes of module {idle[0]!r} stay unknown, because it does not run on an input in evaluation mode; "
            "run it in forward, or give its sizes."
        )
    params = sum(parameter.numel() for parameter in twin.parameters())
    trace.cost = Cost(params, counter.get_total_flops(), trace.activation_bytes)
    return trace


def _is_open(module: nn.Module) -> bool:
    """Whether this very module has sizes that are still to be inferred."""
    return any(map(is_lazy, chain(module.parameters(recurse=False), module.buffers(recurse=False))))


@contextmanager
def _watched(twin: nn.Module, trace: _Trace) -> Iterator[None]:
    """Notes the first input of each lazy module and the size of what leaf modules put out."""

    def received(name: str) -> Callable[..., None]:
        def note(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            trace.calls.setdefault(name, (args, kwargs))

        return note

    def put_out(_: nn.Module, __: object, output: object) -> None:
        if isinstance(output, torch.Tensor):
            trace.activation_bytes += output.numel() * output.element_size()

    handles: list[Any] = []
    for name, module in twin.named_modules():
        if _is_open(module):
            handles.append(module.register_forward_pre_hook(received(name), with_kwargs=True))
        if not any(module.children()):
            handles.append(module.register_forward_hook(put_out))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
