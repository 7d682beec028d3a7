"""Fine-tuning methods made real on a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .anatomy import Anatomy
from .checks import refuse
from .errors import Unsupported
from .host import Host
from .reading import read

if TYPE_CHECKING:
    from torch import nn

    from ..configuration import Configuration
    from .adapted import Adapted
    from .method import Method


def apply(
    model: nn.Module,
    methods: Configuration | Mapping[str, Any] | Iterable[Any] | Method | None,
    *,
    layers: Sequence[bool] | None = None,
    head: Sequence[str] = (),
    seed: int | None = None,
) -> Adapted:
    """Freeze the backbone of a model and attach fine-tuning methods to it.

    The model itself is changed; `remove` of what is returned undoes that. What stands outside the backbone (a
    classifier) trains as it did. On any error the model is as before.

    Args:
        model: an encoder of `transformers`, bare or with a head.
        methods: a configuration of a space with a part `methods` and, if it likes, `layers`; or methods themselves, one
            or several in any nest of dicts and lists, where None stands for none.
        layers: for each layer whether methods attach to it; as the configuration says by default, else all.
        head: what the names of further parameters start with that belong to no backbone.
        seed: of the new weights; by default they come from torch's global generator.

    Raises:
        Unsupported: the model cannot take a method, is no known encoder, or has methods already.
    """
    from .adapted import MARK, Adapted
    from .snapshot import Snapshot

    if getattr(model, MARK, False):
        raise Unsupported("The model has methods already; call remove() of what apply() returned for them before.")
    chosen, bits = read(methods)
    anatomy = Anatomy.of(model)
    bits = layers if layers is not None else bits
    host = Host(model, anatomy, tuple(map(bool, bits)) if bits is not None else (True,) * len(anatomy.layers))
    for method in chosen:
        refuse(method.supports(anatomy), method)
    before = Snapshot.of(model)
    try:
        _freeze(host, tuple(head))
        with _drawn_from(seed):
            for method in chosen:
                method.attach(host)
    except BaseException:
        before.keep_values()
        before.restore()
        raise
    before.keep_values(later=_later(host, chosen))
    for module in before.new_modules(model):
        module.training = model.training
    setattr(model, MARK, True)
    return Adapted(model, chosen, host, before, tuple(head))


def _later(host: Host, methods: Iterable[Any]) -> list[nn.Parameter]:
    return [parameter for method in methods if hasattr(method, "may_train") for parameter in method.may_train(host)]


def _freeze(host: Host, head: tuple[str, ...]) -> None:
    for name, parameter in host.model.named_parameters():
        if name.startswith(host.anatomy.prefix) and not name.startswith(head):
            parameter.requires_grad_(False)


@contextmanager
def _drawn_from(seed: int | None) -> Iterator[None]:
    """Torch's global generator starts from `seed`, and is afterwards as it was; None changes nothing."""
    if seed is None:
        yield
        return
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def load_adapted(model: nn.Module, folder: str | Path) -> Adapted:
    """Attach what `Adapted.save` wrote to a model of the same kind, with the weights that it had.

    Args:
        model: as the one that was saved was before `apply`, its weights too.
        folder: that it was saved in.

    Raises:
        Unsupported: the folder holds no such thing, or it is of another kind of model.
    """
    from .saving import read_description, read_tensors

    saved = read_description(folder)
    adapted = apply(model, saved.methods, layers=saved.layers, head=saved.head)
    try:
        read_tensors(adapted, folder)
    except BaseException:
        adapted.remove()
        raise
    return adapted
