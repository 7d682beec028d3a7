"""A child takes over the weights of its parent wherever nothing changed."""

import pytest
import torch

import paretree.spaces as pt
from paretree.spaces import nn
from paretree.spaces.inherit import inherit


def space() -> pt.Space:
    block = nn.Seq(nn.Conv2d(pt.Int(4, 8), name="conv"), pt.Maybe(nn.BatchNorm2d(), name="norm"), nn.ReLU(name="act"))
    return pt.Space(
        model=nn.Seq(pt.Repeat(block, pt.Int(1, 3), name="blocks"), nn.GlobalAvgPool2d(name="mean"), nn.Linear(3)),
        lr=pt.Float(0.1, 1.0),
    )


def built(**changes) -> torch.nn.Module:
    values = {
        "model/blocks": 2,
        "model/blocks[0]/conv/channels": 4,
        "model/blocks[0]/norm": True,
        "model/blocks[1]/conv/channels": 6,
        "model/blocks[1]/norm": False,
        "lr": 0.5,
    }
    return space().configuration(values | changes).model.build((3, 8, 8)).eval()


def test_nothing_changed_gives_equal_outputs():
    parent, child = built(), built(lr=0.9)
    with torch.no_grad():
        parent.blocks[0].norm.running_mean.fill_(0.3)
    x = torch.randn(2, 3, 8, 8)
    assert not torch.equal(parent(x), child(x))

    inherited = inherit(child, parent.state_dict())

    assert torch.equal(parent(x), child(x)), "weights or buffers are not those of the parent"
    assert set(inherited.taken) == set(child.state_dict())
    assert str(inherited) == f"{len(child.state_dict())} taken"


def test_a_block_more_leaves_what_was_before_it_alike():
    parent = built()
    child = built(**{"model/blocks": 3, "model/blocks[2]/conv/channels": 6, "model/blocks[2]/norm": False})
    x = torch.randn(2, 3, 8, 8)

    inherited = inherit(child, parent.state_dict())

    for index in (0, 1):
        x, y = parent.blocks[index](x), child.blocks[index](x)
        assert torch.equal(x, y), f"block {index} computes something else"
    assert inherited.missing == ("blocks.2.conv.weight", "blocks.2.conv.bias")
    assert not inherited.mismatched


def test_a_layer_that_disappears_is_unused_and_shifts_no_name():
    parent, child = built(), built(**{"model/blocks[0]/norm": False})

    inherited = inherit(child, parent.state_dict())

    assert set(inherited.taken) == set(child.state_dict())
    assert {name.rpartition(".")[0] for name in inherited.unused} == {"blocks.0.norm"}


def test_another_shape_is_left_alone_unless_a_part_is_asked_for():
    parent, wide = built(), {"model/blocks[0]/conv/channels": 7}
    left, sliced = built(**wide), built(**wide)
    before = left.blocks[0].conv.weight.clone()

    refused = inherit(left, parent.state_dict())
    partial = inherit(sliced, parent.state_dict(), partial=True)

    assert "blocks.0.conv.weight" in refused.mismatched
    assert torch.equal(left.blocks[0].conv.weight, before)
    assert not refused.partly
    assert not partial.mismatched
    assert set(partial.partly) == set(refused.mismatched)
    assert torch.equal(sliced.blocks[0].conv.weight[:4], parent.blocks[0].conv.weight)
    assert torch.equal(sliced.blocks[1].conv.weight[:, :4], parent.blocks[1].conv.weight)


def test_a_smaller_child_takes_the_first_channels():
    parent, child = built(**{"model/blocks[0]/conv/channels": 8}), built()

    inherit(child, parent.state_dict(), partial=True)

    assert torch.equal(child.blocks[0].conv.weight, parent.blocks[0].conv.weight[:4])


def test_the_parent_stays_as_it_is_and_gradients_still_flow():
    parent, child = built(), built()
    inherit(child, parent.state_dict())

    child(torch.randn(2, 3, 8, 8)).sum().backward()
    with torch.no_grad():
        child.blocks[0].conv.weight.zero_()

    assert parent.blocks[0].conv.weight.abs().sum() > 0, "child and parent share one tensor"
    assert child.blocks[0].conv.weight.grad is not None


def test_a_child_with_open_sizes_is_refused():
    child = space().sample(0).model.build()

    with pytest.raises(ValueError, match=r"The size of '.*' is still open; build the child with an input_shape"):
        inherit(child, {})
