"""Every example is a sweep that runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
FASHION = Path("/usr/share/datasets/fashion-mnist")
PATIENCE = 240.0  # seconds; a guard against hanging, not an expectation
SCRIPTS = {  # what they print
    "ask_and_tell": "accuracy",
    "autopeft_minilm": "LoRA r=8",
    "autopeft_transfer": "the front of films",
    "cell_search": "proposed by",
    "fine_tune_with_checkpoints": "trained",
    "scaling_ladder": "the law's prediction",
    "simulated": "hypervolume",
    "tune_pbt": "momentum",
}
ARGUMENTS = {name: ["--quick"] for name in ("autopeft_minilm", "autopeft_transfer", "cell_search", "scaling_ladder")}


def skip_without_its_data(name):
    if name == "cell_search" and not FASHION.is_dir():
        pytest.skip("Fashion-MNIST is not installed (Debian: dataset-fashion-mnist)")


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_runs(example, paretree):
    skip_without_its_data(example.stem)
    where = ("--workers", "inline", "--store", "example.db")
    done = paretree("run", example, "--trials", 2, *where, OMP_NUM_THREADS="1")  # threads that wait for a busy core
    assert done.returncode == 0, done.stderr
    assert "of 2 trials" in done.stdout, done.stdout
    assert "Warning" not in done.stderr, f"people would copy what is warned of: {done.stderr}"


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_that_drives_its_sweep_itself_runs_as_a_script(name, tmp_path):
    skip_without_its_data(name)
    file = next(example for example in EXAMPLES if example.stem == name)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, file, *ARGUMENTS.get(name, [])],
        cwd=tmp_path,
        env=env,
        text=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert SCRIPTS[name] in done.stdout, done.stdout


def test_every_example_with_a_main_part_is_run_as_a_script():
    assert {example.stem for example in EXAMPLES if "__main__" in example.read_text()} == SCRIPTS.keys()
