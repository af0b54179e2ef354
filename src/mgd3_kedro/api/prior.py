"""A trained diffusion model that encodes images and draws new ones."""

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
"""Lock of all computations: priors of one model share its network, whose state a call changes."""


@dataclass(frozen=True)
class Prior:
    """A trained diffusion model. Threads may share it; its computations run one after the other.

    Args:
        settings: Settings that name the model and say how it is run.
        model: Folder of its weights.
    """

    settings: Settings
    model: ModelFolder

    @classmethod
    def open(cls, settings: Settings) -> Prior:
        """Find the model that settings name; an id of the Hugging Face hub is downloaded.

        Raises:
            DatasetError: If there are no weights.
            ValueError: If the weights do not fit their configuration.
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
        """Encode the images of a class.

        Args:
            images: (N, 3, S, S), uint8.
            spec: The class.

        Returns:
            The latents of the class, float32.
        """
        task = Task({"images": images, "prior": self.model}, asdict(spec))
        encoding = Encoding(self.settings.autoencoder, self.settings.encoding)
        with COMPUTING:
            made = encode_classes({spec.wnid: task}, encoding)[spec.wnid].value
        return LatentSet(**{**made, "latents": made["latents"].float()})

    def draw(self, latents: LatentSet, modes: ModeSet, spec: ClassSpec) -> torch.Tensor:
        """Draw an image for each mode of a class.

        The images are the same as those of `kedro run` with the same settings.

        Args:
            latents: Latents of the real images of the class.
            modes: Modes found in these latents.
            spec: The class.

        Returns:
            Images (K, 3, S, S), uint8.

        Raises:
            ValueError: If the model does not know the class.
        """
        plan = self.settings.plan
        given = {"latents": vars(latents), "modes": vars(modes), "prior": self.model}
        task = Task(given, Wanted(spec, len(modes.modes)))
        with COMPUTING:
            images: torch.Tensor = plan.function({spec.wnid: task}, plan.settings)[spec.wnid].value
        return images
