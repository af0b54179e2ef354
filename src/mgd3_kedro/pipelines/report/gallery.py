"""Report sections with the images of a run, their nearest real images, and the modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.counting import count
from mgd3_kedro.images import encoded_images
from mgd3_kedro.pipelines.report.settings import ReportConfig
from mgd3_kedro.report import Section, missing
from mgd3_kedro.report.thumbnails import LOSSLESS_SIDE, as_data_uri
from mgd3_kedro.report.wording import how_to
from mgd3_kedro.stages import Partition

KEY, TITLE = "images", "Images"
MODES_KEY, MODES_TITLE = "modes", "Modes"
FACTS = {
    "class_name": "class",
    "image": "file",
    "mode": "mode",
    "mode_member_count": "real images of the mode",
    "distance_to_mode": "distance to the mode",
    "distance_to_nearest_real": "distance to the nearest real image",
    "nearest_real_file": "nearest real image",
    "image_file": "real image",
    "mode_finder": "modes found by",
    "sampler": "sampler",
    "num_inference_steps": "steps",
    "mode_guidance_scale": "strength of mode guidance",
    "stop_guidance_step": "guidance stops at step",
    "guidance_scale": "classifier-free guidance",
    "seed": "seed",
}
"""Fact about an image -> its label on the page."""


def card_id(label: int, image: int) -> str:
    """Return the id of an image's HTML element."""
    return f"image-{label}-{image}"


def show_images(
    benchmark: Benchmark,
    distilled_images: Mapping[str, Partition] | None,
    train_images: Mapping[str, Partition] | None,
    latents: Mapping[str, Partition] | None,
    report: ReportConfig,
) -> tuple[Section, Section]:
    """Return sections with the first images of the first classes, and with the sizes of modes.

    Args:
        benchmark: The classes.
        distilled_images: wnid -> images (M, 3, H, W), uint8, with the provenance of each.
        train_images: wnid -> real images, (N, 3, H, W), uint8.
        latents: wnid -> latents of the real images, which the provenance refers to.
        report: Numbers of classes and images to show.

    Returns:
        The section of images, and the section of modes.
    """
    if distilled_images is None:
        note = f"There are no distilled images yet. {how_to('show them')}"
        return missing(KEY, TITLE, note), missing(MODES_KEY, MODES_TITLE, note)
    specs = benchmark.classes[: report.classes]
    classes, small = [], False
    for spec in specs:
        partition = distilled_images[spec.wnid]
        images = partition.load()[: report.images]
        small = small or max(images.shape[2:]) <= LOSSLESS_SIDE
        rows = partition.rows[: len(images)] or [{}] * len(images)
        nearest = _nearest_of(spec, rows, train_images, latents)
        cards = [
            _card(spec, number, image.numpy(), row, near)
            for number, (image, row, near) in enumerate(zip(images, rows, nearest, strict=True))
        ]
        classes.append({"name": spec.class_name, "cards": cards})
    return (
        Section(
            KEY,
            TITLE,
            _lead_of(classes),
            {"classes": classes, "small": small},
            _left_out(benchmark, distilled_images, report),
        ),
        _map_modes(specs, distilled_images, report),
    )


def _lead_of(classes: Sequence[Mapping[str, Any]]) -> str:
    cards = [card for of in classes for card in of["cards"]]
    told = ["Each image as networks are trained on it"]
    if any(card["nearest"] for card in cards):
        told[0] += ", and on its right the real image nearest to it in latent space"
    if any(card["size"] is not None for card in cards):
        told.append("The number is the number of real images of its mode")
    return f"{'. '.join(told)}. Point at an image, or touch it, to see where it comes from."


def _left_out(benchmark: Benchmark, images: Mapping[str, Partition], report: ReportConfig) -> str:
    hidden = len(benchmark.classes) - report.classes
    shown = benchmark.classes[: report.classes]
    most = max(images[spec.wnid].count for spec in shown)
    told = []
    if hidden > 0:
        told.append(f"the first {report.classes} of {len(benchmark.classes):,} classes")
    if most > report.images:
        told.append(f"the first {report.images} of up to {most} images of a class")
    return f"A selection: {', '.join(told)}; all are in the folder of images." if told else ""


def _nearest_of(
    spec: ClassSpec,
    rows: Sequence[Mapping[str, Any]],
    train_images: Mapping[str, Partition] | None,
    latents: Mapping[str, Partition] | None,
) -> list[str | None]:
    """Return the nearest real image of every image as a data URI; None if it is unknown."""
    places = [row.get("nearest_real") for row in rows]
    if train_images is None or latents is None or any(place is None for place in places):
        return [None] * len(rows)
    images, encoded = train_images[spec.wnid].load(), latents[spec.wnid].load()
    found = encoded_images(images, encoded, torch.tensor(places))
    return [as_data_uri(image.numpy()) for image in found]


def _card(
    spec: ClassSpec, number: int, image: Any, row: Mapping[str, Any], nearest: str | None
) -> dict[str, Any]:
    facts = {"class_name": spec.class_name, "image": f"{spec.wnid}/{number}.png", **row}
    size = row.get("mode_member_count")
    return {
        "id": card_id(spec.label, number),
        "image": as_data_uri(image),
        "nearest": nearest,
        "alt": f"{spec.class_name}, image {number}",
        "size": None if size is None else f"{size:,}",
        "facts": [
            (words, _write(facts[name]))
            for name, words in FACTS.items()
            if facts.get(name) is not None
        ],
    }


def _write(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _map_modes(
    specs: Sequence[ClassSpec], images: Mapping[str, Partition], report: ReportConfig
) -> Section:
    """Return a section with the number of real images per mode, for every class."""
    classes: list[dict[str, Any]] = []
    for spec in specs:
        rows = images[spec.wnid].rows[: report.images]
        if not rows or any("mode_member_count" not in row for row in rows):
            return missing(MODES_KEY, MODES_TITLE, "These images have no modes.")
        most = max(row["mode_member_count"] for row in rows) or 1
        classes.append(
            {
                "name": spec.class_name,
                "modes": [
                    {
                        "card": card_id(spec.label, number),
                        "number": row["mode"],
                        "members": row["mode_member_count"],
                        "shade": round(15 + 60 * row["mode_member_count"] / most),
                    }
                    for number, row in enumerate(rows)
                ],
            }
        )
    finder = images[specs[0].wnid].rows[0].get("mode_finder", "")
    found = f", found by {finder}" if finder else ""
    total = count(sum(mode["members"] for of in classes for mode in of["modes"]), "real image")
    lead = (
        f"How {total} are divided among the modes of their classes{found}: one part per mode; its "
        "width is its number of images. Each mode becomes one image; point at a part to see "
        f"it.{_tell_landing([row for one in images.values() for row in one.rows])}"
    )
    return Section(MODES_KEY, MODES_TITLE, lead, {"classes": classes})


def _tell_landing(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence on how many images are nearer to their own mode than to any other."""
    if not all("nearest_mode" in row for row in rows):
        return ""
    shares = [
        sum(row[fact] == row["mode"] for row in rows) / len(rows)
        for fact in ("nearest_mode", "nearest_mode_in_layout")
    ]
    return (
        f" {shares[0]:.0%} of the images are nearer to their own mode than to any other, "
        f"{shares[1]:.0%} if only layout is compared."
    )
