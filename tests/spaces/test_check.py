"""Branches that cannot be built are found before any trial meets them."""

import pytest

import paretree.spaces as pt
from paretree.spaces import nn
from paretree.spaces.check import check


def with_a_bad_branch() -> pt.Space:
    """Only one option of one copy in a rare branch is bad: attention cannot look at images."""
    op = pt.Choice(conv=nn.Conv2d(pt.Int(4, 8)), norm=nn.BatchNorm2d(), attention=nn.SelfAttention(2))
    rare = nn.Seq(nn.Conv2d(4), pt.Repeat(op, pt.Int(1, 3)), name="rare")
    others = [nn.Conv2d(pt.Int(1, 64), name=f"plain{i}") for i in range(20)]
    return pt.Space(model=nn.Seq(pt.Choice(*others, rare), nn.GlobalAvgPool2d(), nn.Linear(3)), lr=pt.Float(0.1, 1.0))


def test_a_sound_space_is_proved_as_far_as_it_was_built():
    space = pt.Space(model=nn.Seq(nn.Conv2d(pt.Int(1, 40)), pt.Maybe(nn.ReLU()), nn.Flatten(), nn.Linear(2)))

    report = check(space, (3, 8, 8), samples=5)

    assert report.ok
    assert not report.exhaustive
    assert (report.covered, report.values) == (4, 4), "two bounds of the channels, and both of the Maybe"
    assert str(report).startswith("Proved: 4 of 4 options and bounds build at least once. Sampled: their combinations")


def test_a_small_space_is_tried_whole():
    space = pt.Space(model=nn.Seq(nn.Conv2d(pt.Int(1, 4)), pt.Maybe(nn.ReLU())), lr=pt.Choice(0.1, 0.2))

    report = check(space, (3, 8, 8))

    assert report.ok
    assert str(report) == "Proved: 16 configurations build, and these are all that do."


def test_a_planted_bad_branch_is_found_in_each_place_with_a_configuration_that_shows_it():
    space = with_a_bad_branch()

    report = check(space, (3, 8, 8), samples=3)

    assert not report.ok
    assert [(finding.path, finding.decision) for finding in report.findings] == [
        (f"model/0=rare/1[{copy}]", "attention") for copy in range(3)
    ], f"the fault is elsewhere: {report}"
    for finding in report.findings:
        assert finding.always
        assert finding.configuration[finding.path] == "attention"
        with pytest.raises(ValueError, match="A SelfAttention needs a sequence"):
            nn.cost(finding.configuration, (3, 8, 8))
    assert not report.uncovered
    assert report.covered == report.values - len(report.findings)


def test_a_report_tells_the_path_the_error_and_the_configuration():
    text = str(check(with_a_bad_branch(), (3, 8, 8), samples=3))

    assert "- model/0=rare/1[0] = 'attention' was never built: ValueError: A SelfAttention needs a sequence" in text
    assert "This arose in the space at 'model/0=rare/1[0]=attention', running SelfAttention" in text
    assert "shown by {'model/0': 'rare'" in text


def test_a_check_repeats_itself():
    space = with_a_bad_branch()

    assert str(check(space, (3, 8, 8), seed=4)) == str(check(space, (3, 8, 8), seed=4))


def test_a_combination_that_fails_is_blamed_on_a_decision_that_builds_elsewhere():
    space = pt.Space(model=nn.Seq(nn.Conv2d(pt.Int(6, 12)), nn.GroupNorm(pt.Choice(1, 5))))

    report = check(space, (3, 8, 8))

    assert not report.ok
    assert {(finding.path, finding.decision) for finding in report.findings} == {("model/1/groups", 5)}
    assert not report.findings[0].always, "5 groups divide 10 channels"
    assert "model/1/groups = 5 does not build in some combinations: ValueError: 5 groups do not divide" in str(report)


def test_what_stands_only_beside_what_is_bad_is_not_called_built():
    bad = nn.Seq(nn.Conv2d(pt.Int(1, 100)), nn.SelfAttention(2), name="bad")
    space = pt.Space(model=pt.Choice(bad, nn.Conv2d(3, name="good")))

    report = check(space, (3, 8, 8), samples=5)

    assert [(finding.path, finding.decision) for finding in report.findings] == [("model", "bad")]
    assert set(report.uncovered) == {("model=bad/0/channels", 1), ("model=bad/0/channels", 100)}


def test_a_space_that_never_builds_is_blamed_on_no_single_decision():
    space = pt.Space(model=nn.Seq(nn.Flatten(), nn.Conv2d(pt.Int(1, 4))))

    report = check(space, (3, 8, 8))

    assert "model: a combination of decisions does not build" in str(report)
    assert report.built == 0


def test_spaces_over_tokens_are_checked_too():
    space = pt.Space(
        model=nn.Seq(nn.Embedding(10, 12), nn.TransformerBlock(pt.Choice(1, 2, 3, 4, 5), pt.Int(4, 400)), nn.Linear(2))
    )

    report = check(space, (7,), input_dtype="int64")

    assert [(finding.path, finding.decision) for finding in report.findings] == [("model/1/heads", 5)]


def test_a_space_without_a_model_is_refused():
    with pytest.raises(ValueError, match="It is not clear which part is the model"):
        check(pt.Space(lr=pt.Float(0.0, 1.0)), (3,))
