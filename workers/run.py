"""Run one assignment: the same code wherever trials run."""

from __future__ import annotations

import errno
import random
import sys
import time
import traceback
from bdb import BdbQuit
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType

from .files.trial_files import TrialFiles
from .protocol import Assignment, Cause, Event, Failed, FilesError, Finished, Job, Started, Stopped
from .results import ResultError, as_values
from .trial import Device, Trial, TrialStopped

INTERRUPTS = (KeyboardInterrupt, BdbQuit)  # somebody at the keyboard wants the sweep to end, not this trial to fail
OURS = str(Path(__file__).parent)
FULL = (errno.ENOSPC, errno.EDQUOT)  # a disk, or somebody's share of it


def run(
    job: Job,
    assignment: Assignment,
    *,
    worker: str,
    node: str,
    device: Device,
    emit: Callable[[Event], None],
    stopping: Callable[[], bool],
    draining: Callable[[], bool] = lambda: False,
    gpus: float = 0.0,
    leads: bool = True,
    clock: Callable[[], float] = time.time,
) -> None:
    """Run `assignment` in this thread, from its `Started` to exactly one of `Finished`, `Stopped` and `Failed`.

    Whatever the user's function raises becomes an event, except `INTERRUPTS`, which pass and leave no last event.
    A trial that is told to stop before it begins is not begun. Where several processes run one attempt, only the one
    that `leads` keeps checkpoints and artifacts.
    """
    emit(Started(assignment.id, worker, node, clock(), gpus))
    if stopping():
        emit(Stopped(assignment.id, clock()))
        return
    try:
        seed_all(assignment.seed)
        config = job.space.configuration(assignment.values)
        with closing(TrialFiles(assignment.id, job.files, job.key, job.checkpoints, assignment.checkpoint)) as files:
            trial = Trial(
                assignment.id,
                config,
                assignment.seed,
                device=device,
                emit=emit,
                stopping=stopping,
                clock=clock,
                draining=draining,
                files=files,
                leads=leads,
            )
            end: Event = Finished(assignment.id, as_values(job.train(trial)), clock())
    except TrialStopped:
        end = Stopped(assignment.id, clock())
    except ResultError as error:
        end = Failed(assignment.id, Cause.RESULT, str(error), "", clock())
    except INTERRUPTS:
        raise
    except BaseException as error:
        end = failure(assignment, error, clock())
    emit(end)


def failure(assignment: Assignment, error: BaseException, at: float) -> Failed:
    """The event for an attempt that ended with `error`; the traceback begins at the user's code."""
    text = "".join(traceback.format_exception(type(error), error, _outside(error.__traceback__)))
    return Failed(assignment.id, _cause(error), _headline(error), text, at)


def seed_all(seed: int) -> None:
    """Seed `random`, `numpy.random` and, where it is loaded, `torch`."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)
    if torch := sys.modules.get("torch"):  # a function that uses torch has imported it by now, or seeds its own
        torch.manual_seed(seed % 2**63)


def _cause(error: BaseException) -> Cause:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's
        return Cause.MEMORY
    full = isinstance(error, OSError) and error.errno in FULL
    return Cause.INFRASTRUCTURE if full or isinstance(error, FilesError) else Cause.USER


def _headline(error: BaseException) -> str:
    lines = traceback.format_exception_only(error)  # a SyntaxError's begin with indented ones that show the place
    line = next(line for line in lines if not line.startswith(" ")).splitlines()[0]
    name, colon, message = line.partition(": ")
    return name.rpartition(".")[2] + colon + message


def _outside(frames: TracebackType | None) -> TracebackType | None:
    while frames and frames.tb_frame.f_code.co_filename.startswith(OURS):
        frames = frames.tb_next
    return frames
