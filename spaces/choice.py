"""One of several: `Choice` and `Maybe`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .build import Build
from .centers import Written, belief, center_of, check_prior
from .declare import Place
from .domains import Decision, Labels
from .errors import SpaceError, brief
from .literals import Constant, check_label, is_number, lift, plain, typed_keywords
from .node import Environment, Node, join
from .references import reference, short_name
from .slots import Literal


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Choice(Node):
    """One of several options, each a plain value or a subtree.

    An option is known by its label, never by its position, so options may be added and reordered freely. Options given
    by keyword are labelled by it; a plain value is its own label; a `Build` is labelled by what it builds.

    Args:
        options: the options, as positional arguments or as `label=option`, not both.
        ordered: the options are written in a meaningful order (sizes, degrees).
        weights: prior probabilities, one for each option; they need not sum to 1.
        prior: instead of weights, for ordered positive numbers: a belief about their logarithm, or just the most likely
            value; the centre may be an expression. An option gets what lies between the geometric midpoints to its
            neighbours.
        was: labels that were renamed, as `{"now": "then"}`, so that `Space.migrate` reads older trials.
        name: its segment of the path where it stands in a sequence.
    """

    options: tuple[tuple[str, Node], ...]
    labelled: bool
    ordered: bool = False
    weights: tuple[float, ...] | None = None
    was: tuple[tuple[str, str], ...] = ()
    prior: Written = None

    def __init__(
        self,
        /,
        *options: object,
        ordered: bool = False,
        weights: Sequence[float] | None = None,
        was: Mapping[str, str] | None = None,
        prior: Written = None,
        name: str | None = None,
        **labelled: object,
    ) -> None:
        without_label = [(own_label(node), node) for node in map(lift, options)]
        with_label = [(label, lift(option)) for label, option in labelled.items()]
        object.__setattr__(self, "options", (*without_label, *with_label))
        object.__setattr__(self, "labelled", bool(labelled))
        object.__setattr__(self, "ordered", ordered)
        object.__setattr__(self, "weights", tuple(map(plain, weights)) if isinstance(weights, Iterable) else weights)
        object.__setattr__(self, "was", tuple(was.items()) if isinstance(was, Mapping) else was or ())
        object.__setattr__(self, "prior", plain(prior))
        object.__setattr__(self, "name", name)
        if options and labelled:
            raise SpaceError(self, "", "some options have labels and some have none", "label all of them, or none")

    @property
    def decides(self) -> bool:
        """Always, also among one: a second option may be added later."""
        return True

    @cached_property
    def _decisions(self) -> tuple[Decision, ...]:
        return tuple(self._decision(label, node) for label, node in self.options)

    def _decision(self, label: str, node: Node) -> Decision:
        """What is written down for an option: itself where it is a plain unlabelled scalar, else its label."""
        decision: Decision = (
            node.value if isinstance(node, Constant) and node.is_scalar and not self.labelled else label
        )
        return decision

    def check(self, path: str) -> None:
        """Refuse what does not tell the options apart."""
        if not self.options:
            raise SpaceError(self, path, "there is nothing to choose from", "give at least one option")
        if not isinstance(self.ordered, bool):
            raise SpaceError(
                self,
                path,
                f"ordered must be True or False, not {brief(self.ordered)}",
                "if this is an option, give it another label",
            )
        self._check_labels(path)
        self._check_former(path)
        if self.weights is not None:
            self._check_weights(path, self.weights)
        if self.prior is not None:
            self._check_prior(path)

    def _check_labels(self, path: str) -> None:
        for label, node in self.options:
            if self.labelled or not isinstance(node, Constant):
                check_label(self, path, label)
        endless = [value for value in self._decisions if isinstance(value, float) and not math.isfinite(value)]
        if endless:
            raise SpaceError(
                self, path, f"{endless[0]} cannot be written down as a decision", "label it: Choice(unlimited=..., ...)"
            )
        repeated = [label for label, count in Counter(label for label, _ in self.options).items() if count > 1]
        if repeated:
            raise SpaceError(
                self,
                path,
                f"two options are labelled {brief(repeated[0])}",
                "remove one, or label them by keyword: Choice(first=..., second=...)",
            )
        if len(set(self._decisions)) < len(self._decisions):
            raise SpaceError(
                self, path, "two options are equal to Python (as 1, 1.0 and True are)", "label them by keyword"
            )

    def _check_former(self, path: str) -> None:
        if not isinstance(self.was, tuple):
            raise SpaceError(
                self, path, f"was must be a dict, not {brief(self.was)}", "if this is an option, give it another label"
            )
        unknown = [now for now, _ in self.was if now not in self._decisions]
        if unknown:
            raise SpaceError(
                self, path, f"was names {brief(unknown[0])}, which is no option", "write {'label now': 'label then'}"
            )

    def _check_weights(self, path: str, weights: object) -> None:
        if not isinstance(weights, tuple):
            raise SpaceError(
                self, path, f"weights must be a list, not {brief(weights)}", "give a number for each option"
            )
        if len(weights) != len(self.options):
            raise SpaceError(
                self, path, f"{len(weights)} weights for {len(self.options)} options", "give one weight for each option"
            )
        if not all(is_number(weight) and weight >= 0 for weight in weights) or not is_number(sum(weights)):
            raise SpaceError(self, path, f"weights {brief(weights)} are no probabilities", "use numbers from 0 to 1")
        if not sum(weights) > 0:
            raise SpaceError(self, path, "all weights are 0", "give at least one option a positive weight")

    def _check_prior(self, path: str) -> None:
        numbers = [value for value in self._decisions if is_number(value) and value > 0]
        if self.labelled or not self.ordered or len(numbers) < len(self.options):
            raise SpaceError(
                self,
                path,
                "a prior needs ordered positive numbers to choose from",
                "write Choice(64, 128, ordered=True, prior=...), or give weights",
            )
        if self.weights is not None:
            raise SpaceError(self, path, "both a prior and weights tell what is likely", "leave out one of them")
        check_prior(self, path, self.prior, min(numbers), max(numbers))

    def aside(self) -> Iterable[Node]:
        """The centre of its prior."""
        return center_of(self.prior)

    def children(self) -> Iterable[tuple[str, Node]]:
        """The options that have something to decide or to build below them."""
        return [(f"={label}", node) for label, node in self.options]

    def declare(self, place: Place) -> None:
        """Enter the decision, and below it what each option leaves to decide."""
        pairs = zip(self._decisions, self.children(), strict=True)
        open = [(decision, segment, node) for decision, (segment, node) in pairs if node.ends(place.fuel)]
        if not open:
            raise SpaceError(self, place.path, "no option ends the recursion", "add one without Again")
        place.decide(self, self._labels([decision for decision, _, _ in open]))
        place.believe(self, belief(self.prior))
        for decision, segment, node in open:
            place.enter(segment, node, when=Literal(place.path, (decision,)))

    def _labels(self, decisions: Sequence[Decision]) -> Labels:
        """The options that are open; all of them, except at the greatest depth of a recursion."""
        kept = [self._decisions.index(decision) for decision in decisions]
        weights = None if self.weights is None else tuple(self.weights[index] for index in kept)
        labels = Labels(tuple(decisions), self.ordered, weights, self.was, belief(self.prior))
        return labels.around(labels.prior.number) if labels.prior is not None and labels.prior.is_plain else labels

    def ends(self, fuel: Mapping[str, int]) -> bool:
        """Whether one of the options does."""
        return any(node.ends(fuel) for _, node in self.options)

    def taken(self, path: str, env: Environment) -> tuple[str, Node]:
        """The path and the node of the option decided on."""
        index = self._decisions.index(env.values[path])
        label, node = self.options[index]
        return join(path, f"={label}"), node

    def resolve(self, path: str, env: Environment) -> object:
        """What the option decided on stands for."""
        inner, node = self.taken(path, env)
        return node.resolve(inner, env)

    def _arguments(self) -> Iterable[str]:
        if self.labelled:
            yield from typed_keywords(self.options)
        else:
            yield from (repr(node) for _, node in self.options)
        for flag, default in (("ordered", False), ("weights", None), ("prior", None), ("name", None)):
            if getattr(self, flag) is not default:
                yield f"{flag}={getattr(self, flag)!r}"
        if self.was:
            yield f"was={dict(self.was)!r}"


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Maybe(Node):
    """A part that is there or not. Decided as True or False; what is absent stands for None.

    Args:
        node: the part, a plain value or a subtree.
        weight: prior probability that it is there.
        name: its segment of the path where it stands in a sequence.
    """

    node: Node
    weight: float = 0.5

    def __init__(self, node: object, weight: float = 0.5, *, name: str | None = None) -> None:
        object.__setattr__(self, "node", lift(node))
        object.__setattr__(self, "weight", plain(weight))
        object.__setattr__(self, "name", name)

    @property
    def decides(self) -> bool:
        """Always."""
        return True

    def check(self, path: str) -> None:
        """Refuse a weight that is no probability."""
        if not is_number(self.weight) or not 0 <= self.weight <= 1:
            raise SpaceError(self, path, f"weight {brief(self.weight)} is no probability", "use a number from 0 to 1")

    def children(self) -> Iterable[tuple[str, Node]]:
        """The part."""
        return [("=True", self.node)]

    def declare(self, place: Place) -> None:
        """Enter the decision, and below it what the part leaves to decide."""
        if not self.node.ends(place.fuel):
            place.decide(self, Labels((False,)))
            return
        weights = None if self.weight == 0.5 else (1 - self.weight, self.weight)
        place.decide(self, Labels((False, True), weights=weights))
        place.enter("=True", self.node, when=Literal(place.path, (True,)))

    def ends(self, fuel: Mapping[str, int]) -> bool:
        """Always: the part can be absent."""
        return True

    def taken(self, path: str, env: Environment) -> tuple[str, Node]:
        """The path and the node that this stands for: the part, or None."""
        return (join(path, "=True"), self.node) if env.values[path] else (path, Constant(None))

    def resolve(self, path: str, env: Environment) -> object:
        """What the part stands for, or None."""
        inner, node = self.taken(path, env)
        return node.resolve(inner, env)


def own_label(node: Node) -> str:
    """The label of an option that was given none."""
    if node.name is not None:
        return node.name
    if isinstance(node, Constant):
        named = reference(node.value)
        return short_name(named) if named else str(node.value)
    return node.label if isinstance(node, Build) else type(node).__name__
