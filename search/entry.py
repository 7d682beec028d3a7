"""Finding the sweep that a file or a module defines."""

from __future__ import annotations

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
        ParetreeError: what the file defines is wrong, as its message says.
    """
    place, _, name = entry.rpartition(":") if _is_named(entry) else (entry, "", "")
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    sweep = _pick(module, place, name)
    file = getattr(module, "__file__", None)
    sweep.entry_point = f"{Path(file).resolve()}:{_variable(module, sweep)}" if file else entry
    return sweep


def _is_named(entry: str) -> bool:
    return ":" in entry and entry.rpartition(":")[2].isidentifier()


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise SweepError(f"There is no file {str(path)!r}; give the path of a Python file that defines a sweep.")
    path = path.resolve()
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except ParetreeError:
        raise
    except Exception as error:
        raise SweepError(f"{path.name} cannot be run: {_told(error, path)}") from error
    return module


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SweepError(
            f"Module {name!r} cannot be imported ({error}); give FILE.py or an importable module."
        ) from error


def _pick(module: ModuleType, place: str, name: str) -> Sweep:
    sweeps = {key: value for key, value in vars(module).items() if isinstance(value, Sweep)}
    if name in sweeps:
        return sweeps[name]
    if not name and "sweep" in sweeps:
        return sweeps["sweep"]
    if not name and len(sweeps) == 1:
        return next(iter(sweeps.values()))
    there = f"it defines {', '.join(sweeps)}" if sweeps else "it defines none at its top level"
    wanted = f"no sweep {name!r}" if name else "no single sweep"
    raise SweepError(f"{place} has {wanted}; {there}: write `sweep = pt.Sweep(...)`, or name one as {place}:NAME.")


def _variable(module: ModuleType, sweep: Sweep) -> str:
    return next(key for key, value in vars(module).items() if value is sweep)


def _told(error: Exception, path: Path) -> str:
    """The error in one line, with the line of the user's file where it arose."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    where = f" (line {lines[-1]})" if lines else ""
    return f"{traceback.format_exception_only(error)[-1].strip()}{where}"
