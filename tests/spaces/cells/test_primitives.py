"""Sets of operations, and how cells are stacked."""

import pytest

from paretree.spaces.cells import NASBENCH201, SHARP, MacroSkeleton, primitive_set
from paretree.spaces.errors import ParetreeError


@pytest.mark.parametrize("name", ["darts", "sharp", "sharp_darts", "sharper", "nasbench201", "sharp:96"])
def test_sets_of_primitives_are_found_by_their_names(name):
    assert primitive_set(name).name == name
    assert primitive_set(name).names[0] == "none"
    assert primitive_set(name).something == primitive_set(name).names[1:]


@pytest.mark.parametrize(("name", "count"), [("darts", 8), ("sharp", 9), ("sharp_darts", 8), ("sharper", 12)])
def test_sets_of_primitives_have_as_many_as_published(name, count):
    assert len(primitive_set(name)) == len(list(primitive_set(name))) == count


def test_a_fixed_width_between_is_changed_where_there_is_one():
    wide = primitive_set("sharp:96")
    assert wide["choke_conv_3x3"].between(16) == wide["dil_choke_conv_3x3"].between(16) == 96
    assert SHARP["choke_conv_3x3"].between(16) == 32
    assert wide["flood_conv_3x3"] == SHARP["flood_conv_3x3"]
    assert SHARP["flood_conv_3x3"].between(16) == 64
    assert wide.names == SHARP.names


@pytest.mark.parametrize("name", ["sharpest", "sharp:wide", "sharp:-1", ""])
def test_sets_of_primitives_that_there_are_not_are_refused(name):
    with pytest.raises(ParetreeError, match=f"There is no primitive set '{name}'; use one of darts, sharp,"):
        primitive_set(name)


def test_operations_that_a_set_does_not_have_are_refused():
    with pytest.raises(ParetreeError, match="set 'nasbench201' has no operation 'conv'; it has none, skip_connect"):
        NASBENCH201["conv"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layers": 2}, "2 cells leave none between two reductions; give layers=3 or more"),
        ({"channels": 7}, "channels=7 must be an even number, so that reductions can halve it"),
        ({"channels": 0}, "channels=0 must be an even number"),
        ({"stem": "mnist"}, "stem='mnist' is unknown; use 'cifar' or 'imagenet'"),
    ],
)
def test_skeletons_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ParetreeError, match=message):
        MacroSkeleton(**wrong)


@pytest.mark.parametrize(("layers", "published"), [(8, (2, 5)), (20, (6, 13)), (14, (4, 9)), (3, (1, 2))])
def test_cells_reduce_a_third_and_two_thirds_on(layers, published):
    skeleton = MacroSkeleton(layers, 16)
    assert skeleton.reductions == published
    places = skeleton.places({"normal": 4, "reduce": 4})
    assert [number for number, place in enumerate(places) if place.type == "reduce"] == list(published)
    assert [place.channels for place in places] == [16 * 2 ** sum(n >= r for r in published) for n in range(layers)]
    assert [number for number, place in enumerate(places) if place.after_reduction] == [
        number + 1 for number in published if number + 1 < layers
    ]
