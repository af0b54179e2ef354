"""Flipped bytes, cut and emptied files, in every kind of file that the project reads back."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from faults.families.kills import Named, scene_of
from faults.interrupt import at_change
from faults.results import expect_true_states
from faults.table import expect
from faults.world import TRACEBACK, Scene, World, expect_refused


@dataclass(frozen=True)
class Kind:
    """Files of one kind.

    Args:
        files: Pattern of their paths within the project.
        made_by: Stage that makes them.
        read_by: Stage that reads them; the maker itself where no other does.
    """

    files: str
    made_by: str
    read_by: str


_IMAGES = "data/07_model_output/*/*/*/*/*/*/images"
_ROWS = "data/08_reporting/*/*/*/*/*/*"
MADE = {
    "latents": Kind("data/02_intermediate/**/latents/*", "encode", "discover_modes"),
    "modes": Kind("data/04_feature/**/modes/*", "discover_modes", "guided_generate"),
    "distilled_images": Kind(f"{_IMAGES}/*/*", "guided_generate", "train_eval"),
    "evaluated_images": Kind(f"{_IMAGES}/*/*", "guided_generate", "analyze_diversity"),
    "provenance": Kind("data/07_model_output/**/provenance.csv", "guided_generate", "train_eval"),
    "fitted_test_images": Kind("data/03_primary/**/test_images-hard/*", "train_eval", "train_eval"),
    "trainings": Kind("data/07_model_output/**/trainings/*", "train_eval", "report"),
    "analysis": Kind("data/07_model_output/**/analysis/*", "analyze_diversity", "report"),
    "diversity_scores": Kind(f"{_ROWS}/diversity_scores.csv", "analyze_diversity", "report"),
    "sample_scores": Kind(f"{_ROWS}/sample_scores.csv", "analyze_diversity", "report"),
    "stage_costs": Kind(f"{_ROWS}/stage_costs.csv", "guided_generate", "report"),
    "result_rows": Kind(f"{_ROWS}/*/result_rows.csv", "train_eval", "report"),
    "all_result_rows": Kind(f"{_ROWS}/*/result_rows.csv", "train_eval", "compare"),
    "training_curves": Kind(f"{_ROWS}/*/training_curves.csv", "train_eval", "report"),
    "teacher": Kind(
        "data/06_models/teachers/*/model.safetensors", "train_teacher", "train_teacher"
    ),
}
"""Catalog entry -> its files, which the project makes; what is damaged is made anew."""
RECORDS = {
    f"{name}, {told}": Kind(files, of.made_by, of.read_by)
    for name, of in MADE.items()
    if name in ("latents", "modes", "distilled_images", "trainings", "analysis")
    for told, files in (
        ("record", f"{of.files.removesuffix('/*').removesuffix('/*')}.manifest/*.json"),
        ("index", f"{of.files.removesuffix('/*').removesuffix('/*')}.manifest/complete*"),
    )
}
"""What is written down of partitions."""
STATE = {
    "finished run": Kind(".mgd3/finished_runs/*.json", "encode", "encode"),
    "speeds": Kind(".mgd3/speeds.json", "discover_modes", "guided_generate"),
}
"""What runs leave for later ones beside results."""
GIVEN = {
    "prior": ("data/06_models/mnist/vae/diffusion_pytorch_model.safetensors", "encode"),
    "prior, index": ("data/06_models/mnist/model_index.json", "encode"),
    "prior, configuration": ("data/06_models/mnist/vae/config.json", "encode"),
    "prior, schedule": ("data/06_models/mnist/scheduler/scheduler_config.json", "guided_generate"),
    "prior, denoiser": (
        "data/06_models/mnist/transformer/diffusion_pytorch_model.safetensors",
        "guided_generate",
    ),
    "benchmark": ("data/01_raw/classes/mnist.tsv", "encode"),
}
"""Files that the project is given, and a stage that reads them; what is damaged is refused."""
TEXTS = (".tsv",)
"""Endings of files of which a part is another whole one."""
LIKE = {
    **dict.fromkeys(("all_sample_scores", "sample_scores"), "sample_scores"),
    **dict.fromkeys(("all_stage_costs", "stage_costs"), "stage_costs"),
    "curves_of_ipc": "training_curves",
    **dict.fromkeys(("rows_of_ipc", "rows_of_images", "sweep_result_rows"), "all_result_rows"),
    **dict.fromkeys(("published_results", "earlier_result_rows"), "all_result_rows"),
    "sweep_diversity_scores": "diversity_scores",
    **dict.fromkeys(("sweep_distilled_images", "method_images"), "distilled_images"),
    "denoising_frames": "latents",
    "sweep_points": "states of a sweep",
    **dict.fromkeys(("train_images", "test_images"), "images of the family `bring an image`"),
    **dict.fromkeys(("committed_results", "page_tables", "pages"), "files of the repository"),
}
"""Catalog entry -> what has files of the same kind, read by the same code."""
CHECKPOINTS = ("checkpoints", "training_checkpoints", "full.training_checkpoints")

Damage = Callable[[bytes, Random], bytes]
EMPTY: dict[str, Damage] = {"emptied": lambda data, random: b""}
CUT: dict[str, Damage] = {"cut": lambda data, random: data[: int(len(data) * random.random())]}
BROKEN: dict[str, Damage] = {
    "a byte flipped": lambda data, random: _flip(data, random),
    **CUT,
    **EMPTY,
}
JSON: dict[str, Damage] = {
    "null": lambda data, random: b"null",
    "a list": lambda data, random: b"[]",
    "an object": lambda data, random: b"{}",
}


def damage_made(random: Random) -> Named:
    """Damage what stages have made, have another stage read it, and then run both."""
    for name, kind in {**MADE, **RECORDS, **STATE}.items():
        told = {**BROKEN, **(JSON if kind.files.endswith(("json", "complete*")) else {})}
        for how, change in told.items():
            seed = random.random()
            yield f"{name}: {how}", partial(_damage_made, kind, change, seed)
        yield f"{name}: removed", partial(_damage_made, kind, None, random.random())


def damage_given(random: Random) -> Named:
    """Damage what the project is given, and give it back."""
    for name, (path, stage) in GIVEN.items():
        cut = {} if path.endswith(TEXTS) else CUT
        told = {**cut, **EMPTY, **(JSON if path.endswith("json") else {})}
        for how, change in told.items():
            yield f"{name}: {how}", partial(_damage_given, path, stage, change, random.random())


def damage_checkpoints(random: Random) -> Named:
    """Kill the training of a prior, and damage where its trainings stand."""
    for how, change in BROKEN.items():
        for share in (0.6, 0.75, 0.9):
            what = f"{how}, after {share:.0%} of the changes of files"
            yield what, partial(_damage_checkpoints, share, change, random.random())


def _flip(data: bytes, random: Random) -> bytes:
    if not data:
        return b"\0"
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]


def _spoil(path: Path, change: Damage | None, random: Random) -> None:
    if change is None:
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(change(data, random))


def _damage_made(kind: Kind, change: Damage | None, seed: float, world: World) -> None:
    random, maker, reader = Random(seed), scene_of(kind.made_by), scene_of(kind.read_by)
    with world.copy_of(maker.state if maker == reader else reader.state) as project:
        if maker == reader:
            world.run(project, maker.arguments)
        files = sorted(path for path in project.glob(kind.files) if path.is_file())
        expect(bool(files), f"no file is {kind.files}")
        _spoil(random.choice(files), change, random)
        read = world.run(project, reader.arguments)
        expect(TRACEBACK not in read.told, f"a traceback: {read.told[-300:]}")
        if read.code:
            expect_refused(read)
        for scene in (maker, reader):
            ended = world.run(project, scene.arguments)
            expect(ended.code == 0, f"given again, it ended with {ended.code}: {ended.error}")
        world.compare(project, reader)


def _damage_given(path: str, stage: str, change: Damage, seed: float, world: World) -> None:
    scene = scene_of(stage)
    with world.copy_of(scene.state) as project:
        place = project / path
        whole = place.read_bytes()
        place.write_bytes(change(whole, Random(seed)))
        ended = world.run(project, scene.arguments)
        expect_refused(ended, place.name)
        place.write_bytes(whole)
        world.again(project, scene)


def _damage_checkpoints(share: float, change: Damage, seed: float, world: World) -> None:
    scene, random = Scene("fresh", ("run", "--pipelines=pretrain")), Random(seed)
    with world.copy_of(scene.state) as project:
        number = 1 + int(share * world.undisturbed(scene).changes)
        world.run(project, scene.arguments, at_change(number, signal.SIGKILL, project))
        files = sorted(project.glob("data/06_models/checkpoints/**/*.ckpt"))
        expect(bool(files), "no checkpoint is there")
        for path in files:
            _spoil(path, change, random)
        world.again(project, scene)
        expect_true_states(project, "KILLED")


def kinds() -> Iterator[str]:
    """Yield the catalog entries of which files are damaged, or others of the same kind."""
    for name in (*MADE, *GIVEN, *LIKE):
        yield name.partition(",")[0]
    yield from CHECKPOINTS
