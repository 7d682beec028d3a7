"""Torch modules as nodes, without plumbing: sizes that follow from the input are inferred, none is written.

These are recipes: nothing of torch is imported until a model is built. Any other `torch.nn.Module` class stands in a
tree as `Build(ThatClass, ...)`.
"""

from __future__ import annotations

from .build import Build, builds
from .configuration import Configuration, Part
from .cost import Cost
from .literals import lift
from .node import name_of

_MODULES = "paretree.spaces.modules"
_TORCH = "torch.nn"


def Seq(*layers: object, name: str | None = None) -> Build:  # noqa: N802
    """The layers one after another. A `Maybe` that is absent is left out; a `Repeat` becomes a sequence of its own.

    Keys of the `state_dict` are the layers' names, else their positions, whether or not other layers are present.
    """
    nodes = [lift(layer) for layer in layers]
    if not any(node.name for node in nodes):
        return Build(f"{_MODULES}:Seq", *nodes, name=name)
    names = [name_of(node, position) for position, node in enumerate(nodes)]
    return Build(f"{_MODULES}:Seq", *nodes, names=names, name=name)


def Conv2d(  # noqa: N802
    channels: object,
    kernel_size: object = 3,
    *,
    stride: object = 1,
    dilation: object = 1,
    groups: object = 1,
    bias: object = True,
    name: str | None = None,
) -> Build:
    """A 2-D convolution to `channels` channels, padded so that at stride 1 odd kernels keep height and width."""
    options = _given(stride=(stride, 1), dilation=(dilation, 1), groups=(groups, 1), bias=(bias, True))
    return Build(f"{_MODULES}:Conv2d", channels=channels, kernel_size=kernel_size, name=name, **options)


def Linear(features: object, *, bias: object = True, name: str | None = None) -> Build:  # noqa: N802
    """A fully connected layer to `features` features, on the last dimension."""
    return Build(f"{_TORCH}:LazyLinear", out_features=features, name=name, **_given(bias=(bias, True)))


def BatchNorm2d(*, name: str | None = None) -> Build:  # noqa: N802
    """Batch normalisation of each channel."""
    return Build(f"{_TORCH}:LazyBatchNorm2d", name=name)


def MaxPool2d(kernel_size: object = 2, *, stride: object = None, name: str | None = None) -> Build:  # noqa: N802
    """The largest value of each window; `stride` is `kernel_size` unless given."""
    return Build(f"{_MODULES}:MaxPool2d", kernel_size=kernel_size, name=name, **_given(stride=(stride, None)))


def AvgPool2d(kernel_size: object = 2, *, stride: object = None, name: str | None = None) -> Build:  # noqa: N802
    """The mean of each window; `stride` is `kernel_size` unless given."""
    return Build(f"{_MODULES}:AvgPool2d", kernel_size=kernel_size, name=name, **_given(stride=(stride, None)))


def GlobalAvgPool2d(*, name: str | None = None) -> Build:  # noqa: N802
    """The mean over height and width: (N, C, H, W) to (N, C)."""
    return Build(f"{_MODULES}:GlobalAvgPool2d", name=name)


def Flatten(*, name: str | None = None) -> Build:  # noqa: N802
    """All dimensions but the batch in one."""
    return Build(f"{_TORCH}:Flatten", name=name)


def Dropout(p: object = 0.5, *, name: str | None = None) -> Build:  # noqa: N802
    """Zeroes each value with probability `p` while training."""
    return Build(f"{_TORCH}:Dropout", p=p, name=name)


def ReLU(*, name: str | None = None) -> Build:  # noqa: N802
    """max(x, 0)."""
    return Build(f"{_TORCH}:ReLU", name=name)


def GELU(*, name: str | None = None) -> Build:  # noqa: N802
    """x Φ(x)."""
    return Build(f"{_TORCH}:GELU", name=name)


def SiLU(*, name: str | None = None) -> Build:  # noqa: N802
    """x σ(x)."""
    return Build(f"{_TORCH}:SiLU", name=name)


def Tanh(*, name: str | None = None) -> Build:  # noqa: N802
    """The hyperbolic tangent."""
    return Build(f"{_TORCH}:Tanh", name=name)


def cost(model: Configuration | Part, input_shape: tuple[int, ...]) -> Cost:
    """Size of a model, found on the meta device: no weight is allocated.

    Args:
        model: the part of a configuration that builds the model, as `config.model`; or a configuration in which only
            one part builds anything, or one is called `model`.
        input_shape: shape of one input without the batch dimension, as `(3, 32, 32)`.

    Raises:
        ValueError: it is not clear which part of the configuration is the model.
    """
    from .materialize import measure

    part = model if isinstance(model, Part) else _model_of(model)
    return measure(part.build, tuple(input_shape))


def _model_of(configuration: Configuration) -> Part:
    parts = configuration.space.parts
    built = [name for name, node in parts.items() if builds(node)]
    if "model" not in built and len(built) != 1:
        candidates = ", ".join(built) or "none of the parts"
        raise ValueError(
            f"It is not clear which part is the model ({candidates}); write cost(config.NAME, input_shape)."
        )
    part = getattr(configuration, "model" if "model" in built else built[0])
    if not isinstance(part, Part):
        raise ValueError("The model is absent in this configuration, so it has no cost.")
    return part


def _given(**options: tuple[object, object]) -> dict[str, object]:
    """The options that differ from torch's default, so that a tree shows only what was written."""
    return {name: value for name, (value, default) in options.items() if value is not default}
