"""Published laws, and what people take without one, against 17 groups of trainings that came with the Step Law."""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from paretree.spaces import laws
from paretree.spaces.laws.conditional import rate_factor

from .cubic import Surface, surface
from .table import NEAR, Group, read_groups

Gap = Callable[[Group], float]

DEFAULTS = {
    "3e-4, 0.5M tokens": (3e-4, 2**19),
    "6e-4, 0.5M tokens": (6e-4, 2**19),
    "1e-3, 0.5M tokens": (1e-3, 2**19),
    "3e-4, 4M tokens (LLaMA)": (3e-4, 2**22),
}

PAPER_ROWS = 0.0025
"""Share above the best loss of the trainings that the Step Law's authors fitted their law to."""

NOT_AT_HAND = (
    "Not measured here, since the data are not at hand: mixtures of experts, and the group of 1.07B parameters and "
    "100B tokens, which the Step Law's authors kept to test their law."
)


def report(data: Path, plot: Path | None = None) -> None:
    """Print all tables, and draw the first."""
    groups = read_groups(data)
    gaps = pd.DataFrame({name: [gap(group) for group in groups] for name, gap in contenders().items()})
    gaps.index = pd.Index([group.name for group in groups])
    print(f"Per cent above the best loss of {len(groups)} groups, of the nearest training:\n")
    print(summary(gaps).to_string(float_format="%.3f"))
    print(f"\nStep Law by group: {', '.join(f'{name} {gap:.3f}' for name, gap in gaps['Step Law'].items())}")
    print(
        "\nThe learning rate where the batch size is fixed, per cent above the best loss of that batch size (mean):\n"
    )
    print(conditional(groups).to_string(float_format="%.3f"))
    print("\nLaws fitted to all groups, three ways; sd is that of the residuals of ln:\n")
    print(own_coefficients(groups).to_string(index=False))
    print(f"\n{NOT_AT_HAND}")
    if plot is not None:
        draw(gaps, plot)


def contenders() -> dict[str, Gap]:
    """The gap of a group by law; `oracle` is what is best given the other, which the law itself does not say."""
    step, kaplan, microsoft = laws.StepLaw(), laws.Kaplan(), laws.Microsoft()
    return {
        "Step Law": partial(law_gap, step),
        "Step Law, on the smooth surface": smooth_gap,
        "Porian": partial(law_gap, laws.Porian()),
        "Porian (rounded)": partial(law_gap, laws.Porian.rounded()),
        "DeepSeek": deepseek_gap,
        "Kaplan's rate, oracle batch": lambda group: group.gap_of_rate(best_rate(kaplan, group)),
        "Kaplan": lambda group: law_gap(laws.Kaplan(target_loss=group.best), group),
        "Microsoft's rate, oracle batch": lambda group: group.gap_of_rate(best_rate(microsoft, group)),
        "MiniCPM's batch, oracle rate": minicpm_gap,
        **{name: lambda group, at=at: group.gap(*at) for name, at in DEFAULTS.items()},
    }


def law_gap(law: laws.ScalingLaw, group: Group) -> float:
    with warnings.catch_warnings(action="ignore", category=laws.LawWarning):
        return group.gap(*np.exp(law.log_optimum(group.N, group.D)))


def best_rate(law: laws.ScalingLaw, group: Group) -> float:
    return float(law.best_learning_rate(group.N, group.D))  # type: ignore[arg-type]


def deepseek_gap(group: Group) -> float:
    """With compute counted as DeepSeek does, attention included."""
    size = laws.ModelSize.from_config(group.hidden, group.ffn, group.layers)
    return law_gap(laws.DeepSeek(flops_per_token=size.flops_per_token(2048)), group)


def minicpm_gap(group: Group) -> float:
    law = laws.MiniCPM(target_loss=group.best)
    return group.gap_of_batch(float(law.best_batch_size(group.N, group.D)))  # type: ignore[arg-type]


def smooth_gap(group: Group) -> float:
    return surface(group).gap(np.array(laws.StepLaw().log_optimum(group.N, group.D)))


def summary(gaps: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "median": gaps.median(),
            "mean": gaps.mean(),
            "max": gaps.max(),
            f"within {NEAR} %": gaps.le(NEAR).mean().map("{:.0%}".format),
        }
    )


