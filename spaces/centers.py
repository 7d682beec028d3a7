"""Priors as the nodes of a space hold them: read, checked, and what their centres are computed from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .errors import SpaceError, brief
from .literals import is_number
from .measured import Measured
from .node import Node, descendants
from .priors import Normal, Prior, StudentT

Written = Prior | float | Node | None
"""How a prior is written: as a belief, or just as its centre."""


def belief(prior: Written) -> Prior | None:
    """A prior as it was written, as a belief whose numbers are floats."""
    if prior is None:
        return None
    if not isinstance(prior, Prior):
        return Normal(prior if isinstance(prior, Node) else float(prior))
    center = prior.center if isinstance(prior.center, Node) else float(prior.center)
    return replace(prior, center=center, spread=None if prior.spread is None else float(prior.spread))


def within(prior: Written, low: float, high: float) -> Prior | None:
    """The belief, its centre moved into the range from `low` to `high` where it is a number."""
    found = belief(prior)
    return found.moved(found.number, low, high) if found is not None and found.is_plain else found


def center_of(prior: Written) -> Iterable[Node]:
    """The centre, where it is computed from other decisions and budgets; nothing where it is a number."""
    center = prior.center if isinstance(prior, Prior) else prior
    return [center] if isinstance(center, Node) else []


def check_prior(node: Node, path: str, prior: Written, low: float, high: float) -> None:
    """Refuse what is no belief about a number from `low` to `high`.

    A centre outside is let through where the prior has a source, and where it is an expression.

    Raises:
        SpaceError: the message names what is wrong with it.
    """
    if prior is None:
        return
    center = prior.center if isinstance(prior, Prior) else prior
    if not isinstance(center, Node) and not is_number(center):
        raise SpaceError(
            node, path, f"the prior cannot be {brief(prior)}", "give the most likely value, or Normal(center, spread)"
        )
    if isinstance(prior, Prior):
        _check_shape(node, path, prior)
    if any(isinstance(part, Measured) for one in center_of(prior) for part in descendants(one)):
        raise SpaceError(
            node,
            path,
            "the prior's centre asks for the size of a model, which is known only once all is decided",
            "compute it from the decisions: 12 * layers * width**2",
        )
    vouched = isinstance(prior, Prior) and prior.source is not None
    if not isinstance(center, Node) and not vouched and not low <= center <= high:
        raise SpaceError(
            node,
            path,
            f"the prior's centre ({center}) lies outside the range",
            "check its unit, move it, or widen the range",
        )


def _check_shape(node: Node, path: str, prior: Prior) -> None:
    spread, source = prior.spread, prior.source
    if spread is not None and not (is_number(spread) and spread > 0):
        raise SpaceError(node, path, f"the prior's spread ({spread}) must be positive", "give a positive spread")
    if isinstance(prior, StudentT) and not (is_number(prior.freedom) and prior.freedom > 0):
        raise SpaceError(node, path, f"the prior's freedom ({prior.freedom}) must be positive", "use 3, or more")
    if source is not None and not isinstance(source, str):
        raise SpaceError(node, path, f"the prior's source cannot be {brief(source)}", "name it as text")
