"""A model with fine-tuning methods attached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from .cost import size
from .errors import Unsupported
from .prefix import Branch, Prefix, Trunk

if TYPE_CHECKING:
    from .anatomy import Anatomy
    from .host import Host
    from .method import Method
    from .snapshot import Snapshot

MARK = "_paretree_adapted"
"""Attribute of a model that methods are attached to."""


class Adapted:
    """What `apply` returns: a model whose methods can be counted, stored, folded in and taken off again.

    Attributes:
        model: the model that was given.
        methods: that are attached.
        host: the model with its anatomy, and the layers that methods are attached to.
        head: what the names of parameters start with that were said to belong to no backbone.
    """

    def __init__(
        self, model: nn.Module, methods: tuple[Method, ...], host: Host, before: Snapshot, head: tuple[str, ...]
    ) -> None:
        self.model, self.methods, self.host, self.head = model, methods, host, head
        self._before: Snapshot | None = before

    @property
    def anatomy(self) -> Anatomy:
        """Of the model, as it was."""
        return self.host.anatomy

    @property
    def layers(self) -> tuple[bool, ...]:
        """For each layer, whether methods are attached to it."""
        return self.host.layers

    @property
    def trainable_parameters(self) -> int:
        """How many numbers train now, without the head; a prefix's MLP counts in full."""
        return sum(parameter.numel() for _, parameter in self._training())

    @property
    def stored_bytes(self) -> int:
        """Bytes of what has to be stored of the methods once training is over, without the head.

        A prefix's MLP counts as the keys and values that it makes.
        """
        kept = sum(parameter.numel() * parameter.element_size() for _, parameter in self._kept())
        return kept + sum(_entries(branch) * branch.outer.weight.element_size() for branch in self._branches())

    @property
    def percent(self) -> float:
        """Size of the methods in per cent of the backbone, as AutoPEFT counts it.

        See `Size`: for adapters and a prefix `100 * 2 * hidden * (serial + parallel + prefix) * layers / backbone`.
        """
        return size(self.methods, self.anatomy, self.layers).percent

    def eject(self) -> None:
        """Put the keys and values that a prefix's MLP makes in its place; the model's outputs stay the same."""
        self.methods = tuple(
            method.eject(self.host) if isinstance(method, Prefix) else method for method in self.methods
        )

    def merge(self) -> nn.Module:
        """Fold the methods into the weights of the model, which is then as fast as it was; outputs stay the same.

        Returns:
            The model, with no trace of methods; this cannot be undone.

        Raises:
            Unsupported: a method is no change of weights.
        """
        self._snapshot()
        for method in self.methods:
            if not hasattr(method, "merge"):
                raise Unsupported(
                    f"{type(method).__name__} is no change of the model's weights, so it cannot be merged; "
                    "keep it attached, or leave it out of the methods."
                )
        for method in self.methods:
            method.merge(self.host)  # type: ignore[attr-defined]
        self._forget()
        return self.model

    def remove(self) -> nn.Module:
        """Take all methods off.

        Returns:
            The model as it was before `apply`, to the last bit.

        Raises:
            Unsupported: they were merged or removed before.
        """
        self._snapshot().restore()
        self._before = None
        return self.model

    def save(self, folder: str | Path) -> None:
        """Write the methods (`adapted.json`) and what they trained (`adapted.safetensors`) into a folder.

        That is the weights of the methods, and those of the model that train (a head's too), that a method replaced, or
        that it lets train later. `load_adapted` reads them back.

        Raises:
            Unsupported: the methods were merged or removed before.
        """
        from .saving import write

        write(self, folder)

    def tensors(self) -> dict[str, Tensor]:
        """What `save` writes, by name in the model's `state_dict`; each tensor once.

        Raises:
            Unsupported: the methods were merged or removed before.
        """
        before = self._snapshot()
        old = before.originals() - {id(parameter) for parameter in before.changed}
        found: dict[int, tuple[str, Tensor]] = {}
        for name, tensor in self.model.state_dict(keep_vars=True).items():
            if tensor.requires_grad or id(tensor) not in old:
                found.setdefault(id(tensor), (name, tensor))
        return dict(found.values())

    def _snapshot(self) -> Snapshot:
        if self._before is None:
            raise Unsupported("The methods are off the model already; call apply() again to attach them.")
        return self._before

    def _forget(self) -> None:
        delattr(self.model, MARK)
        self._before = None

    def _training(self) -> list[tuple[str, nn.Parameter]]:
        return [
            (name, parameter)
            for name, parameter in self.model.named_parameters()
            if parameter.requires_grad and name.startswith(self.anatomy.prefix) and not name.startswith(self.head)
        ]

    def _kept(self) -> list[tuple[str, nn.Parameter]]:
        """What trains and is needed once training is over: all but the MLP of a prefix."""
        mlps = [part for part in self.model.modules() if isinstance(part, Trunk | Branch)]
        dropped = {id(parameter) for part in mlps for parameter in part.parameters()}
        return [(name, parameter) for name, parameter in self._training() if id(parameter) not in dropped]

    def _branches(self) -> list[Branch]:
        return [part for part in self.model.modules() if isinstance(part, Branch)]


def _entries(branch: Branch) -> int:
    """How many keys and values, in numbers."""
    return branch.length * branch.outer.out_features
