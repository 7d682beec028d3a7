"""The unified view of adapters, prefixes and LoRA: one form, five choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from .bottleneck import ACTIVATIONS, Bottleneck, check_heads, check_scale, indivisible
from .checks import one_of, positive, refuse
from .gates import GatedAdd
from .initial import INITS
from .junction import REPRESENTATIONS, Insertion, insert

if TYPE_CHECKING:
    from .anatomy import Anatomy
    from .host import Host

INSERTIONS = ("sequential", "parallel")
COMPOSITIONS = ("add", "scaled", "gated")
NORMS = ("none", "in", "out")


@dataclass(frozen=True)
class FreeForm:
    """A change of a block's output `h`, made as `delta = form(x W_down) W_up`.

    He et al. 2022 (ICLR, arXiv 2110.04366), section 3. `Serial(w)` is `FreeForm(w, insertion="sequential",
    init="bert")`; `Parallel(w)` is `FreeForm(w, composition="scaled", scale=4.0)`, and MAM that and a `Prefix`.

    Args:
        width: of the bottleneck.
        form: the function inside; `"softmax"` is a prefix's, over the width of each head.
        representation: which block's output is changed, `"attn"` or `"ffn"`.
        insertion: what is read: the block's output (`"sequential"`) or its input (`"parallel"`).
        composition: `"add"`: `h + delta`; `"scaled"`: `h + scale * delta`; `"gated"`: see `GatedAdd`.
        scale: of the scaled addition; `"learned"` for one learnt number; the other compositions do without.
        ln: a new LayerNorm, on what is read (`"in"`) or on `delta` (`"out"`).
        init: `"bert"` or `"lora"`.
        heads: that divide the width, see `Bottleneck`.

    Raises:
        Unsupported: an argument cannot be meant.
    """

    width: int
    form: str = "relu"
    representation: str = "ffn"
    insertion: str = "parallel"
    composition: str = "add"
    scale: float | str = 4.0
    ln: str = "none"
    init: str = "lora"
    heads: int = 1

    def __post_init__(self) -> None:
        positive(self, width=self.width)
        check_heads(self, self.width, self.heads)
        check_scale(self, self.scale)
        one_of(self, ACTIVATIONS, form=self.form)
        one_of(self, REPRESENTATIONS, representation=self.representation)
        one_of(self, INSERTIONS, insertion=self.insertion)
        one_of(self, COMPOSITIONS, composition=self.composition)
        one_of(self, NORMS, ln=self.ln)
        one_of(self, INITS, init=self.init)

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it; None where it can."""
        return indivisible(self, anatomy)

    def attach(self, host: Host) -> None:
        """Add one to each kept layer.

        Raises:
            Unsupported: the heads do not divide the features, or there is one at this block already.
        """
        refuse(self.supports(host.anatomy), self)
        for layer in host.kept:
            insert(host, layer, self.representation, "free_form", self._insertion(host.anatomy.hidden))

    def _insertion(self, features: int) -> Insertion:
        scale = self.scale if self.composition == "scaled" else 1.0
        made: nn.Module = Bottleneck(features, self.width, self.form, self.init, scale, self.heads)
        if self.ln != "none":
            made = Normed(made, features, self.ln)
        gate = GatedAdd(features) if self.composition == "gated" else None
        return Insertion(made, self.insertion == "sequential", gate)


class Normed(nn.Module):
    """A bottleneck with a LayerNorm of its own.

    Args:
        adapter: the bottleneck.
        features: of a token.
        side: `"in"` or `"out"`.
    """

    def __init__(self, adapter: nn.Module, features: int, side: str) -> None:
        super().__init__()
        self.adapter, self.side = adapter, side
        self.norm = nn.LayerNorm(features)

    def forward(self, x: Tensor) -> Tensor:
        """What changes, `batch x tokens x features`."""
        delta: Tensor = self.adapter(self.norm(x)) if self.side == "in" else self.norm(self.adapter(x))
        return delta
