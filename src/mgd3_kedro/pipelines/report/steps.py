"""Report section on the denoising of a few images, with different stops of guidance."""

from __future__ import annotations

from collections.abc import Mapping

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.report import Section, missing
from mgd3_kedro.report.thumbnails import LOSSLESS_SIDE, as_data_uri
from mgd3_kedro.stages import Partition

KEY, TITLE = "steps", "Denoising"


def show_steps(benchmark: Benchmark, denoising_frames: Mapping[str, Partition] | None) -> Section:
    """Return a section with images at several steps, one row per step at which guidance stops.

    Args:
        benchmark: The classes.
        denoising_frames: wnid -> `frames` (R, Q, 3, S, S), uint8, with facts about each row.

    Source: MGD3 (arXiv 2505.18963), Figures 9 and 11.
    """
    drawn = denoising_frames or {}
    # Frames of an older version lack `guided_steps`; they have to be made again.
    if not all("guided_steps" in row for part in drawn.values() for row in part.rows) or not drawn:
        return missing(
            KEY,
            TITLE,
            "The denoising steps are not drawn yet. To show them, with the same --env and "
            "--params: kedro run --pipelines=illustrate_steps, and then --pipelines=report",
        )
    names = {spec.wnid: spec.class_name for spec in benchmark.classes}
    strips, small = [], False
    for wnid, partition in drawn.items():
        frames = partition.load()["frames"].numpy()
        small = small or max(frames.shape[-2:]) <= LOSSLESS_SIDE
        steps = [int(step) for step in partition.rows[0]["steps"].split()]
        rows = []
        for row, images in zip(partition.rows, frames, strict=True):
            guided = [str(step) in row["guided_steps"].split() for step in steps]
            stops = [
                now and not later for now, later in zip(guided, [*guided[1:], False], strict=True)
            ]
            parts = zip(steps, images, guided, stops, strict=True)
            rows.append(
                {
                    "name": row["name"],
                    "chosen": row["chosen"],
                    "frames": [
                        {"step": step, "image": as_data_uri(image), "guided": on, "stop": stop}
                        for step, image, on, stop in parts
                    ],
                }
            )
        strips.append({"name": f"{names[wnid]}, image 0", "steps": steps, "rows": rows})
    return Section(
        KEY,
        TITLE,
        "What the model expects the image to be at each step, from noise at the left to the "
        "image at the right. Steps with a line below are guided to the mode; the vertical line "
        "is where guidance stops and the model finishes alone. The row in bold is as configured.",
        {"strips": strips, "small": small},
        f"A selection: {len(strips)} of {len(benchmark.classes):,} classes, one image each.",
    )
