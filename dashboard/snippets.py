"""How to get a trial's configuration back, to copy."""

from __future__ import annotations

import shlex

from ..search.store import SweepRecord


def show_command(url: str, sweep: SweepRecord, number: int) -> str:
    """The shell command that shows the trial; `url` without its password."""
    return shlex.join(["paretree", "show", sweep.name, "--trial", str(number), "--store", url])


def python_code(url: str, sweep: SweepRecord, number: int) -> str:
    """Python that makes the trial's configuration again: from the sweep's file where it is known, else the store."""
    if sweep.entry_point is None:
        return "\n".join(
            [
                "import paretree as pt",
                "",
                f"store = pt.Store.open({url!r})",
                f"sweep = store.sweep({sweep.name!r})",
                f"trial = store.trial(sweep.id, {number})",
                "configuration = pt.Space.from_json(sweep.space).configuration(trial.configuration)",
            ]
        )
    place, _, name = sweep.entry_point.rpartition(":")
    load = (
        ["import runpy", "", f"sweep = runpy.run_path({place!r})[{name!r}]"]
        if place.endswith(".py")
        else ["from importlib import import_module", "", f"sweep = getattr(import_module({place!r}), {name!r})"]
    )
    return "\n".join([*load, f"sweep.store_url = {url!r}", f"configuration = sweep.configuration({number})"])
