"""Augmentation of whole batches: draw the parameters, one row per sample, then apply them.

Parameters are drawn with an explicit CPU generator, so a seed gives the same values on every
device. Images are square, float, (B, 3, S, S), in [0, 1] until they are normalised.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch

from mgd3_kedro.devices import send
from mgd3_kedro.evaluation.resampling import resized_crop

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Per-channel statistics of ImageNet."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a grey value; they sum to one."""

EIGENVALUES = (0.2175, 0.0188, 0.0045)
EIGENVECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)
"""Principal components of ImageNet's colours, one per column."""

CROP_ATTEMPTS = 10
LOG_ASPECT_LIMIT = math.log(4 / 3)


class Augmentation(NamedTuple):
    """Augmentation parameters of N samples.

    Args:
        crops: (N, 4), float, top, left, height and width in pixels.
        flips: (N,), bool, True for a horizontal flip.
        jitter: (N, 3), factors of brightness, contrast and saturation; 1 changes nothing.
        lighting: (N, 3), values added to red, green and blue.
    """

    crops: torch.Tensor
    flips: torch.Tensor
    jitter: torch.Tensor
    lighting: torch.Tensor

    def rows(self, selected: slice, device: torch.device) -> Augmentation:
        """Return the parameters of the selected samples, on a device."""
        return Augmentation(*(send(values[selected], device) for values in self))


def draw_crops(
    count: int, image_size: int, min_scale: float, generator: torch.Generator
) -> torch.Tensor:
    """Draw crops of random area and aspect ratio (3/4 to 4/3, log-uniform).

    A crop that does not fit is drawn again; after ten attempts the whole image is taken.

    Args:
        count: Number of crops, N.
        image_size: Side of the images in pixels.
        min_scale: Smallest share of the area, in (0, 1]; the largest is 1.
        generator: Source of randomness, on CPU.

    Returns:
        Top, left, height and width in whole pixels, (N, 4), float.

    Source: Inception (arXiv 1409.4842), section 6, as torchvision's RandomResizedCrop.
    """
    uniform = torch.rand(count, CROP_ATTEMPTS, 2, generator=generator)
    corner = torch.rand(count, 2, generator=generator)
    area = image_size**2 * (min_scale + (1 - min_scale) * uniform[..., 0])
    aspect = torch.exp(LOG_ASPECT_LIMIT * (2 * uniform[..., 1] - 1))
    sides = torch.stack((area / aspect, area * aspect), -1).sqrt().round()
    fits = ((sides >= 1) & (sides <= image_size)).all(-1)
    first = fits.int().argmax(1)
    sides = sides[torch.arange(count), first]
    sides[~fits.any(1)] = image_size
    corner = (corner * (image_size - sides + 1)).floor()
    return torch.cat((corner, sides), 1)


def draw_augmentation(
    count: int,
    image_size: int,
    *,
    crop_min_scale: float,
    flip_probability: float,
    jitter_strength: float,
    lighting_std: float,
    generator: torch.Generator,
) -> Augmentation:
    """Draw the parameters of N samples.

    Args:
        count: Number of samples, N.
        image_size: Side of the images in pixels.
        crop_min_scale: Smallest share of the area that a crop keeps, in (0, 1].
        flip_probability: Probability of a horizontal flip, in [0, 1].
        jitter_strength: Brightness, contrast and saturation change by up to this factor.
        lighting_std: Standard deviation of the shift along each principal colour.
        generator: Source of randomness, on CPU.

    Source: IDC (arXiv 2205.14959), released code.
    """
    crops = draw_crops(count, image_size, crop_min_scale, generator)
    flips = torch.rand(count, generator=generator) < flip_probability
    jitter = 1 + jitter_strength * (2 * torch.rand(count, 3, generator=generator) - 1)
    shifts = lighting_std * torch.randn(count, 3, generator=generator)
    lighting = (shifts * torch.tensor(EIGENVALUES)) @ torch.tensor(EIGENVECTORS).T
    return Augmentation(crops, flips, jitter, lighting)


def augment(
    images: torch.Tensor, parameters: Augmentation, *, size: int | None = None
) -> torch.Tensor:
    """Crop, flip, recolour and normalise a batch, without a device synchronisation.

    Args:
        images: (B, 3, S, S) in [0, 1].
        parameters: One row per sample, on the images' device.
        size: Side of the result in pixels, S'; None for S.

    Returns:
        (B, 3, S', S'), normalised.

    Source: IDC (arXiv 2205.14959), released code.
    """
    side = images.shape[-1] if size is None else size
    cropped = resized_crop(images, parameters.crops, parameters.flips, side)
    return recolour(cropped, parameters.jitter, parameters.lighting)


def recolour(images: torch.Tensor, jitter: torch.Tensor, lighting: torch.Tensor) -> torch.Tensor:
    """Change brightness, contrast, saturation and lighting, and normalise.

    Brightness interpolates between black and the image, contrast between the mean grey and the
    image, saturation between the grey version and the image. Values are not clamped between the
    steps, and the weights of grey sum to one. Therefore the order of the three steps does not
    matter. All five steps together are one affine map of colours.

    Args:
        images: (B, 3, S, S) in [0, 1].
        jitter: (B, 3), factors of brightness, contrast and saturation.
        lighting: (B, 3), values added to red, green and blue.

    Returns:
        (B, 3, S, S), normalised.

    Source: IDC (arXiv 2205.14959), released code; folded into one map by us.
    """
    mean, std, luma = (_constant(values, images) for values in (MEAN, STD, LUMA))
    brightness, contrast, saturation = jitter[:, :, None, None].unbind(1)
    grey = luma.expand(3, 3)
    colour = torch.eye(3, device=images.device)
    mixing = brightness * contrast * (saturation * colour + (1 - saturation) * grey)
    mean_grey = images.mean((2, 3)) @ luma
    offset = (brightness * (1 - contrast)).flatten() * mean_grey
    mixing = mixing / std[:, None]
    shift = (offset[:, None] + lighting - mean) / std
    return torch.baddbmm(shift[:, :, None], mixing, images.flatten(2)).view_as(images)


def normalize(images: torch.Tensor) -> torch.Tensor:
    """Subtract ImageNet's mean colour and divide by its standard deviation, (B, 3, S, S).

    Source: IDC (arXiv 2205.14959), released code.
    """
    mean, std = (_constant(values, images)[:, None, None] for values in (MEAN, STD))
    return (images - mean) / std


def _constant(values: tuple[float, ...], images: torch.Tensor) -> torch.Tensor:
    return constant_on(values, images.dtype, images.device)


@cache
def constant_on(
    values: tuple[float, ...], dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """Return numbers as a tensor on a device, (n,).

    The tensor is cached: a copy from the host would wait until the device finished its queue.

    Source: ours.
    """
    # The cached tensor may be used in autograd later: it must not be an inference tensor.
    with torch.inference_mode(mode=False):
        return torch.tensor(values, dtype=dtype, device=device)
