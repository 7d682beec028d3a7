"""A thread in which a sampler thinks, so that nothing else has to wait for it."""

from __future__ import annotations

import atexit
import ctypes
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")

GRACE = 1.0
"""Seconds that a thread which still thinks has to come to an end when the process does."""


class Thinker(Generic[T]):
    """Answers one question after another in a thread that no exit waits for; it starts with the first question."""

    def __init__(self) -> None:
        self._questions: SimpleQueue[Callable[[], T] | None] = SimpleQueue()
        self._answers: SimpleQueue[T] = SimpleQueue()
        self._thread = threading.Thread(target=self._think, name="paretree-thinker", daemon=True)

    def ask(self, question: Callable[[], T]) -> None:
        """Have `question` called; it must not raise."""
        if not self._thread.is_alive():
            self._thread.start()
            atexit.register(self._break_off)
        self._questions.put(question)

    def answer(self, wait: float) -> T | None:
        """The next answer, waiting up to `wait` seconds for it; None where there is none yet."""
        try:
            return self._answers.get(timeout=wait)
        except Empty:
            return None

    def close(self) -> None:
        """Ask no more. What is thought about by now is thought to its end, and nobody waits for it."""
        self._questions.put(None)

    def _think(self) -> None:
        while (question := self._questions.get()) is not None:
            self._answers.put(question())
        atexit.unregister(self._break_off)

    def _break_off(self) -> None:
        """End the thread with the process: where torch comes back from a computation to no interpreter, it aborts."""
        self.close()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(self._thread.ident or 0), ctypes.py_object(SystemExit)
        )
        self._thread.join(GRACE)
