"""Layers for sequences (N, T, F). The width F is that of the input."""

from __future__ import annotations

from ..build import Build
from .recipe import MODULES, TORCH, given, refuse_other


def Embedding(num: object, dim: object, *, name: str | None = None) -> Build:  # noqa: N802
    """A learned vector of `dim` numbers for each of `num` tokens: integers (N, T) to (N, T, dim).

    Sizes and cost are inferred for it with `input_dtype="int64"`.
    """
    return Build(f"{TORCH}:Embedding", num_embeddings=num, embedding_dim=dim, name=name)


def PositionalEmbedding(length: object, *, name: str | None = None) -> Build:  # noqa: N802
    """Adds a learned vector for each position of sequences up to `length`; a longer one is an error."""
    return Build(f"{MODULES}:PositionalEmbedding", length=length, name=name)


def SelfAttention(  # noqa: N802
    heads: object, *, dropout: object = 0.0, causal: object = False, name: str | None = None
) -> Build:
    """Multi-head attention of a sequence to itself, with `causal` to nothing that comes later.

    Heads that do not divide the width of the input are an error of the build.
    """
    options = given(dropout=(dropout, 0.0), causal=(causal, False))
    return Build(f"{MODULES}:SelfAttention", heads=heads, name=name, **options)


def TransformerBlock(  # noqa: N802
    heads: object,
    ffn: object,
    *,
    dropout: object = 0.1,
    activation: object = "gelu",
    norm: object = "pre",
    causal: object = False,
    name: str | None = None,
) -> Build:
    """Self-attention and a feed-forward part, each with a residual connection and layer normalisation.

    Heads that do not divide the width of the input are an error of the build.

    Args:
        heads: number of attention heads.
        ffn: hidden features of the feed-forward part.
        dropout: probability of zeroing a value while training.
        activation: `"gelu"` or `"relu"`.
        norm: whether to normalise before each part (`"pre"`) or after (`"post"`).
        causal: attend to nothing that comes later, as a decoder-only language model does.
        name: its segment of the path.
    """
    options = given(dropout=(dropout, 0.1), activation=(activation, "gelu"), norm=(norm, "pre"), causal=(causal, False))
    recipe = Build(f"{MODULES}:TransformerBlock", heads=heads, ffn=ffn, name=name, **options)
    refuse_other(recipe, "activation", activation, ("gelu", "relu"))
    refuse_other(recipe, "norm", norm, ("pre", "post"))
    return recipe


def LSTM(  # noqa: N802
    features: object,
    layers: object = 1,
    *,
    bidirectional: object = False,
    dropout: object = 0.0,
    output: object = "sequence",
    name: str | None = None,
) -> Build:
    """Long short-term memory; arguments as in `GRU`."""
    return _recurrent("LSTM", features, layers, bidirectional, dropout, output, name)


def GRU(  # noqa: N802
    features: object,
    layers: object = 1,
    *,
    bidirectional: object = False,
    dropout: object = 0.0,
    output: object = "sequence",
    name: str | None = None,
) -> Build:
    """Gated recurrent units.

    Args:
        features: size of the state, of each direction.
        layers: how many, one on top of the other.
        bidirectional: a second state runs backwards, and both are concatenated.
        dropout: probability of zeroing a value between two layers while training.
        output: `"sequence"` for all states of the top layer (N, T, D), `"last"` for the final one only (N, D).
        name: its segment of the path.
    """
    return _recurrent("GRU", features, layers, bidirectional, dropout, output, name)


def _recurrent(
    kind: str,
    features: object,
    layers: object,
    bidirectional: object,
    dropout: object,
    output: object,
    name: str | None,
) -> Build:
    options = given(bidirectional=(bidirectional, False), dropout=(dropout, 0.0), output=(output, "sequence"))
    recipe = Build(f"{MODULES}:{kind}", features=features, layers=layers, name=name, **options)
    refuse_other(recipe, "output", output, ("sequence", "last"))
    return recipe
