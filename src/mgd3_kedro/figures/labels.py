"""What knobs and measures are called on axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class KnobAxis:
    """How the values of a knob are laid out.

    Args:
        label: What the axis is called.
        logarithmic: Whether equal steps are equal factors.
        falling: Whether the values fall from left to right.
    """

    label: str
    logarithmic: bool = False
    falling: bool = False

    def is_log(self, values: Sequence[float]) -> bool:
        """Tell whether values can be laid out by their factors: none is 0 or below."""
        return self.logarithmic and min(values) > 0


KNOB_AXES = {
    "stop_guidance_step": KnobAxis("step where guidance stops, t_SG", falling=True),
    "stop_guidance_timestep": KnobAxis("training timestep where guidance stops", falling=True),
    "mode_guidance_scale": KnobAxis("mode guidance scale λ"),
    "guidance_scale": KnobAxis("classifier-free guidance scale"),
    "ipc": KnobAxis("images per class", logarithmic=True),
    "num_inference_steps": KnobAxis("denoising steps"),
}
"""Knobs that need words; the others are called by their names."""

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
"""Beginnings of the names of networks; the longest that fits counts."""


def label_network(name: str) -> str:
    """Return what a network is called: ConvNet-3, or ResNet-18 with batch norm."""
    short = name.removesuffix("_bn")
    kind = max((one for one in NETWORK_LABELS if short.startswith(one)), key=len, default=None)
    if kind is None:
        return name
    depth = short.removeprefix(kind)
    told = f"{NETWORK_LABELS[kind]}-{depth}" if depth else NETWORK_LABELS[kind]
    return told if short == name else f"{told} with batch norm"


def find_knob_axis(knob: str) -> KnobAxis:
    """Return how a knob is laid out."""
    return KNOB_AXES.get(knob, KnobAxis(knob.replace("_", " ")))


def label_measure(measure: str) -> str:
    """Return what a measure is called, with its unit, in a line or a few."""
    return MEASURE_LABELS.get(measure, measure.replace("_", " "))


def title_images(benchmark: str, ipc: int, method: str = "", seeds: Sequence[int] = ()) -> str:
    """Say of which images a figure is: mnist, 10 images per class by mgd3, seed 0.

    Args:
        benchmark: Its name.
        ipc: Images per class.
        method: What made them; empty for several.
        seeds: Of the data sets; empty where they are not told.
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
    """Say that a figure shows the first of more; nothing where it shows all.

    Args:
        shown: How many it shows at most.
        all_of: How many there are.
        unit: Of several.
    """
    return f"the first {shown} of {all_of:,} {unit}" if all_of > shown else ""


def label_training(name: str) -> str:
    """Return what a training is called: convnet3-0 is ConvNet-3, training 0."""
    network, _, number = name.rpartition("-")
    return f"{label_network(network)}, training {number}" if network else name
