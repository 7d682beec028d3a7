"""Objects over a pipe that may break off anywhere: written whole, read as far as they have come."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Iterator
from typing import IO, Any

from ..protocol import Cause

HEADER = struct.Struct("!I")


class FrameError(ValueError):
    """Bytes that are not what `write_frame` writes."""


class _Plain(pickle.Pickler):
    """Writes a string of the user's own type as the string it is: nobody else need be able to import that type."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, str) and not isinstance(value, Cause):
            return str, (str.__str__(value),)
        return NotImplemented


def write_frame(pipe: IO[bytes], value: object) -> None:
    """Write `value` for `Frames` to read."""
    body = io.BytesIO()
    _Plain(body).dump(value)
    pipe.write(HEADER.pack(body.tell()) + body.getvalue())
    pipe.flush()


class Frames:
    """Puts together again what `write_frame` wrote; a last frame that never came whole is not given."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """The objects that are whole with these bytes.

        Raises:
            FrameError: what is there is no object, or not one that this process can make.
        """
        self._bytes += data
        while len(self._bytes) >= HEADER.size:
            end = HEADER.size + HEADER.unpack_from(self._bytes)[0]
            if len(self._bytes) < end:
                return
            body = bytes(self._bytes[HEADER.size : end])
            del self._bytes[:end]
            try:
                value = pickle.loads(body)
            except Exception as error:  # unpickling runs code of every type it meets
                raise FrameError(f"{type(error).__name__}: {error}") from error
            yield value
