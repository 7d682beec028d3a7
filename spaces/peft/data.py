"""Labelled texts to fine-tune on, and how they become tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ParetreeError, brief

if TYPE_CHECKING:
    from torch import Tensor

Label = str | int | float | bool


@dataclass(frozen=True)
class Examples:
    """Texts, or pairs of texts, with a label each.

    Attributes:
        texts: one for each example.
        labels: classes of any kind, or numbers.
        pairs: the second text of each example; None where there is only one.

    Raises:
        ParetreeError: there is no example, or there are not as many labels (or second texts) as texts.
    """

    texts: tuple[str, ...]
    labels: tuple[Label, ...]
    pairs: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        others = {"labels": self.labels, "second texts": self.texts if self.pairs is None else self.pairs}
        for what, column in others.items():
            if len(column) != len(self.texts):
                raise ParetreeError(f"There are {len(self.texts)} texts but {len(column)} {what}; give one for each.")
        if not self.texts:
            raise ParetreeError("There are no examples; give at least one text with its label.")

    @classmethod
    def read(cls, source: Any, text: str = "text", label: str = "label", pair: str | None = None) -> Examples:
        """The examples of a table.

        Args:
            source: a `datasets.Dataset`, a pandas `DataFrame`, a mapping of columns, or the path of a CSV or (`.tsv`)
                TSV file with a line of headings, which may be compressed.
            text, label, pair: the names of its columns; `pair` is the one of second texts.

        Raises:
            ParetreeError: there is no such column, or a row lacks a text or a label.
        """
        columns = _columns(source)
        names = [text, label, *([pair] if pair else [])]
        if missing := [name for name in names if name not in columns]:
            there = ", ".join(map(repr, columns)) or "none"
            raise ParetreeError(f"There is no column {missing[0]!r} in the data; name some of {there}.")
        found = {name: _plain(name, columns[name]) for name in names}
        second = tuple(map(str, found[pair])) if pair else None
        return cls(tuple(map(str, found[text])), tuple(found[label]), second)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int]) -> Examples:
        """Those of these rows, in this order."""
        pairs = None if self.pairs is None else tuple(self.pairs[row] for row in rows)
        return Examples(tuple(self.texts[row] for row in rows), tuple(self.labels[row] for row in rows), pairs)


@dataclass(frozen=True)
class Task:
    """What is learnt: from which examples, and on which ones it is checked.

    Attributes:
        train: to learn from.
        validation: to choose by.
        test: held out, where there is one: seen by nobody who chooses.
        regression: labels are numbers; else they are classes.

    Raises:
        ParetreeError: a label is no number in regression, or is of a class that `train` does not have.
    """

    train: Examples
    validation: Examples
    test: Examples | None = None
    regression: bool = False

    def __post_init__(self) -> None:
        known = set(self.train.labels)
        for name, examples in self.parts.items():
            for row, label in enumerate(examples.labels):
                self._check(name, row, label, known)

    @classmethod
    def split(
        cls, examples: Examples, validation: float = 0.1, test: float = 0.0, seed: int = 0, regression: bool = False
    ) -> Task:
        """Shares of the examples, drawn anew for each seed, to validate and to test with; the others to learn from.

        Raises:
            ParetreeError: the shares leave too few examples, or labels are not as they must be.
        """
        import numpy as np

        kept, chosen = round(len(examples) * test), round(len(examples) * validation)
        if min(kept, chosen - 1, len(examples) - kept - chosen - 1) < 0:
            raise ParetreeError(
                f"Shares of validation={validation} and test={test} leave too few of {len(examples)} examples; "
                "give shares above 0 whose sum is below 1, or more examples."
            )
        order = np.random.default_rng(seed).permutation(len(examples)).tolist()
        held_out = examples.take(order[:kept]) if kept else None
        learnt, checked = examples.take(order[kept + chosen :]), examples.take(order[kept : kept + chosen])
        return cls(learnt, checked, held_out, regression)

    @property
    def parts(self) -> dict[str, Examples]:
        """The examples by name: `train`, `validation` and, where there is one, `test`."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: examples for name, examples in parts.items() if examples is not None}

    @cached_property
    def classes(self) -> tuple[Label, ...]:
        """The classes that `train` has, sorted; none in regression."""
        if self.regression:
            return ()
        return tuple(sorted(set(self.train.labels), key=lambda label: (str(type(label)), label)))

    @property
    def outputs(self) -> int:
        """How many numbers a model puts out for each example."""
        return 1 if self.regression else len(self.classes)

    def targets(self, examples: Examples) -> Tensor:
        """Labels as a model learns them `(examples,)`: numbers of classes (int64), or numbers (float32)."""
        import torch

        if self.regression:
            return torch.tensor([float(label) for label in examples.labels])
        number = {label: index for index, label in enumerate(self.classes)}
        return torch.tensor([number[label] for label in examples.labels])

    def _check(self, part: str, row: int, label: Label, known: set[Label]) -> None:
        if self.regression:
            if isinstance(label, str) or not math.isfinite(label):
                raise ParetreeError(f"Label {brief(label)} of {part} row {row} is no number, as regression needs it.")
        elif label not in known:
            raise ParetreeError(f"Label {brief(label)} of {part} row {row} is of a class that no row of train has.")


