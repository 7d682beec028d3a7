"""Spaces that change while their trials are kept."""

import pytest

from paretree.spaces import Choice, ConfigurationError, Float, Int, Repeat, Space

OLD = Space(
    op=Choice(conv={"kernel": Choice(3, 5)}, pool={"size": Int(2, 3)}),
    depth=Repeat(Choice("relu", "gelu"), Int(1, 3)),
    lr=Float(1e-4, 1e-2, log=True),
)


def test_what_differs_is_told_by_path():
    new = Space(
        op=Choice(conv={"kernel": Choice(3, 5, 7)}, pool={"size": Int(2, 3)}),
        lr=Float(1e-4, 1e-2, log=True),
        x=Int(1, 2),
    )
    diff = new.diff(OLD)
    assert diff.added == ("x",)
    assert diff.removed == ("depth", "depth[0]", "depth[1]", "depth[2]")
    assert list(diff.changed) == ["op=conv/kernel"]
    assert str(diff) == (
        "it does not decide 'x' and decides 'depth', 'depth[0]', 'depth[1]', … "
        "and has another range for 'op=conv/kernel'"
    )
    assert not OLD.diff(OLD)


def test_old_trials_are_read_under_an_added_branch_a_widened_range_and_another_order():
    new = Space(
        op=Choice(pool={"size": Int(1, 9)}, sep={"kernel": Choice(3, 5, 7)}, conv={"kernel": Choice(1, 3, 5, 7)}),
        depth=Repeat(Choice("silu", "gelu", "relu"), Int(0, 5)),
        lr=Float(1e-5, 1e-1, log=True),
    )
    for seed in range(100):
        old = OLD.sample(seed)
        migrated = new.migrate(old)
        assert new.contains(migrated)
        assert migrated.values == old.values
        assert migrated.key == old.key


def test_a_renamed_label_is_found_under_its_former_name_in_values_and_in_paths():
    new = Space(
        op=Choice(conv2d={"kernel": Choice(3, 5)}, pool={"size": Int(2, 3)}, was={"conv2d": "conv"}),
        depth=Repeat(Choice("ReLU", "gelu", was={"ReLU": "relu"}), Int(1, 3)),
        lr=Float(1e-4, 1e-2, log=True),
    )
    old = OLD.configuration(
        {"op": "conv", "op=conv/kernel": 5, "depth": 2, "depth[0]": "relu", "depth[1]": "gelu", "lr": 1e-3}
    )
    assert new.migrate(old).values == {
        "op": "conv2d", "op=conv2d/kernel": 5, "depth": 2, "depth[0]": "ReLU", "depth[1]": "gelu", "lr": 1e-3,
    }  # fmt: skip
    assert Space.from_json(new.to_json()).migrate(old) == new.migrate(old)


def test_what_is_new_needs_a_default():
    new = Space({**OLD.parts, "momentum": Float(0, 1)})
    old = OLD.sample(0)
    assert new.migrate(old, defaults={"momentum": 0.9})["momentum"] == 0.9
    with pytest.raises(ConfigurationError, match=r"Decision 'momentum' is new; give defaults=\{'momentum': \.\.\.\}\."):
        new.migrate(old)


def test_what_has_no_place_any_more_or_is_out_of_range_is_told():
    old = OLD.configuration({"op": "pool", "op=pool/size": 3, "depth": 1, "depth[0]": "relu", "lr": 1e-3})
    with pytest.raises(ConfigurationError, match=r"Decision 'lr' = 0.001 has no place in this space any more"):
        Space({name: part for name, part in OLD.parts.items() if name != "lr"}).migrate(old)
    with pytest.raises(ConfigurationError, match=r"Decision 'lr' was 0.001, which is outside its range now"):
        Space({**OLD.parts, "lr": Float(0.1, 1)}).migrate(old)
    with pytest.raises(ConfigurationError, match="Decision 'op' was 'pool', which is outside its range now"):
        Space({**OLD.parts, "op": Choice(conv={"kernel": Choice(3, 5)})}).migrate(old)
