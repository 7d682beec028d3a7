"""The operations that may stand on an edge of a cell, as data.

Sources: DARTS (Liu, Simonyan and Yang, 2019, arXiv 1806.09055); sharpDARTS (Hundt, Jain and Hager, 2019,
arXiv 1903.09900); NAS-Bench-201 (Dong and Yang, 2020, arXiv 2001.00326).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..errors import ParetreeError, brief

Kind = Literal["none", "skip", "max_pool", "avg_pool", "separable", "convolution", "factorized"]

NONE = "none"
"""The name of the operation that lets nothing through, in every set."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """One operation: from C channels to C, with stride 1, or 2 in a reduction cell.

    Attributes:
        name: as genotypes write it.
        kind: "none" puts out zeros, "skip" what it gets (or half its height and width, by two 1x1 convolutions);
            "separable" is a stack of depthwise and pointwise convolutions, "convolution" a plain one; "factorized" a
            row and a column convolution after each other.
        kernel_size: of the pool or the convolution.
        dilation: of the first depthwise convolution.
        depth: depthwise and pointwise convolutions in a stack, each with ReLU before and batch normalisation after it.
        flood: channels between two of them, as a multiple of C.
        choke: the same as a number, whatever C is; None where `flood` says it.
        counts_padding: an average pool divides by the size of its window also where that reaches beyond the image.
    """

    name: str
    kind: Kind
    kernel_size: int = 1
    dilation: int = 1
    depth: int = 1
    flood: int = 1
    choke: int | None = None
    counts_padding: bool = False

    def between(self, channels: int) -> int:
        """Channels between the two halves of a stack, where `channels` go in and out."""
        return self.flood * channels if self.choke is None else self.choke


@dataclass(frozen=True)
class PrimitiveSet:
    """Operations to choose from.

    Attributes:
        name: what messages and spaces call it.
        primitives: those that are searched, in the order of the rows of architecture weights.
        others: those that a genotype may name as well; none of them is searched.
    """

    name: str
    primitives: tuple[Primitive, ...]
    others: tuple[Primitive, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of those that are searched."""
        return tuple(one.name for one in self.primitives)

    @cached_property
    def something(self) -> tuple[str, ...]:
        """Of those that are searched and let something through."""
        return tuple(name for name in self.names if name != NONE)

    def __getitem__(self, name: str) -> Primitive:
        for one in (*self.primitives, *self.others):
            if one.name == name:
                return one
        known = ", ".join(one.name for one in (*self.primitives, *self.others))
        raise ParetreeError(f"The primitive set {self.name!r} has no operation {brief(name)}; it has {known}.")

    def __iter__(self) -> Iterator[Primitive]:
        return iter(self.primitives)

    def __len__(self) -> int:
        return len(self.primitives)

    def choked(self, channels: int) -> PrimitiveSet:
        """The same set, with another middle width in all operations that have a fixed one (96 for ImageNet)."""
        made = tuple(tuple(_choked(one, channels) for one in part) for part in (self.primitives, self.others))
        return PrimitiveSet(f"{self.name}:{channels}", *made)


def _choked(one: Primitive, channels: int) -> Primitive:
    if one.choke is None:
        return one
    return Primitive(one.name, one.kind, one.kernel_size, one.dilation, one.depth, one.flood, channels)


def _pools(counts_padding: bool) -> tuple[Primitive, Primitive]:
    average = Primitive("avg_pool_3x3", "avg_pool", 3, counts_padding=counts_padding)
    return Primitive("max_pool_3x3", "max_pool", 3), average


def _separable(size: int) -> Primitive:
    return Primitive(f"sep_conv_{size}x{size}", "separable", size, depth=2)


def _dilated(size: int, depth: int) -> Primitive:
    return Primitive(f"dil_conv_{size}x{size}", "separable", size, dilation=2, depth=depth)


def _flooded(size: int, dilation: int = 1) -> Primitive:
    name = f"{'dil_' if dilation > 1 else ''}flood_conv_{size}x{size}"
    return Primitive(name, "separable", size, dilation, depth=2, flood=4)


def _choke(dilation: int = 1) -> Primitive:
    name = f"{'dil_' if dilation > 1 else ''}choke_conv_3x3"
    return Primitive(name, "separable", 3, dilation, depth=2, choke=32)


def _named(primitives: Iterable[Primitive], *names: str) -> tuple[Primitive, ...]:
    by_name = {one.name: one for one in primitives}
    return tuple(by_name[name] for name in names)


_NONE, _SKIP = Primitive(NONE, "none"), Primitive("skip_connect", "skip")
_ROW_AND_COLUMN = Primitive("conv_7x1_1x7", "factorized", 7)
_MAX, _AVERAGE = _pools(counts_padding=False)
_SHARP_OPERATIONS = (
    _NONE,
    *_pools(counts_padding=True),
    _SKIP,
    *map(_separable, (3, 5, 7)),
    *(_dilated(size, depth=2) for size in (3, 5)),
    *map(_flooded, (3, 5)),
    *(_flooded(size, dilation=2) for size in (3, 5)),
    _choke(),
    _choke(dilation=2),
    _ROW_AND_COLUMN,
)


def _sharp(name: str, *names: str) -> PrimitiveSet:
    others = tuple(one for one in _SHARP_OPERATIONS if one.name not in names)
    return PrimitiveSet(name, _named(_SHARP_OPERATIONS, *names), others)


DARTS = PrimitiveSet(
    "darts",
    (_NONE, _MAX, _AVERAGE, _SKIP, _separable(3), _separable(5), _dilated(3, depth=1), _dilated(5, depth=1)),
    (_separable(7), _ROW_AND_COLUMN),
)
"""DARTS' eight; beyond them a genotype may name what NASNet and AmoebaNet have."""

SHARP = _sharp(
    "sharp",
    NONE,
    "max_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "dil_conv_3x3",
    "flood_conv_3x3",
    "dil_flood_conv_3x3",
    "choke_conv_3x3",
    "dil_choke_conv_3x3",
)
"""sharpDARTS' nine: all convolutions are two deep, and differ in their widths between."""

SHARP_DARTS = _sharp("sharp_darts", *DARTS.names)
"""DARTS' eight by name, all convolutions two deep ("SharpSepConvDARTS")."""

SHARPER = _sharp(
    "sharper",
    NONE,
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "flood_conv_3x3",
    "flood_conv_5x5",
    "dil_flood_conv_3x3",
)
"""sharpDARTS' twelve."""

NASBENCH201 = PrimitiveSet(
    "nasbench201",
    (
        _NONE,
        _SKIP,
        Primitive("nor_conv_1x1", "convolution", 1),
        Primitive("nor_conv_3x3", "convolution", 3),
        _AVERAGE,
    ),
)
"""The five of NAS-Bench-201."""

PRIMITIVE_SETS = {one.name: one for one in (DARTS, SHARP, SHARP_DARTS, SHARPER, NASBENCH201)}
"""By name, as a stored space has them."""


def primitive_set(name: str) -> PrimitiveSet:
    """The set of that name; with a number behind it, as "sharp:96", fixed middle widths are that number.

    Raises:
        ParetreeError: there is none.
    """
    plain, _, width = name.partition(":")
    if plain not in PRIMITIVE_SETS or (width and not width.isdecimal()):
        raise ParetreeError(f"There is no primitive set {name!r}; use one of {', '.join(PRIMITIVE_SETS)}.")
    found = PRIMITIVE_SETS[plain]
    return found.choked(int(width)) if width else found
