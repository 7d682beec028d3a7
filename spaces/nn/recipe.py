"""How the recipes of this folder are written down."""

from __future__ import annotations

from ..build import Build
from ..choice import Choice
from ..errors import SpaceError, brief
from ..literals import Constant, lift

MODULES = "paretree.spaces.modules"
TORCH = "torch.nn"


def given(**options: tuple[object, object]) -> dict[str, object]:
    """The options, written as `name=(value, default)`, that differ from the default: a tree shows only those."""
    return {name: value for name, (value, default) in options.items() if value is not default}


def refuse_other(recipe: Build, argument: str, value: object, allowed: tuple[object, ...]) -> None:
    """Refuse a constant, or an option of a choice, that is not one of `allowed`.

    Raises:
        SpaceError: it is not.
    """
    options = [option for _, option in value.options] if isinstance(value, Choice) else [lift(value)]
    for option in options:
        if isinstance(option, Constant) and option.value not in allowed:
            fix = f"use {' or '.join(map(repr, allowed))}"
            raise SpaceError(recipe, "", f"{argument} cannot be {brief(option.value)}", fix)


def refuse_indivisible(recipe: Build, channels: object, groups: object) -> None:
    """Refuse constant groups that do not divide constant channels.

    Raises:
        SpaceError: they do not.
    """
    if isinstance(channels, int) and isinstance(groups, int) and (groups < 1 or channels % groups):
        raise SpaceError(
            recipe, "", f"{groups} groups do not divide {channels} channels", "choose groups that divide them"
        )
