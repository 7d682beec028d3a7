"""What the integration tests share: the installed command as a real process, and small sweeps in files of their own."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

from paretree.search import Store, StoreError

SCRIPT = Path(sys.executable).with_name("paretree")
PATIENCE = 120.0  # seconds; a guard against hanging, not an expectation

CHEAP = """
    import paretree as pt

    space = pt.Space(x=pt.Float(0, 1), width=pt.Int(1, 9), op=pt.Choice(plain=1, rich=pt.Maybe(pt.Int(1, 4))))

    def train(trial):
        return {"loss": trial.config.x, "size": trial.config.width}

    sweep = pt.Sweep("cheap", space, train, {"loss": "minimize", "size": "minimize"}, sampler="random", seed=0)
"""


@dataclass
class Paretree:
    """The command line, run in `folder`."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *args: object, **env: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        process = self.start(*args, **env)
        out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start(self, *args: object, **env: str) -> subprocess.Popen[str]:
        """Start it in a process group of its own, as a shell does, so that it can be interrupted as by Ctrl-C."""
        inherited = {name: value for name, value in os.environ.items() if name != "PARETREE_STORE"}
        return subprocess.Popen(
            [SCRIPT, *map(str, args)],
            cwd=self.folder,
            env={**inherited, "COLUMNS": "80", **self.env, **env},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def json(self, *args: object) -> object:
        """What it prints with --json."""
        done = self(*args, "--json")
        assert done.returncode == 0, f"paretree {args} failed: {done.stderr}"
        return json.loads(done.stdout)

    def finished(self, name: str) -> set[int]:
        """The numbers of the trials of a sweep that have finished, as the store knows it."""
        store = Store.open(str(self.folder / "paretree.db"), readonly=True)
        try:
            return {trial.number for trial in store.trials(store.sweep(name).id) if trial.state == "finished"}
        finally:
            store.close()

    def wait_for(self, name: str, trials: int) -> None:
        """Wait until so many trials of a sweep that is being run have finished."""
        deadline = time.monotonic() + PATIENCE
        while not self._has(name, trials):
            assert time.monotonic() < deadline, f"{trials} trials of {name} did not finish"
            time.sleep(0.05)

    def _has(self, name: str, trials: int) -> bool:
        try:
            return len(self.finished(name)) >= trials
        except StoreError:  # neither store nor sweep are there yet
            return False

    def write(self, text: str, name: str = "cheap.py") -> Path:
        """Write a Python file into the folder."""
        file = self.folder / name
        file.write_text(dedent(text), encoding="utf-8")
        return file


@pytest.fixture
def paretree(tmp_path: Path) -> Paretree:
    """The command line in a folder that holds `cheap.py`."""
    command = Paretree(tmp_path)
    command.write(CHEAP)
    return command


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Paretree:
    """The command line in a folder in which the sweep `cheap` has run 6 trials; for tests that only read."""
    command = Paretree(tmp_path_factory.mktemp("searched"))
    command.write(CHEAP)
    done = command("run", "cheap.py", "--trials", 6, "--workers", "inline")
    assert done.returncode == 0, done.stderr
    return command
