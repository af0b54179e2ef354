"""Real images that a method kept, as they are in their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from mgd3_kedro.evaluation.resampling import enlarge_small_images, fit_images, seen_images
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.images import LazyImages, mirror
from mgd3_kedro.stages import GIVEN, RESIZED, Partition

Images = torch.Tensor | LazyImages


@dataclass(frozen=True, eq=False)
class KeptImages:
    """Some of the real images of a class.

    Args:
        images: All of the class, (N, 3, S, S), uint8.
        numbers: Of those that were kept, (ipc,), int64.
        mirrored: Whether each was mirrored, (ipc,), bool.
    """

    images: Images
    numbers: torch.Tensor
    mirrored: torch.Tensor

    def __len__(self) -> int:
        return len(self.numbers)

    def seen(self, resize: int, size: int) -> torch.Tensor:
        """Return them as networks are shown them, (ipc, 3, size, size), uint8.

        Args:
            resize: Side that the short one is brought to, in pixels.
            size: Side of the centre that is kept, in pixels.
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
    """Return images to train on, wnid -> images; real ones as they are in their files.

    Args:
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8.
        train_images: wnid -> images (N, 3, H, H), uint8, where those to train on are some of them.
        resize: Side that networks see the short one of a file at, in pixels.
        image_size: Side of the benchmark's images, in pixels.
    """
    if train_images is None:
        return as_seen(evaluated_images, resize, image_size)
    return as_in_files(evaluated_images, as_seen(train_images, resize, image_size))


def as_seen(
    images: Mapping[str, Partition], resize: int, image_size: int
) -> Mapping[str, Partition]:
    """Tell real images that networks see at another side than the benchmark's by how they resize.

    What is resized to the side of the benchmark says so already.

    Args:
        images: wnid -> images (N, 3, H, H), uint8; only those that are read from files change.
        resize: Side that the short one is brought to for networks, in pixels.
        image_size: Side of the benchmark's images, in pixels.
    """
    if resize == image_size:
        return images
    return {
        wnid: replace(of, fingerprint=digest("resized once", RESIZED, of.fingerprint))
        # Those of which nothing is told beside their files are in none.
        if of.configuration == GIVEN and of.rows
        else of
        for wnid, of in images.items()
    }


def as_in_files(
    evaluated_images: Mapping[str, Partition], train_images: Mapping[str, Partition]
) -> dict[str, Partition]:
    """Put the real images that were kept in place of the squares that show them.

    Args:
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8, with the number of each among the
            train images.
        train_images: wnid -> images (N, 3, H, H), uint8.

    Returns:
        wnid -> `KeptImages`.

    Source: Minimax diffusion (arXiv 2311.15529), released code, which trains on files.
    """
    return {
        wnid: _of_class(kept, train_images[wnid]) if kept.rows else kept
        for wnid, kept in evaluated_images.items()
    }


def shown_images(
    images: Images | KeptImages, resize: int, size: int, *, fitted: bool, small_images: int = 1
) -> torch.Tensor:
    """Return images of a class to be trained on, (N, 3, S, S), uint8.

    Args:
        images: Generated ones in memory; real ones not decoded yet.
        resize: Side that images are resized to before their centre is kept, in pixels.
        size: Side of that centre.
        fitted: Whether the protocol crops from such centres; otherwise from whole images, which
            are generated ones as they are.
        small_images: Small images in the place of each that was asked for; none are real ones that
            are not decoded yet.
    """
    side = size if fitted else resize
    if isinstance(images, KeptImages):
        return images.seen(resize, side)
    if isinstance(images, LazyImages):
        return seen_images(images, resize, side)
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
