"""Numbers of a training: given by whoever trains, or decided by a space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from .configuration import Configuration, Part
from .errors import ParetreeError, brief

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")


def given_settings(kind: type[S], settings: Mapping[str, Any]) -> S:
    """Settings of these names, and the usual ones.

    Raises:
        ParetreeError: there is no such setting.
    """
    names = [field.name for field in fields(kind)]
    for name in settings:
        if name not in names:
            raise ParetreeError(f"There is no setting {name!r} of a training; name some of {', '.join(names)}.")
    return kind(**settings)


def settings_of(kind: type[S], configuration: Configuration, given: Mapping[str, Any]) -> S:
    """Settings that the parts of a configuration say, by name; then those that are given; then the usual ones.

    What is given goes before constants and fidelities of the space, but not before what the space leaves to decide.

    Raises:
        ParetreeError: there is no such setting, or what is given is for the space to decide.
    """
    for name, value in given.items():
        if any(path == name or path.startswith(f"{name}/") for path in configuration.values):
            raise ParetreeError(f"{name}={brief(value)} is given, but the space decides {name!r}; leave one out.")
    named = {field.name for field in fields(kind)} & configuration.space.parts.keys()
    return given_settings(kind, {**{name: _value(configuration, name) for name in named}, **given})


def check_setting(settings: DataclassInstance, name: str, holds: bool, right: str) -> None:
    """Refuse a setting that is not right.

    Raises:
        ParetreeError: `holds` is False.
    """
    if not holds:
        raise ParetreeError(f"{name}={brief(getattr(settings, name))} of a training must be {right}.")


def _value(configuration: Configuration, name: str) -> Any:
    part = getattr(configuration, name)
    return part.build() if isinstance(part, Part) else part
