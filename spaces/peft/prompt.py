"""Prompt tuning: learnt tokens among the embeddings of the words."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .checks import positive, refuse
from .errors import Unsupported

if TYPE_CHECKING:
    from .anatomy import Anatomy
    from .host import Host

FIRST = 1
"""Where the prompt stands: after the first token, which heads and poolers read as that of the whole text."""

PADDED = ("token_type_ids", "bbox")
"""Inputs for each token that are 0 for those of a prompt."""


@dataclass(frozen=True)
class Prompt:
    """Learnt tokens after the first one, which are taken out again of what the model puts out.

    Lester et al. 2021 (EMNLP, arXiv 2104.08691), where they start as words drawn from the vocabulary, as here.
    Layers are not chosen: the prompt goes through all of them.

    Args:
        length: how many tokens.

    Raises:
        Unsupported: `length` is not above 0.
    """

    length: int

    def __post_init__(self) -> None:
        positive(self, length=self.length)

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it; None where it can."""
        return None

    def attach(self, host: Host) -> None:
        """Add the prompt to the backbone.

        Raises:
            Unsupported: the model takes no `inputs_embeds`.
        """
        backbone = host.module(host.anatomy.prefix.rstrip("."))
        if "inputs_embeds" not in inspect.signature(backbone.forward).parameters:
            refuse(f"the {host.anatomy.model_type!r} model takes no inputs_embeds", self)
        words: nn.Embedding = backbone.get_input_embeddings()  # type: ignore[operator]
        drawn = torch.randint(words.num_embeddings, (self.length,), device=words.weight.device)
        tokens = Tokens(words.weight[drawn])
        host.add(host.anatomy.prefix.rstrip("."), "prompt", tokens)
        backbone.register_forward_pre_hook(tokens.put_in, with_kwargs=True)
        backbone.register_forward_hook(tokens.take_out)


class Tokens(nn.Module):
    """The embeddings of a prompt.

    Args:
        values: at the start, `length x features of a word embedding`.
    """

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.embeddings = nn.Parameter(values.detach().clone())

    def put_in(
        self, backbone: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Hook of the backbone, before it runs: embeddings, masks and types get the prompt."""
        given = {**dict(zip(inspect.signature(backbone.forward).parameters, args, strict=False)), **kwargs}
        self._check(backbone, given)
        ids, embedded = given.pop("input_ids", None), given.pop("inputs_embeds", None)
        embedded = backbone.get_input_embeddings()(ids) if embedded is None else embedded  # type: ignore[operator]
        prompt = self.embeddings.to(embedded).expand(len(embedded), -1, -1)
        given["inputs_embeds"] = _with(embedded, prompt)
        if given.get("attention_mask") is not None:
            mask = given["attention_mask"]
            given["attention_mask"] = _with(mask, mask.new_ones(len(mask), len(self.embeddings)))
        for name in PADDED:
            if given.get(name) is not None:
                ids = given[name]
                given[name] = _with(ids, ids.new_zeros(len(ids), len(self.embeddings), *ids.shape[2:]))
        return (), given

    def take_out(self, backbone: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        """Hook of the backbone, after it has run: hidden states are again of the tokens that were given."""
        if isinstance(output, tuple):
            return (self._without(output[0]), *output[1:])
        output["last_hidden_state"] = self._without(output["last_hidden_state"])
        if output.get("hidden_states") is not None:
            output["hidden_states"] = tuple(map(self._without, output["hidden_states"]))
        return output

    def _without(self, states: Tensor) -> Tensor:
        return torch.cat([states[:, :FIRST], states[:, FIRST + len(self.embeddings) :]], dim=1)

    def _check(self, backbone: nn.Module, given: dict[str, Any]) -> None:
        mask = given.get("attention_mask")
        if given.get("position_ids") is not None or (mask is not None and mask.dim() != 2):
            raise Unsupported(
                "A prompt shifts positions, so position_ids and masks for pairs of tokens cannot be given; "
                "leave them out, the model makes its own."
            )


def _with(tokens: Tensor, prompt: Tensor) -> Tensor:
    return torch.cat([tokens[:, :FIRST], prompt, tokens[:, FIRST:]], dim=1)
