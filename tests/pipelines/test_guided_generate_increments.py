"""Students of increments, what they choose, and how classes are divided."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from tiny_project import save_teacher

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.evaluation import HardLabelConfig, build_network
from mgd3_kedro.evaluation.teacher import load_teacher
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.guided_generate.increments import (
    choose_increment,
    draw_candidates,
    train_student,
)
from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig
from mgd3_kedro.pipelines.guided_generate.procedures.increments import Increments
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.stages import Partition

SIDE, MODES, KAPPA = 16, 2, 3
WNIDS = ("b", "a", "c")
OWN = {"draws": {}, "increment_size": MODES, "kappa": KAPPA, "omega": 1}
LEFT = (
    *("epochs", "image_size", "learning_rate", "momentum", "weight_decay", "batch_size"),
    *("cutmix", "flip_probability", "crop_min_scale", "jitter_strength", "lighting_std"),
    *("factor", "temperature", "threads", "rand_augment_ops", "rand_augment_magnitude"),
)


@pytest.fixture
def student_training():
    """Return how a student is trained, within moments."""
    return HardLabelConfig(
        protocol="hard",
        preset="test",
        presets={"test": 0.001},
        validations=1,
        precision="fp32",
        compile=False,
        device="cpu",
        network="convnet1",
        seed=0,
        **dict.fromkeys(LEFT),
    )


def benchmark_of(wnids):
    specs = (ClassSpec(label, wnid, ord(wnid), wnid) for label, wnid in enumerate(wnids))
    return Benchmark("three", SIDE, tuple(specs))


def drawn(*key):
    return torch.Generator().manual_seed(sum(map(ord, "".join(key))))


def value(content):
    return content


def kept(content, count=MODES, rows=()):
    return Partition(partial(value, content), "0", count, rows=tuple(rows))


@pytest.fixture
def increments():
    """Return two increments, wnid -> images, each class of another colour."""

    def images(name, wnid):
        drawn_pixels = torch.randint(90, (MODES, 3, SIDE, SIDE), generator=drawn(name, wnid))
        drawn_pixels[:, WNIDS.index(wnid)] += 160
        return kept({"images": drawn_pixels.byte()})

    names = ("increment_1", "increment_2")
    return {name: {wnid: images(name, wnid) for wnid in WNIDS} for name in names}


@pytest.fixture
def groups():
    """Return wnid -> draws for two increments."""
    draws = Increments(2 * MODES, MODES, KAPPA).draws
    rows = [{"mode": mode, "group": draw} for draw in range(draws) for mode in range(MODES)]
    return {
        wnid: kept(
            {"latents": torch.randn(draws, MODES, 4, 8, 8, generator=drawn(wnid))}, len(rows), rows
        )
        for wnid in WNIDS
    }


def computed(stage):
    tasks = {name: task.loaded() for name, task in stage.tasks.items()}
    return stage.function(tasks, stage.settings)


def study(wnids, config, folder, increments):
    stage = train_student(benchmark_of(wnids), config, folder, MODES, **increments)
    return computed(stage)["student"]


@pytest.fixture
def choose(groups, student_training, model_folder, make_autoencoding, tmp_path):
    """Return what is chosen by a student with some weights."""
    folder = save_teacher(tmp_path / "teacher", "convnet1", sorted(WNIDS), SIDE)
    prior = kept(model_folder)
    teacher = kept(ModelFolder(folder, "0", "classifier"))

    def choose_by(state, wnids=WNIDS, **settings):
        stage = choose_increment(
            2,
            benchmark_of(wnids),
            DistillationConfig(2 * MODES, 0, "equal"),
            groups,
            {**OWN, **settings},
            prior,
            make_autoencoding(),
            {"student": kept(state)},
            student_training,
            teacher,
            None,
            "cpu",
        )
        return computed(stage)

    choose_by.teacher = load_teacher(
        teacher.load(), benchmark_of(sorted(WNIDS)).classes, SIDE
    ).network
    return choose_by


def candidates(made):
    return {wnid: [row["candidate"] for row in of.rows] for wnid, of in made.items()}


def test_draws_are_those_of_a_set_of_one_increment(
    groups, model_folder, make_diffusion, make_autoencoding
):
    sampling = SamplingConfig("noise", 0.7, 0.1, "constant", 25, None)
    stage = draw_candidates(
        benchmark_of(WNIDS),
        DistillationConfig(2 * MODES, 0, "equal"),
        {},
        MODES,
        KAPPA,
        groups,
        {wnid: kept(None) for wnid in WNIDS},
        kept(model_folder),
        make_diffusion(),
        make_autoencoding(),
        sampling,
        ModesConfig("kmeans", MODES, 0, 1, 4, 50, "equal"),
    )
    assert stage.settings.groups == 1 + KAPPA
    # As many images of a class as are drawn together, whatever there are in all.
    assert stage.settings.denoising.distillation.ipc == MODES
    assert {task.about.images for task in stage.tasks.values()} == {MODES}


def test_a_student_that_is_the_teacher_learns_from_the_first_draws(choose):
    made = choose(choose.teacher.state_dict())
    assert candidates(made) == {wnid: [0, 0] for wnid in WNIDS}
    for of_class in made.values():
        assert [row["learnability"] for row in of_class.rows] == [0, 0]
        assert all(row["student_loss"] == row["teacher_loss"] > 0 for row in of_class.rows)
    hardest = choose(choose.teacher.state_dict(), omega=0)
    assert candidates(hardest) != candidates(made)


def test_the_order_of_classes_is_of_no_account(choose, increments, student_training, tmp_path):
    orders = (WNIDS, sorted(WNIDS))
    states = [study(wnids, student_training, tmp_path, increments).value for wnids in orders]
    assert all(torch.equal(weights, states[1][name]) for name, weights in states[0].items())
    chosen = [choose(states[0], wnids) for wnids in orders]
    assert [*chosen[0]] == [*WNIDS]
    assert candidates(chosen[0]) == candidates(chosen[1])
    for wnid in WNIDS:
        images = [made[wnid].value["images"] for made in chosen]
        assert torch.equal(*images)
        assert images[0].shape == (MODES, 3, SIDE, SIDE)


def test_images_of_an_increment_are_numbered_after_those_before(choose):
    made = choose(choose.teacher.state_dict())
    assert [row["image"] for row in made["a"].rows] == ["a/2.png", "a/3.png"]
    assert [(row["mode"], row["group"]) for row in made["a"].rows] == [(0, 1), (1, 1)]


def test_a_student_has_learned_all_increments_and_labels_by_name(
    increments, student_training, tmp_path
):
    made = study(WNIDS, student_training, tmp_path, increments)
    assert made.count == len(WNIDS) * 2 * MODES
    network = build_network("convnet1", len(WNIDS), SIDE)
    assert made.value.keys() == network.state_dict().keys()
    shorter = study(WNIDS, student_training, tmp_path, {"increment_1": increments["increment_1"]})
    assert shorter.count == len(WNIDS) * MODES
    longer = replace(student_training, epochs=40, cutmix=False, jitter_strength=0.0)
    learned = study(WNIDS, longer, tmp_path, increments)
    assert learned.metrics["top1_of_its_images"] == 100
    network.load_state_dict(learned.value)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    images = increments["increment_2"]["b"].load()["images"]
    with torch.no_grad():
        told = network.eval()((images / 255 - mean) / std).argmax(1)
    assert told.tolist() == [1, 1]
    assert not [*tmp_path.glob("*.ckpt*")]


@pytest.mark.parametrize(
    ("ipc", "count", "draws", "places"),
    [
        (10, 1, 1, [10]),
        (20, 2, 5, [10, 10]),
        (25, 3, 9, [10, 10, 5]),
        (101, 11, 41, [10] * 10 + [1]),
    ],
)
def test_classes_are_divided_into_increments(ipc, count, draws, places):
    increments = Increments(ipc, 10, 4)
    assert (increments.count, increments.draws) == (count, draws)
    assert [increments.places(number, 10) for number in range(1, count + 1)] == places
    offered = [draw for number in range(1, count + 1) for draw in increments.draws_of(number)]
    assert offered == [*range(draws)]


@pytest.mark.parametrize(("modes", "places"), [(1, 1), (3, 2), (7, 4), (14, 7)])
def test_a_last_increment_takes_its_share_of_the_modes_of_a_class(modes, places):
    assert Increments(15, 10, 4).places(1, modes) == modes
    assert Increments(15, 10, 4).places(2, modes) == places
