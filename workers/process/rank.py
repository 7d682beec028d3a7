"""One rank of a distributed trial: a process that torchrun starts, with its place among them in its environment."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from ..protocol import Cause, Event, Failed, Finished
from ..shipping import unpack
from .board import Board
from .child import ENDS, Voice, leave, run_trial
from .linux import die_with
from .messages import Settings, Task
from .ranks import leave_word


def main(folder: str) -> None:
    """Run the trial that `folder` holds the order for. Rank 0 speaks for all; the others are heard in the end."""
    task: Task
    settings: Settings
    place = Path(folder)
    task, settings, launcher = pickle.loads((place / "order").read_bytes())
    die_with(launcher)
    rank = int(os.environ["RANK"])
    job = unpack(settings.cargo.read_bytes())
    board = Board(settings.board)
    voice = Voice(os.fdopen(os.open(f"/proc/{launcher}/fd/{settings.events}", os.O_WRONLY), "wb"), board)
    ended_well = False

    def emit(event: Event) -> None:
        nonlocal ended_well
        if rank and isinstance(event, Failed) and event.cause is Cause.RESULT:
            event = Finished(event.id, {}, event.at)  # only what rank 0 returns is asked for
        if isinstance(event, ENDS):
            leave_word(place, rank, event)
            ended_well = isinstance(event, Finished)
        elif rank == 0:
            voice.emit(event)

    run_trial(job, task, device=settings.device, gpus=settings.gpus, board=board, emit=emit, leads=rank == 0)
    leave(0 if ended_well else 1)  # torchrun then ends the others, which would wait for this one
