"""Which sweeps may feed a scaling law together, and which of their spaces' parts are what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..search.store import SweepRecord

_USUAL: dict[str, tuple[str, ...]] = {
    "N": ("N", "n", "params", "parameters", "n_params", "model_size"),
    "D": ("D", "d", "tokens", "n_tokens", "train_tokens", "token_budget"),
    "learning_rate": ("lr", "learning_rate", "max_lr", "peak_lr"),
    "batch_size": ("batch_size", "batch", "bs", "B", "batch_tokens"),
    "seq_len": ("seq_len", "sequence_length", "context_length", "block_size"),
}
"""What people call these quantities, the most usual name first."""


@dataclass(frozen=True, slots=True)
class Names:
    """The parts of a family's spaces that a law is about; None where no part has a usual name.

    Attributes:
        N: holds the number of parameters.
        D: holds the number of training tokens.
        learning_rate: holds the peak learning rate.
        batch_size: holds the batch size.
        seq_len: holds the tokens of a sequence, or is that number, where the batch size counts sequences; None: it
            counts tokens.
    """

    N: str | None = None
    D: str | None = None
    learning_rate: str | None = None
    batch_size: str | None = None
    seq_len: int | str | None = None


def part_names(space: Mapping[str, object]) -> tuple[str, ...]:
    """The named parts of a space, as `Space.to_json` wrote it."""
    parts = space.get("parts")
    return tuple(str(name) for name, _ in parts) if isinstance(parts, list) else ()


def usual_names(parts: Iterable[str]) -> Names:
    """What is probably what among the names of parts."""
    there = set(parts)
    found = {role: next((name for name in names if name in there), None) for role, names in _USUAL.items()}
    return Names(**found)


def scaled(sweeps: Iterable[SweepRecord]) -> list[SweepRecord]:
    """The sweeps whose spaces name a size N, tokens D, and a learning rate or a batch size."""
    return [sweep for sweep in sweeps if _is_scaled(usual_names(part_names(sweep.space)))]


def _is_scaled(names: Names) -> bool:
    return None not in (names.N, names.D) and (names.learning_rate or names.batch_size) is not None


def family(name: str) -> str:
    """What the sweeps of one family share: the name before its last `/`, or all of it."""
    return name.rpartition("/")[0] or name


def members(name: str, sweeps: Sequence[SweepRecord]) -> list[str]:
    """The names of the sweeps of the family `name`, sorted."""
    return sorted(sweep.name for sweep in sweeps if family(sweep.name) == name)


def common_parts(sweeps: Sequence[SweepRecord]) -> list[str]:
    """The names of parts that all the sweeps have, in the order of the first one's."""
    each = [part_names(sweep.space) for sweep in sweeps]
    return [name for name in each[0] if all(name in names for names in each)] if each else []


def constant(space: Mapping[str, object], name: str) -> float | None:
    """The number that stands as the part `name` of a space; None where it is decided or computed."""
    parts = space.get("parts")
    value = dict(parts).get(name) if isinstance(parts, list) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def functions_called(space: Mapping[str, object], names: Iterable[str]) -> set[str]:
    """The users' functions that would run if a space were read from its stored form, and these parts of it looked up.

    Args:
        space: as `Space.to_json` wrote it.
        names: of parts.
    """
    wanted = set(names)
    parts = space.get("parts")
    looked_up = [part for name, part in parts if name in wanted] if isinstance(parts, list) else []
    called = {fn for node in _nodes(space) if node.get("operator") == "apply" for fn in _function(node)}
    called |= {fn for node in _nodes([looked_up, space.get("required")]) for fn in _function(node)}
    return {fn for fn in called if not fn.startswith("math:")}


def _nodes(data: object) -> Iterator[Mapping[str, object]]:
    """All JSON objects in `data`."""
    if isinstance(data, Mapping):
        yield data
        data = list(data.values())
    if isinstance(data, list):
        for item in data:
            yield from _nodes(item)


def _function(node: Mapping[str, object]) -> set[str]:
    """The function of a node; of one that measures a model, how users write it."""
    if node.get("node") == "measured":
        return {"nn.measured"}
    return {str(node["fn"])} if "fn" in node else set()
