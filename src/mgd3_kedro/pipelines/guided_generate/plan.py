"""Configuration and interfaces that all generation procedures share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, NamedTuple, TypeVar

from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.balance import BALANCES
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.checks import check_count, lookup, unknown_name
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.stages import Made, Task, off_at

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class DistillationConfig:
    """Configuration of the distilled set.

    Args:
        ipc: Images per class; a class with too few real images gets fewer.
        seed: Seed of the data set.
        balance: A name of `BALANCES`: the same number for all classes, or a number that grows with
            the number of real images.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    ipc: int
    seed: int
    balance: str = off_at("equal")

    def __post_init__(self) -> None:
        check_count("ipc", self.ipc, 1)
        check_count("seed", self.seed, 0, 2**32 - 1)
        lookup(BALANCES, self.balance, "balance")


@dataclass(frozen=True)
class Wanted:
    """The images to make of a class.

    Args:
        spec: The class.
        images: Number of images.
        twin: Number of earlier classes with the same class index.
    """

    spec: ClassSpec
    images: int
    twin: int = 0

    @property
    def key(self) -> tuple[int, ...]:
        """Key of the class's random numbers: class index, and `twin` if it is not 0."""
        return (self.spec.class_index, *([self.twin] if self.twin else []))


class Common(NamedTuple):
    """Settings that methods share; settings that a method does not need are None.

    Args:
        classes: Classes of the benchmark.
        image_size: Side of its images, in pixels.
        distillation: Images per class and seed.
        diffusion: Configuration of the backbone.
        autoencoder: Configuration of the autoencoder.
        sampling: Start and guidance of sampling.
        modes: Configuration of the mode finder.
        teacher_size: Side of a teacher's input, in pixels.
        device: Device of pixel optimisation, fine-tuning and teachers.
        checkpoints: Folder of checkpoints, for interrupted fine-tuning.
    """

    classes: tuple[ClassSpec, ...]
    image_size: int
    distillation: DistillationConfig
    diffusion: BackboneConfig | None = None
    autoencoder: AutoencoderConfig | None = None
    sampling: SamplingConfig | None = None
    modes: ModesConfig | None = None
    teacher_size: int | None = None
    device: str | None = None
    checkpoints: str | None = None

    def part(self, name: str) -> Any:
        """Return a setting that only some methods need.

        Raises:
            ValueError: If it is None.
        """
        if (value := getattr(self, name)) is None:
            raise ValueError(f"{name}: expected a value, as this method needs one, got none")
        return value


Source = Literal["classes", "class_latents", "images", "latents", "modes", "prior", "teacher"]
"""Input of a class's task: real images of all classes, or their latents, both loaded lazily; real
images, latents or modes of the class; the diffusion model; the teacher."""

ENTRIES: dict[Source, str] = {
    "classes": "train_images",
    "class_latents": "latents",
    "images": "train_images",
}
"""Source -> catalog entry, if it has another name."""


class Needs(NamedTuple):
    """Inputs that a method needs.

    Args:
        entries: Catalog entries.
        parameters: Parameters and groups of parameters.
        settings: Parameter group of the method's own settings, or "methods" if it has none.
        unread: Parameters of these groups that are not read, because the method overrides them.
        keeps_real: Whether the images are a selection of the train images.
        comparison: Inputs of the nodes that choose between sampled groups or candidates; None if
            there is no such choice.
        increments: Number of increments that the images of a class are chosen in.
        small_images: Small images that replace one image (multi-formation).
    """

    entries: tuple[str, ...]
    parameters: tuple[str, ...]
    settings: str = "methods"
    unread: tuple[str, ...] = ()
    keeps_real: bool = False
    comparison: Needs | None = None
    increments: int = 1
    small_images: int = 1

    @classmethod
    def of(cls, sources: Iterable[Source], parameters: Iterable[str], *others: str) -> Needs:
        """Return the needs for some sources, parameters and other entries, without duplicates."""
        entries = [*(ENTRIES.get(source, source) for source in sources), *others]
        return cls(tuple(dict.fromkeys(entries)), tuple(dict.fromkeys(parameters)))


class GenerationPlan(NamedTuple):
    """The plan of a method's images.

    Args:
        function: (wnid -> loaded task, settings) -> wnid -> images. The images of a class do not
            depend on the other classes of the call.
        settings: Settings that the images depend on.
        needs: Names of a task's inputs.
        group_size: Number of classes per call of `function`; None for all classes.
        try_teacher: Raises an error for an unsuitable teacher; None if the method has no teacher.
        try_model: Raises an error for an unsuitable diffusion model; None if any model is suitable.
        real_each: Number of real images of the class that each image needs; 0 for none.
        most_images: Largest number of images of a class; None for no limit.
        in_groups: Whether `function` makes groups of images, from which later nodes choose.
        images_each: Number of images of a class that are made at a time; None for ipc.
    """

    function: Callable[[Mapping[str, Task], Any], dict[str, Made]]
    settings: Any
    needs: tuple[Source, ...]
    group_size: int | None = 1
    try_teacher: Callable[[ModelFolder], object] | None = None
    try_model: Callable[[ModelFolder], object] | None = None
    real_each: int = 0
    most_images: int | None = None
    in_groups: bool = False
    images_each: int | None = None


class Procedure(NamedTuple):
    """A procedure that makes images.

    Args:
        plan: (settings of a method, shared settings) -> plan.
        needs: (settings of a method, all parameters) -> needs; may raise ValueError or TypeError
            for invalid settings.
    """

    plan: Callable[[Mapping[str, Any], Common], GenerationPlan]
    needs: Callable[[Mapping[str, Any], Mapping[str, Any]], Needs]


def build_settings(kind: type[Settings], settings: Mapping[str, Any], **given: Any) -> Settings:
    """Build the settings of a method from its configuration.

    Args:
        kind: The dataclass of the settings.
        settings: Configured settings.
        given: Fields that are not configured but set by the caller.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.
    """
    own = [field for field in fields(kind) if field.name not in given]  # type: ignore[arg-type]
    check_known(settings, [field.name for field in own])
    needed = [field.name for field in own if field.default is MISSING]
    if missing := [name for name in needed if name not in settings]:
        raise ValueError(f"expected the setting {missing[0]}, got none")
    return kind(**settings, **given)


def check_known(settings: Mapping[str, Any], known: Iterable[str]) -> None:
    """Check that a method has no unknown settings.

    Raises:
        ValueError: If a setting is unknown; the message names the first one and the most similar
            known name.
    """
    names = list(known)
    for name in settings:
        if name not in names:
            raise ValueError(unknown_name(name, names, "setting of a method"))
