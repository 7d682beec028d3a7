"""The families of fine-tuning methods: what each leaves to decide, and the learning rates that are usual for it.

Ranges are those of the methods' papers and released code, widened to powers of two; where these name none, they are
ours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..build import Build
from ..choice import Choice
from ..node import Node
from ..ranges import Float, Int
from ..references import resolve
from ..require import require
from ..space import Space
from .autopeft import sizes
from .errors import Unsupported
from .ranks import Ranks, rank_of, rank_schedules, target_bits

if TYPE_CHECKING:
    from .anatomy import Anatomy
    from .lora import LoRA
    from .weights import RandLoRA

log = logging.getLogger("paretree")

LONGEST_PREFIX = 192
"""Attention costs grow with the length of a prefix; He et al. 2022 go to 200."""

Rates = tuple[float, float]

WHOLE: Rates = (1e-5, 1e-4)
"""Where weights of the backbone itself are trained."""

INNER: Rates = (1e-4, 3e-3)
"""Adapters, low-rank updates, biases: AutoPEFT 1e-4, IncreLoRA 3.5e-4 to 1.2e-3, VL-PET 1e-3."""

TOKENS: Rates = (1e-3, 3e-2)
"""Prefixes and prompts."""

MIXED: Rates = (1e-3, 2e-2)
"""Few numbers that mix frozen random bases: NOLA 5e-3."""


@dataclass(frozen=True)
class Family:
    """A kind of method.

    Attributes:
        node: what it leaves to decide for a model; stands for the method.
        rates: least and greatest of the usual learning rates.
        of_weights: it changes weights of the backbone, so that a configuration has at most one such family.
    """

    node: Callable[[Anatomy], Node]
    rates: Rates
    of_weights: bool = False


def supported(families: Iterable[str], anatomy: Anatomy) -> tuple[str, ...]:
    """The families that a model can take; for each other one a warning says why not."""
    reasons = {name: refusal(name, anatomy) for name in families}
    for name, reason in reasons.items():
        if reason is not None:
            log.warning("%s is left out of the space: %s", name, reason)
    return tuple(name for name, reason in reasons.items() if reason is None)


def refusal(family: str, anatomy: Anatomy) -> str | None:
    """Why a model cannot take a family, from some method of it; None where it can."""
    try:
        method = Space(method=FAMILIES[family].node(anatomy)).sample(0).build()["method"]
    except Unsupported as error:
        return str(error)
    reason: str | None = method.supports(anatomy)
    return reason


def usual_rate(*switches: object) -> float:
    """The most likely learning rate where several families are on: that of the most delicate one.

    Args:
        switches: in turn, the name of a family and whether it is on; or `"weights"` and the name of the family there.
    """
    pairs = zip(switches[::2], switches[1::2], strict=True)
    on = [str(value if name == "weights" else name) for name, value in pairs if value not in (False, "none")]
    return min((middle(FAMILIES[name].rates) for name in on), default=middle(INNER))


def middle(rates: Rates) -> float:
    """The geometric mean of the two ends."""
    low, high = rates
    return float((low * high) ** 0.5)


def _of(home: str, method: str, **decisions: Any) -> Build:
    """A method, by the module of this package that it stands in."""
    return Build(_reference(home, method), **decisions)


def _reference(home: str, method: str) -> str:
    return f"{__package__}.{home}:{method}"


def _width(anatomy: Anatomy) -> Choice:
    return Choice(*sizes(anatomy.hidden)[1:], ordered=True)


def _adapter(kind: str, anatomy: Anatomy, **own: Node) -> Node:
    """A bottleneck at the feed-forward block, with VL-PET's gates."""
    width, heads = _width(anatomy), Choice(*(h for h in (1, 2, 4, 8) if anatomy.hidden % h == 0), ordered=True)
    adapter = _of(
        "bottleneck",
        kind,
        width=width,
        **own,
        activation=Choice("relu", "gelu", "silu"),
        init=Choice("bert", "lora"),
        gate=Choice("none", "small", "middleX", "middleY", "large"),
        heads=heads,
    )
    return require(adapter, width % heads == 0, "heads divide the width")


def _serial(anatomy: Anatomy) -> Node:
    return _adapter("Serial", anatomy)


