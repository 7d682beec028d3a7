"""Attached methods as files: what they are as JSON, their weights as one safetensors file."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..references import reference, resolve
from .errors import Unsupported

if TYPE_CHECKING:
    from .adapted import Adapted
    from .method import Method

FORMAT = "paretree.adapted"
VERSION = 1

DESCRIPTION = "adapted.json"
WEIGHTS = "adapted.safetensors"


@dataclass(frozen=True)
class Saved:
    """What `adapted.json` says.

    Attributes:
        methods: that were attached.
        layers: for each layer, whether they were attached to it.
        head: what the names of parameters start with that were said to belong to no backbone.
    """

    methods: tuple[Method, ...]
    layers: tuple[bool, ...]
    head: tuple[str, ...]


def write(adapted: Adapted, folder: str | Path) -> None:
    """Write both files; the folder is made where there is none."""
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().contiguous() for name, tensor in adapted.tensors().items()}
    data = {
        "format": FORMAT,
        "version": VERSION,
        "model_type": adapted.anatomy.model_type,
        "methods": [_written(_as_trained(method, adapted)) for method in adapted.methods],
        "layers": list(adapted.layers),
        "head": list(adapted.head),
    }
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    save_file(tensors, place / WEIGHTS)
    (place / DESCRIPTION).write_text(json.dumps(data, indent=2) + "\n")


def read_description(folder: str | Path) -> Saved:
    """Read what was attached.

    Raises:
        Unsupported: the folder holds no adapted model, or one that a later version wrote.
    """
    place = Path(folder) / DESCRIPTION
    if not place.is_file():
        raise Unsupported(f"There is no {DESCRIPTION} in {str(folder)!r}; give the folder that save() was given.")
    data = json.loads(place.read_text())
    if not isinstance(data, dict) or data.get("format") != FORMAT or data.get("version") != VERSION:
        raise Unsupported(f"{str(place)!r} is not in version {VERSION} of the format {FORMAT!r}; save the model again.")
    return Saved(tuple(map(_read_method, data["methods"])), tuple(data["layers"]), tuple(data["head"]))


def read_tensors(adapted: Adapted, folder: str | Path) -> None:
    """Give a model to which the same methods were attached the weights that were saved.

    Raises:
        Unsupported: names or shapes of the weights are not those of the model.
    """
    from safetensors.torch import load_file

    saved = load_file(Path(folder) / WEIGHTS)
    present = adapted.tensors()
    wrong = sorted(
        name
        for name in {*saved, *present}
        if name not in saved or name not in present or saved[name].shape != present[name].shape
    )
    if wrong:
        raise Unsupported(
            f"The weights in {str(folder)!r} are not those of this model: {wrong[0]!r} is missing or has another shape "
            f"({len(wrong)} such); load them into a model of the same size as was saved."
        )
    with torch.no_grad():
        for name, tensor in present.items():
            tensor.copy_(saved[name])


def _fits(saved: Tensor, present: Tensor | None) -> bool:
    return present is not None and saved.shape == present.shape


def _as_trained(method: Method, adapted: Adapted) -> Method:
    trained: Method = method.trained(adapted.host) if hasattr(method, "trained") else method
    return trained


def _written(method: Method) -> dict[str, Any]:
    arguments = {part.name: getattr(method, part.name) for part in fields(method) if part.init}
    return {"method": reference(type(method)), "arguments": arguments}


def _read_method(data: dict[str, Any]) -> Method:
    method: Method = resolve(data["method"])(**{name: _frozen(value) for name, value in data["arguments"].items()})
    return method


def _frozen(value: Any) -> Any:
    """Lists as the tuples that they were."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return {key: _frozen(one) for key, one in value.items()} if isinstance(value, dict) else value
