"""Distillation without a Kedro project: settings with their defaults, a prior, images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from omegaconf import OmegaConf

from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.checks import check_choice, lookup
from mgd3_kedro.given import nested, over, read_parameters
from mgd3_kedro.images import LazyImages
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.named_settings import NAMED, NamedSettings
from mgd3_kedro.pipelines.encode.nodes import Encoding, EncodingConfig, encode_classes
from mgd3_kedro.pipelines.guided_generate.plan import Common, DistillationConfig, Plan, Wanted
from mgd3_kedro.pipelines.guided_generate.procedures import plan_method
from mgd3_kedro.preflight import check_known_parameters, check_run_keys
from mgd3_kedro.records import ClassSpec, LatentSet, ModelFolder, ModeSet
from mgd3_kedro.resolution import plain_values, resolve_parameters, without_named
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.shipped import shipped_folder
from mgd3_kedro.stages import Task

DRAWN = ("latents", "modes", "prior")
"""What images are made from that `Prior.draw` can make."""


class Settings:
    """Every setting, with the default that `conf` has for it.

    What is given counts more than the folder of the benchmark, and that more than `conf/base`, as
    for `kedro run`; names are those of `--params`.

    Args:
        env: Folder in `conf` that says what differs for a benchmark.
        params: Full name -> value, as `{"modes.mode_finder": "gmm"}`.
        project: Folder that has `conf`; None: the working directory if it has, else what comes with
            the package.
        given: The same for names without a full stop, as `ipc=10`.

    Raises:
        ValueError: Naming a parameter that there is not, or whose value does not fit.
    """

    def __init__(
        self,
        env: str = "mnist",
        params: Mapping[str, Any] | None = None,
        *,
        project: Path | str | None = None,
        **given: Any,
    ) -> None:
        self.project = _find_project(project)
        folders = [path.parent.name for path in self.project.glob("conf/*/parameters.yml")]
        check_choice("env", env, sorted({*folders} - {"base"}))
        files = [
            file
            for folder in ("base", env)
            for file in sorted((self.project / "conf" / folder).glob("parameters*.yml"))
        ]
        merged: Any = OmegaConf.unsafe_merge(*map(OmegaConf.load, files))
        usual = resolve_parameters(merged, self.project)
        asked = nested({**(params or {}), **given})
        check_known_parameters(asked, usual)
        asked = read_parameters(asked, usual, Path.cwd())
        templates = plain_values(merged, resolve=False)
        named = NamedSettings(templates[NAMED]).chosen(over(usual, asked))
        templates = over(without_named(templates), over(named, asked))
        lookup(templates["backbones"], templates["backbone"], "backbone")
        self.parameters = resolve_parameters(OmegaConf.create(templates), self.project)
        """All of them, nested."""
        check_run_keys(self.parameters)

    @property
    def image_size(self) -> int:
        """Side of the images, in pixels."""
        return int(self.parameters["image_size"])

    @cached_property
    def autoencoder(self) -> AutoencoderConfig:
        """How images are encoded and decoded."""
        return AutoencoderConfig(**self.parameters["autoencoder"])

    @cached_property
    def encoding(self) -> EncodingConfig:
        """Which latent stands for an image."""
        return EncodingConfig(**self.parameters["encoding"])

    @cached_property
    def modes(self) -> ModesConfig:
        """How modes are found."""
        return ModesConfig(**self.parameters["modes"])

    @cached_property
    def diffusion(self) -> BackboneConfig:
        """How the diffusion model is run."""
        return BackboneConfig(**self.parameters["diffusion"])

    @cached_property
    def sampling(self) -> SamplingConfig:
        """Where samples start and how they are guided, as methods share it."""
        return SamplingConfig(**self.parameters["sampling"])

    @cached_property
    def distillation(self) -> DistillationConfig:
        """Images per class, and the seed."""
        return DistillationConfig(**self.parameters["distillation"])

    @cached_property
    def plan(self) -> Plan:
        """How the images of the method are made.

        Raises:
            ValueError: If the method is unknown, or makes images from more than modes and a prior.
        """
        method = self.parameters["method"]
        common = Common(
            classes=(),
            image_size=self.image_size,
            distillation=self.distillation,
            diffusion=self.diffusion,
            autoencoder=self.autoencoder,
            sampling=self.sampling,
            modes=self.modes,
            teacher_size=self.image_size,
            device=self.parameters["device"],
            checkpoints="",
        )
        plan = plan_method(method, self.parameters["methods"], common)
        if set(plan.needs) != set(DRAWN):
            raise ValueError(
                f"method: expected one whose images are made from {', '.join(DRAWN)}, got "
                f"{method}, which needs {', '.join(plan.needs)}; run it with: kedro run --params "
                f"method={method}"
            )
        return plan


@dataclass(frozen=True)
class Prior:
    """A trained diffusion model.

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
        return LatentSet(**encode_classes({spec.wnid: task}, encoding)[spec.wnid].value)

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
        images: torch.Tensor = plan.function({spec.wnid: task}, plan.settings)[spec.wnid].value
        return images


def read_images(path: Path | str, settings: Settings) -> Iterator[tuple[ClassSpec, LazyImages]]:
    """Read the images of every class, brought to the size that settings have.

    Args:
        path: A folder of class folders, an archive of one, parquet or Arrow files.
        settings: Name the class table, if there is one, and the size.

    Returns:
        Class and images (N, 3, S, S), uint8, which are decoded when they are asked for; the next
        class is read when it is asked for.

    Raises:
        DatasetError: If there are no such images, or some files are none.
    """
    from mgd3_kedro.datasets.benchmark import BenchmarkDataset
    from mgd3_kedro.datasets.labelled_images import LabelledImagesDataset

    known, size, source = settings.parameters, settings.image_size, str(Path(path).absolute())
    table = str(settings.project / known["classes"]) if known["classes"] else None
    benchmark = BenchmarkDataset(
        filepath=table, name=known["benchmark"], image_size=size, source=source
    ).load()
    with TemporaryDirectory() as index:
        images = LabelledImagesDataset(
            source=source,
            index=index,
            image_size=size,
            classes=table,
            bad_images=known["bad_images"],
            leaks="off",
        ).load()
        for spec in benchmark.classes:
            yield spec, images[spec.wnid].load()


def save_images(images: torch.Tensor, folder: Path | str) -> None:
    """Write images (N, 3, H, W), uint8, as 0.png, 1.png, ... to a new folder.

    Raises:
        FileExistsError: If the folder is there.
    """
    from mgd3_kedro.datasets.image_folder import ImagePartitionsDataset

    path = Path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    ImagePartitionsDataset.write(path, images)


def _find_project(given: Path | str | None) -> Path:
    if given is None:
        return Path.cwd() if Path("conf/base").is_dir() else shipped_folder()
    if not (Path(given) / "conf/base").is_dir():
        raise ValueError(f"project: expected a folder with conf/base in it, got {given}")
    return Path(given).absolute()
