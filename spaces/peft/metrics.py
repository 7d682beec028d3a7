"""How well labels are predicted. All metrics are better where they are greater."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ParetreeError, brief

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.generic]


@dataclass(frozen=True)
class Metric:
    """A number that says how well labels are predicted.

    Attributes:
        name: its key in `METRICS`.
        of_classes: labels are classes, given by number; else they are numbers themselves.
        score: of true labels `(examples,)` and predicted ones.
    """

    name: str
    of_classes: bool
    score: Callable[[Numbers, Numbers], float]


def metric_of(name: str, *, of_classes: bool) -> Metric:
    """The metric of that name.

    Args:
        name: one of `METRICS`.
        of_classes: what the labels are that it is for.

    Raises:
        ParetreeError: there is no such metric, or it is for other labels.
    """
    fitting = [metric.name for metric in METRICS.values() if metric.of_classes == of_classes]
    kind = "classes" if of_classes else "numbers"
    if name not in METRICS:
        raise ParetreeError(f"There is no metric {brief(name)}; for labels that are {kind} use {' or '.join(fitting)}.")
    if name not in fitting:
        raise ParetreeError(f"The labels are {kind}, which {name!r} is not for; use {' or '.join(fitting)}.")
    return METRICS[name]


def accuracy(labels: Numbers, predicted: Numbers) -> float:
    """Share of the labels that are predicted."""
    return float((labels == predicted).mean())


def f1(labels: Numbers, predicted: Numbers) -> float:
    """F1 of class 1 where there are two classes, else the mean of the F1 of each.

    Raises:
        ParetreeError: scikit-learn is not installed.
    """
    classes = int(max(labels.max(), predicted.max())) + 1
    average = "binary" if classes <= 2 else "macro"
    return float(_sklearn("f1").f1_score(labels, predicted, average=average, zero_division=0.0))


def matthews(labels: Numbers, predicted: Numbers) -> float:
    """Matthews' correlation coefficient, -1 to 1; 0 where all labels, or all predictions, are alike.

    Raises:
        ParetreeError: scikit-learn is not installed.
    """
    return float(_sklearn("matthews").matthews_corrcoef(labels, predicted))


def spearman(labels: Numbers, predicted: Numbers) -> float:
    """Spearman's rank correlation, -1 to 1; 0 where all labels, or all predictions, are alike."""
    from scipy.stats import spearmanr

    if (labels == labels[0]).all() or (predicted == predicted[0]).all():
        return 0.0
    return float(spearmanr(labels, predicted).statistic)


METRICS = {
    "accuracy": Metric("accuracy", True, accuracy),
    "f1": Metric("f1", True, f1),
    "matthews": Metric("matthews", True, matthews),
    "spearman": Metric("spearman", False, spearman),
}
"""By name."""


def _sklearn(metric: str) -> Any:
    try:
        from sklearn import metrics
    except ImportError as error:
        raise ParetreeError(
            f"Metric {metric!r} needs scikit-learn; install it with: pip install scikit-learn, or use 'accuracy'."
        ) from error
    return metrics
