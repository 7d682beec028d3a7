"""Which Linear modules of a model a weight-space method changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .checks import one_of
from .errors import Unsupported
from .ranks import TARGETS

if TYPE_CHECKING:
    from .anatomy import Anatomy, Layer
    from .host import Host

ATTENTION = ("query", "value")
"""What LoRA adapts in its paper (Hu et al. 2022, arXiv 2106.09685)."""


def check_targets(method: Any) -> None:
    """Make a tuple of a method's `targets`, and refuse an empty one or one with names that are not in `TARGETS`."""
    targets = tuple(method.targets)
    if not targets:
        raise Unsupported(f"{type(method).__name__} has no targets; name some of {', '.join(TARGETS)}.")
    for target in targets:
        one_of(method, TARGETS, targets=target)
    object.__setattr__(method, "targets", targets)


def linears(layer: Layer, targets: Iterable[str]) -> dict[str, str]:
    """The Linear modules of a layer by dotted name, and the target that each of them is; fused ones stand once."""
    found: dict[str, str] = {}
    for target in targets:
        found.setdefault(getattr(layer, target), target)
    return found


def names(host: Host, targets: Iterable[str]) -> list[str]:
    """The dotted names of the Linear modules that are targets, in the kept layers."""
    return [name for layer in host.kept for name in linears(layer, targets)]


def features(anatomy: Anatomy, targets: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Inputs and outputs of each target, as in the first layer: all layers are alike."""
    return {target: anatomy.linear(name) for name, target in linears(anatomy.layers[0], targets).items()}
