"""What counts as a number, and what the user's function may return."""

from __future__ import annotations

import numbers
import reprlib
from collections.abc import Mapping

EXPECTED = "return a dict of numbers, or one number where there is one objective"


class ResultError(TypeError):
    """The user's function returned something that is not numbers; the message says what, and what to return."""


def as_number(value: object) -> float | None:
    """`value` as a float, or None where it is not one real number.

    Python and NumPy scalars count, and so do arrays and tensors without dimensions. A bool counts as 0 or 1, so
    that a yes-or-no constraint can be returned as it was measured. NaN and infinity stay what they are.
    """
    if not isinstance(value, numbers.Real) and (isinstance(value, numbers.Complex) or not _is_scalar_array(value)):
        return None
    try:
        return float(value.item() if hasattr(value, "item") else value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def as_values(result: object) -> dict[str, float]:
    """The values in what the user's function returned; a bare number comes under the empty name.

    Raises:
        ResultError: `result` is neither a number nor a mapping of names to numbers, or holds nothing.
    """
    if isinstance(result, Mapping):
        return _named_values(result)
    number = as_number(result)
    if number is None:
        raise ResultError(f"train returned {describe(result)}; {EXPECTED}")
    return {"": number}


def _named_values(result: Mapping[object, object]) -> dict[str, float]:
    if not result:
        raise ResultError(f"train returned an empty {type(result).__name__}; {EXPECTED}")
    values = {}
    for name, value in result.items():
        if not isinstance(name, str) or not name:
            raise ResultError(f"train returned a value under {describe(name)}; name objectives with non-empty strings")
        number = as_number(value)
        if number is None:
            raise ResultError(f"train returned {name!r}={describe(value)}; objectives must be numbers")
        values[name] = number
    return values


def describe(value: object) -> str:
    """`value` and its type in one short line, for error messages."""
    if value is None:
        return "None"
    return f"{' '.join(reprlib.repr(value).split())} ({type(value).__name__})"


def _is_scalar_array(value: object) -> bool:
    return getattr(value, "shape", None) == () and not isinstance(value, str | bytes)
