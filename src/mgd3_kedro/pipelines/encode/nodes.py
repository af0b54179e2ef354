"""Nodes that encode images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mgd3_kedro.backbones import load_autoencoder
from mgd3_kedro.backbones.autoencoder import peak_signal_to_noise
from mgd3_kedro.records import Benchmark, LatentSet
from mgd3_kedro.stages import LoadedTask, Made, Partition, Stage, Task, neutral

PSNR_IMAGES = 50
"""Images per class whose reconstruction is measured; decoding all would double the stage."""


@dataclass(frozen=True)
class Encoding:
    """Settings of the stage."""

    backbone: str
    device: str = neutral()


def encode_images(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    prior: Partition,
    backbone: str,
    device: str,
) -> Stage:
    """Plan the encoding of every class.

    Args:
        benchmark: The classes.
        train_images: wnid -> images (N, 3, H, W), uint8.
        prior: The weights.
        backbone: A name of `BACKBONES`.
        device: Where to encode.

    Returns:
        wnid -> latents (N, C, H, W), scaled.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    tasks = {wnid: Task((train_images[wnid], prior)) for wnid in benchmark.wnids}
    return Stage(encode_classes, tasks, Encoding(backbone, device))


def encode_classes(batch: Mapping[str, LoadedTask], settings: Encoding) -> dict[str, Made]:
    """Encode some classes and measure how well their latents decode.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    made = {}
    for wnid, task in batch.items():
        images, model = task.inputs
        autoencoder = load_autoencoder(settings.backbone, model, settings.device)
        try:
            latents = LatentSet(autoencoder.encode(images)).latents
        except ValueError as error:
            raise ValueError(f"class {wnid}: {error}") from error
        probe = slice(0, PSNR_IMAGES)
        psnr = peak_signal_to_noise(images[probe], autoencoder.decode(latents[probe]))
        made[wnid] = Made({"latents": latents}, len(latents), {"reconstruction_psnr": psnr})
    return made


def measure_encoding(latents: Mapping[str, Partition]) -> dict[str, float]:
    """Sum up what was measured while encoding.

    Source: ours.
    """
    images = sum(partition.count for partition in latents.values())
    psnr = [partition.metrics["reconstruction_psnr"] for partition in latents.values()]
    return {
        "images": images,
        "images_per_second": images / sum(partition.seconds for partition in latents.values()),
        "reconstruction_psnr": sum(psnr) / len(psnr),
    }
