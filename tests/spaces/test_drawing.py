"""Pictures of spaces and configurations: complete, readable, and safe to show."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from paretree.spaces import Again, Build, Choice, Float, Int, Maybe, Pick, Recursive, Repeat, Space, require, share
from paretree.spaces.drawing import draw_configuration, draw_space, html_tree
from paretree.spaces.zoo import ZOO

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert('&\"')<"


def texts(picture):
    return [element.text for element in ET.fromstring(picture).iter(f"{SVG}text")]


def boxes(picture):
    """Each box as (its first text, is it faint, the color of its border)."""
    for group in ET.fromstring(picture).iter(f"{SVG}g"):
        yield group.find(f"{SVG}text").text, group.get("opacity") is not None, group.find(f"{SVG}rect").get("stroke")


def of_color(picture, color):
    return [text for text, faint, stroke in boxes(picture) if stroke == color and not faint]


BLUE, GREEN = "#3b82f6", "#16a34a"


def everything():
    body = Choice(leaf=Int(1, 3), pair=[Again("tree"), Again("tree")])
    width = Int(1, 8)
    return Space(
        lr=Float(1e-4, 1e-1, log=True),
        width=width,
        double=2 * width,
        tree=Recursive("tree", body, depth=2),
        layers=Repeat({"op": Choice("conv", "pool"), "size": share("size", Int(1, 3))}, Int(0, 3)),
        tied=Repeat(Int(1, 4), 3, tied=True),
        maybe=Maybe(Build(dict, a=Int(1, 2))),
        some=Pick({"a": Int(1, 2), "b": 3, "c": 4}, [1, 2]),
        few=require({"x": Choice(1, 2)}, width > 2),
    )


SPACES = {**ZOO, "everything": everything, "nothing": Space}


@pytest.mark.parametrize("name", SPACES)
def test_pictures_are_well_formed_and_the_same_every_time(name):
    space, twin = SPACES[name](), SPACES[name]()
    assert texts(draw_space(space))[0] == "Space"
    assert draw_space(space) == draw_space(twin)
    assert draw_configuration(space.sample(1)) == draw_configuration(twin.sample(1))


@pytest.mark.parametrize("name", SPACES)
def test_no_box_lies_on_another_or_outside_of_the_picture(name):
    space = SPACES[name]()
    for picture in (draw_space(space), *(draw_configuration(space.sample(seed)) for seed in range(5))):
        root = ET.fromstring(picture)
        width, height = (float(root.get(side)) for side in ("width", "height"))
        placed = [[float(rect.get(key)) for key in ("x", "y", "width", "height")] for rect in root.iter(f"{SVG}rect")]
        for index, (x, y, w, h) in enumerate(placed):
            assert x >= 0
            assert y >= 0
            assert x + w <= width
            assert y + h <= height
            for other_x, other_y, other_w, other_h in placed[:index]:
                beside = x + w <= other_x or other_x + other_w <= x
                above = y + h <= other_y or other_y + other_h <= y
                assert beside or above, f"two boxes overlap in the picture of {name}"


@pytest.mark.parametrize("name", SPACES)
def test_every_decision_of_a_configuration_is_in_its_picture(name):
    space = SPACES[name]()
    for seed in range(5):
        configuration = space.sample(seed)
        shown = of_color(draw_configuration(configuration), BLUE)
        for path, value in configuration.values.items():
            last = path.split("/")[-1]
            decided = {
                f"{segment} = {value!r}" for segment in (path, last, last.split("=")[-1], last[last.find("[") :])
            }
            repeated = f"{last}: Repeat × {value}"
            assert decided & set(shown) or repeated in shown, f"{path} = {value!r} is not drawn"


def test_decisions_of_a_space_stand_out():
    picture = draw_space(Space(lr=Float(0, 1), model=Build(dict, depth=Int(1, 3), bias=True), n=Repeat(1, Int(1, 2))))
    assert of_color(picture, BLUE) == ["lr: Float(0, 1)", "depth: Int(1, 3)", "n: Repeat × Int(1, 2)"]
    assert "model: dict(bias=True)" in texts(picture)


def test_what_is_taken_stands_out_and_what_is_not_is_faint():
    space = Space(opt=Choice(sgd={"momentum": Float(0, 1)}, adam={"beta": Float(0, 1)}), extra=Maybe({"k": Int(1, 2)}))
    picture = draw_configuration(space.configuration({"opt": "adam", "opt=adam/beta": 0.5, "extra": False}))
    assert of_color(picture, GREEN) == ["adam: dict"]
    assert [text for text, faint, _ in boxes(picture) if faint] == ["sgd: dict", "True: dict"]
    assert "beta = 0.5" in texts(picture)
    assert not any("momentum" in text for text in texts(picture)), "what is not active is not spread out"


def test_all_items_that_are_picked_are_taken():
    space = Space(some=Pick({"a": Int(1, 2), "b": Int(1, 2), "c": Int(1, 2)}, 2))
    picture = draw_configuration(space.configuration({"some": "a+c", "some=a": 1, "some=c": 2}))
    assert [text for text, faint, _ in boxes(picture) if faint] == ["b: Int(1, 2)"]
    assert {"a = 1", "c = 2"} <= set(texts(picture))


def test_a_choice_between_plain_values_is_one_box():
    space = Space(k=Choice(3, 5, 7))
    assert texts(draw_space(space)) == ["Space", "k: Choice(3, 5, 7)"]
    assert texts(draw_configuration(space.configuration({"k": 5})))[2:] == ["k = 5", "of 3, 5, 7"]


def test_what_is_derived_shows_its_value():
    width = Int(1, 8)
    space = Space(width=width, double=2 * width)
    assert "double = 6" in texts(draw_configuration(space.configuration({"width": 3})))


def test_wide_trees_are_cut_and_say_so():
    space = Space({f"x{i}": Int(1, 2) for i in range(100)})
    for picture in (draw_space(space), draw_configuration(space.sample(0))):
        assert "… 77 more" in texts(picture)
    long = Space(x=Choice(*range(1000)))
    assert max(len(text) for text in texts(draw_space(long))) <= 70


def test_tied_copies_are_drawn_once_and_others_each():
    tied = texts(draw_configuration(Space(x=Repeat(Int(1, 4), 3, tied=True)).sample(0)))
    each = texts(draw_configuration(Space(x=Repeat(Int(1, 4), 3)).sample(0)))
    assert sum("[*] =" in text for text in tied) == 1
    assert sum(any(f"[{i}] =" in text for i in range(3)) for text in each) == 3


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


def test_labels_cannot_become_markup():
    space = Space({EVIL: Choice(**{EVIL: Int(1, 2), "b": Build(dict, x=EVIL)}), "y": Choice(EVIL, "z")})
    drawn = [draw_space(space), *(draw_configuration(space.sample(seed)) for seed in range(4))]
    for picture in drawn:
        assert "<script" not in picture
        assert any(EVIL in text for text in texts(picture))
    page = Elements(html_tree(space))
    assert page.tags == {"div", "b", "details", "summary"}
    assert EVIL in page.text


def test_signs_that_no_picture_can_hold_are_replaced():
    space = Space({"bell\x07": Int(1, 2)})
    assert "bell�: Int(1, 2)" in texts(draw_space(space))
    assert any(text.startswith("bell�") for text in texts(draw_configuration(space.sample(0))))


def test_text_takes_the_color_of_the_page():
    picture = draw_space(everything())
    assert {text.get("fill") for text in ET.fromstring(picture).iter(f"{SVG}text")} == {"currentColor"}


def test_the_folding_tree_has_the_lines_of_the_printed_one():
    space = everything()
    printed = [line.lstrip("│├└─ ") for line in repr(space).splitlines()[1:]]
    page = Elements(html_tree(space).replace("</div>", "\n</div>").replace("</summary>", "\n</summary>"))
    assert [line for line in page.text.removeprefix("Space").splitlines() if line] == printed


def test_a_space_and_a_configuration_draw_themselves():
    space = Space(x=Choice(1, 2))
    assert space.draw() == draw_space(space)
    assert space.sample(0).draw() == draw_configuration(space.sample(0))
    assert space._repr_html_() == html_tree(space)
