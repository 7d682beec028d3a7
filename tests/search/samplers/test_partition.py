"""What a tree search branches on."""

import itertools
import math

import pytest

import paretree as pt
from paretree.search.samplers.partition import CELLS, Partition

SPACE = pt.Space(
    int=pt.Int(1, 57),
    log_int=pt.Int(1, 1000, log=True),
    even=pt.Int(0, 100, step=2),
    real=pt.Float(-1, 1),
    log_real=pt.Float(1e-5, 1, log=True),
    step=pt.Float(0, 1, step=0.1),
    ordered=pt.Choice("s", "m", "l", ordered=True),
    nominal=pt.Choice(*range(49)),
    picked=pt.Pick("abc", "any"),
    single=pt.Choice("only"),
)
DOMAINS = {slot.path: slot.domain for slot in SPACE.slots}

every_domain = pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
both_ways = pytest.mark.parametrize("made", [Partition.flat, Partition.bisected])


def leaves(partition, part):
    parts = partition.split(part)
    return [part] if not parts else [leaf for one in parts for leaf in leaves(partition, one)]


@every_domain
@both_ways
def test_parts_cover_what_is_split_and_do_not_overlap(domain, made):
    partition = made(domain)
    found = leaves(partition, partition.whole)
    assert found[0].start == 0
    assert found[-1].stop == (domain.size or CELLS)
    assert all(one.stop == following.start for one, following in itertools.pairwise(found))
    assert all(one.start < one.stop for one in found)


@every_domain
@both_ways
def test_a_value_drawn_from_a_part_lies_in_it(domain, made):
    partition = made(domain)
    for part in leaves(partition, partition.whole):
        for u in (0.001, 0.3, 0.999):
            value = partition.value(part, u)
            assert domain.contains(value)
            assert part.start <= partition.cell(value) < part.stop, (part, u, value)


@every_domain
def test_bisection_ends_at_single_values(domain):
    partition = Partition.bisected(domain)
    assert len(leaves(partition, partition.whole)) == (domain.size or CELLS)


def test_a_number_is_split_in_the_middle_of_its_scale():
    below, above = Partition.bisected(DOMAINS["log_real"]).split(Partition.bisected(DOMAINS["log_real"]).whole)
    assert (below, above) == ((0, CELLS // 2), (CELLS // 2, CELLS))
    partition = Partition.bisected(DOMAINS["log_int"])
    below, above = partition.split(partition.whole)
    assert partition.value(above, 0.0) == pytest.approx(math.sqrt(0.5 * 1000.5), abs=1), (
        "each has half of the logarithm"
    )


def test_labels_without_an_order_are_never_bisected():
    for path in ("nominal", "picked"):
        partition = Partition.bisected(DOMAINS[path])
        assert len(partition.split(partition.whole)) == DOMAINS[path].size


def test_a_number_with_many_values_has_ten_branches_without_bisection():
    counts = {path: len(Partition.flat(domain).split(Partition.flat(domain).whole)) for path, domain in DOMAINS.items()}
    assert counts["int"] == counts["real"] == counts["log_real"] == counts["even"] == 10
    assert counts["ordered"] == 3
    assert counts["single"] == 0, "a decision with a single value is no level of the tree"
