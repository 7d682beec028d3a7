"""Sharing, independent copies, and values that follow from decisions."""

import math

import pytest

from paretree.spaces import Build, Choice, Expression, Float, Int, Maybe, Repeat, Space, SpaceError, apply, share, where


def paths(space: Space) -> list[str]:
    return [slot.path for slot in space.slots]


def built(space: Space, **values):
    return space.configuration(values).build()


def test_a_shared_node_is_decided_once_and_stands_everywhere():
    act = share("act", Choice("relu", "gelu"))
    space = Space(a={"act": act}, b=Repeat({"act": act}, 2))

    assert paths(space) == ["act"]
    assert built(space, act="gelu") == {"a": {"act": "gelu"}, "b": [{"act": "gelu"}, {"act": "gelu"}]}


def test_a_share_may_be_written_again_in_the_same_words():
    space = Space(a=share("n", Int(1, 2)), b=share("n", Int(1, 2)))

    assert paths(space) == ["n"]


def test_a_share_written_again_must_compute_with_the_same_decisions():
    def part(operand):
        widths = [Int(1, 2), Int(1, 2)]
        return share("s", [*widths, 2 * widths[operand]])

    assert paths(Space(a=part(0), b=part(0))) == ["s/0", "s/1"]
    with pytest.raises(SpaceError, match="'s' already names"):
        Space(a=part(0), b=part(1))


def test_a_shared_node_is_asked_where_any_of_its_places_is_active():
    momentum = share("momentum", Float(0, 1))
    space = Space(kind=Choice(sgd={"m": momentum}, rms={"m": momentum}, adam={}))

    for kind, asked in {"sgd": True, "rms": True, "adam": False}.items():
        values = {"kind": kind, "momentum": 0.5} if asked else {"kind": kind}
        assert space.contains(values), f"with {kind} momentum must {'' if asked else 'not '}be asked"


def test_a_shared_node_in_an_open_place_is_always_asked():
    momentum = share("momentum", Float(0, 1))
    space = Space(kind=Choice(sgd={"m": momentum}, adam={}), other=momentum)

    assert space.contains({"kind": "adam", "momentum": 0.5})


def test_a_shared_part_inside_a_shared_part_is_gated_through_it():
    inner = share("inner", Int(1, 2))
    outer = share("outer", Choice(with_inner={"i": inner}, without={}))
    space = Space(kind=Choice(a={"o": outer}, b={}), again=Maybe({"o": outer}))

    assert space.contains({"kind": "b", "again": False})
    assert space.contains({"kind": "b", "again": True, "outer": "with_inner", "inner": 2})
    assert not space.contains({"kind": "b", "again": True, "outer": "without", "inner": 2})


def test_a_shared_number_of_copies_may_stand_in_those_copies_again():
    n = share("n", Int(0, 2))
    space = Space(net=Maybe(Repeat({"inner": Maybe(Repeat([], n))}, n)))

    assert paths(space) == ["net", "n", "net=True[0]/inner", "net=True[1]/inner"]
    assert space.contains({"net": False})
    assert space.contains({"net": True, "n": 1, "net=True[0]/inner": True})
    assert not space.contains({"net": False, "n": 1})


def test_shared_numbers_that_wait_for_each_other_are_refused():
    m, n = share("m", Int(0, 2)), share("n", Int(0, 2))

    with pytest.raises(SpaceError, match="at 'n': whether it is decided depends on itself"):
        Space(a=Maybe(Repeat({"m": m}, n)), b=Maybe(Repeat({"n": n}, m)))


def test_a_fresh_copy_decides_on_its_own():
    width = Int(1, 4)
    space = Space(a=width, b=width.fresh())

    assert paths(space) == ["a", "b"]


NODES = {
    "float": lambda: Float(0.1, 1, log=True, prior=0.5),
    "int": lambda: Int(1, 9, step=2),
    "choice": lambda: Choice(1, "a", None, weights=(1, 2, 3)),
    "labelled choice": lambda: Choice(a=Int(1, 2), b={"c": Float(0, 1)}, ordered=True),
    "maybe": lambda: Maybe(Int(1, 2), weight=0.25),
    "repeat": lambda: Repeat(Repeat(Int(1, 2), Choice(1, 3)), Int(0, 2)),
    "tied repeat": lambda: Repeat([Int(1, 2)], 3, tied=True),
    "build": lambda: Build("builtins:dict", a=Int(1, 2), b=[Int(1, 2), (Int(1, 2),)], name="layer"),
    "share": lambda: Build("builtins:dict", a=share("s", Int(1, 2)), b=Repeat(1, share("n", Int(1, 2)))),
    "expression": lambda: Build("builtins:dict", w=(w := Int(1, 2)), x=2 * w, y=where(w > 1, apply(math.sqrt, w), 0)),
    "constant": lambda: Choice({"a": [1, (2,)]}, math.sqrt),
}


