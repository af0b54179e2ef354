"""A trained diffusion model that encodes and draws."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from threading import Lock

import torch

from mgd3_kedro.api.settings import Settings
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.images import LazyImages
from mgd3_kedro.pipelines.encode.nodes import Encoding, encode_classes
from mgd3_kedro.pipelines.guided_generate.plan import Wanted
from mgd3_kedro.records import LatentSet, ModelFolder, ModeSet
from mgd3_kedro.stages import Task

COMPUTING = Lock()
"""Priors of one model share its network; what is asked of that changes how it answers meanwhile."""


@dataclass(frozen=True)
class Prior:
    """A trained diffusion model. Threads may share it: it does one thing after the other.

    Args:
        settings: How it is run, and which it is.
        model: Its weights.
    """

    settings: Settings
    model: ModelFolder

    @classmethod
    def open(cls, settings: Settings) -> Prior:
        """Find the model that settings name; an id of the Hugging Face hub is downloaded.

        Raises:
            DatasetError: If there are no weights.
            ValueError: If they do not fit their configuration.
        """
        from mgd3_kedro.backbones import check_backbone
        from mgd3_kedro.datasets.model_folder import ModelFolderDataset

        known = settings.parameters
        family = known["backbones"][known["backbone"]]
        found = ModelFolderDataset(
            model=known["model"],
            family=family["family"],
            root=str(settings.project),
            if_missing=family["if_missing"],
            autoencoder=settings.autoencoder.given,
        ).load()
        model = found.load()
        check_backbone(model, ())
        return cls(settings, model)

    def encode(self, images: torch.Tensor | LazyImages, spec: ClassSpec) -> LatentSet:
        """Encode the images of a class, (N, 3, S, S), uint8."""
        task = Task({"images": images, "prior": self.model}, asdict(spec))
        encoding = Encoding(self.settings.autoencoder, self.settings.encoding)
        with COMPUTING:
            made = encode_classes({spec.wnid: task}, encoding)[spec.wnid].value
        return LatentSet(**{**made, "latents": made["latents"].float()})

    def draw(self, latents: LatentSet, modes: ModeSet, spec: ClassSpec) -> torch.Tensor:
        """Draw an image for each mode of a class, (K, 3, S, S), uint8.

        They are those that `kedro run` makes with the same settings.

        Args:
            latents: Of the real images of the class.
            modes: Found in these.
            spec: The class.

        Raises:
            ValueError: If the model does not know the class.
        """
        plan = self.settings.plan
        given = {"latents": vars(latents), "modes": vars(modes), "prior": self.model}
        task = Task(given, Wanted(spec, len(modes.modes)))
        with COMPUTING:
            images: torch.Tensor = plan.function({spec.wnid: task}, plan.settings)[spec.wnid].value
        return images
