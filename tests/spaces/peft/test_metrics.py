"""Metrics of predicted labels."""

import builtins

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretree.spaces.errors import ParetreeError
from paretree.spaces.peft.metrics import METRICS, metric_of

LABELS = np.array([0, 1, 1, 0, 1, 0])
PREDICTED = np.array([0, 1, 0, 0, 1, 1])  # two true positives, one false positive, one false negative


@pytest.mark.parametrize(("name", "value"), [("accuracy", 4 / 6), ("f1", 2 / 3), ("matthews", 1 / 3)])
def test_metrics_of_classes_are_those_of_the_textbook(name, value):
    assert METRICS[name].score(LABELS, PREDICTED) == pytest.approx(value)


def test_f1_of_more_than_two_classes_is_the_mean_over_classes():
    labels, predicted = np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1])
    assert METRICS["f1"].score(labels, predicted) == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_spearman_compares_orders_not_values():
    assert METRICS["spearman"].score(np.array([1.0, 2.0, 3.0]), np.array([0.1, 7.0, 900.0])) == pytest.approx(1.0)
    assert METRICS["spearman"].score(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1.0)


@pytest.mark.parametrize("name", ["matthews", "spearman"])
def test_predicting_the_same_everywhere_correlates_with_nothing(name):
    assert METRICS[name].score(np.array([0, 1, 1]), np.array([1, 1, 1])) == 0.0, "not NaN, which no sampler can use"


@given(st.lists(st.integers(0, 1), min_size=2, max_size=30).filter(lambda labels: len(set(labels)) == 2))
def test_nothing_is_better_than_being_right(labels):
    found = np.array(labels)
    assert all(metric.score(found, found) == pytest.approx(1.0) for metric in METRICS.values())


def test_an_unknown_metric_is_refused_with_those_that_fit():
    with pytest.raises(
        ParetreeError, match="There is no metric 'bleu'; for labels that are classes use accuracy or f1"
    ):
        metric_of("bleu", of_classes=True)


@pytest.mark.parametrize(("name", "of_classes", "use"), [("spearman", True, "accuracy"), ("f1", False, "spearman")])
def test_a_metric_for_other_labels_is_refused(name, of_classes, use):
    with pytest.raises(ParetreeError, match=f"which {name!r} is not for; use .*{use}"):
        metric_of(name, of_classes=of_classes)


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ParetreeError, match="Metric 'f1' needs scikit-learn; install it with: pip install"):
        METRICS["f1"].score(LABELS, PREDICTED)
