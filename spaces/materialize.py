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

from .cost import Cost
from .flops import FlopCount

Call = tuple[tuple[Any, ...], dict[str, Any]]

Locate = Callable[[str], str]
"""Leads from the name of a module inside the model to its path in the space."""


def materialize(
    make: Callable[[], Any],
    input_shape: tuple[int, ...],
    input_dtype: str = "float32",
    locate: Locate | None = None,
) -> tuple[nn.Module, Cost]:
    """The module that `make` returns, all sizes known and weights initialised, and what it costs.

    Args:
        make: makes the module; called twice.
        input_shape: shape of one input without the batch dimension.
        input_dtype: name of the input's type in torch, as `"int64"` for tokens.
        locate: tells where in the space a module stands, for messages; without it they name the module.

    Raises:
        TypeError: `make` returns no torch module.
        ValueError: a module with open sizes is never run, or torch has no such type.
        Exception: whatever the model raises, with notes of where that was.
    """
    trace = _trace(make, input_shape, input_dtype, locate)
    module = make()
    for name, part in list(module.named_modules()):
        if _is_open(part):
            lazy: Any = part
            lazy._infer_parameters(lazy, *trace.calls[name])
    return module, trace.cost


def measure(
    make: Callable[[], Any],
    input_shape: tuple[int, ...],
    input_dtype: str = "float32",
    locate: Locate | None = None,
) -> Cost:
    """What the module that `make` returns costs; arguments and errors as in `materialize`."""
    return _trace(make, input_shape, input_dtype, locate).cost


@dataclass
class _Run:
    """A module that is running: what it was given, and whether it ran another."""

    name: str
    module: nn.Module
    args: tuple[Any, ...]
    ran_another: bool = False


@dataclass
class _Trace:
    calls: dict[str, Call] = field(default_factory=dict)
    running: list[_Run] = field(default_factory=list)
    activation_bytes: int = 0
    cost: Cost = field(default_factory=lambda: Cost(0, 0, 0))


def _trace(make: Callable[[], Any], input_shape: tuple[int, ...], input_dtype: str, locate: Locate | None) -> _Trace:
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        twin = make()
    if not isinstance(twin, nn.Module):
        raise TypeError(f"input_shape is for torch modules, but this part builds {type(twin).__name__}; leave it out.")
    twin.eval()
    sample = torch.empty(1, *input_shape, dtype=_dtype(input_dtype), device="meta")
    trace, flops = _Trace(), FlopCount()
    try:
        with torch.no_grad(), torch.device("meta"), _watched(twin, trace), flops:
            twin(sample)
    except Exception as error:
        if trace.running:
            error.add_note(_told(trace.running[-1], locate))
        error.add_note(f"This arose while inferring sizes for an input of shape {input_shape}.")
        raise
    _refuse_idle(twin)
    params = sum(parameter.numel() for parameter in twin.parameters())
    trace.cost = Cost(params, flops.total, trace.activation_bytes)
    return trace


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"torch has no type {name!r}; let input_dtype be 'float32', 'int64' or another of its types.")
    return dtype


def _told(run: _Run, locate: Locate | None) -> str:
    """Where an error arose."""
    place = f"at {locate(run.name)!r}" if locate else f"in module {run.name!r}"
    shapes = [str(tuple(arg.shape[1:])) for arg in run.args if isinstance(arg, torch.Tensor)]
    kind = type(run.module).__name__.removeprefix("Lazy")
    return f"This arose in the space {place}, running {kind} on an input of shape {' and '.join(shapes) or 'unknown'}."


def _refuse_idle(twin: nn.Module) -> None:
    idle = [name for name, part in twin.named_modules() if _is_open(part)]
    if idle:
        raise ValueError(
            f"The sizes of module {idle[0]!r} stay unknown, because it does not run on an input in evaluation mode; "
            "run it in forward, or give its sizes."
        )


def _is_open(module: nn.Module) -> bool:
    """Whether this very module has sizes that are still to be inferred."""
    return any(map(is_lazy, chain(module.parameters(recurse=False), module.buffers(recurse=False))))


def _bytes(output: object) -> int:
    """Bytes of a tensor, or of the tensors of a tuple: recurrent layers put out states beside their sequence."""
    tensors = output if isinstance(output, tuple) else (output,)
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if isinstance(tensor, torch.Tensor))


@contextmanager
def _watched(twin: nn.Module, trace: _Trace) -> Iterator[None]:
    """Notes the first input of each lazy module, which modules are running, and what those put out that run no other.

    Modules that come into being with the first input are watched from then on.
    """
    handles: list[Any] = []
    watched: set[nn.Module] = set()

    def watch(root: nn.Module, prefix: str) -> None:
        for name, module in list(root.named_modules(prefix=prefix)):
            if module not in watched:
                watched.add(module)
                handles.extend(hooks(name, module, _is_open(module)))

    def hooks(name: str, module: nn.Module, is_open: bool) -> Iterator[Any]:
        def started(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            trace.running.append(_Run(name, module, args))
            if is_open:
                trace.calls.setdefault(name, (args, kwargs))

        yield module.register_forward_pre_hook(started, with_kwargs=True, prepend=True)
        if is_open:
            yield module.register_forward_pre_hook(lambda *_: watch(module, name))
        yield module.register_forward_hook(finished)

    def finished(_: nn.Module, __: object, output: object) -> None:
        run = trace.running.pop()
        if trace.running:
            trace.running[-1].ran_another = True
        if not run.ran_another:
            trace.activation_bytes += _bytes(output)

    watch(twin, "")
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
