"""One assignment after another, each in a process of its own: what a runner has."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from ..protocol import Assignment, AttemptId, Cause, Event, Failed, Limits, Started, WorkersError
from ..trial import Device
from .board import Board
from .deaths import explain
from .forkserver import ForkServer, ServerDiedError
from .frames import FrameError
from .limits import Breach
from .messages import Isolation, Task
from .transcript import Transcript

LOOK_SECONDS = 0.1  # between two looks at what the runner wants of the trial


class Processes:
    """Runs trials of one job as children of a fork server, which has the job and torch loaded.

    A trial costs some ten milliseconds, starts clean, and leaves nothing: whatever it did, and whatever processes it
    started, the next one finds its CPUs, memory and GPUs free. One per runner process, for one thread of it.
    """

    def __init__(
        self,
        cargo: bytes,
        limits: Limits,
        *,
        mark: str,
        device: Device,
        gpus: float,
        isolation: Isolation = "process",
        processes: int = 1,
    ) -> None:
        """Start the fork server and load the job there.

        Args:
            cargo: the job, of `shipping.pack`.
            limits: of each attempt.
            mark: of `runner_mark`; all processes have it in their environment, for `sweep_orphans`.
            device: "cpu" hides all GPUs from the trials.
            gpus: how many GPUs a trial has, as it is told in `Started`.
            isolation: "process", or "torchrun": each trial is `processes` ranks of one `torchrun`.
            processes: ranks of a trial under "torchrun".

        Raises:
            WorkersError: the job cannot be loaded.
        """
        self._limits = limits
        self._mark = mark
        self._device: Device = device
        self._gpus = gpus
        self._isolation: Isolation = isolation
        self._processes = processes
        self._folder = tempfile.TemporaryDirectory(prefix="paretree-")
        folder = Path(self._folder.name)
        (folder / "cargo").write_bytes(cargo)
        self._board = Board(folder / "board")
        self._running: AttemptId | None = None
        self._ended_by_us = False
        self._busy = Lock()
        self._server: ForkServer | None = None
        try:
            self._server = self._start()
        except BaseException:
            self._folder.cleanup()
            raise

    def run(
        self,
        assignment: Assignment,
        *,
        worker: str,
        node: str,
        emit: Callable[[Event], None],
        stopping: Callable[[], bool],
        draining: Callable[[], bool],
    ) -> None:
        """Run `assignment` from its `Started` to exactly one of `Finished`, `Stopped` and `Failed`, whatever it does.

        The last event is emitted when no process of the trial is left. What `emit` raises passes, and ends the trial.

        Args:
            assignment: what to run.
            worker: the runner's name, for `Started`.
            node: its machine's, likewise.
            emit: takes each event; while it waits, so does the trial.
            stopping: whether the trial is to end at its next report; asked ten times a second.
            draining: whether the node is about to go, likewise.
        """
        with self._busy:
            emit(Started(assignment.id, worker, node, time.time(), self._gpus))
            emit(self._ran(Task(assignment, worker, node), emit, stopping, draining))

    def kill(self) -> None:
        """End the processes of the running trial now; it fails. Does nothing between trials. For any thread."""
        running, server = self._running, self._server
        if running and server:
            self._ended_by_us = True
            server.kill(running)

    def close(self) -> None:
        """End everything. A trial that runs in another thread is killed, and waited for."""
        self.kill()
        with self._busy:
            if self._server:
                self._server.close()
            self._server = None
            self._board.close()
            self._folder.cleanup()

    def _ran(
        self, task: Task, emit: Callable[[Event], None], stopping: Callable[[], bool], draining: Callable[[], bool]
    ) -> Event:
        """Run `task` and pass on what it says, but for its end, which is returned."""
        id = task.assignment.id
        try:
            server = self._living_server()
        except WorkersError as error:
            return _failed(id, Breach(Cause.INFRASTRUCTURE, str(error)))
        transcript = Transcript(id, server, emit)
        self._board.clear()
        self._ended_by_us = False
        self._running = id
        try:
            why = self._followed(server, task, transcript, stopping, draining)
            said = transcript.finish()
        except ServerDiedError:
            said = transcript.finish()
            why = self._lost_server(server)
        except FrameError as error:
            self._lost_server(server)
            said, why = None, Breach(Cause.INFRASTRUCTURE, f"what the trial's process sent cannot be read ({error})")
        except BaseException:
            self._lost_server(server)
            raise
        finally:
            self._running = None
        return said or _failed(id, why)

    def _followed(
        self,
        server: ForkServer,
        task: Task,
        transcript: Transcript,
        stopping: Callable[[], bool],
        draining: Callable[[], bool],
    ) -> Breach:
        """See `task` through; return why it ended if it should not say so itself."""
        self._tell(stopping, draining)
        server.submit(task)
        if self._ended_by_us:  # `kill` was called just before the server knew of the trial
            server.kill(task.assignment.id)
        while (ended := server.ended()) is None:
            server.wait(LOOK_SECONDS)
            transcript.read()
            self._tell(stopping, draining)
        if self._ended_by_us and not ended.breach:
            return Breach(Cause.INFRASTRUCTURE, "the trial's processes were ended by their worker")
        return ended.breach or explain(ended.code, ended.starved)

    def _tell(self, stopping: Callable[[], bool], draining: Callable[[], bool]) -> None:
        if stopping():
            self._board.raise_stop()
        if draining():
            self._board.raise_drain()

    def _living_server(self) -> ForkServer:
        if self._server and not self._server.alive:
            self._lost_server(self._server)
        if self._server is None:
            self._server = self._start()
        return self._server

    def _lost_server(self, server: ForkServer) -> Breach:
        """Have a new server next time."""
        self._server = None
        code = server.close()
        return Breach(Cause.INFRASTRUCTURE, f"the fork server of the trial's process died (exit code {code})")

    def _start(self) -> ForkServer:
        return ForkServer(
            Path(self._folder.name),
            self._limits,
            mark=self._mark,
            device=self._device,
            gpus=self._gpus,
            isolation=self._isolation,
            processes=self._processes,
        )


def _failed(id: AttemptId, why: Breach) -> Failed:
    return Failed(id, why.cause, why.message, "", time.time())
