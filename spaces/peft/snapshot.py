"""A model as it was, to go back to."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

_State = dict[str, Any]


@dataclass
class Snapshot:
    """What the modules of a model held: children, parameters, hooks, attributes; and the values that may change.

    Weights are not copied where they are not about to change.
    """

    _modules: list[tuple[nn.Module, type[nn.Module], _State, _State]]
    _trained: list[tuple[nn.Parameter, bool]]
    _data: list[Tensor]
    _values: list[tuple[nn.Parameter, Tensor]] = field(default_factory=list)
    changed: list[nn.Parameter] = field(default_factory=list)

    @classmethod
    def of(cls, model: nn.Module) -> Snapshot:
        """The model as it is now."""
        parameters = list(model.parameters())
        return cls(
            _modules=[(part, type(part), dict(vars(part)), _contents(part)) for part in model.modules()],
            _trained=[(parameter, parameter.requires_grad) for parameter in parameters],
            _data=[parameter.data for parameter in parameters],
        )

    def keep_values(self, later: Iterable[nn.Parameter] = ()) -> None:
        """Keep the values of the parameters that train from now on, or were given new data since.

        Args:
            later: parameters that do not train yet; these, and those with new data, are in `changed` from then on.
        """
        waiting = set(map(id, later))
        for (parameter, _), data in zip(self._trained, self._data, strict=True):
            replaced = parameter.data_ptr() != data.data_ptr()
            if replaced or id(parameter) in waiting:
                self.changed.append(parameter)
            if replaced:
                self._values.append((parameter, data))
            elif parameter.requires_grad or id(parameter) in waiting:
                self._values.append((parameter, data.clone()))
        self._data.clear()

    def restore(self) -> None:
        """Make the model what it was; whether it is in training, and on which device, stays as it is."""
        for part, kind, state, contents in self._modules:
            training = part.training
            for name, content in contents.items():
                state[name].clear()
                state[name].update(content)
            part.__dict__.clear()
            part.__dict__.update(state)
            part.__class__ = kind
            part.training = training
        for parameter, trained in self._trained:
            parameter.requires_grad_(trained)
            parameter.grad = None
        for parameter, value in self._values:
            parameter.data.copy_(value)

    def new_modules(self, model: nn.Module) -> list[nn.Module]:
        """The modules of a model that were not there."""
        old = {id(part) for part, *_ in self._modules}
        return [part for part in model.modules() if id(part) not in old]

    def originals(self) -> set[int]:
        """Identities of the parameters and buffers that the model had."""
        held = (contents[name] for *_, contents in self._modules for name in ("_parameters", "_buffers"))
        return {id(tensor) for tensors in held for tensor in tensors.values() if tensor is not None}


def _contents(module: nn.Module) -> _State:
    """What its dicts and sets hold: they themselves are often referred to from elsewhere, as by handles of hooks."""
    return {name: copy.copy(value) for name, value in vars(module).items() if isinstance(value, dict | set)}
