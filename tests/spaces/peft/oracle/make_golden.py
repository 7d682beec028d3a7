"""Write golden.safetensors: hidden states of a tiny random BERT with the adapters of the library `adapters`.

The library needs an older transformers, so this runs in an environment of its own, by hand:

    python -m venv golden && golden/bin/pip install adapters==1.3.0 transformers==4.57.6 torch==2.13.0
    golden/bin/python tests/spaces/peft/oracle/make_golden.py

Each case has the inputs, the weights under the library's names, and the last hidden state.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import adapters
import torch
from adapters import MAMConfig, ParBnConfig, PrefixTuningConfig, SeqBnConfig
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 24,
}
LEFT_OUT = [1]
SPREAD = 0.3  # of all weights, so that no method does too little to be seen

CASES = {
    "base": None,
    "serial": SeqBnConfig(reduction_factor=4, leave_out=LEFT_OUT),
    "parallel": ParBnConfig(reduction_factor=4, leave_out=LEFT_OUT),
    "prefix_flat": PrefixTuningConfig(prefix_length=5, flat=True, leave_out=LEFT_OUT),
    "prefix_mlp": PrefixTuningConfig(prefix_length=5, bottleneck_size=10, leave_out=LEFT_OUT),
    "mam": MAMConfig(
        PrefixTuningConfig(prefix_length=3, bottleneck_size=10), ParBnConfig(reduction_factor=8, scaling=4.0)
    ),
}


def main() -> None:
    torch.manual_seed(0)
    base = BertModel(BertConfig(**SIZES, attn_implementation="eager")).eval()
    scatter(base)
    inputs = {
        "input_ids": torch.randint(SIZES["vocab_size"], (3, 7)),
        "attention_mask": torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [0] * 2 + [1] * 5]),
    }
    tensors = {f"inputs/{name}": tensor for name, tensor in inputs.items()}
    tensors |= {f"model/{name}": tensor.clone() for name, tensor in base.state_dict().items()}
    for case, config in CASES.items():
        tensors |= {f"{case}/{name}": tensor for name, tensor in run(base, config, inputs).items()}
    packages = {name: version(name) for name in ("adapters", "transformers", "torch")}
    save_file(
        tensors,
        Path(__file__).with_name("golden.safetensors"),
        metadata={"sizes": json.dumps(SIZES), "versions": json.dumps(packages)},
    )


def run(base, config, inputs) -> dict[str, torch.Tensor]:
    """The weights that a method adds, scattered, and the last hidden state."""
    model = BertModel(base.config).eval()
    model.load_state_dict(base.state_dict())
    adapters.init(model)
    if config is not None:
        model.add_adapter("case", config)
        model.set_active_adapters("case")
    added = {name: tensor for name, tensor in model.named_parameters() if ".case." in name}
    for tensor in added.values():
        tensor.data.normal_(std=SPREAD)
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state
    return {f"weights/{name}": tensor.detach() for name, tensor in added.items()} | {"hidden": hidden}


def scatter(model) -> None:
    for name, tensor in model.named_parameters():
        center = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        tensor.data.normal_(mean=center, std=SPREAD)


if __name__ == "__main__":
    main()
