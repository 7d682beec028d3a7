"""Methods whose ranks change in training: IncreLoRA gains some, AdaLoRA loses some."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from paretree.spaces.peft import Unsupported
from paretree.spaces.peft.adalora import AdaLoRA
from paretree.spaces.peft.apply import apply, load_adapted
from paretree.spaces.peft.increlora import Growing, IncreLoRA
from paretree.spaces.peft.schedules import orthogonality, schedules_of

TOKENS = torch.randint(1, 50, (4, 7), generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 1, 0])


def trained(adapted, steps):
    model = adapted.model
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-2)
    decay = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    (schedule,) = schedules_of(adapted, steps)
    penalties = []
    for step in range(steps):
        optimizer.zero_grad()
        penalty = schedule.penalty()
        (cross_entropy(model(TOKENS).logits, LABELS) + penalty).backward()
        optimizer.step()
        decay.step()
        schedule.step(step, optimizer)
        penalties.append(penalty.item())
    return optimizer, penalties


def growing(model):
    return [part for part in model.modules() if isinstance(part, Growing)]


def test_ranks_grow_to_the_target_on_average_and_nothing_stays_in_reserve(encoder):
    model = encoder(headed=True)
    adapted = apply(model, [IncreLoRA(target_rank=3, targets=("query", "value"), top=2)])
    assert [one.rank for one in growing(model)] == [1] * 6
    optimizer, _ = trained(adapted, 40)
    ranks = [one.rank for one in growing(model)]
    assert sum(ranks) == 3 * 6
    assert len(set(ranks)) > 1, "some modules matter more"
    assert adapted.trainable_parameters == sum(ranks) * (32 + 32 + 1), "no rank is left over"
    enrolled = {id(one) for group in optimizer.param_groups for one in group["params"]}
    assert enrolled == {id(one) for one in model.parameters() if one.requires_grad}, "new ranks train, and no others"
    assert all(float(value.detach().abs()) != 1e-5 for part in growing(model) for value in part.e)


def test_the_modules_with_the_greatest_scores_grow(encoder):
    model = encoder(headed=True)
    method = IncreLoRA(target_rank=2, targets=("query",), top=1)
    adapted = apply(model, [method])
    schedule = method.schedule(adapted.host, 10, 1)
    optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=0.1)
    for step in range(3):
        for one, score in zip(growing(model), (1.0, 3.0, 2.0), strict=True):
            one.score = score * (step + 1)
        schedule.step(step, optimizer)
    assert [one.rank for one in growing(model)] == [1, 2, 1]


def test_a_score_is_how_sensitive_the_loss_is_to_the_update(encoder):
    one = Growing(3, 4, rank=2, alpha=2)
    with torch.no_grad():
        for value in one.e:
            value.fill_(0.5)
    x, towards = torch.randn(5, 3), torch.randn(5, 4)
    (one(x) * towards).sum().backward()
    expected = (one.weights() * (towards.T @ x)).abs().sum() / 12**0.5
    assert one.score == pytest.approx(expected.item(), rel=1e-5)


def test_a_grown_model_is_saved_loaded_and_merged_with_its_ranks(encoder, tmp_path):
    model, again = encoder(headed=True), encoder(headed=True)
    adapted = apply(model, [IncreLoRA(target_rank=2, targets=("query", "ffn_in"))])
    trained(adapted, 30)
    adapted.save(tmp_path)
    loaded = load_adapted(again, tmp_path)
    assert [one.rank for one in growing(again)] == [one.rank for one in growing(model)]
    torch.testing.assert_close(again(TOKENS).logits, model(TOKENS).logits)
    loaded.merge()
    torch.testing.assert_close(again(TOKENS).logits, model(TOKENS).logits, atol=1e-5, rtol=1e-4)


def test_adalora_takes_ranks_away_until_the_target_is_left(encoder):
    model = encoder(headed=True)
    adapted = apply(model, [AdaLoRA(target_rank=2, initial_rank=4, targets=("query", "value"), interval=2)])
    trained(adapted, 20)
    values = [one.detach() for name, one in model.named_parameters() if ".lora_E." in name]
    left = sum(int((one != 0).sum()) for one in values)
    assert left == 2 * len(values), "on average two ranks of each module are not 0"


def test_the_penalty_falls_as_factors_become_orthogonal(encoder):
    _, penalties = trained(apply(encoder(headed=True), [AdaLoRA(2, 3, targets=("query",))]), 20)
    assert penalties[0] > penalties[9] > 0


def test_orthonormal_rows_have_no_penalty_and_others_the_distance_from_them():
    rows = torch.linalg.qr(torch.randn(6, 3)).Q.T
    assert orthogonality([rows]).item() == pytest.approx(0, abs=1e-5)
    assert orthogonality([rows, 2 * rows]).item() == pytest.approx(3 * 3**0.5 / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target_rank": 6, "initial_rank": 6}, "initial_rank of AdaLoRA is 6, and its target_rank 6"),
        ({"warmup": 0.5, "final": 0.5}, "leave no steps between them"),
    ],
)
def test_schedules_that_cannot_be_meant_are_refused(arguments, message):
    with pytest.raises(Unsupported, match=message):
        AdaLoRA(**arguments)
