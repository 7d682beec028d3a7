"""Numbers given as options: `215M`, `20B`, `1.4T`, `1e9`."""

from __future__ import annotations

from ..spaces.errors import ParetreeError


def amount_of(option: str, text: str) -> float:
    """The positive number that `text` says.

    Raises:
        ParetreeError: it says none; `option` is named.
    """
    from ..spaces.laws.amounts import amount

    value = amount(text)
    if value is None:
        raise ParetreeError(f"{option} {text!r} is no positive number; write it as 215M, 20B, 1.4T or 1e9.")
    return value


def pair_of(option: str, text: str) -> tuple[float, float]:
    """The two numbers, N and D, that stand in `text` with a comma between them.

    Raises:
        ParetreeError: it says another count of numbers, or none.
    """
    parts = text.split(",")
    if len(parts) != 2:
        raise ParetreeError(f"{option} {text!r} is no pair of N and D; write it as 1B,20B.")
    return amount_of(option, parts[0]), amount_of(option, parts[1])
