"""How the weights of new modules start."""

from __future__ import annotations

import math

from torch import nn

INITS = ("bert", "lora")
"""`bert`: N(0, 0.02), so that an adapter does a little from the start; `lora`: it does nothing at the start."""

BERT_STD = 0.02


def bert_linear(inputs: int, outputs: int) -> nn.Linear:
    """A Linear as in a new BERT: weights N(0, 0.02), biases 0."""
    linear = nn.Linear(inputs, outputs)
    nn.init.normal_(linear.weight, std=BERT_STD)
    nn.init.zeros_(linear.bias)
    return linear


def lora_linear(inputs: int, outputs: int) -> nn.Linear:
    """A Linear as LoRA's first one: weights as torch has them, biases 0."""
    linear = nn.Linear(inputs, outputs)
    nn.init.kaiming_uniform_(linear.weight, a=math.sqrt(5))
    nn.init.zeros_(linear.bias)
    return linear


def zero_linear(inputs: int, outputs: int) -> nn.Linear:
    """A Linear as LoRA's second one: all zeros."""
    linear = nn.Linear(inputs, outputs)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