def _parallel(anatomy: Anatomy) -> Node:
    scales: dict[str, Any] = {"1": 1.0, "2": 2.0, "4": 4.0, "8": 8.0, "learned": "learned"}
    return _adapter("Parallel", anatomy, scale=Choice(**scales))


def _free_form(anatomy: Anatomy) -> Node:
    return _of(
        "free_form",
        "FreeForm",
        width=_width(anatomy),
        form=Choice("softmax", "relu", "none"),
        representation=Choice("attn", "ffn"),
        insertion=Choice("sequential", "parallel"),
        composition=Choice("add", "scaled", "gated"),
        ln=Choice("none", "in", "out"),
        init=Choice("bert", "lora"),
    )


def _prefix(anatomy: Anatomy) -> Node:
    lengths = [length for length in sizes(anatomy.hidden) if 0 < length <= LONGEST_PREFIX]
    bottleneck = Choice(flat=None, narrow=512, wide=800)
    return _of("prefix", "Prefix", length=Choice(*lengths, ordered=True), bottleneck=bottleneck)


def _prompt(anatomy: Anatomy) -> Node:
    return _of("prompt", "Prompt", length=Choice(1, 5, 10, 20, 50, 100, ordered=True))


def _lora(anatomy: Anatomy) -> Node:
    init = Choice("default", "gaussian", "pissa", "olora", "orthogonal")
    return Build(
        lora,
        ranks=rank_schedules(anatomy, init),
        strength=_strength(),
        dropout=_dropout(),
        variant=Choice("plain", "rslora", "dora"),
        init=init,
    )


def lora(ranks: Ranks, strength: float, dropout: float, variant: str, init: str) -> LoRA:
    """LoRA of these ranks, with an alpha of `strength` times the rank everywhere."""
    from .lora import LoRA

    alphas = tuple({target: strength * rank for target, rank in layer.items()} for layer in ranks)
    return LoRA(dropout=dropout, variant=variant, init=init, rank_pattern=ranks, alpha_pattern=alphas)


def _scaled(kind: str, anatomy: Anatomy, low: int, high: int, *, home: str = "weights", **own: Any) -> Node:
    """A method of one rank for all its targets, with an alpha that is a multiple of it."""
    return Build(
        scaled,
        _reference(home, kind),
        rank=rank_of(anatomy, low, high),
        strength=_strength(),
        targets=target_bits(anatomy),
        **own,
    )


def scaled(method: str, rank: int, strength: float, rank_name: str = "rank", **others: Any) -> Any:
    """A method by its reference, with an alpha of `strength` times the rank, which it may call `rank_name`."""
    return resolve(method)(**{rank_name: rank}, alpha=strength * rank, **others)


def _vera(anatomy: Anatomy) -> Node:
    rank = Choice(64, 128, 256, 512, 1024, ordered=True)
    return _of("weights", "VeRA", rank=rank, dropout=_dropout(), targets=target_bits(anatomy))


def _randlora(anatomy: Anatomy) -> Node:
    rank = rank_of(anatomy, 8, 64)
    return Build(randlora, rank=rank, dropout=_dropout(), targets=target_bits(anatomy))


def randlora(rank: int, dropout: float, targets: tuple[str, ...]) -> RandLoRA:
    """RandLoRA with the alpha of 20 times the rank that is usual."""
    from .weights import RandLoRA

    return RandLoRA(rank, 20 * rank, dropout, targets)


def _oft(anatomy: Anatomy) -> Node:
    return _of("weights", "OFT", block=_divisor(anatomy, 16, 32, 64), targets=target_bits(anatomy))


def _vblora(anatomy: Anatomy) -> Node:
    return _of(
        "weights",
        "VBLoRA",
        rank=rank_of(anatomy, 2, 16),
        vectors=Choice(64, 128, 256, 512, 1024, 2048, ordered=True),
        length=_divisor(anatomy, 16, 32, 64, 128, 256),
        dropout=_dropout(),
        targets=target_bits(anatomy),
    )