@dataclass(frozen=True, eq=False)
class Encoded:
    """Examples as tokens.

    Attributes:
        columns: by the name of a model's input, the numbers of each example `(tokens,)`.
        padding: by the same names, what stands after the end of shorter texts.
    """

    columns: Mapping[str, tuple[Tensor, ...]]
    padding: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.columns["input_ids"])

    @property
    def lengths(self) -> list[int]:
        """Tokens of each example."""
        return [len(ids) for ids in self.columns["input_ids"]]

    def batch(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """The inputs of a model for these rows `(rows, tokens of the longest)`."""
        from torch.nn.utils.rnn import pad_sequence

        return {
            name: pad_sequence([column[row] for row in rows], batch_first=True, padding_value=self.padding[name])
            for name, column in self.columns.items()
        }


@lru_cache(maxsize=16)
def encode(tokenizer: Any, examples: Examples, max_length: int) -> Encoded:
    """The tokens of examples, of each at most `max_length`; made once in a process for the same arguments.

    Args:
        tokenizer: of `transformers`.
        examples: texts, or pairs of texts, which are joined as the tokenizer does it.
        max_length: tokens of an example; those of longer texts are dropped.
    """
    import torch

    pairs = None if examples.pairs is None else list(examples.pairs)
    found = tokenizer(list(examples.texts), pairs, truncation=True, max_length=max_length)
    columns = {name: tuple(map(torch.tensor, found[name])) for name in tokenizer.model_input_names if name in found}
    return Encoded(columns, {name: tokenizer.pad_token_id if name == "input_ids" else 0 for name in columns})


def _columns(source: Any) -> Mapping[str, Any]:
    """The columns of a table by name."""
    if isinstance(source, str | PathLike):
        source = _read_file(Path(source))
    names = getattr(source, "column_names", None)  # of a datasets.Dataset
    if names is None:
        names = list(source.keys())
    if isinstance(names, dict):
        raise ParetreeError(f"The data are several splits, {', '.join(map(repr, names))}; give one of them.")
    return {str(name): source[name] for name in names}


def _read_file(file: Path) -> Any:
    import pandas as pd

    tabs = ".tsv" in file.suffixes
    try:
        return pd.read_csv(file, sep="\t" if tabs else ",")
    except FileNotFoundError:
        raise ParetreeError(f"There is no file {str(file)!r}; give the path of a CSV or TSV file.") from None


def _plain(name: str, column: Any) -> list[Label]:
    """The values of a column as plain Python has them."""
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    for row, value in enumerate(values):
        if value is None or value != value:
            raise ParetreeError(f"Row {row} of the data has no {name!r}; drop it, or fill it in.")
    return values
