"""Images of a class that are decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

Decode = Callable[[Sequence[int]], torch.Tensor]
"""Gives the images of some numbers, (n, 3, S, S), uint8, in the order asked for."""


@dataclass(frozen=True, eq=False)
class LazyImages:
    """Images (N, 3, S, S), uint8, that are indexed like a tensor and kept nowhere.

    Args:
        decode: Gives the images of some numbers; picklable, for worker processes.
        count: N.
        image_size: S.
        resized_once: (side that the short one of a file's image is brought to, side of the centre
            that is kept) -> what decodes the same files so; None where there are no files.
    """

    decode: Decode
    count: int
    image_size: int
    resized_once: Callable[[int, int], Decode] | None = None

    def from_files(self, resize: int, size: int) -> LazyImages:
        """Return the same images as networks are shown them: the file's, resized once.

        Where there are no files, they are these images.

        Args:
            resize: Side that the short one is brought to, in pixels.
            size: Side of the centre that is kept, in pixels.
        """
        if self.resized_once is None:
            return self
        return LazyImages(self.resized_once(resize, size), self.count, size)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """N, 3, S, S."""
        return self.count, 3, self.image_size, self.image_size

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: int | slice | Sequence[int] | torch.Tensor) -> torch.Tensor:
        numbers = torch.arange(self.count)[rows]
        images = self.decode(numbers.reshape(-1).tolist())
        return images if numbers.ndim else images[0]

    def chunks(self, size: int) -> Iterator[torch.Tensor]:
        """Give all images in order, some at a time.

        Args:
            size: Images of a chunk; the last may be shorter.
        """
        for start in range(0, self.count, size):
            yield self[start : start + size]


def chunks_of(images: torch.Tensor | LazyImages, size: int) -> Iterator[torch.Tensor]:
    """Give all images of a class in order, some at a time, whether they are in memory or not."""
    return images.chunks(size) if isinstance(images, LazyImages) else iter(images.split(size))


def mirror(images: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
    """Mirror some of a number of images, left to right.

    Args:
        images: (B, C, H, W).
        mirrored: (B,), bool.
    """
    return torch.where(mirrored[:, None, None, None], images.flip(-1), images)


def encoded_images(
    images: torch.Tensor | LazyImages, latents: Mapping[str, torch.Tensor], rows: torch.Tensor
) -> torch.Tensor:
    """Return the images that some latents of a class were encoded from, (n, 3, H, W).

    Args:
        images: (N, 3, H, W), of the class.
        latents: `image_numbers` (L,), int64, and `mirrored` (L,), bool.
        rows: (n,), int64, places among the latents.
    """
    return mirror(images[latents["image_numbers"][rows]], latents["mirrored"][rows])
