from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

import paretree as pt
from paretree.dashboard.families import (
    Names,
    common_parts,
    constant,
    family,
    functions_called,
    members,
    scaled,
    usual_names,
)
from paretree.search.store import SweepRecord, SweepState

SIZED = pt.Space(N=1e6, D=20_000_000, lr=pt.Float(1e-4, 1e-1, log=True), seq_len=512)


def record(name: str, space: pt.Space = SIZED) -> SweepRecord:
    """A sweep as the store has it."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return SweepRecord(
        id=1, name=name, space=stored(space), fingerprint="f", objectives=[], constraints=[], sampler="random", seed=1,
        budget={}, entry_point=None, state=SweepState.FINISHED, reason=None, epoch=0, driver=None, lease_until=None,
        created_at=at, updated_at=at,
    )  # fmt: skip


def stored(space: pt.Space) -> dict[str, object]:
    return json.loads(json.dumps(space.to_json()))


def test_sweeps_that_are_named_alike_up_to_the_last_slash_are_a_family() -> None:
    sweeps = [record("a/lm/b"), record("a/lm/a"), record("other/a"), record("a/lm"), record("lm/a")]
    assert members("a/lm", sweeps) == ["a/lm/a", "a/lm/b"]
    assert [family(name) for name in ("a/b/c", "alone")] == ["a/b", "alone"]


def test_a_sweep_without_size_or_without_anything_to_tune_is_of_no_law() -> None:
    untuned = pt.Space(N=1e6, D=2e7, dropout=pt.Float(0, 1))
    unsized = pt.Space(lr=pt.Float(1e-4, 1e-1, log=True))
    found = scaled([record("sized"), record("untuned", untuned), record("unsized", unsized)])
    assert [sweep.name for sweep in found] == ["sized"]


def test_usual_names_are_recognised_and_others_are_left_open() -> None:
    assert usual_names(["params", "tokens", "learning_rate", "bs", "op"]) == Names(
        N="params", D="tokens", learning_rate="learning_rate", batch_size="bs"
    )
    assert usual_names(["op"]) == Names()


def test_parts_that_one_sweep_lacks_are_not_common() -> None:
    wider = pt.Space(D=2e7, N=1e6, lr=pt.Float(0, 1), op=1)
    assert common_parts([record("a"), record("b", wider)]) == ["N", "D", "lr"]
    assert common_parts([]) == []


def test_a_constant_part_is_a_number_and_a_decided_one_is_not() -> None:
    assert constant(stored(SIZED), "seq_len") == 512
    assert constant(stored(SIZED), "lr") is None
    assert constant(stored(SIZED), "nothing") is None


def test_no_function_runs_for_constants_decisions_and_arithmetic() -> None:
    width = pt.Int(1, 4)
    space = pt.Space(width=width, N=12 * width**2, D=pt.Fidelity(1, 10), model=pt.Build("os:system", "true"))
    assert functions_called(stored(space), ["N", "D"]) == set()
    assert functions_called(stored(space), ["model"]) == {"os:system"}


@pytest.mark.parametrize("where", ["part", "condition", "elsewhere"])
def test_a_function_that_would_run_is_named(where: str) -> None:
    width = pt.Int(1, 4)
    computed = pt.apply("operator:neg", width)
    parts = {"part": {"N": computed}, "condition": {}, "elsewhere": {"other": computed}}[where]
    space = pt.Space(width=width, **parts)
    if where == "condition":
        space = space.require(computed < 0)
    assert functions_called(stored(space), ["N"]) == {"operator:neg"}


def test_mathematics_is_no_foreign_function() -> None:
    width = pt.Int(1, 4)
    assert functions_called(stored(pt.Space(width=width, N=pt.apply("math:exp", width))), ["N"]) == set()
