"""A trial as several ranks under torchrun: the trial's process starts them, and speaks for them in the end."""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import parse_args, run

from .board import Board
from .child import Voice
from .messages import Settings, Task
from .ranks import outcome, words
from .threads import OPENMP, thread_share

BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); folder = sys.argv.pop(); "
    f"from {__package__}.rank import main; main(folder)"
)


def launch(task: Task, settings: Settings, board: Board) -> None:
    """Run `task` as `settings.processes` ranks on this machine, and tell how it ended."""
    share = max(1, thread_share() // settings.processes)
    os.environ.setdefault(OPENMP, str(share))  # torchrun would take 1, and say so at length
    with TemporaryDirectory(prefix="ranks-", dir=settings.folder) as name:
        folder = Path(name)
        (folder / "order").write_bytes(pickle.dumps((task, settings, os.getpid())))
        deaths = _run_ranks(folder, settings.processes)
        end = outcome(task.assignment.id, words(folder), deaths, settings.processes)
    with os.fdopen(settings.events, "wb") as pipe:
        Voice(pipe, board).emit(end)


def _run_ranks(folder: Path, ranks: int) -> dict[int, int]:
    """Run the order in `folder`; return the exit codes of the ranks that did not end well."""
    options = ["--standalone", f"--nproc-per-node={ranks}", "--no-python"]
    command = [sys.executable, "-c", BOOT, str(folder), json.dumps(sys.path)]
    try:
        run(parse_args([*options, *command]))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        return {rank: failure.exitcode for rank, failure in error.failures.items()}
    return {}
