from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

import paretree as pt
from paretree.dashboard.snippets import python_code, show_command
from paretree.search.store import SweepRecord

from .conftest import RunSweep

NASTY = "my 'sweep'; rm -rf \"$HOME\"\n`x`"


def stored(sweep: pt.Sweep) -> tuple[str, SweepRecord]:
    store = pt.Store.open(sweep.store_url)
    record = store.sweep(sweep.name)
    store.close()
    return store.url, record


@pytest.mark.parametrize("name", ["digits", NASTY])
def test_the_code_makes_the_configuration_from_the_store(run_sweep: RunSweep, name: str) -> None:
    sweep = run_sweep(name, trials=3)
    url, record = stored(sweep)
    made: dict[str, pt.Configuration] = {}
    exec(python_code(url, replace(record, entry_point=None), 2), made)
    assert made["configuration"] == sweep.configuration(2)


def test_the_code_makes_the_configuration_from_the_sweeps_file(run_sweep: RunSweep, tmp_path: Path) -> None:
    sweep = run_sweep(trials=3)
    url, record = stored(sweep)
    file = tmp_path / "it's mine.py"
    file.write_text(
        "import paretree as pt\n"
        f"space = pt.Space.from_json({record.space!r})\n"
        "study = pt.Sweep('digits', space, print, {'accuracy': 'maximize', 'params': 'minimize'}, store='other.db')\n"
    )
    made: dict[str, pt.Configuration] = {}
    exec(python_code(url, replace(record, entry_point=f"{file}:study"), 2), made)
    assert made["configuration"] == sweep.configuration(2)


def test_the_command_is_safe_to_paste(run_sweep: RunSweep) -> None:
    url, record = stored(run_sweep(NASTY, trials=1))
    assert shlex.split(show_command(url, record, 0)) == ["paretree", "show", NASTY, "--trial", "0", "--store", url]