@pytest.mark.parametrize("kind", NODES)
def test_a_fresh_copy_of_any_node_is_written_like_the_original(kind):
    node = NODES[kind]()

    space = Space(first=node, second=node.fresh())

    alone = Space(part=node)
    assert repr(space.parts["second"]) == repr(node)
    for seed in range(5):
        values = space.sample(seed).values
        for part in ("first", "second"):
            mine = {
                path.replace(part, "part", 1): value
                for path, value in values.items()
                if path.startswith(part) or path in ("s", "n")
            }
            assert alone.contains(mine), f"{part} of {values} is no configuration of {node!r}"
        space.sample(seed).build()


def test_expressions_in_a_fresh_copy_use_the_decisions_of_the_copy():
    block = Build("builtins:dict", width=(width := Int(1, 9)), twice=2 * width)
    space = Space(a=block, b=block.fresh())

    values = built(space, **{"a/width": 1, "b/width": 5})

    assert values == {"a": {"width": 1, "twice": 2}, "b": {"width": 5, "twice": 10}}


def test_expressions_in_a_fresh_copy_go_on_to_use_what_stands_outside():
    base = Int(1, 9)
    block = Build("builtins:dict", twice=2 * base, kernel=Choice(3, 5))
    space = Space(base=base, a=block, b=block.fresh())

    values = built(space, **{"base": 4, "a/kernel": 3, "b/kernel": 5})

    assert (values["a"]["twice"], values["b"]["twice"]) == (8, 8)


def test_what_is_shared_stays_shared_in_a_fresh_copy():
    shared = share("s", {"width": (width := Int(1, 9)), "twice": 2 * width})
    block = Build("builtins:dict", s=shared, other=Int(1, 2))
    space = Space(a=block, b=block.fresh())

    assert paths(space) == ["s/width", "a/other", "b/other"]
    values = built(space, **{"s/width": 3, "a/other": 1, "b/other": 2})
    assert values["a"]["s"] == values["b"]["s"] == {"width": 3, "twice": 6}


def test_a_shared_part_with_expressions_may_be_written_twice():
    def part():
        width = Int(1, 9)
        return share("s", {"width": width, "twice": 2 * width})

    space = Space(a=part(), b=part())

    assert built(space, **{"s/width": 3}) == {"a": {"width": 3, "twice": 6}, "b": {"width": 3, "twice": 6}}


def test_an_expression_may_use_a_node_that_is_shared():
    width = Int(1, 9)
    space = Space(a=share("w", width), b=2 * width, c=2 * share("w", width))

    assert built(space, w=4) == {"a": 4, "b": 8, "c": 8}


def test_a_shared_part_may_use_a_decision_made_outside_of_it():
    width = Int(1, 9)
    space = Space(width=width, a=share("s", {"twice": 2 * width}), b={"again": share("s", {"twice": 2 * width})})

    assert built(space, width=2) == {"width": 2, "a": {"twice": 4}, "b": {"again": {"twice": 4}}}


def test_expressions_in_copies_use_their_own_copy():
    space = Space(blocks=Repeat({"width": (width := Int(1, 9)), "twice": [2 * width]}, Int(1, 3)))

    values = built(space, **{"blocks": 3, "blocks[0]/width": 1, "blocks[1]/width": 2, "blocks[2]/width": 3})

    assert [block["twice"] for block in values["blocks"]] == [[2], [4], [6]]


