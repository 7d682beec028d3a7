"""Scaling laws of the literature. Their constants are those of the papers; where a paper's own print is doubtful, or a
unit was found out only from a figure, the docstring says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .domain import Domain
from .formula import Formula, LinearInLog, PowerLaw
from .law import ScalingLaw
from .uncertainty import MIXTURE_FLOOR, Covariance

STEP_LAW_COVARIANCE = Covariance(
    ("lr", "lr N", "lr D", "batch", "batch D"),
    (
        (3.8906211149e-01, -1.3558938971e-02, -5.1324935321e-03, 3.8385774511e-02, -1.6940710402e-03),
        (-1.3558938971e-02, 8.9148573725e-04, -1.7433178853e-04, 1.8841050407e-04, -7.4167200246e-06),
        (-5.1324935321e-03, -1.7433178853e-04, 3.6631184290e-04, -1.8404545999e-03, 8.0589607264e-05),
        (3.8385774511e-02, 1.8841050407e-04, -1.8404545999e-03, 1.9117963587e-01, -8.1515722480e-03),
        (-1.6940710402e-03, -7.4167200246e-06, 8.0589607264e-05, -8.1515722480e-03, 3.4851793950e-04),
    ),
    origin="computed from the 1000 bootstrap fits that the authors of the Step Law published (step-law/steplaw)",
)


@dataclass(frozen=True, kw_only=True)
class StepLaw(ScalingLaw):
    """Li et al. 2025: `lr = 1.79 N^-0.713 D^0.307`, `B = 0.58 D^0.571` tokens. The best of the published ones.

    On the 17 dense groups that came with it, its point is 0.067 % (median; at most 0.31 %) above the best loss. The
    released trainings have N of 215M to 1.07B and D of 4B to 100B; the text says 60M to 1B and 2B to 100B, which is
    taken as the domain. The published exponents cannot be found again from the released part of the trainings alone
    (that of D for the learning rate comes out at 0.20 to 0.29), and the loss hardly cares. With a WSD schedule, or one
    that ends at a tenth of its peak, the best rate is lower and the batch larger. For mixtures of experts N counts all
    experts, not the active ones; see `mixture_of_experts`.
    """

    name: str = "Step Law"
    learning_rate_formula: Formula | None = field(default=PowerLaw(1.79, {"N": -0.713, "D": 0.307}))
    batch_size_formula: Formula | None = field(default=PowerLaw(0.58, {"D": 0.571}))
    units: str = "N non-embedding parameters (all experts), D tokens, batch size in tokens"
    recipe: str = (
        "AdamW, 2000 steps of warm-up, cosine to a fixed 1e-5, sequences of 2048, RMSNorm, SwiGLU, ALiBi; "
        "smoothed training loss"
    )
    domain: Domain = field(default=Domain(N=(60e6, 1.08e9), D=(2e9, 1e11), tokens_per_parameter=(18.6, 470)))
    covariance: Covariance | None = STEP_LAW_COVARIANCE
    source: str = "Li et al. 2025, step-law.github.io"

    @classmethod
    def mixture_of_experts(cls) -> StepLaw:
        """The same law with the spread it has for mixtures of experts.

        With N of all experts it is 0.14 % (median of 16 groups) above the best loss, with N of the active ones 0.97 %.
        """
        return cls(name="Step Law (experts)", floor=MIXTURE_FLOOR)


@dataclass(frozen=True, kw_only=True)
class Kaplan(ScalingLaw):
    """Kaplan et al. 2020 (OpenAI): `lr = 0.003239 - 0.0001395 ln N`, `B = 2e8 L^(-1/0.21)` tokens.

    The batch size is the critical one at the loss L, which must be said: `Kaplan(target_loss=2.5)`. Table 1 of the Step
    Law prints 2e18 instead of 2e8, which looks like a mistake. On the Step Law's groups this rate is 0.98 % above the
    best loss even with the best batch size for it, and 4.9 % with its own.
    """

    name: str = "Kaplan"
    learning_rate_formula: Formula | None = field(default=LinearInLog(3.239e-3, -1.395e-4, "N"))
    batch_size_formula: Formula | None = field(default=PowerLaw(2e8, {"L": -1 / 0.21}))
    units: str = "N non-embedding parameters, L nats per token, batch size in tokens"
    recipe: str = "Adam, cosine"
    source: str = "Kaplan et al. 2020, arXiv 2001.08361"


@dataclass(frozen=True, kw_only=True)
class DeepSeek(ScalingLaw):
    """DeepSeek-AI 2024: `lr = 0.3118 C^-0.1250`, `B = 0.2920 C^0.3271` tokens.

    C is the compute: non-embedding operations per token, attention included, times D. With
    `flops_per_token=ModelSize.from_config(...).flops_per_token(seq_len)` it is counted so; else it is 6 N D, which is
    12 to 13 % less for the Step Law's models. Table 1 of the Step Law prints 0.3188, which is not DeepSeek's constant.
    On the Step Law's groups it is 0.85 % above the best loss.
    """

    name: str = "DeepSeek"
    learning_rate_formula: Formula | None = field(default=PowerLaw(0.3118, {"C": -0.1250}))
    batch_size_formula: Formula | None = field(default=PowerLaw(0.2920, {"C": 0.3271}))
    units: str = "C non-embedding operations of the whole training, batch size in tokens"
    recipe: str = "AdamW, multi-step schedule, LLaMA-like"
    source: str = "DeepSeek-AI 2024, arXiv 2401.02954"


TUNED_FOR = Domain(tokens_per_parameter=(10.0, 40.0))
"""D = 20 N; a factor of two to both sides counts as the same, which is a judgement."""


@dataclass(frozen=True, kw_only=True)
class Porian(ScalingLaw):
    """Porian et al. 2024: `lr = 3.7 N^-0.36`, `B = 0.7576 N^0.703` tokens, for D = 20 N.

    `Porian.rounded()` is the form that its authors give in round numbers. On the Step Law's groups they are 0.74 % and
    0.62 % above the best loss.
    """

    name: str = "Porian"
    learning_rate_formula: Formula | None = field(default=PowerLaw(3.7, {"N": -0.36}))
    batch_size_formula: Formula | None = field(default=PowerLaw(0.7576, {"N": 0.703}))
    units: str = "N parameters, batch size in tokens"
    recipe: str = "AdamW, D = 20 N"
    domain: Domain = TUNED_FOR
    source: str = "Porian et al. 2024, arXiv 2406.19146"

    @classmethod
    def rounded(cls) -> Porian:
        """`lr = 0.0047 (N / 108e6)^(-1/3)`, `B = 160 * 2048 (N / 108e6)^(2/3)` tokens."""
        return cls(
            name="Porian (rounded)",
            learning_rate_formula=PowerLaw(0.0047 * 108e6 ** (1 / 3), {"N": -1 / 3}),
            batch_size_formula=PowerLaw(160 * 2048 / 108e6 ** (2 / 3), {"N": 2 / 3}),
        )


@dataclass(frozen=True, kw_only=True)
class Microsoft(ScalingLaw):
    """Bjorck et al. 2024 (Microsoft): `lr = 138 N^-0.23 D^-0.32`; nothing of the batch size.

    The printed constant, 1.3192e-5, gives 3e-11 for raw N and D, so it is for other units, which are not verified. 138
    was read off figure 1 of the Step Law (5.8e-4 for 429M and 40B, 3.5e-4 for 1.07B and 100B). On the Step Law's groups
    it is 0.66 % above the best loss with the best batch size for its rate.
    """

    name: str = "Microsoft"
    learning_rate_formula: Formula | None = field(default=PowerLaw(138.0, {"N": -0.23, "D": -0.32}))
    units: str = "N parameters, D tokens (the paper's own units are not verified)"
    recipe: str = "AdamW, cosine"
    source: str = "Bjorck et al. 2024, arXiv 2409.19913, as drawn in figure 1 of the Step Law"


@dataclass(frozen=True, kw_only=True)
class MiniCPM(ScalingLaw):
    """Hu et al. 2024 (MiniCPM): `B = 1.2110e9 / L^6.2393` tokens; the learning rate is kept by muP (see `MuTransfer`).

    L is the loss that the training reaches, which must be said: `MiniCPM(target_loss=2.5)`. Table 1 of the Step Law
    prints 2e18, which looks like a mistake; the constant here is quoted second-hand.
    """

    name: str = "MiniCPM"
    batch_size_formula: Formula | None = field(default=PowerLaw(1.2110e9, {"L": -6.2393}))
    units: str = "L nats per token, batch size in tokens"
    recipe: str = "muP, Adam, WSD schedule"
    source: str = "Hu et al. 2024, arXiv 2404.06395"


PUBLISHED: dict[str, Callable[..., ScalingLaw]] = {
    "step": StepLaw,
    "kaplan": Kaplan,
    "deepseek": DeepSeek,
    "porian": Porian,
    "microsoft": Microsoft,
    "minicpm": MiniCPM,
}
"""The classes by short names, as on the command line."""
