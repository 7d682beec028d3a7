"""Spaces and domains in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from .build import Build
from .choice import Choice, Maybe
from .domains import Domain, Labels, Real
from .errors import brief, shortened
from .expressions import Expression
from .literals import Constant, Items, Record
from .node import Node, name_of
from .pick import Pick
from .priors import Prior
from .ranges import Float, Int
from .recursion import Recursive
from .repeat import Repeat
from .require import Required
from .selections import Selections
from .share import Shared


def describe(domain: Domain) -> str:
    """What a decision may be, as an error message says it."""
    if isinstance(domain, Selections):
        how_many = " or ".join(map(str, domain.sizes))
        return f"{how_many} of {', '.join(domain.items)}, joined by {domain.mark!r}"
    if isinstance(domain, Labels):
        return "one of " + shortened(", ".join(map(repr, domain.values)))
    kind = "a number" if isinstance(domain, Real) else "an integer"
    step = f" in steps of {domain.step}" if domain.step not in (None, 1) else ""
    return f"{kind} from {domain.low} to {domain.high}{step}"


def tree(parts: Mapping[str, Node], required: Sequence[tuple[Node, str]] = ()) -> str:
    """The space as an indented tree, one line for each node and for each condition."""
    conditions = [("required", predicate) for predicate, _ in required]
    return "\n".join(["Space", *_lines([*parts.items(), *conditions], "")])


def _lines(children: Iterable[tuple[str, Node]], indent: str) -> Iterator[str]:
    rows = list(children)
    for position, (segment, node) in enumerate(rows):
        last = position == len(rows) - 1
        yield f"{indent}{'└─ ' if last else '├─ '}{segment}: {title(node)}"
        yield from _lines(below(node), indent + ("   " if last else "│  "))


def below(node: Node) -> list[tuple[str, Node]]:
    """The children worth a line of their own: a choice between plain values is told in one."""
    if isinstance(node, Expression):
        return []
    if isinstance(node, Choice | Pick) and all(isinstance(option, Constant) for _, option in node.children()):
        return []
    if isinstance(node, Recursive):
        return below(node.body)
    if isinstance(node, Required):
        return [*below(node.body), ("required", node.predicate)]
    if isinstance(node, Repeat):
        return [("each" if not node.tied else "all alike", node.body)]
    if isinstance(node, Build):
        return [(segment, child) for segment, child in node.children() if not isinstance(child, Constant)]
    return [(segment.removeprefix("="), child) for segment, child in node.children() if segment]


def title(node: Node) -> str:
    """The node in a line, without what `below` gives lines of its own."""
    if isinstance(node, Build):
        fixed = [f"{segment}={brief(child)}" for segment, child in node.children() if _says_more(child, node)]
        return f"{node.label}({', '.join(fixed)})" if fixed else node.label
    if isinstance(node, Required):
        return title(node.body)
    if isinstance(node, Recursive):
        return f"Recursive {node.grammar!r}, depth {node.depth}: {title(node.body)}"
    if isinstance(node, Repeat):
        return f"Repeat × {_count(node.n)}"
    if isinstance(node, Shared):
        return f"share({node.shared_name!r}) {title(node.node)}"
    if isinstance(node, Choice) and below(node):
        return "Choice"
    if isinstance(node, Pick) and below(node):
        return f"Pick {' or '.join(map(str, node.sizes))}{' in order' if node.ordered else ''}"
    if isinstance(node, Float | Int | Choice) and isinstance(node.prior, Prior):
        return _believed_title(node, node.prior)
    if isinstance(node, Maybe | Items | Record):
        return {Maybe: "Maybe", Items: "list", Record: "dict"}[type(node)]
    return brief(node)


def _believed_title(node: Float | Int | Choice, prior: Prior) -> str:
    """The range and its prior: who says so where that is known, else in full where it is a number."""
    if prior.source is None and prior.is_plain:
        return brief(node)
    told = f"by {prior.source}" if prior.source is not None else f"around {shortened(repr(prior.center), 60)}"
    return f"{shortened(repr(node).replace(f', prior={prior!r}', ''))}, prior {told}"


def _says_more(child: Node, parent: Build) -> bool:
    """Whether a constant argument tells more than the names of the others, which have lines of their own."""
    if not isinstance(child, Constant):
        return False
    return not parent.args or child.value != [name_of(arg, position) for position, arg in enumerate(parent.args)]


def _count(n: Node) -> str:
    return repr(n.value) if isinstance(n, Constant) else repr(n)