def conditional(groups: list[Group]) -> pd.DataFrame:
    """Mean excess by how far the batch size is from the Step Law's, for several ways to follow it."""
    slopes = [0.0, 0.2, 0.37, 0.5, 1.0]
    rules: dict[str, Callable[[float], float]] = {
        f"(B/B*)^{slope:g}": lambda departure, slope=slope: departure**slope for slope in slopes
    }
    rules["learning_rate_given"] = rate_factor
    times = {"1/8": 1 / 8, "1/4": 1 / 4, "1/2": 1 / 2, "2": 2.0, "4": 4.0, "8": 8.0}
    rows = {
        f"B = {name} B*": {rule: _excess(groups, factor, follow) for rule, follow in rules.items()}
        for name, factor in times.items()
    }
    return pd.DataFrame(rows).T


def _excess(groups: list[Group], factor: float, follow: Callable[[float], float]) -> float:
    return float(np.mean([excess for group in groups for excess in _excesses(group, factor, follow)]))


def _excesses(group: Group, factor: float, follow: Callable[[float], float]) -> Iterator[float]:
    """One, or none where the group has no batch size near."""
    rate, best = np.exp(laws.StepLaw().log_optimum(group.N, group.D))
    batch = group.nearest_batch(factor * best)
    if abs(math.log(batch / (factor * best))) < math.log(1.5) / 2:
        yield group.excess(rate * follow(batch / best), batch)


def own_coefficients(groups: list[Group]) -> pd.DataFrame:
    """The law of least squares through three kinds of optima."""
    surfaces = [surface(group) for group in groups]
    return pd.DataFrame(
        [
            _fitted("all trainings within 0.25 %", *_rows_of(groups, PAPER_ROWS)),
            _fitted("best training of a group", *_rows_of(groups, 0.0)),
            _fitted("lowest point of a group's smooth surface", *_optima(groups, surfaces)),
        ]
    )


def _rows_of(groups: list[Group], share: float) -> tuple[np.ndarray, np.ndarray]:
    chosen = [(group, point) for group in groups for point in group.points[group.near(share)]]
    return np.log([[group.N, group.D] for group, _ in chosen]), np.array([point for _, point in chosen])


def _optima(groups: list[Group], surfaces: list[Surface]) -> tuple[np.ndarray, np.ndarray]:
    return np.log([[group.N, group.D] for group in groups]), np.array([one.optimum for one in surfaces])


def _fitted(name: str, sizes: np.ndarray, points: np.ndarray) -> dict[str, object]:
    """ln learning rate on ln N and ln D, and ln batch size on ln D."""
    one = np.ones((len(sizes), 1))
    rate, rate_sd = _least_squares(np.hstack([one, sizes]), points[:, 0])
    batch, batch_sd = _least_squares(np.hstack([one, sizes[:, 1:]]), points[:, 1])
    return {
        "optima": name,
        "rows": len(points),
        "learning rate": f"{math.exp(rate[0]):.3g} N^{rate[1]:.3f} D^{rate[2]:.3f}",
        "sd": f"{rate_sd:.3f}",
        "batch size": f"{math.exp(batch[0]):.3g} D^{batch[1]:.3f}",
        "sd ": f"{batch_sd:.3f}",
    }


def _least_squares(design: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, float]:
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0]
    residuals = values - design @ coefficients
    return coefficients, float(np.sqrt((residuals**2).sum() / (len(values) - design.shape[1])))


def draw(gaps: pd.DataFrame, file: Path) -> None:
    """Each law's gaps on all groups, as dots over a logarithmic axis."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    ordered = gaps[gaps.median().sort_values(ascending=False).index]
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    for row, name in enumerate(ordered):
        axes.scatter(ordered[name].clip(lower=0.005), [row] * len(ordered), s=18, alpha=0.6, color="tab:blue")
        axes.plot(ordered[name].median(), row, "|", markersize=16, color="black")
    axes.axvline(NEAR, color="tab:red", linewidth=1, label=f"{NEAR} %")
    axes.set_xscale("log")
    axes.set_yticks(range(len(ordered.columns)), ordered.columns)
    axes.set_xlabel("per cent above the best loss (one dot per group; stroke: median; left edge: 0)")
    axes.legend()
    figure.savefig(file, dpi=150)
    plt.close(figure)
    print(f"\nPlot: {file}")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of steplaw_dense.csv.gz")
    parser.add_argument("--plot", type=Path, help="PNG to draw")
    chosen = parser.parse_args(arguments)
    report(chosen.data, chosen.plot)
