"""What all ways to make images have in common."""

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
    """Which images to make.

    Args:
        ipc: Images per class; fewer where a class has fewer real ones than that takes.
        seed: Seed of the data set.
        balance: A name of `BALANCES`: whether all classes have as many, or those with more real
            images more.

    Raises:
        ValueError: Naming the setting that does not fit.
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
    """What is to be made of a class.

    Args:
        spec: The class.
        images: How many images.
        twin: Number of classes before it that have the same class index.
    """

    spec: ClassSpec
    images: int
    twin: int = 0

    @property
    def key(self) -> tuple[int, ...]:
        """What its draws are a function of beside the seed: its index, if it has that alone."""
        return (self.spec.class_index, *([self.twin] if self.twin else []))


class Common(NamedTuple):
    """What methods share; what none of their needs names is None.

    Args:
        classes: Of the benchmark.
        image_size: Side of its images, in pixels.
        distillation: Images per class and seed.
        diffusion: How the backbone is sampled.
        autoencoder: How latents become images, and images latents.
        sampling: Where samples start and how they are guided.
        modes: How modes are found.
        teacher_size: Side of what a teacher sees, in pixels.
        device: Where pixels are optimised, models fine-tuned and teachers asked.
        checkpoints: Folder for interrupted fine-tunings.
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
        """Return what not all methods need.

        Raises:
            ValueError: If it is not there.
        """
        if (value := getattr(self, name)) is None:
            raise ValueError(f"{name}: expected a value, as this method needs one, got none")
        return value


Source = Literal["classes", "class_latents", "images", "latents", "modes", "prior", "teacher"]
"""What images can be made from: the real images of all classes, or their latents, loaded one by
one; those of the class, their latents and modes; two models."""

ENTRIES: dict[Source, str] = {
    "classes": "train_images",
    "class_latents": "latents",
    "images": "train_images",
}
"""Source -> entry of the catalog that has it, where that has another name."""


class Needs(NamedTuple):
    """What the images of a method are made from.

    Args:
        entries: Of the catalog.
        parameters: Parameters and groups of them.
        settings: Group of the method's own settings; that of all methods where it has none.
        unread: Parameters of these groups that the method has its own values in place of.
        keeps_real: Whether the images are some of the train images.
        comparison: What is read where one of several groups of images, or of several draws of an
            image, is kept; None where images are made once.
        increments: That the images of a class are chosen in, one after the other.
        small_images: Small images in the place of each.
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
        """Return them for some sources, parameters and other entries, each named once."""
        entries = [*(ENTRIES.get(source, source) for source in sources), *others]
        return cls(tuple(dict.fromkeys(entries)), tuple(dict.fromkeys(parameters)))


class GenerationPlan(NamedTuple):
    """How a method's images are made.

    Args:
        function: (wnid -> loaded task, settings) -> wnid -> images; a class has the same images
            whichever others it is made with.
        settings: What the images depend on.
        needs: Names of a task's inputs.
        group_size: Classes that are made together; None for all.
        try_teacher: Refuses a teacher that does not fit; None if none is asked.
        try_model: Refuses a diffusion model that does not fit; None if any does.
        real_each: Real images of its class that every image is made from; 0 where it is made
            without them.
        most_images: Images that a class can have; None for any number.
        in_groups: Whether it makes groups of images, of which others keep some of each class.
        images_each: Images of a class that are made at a time, where that is not ipc; None for ipc.
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
    """A way to make images.

    Args:
        plan: (settings of a method, what methods share) -> plan.
        needs: (settings of a method, all parameters) -> needs; it may refuse settings by
            ValueError or TypeError.
    """

    plan: Callable[[Mapping[str, Any], Common], GenerationPlan]
    needs: Callable[[Mapping[str, Any], Mapping[str, Any]], Needs]


def build_settings(kind: type[Settings], settings: Mapping[str, Any], **given: Any) -> Settings:
    """Build the settings of a method from its configuration.

    Args:
        kind: A dataclass.
        settings: As configured.
        given: What is not the configuration's to say.

    Raises:
        ValueError: If a setting is unknown, missing or does not fit.
    """
    own = [field for field in fields(kind) if field.name not in given]  # type: ignore[arg-type]
    check_known(settings, [field.name for field in own])
    needed = [field.name for field in own if field.default is MISSING]
    if missing := [name for name in needed if name not in settings]:
        raise ValueError(f"expected the setting {missing[0]}, got none")
    return kind(**settings, **given)


def check_known(settings: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse settings that a method does not have.

    Raises:
        ValueError: Naming the first, and its nearest neighbour.
    """
    names = list(known)
    for name in settings:
        if name not in names:
            raise ValueError(unknown_name(name, names, "setting of a method"))
