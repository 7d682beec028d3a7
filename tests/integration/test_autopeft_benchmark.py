"""The table of real fine-tunings that samplers are compared on: it is whole, and can be replayed."""

from pathlib import Path

import pytest

pytest.importorskip("botorch")
pytest.importorskip("peft")

from transformers import AutoConfig

from paretree.spaces.peft import Anatomy, size

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TABLE = BENCHMARKS / "autopeft_minilm.jsonl"
MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}


@pytest.fixture
def autopeft(monkeypatch):
    """The benchmark, as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which it sets itself
    import autopeft

    return autopeft


def test_every_configuration_is_in_the_table_with_its_exact_size(autopeft):
    anatomy = Anatomy.of_config(AutoConfig.for_model("bert", **MINILM))
    recorded, every = autopeft.recorded(TABLE), list(autopeft.coarse_space().enumerate())
    assert len(every) == len(recorded) == 182
    for configuration in every:
        values = recorded[configuration.key]
        assert values["percent"] == pytest.approx(size(configuration, anatomy).percent)
        assert 0.4 < values["accuracy"] < 0.9, "half would be chance"


def test_a_table_that_lacks_a_configuration_is_refused(autopeft, tmp_path):
    part = tmp_path / "part.jsonl"
    part.write_text("".join(TABLE.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(SystemExit, match=r"^1 configurations are not in .* yet; run record until none is missing"):
        autopeft.problem(part)


def test_a_search_of_the_table_is_run_once_and_dominates_more_and_more_of_it(autopeft, tmp_path):
    file = autopeft.run(TABLE, tmp_path, "random", 0)
    curve = autopeft.read_run(tmp_path, "random", 0)["curve"]
    assert len(curve) == autopeft.EVALUATIONS
    assert curve == sorted(curve)
    assert 50 < curve[-1] <= 100, "per cent of what the whole table dominates"
    written = file.stat().st_mtime_ns
    assert autopeft.run(TABLE, tmp_path, "random", 0) == file
    assert file.stat().st_mtime_ns == written
