"""Images for training, all of them on one device, and batches of them that are changed at random."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Images:
    """Images with their classes.

    They are kept as they are given (bytes take a quarter of the memory of floats), on the device they are on, so no
    loader stands between them and the network.

    Attributes:
        pixels: (images, channels, height, width), bytes or floats.
        labels: (images,), integers.
        mean, deviation: of each channel, (channels,), in the units of the pixels; batches are standardised by them.
    """

    pixels: Tensor
    labels: Tensor
    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, pixels: Tensor, labels: Tensor, like: Images | None = None) -> Images:
        """Standardised by their own mean and deviation, or by those of other images (the training ones).

        Raises:
            ValueError: there is not one label for each image.
        """
        if pixels.ndim != 4 or labels.shape != pixels.shape[:1]:
            raise ValueError(
                f"Pixels of the shape {tuple(pixels.shape)} and labels of the shape {tuple(labels.shape)} do not fit; "
                "give (images, channels, height, width) and (images,)."
            )
        if like is not None:
            return cls(pixels, labels, like.mean, like.deviation)
        channels = pixels.float().transpose(0, 1).flatten(1)
        return cls(pixels, labels, channels.mean(1), channels.std(1).clamp_min(1e-6))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image: (channels, height, width)."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    @property
    def classes(self) -> int:
        """As many as the greatest label says."""
        return int(self.labels.max()) + 1

    def to(self, device: str) -> Images:
        """The same on another device."""
        return Images(*(one.to(device) for one in (self.pixels, self.labels, self.mean, self.deviation)))

    def some(self, rows: Tensor) -> Images:
        """Those in these rows."""
        return Images(self.pixels[rows], self.labels[rows], self.mean, self.deviation)

    def joined(self, others: Images) -> Images:
        """These and others, all standardised as these are."""
        pixels, labels = (torch.cat(pair) for pair in ((self.pixels, others.pixels), (self.labels, others.labels)))
        return Images(pixels, labels, self.mean, self.deviation)

    def split(self, share: float, seed: int = 0) -> tuple[Images, Images]:
        """A share of the images, drawn at random, and the others.

        Raises:
            ValueError: one of the two would be empty.
        """
        first = round(share * len(self))
        if not 0 < first < len(self):
            raise ValueError(f"A share of {share} of {len(self)} images leaves one part empty; give one within (0, 1).")
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed)).to(self.labels.device)
        return self.some(order[:first]), self.some(order[first:])

    def batches(
        self,
        size: int,
        generator: torch.Generator | None = None,
        augmentation: Augmentation | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Once through all images: standardised (size, channels, height, width) floats, and labels (size,).

        Args:
            size: of a batch. Where images are shuffled, those that do not fill the last one are left out, so that all
                batches are alike.
            generator: of the order and of what is changed (on the CPU); None for the order they are in, unchanged.
            augmentation: how images are changed.
        """
        if generator is None:
            for first in range(0, len(self), size):
                yield self._batch(torch.arange(first, min(first + size, len(self)), device=self.labels.device))
            return
        order = torch.randperm(len(self), generator=generator).to(self.labels.device)
        size = min(size, len(self))
        for first in range(0, len(self) - size + 1, size):
            pixels, labels = self._batch(order[first : first + size])
            yield (augmentation(pixels, generator) if augmentation else pixels), labels

    def drawn(
        self, size: int, generator: torch.Generator, augmentation: Augmentation | None = None
    ) -> tuple[Tensor, Tensor]:
        """A batch drawn with replacement."""
        pixels, labels = self._batch(torch.randint(len(self), (size,), generator=generator).to(self.labels.device))
        return (augmentation(pixels, generator) if augmentation else pixels), labels

    def _batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        shape = (1, -1, 1, 1)
        standard = (self.pixels[rows].float() - self.mean.view(shape)) / self.deviation.view(shape)
        return standard, self.labels[rows].long()


@dataclass(frozen=True)
class Augmentation:
    """How images of a batch are changed, each in its own way, all at once on their device.

    Attributes:
        crop: pixels around an image, out of which it is cut again somewhere (DARTS: 4). They are of the mean colour;
            DARTS' are black.
        flip: half of the images are mirrored, left to right.
        cutout: side of a square of that colour somewhere in the image, which may reach beyond its edge (DeVries and
            Taylor, 2017, arXiv 1708.04552; DARTS: 16); 0 for none.
    """

    crop: int = 4
    flip: bool = True
    cutout: int = 0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """(N, channels, height, width) to the same; drawn on the CPU, so the same on every device."""
        if self.flip:
            mirrored = _drawn(2, len(images), images, generator).bool().view(-1, 1, 1, 1)
            images = torch.where(mirrored, images.flip(3), images)
        if self.crop:
            images = self._cropped(images, generator)
        return self._cut_out(images, generator) if self.cutout else images

    def _cropped(self, images: Tensor, generator: torch.Generator) -> Tensor:
        count, channels, height, width = images.shape
        padded = functional.pad(images, [self.crop] * 4)
        rows = _drawn(2 * self.crop + 1, count, images, generator).view(-1, 1) + _range(height, images)
        columns = _drawn(2 * self.crop + 1, count, images, generator).view(-1, 1) + _range(width, images)
        every = _range(count, images).view(-1, 1, 1, 1)
        channel = _range(channels, images).view(1, -1, 1, 1)
        return padded[every, channel, rows.view(count, 1, height, 1), columns.view(count, 1, 1, width)]

    def _cut_out(self, images: Tensor, generator: torch.Generator) -> Tensor:
        count, _, height, width = images.shape
        tops = _drawn(height, count, images, generator).view(-1, 1, 1) - self.cutout // 2
        lefts = _drawn(width, count, images, generator).view(-1, 1, 1) - self.cutout // 2
        rows, columns = _range(height, images).view(1, -1, 1), _range(width, images).view(1, 1, -1)
        hidden = (rows >= tops) & (rows < tops + self.cutout) & (columns >= lefts) & (columns < lefts + self.cutout)
        return images.masked_fill(hidden.unsqueeze(1), 0.0)


def _drawn(below: int, count: int, like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(below, (count,), generator=generator).to(like.device)


def _range(count: int, like: Tensor) -> Tensor:
    return torch.arange(count, device=like.device)
