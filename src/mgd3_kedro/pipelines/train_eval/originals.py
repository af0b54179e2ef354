"""Real images that a method selected, read from their original files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from mgd3_kedro.evaluation.resampling import enlarge_small_images, fit_images, resize_real_images
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.images import LazyImages, mirror
from mgd3_kedro.stages import GIVEN, RESIZED, Partition

Images = torch.Tensor | LazyImages


@dataclass(frozen=True, eq=False)
class KeptImages:
    """The selected real images of a class.

    Args:
        images: All images of the class, (N, 3, S, S), uint8, decoded or lazy.
        numbers: Numbers of the selected images, (ipc,), int64.
        mirrored: Whether each selected image is mirrored, (ipc,), bool.
    """

    images: Images
    numbers: torch.Tensor
    mirrored: torch.Tensor

    def __len__(self) -> int:
        return len(self.numbers)

    def seen(self, resize: int, size: int) -> torch.Tensor:
        """Return the selected images at the networks' input size, (ipc, 3, size, size), uint8.

        Args:
            resize: Length that the shorter side is resized to, in pixels.
            size: Side of the centre crop, in pixels.
        """
        if isinstance(self.images, LazyImages) and self.images.resized_once:
            shown = self.images.from_files(resize, size)[self.numbers]
        else:
            shown = fit_images(self.images[self.numbers], resize, size)
        return mirror(shown, self.mirrored)


def given_images(
    evaluated_images: Mapping[str, Partition],
    train_images: Mapping[str, Partition] | None,
    resize: int,
    image_size: int,
) -> Mapping[str, Partition]:
    """Return the images to train on, wnid -> images; real images come from their files.

    Args:
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8.
        train_images: wnid -> images (N, 3, H, H), uint8, if the images to train on are some of
            them; else None.
        resize: Length that the shorter side of a file is resized to, in pixels.
        image_size: Side of the benchmark's images, in pixels.
    """
    if train_images is None:
        return fingerprint_resize(evaluated_images, resize, image_size)
    return use_original_files(
        evaluated_images, fingerprint_resize(train_images, resize, image_size)
    )


def fingerprint_resize(
    images: Mapping[str, Partition], resize: int, image_size: int
) -> Mapping[str, Partition]:
    """Add the resize to the fingerprints of real images that are resized once, from their files.

    If networks see the benchmark's size, the fingerprint already identifies the pixels.

    Args:
        images: wnid -> images (N, 3, H, H), uint8; only images that are read from files change.
        resize: Length that the shorter side is resized to for networks, in pixels.
        image_size: Side of the benchmark's images, in pixels.
    """
    if resize == image_size:
        return images
    return {
        wnid: replace(of, fingerprint=digest("resized once", RESIZED, of.fingerprint))
        # Given images without rows are not read from files.
        if of.configuration == GIVEN and of.rows
        else of
        for wnid, of in images.items()
    }


def use_original_files(
    evaluated_images: Mapping[str, Partition], train_images: Mapping[str, Partition]
) -> dict[str, Partition]:
    """Replace selected square images by their original files.

    Args:
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8; their rows have the number of each
            train image. Partitions without rows are not replaced.
        train_images: wnid -> images (N, 3, H, H), uint8.

    Returns:
        wnid -> `KeptImages`.

    Source: Minimax diffusion (arXiv 2311.15529), released code, which trains on files.
    """
    return {
        wnid: _of_class(kept, train_images[wnid]) if kept.rows else kept
        for wnid, kept in evaluated_images.items()
    }


def load_training_images(
    images: Images | KeptImages, resize: int, size: int, *, fitted: bool, small_images: int = 1
) -> torch.Tensor:
    """Return the training images of a class, (N, 3, S, S), uint8.

    Args:
        images: Generated images in memory, or lazy real images.
        resize: Side of the resized images before the centre crop, in pixels.
        size: Side of the centre crop, in pixels.
        fitted: Whether the protocol trains on centre crops. Otherwise real images are only resized,
            and generated images keep their size.
        small_images: Small images that replace one image (multi-formation); for images in memory
            only.
    """
    side = size if fitted else resize
    if isinstance(images, KeptImages):
        return images.seen(resize, side)
    if isinstance(images, LazyImages):
        return resize_real_images(images, resize, side)
    images = enlarge_small_images(images, small_images)
    return fit_images(images, resize, size) if fitted else images


def _of_class(kept: Partition, real: Partition) -> Partition:
    rows = [(row["image_number"], row["mirrored"]) for row in kept.rows]
    numbers, mirrored = map(torch.tensor, zip(*rows, strict=True))
    return replace(
        kept,
        load=partial(_load, real.load, numbers, mirrored),
        fingerprint=digest("as in files", kept.fingerprint, real.fingerprint),
    )


def _load(load: Callable[[], Any], numbers: torch.Tensor, mirrored: torch.Tensor) -> KeptImages:
    return KeptImages(load(), numbers, mirrored)
