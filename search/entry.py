"""Finding the sweep that a file or a module defines."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from ..spaces.errors import ParetreeError
from .errors import SweepError
from .sweep import Sweep


def load_sweep(entry: str) -> Sweep:
    """The sweep behind `FILE.py`, `FILE.py:name` or `module:name`; the name may be left out where there is one sweep.

    Raises:
        SweepError: the file is not there or cannot be run, or holds no such sweep.
    """
    place, _, name = entry.rpartition(":") if _is_named(entry) else (entry, "", "")
    is_file = place.endswith(".py")
    module = _load_file(Path(place)) if is_file else _load_module(place)
    variable, sweep = _pick(module, place, name)
    sweep.entry_point = f"{Path(place).resolve() if is_file else place}:{variable}"
    return sweep


def _is_named(entry: str) -> bool:
    return ":" in entry and entry.rpartition(":")[2].isidentifier()


def _load_file(path: Path) -> ModuleType:
    """Run the file as Python runs a script: what lies beside it can be imported."""
    if not path.is_file():
        raise SweepError(f"There is no file {str(path)!r}; give the path of a Python file that defines a sweep.")
    path = path.resolve()
    taken = sys.modules.get(path.stem)
    if taken is not None and getattr(taken, "__file__", None) != str(path):
        raise SweepError(f"{path.name} has the name of a module that is loaded already; rename the file.")
    _look_in(path.parent)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except ParetreeError as error:
        raise SweepError(f"{path.name}{_line(error, path)}: {error}") from error
    except Exception as error:
        told = traceback.format_exception_only(error)[-1].strip()
        raise SweepError(f"{path.name}{_line(error, path)} cannot be run: {told}; correct it and try again.") from error
    return module


def _load_module(name: str) -> ModuleType:
    _look_in(Path.cwd())
    try:
        return importlib.import_module(name)
    except Exception as error:
        told = traceback.format_exception_only(error)[-1].strip()
        raise SweepError(f"{name!r} cannot be imported: {told}; give FILE.py, or a module that can be.") from error


def _look_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _pick(module: ModuleType, place: str, name: str) -> tuple[str, Sweep]:
    """The sweep of that name with its name; without one the only sweep, or the one called `sweep`."""
    sweeps = {key: value for key, value in vars(module).items() if isinstance(value, Sweep)}
    if not sweeps:
        raise SweepError(f"{place} defines no sweep; write `sweep = pt.Sweep(...)` at its top level.")
    if not name and len(sweeps) > 1 and "sweep" not in sweeps:
        first = next(iter(sweeps))
        raise SweepError(f"{place} defines several sweeps, {', '.join(sweeps)}; name one, as in {place}:{first}.")
    chosen = name or ("sweep" if "sweep" in sweeps else next(iter(sweeps)))
    if chosen not in sweeps:
        close = difflib.get_close_matches(chosen, sweeps, n=1)
        instead = f"did you mean {place}:{close[0]}?" if close else f"it defines {', '.join(sweeps)}."
        raise SweepError(f"{place} defines no sweep {chosen!r}; {instead}")
    return chosen, sweeps[chosen]


def _line(error: Exception, path: Path) -> str:
    """The line of the user's file where an error arose, if it arose there."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f", line {error.lineno},"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}," if lines else ""
