"""All settings with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.checks import check_choice
from mgd3_kedro.given import read_parameters
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.nesting import nested
from mgd3_kedro.parameter_files import ParameterFiles
from mgd3_kedro.pipelines.encode.nodes import EncodingConfig
from mgd3_kedro.pipelines.guided_generate.plan import Common, DistillationConfig, GenerationPlan
from mgd3_kedro.pipelines.guided_generate.procedures import plan_method
from mgd3_kedro.preflight import check_known_parameters, check_run_keys
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.shipped import shipped_folder

DRAWN = ("latents", "modes", "prior")
"""Inputs of the methods that `Prior.draw` supports."""


class Settings:
    """All settings, with the defaults in `conf`.

    As with `kedro run`, given values take precedence over the folder of the benchmark, and these
    over `conf/base`. Names are those of `--params`.

    Args:
        env: Folder in `conf` with the settings of a benchmark.
        params: Full name -> value, such as `{"modes.mode_finder": "gmm"}`.
        project: Folder that contains `conf`; None: the working directory if it has `conf/base`,
            else the files of the package.
        given: Parameters whose names have no dot, such as `ipc=10`.

    Raises:
        ValueError: If a parameter is unknown or its value does not fit; the message names it.
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
        self._env = env
        folders = [path.parent.name for path in self.project.glob("conf/*/parameters.yml")]
        check_choice("env", env, sorted({*folders} - {"base"}))
        files = [
            file
            for folder in ("base", env)
            for file in sorted((self.project / "conf" / folder).glob("parameters*.yml"))
        ]
        merged: Any = OmegaConf.unsafe_merge(*map(OmegaConf.load, files))
        parameters = ParameterFiles(merged, self.project)
        asked = nested({**(params or {}), **given})
        check_known_parameters(asked, parameters.of_environment)
        asked = read_parameters(asked, parameters.of_environment, Path.cwd())
        self.parameters = dict(parameters.configure(asked).run)
        """All parameters, nested."""
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
        """Which latents represent an image."""
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
        """Where samples start and how they are guided; shared by the methods."""
        return SamplingConfig(**self.parameters["sampling"])

    @cached_property
    def distillation(self) -> DistillationConfig:
        """Images per class, and the seed."""
        return DistillationConfig(**self.parameters["distillation"])

    @cached_property
    def plan(self) -> GenerationPlan:
        """Plan of how the method makes its images.

        Raises:
            ValueError: If the method is unknown, does not make its images from `DRAWN`, or uses
                other classes to make the images of a class.
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
        advice = (
            f"run it, with the same parameters: kedro run --env={self._env} "
            f"--params method={method}"
        )
        if plan.in_groups:
            raise ValueError(
                f"method: expected a method that makes each class separately, got {method}, which "
                f"compares groups of images of all classes; {advice}"
            )
        if set(plan.needs) != set(DRAWN):
            raise ValueError(
                f"method: expected a method that needs {', '.join(DRAWN)}, got {method}, which "
                f"needs {', '.join(plan.needs)}; {advice}"
            )
        if plan.settings.sampling.mixes_classes:
            raise ValueError(
                "method: expected a method that gives the model only the class of the image, got "
                f"{method}, which also gives it other classes; {advice}"
            )
        return plan


def _find_project(given: Path | str | None) -> Path:
    if given is None:
        return Path.cwd() if Path("conf/base").is_dir() else shipped_folder()
    if not (Path(given) / "conf/base").is_dir():
        raise ValueError(f"project: expected a folder with conf/base in it, got {given}")
    return Path(given).absolute()
