"""Attached methods as files: what is written, and that a model which reads them computes the same."""

import json

import pytest
import torch
from safetensors.torch import load_file

from paretree.spaces.peft import Unsupported
from paretree.spaces.peft.apply import apply, load_adapted
from paretree.spaces.peft.bottleneck import Parallel, Serial
from paretree.spaces.peft.free_form import FreeForm
from paretree.spaces.peft.lora import LoRA
from paretree.spaces.peft.prefix import Prefix
from paretree.spaces.peft.prompt import Prompt

METHODS = [
    [Serial(6), Parallel(5, gate="large", gate_width=4), Prefix(3, bottleneck=8)],
    [Prefix(3), FreeForm(4, representation="attn", composition="gated"), Prompt(2)],
    [LoRA(4), Serial(6), Prefix(2)],
    [],
]


def outputs(model, batch):
    with torch.no_grad():
        return model(**batch)[0]


def trained(model, batch):
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.add_(torch.randn_like(parameter), alpha=0.1)
    return outputs(model, batch)


@pytest.mark.parametrize("methods", METHODS, ids=["autopeft", "free form", "with LoRA", "none"])
@pytest.mark.parametrize("model_type", ["bert", "distilbert", "modernbert"])
def test_a_saved_model_computes_the_same_when_loaded(encoder, batch, tmp_path, model_type, methods):
    model = encoder(model_type, headed=True)
    adapted = apply(model, methods, layers=[True, False, True])
    expected = trained(model, batch)
    adapted.save(tmp_path)
    loaded = load_adapted(encoder(model_type, headed=True), tmp_path)
    assert torch.equal(expected, outputs(loaded.model, batch)), "the loaded model computes something else"
    assert loaded.methods == adapted.methods, "the methods were not read back as they were"
    assert loaded.layers == adapted.layers, "the bits of layers were not read back as they were"


def test_only_what_trains_is_written_and_nothing_but_json_and_safetensors(encoder, batch, tmp_path):
    adapted = apply(encoder(), [Serial(6), Prefix(3, bottleneck=8)])
    adapted.eject()
    adapted.save(tmp_path / "new" / "folder")
    written = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert written == ["adapted.json", "adapted.safetensors"], f"{written} were written"
    tensors = load_file(tmp_path / "new" / "folder" / "adapted.safetensors")
    assert sum(tensor.numel() * 4 for tensor in tensors.values()) == adapted.stored_bytes, "more is stored than is told"
    data = json.loads((tmp_path / "new" / "folder" / "adapted.json").read_text())
    assert data["methods"][1] == {
        "method": "paretree.spaces.peft.prefix:Prefix",
        "arguments": {"length": 3, "bottleneck": None},
    }, "an ejected prefix should be written as a flat one"


def test_a_model_of_another_size_is_refused_and_left_alone(encoder, batch, tmp_path):
    apply(encoder(), Serial(6)).save(tmp_path)
    other = encoder(hidden_size=16)
    before = outputs(other, batch)
    with pytest.raises(
        Unsupported, match=r"are not those of this model: '.*' is missing or has another shape \(9 such\)"
    ):
        load_adapted(other, tmp_path)
    assert torch.equal(before, outputs(other, batch)), "the refused weights are in the model"
    apply(other, Serial(6))


def test_a_folder_without_a_saved_model_is_refused(encoder, tmp_path):
    with pytest.raises(Unsupported, match=r"There is no adapted\.json in"):
        load_adapted(encoder(), tmp_path)
    (tmp_path / "adapted.json").write_text('{"format": "paretree.adapted", "version": 99}')
    with pytest.raises(Unsupported, match=r"is not in version 1 of the format 'paretree\.adapted'"):
        load_adapted(encoder(), tmp_path)
