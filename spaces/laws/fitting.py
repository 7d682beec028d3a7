"""A law of one's own, fitted to all trials of a family of sweeps at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from .amounts import human
from .domain import Domain
from .evidence import Evidence, LawGroup
from .fitted import FittedLaw
from .formula import PowerLaw
from .law import ScalingLaw
from .left_out import OwnOptimum, left_out, own_optimum
from .own_beliefs import beliefs_from
from .own_draws import drawn_lines
from .own_trials import OwnTrials, read_own_trials
from .robust import DIVERGED, SurfaceFit, fit_surface
from .surface import BATCH, RATE, SHARED, Surface, bowl_of
from .uncertainty import Covariance

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

DRAWS = 400

OPEN = 0.7
"""An exponent is not identified where the trials leave more than this share of its spread before them."""

TOGETHER = 0.95
"""Correlation of ln N and ln D above which nothing tells their exponents apart."""

LONG = 15_000
"""Groups times trials from which leaving groups out takes more than two seconds."""

FORMULAS = {"lr": "learning rate", "batch": "batch size"}


def fit_law(
    trials: pd.DataFrame,
    *,
    N: str = "N",
    D: str = "D",
    learning_rate: str = "learning_rate",
    batch_size: str | None = "batch_size",
    loss: str = "loss",
    seq_len: int | None = None,
    prior: ScalingLaw | None = None,
    seed: int = 0,
    name: str = "own law",
    recipe: str = "",
) -> FittedLaw:
    """The best learning rate and batch size as power laws of N and D, from all trials at once.

    One surface is fitted to ln loss: a tilted, skewed bowl (`Bowl`) whose bottom lies at
    `a + b ln N + c ln D` for ln learning rate and for ln batch size, up to a small shift of each group. So a group of a
    dozen random trials is worth something, though its best trial may be far from its optimum. What was not searched
    (a batch size that hardware fixed) is not fitted. Trials far above the best of their group, and diverged ones, do
    not count.

    Args:
        trials: a row for each training, of three groups (pairs of N and D) or more, of two N and two D or more;
            better five groups of 16 trials, with N and D spanning a factor of four.
        N, D: columns of parameters and training tokens, counted as you will count them when you ask the law.
        learning_rate: column of the peak learning rate.
        batch_size: column of the batch size, in tokens unless `seq_len` is given; None where it is not known.
        loss: column of the loss, lower is better; NaN and infinite for diverged trainings.
        seq_len: tokens of one sequence, where batch sizes are in sequences.
        prior: the law that is believed before the trials, widely; None for DeepSeek's.
        seed: of the draws.
        name, recipe: what the law is called, and what it was fitted with, in words.

    Raises:
        LawError: a column is missing or holds no positive numbers, or the trials are too few or too alike.
    """
    own = read_own_trials(
        trials, N=N, D=D, learning_rate=learning_rate, batch_size=batch_size, loss=loss, seq_len=seq_len
    )
    surface = Surface(own)
    fit = fit_surface(surface, beliefs_from(prior, surface))
    draws = _coefficients(drawn_lines(fit, DRAWS, np.random.default_rng(seed)), surface)
    lines = np.concatenate([fit.parameters[RATE], fit.parameters[BATCH]])
    center = _coefficients(lines[None], surface)[0]
    names = [f"{formula}{variable}" for formula in FORMULAS for variable in ("", " N", " D")]
    kept = [place for place, name in enumerate(names) if own.searched[name.startswith("batch")]]
    bowl = bowl_of(fit.parameters)
    return FittedLaw(
        name=name,
        learning_rate_formula=_formula(center[:3]) if own.searched[0] else None,
        batch_size_formula=_formula(center[3:]) if own.searched[1] else None,
        recipe=recipe,
        domain=_domain(own),
        covariance=Covariance(
            names=tuple(names[place] for place in kept),
            matrix=tuple(map(tuple, np.cov(draws[:, kept].T).tolist())),
            origin=f"{DRAWS} draws of a bootstrap over groups",
        ),
        basin=bowl.basin,
        source=f"{len(own.loss) + own.lost.sum()} trials of one's own in {own.groups} groups",
        evidence=_evidence(fit, prior),
        draws=tuple(map(tuple, draws[:, kept].tolist())),
        bowl=bowl,
    )


def _coefficients(lines: Floats, surface: Surface) -> Floats:
    """(n, 6) lines with intercepts at the middle size, as ones with intercepts at N = D = 1."""
    moved = lines.copy()
    moved[:, 0] -= lines[:, 1:3] @ surface.middle
    moved[:, 3] -= lines[:, 4:6] @ surface.middle
    return moved


def _formula(line: Floats) -> PowerLaw:
    return PowerLaw(math.exp(line[0]), {"N": float(line[1]), "D": float(line[2])})


def _domain(trials: OwnTrials) -> Domain:
    sizes = {"N": trials.N, "D": trials.D, "tokens_per_parameter": trials.D / trials.N}
    return Domain(**{name: (float(values.min()), float(values.max())) for name, values in sizes.items()})


def _evidence(fit: SurfaceFit, prior: ScalingLaw | None) -> Evidence:
    trials = fit.surface.trials
    order = [int(number) for number in np.argsort(trials.N * trials.D, kind="stable")]
    groups = tuple(_group(fit, number, prior) for number in _followed(order, len(trials.loss)))
    return Evidence(
        groups=groups,
        noise=fit.noise,
        unidentified=tuple(_unidentified(fit)),
        notes=tuple(_notes(trials, groups)),
        data_hash=trials.hash,
    )


def _followed(groups: list[int], trials: int) -> Iterable[int]:
    """The groups, with a progress bar where leaving each out takes long."""
    from rich.console import Console
    from rich.progress import track

    brief = len(groups) * trials < LONG
    return track(groups, "leaving groups out", console=Console(stderr=True), transient=True, disable=brief)


def _group(fit: SurfaceFit, number: int, prior: ScalingLaw | None) -> LawGroup:
    trials = fit.surface.trials
    one = trials.of(number)
    own = own_optimum(one, bowl_of(fit.parameters), fit.surface.optima(fit.parameters)[number])
    place, spread = _known(own.place, trials), _known(own.spread, trials)
    return LawGroup(
        N=float(one.N[0]),
        D=float(one.D[0]),
        trials=len(one.loss) + int(one.lost[0]),
        counting=own.counting,
        diverged=int(one.lost[0] + np.sum(one.loss > one.loss.min() + DIVERGED)),
        loss=math.exp(own.loss),
        learning_rate=None if place[0] is None else math.exp(place[0]),
        learning_rate_spread=spread[0],
        batch_size=None if place[1] is None else math.exp(place[1]),
        batch_size_spread=spread[1],
        edge=_edge(one, own),
        left_out=left_out(trials, number, prior, fit.parameters[:SHARED], own),
    )


def _known(pair: Floats, trials: OwnTrials) -> list[float | None]:
    return [float(value) if searched else None for value, searched in zip(pair, trials.searched, strict=True)]


def _edge(one: OwnTrials, own: OwnOptimum) -> str | None:
    sides = []
    for place, name in enumerate(FORMULAS.values()):
        low, high = one.tried[0, place]
        if one.searched[place] and not low <= own.place[place] <= high:
            sides.append(f"{name} {'above' if own.place[place] > high else 'below'}")
    return ", ".join(sides) or None


def _unidentified(fit: SurfaceFit) -> Iterator[str]:
    """A sentence for each exponent that the trials leave as it was believed before."""
    trials = fit.surface.trials
    after = np.sqrt(np.diag(fit.covariance))
    together = trials.groups > 2 and abs(np.corrcoef(np.log(trials.N), np.log(trials.D))[0, 1]) > TOGETHER
    for line, name, searched in zip((RATE, BATCH), FORMULAS.values(), trials.searched, strict=True):
        for place, variable, sizes in ((line.start + 1, "N", trials.N), (line.start + 2, "D", trials.D)):
            if searched and after[place] > OPEN * fit.spread[place]:
                why = "N and D grow together" if together else f"{variable} spans a factor of {_span(sizes)}"
                yield (
                    f"The exponent of {variable} in the {name} is not identified ({why}): it is "
                    f"{fit.parameters[place]:.2f} +- {after[place]:.2f}, near the {fit.center[place]:.2f} +- "
                    f"{fit.spread[place]:.2f} believed before."
                )


def _notes(trials: OwnTrials, groups: tuple[LawGroup, ...]) -> Iterator[str]:
    for name, searched in zip(FORMULAS.values(), trials.searched, strict=True):
        if not searched:
            yield f"The {name} was not searched, so the law says nothing of it and holds for what it was."
    for group in groups:
        if group.edge is not None:
            yield (
                f"The optimum for N = {human(group.N)} and D = {human(group.D)} is beyond what was tried "
                f"({group.edge}); widen the range of that sweep."
            )


def _span(sizes: Floats) -> str:
    return f"{cast(float, sizes.max() / sizes.min()):.3g}"
