"""The rules by which a residual block adds its input to an output of another shape."""

import pytest
import torch

import paretree.spaces as pt
from paretree.spaces import nn


def made(node, input_shape) -> torch.nn.Module:
    return pt.Space(model=node).sample(0).model.build(input_shape)


def params(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_without_a_mismatch_the_input_is_added_as_it_is():
    for mismatch in ("project", "pad", "error"):
        block = made(nn.Residual(nn.Conv2d(3), mismatch=mismatch), (3, 8, 8))
        x = torch.randn(2, 3, 8, 8)

        assert params(block) == 3 * 28, f"{mismatch} made a projection that nobody needs"
        assert torch.equal(block(x), x + block.body(x))


@pytest.mark.parametrize(
    ("body", "shape", "output", "projection"),
    [
        (nn.Conv2d(6), (3, 9, 9), (6, 9, 9), 6 * 3),
        (nn.Conv2d(6, stride=2), (3, 9, 9), (6, 5, 5), 6 * 3),
        (nn.Conv2d(3, stride=2), (3, 9, 9), (3, 5, 5), 3 * 3),
        (nn.Conv2d(2, kernel_size=4), (3, 9, 9), (2, 8, 8), 2 * 3),
        (nn.Conv2d(6, stride=3), (3, 8, 5), (6, 3, 2), 6 * 3),
        (nn.Linear(7), (5,), (7,), 7 * 5),
        (nn.Linear(7), (4, 5), (4, 7), 7 * 5),
    ],
    ids=str,
)
def test_a_projection_meets_any_change_of_channels_and_size(body, shape, output, projection):
    block = made(nn.Residual(body), shape)

    assert block(torch.randn(2, *shape)).shape == (2, *output)
    assert params(block.shortcut) == projection, "a projection is a 1x1 map without bias"


def test_a_strided_projection_is_the_strided_1x1_convolution_of_resnets():
    block = made(nn.Residual(nn.Conv2d(6, stride=2)), (3, 9, 9))
    x = torch.randn(2, 3, 9, 9)

    projected = torch.nn.functional.conv2d(x, block.shortcut.projection.weight, stride=2)

    assert torch.allclose(block(x), projected + block.body(x), atol=1e-6)


def test_padding_appends_zeros_to_the_one_with_fewer_channels():
    x = torch.randn(2, 3, 9, 9)
    for channels in (2, 5):
        block = made(nn.Residual(nn.Conv2d(channels, stride=2), mismatch="pad"), (3, 9, 9))

        total, body = block(x), block.body(x)

        assert not list(block.shortcut.parameters())
        assert total.shape == (2, max(channels, 3), 5, 5)
        assert torch.equal(total[:, :2], x[:, :2, ::2, ::2] + body[:, :2])
        only = x[:, 2:, ::2, ::2] if channels == 2 else body[:, 3:]
        assert torch.equal(total[:, min(channels, 3) :], only), "padded with something else than zeros"


def test_with_dim_1_a_signal_is_projected_along_its_channels():
    block = made(nn.Residual(nn.Conv1d(6, stride=2), dim=1), (3, 9))

    assert block(torch.randn(2, 3, 9)).shape == (2, 6, 5)
    assert params(block.shortcut) == 18


@pytest.mark.parametrize(
    ("node", "shape", "fix"),
    [
        (nn.Residual(nn.Conv2d(6), mismatch="error"), (3, 9, 9), r"\(3, 9, 9\) .* \(6, 9, 9\); let the body keep"),
        (nn.Residual(nn.Flatten()), (3, 9, 9), r"\(3, 9, 9\) .* \(243,\); let the body keep the number of dimensions"),
        (nn.Residual(nn.Conv1d(6)), (3, 9), r"\(3, 9\) .* \(6, 9\); let the body keep all but .*, or write dim=1"),
    ],
    ids=str,
)
def test_what_the_rule_cannot_bridge_is_an_error_that_tells_both_shapes(node, shape, fix):
    with pytest.raises(ValueError, match=f"A Residual cannot add its input of shape {fix}"):
        made(node, shape)


def test_a_body_without_layers_passes_its_input_on():
    space = pt.Space(model=nn.Residual(pt.Maybe(nn.Linear(3))))
    absent = space.configuration({"model/body": False}).model.build((3,))
    empty = made(nn.Residual([pt.Repeat(nn.Linear(3), 0)]), (3,))
    x = torch.randn(2, 3)

    assert torch.equal(absent(x), x)
    assert torch.equal(empty(x), x), "an empty list of layers was added to its own input"


def test_a_block_serves_other_sizes_of_images_than_it_was_made_for():
    block = made(nn.Residual(nn.Conv2d(6, stride=2)), (3, 8, 8))

    assert block(torch.randn(2, 3, 32, 20)).shape == (2, 6, 16, 10)
