"""Column types that give back exactly what was put in, on every database."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Double, Enum, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

# SQLite counts rows by itself in columns declared INTEGER only.
RowId = BigInteger().with_variant(Integer, "sqlite")


class ExactFloat(TypeDecorator[float]):
    """A double, with NaN and both infinities. SQLite knows no NaN, so NULL stands for it and for nothing else."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """Python to database."""
        return None if value is None or math.isnan(value) else float(value)

    def process_result_value(self, value: float | None, dialect: Dialect) -> float:
        """Database to Python."""
        return math.nan if value is None else value


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, kept and given back in UTC. SQLite has no time zones, so there the zone is implied."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Python to database; a naive time is refused, because it could mean any zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value} has no time zone; give an aware one, such as datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Database to Python."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class AnyText(TypeDecorator[str]):
    """Text that users' code wrote. What a database cannot hold (lone surrogates, NUL) is kept as an escape."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Python to database."""
        if value is None:
            return None
        return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


class JsonText(TypeDecorator[Any]):
    """JSON kept as plain text."""

    impl = Text
    cache_ok = True

    def __init__(self, none_as_null: bool) -> None:
        super().__init__()
        self.none_as_null = none_as_null

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None and self.none_as_null else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> object:
        """Database to Python."""
        return None if value is None else json.loads(value)


def any_json(*, none_as_null: bool = False) -> TypeEngine[Any]:
    """A column for JSON, NaN, infinities and lone surrogates included: PostgreSQL keeps it as text for their sake."""
    return JSON(none_as_null=none_as_null).with_variant(JsonText(none_as_null), "postgresql")


def one_of(states: type[StrEnum]) -> Enum:
    """A column for a member of `states`, stored as its lower-case text."""
    return Enum(states, native_enum=False, length=16, values_callable=lambda members: [str(each) for each in members])
