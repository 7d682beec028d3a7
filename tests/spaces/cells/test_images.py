"""Images in batches: standardised, all of them once, and changed as is said."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paretree.spaces.cells import Augmentation, Images


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def some_images(count=10, channels=3, size=6):
    pixels = torch.randint(0, 256, (count, channels, size, size), generator=seeded(), dtype=torch.uint8)
    return Images.of(pixels, torch.arange(count, dtype=torch.uint8))


def test_images_are_kept_as_bytes_and_come_as_standardised_floats():
    images = some_images(50)
    assert images.pixels.dtype == torch.uint8
    [(pixels, labels)] = images.batches(50)
    assert pixels.dtype == torch.float32
    assert labels.dtype == torch.int64
    channels = pixels.transpose(0, 1).flatten(1)
    assert torch.allclose(channels.mean(1), torch.zeros(3), atol=1e-5)
    assert torch.allclose(channels.std(1), torch.ones(3), atol=1e-5)


def test_images_for_testing_are_standardised_as_those_for_training_are():
    training = some_images()
    testing = Images.of(training.pixels[:2] // 2, training.labels[:2], like=training)
    [(pixels, _)] = testing.batches(2)
    mean, deviation = training.mean.view(1, 3, 1, 1), training.deviation.view(1, 3, 1, 1)
    assert torch.allclose(pixels, (testing.pixels.float() - mean) / deviation)
    both = training.joined(testing)
    assert len(both) == 12
    assert both.mean is training.mean


def test_channels_without_contrast_are_zero():
    images = Images.of(torch.full((4, 1, 2, 2), 7.0), torch.zeros(4, dtype=torch.int64))
    [(pixels, _)] = images.batches(4)
    assert not pixels.any()


def test_images_say_their_shape_and_classes():
    images = some_images(7, channels=2, size=5)
    assert (len(images), images.shape, images.classes) == (7, (2, 5, 5), 7)
    assert images.to("cpu").shape == images.shape
    assert images.some(torch.tensor([5, 1])).labels.tolist() == [5, 1]


@given(st.integers(1, 30), st.integers(1, 40))
@settings(deadline=None, max_examples=50)
def test_batches_in_order_have_all_images_once(count, size):
    batches = list(some_images(count).batches(size))
    assert torch.cat([labels for _, labels in batches]).tolist() == list(range(count))
    assert all(len(labels) == size for _, labels in batches[:-1])
    assert [len(pixels) for pixels, _ in batches] == [len(labels) for _, labels in batches]


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_shuffled_batches_are_alike_and_have_no_image_twice(count, size, seed):
    images = some_images(count)
    batches = list(images.batches(size, seeded(seed)))
    size = min(size, count)
    seen = torch.cat([labels for _, labels in batches]).tolist()
    assert [len(labels) for _, labels in batches] == [size] * (count // size)
    assert len(set(seen)) == len(seen)
    first, labels = batches[0]
    [(standard, _)] = images.some(labels).batches(size)
    assert torch.equal(first, standard), "images and labels went different ways"


def test_an_order_follows_from_the_generator_and_changes_from_epoch_to_epoch():
    images, generator = some_images(30), seeded(1)
    epochs = [torch.cat([labels for _, labels in images.batches(10, generator)]).tolist() for _ in range(2)]
    assert epochs[0] != epochs[1]
    assert epochs[0] == torch.cat([labels for _, labels in images.batches(10, seeded(1))]).tolist()


def test_drawn_batches_may_have_an_image_twice_and_follow_from_the_generator():
    images = some_images(5)
    pixels, labels = images.drawn(64, seeded(2))
    assert pixels.shape == (64, 3, 6, 6)
    assert set(labels.tolist()) == set(range(5))
    again, _ = images.drawn(64, seeded(2))
    assert torch.equal(pixels, again)


@pytest.mark.parametrize("share", [0.5, 0.3])
def test_a_split_has_all_images_once(share):
    first, second = some_images(10).split(share, seed=3)
    assert len(first) == 10 * share
    assert sorted([*first.labels.tolist(), *second.labels.tolist()]) == list(range(10))
    again, _ = some_images(10).split(share, seed=3)
    other, _ = some_images(10).split(share, seed=4)
    assert first.labels.tolist() == again.labels.tolist() != other.labels.tolist()


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, 0.01])
def test_a_split_that_leaves_nothing_is_refused(share):
    with pytest.raises(ValueError, match=f"A share of {share} of 10 images leaves one part empty; give one within"):
        some_images(10).split(share)


@pytest.mark.parametrize("labels", [torch.zeros(3), torch.zeros(4, 1)])
def test_images_need_one_label_each(labels):
    with pytest.raises(ValueError, match=r"Pixels of the shape \(4, 3, 6, 6\) and labels of the shape .* do not fit"):
        Images.of(torch.zeros(4, 3, 6, 6), labels)


def test_flipped_images_are_mirrored_left_to_right_and_half_of_them():
    image = torch.arange(12.0).view(1, 2, 2, 3)
    flipped = Augmentation(crop=0)(image.repeat(400, 1, 1, 1), seeded())
    is_same = (flipped == image).flatten(1).all(1)
    assert torch.equal(flipped[~is_same], image.flip(3).expand(int((~is_same).sum()), -1, -1, -1))
    assert 160 < int(is_same.sum()) < 240


def test_cropped_images_are_moved_and_zeros_come_in():
    image = torch.arange(1.0, 26.0).view(1, 1, 5, 5)
    cropped = Augmentation(crop=2, flip=False)(image.repeat(500, 1, 1, 1), seeded())
    padded = torch.nn.functional.pad(image, [2] * 4)[0]
    windows = {
        tuple(padded[:, row : row + 5, column : column + 5].flatten().tolist()): (row, column)
        for row in range(5)
        for column in range(5)
    }
    seen = [windows[tuple(one.flatten().tolist())] for one in cropped]
    assert set(seen) == set(windows.values())
    assert max(seen.count(place) for place in set(seen)) < 45


def test_channels_are_moved_together():
    image = torch.rand(1, 1, 6, 6).repeat(50, 3, 1, 1)
    changed = Augmentation(crop=2, cutout=2)(image, seeded())
    assert torch.equal(changed[:, :1].expand(-1, 3, -1, -1), changed)


@pytest.mark.parametrize("side", [2, 3, 4])
def test_a_square_is_cut_out_somewhere_also_across_the_edge(side):
    changed = Augmentation(crop=0, flip=False, cutout=side)(torch.ones(2000, 1, 6, 6), seeded())
    hidden = changed[:, 0] == 0
    heights, widths = hidden.any(2).sum(1), hidden.any(1).sum(1)
    assert torch.equal(hidden.flatten(1).sum(1), heights * widths), "what is hidden is no rectangle"
    assert heights.max() == widths.max() == side
    centers = 6 - side + 1
    whole = int(((heights == side) & (widths == side)).sum())
    assert whole / 2000 == pytest.approx((centers / 6) ** 2, abs=0.05)
    assert hidden.any(0).all()
    assert set(changed.unique().tolist()) == {0.0, 1.0}


def test_nothing_is_changed_where_nothing_is_asked_for():
    x = torch.rand(3, 2, 5, 4)
    assert torch.equal(Augmentation(crop=0, flip=False)(x, seeded()), x)


def test_changes_follow_from_the_generator_and_keep_the_shape():
    x = torch.rand(8, 3, 7, 5)
    change = Augmentation(cutout=3)
    assert change(x, seeded(1)).shape == x.shape
    assert torch.equal(change(x, seeded(1)), change(x, seeded(1)))
    assert not torch.equal(change(x, seeded(1)), change(x, seeded(2)))


def test_batches_in_order_are_never_changed():
    """They are those that a network is tested on."""
    images = some_images(8)
    plain = [pixels for pixels, _ in images.batches(4)]
    changed = [pixels for pixels, _ in images.batches(4, augmentation=Augmentation())]
    assert all(torch.equal(one, other) for one, other in zip(plain, changed, strict=True))
    shuffled = list(images.batches(4, seeded(), Augmentation(crop=0, flip=False, cutout=12)))
    assert all((pixels == 0).any() for pixels, _ in shuffled)
