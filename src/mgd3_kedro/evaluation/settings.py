"""The configuration of a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from mgd3_kedro.checks import check_choice, check_count, check_flag, check_range, lookup
from mgd3_kedro.devices import PRECISIONS, TRAINED_IN, Precision, check_device
from mgd3_kedro.evaluation.protocols import PROTOCOLS
from mgd3_kedro.evaluation.recipe import Recipe, TrainingPlan
from mgd3_kedro.stages import neutral, off_at

PUBLISHED_SIDE = 224
"""Side of the networks' input in pixels, if the images are at least this large."""
EVALUATION = "evaluation"
"""Parameter group that error messages name, if no other is said."""


@dataclass(frozen=True)
class EvaluationConfig:
    """Configuration of a training, without data, network and seed.

    None means the protocol's value, except where another meaning is given.

    Args:
        protocol: A name of `PROTOCOLS`.
        preset: A name of `presets`, written into result rows.
        presets: Name -> factor of the protocol's number of epochs; 1 is the published length.
        epochs: Number of epochs; replaces the protocol's number times the preset.
        image_size: Side of the networks' input in pixels; None: 224, or the benchmark's side if
            that is smaller.
        learning_rate: Highest learning rate of the schedule.
        momentum: Momentum of SGD, or decay of AdamW's first moment, in [0, 1].
        weight_decay: Weight decay per update.
        batch_size: Images per update.
        cutmix: Whether CutMix is applied to every batch.
        flip_probability: Probability of a horizontal flip, in [0, 1]; set 0 for images like
            digits, whose mirror image has another meaning.
        crop_min_scale: Smallest share of the area that a random crop keeps, in (0, 1].
        jitter_strength: Range of brightness, contrast and saturation around 1, in [0, 1].
        lighting_std: Standard deviation of the shift along each principal colour.
        factor: Patches per side that are shuffled before the crop.
        temperature: Temperature of soft labels.
        rand_augment_ops: Number of RandAugment operations per image.
        rand_augment_magnitude: Strength of these operations, 0 to 30.
        validations: Number of regularly spaced validations on the test images, at most; the last
            epoch is always validated.
        precision: One of `TRAINED_IN`.
        compile: Whether the network is compiled: slower to start, then faster.
        device: "auto", "cpu", "cuda" or "mps"; "auto" takes an accelerator if there is one.
        threads: CPU threads of one training; None keeps PyTorch's number.

    Raises:
        ValueError: If a field is invalid; the message names it.
    """

    protocol: str
    preset: str
    presets: Mapping[str, float]
    epochs: int | None
    image_size: int | None
    learning_rate: float | None
    momentum: float | None
    weight_decay: float | None
    batch_size: int | None
    cutmix: bool | None
    flip_probability: float | None
    crop_min_scale: float | None
    jitter_strength: float | None
    lighting_std: float | None
    factor: int | None
    temperature: float | None
    validations: int
    precision: str
    compile: bool
    rand_augment_ops: int | None = off_at(None)
    rand_augment_magnitude: int | None = off_at(None)
    device: str = neutral()
    threads: int | None = neutral()

    def __post_init__(self) -> None:
        lookup(PROTOCOLS, self.protocol, "protocol")
        for name, scale in self.presets.items():
            check_range(f"presets.{name}", scale, 0, low_open=True)
        lookup(self.presets, self.preset, "preset")
        for name, check in CHECKS.items():
            if (value := getattr(self, name)) is not None:
                check(name, value)
        for name in self.recipe.unused:
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name}: expected null with the protocol {self.protocol}, which does not use "
                    f"it, got {getattr(self, name)}"
                )
        check_count("validations", self.validations)
        check_choice("precision", self.precision, TRAINED_IN)
        check_flag("compile", self.compile)
        check_device(self.device)

    @property
    def recipe(self) -> Recipe:
        """The protocol."""
        return PROTOCOLS[self.protocol]

    @property
    def number_format(self) -> Precision:
        """Precision of the activations, and whether float32 products may be rounded."""
        return PRECISIONS[self.precision]

    @property
    def length(self) -> str:
        """Length of the training in result rows: the preset, or the configured epochs."""
        if self.epochs is None:
            return self.preset
        return "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"

    def side_of(self, image_size: int, group: str = EVALUATION) -> int:
        """Return the side of the networks' input, in pixels.

        Args:
            image_size: Side of the benchmark's images, in pixels.
            group: Parameter group of this configuration, for the error message.

        Raises:
            ValueError: If the configured side is larger than that of the benchmark.
        """
        return side_of(self.image_size, image_size, group)

    def plan(
        self,
        ipc: int,
        num_classes: int,
        network: str,
        small_images: int = 1,
        group: str = EVALUATION,
    ) -> TrainingPlan:
        """Return the hyperparameters: the protocol's values, overridden by those set here.

        Args:
            ipc: Images per class.
            num_classes: Number of classes of the benchmark.
            network: A name of `NETWORKS`.
            small_images: Small images that replace one image (multi-formation). The number of
                epochs is divided by it, because an epoch shows all of them: the total number of
                images that a network sees stays the same.
            group: Parameter group of this configuration, for the error messages.

        Raises:
            ValueError: If the protocol has no batch size for this ipc and none is set, or if
                RandAugment has a magnitude but no operations.
        """
        published = self.recipe.defaults(ipc, num_classes, network)
        scaled = max(1, round(published.epochs * self.presets[self.preset]))
        names = {field.name for field in fields(TrainingPlan)} & {
            field.name for field in fields(self)
        }
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        plan = replace(published, **{"epochs": scaled, **given})
        plan = replace(plan, epochs=max(1, round(plan.epochs / small_images)))
        if self.rand_augment_magnitude and not plan.rand_augment_ops:
            raise ValueError(
                f"{group}.rand_augment_magnitude: expected null where there are no operations of "
                f"RandAugment, got {self.rand_augment_magnitude}; set {group}.rand_augment_ops, too"
            )
        if plan.batch_size is None:
            raise ValueError(
                f"protocol {self.protocol} has no published batch size for {ipc} images per class; "
                f"set {group}.batch_size"
            )
        return plan


