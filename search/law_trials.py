"""The trials of a family of sweeps as one table, for laws to be fitted to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from ..spaces import Configuration, Space
from ..spaces.literals import is_number
from .errors import SweepError
from .goals import Direction, Goals
from .store import Store, SweepRecord, TrialState, TrialTable

if TYPE_CHECKING:
    import pandas as pd

WILD = frozenset("*?[")


def law_trials(
    store: Store | str,
    sweeps: str | Sequence[str],
    *,
    N: str = "N",
    D: str = "D",
    learning_rate: str | None = "lr",
    batch_size: str | None = "batch_size",
    loss: str | None = None,
    seq_len: int | str | None = None,
) -> pd.DataFrame:
    """The finished trials of several sweeps, as `fit_law` and `fit_loss_law` take them.

    Sizes and hyperparameters are read from each configuration by the name of a part of the space, whatever stands
    there: a constant (`pt.Space(N=2_359_296, D=5_000_000, lr=...)`), a decision, an expression, or a fidelity (the
    full one); or by a path, as in `"model/width"`.

    Args:
        store: where the sweeps are, open or as a URL.
        sweeps: their names, or patterns such as `"lm/*"`.
        N, D: the parts that hold the parameters (non-embedding; all of them in a mixture of experts) and the tokens
            that a trial trains on.
        learning_rate, batch_size: the parts that hold these; None leaves the column out.
        loss: the value to take, minimised; None takes the only objective of each sweep.
        seq_len: None where the batch size counts tokens; else it counts sequences of so many tokens, a number or the
            part that holds it.

    Returns:
        A row for each finished trial with a finite loss: sweep, number, N, D, learning_rate, batch_size (in tokens),
        loss. Its `attrs` hold `sweeps` (the names) and `dropped` (how many finished without a finite loss).

    Raises:
        StoreError: there is no such sweep.
        SweepError: a part is not there or is no positive number, or it is not clear which value is the loss.
    """
    if isinstance(seq_len, int) and seq_len < 1:
        raise SweepError(f"A sequence cannot have seq_len={seq_len} tokens; give a whole number from 1.")
    named = {"N": N, "D": D, "learning_rate": learning_rate, "batch_size": batch_size}
    parts = {column: part for column, part in named.items() if part is not None}
    if isinstance(store, str):
        with closing(Store.open(store, readonly=True)) as opened:
            return _gathered(opened, sweeps, parts, loss, seq_len)
    return _gathered(store, sweeps, parts, loss, seq_len)


def _gathered(
    store: Store, sweeps: str | Sequence[str], parts: Mapping[str, str], loss: str | None, seq_len: int | str | None
) -> pd.DataFrame:
    """The table; `parts` is which part of the space each column is read from."""
    import pandas as pd

    names = _found(store, [sweeps] if isinstance(sweeps, str) else sweeps)
    rows: list[dict[str, Any]] = []
    dropped = 0
    for name in names:
        record = store.sweep(name)
        table = store.table(record.id)
        losses = _losses(table, _objective(record, table, loss))
        finite = {number: value for number, value in losses.items() if math.isfinite(value)}
        rows += _rows(record, table, finite, parts, seq_len)
        dropped += len(losses) - len(finite)
    frame = pd.DataFrame(rows, columns=["sweep", "number", *parts, "loss"])
    frame.attrs.update(sweeps=names, dropped=dropped)
    return frame


def _found(store: Store, patterns: Sequence[str]) -> list[str]:
    """The names of the sweeps that are meant, each once."""
    there = [summary.sweep.name for summary in store.sweeps()]
    names: dict[str, None] = {}
    for pattern in patterns:
        if pattern in there or not WILD & set(pattern):
            names[pattern] = None
            continue
        matching = [name for name in there if fnmatchcase(name, pattern)]
        if not matching:
            called = ", ".join(map(repr, there)) or "none"
            raise SweepError(f"No sweep of {store.url} is called like {pattern!r}; there are {called}.")
        names |= dict.fromkeys(matching)
    return list(names)


def _objective(record: SweepRecord, table: TrialTable, loss: str | None) -> str:
    """The name of the value that is the loss of this sweep."""
    objectives = Goals.read(record.objectives, record.constraints).objectives
    if loss is None:
        if len(objectives) == 1 and objectives[0].direction is Direction.MINIMIZE:
            return objectives[0].name
        goals = ", ".join(f"{one.name!r} ({one.direction.value})" for one in objectives)
        raise SweepError(f"Sweep {record.name!r} has the objectives {goals}; say which value is the loss.")
    if any(one.name == loss and one.direction is Direction.MAXIMIZE for one in objectives):
        raise SweepError(f"Sweep {record.name!r} maximises {loss!r}, which is no loss; name a value that is minimised.")
    known = dict.fromkeys([*(one.name for one in objectives), *table.values])
    if loss not in known:
        raise SweepError(
            f"The trials of sweep {record.name!r} have no value {loss!r}; name one of {', '.join(map(repr, known))}."
        )
    return loss


def _losses(table: TrialTable, objective: str) -> dict[int, float]:
    """The losses of finished trials by number; NaN where there is none."""
    values = table.values.get(objective, {})
    numbers = [n for n, state in zip(table.number, table.state, strict=True) if state == TrialState.FINISHED.value]
    found = ((number, values.get(number)) for number in numbers)
    return {number: math.nan if value is None else float(value) for number, value in found}


def _rows(
    record: SweepRecord,
    table: TrialTable,
    losses: Mapping[int, float],
    parts: Mapping[str, str],
    seq_len: int | str | None,
) -> list[dict[str, Any]]:
    """A row for each of the trials in `losses`."""
    space = Space.from_json(record.space)
    decided = dict(zip(table.number, table.configuration, strict=True))
    read = {**parts, "seq_len": seq_len} if isinstance(seq_len, str) else parts
    length = seq_len if isinstance(seq_len, int) else 1
    rows = []
    for number, loss in losses.items():
        configuration, where = Configuration(space, decided[number]), f"trial {number} of sweep {record.name!r}"
        row = {argument: _number(configuration, part, argument, where) for argument, part in read.items()}
        tokens = row.pop("seq_len", length)
        if "batch_size" in row:
            row["batch_size"] *= tokens
        rows.append({"sweep": record.name, "number": number, **row, "loss": loss})
    return rows


def _number(configuration: Configuration, part: str, argument: str, where: str) -> float:
    """The positive number that `part` is."""
    value = _value(configuration, part, argument, where)
    if is_number(value) and math.isfinite(value) and value > 0:
        return float(value)
    raise SweepError(
        f"Part {part!r} is {value!r} in {where}, and a law needs a positive number; name another with {argument}='...'."
    )


def _value(configuration: Configuration, part: str, argument: str, where: str) -> Any:
    """What stands at the name of a part, or at a path below it."""
    if part not in configuration.space.parts and part in configuration.values:
        return configuration[part]
    first, *segments = [part] if part in configuration.space.parts else part.split("/")
    try:
        found = getattr(configuration, first)
        for segment in segments:
            found = found[segment]
    except (AttributeError, KeyError, TypeError):
        there = ", ".join(map(repr, configuration.space.parts)) or "none"
        raise SweepError(
            f"{_upper(where)} has no part {part!r}; name the one meant with {argument}=: {there}."
        ) from None
    except Exception as error:  # of a function of the user's, in an expression
        raise SweepError(
            f"Part {part!r} of {where} cannot be computed ({type(error).__name__}: {error}); "
            "do this where the functions of the space can be imported."
        ) from error
    return found


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]