def test_expressions_in_inner_copies_may_use_the_outer_copy():
    inner = Repeat({"bottleneck": (width := Int(1, 9)) // 2}, 2)
    space = Space(stages=Repeat({"width": width, "blocks": inner}, 2))

    values = built(space, **{"stages[0]/width": 4, "stages[1]/width": 8})

    assert [stage["blocks"] for stage in values["stages"]] == [[{"bottleneck": 2}] * 2, [{"bottleneck": 4}] * 2]


def test_expressions_in_tied_copies_use_the_one_decision():
    space = Space(blocks=Repeat({"width": (width := Int(1, 9)), "twice": 2 * width}, 2, tied=True))

    assert built(space, **{"blocks[*]/width": 3})["blocks"] == [{"width": 3, "twice": 6}] * 2


def test_an_expression_in_a_branch_may_use_a_decision_of_that_branch():
    sgd = Build("builtins:dict", momentum=(momentum := Float(0, 1)), nested=Maybe({"rest": 1 - momentum}))
    space = Space(optimizer=Choice(sgd=sgd, adam=Build("builtins:dict")))

    values = {"optimizer": "sgd", "optimizer=sgd/momentum": 0.25, "optimizer=sgd/nested": True}
    assert built(space, **values)["optimizer"] == {"momentum": 0.25, "nested": {"rest": 0.75}}


def test_a_shared_expression_must_find_its_operand_in_each_of_its_places():
    momentum = Float(0, 1)
    rest = share("rest", {"value": 1 - momentum})
    sgd, adam = {"momentum": momentum, "rest": rest}, {"rest": rest}

    assert Space(optimizer=Choice(sgd=sgd, adam={})).sample(0).build()
    with pytest.raises(SpaceError, match="not made whenever this is needed"):
        Space(optimizer=Choice(sgd=sgd, adam=adam))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda w: w + 1, 7),
        (lambda w: 1 + w, 7),
        (lambda w: w - 1, 5),
        (lambda w: 1 - w, -5),
        (lambda w: w * 2, 12),
        (lambda w: 2 * w, 12),
        (lambda w: w / 4, 1.5),
        (lambda w: 3 / w, 0.5),
        (lambda w: w // 4, 1),
        (lambda w: 13 // w, 2),
        (lambda w: w % 4, 2),
        (lambda w: 13 % w, 1),
        (lambda w: w**2, 36),
        (lambda w: 2**w, 64),
        (lambda w: -w, -6),
        (lambda w: w == 6, True),
        (lambda w: w != 6, False),
        (lambda w: w < 6, False),
        (lambda w: w <= 6, True),
        (lambda w: w > 5, True),
        (lambda w: w >= 7, False),
        (lambda w: (w > 1) & (w < 3), False),
        (lambda w: (w > 1) | (w < 3), True),
        (lambda w: where(w > 5, "deep", "flat"), "deep"),
        (lambda w: where(w > 6, w, 2 * w + 1), 13),
        (lambda w: apply(max, w, 4), 6),
        (lambda w: apply("math:gcd", w, 4), 2),
    ],
)
def test_an_expression_computes_what_it_says(make, expected):
    width = Int(1, 9)
    value = built(Space(width=width, value=make(width)), width=6)["value"]

    assert value == expected
    assert type(value) is type(expected), f"{value!r} is not as exact as {expected!r}"


def test_choices_between_values_compare_by_value_and_choices_between_builds_by_label():
    size = Choice(small=8, large=64)
    optimizer = Choice(sgd=Build("builtins:dict"), adam=Build("builtins:dict"))
    space = Space(size=size, optimizer=optimizer, big=size == 64, sgd=optimizer == "sgd")

    values = built(space, size="large", optimizer="adam")

    assert (values["big"], values["sgd"]) == (True, False)


def test_a_maybe_counts_as_its_value_or_none_and_as_true_or_false_where_it_builds():
    plain, layer = Maybe(Int(1, 9)), Maybe(Build("builtins:dict"))
    space = Space(plain=plain, layer=layer, absent=plain == None, there=layer == True)  # noqa: E711, E712

    assert built(space, plain=False, layer=True)["absent"] is True
    assert built(space, plain=False, layer=True)["there"] is True


def test_where_may_hold_parts_with_decisions_of_their_own():
    depth = Int(1, 2)
    space = Space(depth=depth, x=where(depth == 2, share("extra", Float(0, 1)), 0.0))

    assert built(space, depth=2, extra=0.5)["x"] == 0.5
    assert built(space, depth=1, extra=0.5)["x"] == 0.0


def test_comparing_nodes_gives_an_expression_and_no_truth():
    width = Int(1, 9)

    assert isinstance(width == 3, Expression)
    with pytest.raises(TypeError, match=r"Int\(1, 9\) is not decided yet.*use where\(condition, a, b\)"):
        bool(width)
    with pytest.raises(TypeError, match="is not decided yet"):
        assert 1 < width < 3


def test_an_error_in_an_expression_tells_its_place():
    width = Int(0, 1)
    space = Space(width=width, model={"inverse": 1 / width})

    with pytest.raises(ZeroDivisionError) as caught:
        built(space, width=0)

    assert "at 'model/inverse', computing (1 / Int(0, 1)) from [1, 0]" in caught.value.__notes__[0]
