"""Where randomness starts: every draw of a sweep has its own seed, derived from the sweep's."""

from __future__ import annotations

import hashlib
import secrets


def new_seed() -> int:
    """A seed that nobody chose, for a sweep that need not repeat itself."""
    return secrets.randbits(31)


def derive(seed: int, purpose: str, number: int) -> int:
    """The 32-bit seed for the `number`-th use for a purpose; the same on every machine."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
