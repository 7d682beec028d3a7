"""Which methods are meant, and for which layers: by a configuration, or by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..configuration import Configuration, Part
from .errors import Unsupported


def read(given: Any) -> tuple[tuple[Any, ...], Sequence[bool] | None]:
    """The methods in what was given, and for each layer whether they attach to it, where that is told.

    Args:
        given: a configuration with a part `methods` and, if it likes, `layers`; or methods themselves, one or several
            in any nest of dicts and lists, where None stands for none.

    Raises:
        Unsupported: the configuration has no part `methods`, or something else stands among the methods.
    """
    if not isinstance(given, Configuration):
        return tuple(_methods(given)), None
    parts = given.space.parts
    if "methods" not in parts:
        raise Unsupported(
            f"The configuration has no part 'methods', but {', '.join(parts) or 'none'}; make one with autopeft() or "
            "peft_space()."
        )
    return tuple(_methods(_built(given.methods))), _built(given.layers) if "layers" in parts else None


def _built(part: Any) -> Any:
    return part.build() if isinstance(part, Part) else part


def _methods(given: Any) -> Iterator[Any]:
    if given is None:
        return
    if isinstance(given, Mapping):
        given = list(given.values())
    if isinstance(given, list | tuple):
        for one in given:
            yield from _methods(one)
    elif hasattr(given, "attach"):
        yield given
    else:
        raise Unsupported(f"{given!r} is no fine-tuning method; give one such as Serial(16) or LoRA(8).")
