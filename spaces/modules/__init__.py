"""The torch side of `spaces.nn`: what its nodes build. Imported when the first model is built.

Images are `(N, C, H, W)`, with channels in dimension 1; sequences are `(N, T, F)` and plain features `(N, F)`, with
features last. Stored spaces refer to these names as `paretree.spaces.modules:NAME`.
"""

from .attention import PositionalEmbedding, SelfAttention, TransformerBlock
from .branches import Dense, Parallel
from .convolution import Conv1d, Conv2d, LazyDepthwiseConv2d, SeparableConv2d
from .layers import MaybeSwap, Seq, Transpose
from .nasbench101 import NASBench101
from .nasbench201 import NASBench201
from .norms import LazyGroupNorm, LazyLayerNorm, LazyRMSNorm
from .pooling import (
    AvgPool1d,
    AvgPool2d,
    GlobalAvgPool1d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool1d,
    MaxPool2d,
    SequenceMean,
)
from .recurrent import GRU, LSTM
from .residual import Residual

__all__ = [
    "GRU",
    "LSTM",
    "AvgPool1d",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "Dense",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "LazyDepthwiseConv2d",
    "LazyGroupNorm",
    "LazyLayerNorm",
    "LazyRMSNorm",
    "MaxPool1d",
    "MaxPool2d",
    "MaybeSwap",
    "NASBench101",
    "NASBench201",
    "Parallel",
    "PositionalEmbedding",
    "Residual",
    "SelfAttention",
    "SeparableConv2d",
    "Seq",
    "SequenceMean",
    "TransformerBlock",
    "Transpose",
]
