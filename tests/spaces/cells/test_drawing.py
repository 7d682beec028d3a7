"""Pictures of cells: complete, readable, the same every time, and safe to show."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paretree.spaces import Build, Choice, Float, Pick, Space, share, zoo
from paretree.spaces.cells import (
    AMOEBANET,
    DARTS,
    DARTS_V1,
    DARTS_V2,
    NASNET,
    SHARPER,
    SHARPER_SCALAR_NO_HACK_GENOTYPE,
    CellSpace,
    MacroSkeleton,
    darts_space,
)
from paretree.spaces.cells.drawing import cells_of, draw_cell, draw_genotype
from paretree.spaces.cells.network import cell_network

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert('&\"')<"
PUBLISHED = {
    "DARTS_V1": DARTS_V1,
    "DARTS_V2": DARTS_V2,
    "NASNET": NASNET,
    "AMOEBANET": AMOEBANET,
    "with none": SHARPER_SCALAR_NO_HACK_GENOTYPE,
}
CELLS = CellSpace(SHARPER)
SPACE = CELLS.space()


def drawn(seed):
    return draw_genotype(CELLS.genotype_of(SPACE.sample(seed)))


def texts(picture):
    return ["".join(text.itertext()) for text in ET.fromstring(picture).iter(f"{SVG}text")]


def boxes(picture):
    """By cell, (x, y, width, height) of all boxes."""
    for group in ET.fromstring(picture).iter(f"{SVG}g"):
        found = [[float(rect.get(key)) for key in ("x", "y", "width", "height")] for rect in group.iter(f"{SVG}rect")]
        if found:
            yield found


def curves(picture):
    """By cell, the Bézier curves of its lines, as four points each."""
    for group in ET.fromstring(picture).iter(f"{SVG}g"):
        found = []
        for path in group.iter(f"{SVG}path"):
            for part in path.get("d").split("M")[1:]:
                numbers = [float(number) for number in re.findall(r"-?[\d.]+", part)]
                found.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
        if found:
            yield found


@pytest.mark.parametrize("name", PUBLISHED)
def test_all_operations_and_nodes_of_a_genotype_are_in_its_picture(name):
    genotype = PUBLISHED[name]
    expected = []
    for cell in genotype.cells.values():
        numbers = [str(number) for number in range(2, 2 + len(cell.nodes))]
        expected += [operation for operation, _ in cell.edges] + numbers + ["ck-2", "ck-1", "ck"]
    shown = [text for text in texts(draw_genotype(genotype)) if not text.endswith(("cell", "stride 2"))]
    assert sorted(shown) == sorted(expected)


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=40)
def test_no_box_lies_on_another_or_outside_of_the_picture(seed):
    picture = drawn(seed)
    root = ET.fromstring(picture)
    for placed in boxes(picture):
        for index, (x, y, w, h) in enumerate(placed):
            assert x >= 0
            assert y >= -0.1
            assert x + w <= float(root.get("width"))
            assert y + h <= float(root.get("height"))
            for other_x, other_y, other_w, other_h in placed[:index]:
                beside = x + w < other_x or other_x + other_w < x
                above = y + h < other_y or other_y + other_h < y
                assert beside or above


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=40)
def test_no_line_runs_behind_a_box(seed):
    picture = drawn(seed)
    t = np.linspace(0, 1, 51)[:, None]
    weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    for placed, lines in zip(boxes(picture), curves(picture), strict=True):
        points = (weights @ np.array(lines)).reshape(-1, 2)
        for x, y, w, h in placed:
            inside = (points > [x + 1, y + 1]) & (points < [x + w - 1, y + h - 1])
            assert not inside.all(1).any()


@pytest.mark.parametrize("seed", range(5))
def test_texts_fit_into_their_boxes(seed):
    """Letters of a monospaced font are 0.6 of its size wide, or a little more."""
    for group in ET.fromstring(drawn(seed)).iter(f"{SVG}g"):
        children = list(group)
        for rect, text in pairwise(children):
            if rect.tag == f"{SVG}rect":
                assert 0.62 * 12 * len("".join(text.itertext())) <= float(rect.get("width"))


def test_pictures_are_the_same_every_time_and_in_every_process():
    script = "from paretree.spaces.cells import DARTS_V2, draw_genotype; print(draw_genotype(DARTS_V2))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert draw_genotype(DARTS_V2) == draw_genotype(DARTS_V2) == done.stdout.rstrip("\n")


def test_cells_stand_above_each_other_and_are_called_by_their_type():
    picture = draw_genotype(DARTS_V2, "DARTS")
    captions = [text for text in texts(picture) if "cell" in text]
    assert captions == ["Normal cell", "Reduction cell: edges from its inputs have stride 2"]
    assert ET.fromstring(picture).find(f"{SVG}title").text == "DARTS"


def test_lines_and_letters_take_the_color_of_the_page():
    root = ET.fromstring(draw_genotype(SHARPER_SCALAR_NO_HACK_GENOTYPE))
    assert {path.get("stroke") for path in root.iter(f"{SVG}path")} == {"currentColor"}
    assert {text.get("fill") for text in root.iter(f"{SVG}text")} == {"currentColor"}
    assert all(rect.get("fill") == "none" or rect.get("fill-opacity") for rect in root.iter(f"{SVG}rect"))


def test_an_operation_that_lets_nothing_through_is_dashed():
    root = ET.fromstring(draw_cell([("none", 0, 1), ("sep_conv_3x3", 0, 1)]))
    dashes = [rect.get("stroke-dasharray") is not None for rect in root.iter(f"{SVG}rect")]
    assert sum(dashes) == 1


def test_what_users_write_is_escaped():
    picture = draw_cell([(EVIL, 0, 1)], title=EVIL, names={0: EVIL, 1: f"a_{EVIL}"})
    assert "<script" not in picture
    assert texts(picture) == [EVIL, f"a{EVIL}", EVIL]
    assert ET.fromstring(picture).find(f"{SVG}title").text == EVIL


def test_a_cell_of_all_edges_between_nine_nodes_is_drawn():
    edges = [(f"conv_{source}", source, target) for target in range(1, 9) for source in range(target)]
    assert len(texts(draw_cell(edges))) == 9 + 36


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([], "A cell without edges cannot be drawn; give at least one"),
        (
            [("conv", 2, 1)],
            "The edge 'conv' leads from node 2 to 1; number the nodes so that all edges lead to greater",
        ),
    ],
)
def test_what_is_no_cell_is_refused(edges, message):
    with pytest.raises(ValueError, match=message):
        draw_cell(edges)


def test_the_cells_of_a_configuration_are_found_and_drawn():
    space = darts_space(SHARPER, lr=Float(1e-4, 1e-1, log=True))
    configuration = space.sample(3)
    genotype = CELLS.genotype_of(configuration)
    shown = texts(cells_of(configuration))
    assert shown == texts(draw_genotype(genotype))
    assert cells_of(Space.from_json(space.to_json()).sample(3)) == cells_of(configuration)


def test_cells_of_a_trial_are_drawn_without_its_model():
    """A dashboard has no torch."""
    script = """
