"""Weight-space methods on small random encoders: attached, trained, saved, loaded, merged and taken off."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

from paretree.spaces.peft import Unsupported
from paretree.spaces.peft.adalora import AdaLoRA
from paretree.spaces.peft.anatomy import Anatomy
from paretree.spaces.peft.apply import apply, load_adapted
from paretree.spaces.peft.bottleneck import Parallel
from paretree.spaces.peft.flora import FLoRA
from paretree.spaces.peft.full import BitFit, FullFineTuning, HeadOnly, LayerNormTuning
from paretree.spaces.peft.halves import HalfFineTuning
from paretree.spaces.peft.increlora import IncreLoRA
from paretree.spaces.peft.lora import LoRA
from paretree.spaces.peft.mos import MoS
from paretree.spaces.peft.nola import NOLA
from paretree.spaces.peft.ranks import TARGETS
from paretree.spaces.peft.weights import IA3, OFT, LoHa, LoKr, RandLoRA, SHiRA, VBLoRA, VeRA

ENCODERS = ["bert", "roberta", "distilbert", "modernbert", "deberta-v2"]
FAMILIES = [
    LoRA(4),
    LoRA(4, variant="rslora"),
    LoRA(4, variant="dora"),
    LoRA(4, init="gaussian"),
    LoRA(4, init="pissa"),
    LoRA(4, init="olora"),
    LoRA(4, init="orthogonal"),
    IA3(),
    VeRA(8),
    RandLoRA(4, alpha=80),
    LoHa(2),
    LoKr(2),
    OFT(8),
    AdaLoRA(2, 3),
    VBLoRA(2, vectors=16, length=8),
    SHiRA(2),
    SHiRA(2, positions="largest"),
    NOLA(16),
    MoS(),
    FLoRA(4, 2),
    IncreLoRA(),
    FullFineTuning(),
    BitFit(),
    LayerNormTuning(),
    HeadOnly(),
    HalfFineTuning(),
]
TOKENS = torch.randint(1, 50, (4, 7), generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 1, 0])
LAYERS = (False, True, True)


def named(method):
    own = [str(value) for value in (getattr(method, name, "") for name in ("variant", "init", "positions")) if value]
    return "-".join([type(method).__name__, *own])


def logits(model):
    with torch.no_grad():
        return model(TOKENS).logits


def trained(model, steps=2):
    """Some steps of training on a handful of examples, from the first loss to the last."""
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-2)
    losses = []
    for _ in range(steps):
        loss = cross_entropy(model(TOKENS).logits, LABELS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.fixture(scope="module")
def model(encoder):
    """Makes a fresh classifier of a type of encoder, always the same."""
    kept = {}

    def make(model_type="bert"):
        if model_type not in kept:
            kept[model_type] = encoder(model_type, headed=True)
        return copy.deepcopy(kept[model_type])

    return make


@pytest.mark.parametrize("model_type", ENCODERS)
@pytest.mark.parametrize("method", FAMILIES, ids=named)
def test_each_method_trains_and_comes_back_from_a_file_or_says_why_not(method, model_type, model, tmp_path):
    host, original = model(model_type), model(model_type)
    reason = method.supports(Anatomy.of(host))
    if reason is not None:
        assert (type(method), model_type) == (BitFit, "modernbert"), reason
        with pytest.raises(Unsupported, match="no biases"):
            apply(host, [method])
        return

    adapted = apply(host, [method], layers=LAYERS)
    near = 1e-2 if isinstance(method, VBLoRA) else 1e-5
    assert torch.allclose(logits(host), logits(original), atol=near), "nothing much changes at the start"
    frozen = {name: one.clone() for name, one in host.named_parameters() if not one.requires_grad}
    losses = trained(host)
    assert losses[-1] < losses[0], "the loss falls"
    for name, one in host.named_parameters():
        assert one.requires_grad or torch.equal(one, frozen[name]), f"{name} is frozen, and changed"
    changed = logits(host)
    assert not torch.allclose(changed, logits(original), atol=1e-4), "training changed what the model says"

    adapted.save(tmp_path)
    again = model(model_type)
    loaded = load_adapted(again, tmp_path)
    torch.testing.assert_close(logits(again), changed, atol=1e-6, rtol=1e-6)

    loaded.merge()
    torch.testing.assert_close(logits(again), changed, atol=1e-4, rtol=1e-4)
    assert again.state_dict().keys() == original.state_dict().keys(), "merged, it has its own modules only"

    adapted.remove()
    assert host.state_dict().keys() == original.state_dict().keys()
    for name, tensor in original.state_dict().items():
        if name.startswith(adapted.anatomy.prefix):
            assert torch.equal(host.state_dict()[name], tensor), f"{name} is not what it was"


@pytest.mark.parametrize("method", [one for one in FAMILIES if hasattr(one, "targets")], ids=named)
def test_only_kept_layers_are_changed(method, model):
    host = model()
    adapted = apply(host, [method], layers=LAYERS)
    names = [name for name in adapted.tensors() if not name.startswith("classifier")]
    assert names, "something trains"
    assert not [name for name in names if ".layer.0." in name], "the first layer is not kept"


def test_ranks_and_alphas_may_differ_by_layer_and_target(model):
    host = model()
    ranks = ({"query": 2}, {}, {"value": 4, "ffn_in": 8, "output": 0})
    apply(host, [LoRA(rank_pattern=ranks, alpha_pattern=({"query": 6.0}, {}, {"value": 2.0}), alpha=16)])
    found = {
        name.removeprefix("bert.encoder.layer."): (part.r["default"], part.scaling["default"])
        for name, part in host.named_modules()
        if hasattr(part, "lora_A")
    }
    assert found == {
        "0.attention.self.query": (2, 3.0),
        "2.attention.self.value": (4, 0.5),
        "2.intermediate.dense": (8, 2.0),
    }


def test_a_pattern_is_for_as_many_layers_as_the_model_has(model):
    with pytest.raises(Unsupported, match="its pattern is for 2 layers, and the 'bert' model has 3"):
        apply(model(), [LoRA(rank_pattern=({"query": 2}, {"query": 4}))])


def test_a_start_that_changes_weights_stores_none_of_them(model):
    plain, pissa = (apply(model(), [LoRA(4, init=init)]).tensors() for init in ("default", "pissa"))
    assert plain.keys() == pissa.keys()


@pytest.mark.parametrize(
    "methods",
    [
        [LoRA(4, targets=TARGETS), IA3()],
        [IA3(), LoRA(4, targets=TARGETS)],
        [LoRA(4, variant="dora"), IA3(), LoHa(2, targets=("query", "ffn_in"))],
        [LoRA(4), NOLA(16, targets=TARGETS), BitFit()],
        [OFT(8), LoKr(2), AdaLoRA(2, 3)],
        [VeRA(8), VBLoRA(2, vectors=16, length=8), RandLoRA(4), SHiRA(2, targets=("output",))],
    ],
    ids=lambda methods: "+".join(map(named, methods)),
)
def test_several_methods_stand_in_one_model_and_merge(methods, model, tmp_path):
    host = model()
    adapted = apply(host, methods)
    trained(host)
    changed = logits(host)
    adapted.save(tmp_path)
    again = model()
    loaded = load_adapted(again, tmp_path)
    torch.testing.assert_close(logits(again), changed, atol=1e-6, rtol=1e-6)
    loaded.merge()
    torch.testing.assert_close(logits(again), changed, atol=1e-4, rtol=1e-4)


def test_they_stand_beside_bottlenecks_and_these_cannot_merge(model):
    host = model()
    adapted = apply(host, [LoRA(4, targets=TARGETS), Parallel(8), IA3()])
    trainable = {name for name, one in host.named_parameters() if one.requires_grad}
    for part in ("lora_A", "ia3_l", "parallel"):
        assert any(part in name for name in trainable), f"{part} trains"
    trained(host, steps=1)
    with pytest.raises(Unsupported, match="Parallel is no change of the model's weights"):
        adapted.merge()


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ([LoRA(4), LoRA(2)], "already has a LoraLayer; give one of the two other targets"),
        ([IA3(), LoRA(4, variant="dora")], "computes with the weights of .*, where another method already stands"),
        ([LoRA(4), SHiRA(2)], "computes with the weights"),
        ([LoHa(2), LoRA(2, init="pissa")], "computes with the weights"),
        ([NOLA(16), LoRA(4)], "a method that is none of peft; attach those of peft before it"),
        ([NOLA(16), MoS()], "already has an update; give one of the two methods other targets"),
        ([LoRA(4, init="pissa"), FullFineTuning()], "cannot train, since another method has changed it"),
    ],
)
def test_methods_that_would_disturb_each_other_are_refused(methods, message, model):
    host, original = model(), model()
    with pytest.raises(Unsupported, match=message):
        apply(host, methods)
    assert host.state_dict().keys() == original.state_dict().keys(), "the model is as it was"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LoRA(0), "rank of LoRA is 0"),
        (lambda: LoRA(3, init="orthogonal"), "needs even ranks"),
        (lambda: LoRA(variant="best"), "variant of LoRA is 'best'; give one of plain, rslora, dora"),
        (lambda: LoRA(targets=()), "LoRA has no targets; name some of query"),
        (lambda: IA3(targets=("q",)), "targets of IA3 is 'q'; give one of query"),
        (lambda: SHiRA(positions="middle"), "positions of SHiRA is 'middle'"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(Unsupported, match=message):
        make()


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (LoRA(64), "rank 64 is more than a matrix of 32 x 32 can have"),
        (OFT(12), "blocks of 12 do not divide 32 inputs"),
        (VBLoRA(length=24), "vectors of length 24 do not divide 32 inputs and 32 outputs"),
        (SHiRA(40), "at rank 40 it has more numbers than a matrix of 32 x 32"),
        (MoS(shards=5), "5 shards do not divide 32 inputs and 32 outputs"),
    ],
    ids=lambda value: named(value) if not isinstance(value, str) else "",
)
def test_sizes_that_do_not_fit_the_model_are_told(method, reason, model):
    assert method.supports(Anatomy.of(model())) == reason


def test_an_adapted_model_can_be_copied(model):
    host = model()
    apply(
        host,
        [LoRA(4, variant="dora"), NOLA(16, targets=("output",)), VBLoRA(2, vectors=16, length=8, targets=("key",))],
    )
    trained(host, steps=1)
    torch.testing.assert_close(logits(copy.deepcopy(host)), logits(host), rtol=0, atol=0)


def test_updates_have_the_type_of_the_weights(model):
    host = model().to(torch.bfloat16)
    apply(host, [LoRA(4), NOLA(16, targets=("output",)), MoS(targets=("key",)), FLoRA(2, 2, targets=("ffn_in",))])
    assert {one.dtype for one in host.parameters()} == {torch.bfloat16}
    assert logits(host).dtype == torch.bfloat16
