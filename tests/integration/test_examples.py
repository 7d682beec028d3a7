"""Every example is a sweep that runs."""

from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_runs(example, paretree):
    where = ("--workers", "inline", "--store", "example.db")
    done = paretree("run", example, "--trials", 2, *where, OMP_NUM_THREADS="1")  # threads that wait for a busy core
    assert done.returncode == 0, done.stderr
    assert "of 2 trials" in done.stdout, done.stdout
    assert "Warning" not in done.stderr, f"people would copy what is warned of: {done.stderr}"
