"""How a job gets into another process, whatever file its function was written in."""

from __future__ import annotations

import functools
import inspect
import io
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import cloudpickle

from .protocol import Job, WorkersError
from .results import describe


def pack(job: Job) -> bytes:
    """`job` as bytes, with the places where this process looks for modules and files.

    Functions of importable modules travel as references. Those of a module that only this process knows (`__main__`,
    or a file that was loaded by its path) travel as code.

    Raises:
        WorkersError: something that `job` holds on to cannot be pickled; the message names it.
    """
    with _by_value(_home(job.train)):
        try:
            body = _dumps(job)
        except Exception as error:  # pickling calls code of every type it meets
            raise WorkersError(_blame(job, error)) from error
    return pickle.dumps((str(Path.cwd()), [str(Path(place).absolute()) for place in sys.path], body))


def unpack(cargo: bytes) -> Job:
    """The job of `pack`, after making this process look where the other one did, as far as those places exist here."""
    directory, places, body = pickle.loads(cargo)
    if Path(directory).is_dir():
        os.chdir(directory)
    sys.path[:0] = [place for place in places if place not in sys.path and Path(place).exists()]
    return cast(Job, pickle.loads(body))


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Sends functions with a cache as what they are made of, where cloudpickle would look for them by their name."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, functools._lru_cache_wrapper) and _travels_as_code(obj):
            return _cached, (obj.__wrapped__, obj.cache_parameters())
        return super().reducer_override(obj)


def _dumps(value: object) -> bytes:
    file = io.BytesIO()
    _Pickler(file).dump(value)
    return file.getvalue()


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _travels_as_code(function: Any) -> bool:
    module = function.__module__
    return module == "__main__" or module in cloudpickle.list_registry_pickle_by_value()


def _home(train: Callable[..., object]) -> ModuleType | None:
    while isinstance(train, functools.partial):
        train = train.func
    named = train if hasattr(train, "__qualname__") else type(train)
    return sys.modules.get(named.__module__)


@contextmanager
def _by_value(module: ModuleType | None) -> Iterator[None]:
    """Inside, cloudpickle sends what `module` defines as code, if another process could not import it."""
    if module is None or _importable(module) or module.__name__ in cloudpickle.list_registry_pickle_by_value():
        yield
        return
    cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def _importable(module: ModuleType) -> bool:
    """Whether `import` would find this very file again: the finders are asked, not the modules already loaded."""
    name, places = "", None
    for part in module.__name__.split("."):
        name = f"{name}.{part}" if name else part
        found = (finder.find_spec(name, places) for finder in sys.meta_path)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None:
            return False
        places = spec.submodule_search_locations
    return spec is not None and spec.origin == getattr(module, "__file__", spec.origin)


def _blame(job: Job, error: Exception) -> str:
    """Which part of `job` cannot be pickled, as a sentence."""
    problem = f"cannot be sent to a worker ({type(error).__name__}: {error})"
    if _picklable(job.train):
        return f"the space {problem}; use functions and classes that a module defines"
    for name, value in _used_by(job.train):
        if not _picklable(value):
            return f"train uses {name!r}, which is {describe(value)} and {problem}; make it inside the function"
    return f"train {problem}; use a function that a module defines"


def _used_by(train: Callable[..., object]) -> list[tuple[str, Any]]:
    if not inspect.isfunction(train):
        return list(getattr(train, "__dict__", {}).items())
    variables = inspect.getclosurevars(train)
    return [*variables.nonlocals.items(), *variables.globals.items()]


def _picklable(value: object) -> bool:
    try:
        _dumps(value)
    except Exception:
        return False
    return True
