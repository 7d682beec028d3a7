"""Decisions are known by labels and names only, so a space can grow while old configurations stay readable."""

import pytest

from paretree.spaces import Build, Choice, Float, Int, Maybe, Repeat, Space, SpaceError, nn, share


def paths(space: Space) -> list[str]:
    return [slot.path for slot in space.slots]


def block(**kernels):
    return {"op": Choice(conv=Build("builtins:dict", kernel=Choice(*kernels.get("conv", (3, 5)))), skip="skip")}


def test_a_path_tells_names_copies_and_branches():
    space = Space(model={"stage": Repeat({"block": Repeat(block(), 1)}, 2)})

    assert "model/stage[1]/block[0]/op=conv/kernel" in paths(space), paths(space)


def test_a_number_of_copies_is_decided_at_the_repeat_itself():
    space = Space(net=Repeat(Repeat(Int(1, 2), Int(0, 1)), Int(0, 2)))

    assert paths(space) == ["net", "net[0]", "net[0][0]", "net[1]", "net[1][0]"]


def test_tied_copies_have_one_path():
    space = Space(net=Repeat({"width": Int(1, 2), "inner": Repeat(Int(1, 2), 2)}, Int(1, 3), tied=True))

    assert paths(space) == ["net", "net[*]/width", "net[*]/inner[0]", "net[*]/inner[1]"]


def test_what_is_shared_is_decided_under_its_own_name():
    act = share("act", Choice("relu", "gelu"))
    space = Space(net=Repeat({"act": act, "width": Int(1, 2)}, 2), head={"act": act})

    assert paths(space) == ["act", "net[0]/width", "net[1]/width"]


def test_what_may_be_absent_has_its_decisions_below_true():
    assert paths(Space(drop=Maybe(Float(0, 1)))) == ["drop", "drop=True"]


def test_positions_in_a_sequence_are_numbered_unless_named():
    space = Space(model=nn.Seq(nn.Linear(Int(1, 2)), nn.Linear(Int(1, 2), name="head")))

    assert paths(space) == ["model/0/out_features", "model/head/out_features"]


def test_parents_stand_before_children_also_where_they_are_written_later():
    n = share("n", Int(1, 2))
    space = Space(first=Repeat(Int(1, 2), n), depth=n)

    assert paths(space) == ["n", "first[0]", "first[1]"]


OLD = Space(
    op=Choice(conv=Build("builtins:dict", kernel=Choice(3, 5)), skip="skip"), width=Int(8, 64), act=Choice(1, 2)
)

GROWN = {
    "a new branch": Space(
        op=Choice(
            conv=Build("builtins:dict", kernel=Choice(3, 5)), pool=Build("builtins:dict", size=Int(2, 3)), skip="skip"
        ),
        width=Int(8, 64),
        act=Choice(1, 2),
    ),
    "reordered options": Space(
        op=Choice(skip="skip", conv=Build("builtins:dict", kernel=Choice(5, 3))), width=Int(8, 64), act=Choice(2, 1)
    ),
    "a wider range": Space(
        op=Choice(conv=Build("builtins:dict", kernel=Choice(3, 5, 7)), skip="skip"), width=Int(1, 512), act=Choice(1, 2)
    ),
}


@pytest.mark.parametrize("change", GROWN)
def test_a_space_that_grew_reads_old_configurations(change):
    grown = GROWN[change]

    assert set(paths(OLD)) <= set(paths(grown)), f"paths were lost: {paths(grown)}"
    for seed in range(20):
        old = OLD.sample(seed)
        read = grown.configuration(old.to_json())
        assert read.key == old.key, f"{old} became {read}"
        assert read.build() == old.build(), f"{old} means something else now"


def test_a_path_of_512_characters_is_the_longest():
    assert len(paths(Space({"a" * 512: Int(1, 2)}))[0]) == 512
    with pytest.raises(SpaceError, match="over 512 characters"):
        Space({"a" * 513: Int(1, 2)})


def test_two_decisions_cannot_have_one_path():
    with pytest.raises(SpaceError, match="already decided under this path"):
        Space(a={"b": Int(1, 2)}, c=share("a", {"b": Int(1, 2)}))
