"""What is installed is the package, whole, and nothing else."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pip(*arguments):
    done = subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of what is in the tree: building leaves files beside the sources."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("needs a git checkout, to tell the sources from what else lies beside them")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    pip("wheel", str(source), "--no-deps", "--no-build-isolation", "--wheel-dir", str(target))
    return next(target.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_every_source_file_and_no_tests(wheel):
    inside = {name.removeprefix("paretree/") for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    folders = ("spaces", "search", "workers", "dashboard", "cli")
    written = {str(file.relative_to(ROOT)) for folder in folders for file in (ROOT / folder).rglob("*.py")}
    written |= {"__init__.py", "py.typed", "search/store/migrations/script.py.mako"}
    assert written - inside == set(), "these are missing"
    assert {name.split("/")[0] for name in inside} == {*folders, "__init__.py", "py.typed"}


@pytest.mark.slow
def test_an_installed_wheel_runs_a_sweep_and_makes_its_store(wheel, tmp_path):
    pip("install", "--no-deps", "--target", str(tmp_path / "installed"), str(wheel))
    code = (
        "import paretree as pt, pathlib\n"
        "assert pathlib.Path(pt.__file__).is_relative_to(pathlib.Path.cwd() / 'installed'), pt.__file__\n"
        "sweep = pt.Sweep('s', pt.Space(x=pt.Float(0, 1)), lambda trial: trial.config.x, {'loss': 'minimize'})\n"
        "sweep.run(2, workers=pt.InlineWorkers(), progress=False)\n"
        "assert len(sweep.trials()) == 2\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
