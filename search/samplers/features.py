"""Configurations as counts of features, for linear models of tree-shaped spaces.

Features are texts, hashed to columns (CRC-32, the same in every process): what is decided, where it is decided, and
which decisions follow each other. So what holds of a piece of an architecture is learned wherever the piece stands.

Sources: n-grams as in Negrinho and Gordon, 2017, arXiv 1704.08792; hashed values as in Negrinho et al., 2019, arXiv
1909.13404.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ...spaces import Decision, Slot
from ...spaces.domains import Domain
from ...spaces.encoding import is_nominal
from ...spaces.selections import Selections

COLUMNS = 1024
"""How many columns the features are hashed to."""

LONGEST = 3
"""How many decisions in a row are a feature at most."""

KNOTS = 5
"""Points spread over the range of a number, on which a model may bend."""


def features(slots: Sequence[Slot], values: Mapping[str, Decision]) -> npt.NDArray[np.float64]:
    """The features (`COLUMNS`,) of the configuration with these active decisions."""
    counts = np.zeros(COLUMNS)
    made = [(slot, values[slot.path]) for slot in slots if slot.path in values]
    for slot, value in made:
        for feature, amount in _of_value(slot.path, slot.domain, value):
            counts[_column(feature)] += amount
    for gram in _grams([_word(slot, value) for slot, value in made]):
        counts[_column(gram)] += 1.0
    return counts


def _of_value(path: str, domain: Domain, value: Decision) -> Iterator[tuple[str, float]]:
    """What is decided at a path: its label, the items that are picked, or how near to each knot a number is."""
    if isinstance(domain, Selections):
        for item in domain.labels_of(str(value)):
            yield f"{path}+{item}", 1.0
    if is_nominal(domain):
        yield f"{path}={value!r}", 1.0
        return
    place = domain.share(value) * (KNOTS - 1)
    below = min(int(place), KNOTS - 2)
    yield f"{path}~{below}", 1.0 - (place - below)
    yield f"{path}~{below + 1}", place - below


def _grams(words: Sequence[str]) -> Iterator[str]:
    """All runs of up to `LONGEST` words, those of one word among them."""
    for length in range(1, LONGEST + 1):
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])


def _word(slot: Slot, value: Decision) -> str:
    """A decision wherever it stands: the last name on its path, with its label or the knot nearest to a number."""
    name = re.sub(r"\[.*?\]", "", slot.path.rpartition("/")[2])
    if is_nominal(slot.domain):
        return f"{name}={value!r}"
    return f"{name}~{round(slot.domain.share(value) * (KNOTS - 1))}"


def _column(feature: str) -> int:
    return zlib.crc32(feature.encode()) % COLUMNS