import sys
from paretree.spaces import Space, zoo
from paretree.spaces.cells import cells_of
for make in (zoo.darts, zoo.nasbench201):
    assert cells_of(Space.from_json(make().to_json()).sample(0)).startswith("<svg")
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_cells_of_nasbench201_are_drawn_with_all_their_edges():
    configuration = zoo.nasbench201().sample(5)
    assert sorted(texts(cells_of(configuration))) == sorted(["in", "1", "2", "out", *configuration.values.values()])


def test_cells_are_found_below_what_wraps_them():
    from paretree.spaces.cells.space import NETWORK

    cells = CellSpace(DARTS).tree()
    network = Build(NETWORK, **cells, layers=3, channels=4)
    space = Space(task={"model": Choice(small=Build("torch.nn:Sequential", share("net", network)), none=None)})
    pictures = [cells_of(space.sample(seed)) for seed in range(8)]
    decided = ["net/normal/2" in space.sample(seed).values for seed in range(8)]
    assert [picture is not None for picture in pictures] == decided
    assert len(set(decided)) == 2


def test_cells_with_more_edges_to_a_node_than_genotypes_have_are_drawn_too():
    from paretree.spaces.cells.space import NETWORK

    cells = CellSpace(DARTS, nodes=3, fan_in=1).tree()
    configuration = Space(model=Build(NETWORK, **cells, layers=3, channels=4)).sample(0)
    assert sum("3x3" in text or "5x5" in text or "skip" in text for text in texts(cells_of(configuration))) == 2 * 3


def test_fixed_cells_are_drawn():
    nodes = {"2": [("sep_conv_3x3", 0), ("skip_connect", 1)]}
    configuration = Space(model=Build(cell_network, normal=nodes, reduce=nodes, channels=Choice(8, 16))).sample(0)
    assert texts(cells_of(configuration)).count("sep_conv_3x3") == 2


def test_spaces_of_other_models_have_no_cells():
    assert cells_of(zoo.mlp().sample(0)) is None
    assert cells_of(Space(lr=Float(1e-4, 1e-1)).sample(0)) is None


called = []


def spy(*args):
    called.append(args)
    return [("skip_connect", 0)]


def test_nothing_that_users_wrote_is_called_to_draw():
    from paretree.spaces.cells.space import NETWORK

    normal, reduce = ({"2": Pick({"0": Build(spy, 0), "1": Build(spy, 1)}, 1)} for _ in range(2))
    space = Space(model=Build(NETWORK, normal=normal, reduce=reduce))
    assert cells_of(space.sample(0)) is None
    assert not called


def test_a_picture_does_not_depend_on_how_many_cells_are_stacked():
    small, large = (CELLS.space(MacroSkeleton(layers, 4)) for layers in (3, 8))
    assert texts(cells_of(small.sample(1))) == texts(cells_of(large.sample(1)))
