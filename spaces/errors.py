"""What can be wrong with a space or a configuration."""

from __future__ import annotations

from collections.abc import Callable


class ParetreeError(Exception):
    """Anything that Paretree refuses or cannot do; the message is one sentence that says what, where and the fix."""


class SpaceError(ParetreeError, ValueError):
    """A space is not well defined. The message names the node, its path, the rule broken and the fix."""

    def __init__(self, node: object, path: str, rule: str, fix: str) -> None:
        self.node, self.path, self.rule, self.fix = repr(node), path, rule, fix
        where = f" at {path!r}" if path else ""
        super().__init__(f"{shortened(self.node)}{where}: {rule}; {fix}.")

    def __reduce__(self) -> tuple[Callable[..., SpaceError], tuple[str, ...]]:
        return _restored, (self.node, self.path, self.rule, self.fix)


class ConfigurationError(ParetreeError, ValueError):
    """Decisions that are not a point of the space. The message names the path and what would be right."""


def brief(value: object) -> str:
    """`repr(value)`, of a length that a message can bear."""
    return shortened(repr(value))


def shortened(text: str, limit: int = 120) -> str:
    """`text`, cut in the middle where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - 20]} … {text[-17:]}"


class _Verbatim:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _restored(node: str, path: str, rule: str, fix: str) -> SpaceError:
    return SpaceError(_Verbatim(node), path, rule, fix)
