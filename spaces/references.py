"""Callables as text: `module:qualified.name`, so that a space stays data."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any


@dataclass(frozen=True, slots=True)
class Reference:
    """A callable that is a value of a stored space. It is imported only where it is needed."""

    text: str

    def __repr__(self) -> str:
        return f"Reference({self.text!r})"


def reference(fn: object) -> str | None:
    """The reference under which `fn` can be imported again; None for lambdas, local functions and bound objects.

    What a script defines is named after the script's file, so that it is the same whether the file is run or imported.
    """
    if isinstance(fn, Reference):
        return fn.text
    module, qualname = getattr(fn, "__module__", None), getattr(fn, "__qualname__", None)
    owner = getattr(fn, "__self__", None)
    if isinstance(owner, type):
        module, qualname = owner.__module__, f"{owner.__qualname__}.{getattr(fn, '__name__', '')}"
    elif owner is not None and not isinstance(owner, ModuleType):
        return None
    if not module or not qualname or "<" in qualname:
        return None
    if module == "__main__":
        module = _script_name() or module
    return f"{module}:{qualname}"


@cache
def resolve(text: str) -> Callable[..., Any]:
    """The callable behind a reference.

    Raises:
        ImportError: the module or the name is not there.
    """
    module_name, _, qualname = text.partition(":")
    module = sys.modules["__main__"] if module_name == _script_name() else importlib.import_module(module_name)
    found: Any = module
    for part in qualname.split("."):
        if not hasattr(found, part):
            raise ImportError(f"{text!r} cannot be found: module {module_name!r} has no {part!r}; was it renamed?")
        found = getattr(found, part)
    resolved: Callable[..., Any] = found
    return resolved


def short_name(text: str) -> str:
    """The last part of a reference: `Linear` of `torch.nn:Linear`."""
    return text.rpartition(":")[2].rpartition(".")[2]


def _script_name() -> str | None:
    """The name under which the running script would be imported."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else None
