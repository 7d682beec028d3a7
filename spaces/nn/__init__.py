"""Torch modules as nodes, without plumbing: sizes that follow from the input are inferred, none is written.

These are recipes: nothing of torch is imported until a model is built. Any other `torch.nn.Module` class stands in a
tree as `Build(ThatClass, ...)`. Every argument may be a node, and every recipe takes `name=`, its segment of the path
and of the keys of the `state_dict`.

Images are `(N, C, H, W)`, with channels in dimension 1; sequences are `(N, T, F)` and plain features `(N, F)`, with
features last. Only 1-D convolutions and poolings work on `(N, C, L)`, as in torch; `Transpose` leads there and back.
"""

from ..check import check
from ..cost import cost
from ..inherit import inherit
from ..measured import measured
from .activations import ELU, GELU, Hardswish, Identity, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh
from .convolution import Conv1d, Conv2d, DepthwiseConv2d, SeparableConv2d
from .layers import Dropout, Dropout1d, Dropout2d, Flatten, Linear, Transpose
from .norms import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm
from .pooling import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    GlobalAvgPool1d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool1d,
    MaxPool2d,
    SequenceMean,
)
from .sequences import GRU, LSTM, Embedding, PositionalEmbedding, SelfAttention, TransformerBlock
from .wiring import Dense, MaybeSwap, Parallel, Residual, Seq

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "Dense",
    "DepthwiseConv2d",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "GroupNorm",
    "Hardswish",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "MaybeSwap",
    "Parallel",
    "PositionalEmbedding",
    "RMSNorm",
    "ReLU",
    "Residual",
    "SelfAttention",
    "SeparableConv2d",
    "Seq",
    "SequenceMean",
    "SiLU",
    "Sigmoid",
    "Tanh",
    "TransformerBlock",
    "Transpose",
    "check",
    "cost",
    "inherit",
    "measured",
]
