"""AdaLoRA: low-rank updates that lose, in the course of training, the ranks that matter least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from peft import AdaLoraConfig, PeftConfig
from peft.tuners.adalora import RankAllocator
from torch import Tensor

from .checks import positive
from .errors import Unsupported
from .ranks import TARGETS
from .schedules import orthogonality
from .tuners import Tuner

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from .host import Host


NOTED = ("ipt", "exp_avg_ipt", "exp_avg_unc")
"""What `peft` remembers of each parameter: how much it matters, the moving average of that, and of its deviation."""


@dataclass(frozen=True)
class AdaLoRA(Tuner):
    """An update `alpha / rank * P diag(E) Q` of each Linear, whose ranks are taken away where they matter least.

    Zhang et al. 2023 (arXiv 2303.10512). All modules start at `initial_rank` and have `target_rank` on average at the
    end: entries of `E` are set to 0. That is done by its `schedule`, without which it stays at `initial_rank`; the
    numbers of trained parameters and stored bytes are those of `initial_rank`.

    Args:
        target_rank: on average over modules, at the end.
        initial_rank: of each module, greater than that.
        alpha: over the rank, what each update is multiplied by.
        dropout: of the inputs of the update.
        targets: the Linear modules that it changes.
        warmup: share of the steps before the first rank goes.
        final: share of the steps after the last one went.
        interval: steps between two times that ranks go.
        beta1, beta2: how slowly the estimates of sensitivity, and of how sure it is, change.
        penalty: weight of the term in the loss that keeps `P` and `Q` orthogonal.

    Raises:
        Unsupported: an argument cannot be meant.
    """

    target_rank: int = 4
    initial_rank: int = 6
    alpha: float = 8
    dropout: float = 0.0
    targets: tuple[str, ...] = TARGETS
    warmup: float = 0.1
    final: float = 0.3
    interval: int = 10
    beta1: float = 0.85
    beta2: float = 0.85
    penalty: float = 0.5

    @property
    def adapter(self) -> str:  # type: ignore[override]
        """Its name inside the modules, by which the ranks of other updates stay as they are."""
        return "adalora"

    def check(self) -> None:
        """Refuse arguments that cannot be meant."""
        positive(self, target_rank=self.target_rank, alpha=self.alpha, interval=self.interval)
        if self.initial_rank <= self.target_rank:
            raise Unsupported(
                f"initial_rank of AdaLoRA is {self.initial_rank}, and its target_rank {self.target_rank}; "
                "start at a higher rank."
            )
        if self.warmup + self.final >= 1:
            raise Unsupported("warmup and final of AdaLoRA leave no steps between them; give shares below 1 together.")

    def config(self, host: Host) -> PeftConfig:
        """Itself, in the words of `peft`, but for the names of the modules."""
        return self._config(steps=1, first=0, last=0)

    def schedule(self, host: Host, steps: int, epochs: int) -> Allocation:
        """What takes ranks away in a training of so many steps."""
        final = max(1, round(self.final * steps))
        first = min(round(self.warmup * steps), steps - final - 1)
        return Allocation(self, host, self._config(steps, first, final), steps - final)

    def _config(self, steps: int, first: int, last: int) -> AdaLoraConfig:
        return AdaLoraConfig(
            target_r=self.target_rank,
            init_r=self.initial_rank,
            lora_alpha=self.alpha,  # type: ignore[arg-type]
            lora_dropout=self.dropout,
            total_step=steps,
            tinit=first,
            tfinal=last,
            deltaT=self.interval,
            beta1=self.beta1,
            beta2=self.beta2,
        )


class Allocation:
    """Takes ranks of AdaLoRA away, as `update_and_allocate` of `peft` does for models of its own."""

    def __init__(self, method: AdaLoRA, host: Host, config: AdaLoraConfig, last: int) -> None:
        self._method, self._model, self._last = method, host.model, last
        self._allocator: Any = RankAllocator(  # type: ignore[no-untyped-call]
            host.model, config, method.adapter
        )
        self._kept: dict[str, list[bool]] = {}

    def penalty(self) -> Tensor:
        """What is added to the loss, so that `P` and `Q` stay orthogonal."""
        rows = [
            one if "lora_A" in name else one.T
            for name, one in self._model.named_parameters()
            if name.endswith((f"lora_A.{self._method.adapter}", f"lora_B.{self._method.adapter}"))
        ]
        return self._method.penalty * orthogonality(rows)

    def step(self, step: int, optimizer: Optimizer) -> None:
        """Note how much each rank matters, and take some away if it is time; `step` counts from 0."""
        if step <= self._last:
            _, kept = self._allocator.update_and_allocate(self._model, step, force_mask=step == self._last)
            self._kept = kept or self._kept
        else:
            self._allocator.mask_using_rank_pattern(self._model, self._kept)

    def state(self) -> dict[str, Any]:
        """How much each rank matters, and which ones are left."""
        return {"noted": {name: getattr(self._allocator, name) for name in NOTED}, "kept": self._kept}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Remember what a state says."""
        for name, values in state["noted"].items():
            setattr(self._allocator, name, values)
        self._kept = state["kept"]
