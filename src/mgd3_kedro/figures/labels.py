"""Labels of knobs, measures, networks and trainings in figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class KnobAxis:
    """Axis of a knob, which is a setting that varies.

    Args:
        label: Label of the axis.
        logarithmic: Whether the axis is logarithmic if all values are positive.
        falling: Whether the values fall from left to right.
    """

    label: str
    logarithmic: bool = False
    falling: bool = False

    def is_log(self, values: Sequence[float]) -> bool:
        """Return whether the axis is logarithmic for these values: none may be 0 or below."""
        return self.logarithmic and min(values) > 0


KNOB_AXES = {
    "stop_guidance_step": KnobAxis("step where guidance stops, t_SG", falling=True),
    "stop_guidance_timestep": KnobAxis("training timestep where guidance stops", falling=True),
    "mode_guidance_scale": KnobAxis("mode guidance scale λ"),
    "guidance_scale": KnobAxis("classifier-free guidance scale"),
    "ipc": KnobAxis("images per class", logarithmic=True),
    "num_inference_steps": KnobAxis("denoising steps"),
}
"""Knobs with a label of their own; the others are labelled by name."""

MEASURE_LABELS = {
    "top1_last": "top-1 (last), %",
    "top1_best": "top-1 (best), %",
    "top5_last": "top-5, %",
    "coverage": "coverage: real images\nwith a made one as near\nas their neighbours",
    "recall": "recall (not to be\ntrusted where\nprecision is low)",
    "norm_ratio": "norm over that of\nreal ones",
    "pairwise_ratio": "distance of two over\nthat of two real ones",
    "symmetric_recall": "the lesser of\nrecall and coverage",
    "diversity": "diversity:\ndistance to nearest\nother, latent",
    "representativeness": "distance to 50\nnearest real, latent\n(small is good)",
    "diversity_in_plane": "diversity:\ndistance to nearest\nother, t-SNE",
    "representativeness_in_plane": "distance to 50\nnearest real, t-SNE\n(small is good)",
    "diversity_normalised": "diversity,\nnormalised",
    "representativeness_normalised": "representativeness,\n1 − normalised\ndistance",
}


NETWORK_LABELS = {
    "convnet": "ConvNet",
    "resnet_ap": "ResNetAP",
    "resnet": "ResNet",
    "alexnet": "AlexNet",
    "vgg": "VGG",
    "vit": "ViT",
}
"""Start of a network's name -> label; the longest one that fits is used."""


def label_network(name: str) -> str:
    """Return the label of a network, such as ConvNet-3 or ResNet-18 with batch norm."""
    short = name.removesuffix("_bn")
    kind = max((one for one in NETWORK_LABELS if short.startswith(one)), key=len, default=None)
    if kind is None:
        return name
    depth = short.removeprefix(kind)
    told = f"{NETWORK_LABELS[kind]}-{depth}" if depth else NETWORK_LABELS[kind]
    return told if short == name else f"{told} with batch norm"


def find_knob_axis(knob: str) -> KnobAxis:
    """Return the axis of a knob."""
    return KNOB_AXES.get(knob, KnobAxis(knob.replace("_", " ")))


def label_measure(measure: str) -> str:
    """Return the label of a measure, with its unit, in one or more lines."""
    return MEASURE_LABELS.get(measure, measure.replace("_", " "))


def title_images(benchmark: str, ipc: int, method: str = "", seeds: Sequence[int] = ()) -> str:
    """Return the title of a figure of images: mnist, 10 images per class by mgd3, seed 0.

    Args:
        benchmark: Name of the benchmark.
        ipc: Images per class.
        method: Method that made them; empty for several methods.
        seeds: Seeds of the data sets; empty to leave them out.
    """
    by = f" by {method}" if method else ""
    told = list(dict.fromkeys(seeds))
    if len(told) > 3:
        of_seeds = f", {len(told)} seeds"
    else:
        of_seeds = (
            f", seed{'s' if len(told) > 1 else ''} {', '.join(map(str, told))}" if told else ""
        )
    return f"{benchmark}, {ipc:,} image{'' if ipc == 1 else 's'} per class{by}{of_seeds}"


def note_selection(shown: int, all_of: int, unit: str) -> str:
    """Return a note that a figure shows only the first of its items; empty if it shows all.

    Args:
        shown: Maximum number of items that it shows.
        all_of: Number of all items.
        unit: Name of the items, in the plural.
    """
    return f"the first {shown} of {all_of:,} {unit}" if all_of > shown else ""


def label_training(name: str) -> str:
    """Return the label of a training: convnet3-0 becomes ConvNet-3, training 0."""
    network, _, number = name.rpartition("-")
    return f"{label_network(network)}, training {number}" if network else name
