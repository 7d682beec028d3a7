"""How the ranks of a distributed trial leave word, and what became of the trial by what they left."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from ..protocol import AttemptId, Event, Failed, Finished, Stopped
from .deaths import explain
from .frames import Frames, write_frame

End = Finished | Stopped | Failed


def leave_word(folder: Path, rank: int, end: Event) -> None:
    """Keep how `rank` ended in `folder`."""
    draft = folder / f"draft-{rank}"
    with draft.open("wb") as file:
        write_frame(file, end)
    draft.rename(folder / f"end-{rank}")


def words(folder: Path) -> dict[int, End]:
    """How the ranks ended that left word in `folder`."""
    files = ((re.fullmatch(r"end-(\d+)", file.name), file) for file in folder.iterdir())
    return {int(match[1]): next(Frames().feed(file.read_bytes())) for match, file in files if match}


def outcome(id: AttemptId, ends: Mapping[int, End], deaths: Mapping[int, int], ranks: int) -> End:
    """How a trial ended.

    The death of a rank that left no word counts first, for what the others say then is that they miss it. Otherwise
    the first to stop or to fail decides, and if none did, rank 0.

    Args:
        id: of the attempt.
        ends: what the ranks said.
        deaths: exit codes of those that did not end well; torchrun ends the others with SIGTERM.
        ranks: how many there were.
    """
    silent = {rank: code for rank, code in deaths.items() if rank not in ends and code != -signal.SIGTERM}
    for rank, code in sorted(silent.items()):
        return _failed(id, code, rank)
    bad = [end for end in ends.values() if not isinstance(end, Finished)]
    if bad:
        return min(bad, key=lambda end: end.at)
    for rank in range(ranks):
        if rank not in ends:
            return _failed(id, deaths.get(rank, 0), rank)
    return ends[0]


def _failed(id: AttemptId, code: int, rank: int) -> Failed:
    why = explain(code, who=f"rank {rank} of the trial")
    return Failed(id, why.cause, why.message, "", time.time())