def _shira(anatomy: Anatomy) -> Node:
    rank = rank_of(anatomy, 1, min(32, anatomy.hidden // 2))
    return _of("weights", "SHiRA", rank=rank, positions=Choice("random", "largest"), targets=target_bits(anatomy))


def _adalora(anatomy: Anatomy) -> Node:
    target = rank_of(anatomy, 2, 16)
    return Build(
        scaled,
        _reference("adalora", "AdaLoRA"),
        rank=target,
        rank_name="target_rank",
        initial_rank=3 * target // 2,
        strength=_strength(),
        dropout=_dropout(),
        targets=target_bits(anatomy),
    )


def _increlora(anatomy: Anatomy) -> Node:
    return Build(
        scaled,
        _reference("increlora", "IncreLoRA"),
        rank=rank_of(anatomy, 2, 8),
        rank_name="target_rank",
        strength=_strength(),
        top=Int(2, 9),
        penalty=Choice(0.1, 0.2, 0.3, ordered=True),
        targets=target_bits(anatomy),
    )


def _nola(anatomy: Anatomy) -> Node:
    bases = Choice(64, 128, 256, 512, 1024, 2048, 4096, ordered=True)
    return _scaled("NOLA", anatomy, 4, 64, home="nola", bases=bases)


def _mos(anatomy: Anatomy) -> Node:
    pool, private = Choice(1, 2, 4, 8, ordered=True), Choice(0, 1, 2, ordered=True)
    shards = _divisor(anatomy, 1, 2, 4, 8)
    mos = _scaled("MoS", anatomy, 4, 32, home="mos", pool=pool, private=private, shards=shards)
    return require(mos, private < pool, "layers share some of the pool")


def _flora(anatomy: Anatomy) -> Node:
    outer, inner = rank_of(anatomy, 2, 32), rank_of(anatomy, 2, 32)
    scale = Float(0.04, 10.0, log=True)
    return _of("flora", "FLoRA", outer=outer, inner=inner, scale=scale, targets=target_bits(anatomy))


def _half(anatomy: Anatomy) -> Node:
    return _of(
        "halves",
        "HalfFineTuning",
        share=Choice(0.25, 0.5, 0.75, ordered=True),
        granularity=Choice("model", "layer", "category"),
        redraw=Choice("never", "epoch"),
    )


def _divisor(anatomy: Anatomy, *options: int) -> Choice:
    """Those of the options that divide the inputs and outputs of all Linear modules.

    Raises:
        Unsupported: none does.
    """
    features = {size for layer in anatomy.layers for name in layer.linears() for size in anatomy.linear(name)}
    fitting = [option for option in options if all(size % option == 0 for size in features)]
    if not fitting:
        raise Unsupported(
            f"none of {', '.join(map(str, options))} divides all of {', '.join(map(str, sorted(features)))}"
        )
    return Choice(*fitting, ordered=True)


def _strength() -> Choice:
    """Alpha over rank."""
    return Choice(0.5, 1.0, 2.0, 4.0, ordered=True)


def _dropout() -> Choice:
    return Choice(0.0, 0.05, 0.1, 0.2, ordered=True)


FAMILIES: dict[str, Family] = {
    "serial": Family(_serial, INNER),
    "parallel": Family(_parallel, INNER),
    "free_form": Family(_free_form, INNER),
    "prefix": Family(_prefix, TOKENS),
    "prompt": Family(_prompt, TOKENS),
    "layer_norm": Family(lambda _: _of("full", "LayerNormTuning"), INNER),
    "bitfit": Family(lambda _: _of("full", "BitFit"), INNER),
    "lora": Family(_lora, INNER, of_weights=True),
    "loha": Family(lambda anatomy: _scaled("LoHa", anatomy, 2, 32), INNER, of_weights=True),
    "lokr": Family(lambda anatomy: _scaled("LoKr", anatomy, 2, 32), INNER, of_weights=True),
    "oft": Family(_oft, INNER, of_weights=True),
    "vera": Family(_vera, MIXED, of_weights=True),
    "randlora": Family(_randlora, MIXED, of_weights=True),
    "vblora": Family(_vblora, MIXED, of_weights=True),
    "shira": Family(_shira, INNER, of_weights=True),
    "adalora": Family(_adalora, INNER, of_weights=True),
    "increlora": Family(_increlora, INNER, of_weights=True),
    "nola": Family(_nola, MIXED, of_weights=True),
    "mos": Family(_mos, INNER, of_weights=True),
    "flora": Family(_flora, INNER, of_weights=True),
    "half": Family(_half, WHOLE, of_weights=True),
    "full": Family(lambda _: _of("full", "FullFineTuning"), WHOLE, of_weights=True),
    "ia3": Family(lambda _: _of("weights", "IA3"), INNER, of_weights=True),
}
"""The families by name."""
