"""From the name of a module inside a built model to its path in the space.

Names of modules come from paths: a sequence names its layers as the path does, a `Repeat` numbers its copies, and what
is built from arguments keeps each under its name. What a module makes on its own stands at the path of that module.
"""

from __future__ import annotations

from .build import Build
from .choice import Choice, Maybe
from .literals import Items
from .node import Environment, Node, join
from .pick import Pick
from .recursion import Again, Recursive
from .repeat import Repeat
from .require import Required
from .share import Shared


def path_of(module_name: str, path: str, node: Node, env: Environment) -> str:
    """The path of module `module_name` (dotted, empty for the model itself) in the model that `node` builds.

    Args:
        module_name: as in `torch.nn.Module.named_modules`.
        path: where `node` stands in the space.
        node: what builds the model.
        env: the decisions made.
    """
    for segment in filter(None, module_name.split(".")):
        path, node = taken(path, node, env)
        inner = _parts(path, node, env).get(segment)
        if inner is None:
            return path
        path, node = inner
    return taken(path, node, env)[0]


def taken(path: str, node: Node, env: Environment) -> tuple[str, Node]:
    """The path and node that stand at `path` once choices are made."""
    path, node = unwrapped(path, node, env)
    while isinstance(node, Choice | Maybe):
        path, node = unwrapped(*node.taken(path, env), env)
    return path, node


def unwrapped(path: str, node: Node, env: Environment) -> tuple[str, Node]:
    """The path and the node that stand behind those that only lead to another."""
    while True:
        match node:
            case Shared():
                path, node = node.shared_name, node.node
            case Required() | Recursive():
                node = node.body
            case Again():
                node = env.grammars[node.grammar]
            case _:
                return path, node


def _parts(path: str, node: Node, env: Environment) -> dict[str, tuple[str, Node]]:
    """The path and node of each part, by the name its module has."""
    if isinstance(node, Repeat):
        copies = range(node.count(path, env))
        return {str(index): (join(path, node.segment(index)), node.body) for index in copies}
    if isinstance(node, Pick):
        nodes = dict(node.items)
        picked = node.domain.labels_of(str(env.values[path]))
        return {str(index): (join(path, f"={label}"), nodes[label]) for index, label in enumerate(picked)}
    if isinstance(node, Build | Items):
        return {segment: (join(path, segment), part) for segment, part in node.children()}
    return {}
