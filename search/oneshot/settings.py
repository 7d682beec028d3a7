"""How an architecture is searched for by gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from ...spaces.errors import ParetreeError, brief

RelaxationName = Literal["softmax", "max_w", "gumbel", "dirichlet", "sigmoid"]
RELAXATIONS: tuple[RelaxationName, ...] = ("softmax", "max_w", "gumbel", "dirichlet", "sigmoid")

Discretiser = Literal["magnitude", "perturbation"]
DISCRETISERS: tuple[Discretiser, ...] = ("magnitude", "perturbation")

POSITIVE = ("epochs", "batch_size", "lr", "clip", "alpha_lr", "portion", "tuned_epochs", "judged_on")
NOT_NEGATIVE = (
    "lr_min",
    "lr_warmup",
    "weight_decay",
    "alpha_weight_decay",
    "beta_decay",
    "eigenvalue_every",
    "crop",
    "cutout",
)


@dataclass(frozen=True)
class SearchSettings:
    """All numbers of a search. "Weights" are those of the supernet, "alphas" those that say what is on its edges.

    The usual ones are DARTS' with Beta-decay, which measured best on NAS-Bench-201 (docs/benchmarks.md). `preset` gives
    those of papers.

    Attributes:
        relaxation: how alphas become what each operation contributes: "softmax" (DARTS), "max_w" (sharpDARTS), "gumbel"
            (SNAS, GDAS), "dirichlet" (DrNAS) or "sigmoid" (FairDARTS).
        epochs: how often the training images are gone through.
        batch_size: images of a step, of each of the two kinds.
        lr: learning rate of the weights, at the beginning.
        lr_min: the same in the last epoch.
        annealing: power of the cosine between the two (sharpDARTS); 1 for a plain cosine.
        lr_warmup: epochs in which the learning rate rises to `lr`.
        momentum: of the weights' SGD.
        weight_decay: of the weights.
        clip: the norm that the gradient of all weights together has at most.
        alpha_lr: learning rate of the alphas' Adam.
        alpha_betas: its decay rates.
        alpha_weight_decay: of the alphas, as Adam has it: a part of the gradient.
        alpha_warmup: share of the epochs in which alphas stay as they are, while the weights get going; 1 where only
            perturbation decides.
        portion: one in so many channels passes through the operations (PC-DARTS).
        edge_strengths: alphas also for each edge, with a softmax over those to a node (PC-DARTS).
        beta_decay: how strongly the alphas' log-sum-exp is kept small in the end; rises linearly from 0 (Beta-DARTS,
            where it is 50 after 100 epochs).
        order: of the alphas' gradient: 1, or 2 for the one that looks a step of the weights ahead.
        eigenvalue_every: so many epochs apart the curvature of the validation loss is measured; 0 for never.
        stop_ratio: a search ends when the curvature has grown so much (RobustDARTS: 1.3).
        discretise: cells are made of what has the greatest weights ("magnitude") or of what the supernet can spare
            least ("perturbation", DARTS-PT).
        tuned_epochs: of training the supernet after each edge that perturbation decides; may be a share of one (the
            paper has 5).
        judged_on: validation images with which perturbation judges, at most.
        crop, flip, cutout: how training images are changed (see `Augmentation`).

    Raises:
        ParetreeError: a number is out of its range, or a name is unknown.
    """

    relaxation: RelaxationName = "softmax"
    epochs: int = 50
    batch_size: int = 64
    lr: float = 0.025
    lr_min: float = 0.001
    annealing: float = 1.0
    lr_warmup: int = 0
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip: float = 5.0
    alpha_lr: float = 3e-4
    alpha_betas: tuple[float, float] = (0.5, 0.999)
    alpha_weight_decay: float = 1e-3
    alpha_warmup: float = 0.0
    portion: int = 1
    edge_strengths: bool = False
    beta_decay: float = 1.0
    order: int = 1
    eigenvalue_every: int = 0
    stop_ratio: float = 1.3
    discretise: Discretiser = "magnitude"
    tuned_epochs: float = 0.3
    judged_on: int = 5000
    crop: int = 4
    flip: bool = True
    cutout: int = 0

    def __post_init__(self) -> None:
        self._check("relaxation", self.relaxation in RELAXATIONS, f"one of {', '.join(RELAXATIONS)}")
        self._check("discretise", self.discretise in DISCRETISERS, f"one of {', '.join(DISCRETISERS)}")
        for name in POSITIVE:
            self._check(name, getattr(self, name) > 0, "a number above 0")
        for name in NOT_NEGATIVE:
            self._check(name, getattr(self, name) >= 0, "0 or more")
        self._check("lr_min", self.lr_min <= self.lr, f"at most the learning rate, {self.lr}")
        self._check("lr_warmup", self.lr_warmup < self.epochs, f"fewer than the {self.epochs} epochs")
        self._check("annealing", self.annealing >= 1, "1 or more")
        self._check("momentum", 0 <= self.momentum < 1, "a share from 0 to below 1")
        self._check("alpha_betas", all(0 <= one < 1 for one in self.alpha_betas), "two shares from 0 to below 1")
        self._check("alpha_warmup", 0 <= self.alpha_warmup <= 1, "a share from 0 to 1")
        self._check(
            "alpha_warmup",
            self.alpha_warmup < 1 or self.discretise == "perturbation",
            "below 1 where cells are made by magnitude, since alphas that are never trained say nothing",
        )
        self._check("order", self.order in (1, 2), "1 or 2")
        self._check("stop_ratio", self.stop_ratio > 1, "a number above 1")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> SearchSettings:
        """Those of these names, and the usual ones; `preset` names those of a paper to begin with.

        Raises:
            ParetreeError: there is no such setting or preset.
        """
        given = dict(settings)
        chosen = {**_preset(given.pop("preset")), **given} if "preset" in given else given
        names = [field.name for field in fields(cls)]
        for name in chosen:
            if name not in names:
                raise ParetreeError(f"There is no setting {name!r} of a search; name some of {', '.join(names)}.")
        if "alpha_betas" in chosen:
            chosen["alpha_betas"] = tuple(chosen["alpha_betas"])
        return cls(**chosen)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> SearchSettings:
        """Those of a paper, with changes: "darts", "darts2", "drnas", "pcdarts", "fixed_pt" or "sharp"
        (see `PRESETS`).

        Raises:
            ParetreeError: there is no such preset or setting.
        """
        return cls.of({"preset": name, **changes})

    @property
    def frozen_epochs(self) -> int:
        """In which alphas stay as they are; all of them only where their share is 1."""
        whole = round(self.alpha_warmup * self.epochs)
        return whole if self.alpha_warmup == 1 else min(whole, self.epochs - 1)

    def _check(self, name: str, holds: bool, right: str) -> None:
        if not holds:
            raise ParetreeError(f"{name}={brief(getattr(self, name))} of a search must be {right}.")


def _preset(name: str) -> Mapping[str, Any]:
    if name not in PRESETS:
        raise ParetreeError(f"There are no settings {brief(name)}; name one of {', '.join(PRESETS)}.")
    return PRESETS[name]


_DARTS: Mapping[str, Any] = {
    "relaxation": "softmax",
    "epochs": 50,
    "batch_size": 64,
    "lr": 0.025,
    "lr_min": 0.001,
    "annealing": 1.0,
    "lr_warmup": 0,
    "weight_decay": 3e-4,
    "alpha_lr": 3e-4,
    "alpha_weight_decay": 1e-3,
    "alpha_warmup": 0.0,
    "portion": 1,
    "edge_strengths": False,
    "beta_decay": 0.0,
    "order": 1,
    "eigenvalue_every": 0,
    "discretise": "magnitude",
    "cutout": 0,
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "darts": _DARTS,
    "darts2": {**_DARTS, "order": 2},
    "drnas": {**_DARTS, "relaxation": "dirichlet", "alpha_warmup": 0.2, "alpha_weight_decay": 0.0},
    "pcdarts": {
        **_DARTS,
        "portion": 4,
        "edge_strengths": True,
        "alpha_warmup": 0.3,
        "batch_size": 256,
        "lr": 0.1,
    },
    "fixed_pt": {**_DARTS, "alpha_warmup": 1.0, "discretise": "perturbation"},
    "sharp": {
        **_DARTS,
        "relaxation": "max_w",
        "epochs": 120,
        "batch_size": 48,
        "lr_min": 1e-4,
        "annealing": 2.0,
        "lr_warmup": 5,
        "cutout": 16,
    },
}
"""By name, the settings of papers, as their code has them: first and second order of DARTS (arXiv 1806.09055), DrNAS
(2006.10355) in one stage and on all channels, PC-DARTS (1907.05737), DARTS-PT with fixed alphas
(2108.04392) but for less tuning, and the cell search of sharpDARTS (1903.09900) without its AutoAugment."""
