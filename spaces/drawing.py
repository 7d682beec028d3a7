"""Spaces and configurations as pictures (SVG) and as HTML that folds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .choice import Choice, Maybe
from .configuration import Configuration, environment
from .errors import brief, shortened
from .expressions import Expression
from .literals import Constant
from .locate import unwrapped
from .node import Environment, Node, descendants, join
from .pick import Pick
from .recursion import Recursive
from .repeat import Repeat
from .require import Required
from .share import Shared
from .space import Space
from .svg import Box, Kind, escaped, svg
from .text import below, title

MOST = 24
"""Boxes drawn beside each other; more are told in one."""

LONGEST = 60
"""Characters in a box."""


def draw_space(space: Space) -> str:
    """The tree of a space as SVG; decisions are blue. A choice between plain values is one box."""
    parts = _few([_space_box(name, node) for name, node in space.parts.items()])
    conditions = [Box(_short(f"required: {brief(predicate)}"), _short(why)) for predicate, why in space.required]
    return svg(Box("Space", below=(*parts, *conditions)), f"Search space with {len(space.slots)} decisions")


def draw_configuration(configuration: Configuration) -> str:
    """The tree of a space as SVG, with what was decided: what is taken in green, what is not is faint."""
    env = environment(configuration)
    parts = [_decided_box(name, name, node, env) for name, node in configuration.space.parts.items()]
    return svg(
        Box("Configuration", note=configuration.key[:12], below=_few(parts)),
        f"Configuration with {len(configuration.values)} decisions",
    )


def html_tree(space: Space) -> str:
    """The tree of a space as HTML that folds, for notebooks."""
    lines = "".join(_details(name, node) for name, node in space.parts.items())
    lines += "".join(_line(f"required: {predicate!r}") for predicate, _ in space.required)
    return f'<div style="font-family: ui-monospace, monospace"><b>Space</b>{lines}</div>'


def _space_box(segment: str, node: Node) -> Box:
    children = _few([_space_box(name, child) for name, child in below(node)])
    return Box(_named(segment, node), kind="decision" if _decides(node) else "part", below=children)


def _decides(node: Node) -> bool:
    """Whether a decision is made at this node, or at one that it merely wraps."""
    match node:
        case Shared(node=inner) | Required(body=inner) | Recursive(body=inner):
            return _decides(inner)
        case Repeat(n=number):
            return _decides(number)
    return node.decides


def _decided_box(path: str, segment: str, node: Node, env: Environment, kind: Kind = "part") -> Box:
    """What stands at `path`, with what was decided there and below."""
    path, node = unwrapped(path, node, env)
    match node:
        case Choice() | Maybe() | Pick():
            return _choice_box(path, segment, node, env)
        case Repeat():
            return _repeat_box(path, segment, node, env, kind)
        case Constant():
            return Box(_short(f"{segment} = {brief(node.value)}"), kind=kind)
        case Expression():
            return _derived_box(path, segment, node, env, kind)
    if path in env.values:
        return Box(_short(f"{segment} = {env.values[path]!r}"), title(node), "decision")
    children = [(name, child) for name, child in node.children() if not isinstance(child, Constant)]
    boxes = [_decided_box(join(path, name), name, child, env) for name, child in children]
    return Box(_named(segment, node), kind=kind, below=_few(boxes))


def _choice_box(path: str, segment: str, node: Choice | Maybe | Pick, env: Environment) -> Box:
    """The decision, and all options: those that are taken with what is below them, the others faint."""
    decided = f"{segment} = {env.values[path]!r}"
    options = list(node.children())
    if all(isinstance(option, Constant) for _, option in options):
        others = ", ".join(name.removeprefix("=") for name, _ in options)
        return Box(_short(decided), _short(f"of {others}"), "decision")
    taken = _taken_labels(path, node, env)
    boxes = [
        _decided_box(join(path, name), name.removeprefix("="), option, env, "taken")
        if name.removeprefix("=") in taken
        else Box(_named(name.removeprefix("="), option), kind="inactive")
        for name, option in options
    ]
    return Box(_short(decided), kind="decision", below=_few(boxes))


def _taken_labels(path: str, node: Choice | Maybe | Pick, env: Environment) -> Sequence[str]:
    if isinstance(node, Pick):
        return node.domain.labels_of(str(env.values[path]))
    inner, _ = node.taken(path, env)
    return [inner.removeprefix(path).removeprefix("=")]


def _repeat_box(path: str, segment: str, node: Repeat, env: Environment, kind: Kind) -> Box:
    """The number of copies; if they are tied, one copy for all."""
    count = node.count(path, env)
    copies = [node.segment(index) for index in range(min(count, 1) if node.tied else count)]
    boxes = [_decided_box(join(path, copy), copy, node.body, env) for copy in copies]
    return Box(_short(f"{segment}: Repeat × {count}"), kind="decision" if _decides(node) else kind, below=_few(boxes))


def _derived_box(path: str, segment: str, node: Expression, env: Environment, kind: Kind) -> Box:
    """The value, and the shared decisions in it, which may stand nowhere else."""
    shared = [part for part in descendants(node) if isinstance(part, Shared)]
    boxes = [_decided_box(part.shared_name, part.shared_name, part, env) for part in shared]
    return Box(_short(f"{segment} = {brief(node.resolve(path, env))}"), kind=kind, below=_few(boxes))


def _few(boxes: Sequence[Box]) -> tuple[Box, ...]:
    if len(boxes) <= MOST:
        return tuple(boxes)
    return (*boxes[: MOST - 1], Box(f"… {len(boxes) - MOST + 1} more", kind="inactive"))


def _named(segment: str, node: Node) -> str:
    """A part by its name and what it is, in one word where the two are the same."""
    return _short(segment if title(node) == segment else f"{segment}: {title(node)}")


def _short(text: str) -> str:
    return shortened(text, LONGEST)


def _details(segment: str, node: Node) -> str:
    children: Iterable[tuple[str, Node]] = below(node)
    inside = "".join(_details(name, child) for name, child in children)
    text = f"{segment}: {title(node)}"
    if not inside:
        return _line(text)
    return (
        f'<details open style="margin-left: 1.5em"><summary style="margin-left: -1em">{escaped(text)}</summary>'
        f"{inside}</details>"
    )


def _line(text: str) -> str:
    return f'<div style="margin-left: 1.5em">{escaped(text)}</div>'
