"""Lower bounds of the time for ImageNet-1K on a card: counted operations, divided by its peak.

Nothing is measured. The tensors of models have shapes but no values. The project's own code runs on
them, and the operations of matrix products and convolutions are counted.

python -m benchmarks.projection writes docs/results/projection.csv and projection_operations.csv.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.gpu.encoding import FULL as SEEN
from benchmarks.gpu.encoding import build_autoencoder
from benchmarks.gpu.peaks import BF16_TERAFLOPS, count_operations
from benchmarks.gpu.sampling import USUAL_STEPS, operations_per_image
from benchmarks.models import GUIDANCE_SCALE, LATENT_CHANNELS, XL2, Work, build_dit, settings_of
from mgd3_kedro.backbones.diffusion import assemble_backbone
from mgd3_kedro.backbones.dit import DiTDenoiser
from mgd3_kedro.backbones.schedule import TrainedSchedule
from mgd3_kedro.evaluation import PROTOCOLS, build_network

RESULTS = Path("docs/results")
OPERATIONS, TIMES = "projection_operations.csv", "projection.csv"
CARDS = ("H200", "H100", "A100")
"""Names in `BF16_TERAFLOPS`, whose peaks are those of NVIDIA's data sheets: 989.5 TFLOP/s of dense
bf16 for H200 and H100 (SXM), 312 for A100."""
NUMBERS = (1, 8)
CLASSES, IPC = 1000, 50
REAL_IMAGES = 1_281_167
"""Training images of ILSVRC 2012 (Russakovsky et al., arXiv 1409.0575)."""
NETWORK, SIDE, REPEATS = "resnet18_bn", 224, 3
"""Network, image side and number of trainings: each uses one card, and they run in parallel."""
TRAININGS = {"train_hard": "hard", "train_soft": "soft"}
"""Name -> protocol."""
BATCH = 2
NOWHERE = torch.device("meta")
"""On this device, tensors have shapes but no values."""

Counts = Mapping[str, float]


def count_per_image() -> dict[str, float]:
    """Return name of a computation -> its operations for one image, two per multiply-add.

    Source: PyTorch's `FlopCounterMode`.
    """
    encode, decode = _count_autoencoder()
    update, teacher = _count_network()
    step = {scale: _count_step(scale) for scale in (GUIDANCE_SCALE, 1.0)}
    return {
        "forward": step[1.0],
        "generate_guided": USUAL_STEPS * step[GUIDANCE_SCALE],
        "generate_unguided": USUAL_STEPS * step[1.0],
        "encode": encode,
        "decode": decode,
        "train_hard": update,
        "train_soft": update + teacher,
    }


def images_of(name: str) -> int | None:
    """Return the number of images of a computation; None if it is a part of another one."""
    if name == "encode":
        return REAL_IMAGES
    if name not in TRAININGS:
        return None if name == "forward" else CLASSES * IPC
    plan = PROTOCOLS[TRAININGS[name]].defaults(IPC, CLASSES, NETWORK)
    return REPEATS * plan.epochs * CLASSES * IPC


def describe_times(counts: Counts) -> Iterable[dict[str, Any]]:
    """Yield a row for every computation, every card and every number of cards."""
    for name, operations in counts.items():
        images = images_of(name)
        if images is None:
            continue
        for card in CARDS:
            for number in NUMBERS:
                used = min(number, REPEATS) if name in TRAININGS else number
                seconds = operations * images / (used * 1e12 * BF16_TERAFLOPS[card])
                yield {
                    "name": name,
                    "images": images,
                    "card": card,
                    "cards": number,
                    "peak_teraflops": BF16_TERAFLOPS[card],
                    "least_minutes": f"{seconds / 60:.4g}",
                }


def describe_operations(counts: Counts) -> Iterable[dict[str, Any]]:
    """Yield a row for every computation, with its operations for one image."""
    for name, operations in counts.items():
        yield {"name": name, "gigaflops_per_image": f"{operations / 1e9:.6g}"}


def main(results: Path = RESULTS) -> None:
    """Count operations, and write both tables."""
    counts = count_per_image()
    for file, rows in ((OPERATIONS, describe_operations), (TIMES, describe_times)):
        write_rows(results / file, list(rows(counts)))


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows with the same columns to a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _count_step(guidance_scale: float) -> float:
    """Count a step of DiT-XL/2 at 256 px, with classifier-free guidance if the scale is not 1."""
    work = Work(XL2, images=BATCH, steps=USUAL_STEPS)
    with NOWHERE:
        transformer = build_dit(work.size)
    # Tensors made from NumPy arrays still have values.
    denoiser = DiTDenoiser(transformer.to(NOWHERE).eval())
    config = replace(settings_of(work, "cpu"), guidance_scale=guidance_scale)
    return operations_per_image(assemble_backbone(denoiser, TrainedSchedule(), config), work)


def _count_autoencoder() -> tuple[float, float]:
    """Count encoding and decoding by an autoencoder of Stable Diffusion's size, at 256 px."""
    vae = build_autoencoder(SEEN, "meta")
    pixels = torch.zeros(BATCH, 3, SEEN.side, SEEN.side, device=NOWHERE)
    side = SEEN.side // 2 ** (len(SEEN.channels) - 1)
    latents = torch.zeros(BATCH, LATENT_CHANNELS, side, side, device=NOWHERE)
    encode, decode = (
        count_operations(call) / BATCH
        for call in (lambda: vae.encode(pixels), lambda: vae.decode(latents))
    )
    return encode, decode


def _count_network() -> tuple[float, float]:
    """Count a ResNet-18 at 224 px, for one image: an update, and a forward pass as a teacher."""
    network = build_network(NETWORK, CLASSES, SIDE).to(NOWHERE)
    images = torch.zeros(BATCH, 3, SIDE, SIDE, device=NOWHERE)
    labels = torch.zeros(BATCH, dtype=torch.int64, device=NOWHERE)

    def learn() -> None:
        with torch.enable_grad():
            F.cross_entropy(network(images), labels).backward()

    update, told = (count_operations(call) / BATCH for call in (learn, lambda: network(images)))
    return update, told


if __name__ == "__main__":
    main()
