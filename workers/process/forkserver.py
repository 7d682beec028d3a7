"""A fork server as its runner has it: started, told what to do, ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Lock

from ..protocol import AttemptId, Limits, WorkersError
from ..trial import Device
from .messages import Ended, Isolation, Kill, Loaded, Settings, Task
from .orphans import VARIABLE, sweep_tagged, tagged

BOOT = (  # as `python -c`: a trial that starts processes by `spawn` then has no main module to import again
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); control = int(sys.argv.pop()); "
    f"from {__package__}.server import main; main(control)"
)
CAPACITY = 2**16  # bytes: what a pipe holds
CLOSE_SECONDS = 5.0


class ServerDiedError(Exception):
    """The fork server is gone, and its trial with it."""


class Channel:
    """A pipe from the processes of a trial, which is read without ever waiting for them.

    Attributes:
        reading, writing: the file descriptors of its ends.
    """

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)

    def read(self) -> bytes:
        """Some of what has come; nothing if nothing has."""
        with suppress(BlockingIOError):
            return os.read(self.reading, CAPACITY)
        return b""

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reading)
        os.close(self.writing)


class ForkServer:
    """A running server and the ways to and from it.

    Attributes:
        events, stdout, stderr: what the trial says and prints.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        *,
        mark: str,
        device: Device,
        gpus: float,
        isolation: Isolation,
        processes: int,
    ) -> None:
        """Start the server and have it load the job that lies in `folder`.

        Raises:
            WorkersError: the job cannot be loaded.
        """
        self._tag = tagged(mark)
        self._lock = Lock()
        self._exits = ExitStack()
        self._control, theirs = Pipe()
        self._exits.callback(self._control.close)
        self.events, self.stdout, self.stderr = channels = Channel(), Channel(), Channel()
        for channel in channels:
            self._exits.callback(channel.close)
        self._readable: list[Connection | int] = [self._control, *(channel.reading for channel in channels)]
        events, stdout, stderr = ends = [channel.writing for channel in channels]
        self._server = subprocess.Popen(
            [sys.executable, "-c", BOOT, str(theirs.fileno()), json.dumps(sys.path)],
            stdin=subprocess.DEVNULL,
            env=_environment(self._tag, device),
            pass_fds=(theirs.fileno(), *ends),
            start_new_session=True,
        )
        theirs.close()
        try:
            self._control.send(Settings(folder, events, stdout, stderr, limits, device, gpus, isolation, processes))
            self._await_loaded()
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._server.poll() is None

    def submit(self, task: Task) -> None:
        """Have the server run this.

        Raises:
            ServerDiedError: it cannot.
        """
        with self._lock:
            try:
                self._control.send(task)
            except OSError as error:
                raise ServerDiedError from error

    def kill(self, id: AttemptId) -> None:
        """Have the server end the processes of this attempt, if they run; safe to call from any thread."""
        with self._lock, suppress(OSError):
            self._control.send(Kill(id))

    def wait(self, seconds: float) -> None:
        """Wait until the server or its trial says something, or is dead, but no longer than this."""
        wait(self._readable, seconds)

    def ended(self) -> Ended | None:
        """How the attempt ended, if it has.

        Raises:
            ServerDiedError: nobody will say.
        """
        try:
            if not self._control.poll():
                return None
            message = self._control.recv()
        except (EOFError, OSError) as error:
            raise ServerDiedError from error
        assert isinstance(message, Ended)
        return message

    def close(self) -> int:
        """End the server, which takes its trial with it; return its exit code. Nothing that it started is left."""
        with self._lock:
            self._exits.close()
        try:
            code = self._server.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._server.kill()
            code = self._server.wait()
        sweep_tagged(self._tag)
        return code

    def _await_loaded(self) -> None:
        try:
            message = self._control.recv()
        except (EOFError, OSError):
            code = self._server.wait()
            raise WorkersError(
                f"the process that was to load the job died (exit code {code}); "
                "see what the modules it needs do when they are imported"
            ) from None
        assert isinstance(message, Loaded)
        if message.problem:
            raise WorkersError(f"a worker could not load the job ({message.problem}); install what it imports there")


def _environment(tag: str, device: Device) -> dict[str, str]:
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
    return {**os.environ, **hidden, VARIABLE: tag}
