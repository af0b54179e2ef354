"""Images of a class that are decoded on access."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

Decode = Callable[[Sequence[int]], torch.Tensor]
"""Image numbers -> decoded images, (n, 3, S, S), uint8, in the same order."""


@dataclass(frozen=True, eq=False)
class LazyImages:
    """Images (N, 3, S, S), uint8, that are indexed like a tensor and decoded on each access.

    Args:
        decode: Decodes the images with some numbers; picklable, for worker processes.
        count: Number of images, N.
        image_size: Side of the images in pixels, S.
        resized_once: (length of the shorter side after resizing, side of the centre crop) -> a
            function that decodes the same files in this way; None if there are no files.
    """

    decode: Decode
    count: int
    image_size: int
    resized_once: Callable[[int, int], Decode] | None = None

    def from_files(self, resize: int, size: int) -> LazyImages:
        """Return the same images as networks see them: read from the files and resized once.

        If there are no files, these images are returned.

        Args:
            resize: Length of the shorter side after resizing, in pixels.
            size: Side of the centre crop, in pixels.
        """
        if self.resized_once is None:
            return self
        return LazyImages(self.resized_once(resize, size), self.count, size)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape (N, 3, S, S)."""
        return self.count, 3, self.image_size, self.image_size

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: int | slice | Sequence[int] | torch.Tensor) -> torch.Tensor:
        numbers = torch.arange(self.count)[rows]
        images = self.decode(numbers.reshape(-1).tolist())
        return images if numbers.ndim else images[0]

    def chunks(self, size: int) -> Iterator[torch.Tensor]:
        """Yield all images in order, in chunks (n, 3, S, S), uint8.

        Args:
            size: Images per chunk; the last chunk may be smaller.
        """
        for start in range(0, self.count, size):
            yield self[start : start + size]


def chunks_of(images: torch.Tensor | LazyImages, size: int) -> Iterator[torch.Tensor]:
    """Yield all images of a class in order, in chunks of `size`, from memory or decoded."""
    return images.chunks(size) if isinstance(images, LazyImages) else iter(images.split(size))


def mirror(images: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
    """Flip some images of a batch left to right.

    Args:
        images: (B, C, H, W).
        mirrored: (B,), bool, whether to flip each image.
    """
    return torch.where(mirrored[:, None, None, None], images.flip(-1), images)


def encoded_images(
    images: torch.Tensor | LazyImages, latents: Mapping[str, torch.Tensor], rows: torch.Tensor
) -> torch.Tensor:
    """Return the images that some latents of a class were encoded from, (n, 3, H, W).

    Args:
        images: Images of the class, (N, 3, H, W).
        latents: `image_numbers` (L,), int64, and `mirrored` (L,), bool, of all latents.
        rows: (n,), int64, indices of the latents.
    """
    return mirror(images[latents["image_numbers"][rows]], latents["mirrored"][rows])
