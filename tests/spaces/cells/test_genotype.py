"""Genotypes in DARTS' notation: what is printed is read back, and nothing else is read."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paretree.spaces.cells import AMOEBANET, DARTS_V1, DARTS_V2, NASNET, CellGenotype, Genotype, sharp
from paretree.spaces.errors import ParetreeError

PUBLISHED = {"NASNET": NASNET, "AMOEBANET": AMOEBANET, "DARTS_V1": DARTS_V1, "DARTS_V2": DARTS_V2}
PUBLISHED |= {name: one for name, one in vars(sharp).items() if isinstance(one, Genotype)}


@st.composite
def genotypes(draw):
    """What can be written in DARTS' notation, also where no space has it."""
    cells = []
    for _ in range(2):
        count = draw(st.integers(1, 6))
        names = st.sampled_from(["sep_conv_3x3", "none", "skip_connect", "max_pool_3x3", "it's"])
        nodes = tuple(
            tuple((draw(names), draw(st.integers(0, number - 1))) for _ in range(2)) for number in range(2, 2 + count)
        )
        concat = draw(st.lists(st.integers(0, count + 1), min_size=1, unique=True))
        cells.append(CellGenotype(nodes, tuple(concat)))
    return Genotype(*cells)


@given(genotypes())
@settings(deadline=None)
def test_what_a_genotype_prints_is_read_back(genotype):
    assert Genotype.parse(repr(genotype)) == genotype
    assert Genotype.of_json(json.loads(json.dumps(genotype.to_json()))) == genotype


@given(genotypes(), st.randoms())
@settings(deadline=None)
def test_order_within_a_node_does_not_matter_once_it_is_ordered(genotype, random):
    mixed = Genotype(
        *(
            CellGenotype(tuple(tuple(random.sample(node, len(node))) for node in cell.nodes), cell.concat)
            for cell in genotype.cells.values()
        )
    )
    for cell, other in zip(genotype.ordered().cells.values(), mixed.ordered().cells.values(), strict=True):
        assert [sorted(node) for node in cell.nodes] == [sorted(node) for node in other.nodes]
        assert all(list(node) == sorted(node, key=lambda edge: edge[1]) for node in other.nodes)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_genotypes_are_printed_in_darts_notation(name):
    text = repr(PUBLISHED[name])
    assert text.startswith("Genotype(normal=[('")
    assert Genotype.parse(text) == PUBLISHED[name]


def test_the_notation_is_read_across_lines_and_with_what_sharpdarts_adds():
    text = repr(DARTS_V2).replace(", reduce=", ",\n    reduce=")[:-1] + ", layout='cell')"
    assert Genotype.parse(text) == DARTS_V2
    assert "normal_concat=range(2, 6)" in repr(DARTS_V2)
    assert "normal_concat=[2, 4]" in repr(Genotype(CellGenotype(DARTS_V2.normal.nodes, (2, 4)), DARTS_V2.reduce))


GOOD = "normal=[('a', 0), ('b', 1)], normal_concat=[2], reduce=[('a', 0), ('b', 1)], reduce_concat=[2]"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Genotype(", "SyntaxError: "),
        ("DARTS_V2", "it is no call"),
        (f"Genotype({GOOD.replace('reduce_concat', 'concat')})", "KeyError: 'reduce_concat'"),
        (f"Genotype({GOOD.replace(chr(40) + chr(39) + 'b' + chr(39) + ', 1)', chr(40) + '1,)', 1)})", "ValueError: "),
        (f"Genotype({GOOD.replace(', (' + chr(39) + 'b' + chr(39) + ', 1)', '', 1)})", "1 edges are not two for each"),
        (f"Genotype({GOOD.replace('1)', '2)', 1)})", "b leads from node 2 to node 2, which does not come after it"),
        (f"Genotype({GOOD.replace('[2]', '[3]', 1)})", "concat [3] names nodes that there are not"),
        (f"Genotype({GOOD.replace('[2]', '[]', 1)})", "concat [] names nodes that there are not"),
        (f"Genotype({GOOD.replace('[2]', 'open()', 1)})", "ValueError: malformed node or string"),
    ],
)
def test_what_is_no_genotype_is_refused(text, why):
    with pytest.raises(ParetreeError) as raised:
        Genotype.parse(text)
    message = str(raised.value)
    assert why in message
    assert " is no genotype (" in message
    assert message.endswith("write it as Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), "
                            "reduce=[...], reduce_concat=range(2, 6)).")  # fmt: skip


def test_nothing_is_evaluated_when_a_genotype_is_read(tmp_path):
    file = tmp_path / "made"
    with pytest.raises(ParetreeError, match="is no genotype"):
        Genotype.parse(f"Genotype(normal=__import__('pathlib').Path({str(file)!r}).touch())")
    assert not file.exists()
