"""How layers are put together."""

from __future__ import annotations

from ..build import Build
from ..choice import Choice
from ..literals import lift
from ..node import Node, name_of
from .recipe import MODULES, given, refuse_other


def Seq(*layers: object, name: str | None = None) -> Build:  # noqa: N802
    """The layers one after another. A `Maybe` that is absent is left out; a `Repeat` becomes a sequence of its own.

    Keys of the `state_dict` are the layers' names, else their positions, whether or not other layers are present.
    """
    nodes = [lift(layer) for layer in layers]
    return Build(f"{MODULES}:Seq", *nodes, name=name, **_names(nodes))


def MaybeSwap(first: object, second: object, *, name: str | None = None) -> Build:  # noqa: N802
    """`first` and then `second`, or the other way round, as the decision `swapped` says.

    What the two decide on their own, and the keys of their weights, do not depend on their order.
    """
    nodes = [lift(first), lift(second)]
    return Build(f"{MODULES}:MaybeSwap", *nodes, swapped=Choice(False, True), name=name, **_names(nodes))


def Residual(  # noqa: N802
    body: object, *, mismatch: object = "project", dim: object = None, name: str | None = None
) -> Build:
    """The input added to what `body`, a layer or a list of layers, makes of it.

    Where their shapes differ, the input's height and width are first brought to the output's, by striding where a
    stride leads exactly there, else by averaging. An absent body passes its input on.

    Args:
        body: a layer, or a list of layers.
        mismatch: what to do where shapes differ: `"project"` by a 1x1 convolution (a linear layer, for features in the
            last dimension) without bias; `"pad"` with zeros the one that has fewer channels or features; or `"error"`.
            A different length of sequences is always an error.
        dim: the dimension of channels or features; None is 1 for images and the last for all else.
        name: its segment of the path.
    """
    recipe = Build(
        f"{MODULES}:Residual", body=body, name=name, **given(mismatch=(mismatch, "project"), dim=(dim, None))
    )
    refuse_other(recipe, "mismatch", mismatch, ("project", "pad", "error"))
    return recipe


def Parallel(  # noqa: N802
    *branches: object, combine: object = "add", dim: object = None, name: str | None = None
) -> Build:
    """Branches that receive the same input, their outputs combined. An absent branch is left out.

    Args:
        branches: layers, or lists of layers; an empty list passes the input on.
        combine: `"add"` outputs of one shape, or `"concat"` them along channels or features.
        dim: the dimension to concatenate along; None is 1 for images and the last for all else.
        name: its segment of the path.
    """
    nodes = [lift(branch) for branch in branches]
    options = given(combine=(combine, "add"), dim=(dim, None))
    recipe = Build(f"{MODULES}:Parallel", *nodes, name=name, **options, **_names(nodes))
    refuse_other(recipe, "combine", combine, ("add", "concat"))
    return recipe


def Dense(*layers: object, dim: object = None, name: str | None = None) -> Build:  # noqa: N802
    """Each layer receives the input and the outputs of all layers before it, concatenated; so does what follows.

    Layers must keep height and width (Huang et al., 2017, arXiv 1608.06993). Each copy of a `Repeat` is a layer.

    Args:
        layers: the layers, or a `Repeat` of one.
        dim: the dimension to concatenate along; None is 1 for images and the last for all else.
        name: its segment of the path.
    """
    nodes = [lift(layer) for layer in layers]
    return Build(f"{MODULES}:Dense", *nodes, name=name, **given(dim=(dim, None)), **_names(nodes))


def _names(nodes: list[Node]) -> dict[str, list[str]]:
    """The names of layers, where any has one of its own; else they are their positions."""
    if not any(node.name for node in nodes):
        return {}
    return {"names": [name_of(node, position) for position, node in enumerate(nodes)]}
