"""What docs/reliability.md promises is tested where it says."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reliability.md"
ROWS = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| (?!what happens)", line)]
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)), ids=lambda part: part)
def test_a_test_that_the_page_names_exists(file, name):
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file} has no {name}"


def test_every_promise_names_a_test():
    assert len(ROWS) > 40
    assert [row for row in ROWS if not re.search(r"`[\w/]+\.py::test_\w+`", row)] == []


def test_every_test_of_faults_is_named():
    """A promise that is tested and not written down helps nobody."""
    files = sorted((TESTS / "integration" / "faults").glob("test_*.py"))
    found = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}
    small = {"test_a_thousand_trials_in_their_runners_add_up_whatever_is_killed"}  # the soaks of every day
    small.add("test_fifty_trials_in_processes_add_up_whatever_is_killed")
    assert found - small == {name for file, name in NAMED if file.startswith("integration/faults/")}
