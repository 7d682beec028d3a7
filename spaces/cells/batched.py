"""The edges of a cell, many at once: the fast view of a supernet.

What leaves a node is computed together: ReLU, pools and skips once for all of its edges, and the convolutions of a
primitive as one with many groups. The weight of an operation is the scale of its last batch normalisation, so that
neither it nor its gradient costs anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, max_pool2d, pad, relu

from .depthwise import depthwise
from .edges import shuffled
from .operations import FactorizedReduction, operation
from .primitives import NONE, Primitive
from .space import CellSpace


class BatchedEdges(nn.Module):
    """All edges of a cell, many at once.

    It puts out what `Edges` does, up to rounding, and has as many parameters; `with_batched_edges` takes them over from
    a plain supernet. On a CPU all is computed with channels last, and quickest if images and weights are so, too.

    Args:
        space, channels, reduces, portion: as in `Edges`.
    """

    def __init__(self, space: CellSpace, channels: int, reduces: bool, portion: int = 1) -> None:
        super().__init__()
        self.space, self.channels, self.reduces, self.portion = space, channels, reduces, portion
        inputs = Leaving(space, range(space.inputs), channels // portion, 2 if reduces else 1)
        later = (Leaving(space, [node], channels // portion, 1) for node in space.targets[:-1])
        self.leaving = nn.ModuleList([inputs, *later])

    def forward(self, inputs: Sequence[Tensor], weights: Tensor, strengths: Tensor | None = None) -> list[Tensor]:
        """All nodes after the inputs; the arguments are those of `Edges`."""
        if strengths is not None:
            weights = weights * strengths.unsqueeze(1)
        nodes = [_laid_out(x) for x in inputs]
        arrived: list[list[Tensor]] = [[] for _ in self.space.targets]
        passed: list[list[Tensor]] = [[] for _ in self.space.targets]
        for made, edges in enumerate(self.rounds):
            xs = [nodes[source] for source in edges.sources]
            mixed, gone_by = self._split(xs)
            for number, y in enumerate(edges(mixed, weights), made):
                arrived[number].append(y)
            if self.portion > 1:
                for number, y in enumerate(edges.bypass(gone_by, strengths), made):
                    passed[number].append(y)
            nodes.append(self._node(arrived[made], passed[made]))
        return nodes[self.space.inputs :]

    @property
    def rounds(self) -> Sequence[Leaving]:
        """The edges that leave the inputs, then those that leave each node but the last."""
        return cast("Sequence[Leaving]", self.leaving)

    def _split(self, xs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """The channels that pass through the operations, and those that go by."""
        if self.portion == 1:
            return list(xs), []
        taken = xs[0].shape[1] // self.portion
        return [_laid_out(x[:, :taken]) for x in xs], [x[:, taken:] for x in xs]

    def _node(self, arrived: Sequence[Tensor], passed: Sequence[Tensor]) -> Tensor:
        y = _sum(arrived)
        return y if self.portion == 1 else shuffled(torch.cat([y, _sum(passed)], dim=1), self.portion)


class Leaving(nn.Module):
    """All edges that leave some nodes of a cell.

    They are in the order of their sources, and then of their targets. `operations` are those of `MixedOperation` by
    name, with the parameters of all edges one after another; a pool has its statistics once for each source.

    Args:
        space: of the cell.
        sources: that all lead to the same nodes.
        channels: in and out.
        stride: 1 or 2.
    """

    rows: Tensor

    def __init__(self, space: CellSpace, sources: Sequence[int], channels: int, stride: int) -> None:
        super().__init__()
        self.sources, self.channels, self.stride = tuple(sources), channels, stride
        self.targets = [target for target in space.targets if target > self.sources[-1]]
        rows = [space.edges.index((source, target)) for source in sources for target in self.targets]
        self.register_buffer("rows", torch.tensor(rows), persistent=False)
        self.primitives = [(column, one) for column, one in enumerate(space.primitives) if one.name != NONE]
        self.operations = nn.ModuleDict({one.name: self._stacked(one) for _, one in self.primitives})

    def forward(self, xs: Sequence[Tensor], weights: Tensor) -> list[Tensor]:
        """What comes to each target, summed over the sources.

        Args:
            xs: the sources, each (N, channels, H, W).
            weights: (edges of the cell, primitives).
        """
        columns = weights[self.rows].unbind(1)
        found: list[list[Tensor]] = [[] for _ in self.targets]
        if convolved := self._convolved(xs, columns):
            for number, y in enumerate(_sum(convolved).chunk(len(self.rows), dim=1)):
                found[number % len(found)].append(y)
        basis, coefficients = self._weightless(xs, columns)
        if basis:
            for number, y in enumerate(_combined(basis, torch.cat(coefficients))):
                found[number].append(y)
        return [_sum(one) for one in found]

    def bypass(self, xs: Sequence[Tensor], strengths: Tensor | None) -> list[Tensor]:
        """What comes to each target of the channels that go by, summed over the sources."""
        if self.stride == 2:
            xs = [max_pool2d(x, 2, ceil_mode=True) for x in xs]
        if strengths is None:
            return [_sum(xs)] * len(self.targets)
        return _combined(xs, self._by_source(strengths[self.rows]))

    def shared(self, primitive: Primitive) -> bool:
        """Its statistics are those of the sources, which all edges that leave one have in common."""
        return primitive.kind in ("max_pool", "avg_pool")

    def _by_source(self, of_edges: Tensor) -> Tensor:
        """(edges,) to (sources, targets)."""
        return of_edges.view(len(self.sources), -1)

    def _stacked(self, primitive: Primitive) -> nn.Module:
        """The operation for all edges."""
        one = operation(primitive, self.channels, self.stride, affine=False)
        sources, edges = len(self.sources), len(self.rows)
        if self.shared(primitive):
            return nn.Sequential(one, nn.BatchNorm2d(sources * self.channels, affine=False))
        first = 0 if primitive.kind == "separable" else 1 + isinstance(one, FactorizedReduction)
        for number, (name, layer) in enumerate(_layers(one)):
            one.add_module(name, _widened(layer, sources if number < first else edges, edges))  # which keeps its place
        return one

    def _convolved(self, xs: Sequence[Tensor], columns: Sequence[Tensor]) -> list[Tensor]:
        """By primitive that has parameters, what it makes of the sources (N, edges x channels, H, W), weighted."""
        rectified = [relu(x) for x in xs]
        for_all: Tensor | None = None
        for_each: Tensor | None = None
        found = []
        for column, primitive in self.primitives:
            module = self.operations[primitive.name]
            if self.shared(primitive) or isinstance(module, nn.Identity):
                continue
            scale = columns[column].repeat_interleave(self.channels)
            if primitive.kind == "separable":
                if for_each is None:
                    for_each = _cat([x for x in rectified for _ in self.targets])
                found.append(_separable(module, for_each, scale))
                continue
            if for_all is None:
                for_all = _cat(rectified)
            if isinstance(module, FactorizedReduction):
                found.append(_reduction(module, for_all, scale, len(self.rows)))
            else:
                found.append(_convolution(module, for_all, scale))
        return found

    def _weightless(self, xs: Sequence[Tensor], columns: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """What pools and skips make of each source, and how much of it comes to each target (sources, targets)."""
        basis, coefficients = list[Tensor](), list[Tensor]()
        for column, primitive in self.primitives:
            module = self.operations[primitive.name]
            if self.shared(primitive):
                basis += module(_cat(xs)).chunk(len(xs), dim=1)
            elif isinstance(module, nn.Identity):
                basis += xs
            else:
                continue
            coefficients.append(self._by_source(columns[column]))
        return basis, coefficients


def _layers(module: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, one) for name, one in module.named_children() if isinstance(one, nn.Conv2d | nn.BatchNorm2d)]


def _widened(layer: nn.Module, inputs: int, edges: int) -> nn.Module:
    """The same layer for so many edges, which have so many inputs between them; its state is theirs joined."""
    if isinstance(layer, nn.Conv2d):
        into, out = layer.in_channels * inputs, layer.out_channels * edges
        size, stride, padding, dilation = (
            cast("tuple[int, int]", one) for one in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        )
        return nn.Conv2d(into, out, size, stride, padding, dilation, groups=layer.groups * inputs, bias=False)
    return nn.BatchNorm2d(cast(nn.BatchNorm2d, layer).num_features * edges, affine=False)


def _separable(module: nn.Module, x: Tensor, scale: Tensor) -> Tensor:
    """The stack of depthwise and pointwise convolutions, on what has already passed ReLU."""
    layers = [layer for _, layer in _layers(module)]
    for start in range(0, len(layers), 3):
        spatial, pointwise, norm = layers[start : start + 3]
        taken = cast(nn.Conv2d, spatial)
        x = pointwise(depthwise(relu(x) if start else x, taken.weight, taken.stride[0], taken.dilation[0]))
        x = norm(x) if start + 3 < len(layers) else _scaled(norm, x, scale)
    return x


def _convolution(module: nn.Module, x: Tensor, scale: Tensor) -> Tensor:
    *convolutions, (_, norm) = _layers(module)
    for _, one in convolutions:
        x = one(x)
    return _scaled(norm, x, scale)


def _reduction(module: nn.Module, x: Tensor, scale: Tensor, edges: int) -> Tensor:
    (_, here), (_, further), (_, norm) = _layers(module)
    made = [here(x), further(pad(x, (0, 1, 0, 1))[..., 1:, 1:])]
    halves = [y.permute(0, 2, 3, 1) for y in made]
    by_edge = [y.reshape(*y.shape[:3], edges, -1) for y in halves]
    return _scaled(norm, torch.cat(by_edge, dim=4).flatten(3).permute(0, 3, 1, 2), scale)


def _scaled(norm: nn.Module, x: Tensor, scale: Tensor) -> Tensor:
    """Batch normalisation, each channel times its scale."""
    known = cast(nn.BatchNorm2d, norm)
    if known.training and known.num_batches_tracked is not None:
        known.num_batches_tracked.add_(1)
    momentum = known.momentum or 0.0
    return batch_norm(x, known.running_mean, known.running_var, scale, None, known.training, momentum, known.eps)


def _combined(basis: Sequence[Tensor], coefficients: Tensor) -> list[Tensor]:
    """For each column of coefficients (B, any), the sum of so many tensors (N, C, H, W) times what stands there."""
    last = basis[0].stride(1) == 1
    rows = torch.stack([x.permute(0, 2, 3, 1) if last else x for x in basis])
    made = (coefficients.t() @ rows.flatten(1)).view(-1, *rows.shape[1:])
    return [y.permute(0, 3, 1, 2) if last else y for y in made.unbind()]


def _sum(xs: Sequence[Tensor]) -> Tensor:
    """One by one, which keeps channels last."""
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    return total


def _cat(xs: Sequence[Tensor]) -> Tensor:
    return xs[0] if len(xs) == 1 else torch.cat(list(xs), dim=1)


def _laid_out(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x
