"""What a fine-tuning method is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from .anatomy import Anatomy
    from .host import Host


class Method(Protocol):
    """A frozen dataclass of plain numbers and strings that can be attached to a model.

    A method whose weights can be folded into those of the model has besides `merge(host) -> None`, which does so and
    puts the model's own modules back. A method that changes in training has `trained(host) -> Method`, which describes
    what it became. One that lets other parameters of the model train later has `may_train(host)`, which gives them.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it, in words that fit after a colon; None where it can."""
        ...

    def attach(self, host: Host) -> None:
        """Add modules to the kept layers, or let parameters of the model train; freeze nothing, and change no weight of
        the model in place (give it new `.data`).

        Raises:
            Unsupported: the model cannot take it.
        """
        ...
