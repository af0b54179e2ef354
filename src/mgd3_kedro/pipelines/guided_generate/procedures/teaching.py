"""Teachers: trained networks that score images or extract their features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.checks import check_finite
from mgd3_kedro.devices import PRECISIONS, resolve_device
from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.teacher import load_teacher
from mgd3_kedro.pipelines.guided_generate.procedures.settings import TeacherInput
from mgd3_kedro.records import ModelFolder

REMEDY = "it computes in fp32; check its weights"


@dataclass(frozen=True)
class Teacher:
    """A trained network with its input size.

    Args:
        passes: Passes of the network.
        size: Side of its input, in pixels.
        name: Name in error messages.
    """

    passes: Passes
    size: int
    name: str = "teacher"

    @property
    def network(self) -> nn.Module:
        """The network, which maps normalised images to logits of the benchmark's classes."""
        return self.passes.model

    @property
    def extractor(self) -> Passes:
        """Passes of the feature extractor, whose output (B, D) is the input of the last layer.

        Raises:
            ValueError: If the network has no separate feature extractor.
        """
        features = getattr(self.network.get_submodule("network"), "features", None)
        if features is None:
            raise ValueError(
                "features: expected a teacher made by train_teacher, which gives the input of "
                "its last layer, got another teacher; set methods.NAME.features=pixels"
            )
        return replace(self.passes, model=features)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the input of the last layer, (N, D), for images (N, 3, S, S), uint8.

        Raises:
            ValueError: If the network has no separate feature extractor.
            NotFiniteError: If a feature is not finite.
        """
        features = self.extractor.classify(images.to(self.passes.device)).cpu()
        check_finite(f"features of the {self.name}", features, REMEDY)
        return features

    def cross_entropy(self, images: torch.Tensor, label: int) -> torch.Tensor:
        """Return the cross-entropy of each image with a label, (B,), on the CPU.

        Args:
            images: (B, 3, S', S') in [0, 1]; resized to the teacher's input if needed.
            label: The label of all images.

        Raises:
            NotFiniteError: If a loss is not finite.
        """
        images = images.to(self.passes.device)
        if images.shape[-1] != self.size:
            shape = (self.size, self.size)
            images = F.interpolate(images, shape, mode="bilinear", antialias=True)
        logits = self.passes.logits_of(normalize(images))
        labels = torch.full((len(logits),), label, device=logits.device)
        losses = F.cross_entropy(logits, labels, reduction="none").cpu()
        check_finite(f"cross-entropies of the {self.name}", losses[:, None], REMEDY)
        return losses


def teacher_at(folder: ModelFolder, schooling: TeacherInput) -> Teacher:
    """Load a teacher, in evaluation mode and fp32.

    Raises:
        ValueError: If the folder has no teacher for these classes and this input size.
    """
    device = resolve_device(schooling.device)
    network: Any = load_teacher(folder, schooling.classes, schooling.size).to(device)
    return Teacher(Passes(network, PRECISIONS["fp32"], device), schooling.size)