def side_of(wanted: int | None, image_size: int, group: str = EVALUATION) -> int:
    """Return the side of the networks' input, in pixels.

    Args:
        wanted: Configured side; None: 224, or the benchmark's side if that is smaller.
        image_size: Side of the benchmark's images, in pixels.
        group: Parameter group of the configured side, for the error message.

    Raises:
        ValueError: If the configured side is larger than that of the benchmark.

    Source: Minimax diffusion (arXiv 2311.15529), released code, for the 224.
    """
    side = wanted or min(PUBLISHED_SIDE, image_size)
    if side > image_size:
        raise ValueError(
            f"{group}.image_size: expected at most {image_size}, that of the benchmark, got {side}"
        )
    return side


_share = partial(check_range, low=0, high=1)
CHECKS: dict[str, Callable[[str, Any], None]] = {
    "epochs": check_count,
    "image_size": check_count,
    "learning_rate": partial(check_range, low=0, low_open=True),
    "momentum": _share,
    "weight_decay": partial(check_range, low=0),
    "batch_size": check_count,
    "cutmix": check_flag,
    "flip_probability": _share,
    "crop_min_scale": partial(_share, low_open=True),
    "jitter_strength": _share,
    "lighting_std": partial(check_range, low=0),
    "factor": check_count,
    "temperature": partial(check_range, low=0, low_open=True),
    "rand_augment_ops": partial(check_count, low=0),
    "rand_augment_magnitude": partial(check_count, low=0, high=30),
    "threads": check_count,
}
"""Setting that may be None -> check of its value, which raises ValueError."""
