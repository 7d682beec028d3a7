"""Which decisions an expression takes: from its place over what it refers to and shares, to the slots at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Lead(NamedTuple):
    """What computes at `origin` takes what stands at `end`: that decision alone, or with it all that is below."""

    origin: str
    end: str
    alone: bool = False


def taken_by(path: str, leads: Sequence[Lead], decided: Iterable[str]) -> list[str]:
    """The paths among `decided` of all decisions that what computes at `path` may take, directly or over others."""
    exact: set[str] = set()
    whole = [path]
    for start in whole:
        for lead in leads:
            if lead.alone and is_below(lead.origin, start):
                exact.add(lead.end)
            elif is_below(lead.origin, start) and lead.end not in whole:
                whole.append(lead.end)
    return [one for one in decided if one in exact or any(is_below(one, start) for start in whole)]


def is_below(path: str, other: str) -> bool:
    """Whether `path` is `other` or stands below it."""
    return path == other or path.startswith((f"{other}/", f"{other}=", f"{other}["))
