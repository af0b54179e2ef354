"""Nodes that encode images."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.backbones.autoencoder import LatentAutoencoder, peak_signal_to_noise
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.checks import check_choice, check_count, check_latents, lookup, naming
from mgd3_kedro.images import LazyImages, encoded_images, mirror
from mgd3_kedro.pipelines.encode.ahead import decode_ahead
from mgd3_kedro.pipelines.encode.flips import FLIPS
from mgd3_kedro.randomness import fork_generator, seeded_generator
from mgd3_kedro.records import LatentSet
from mgd3_kedro.stages import Made, Partition, Stage, Task, neutral

logger = logging.getLogger(__name__)

SHOWN_CLASSES = 10
POSTERIORS = ("mean", "sample")
KEPT = {"fp32": torch.float32, "fp16": torch.float16}
"""Name -> type of the stored latents."""
PROBED_CLASSES = 10
PROBED_IMAGES = 16
"""Images of each probed class. The time to measure the autoencoder must not grow with the data
set."""


@dataclass(frozen=True)
class EncodingConfig:
    """Configuration of the encoding of images.

    Args:
        posterior: "mean" of the autoencoder's posterior, or a "sample" of it, as the released code
            does with text-to-image models.
        flip: A name of `FLIPS`: the images that are mirrored; "random" as in the released code.
        seed: Seed of samples and flips.
        keep: Type of the stored latents: "fp32", or "fp16" for half the disk space. With "fp16",
            later stages work with rounded latents.
        workers: Threads that decode image files in advance; 0: no threads; -1: one per core.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    posterior: str
    flip: str
    seed: int
    keep: str
    workers: int = neutral()

    def __post_init__(self) -> None:
        check_choice("posterior", self.posterior, POSTERIORS)
        lookup(FLIPS, self.flip, "flip")
        check_count("seed", self.seed, 0, 2**32 - 1)
        lookup(KEPT, self.keep, "keep")
        check_count("workers", self.workers, -1)


@dataclass(frozen=True)
class Encoding:
    """Settings of the stage: autoencoder, and encoding."""

    autoencoder: AutoencoderConfig
    config: EncodingConfig


def describe_benchmark(
    benchmark: Benchmark, train_images: Mapping[str, Partition]
) -> dict[str, Any]:
    """Return and log the classes of the benchmark: label, folder, class index and name.

    Args:
        benchmark: The classes.
        train_images: wnid -> images (N, 3, S, S), uint8.

    Returns:
        The benchmark as a dictionary, with the number of train images of each class.
    """
    described = benchmark.to_dict()
    for spec in described["classes"]:
        spec["train_images"] = train_images[spec["wnid"]].count
    names = [f"{label} {spec['class_name']}" for label, spec in enumerate(described["classes"])]
    shown, more = names[:SHOWN_CLASSES], len(names) - SHOWN_CLASSES
    logger.info(
        "%d classes, %d train images; labels: %s%s",
        len(names),
        sum(spec["train_images"] for spec in described["classes"]),
        ", ".join(shown),
        f" and {more} more, see benchmark.json" if more > 0 else "",
    )
    return described


def encode_images(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    prior: Partition,
    autoencoder: AutoencoderConfig,
    config: EncodingConfig,
) -> Stage:
    """Plan the encoding of every class.

    Args:
        benchmark: The classes.
        train_images: wnid -> images (N, 3, S, S), uint8.
        prior: Weights of the model, with the autoencoder.
        autoencoder: Configuration of the autoencoder.
        config: Configuration of the encoding.

    Returns:
        wnid -> `latents` (L, C, H, W), scaled; `image_numbers` (L,), the image of each latent;
        `mirrored` (L,), whether that image was mirrored.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    tasks = {
        spec.wnid: Task({"images": train_images[spec.wnid], "prior": prior}, asdict(spec))
        for spec in benchmark.classes
    }
    for wnid, twin in benchmark.twins.items():
        if twin:
            tasks[wnid].about["twin"] = twin
    return Stage(encode_classes, tasks, Encoding(autoencoder, config))


def encode_classes(batch: Mapping[str, Task], settings: Encoding) -> dict[str, Made]:
    """Encode some classes.

    Raises:
        NotFiniteError: If a latent is not finite.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    made = {}
    for wnid, task in batch.items():
        autoencoder = load_autoencoder(task.inputs["prior"], settings.autoencoder)
        with naming(f"class {wnid}"):
            encoded = _encode(autoencoder, task.inputs["images"], task.about, settings.config)
        kept = encoded.latents.to(KEPT[settings.config.keep])
        with naming(f"class {wnid}"):
            check_latents(f"latents in {settings.config.keep}", kept)
        made[wnid] = Made({**vars(encoded), "latents": kept}, len(kept))
    return made


def measure_encoding(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    latents: Mapping[str, Partition],
    prior: Partition,
    config: AutoencoderConfig,
) -> dict[str, float]:
    """Return measurements of the stage.

    The reconstruction error is measured on some images of some classes.

    Args:
        benchmark: The classes.
        train_images: wnid -> images (N, 3, S, S), uint8.
        latents: wnid -> latents (N, C, H, W), scaled.
        prior: Weights of the model, with the autoencoder.
        config: Configuration of the autoencoder.

    Returns:
        `images`, `images_per_second` and `reconstruction_psnr` in dB.
    """
    autoencoder = load_autoencoder(prior.load(), config)
    step = -(-len(benchmark.wnids) // PROBED_CLASSES)
    psnr = []
    for wnid in benchmark.wnids[::step]:
        stored = latents[wnid].load()
        of_class = stored["latents"][:PROBED_IMAGES]
        images = encoded_images(train_images[wnid].load(), stored, torch.arange(len(of_class)))
        decoded = autoencoder.decode(of_class, images.shape[-1])
        psnr.append(peak_signal_to_noise(images, decoded))
    count = sum(train_images[wnid].count for wnid in benchmark.wnids)
    return {
        "images": count,
        "images_per_second": count / sum(partition.seconds for partition in latents.values()),
        "reconstruction_psnr": sum(psnr) / len(psnr),
    }


def _encode(
    autoencoder: LatentAutoencoder,
    images: torch.Tensor | LazyImages,
    about: Mapping[str, Any],
    config: EncodingConfig,
) -> LatentSet:
    """Encode a class; only one slice of its images is in memory at a time."""
    key, count = (config.seed, about["class_index"]), len(images)
    twin = [about["twin"]] if "twin" in about else []
    of_flips = fork_generator(seeded_generator(*key, 0, *twin), "flip")
    mirrored = FLIPS[config.flip](count, of_flips)
    latents = torch.empty(0)
    done = 0
    for flips in mirrored:
        for chunk in decode_ahead(images, autoencoder.slice_size, config.workers):
            numbers = range(done, done + len(chunk))
            # Forked, because distilled images have generators with the same keys.
            keyed = (seeded_generator(*key, i, *twin) for i in numbers)
            generators = [fork_generator(one, "posterior") for one in keyed]
            drawn = config.posterior == "sample"
            first = done % count
            seen = mirror(chunk, flips[first : first + len(chunk)])
            names = [f"image {number % count}" for number in numbers]
            encoded = autoencoder.encode(seen, generators if drawn else None, names)
            if not done:
                latents = encoded.new_empty((mirrored.numel(), *encoded.shape[1:]))
            latents[done : numbers.stop] = encoded
            done = numbers.stop
    return LatentSet(latents, torch.arange(count).repeat(len(mirrored)), mirrored.flatten())
