"""Arguments of methods that cannot be meant."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import Unsupported


def positive(method: object, **numbers: float) -> None:
    """Refuse numbers that are not above 0, each given under its name.

    Raises:
        Unsupported: names the method, the argument and its value.
    """
    for name, number in numbers.items():
        if not number > 0:
            raise Unsupported(f"{name} of {type(method).__name__} is {number!r}; give a number above 0.")


def one_of(method: object, allowed: Iterable[str], **words: str) -> None:
    """Refuse words that are not among those allowed, each given under its name.

    Raises:
        Unsupported: names the method, the argument, its value and what is allowed.
    """
    known = tuple(allowed)
    for name, word in words.items():
        if word not in known:
            raise Unsupported(f"{name} of {type(method).__name__} is {word!r}; give one of {', '.join(known)}.")


def refuse(reason: str | None, method: object) -> None:
    """Refuse to attach a method for a reason that its `supports` gave; None is none.

    Raises:
        Unsupported: names the method and the reason.
    """
    if reason is not None:
        raise Unsupported(f"{type(method).__name__} cannot be attached: {reason}.")
