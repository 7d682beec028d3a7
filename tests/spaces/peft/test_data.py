"""Labelled texts: read from tables, split, and made tokens of."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paretree.spaces.errors import ParetreeError
from paretree.spaces.peft.data import Examples, Task, encode

ROWS = {"text": ["good", "bad film", "the plot was good"], "label": [1, 0, 1]}


class Dataset:
    """What is used of a `datasets.Dataset`."""

    column_names = ("text", "label")

    def __getitem__(self, column):
        return ROWS[column]


def tsv(folder):
    pd.DataFrame(ROWS).to_csv(folder / "rows.tsv.gz", sep="\t", index=False)
    return folder / "rows.tsv.gz"


def csv(folder):
    pd.DataFrame(ROWS).to_csv(folder / "rows.csv", index=False)
    return str(folder / "rows.csv")


SOURCES = {
    "a dataset": lambda _: Dataset(),
    "a DataFrame": lambda _: pd.DataFrame(ROWS),
    "a mapping": lambda _: ROWS,
    "a compressed TSV file": tsv,
    "a CSV file": csv,
}


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_examples_are_read_from_every_kind_of_table(source, tmp_path):
    assert Examples.read(SOURCES[source](tmp_path)) == Examples(tuple(ROWS["text"]), (1, 0, 1))


def test_columns_of_other_names_and_second_texts_are_read():
    table = {"premise": ["a"], "hypothesis": ["b"], "gold": ["entails"]}
    assert Examples.read(table, text="premise", pair="hypothesis", label="gold") == Examples(
        ("a",), ("entails",), ("b",)
    )


def test_a_missing_column_is_named_with_those_there_are():
    with pytest.raises(ParetreeError, match="no column 'label' in the data; name some of 'text'"):
        Examples.read({"text": ["good"]})


@pytest.mark.parametrize("hole", [None, float("nan")])
def test_a_row_without_a_label_is_named(hole):
    with pytest.raises(ParetreeError, match="Row 1 of the data has no 'label'"):
        Examples.read({"text": ["good", "bad"], "label": [1.0, hole]})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ParetreeError, match=r"There is no file .*none\.csv"):
        Examples.read(tmp_path / "none.csv")


def test_several_splits_are_refused_where_one_is_meant():
    splits = SimpleNamespace(column_names={"train": ["text"], "test": ["text"]})  # as a datasets.DatasetDict
    with pytest.raises(ParetreeError, match="several splits, 'train', 'test'; give one of them"):
        Examples.read(splits)


def numbered(count, classes=2):
    return Examples(tuple(map(str, range(count))), tuple(number % classes for number in range(count)))


@given(st.integers(20, 200), st.floats(0.1, 0.4), st.floats(0, 0.4), st.integers(0, 5))
def test_a_split_has_every_example_once(count, validation, test, seed):
    examples = numbered(count, classes=1)
    parts = Task.split(examples, validation, test, seed).parts
    assert sorted(text for part in parts.values() for text in part.texts) == sorted(examples.texts)


def test_a_split_is_the_same_for_the_same_seed_only():
    first, again, other = (Task.split(numbered(60), seed=seed).validation for seed in (0, 0, 1))
    assert first == again, "the same seed gave another split"
    assert first != other, "another seed gave the same split"


def test_shares_that_leave_nothing_to_learn_from_are_refused():
    with pytest.raises(ParetreeError, match=r"validation=0.6 and test=0.4 leave too few of 10 examples"):
        Task.split(numbered(10), 0.6, 0.4)


def test_classes_are_those_to_learn_from_in_a_sorted_order():
    task = Task(Examples(("a", "b", "c"), ("pos", "neg", "pos")), Examples(("d",), ("pos",)))
    assert task.classes == ("neg", "pos")
    assert task.targets(task.train).tolist() == [1, 0, 1]
    assert task.outputs == 2


def test_a_class_that_nothing_is_learnt_of_is_refused():
    with pytest.raises(ParetreeError, match="Label 'new' of validation row 0 is of a class that no row of train has"):
        Task(Examples(("a",), ("old",)), Examples(("b",), ("new",)))


def test_numbers_are_learnt_as_they_are_in_regression():
    task = Task(Examples(("a", "b"), (-1.5, 2)), Examples(("c",), (0,)), regression=True)
    assert task.targets(task.train).tolist() == [-1.5, 2.0]
    assert (task.classes, task.outputs) == ((), 1)


@pytest.mark.parametrize("label", ["high", float("inf")])
def test_what_is_no_number_is_refused_in_regression(label):
    with pytest.raises(ParetreeError, match=r"Label .* of train row 1 is no number"):
        Task(Examples(("a", "b"), (0.0, label)), Examples(("c",), (0,)), regression=True)


def test_texts_become_tokens_that_a_batch_pads_to_its_longest(tokenizer):
    encoded = encode(tokenizer, Examples(("good film", "bad", "the plot was good"), (0, 0, 0)), 32)
    batch = encoded.batch([1, 0])
    assert encoded.lengths == [4, 3, 6], "words with a token before and one behind"
    assert batch["input_ids"].shape == (2, 4)
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert batch["input_ids"][0, 3] == tokenizer.pad_token_id


def test_long_texts_are_cut(tokenizer):
    assert encode(tokenizer, Examples(("good " * 50,), (0,)), 8).lengths == [8]


def test_pairs_of_texts_are_told_apart(tokenizer):
    batch = encode(tokenizer, Examples(("good",), (0,), ("bad film",)), 16).batch([0])
    assert torch.equal(batch["token_type_ids"], torch.tensor([[0, 0, 0, 1, 1, 1]]))


def test_texts_become_tokens_once_in_a_process(tokenizer):
    examples = Examples(("good",), (0,))
    assert encode(tokenizer, examples, 16) is encode(tokenizer, Examples(("good",), (0,)), 16)
