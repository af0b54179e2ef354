"""Images of tiny classes, made by methods that ask for no diffusion model."""

from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.cluster import KMeans
from tiny_project import base_parameters

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.coresets import pick_by_herding, pick_random
from mgd3_kedro.images import LazyImages
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.guided_generate.nodes import collect_provenance, distill_images
from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig
from mgd3_kedro.randomness import seed_of_class
from mgd3_kedro.stages import Partition

METHODS = base_parameters("parameters")["methods"]
SIDE, COUNT, IPC = 8, 12, 3
BRIEF = {"network": "convnet1", "iterations": 2, "batch_real": 4}
WANTED = DistillationConfig(IPC, 4, "equal")


def real_images(label):
    generator = torch.Generator().manual_seed(label)
    return torch.randint(0, 256, (COUNT, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)


@pytest.fixture
def benchmark(make_classes):
    return Benchmark("tiny", SIDE, tuple(make_classes([0, 1])))


@pytest.fixture(params=["in memory", "from files"])
def train_images(request, benchmark):
    def load(label):
        real = real_images(label)
        if request.param == "in memory":
            return real
        return LazyImages(lambda numbers: real[numbers], COUNT, SIDE)

    files = [{"file": f"{number}.png"} for number in range(COUNT)]
    return {
        spec.wnid: Partition(partial(load, spec.label), spec.wnid, COUNT, rows=files)
        for spec in benchmark.classes
    }


@pytest.fixture
def make(benchmark, train_images):
    """Make the images of all classes, from real ones alone and some parameters."""

    def make_images(method, given, **settings):
        configured = {**METHODS[method], **settings}
        stage = distill_images(
            benchmark, method, WANTED, configured, train_images=train_images, **given
        )
        tasks = {wnid: task.loaded() for wnid, task in stage.tasks.items()}
        return stage.function(tasks, stage.settings)

    return make_images


def numbers_in(made):
    return [row["image_number"] for row in made.rows]


def assert_kept(made, benchmark, settings):
    """Check that images are real ones, and rows say which."""
    for spec in benchmark.classes:
        of_class = made[spec.wnid]
        numbers = numbers_in(of_class)
        assert len(set(numbers)) == of_class.count == IPC
        assert torch.equal(of_class.value, real_images(spec.label)[numbers])
        for number, row in enumerate(of_class.rows):
            assert set(row) == {
                *("label", "wnid", "class_index", "class_name", "image", "ipc", "seed"),
                *("image_number", "mirrored", "coreset", "features", "reconstructed"),
            }
            assert row["image"] == f"{spec.wnid}/{number}.png"
            assert (row["ipc"], row["seed"], row["label"]) == (IPC, WANTED.seed, spec.label)
            assert {name: row[name] for name in settings} == settings


def test_random_images_are_chosen_without_looking_at_any(make, benchmark):
    made = make("random", {})
    assert_kept(made, benchmark, {"coreset": "random"})
    for wnid, of_class in made.items():
        chosen = pick_random(COUNT, IPC, seed_of_class(WANTED.seed, wnid)).tolist()
        assert numbers_in(of_class) == chosen


def test_no_two_classes_keep_the_same_places_at_random(make):
    first, second = map(numbers_in, make("random", {}).values())
    assert first != second


def test_images_are_compared_by_their_pixels(make, benchmark):
    made = make("herding", {}, features="pixels")
    assert_kept(made, benchmark, {"coreset": "herding", "features": "pixels"})
    for spec in benchmark.classes:
        expected = pick_by_herding(real_images(spec.label) / 255, IPC)
        assert numbers_in(made[spec.wnid]) == expected.tolist()


@pytest.mark.parametrize("random_state", [0, 7])
def test_clusters_of_pixels_are_found_as_modes_are(random_state, make, benchmark):
    found_by = ModesConfig("kmeans", IPC, random_state, 2, 8, 50, "equal")
    made = make("kmeans_closest", {"found_by": found_by}, features="pixels")
    assert_kept(made, benchmark, {"coreset": "kmeans_closest", "features": "pixels"})
    for spec in benchmark.classes:
        points = real_images(spec.label).flatten(1).numpy() / 255
        fitted = KMeans(IPC, n_init=2, random_state=random_state).fit(points)
        numbers = numbers_in(made[spec.wnid])
        for number in numbers:
            cluster = points[fitted.labels_ == fitted.labels_[number]]
            distances = np.linalg.norm(cluster - cluster.mean(0), axis=1)
            own = np.linalg.norm(points[number] - cluster.mean(0))
            assert own == pytest.approx(distances.min(), rel=1e-5)
        assert len(set(fitted.labels_[numbers])) == IPC


def test_pixels_are_optimised_from_real_images_alone(make, benchmark):
    made = make("dm", {"device": "cpu"}, **BRIEF)
    for spec in benchmark.classes:
        of_class = made[spec.wnid]
        assert of_class.value.shape == (IPC, 3, SIDE, SIDE)
        assert of_class.value.dtype == torch.uint8
        assert set(of_class.metrics) == {"first_loss", "last_loss"}
        assert not {"mode", "nearest_real", "image_number"} & set(of_class.rows[0])
        assert {name: of_class.rows[0][name] for name in BRIEF} == BRIEF
        assert "device" not in of_class.rows[0]
    first, second = (of_class.value for of_class in made.values())
    assert not torch.equal(first, second)


def test_gradients_are_matched_from_real_images_of_all_classes_alone(make, benchmark):
    brief = {"network": "convnet1", "outer_iterations": 1, "inner_iterations": 1}
    made = make("idc1", {"device": "cpu"}, **brief, pretrain_epochs=0, factor=2)
    assert {wnid: len(of_class.value) for wnid, of_class in made.items()} == dict.fromkeys(
        benchmark.wnids, 4 * IPC
    )
    assert [row["ipc"] for row in made[benchmark.wnids[0]].rows] == [IPC] * 4 * IPC


def test_the_table_of_all_images_names_the_files_of_those_that_were_kept(make, train_images):
    made = make("random", {})
    partitions = {wnid: Partition(dict, wnid, rows=one.rows) for wnid, one in made.items()}
    table = collect_provenance(partitions, train_images)
    assert isinstance(table, pd.DataFrame)
    assert table["image_file"].tolist() == [f"{n}.png" for n in table["image_number"]]
    assert "nearest_real_file" not in table


@pytest.fixture
def make_unlike(benchmark, train_images):
    """Make the images of two classes of which the second has two real ones alone."""

    def make_images(method, wanted, given=MappingProxyType({}), **settings):
        first, second = benchmark.wnids
        few = Partition(lambda: real_images(1)[:2], "few", 2, rows=train_images[second].rows[:2])
        stage = distill_images(
            benchmark,
            method,
            wanted,
            {**METHODS[method], **settings},
            train_images={first: train_images[first], second: few},
            **given,
        )
        tasks = {wnid: task.loaded() for wnid, task in stage.tasks.items()}
        made = stage.function(tasks, stage.settings)
        assert all(len(one.rows) == len(one.value) == one.count for one in made.values())
        return made

    return make_images


IDC = {"outer_iterations": 1, "inner_iterations": 2, "pretrain_epochs": 0, "network_images": 8}
ON_PIXELS = [
    ("random", {}),
    ("herding", {"features": "pixels"}),
    ("k_center", {"features": "pixels"}),
    ("kmeans_closest", {"features": "pixels"}),
    ("dm", BRIEF),
    ("idc1", {**IDC, "network": "convnet1", "batch_real": 4}),
]


@pytest.mark.parametrize(("method", "settings"), ON_PIXELS)
@pytest.mark.parametrize(("balance", "counts"), [("equal", [3, 2]), ("share", [5, 1])])
def test_classes_of_unlike_sizes_have_as_many_images_as_they_can_or_their_share(
    method, settings, balance, counts, make_unlike
):
    given = {"found_by": ModesConfig("kmeans", IPC, 0, 2, 8, 50, balance), "device": "cpu"}
    made = make_unlike(method, DistillationConfig(IPC, 4, balance), given, **settings)
    assert [one.count for one in made.values()] == counts
    for one in made.values():
        assert {row["ipc"] for row in one.rows} == {IPC}
        assert len({image.numpy().tobytes() for image in one.value}) == one.count


def test_a_small_class_leaves_the_images_of_the_others_as_they_are(make, make_unlike, benchmark):
    unlike, alike = (
        make_unlike("dm", WANTED, {"device": "cpu"}, **BRIEF),
        make("dm", {"device": "cpu"}, **BRIEF),
    )
    first = benchmark.wnids[0]
    assert torch.equal(unlike[first].value, alike[first].value)


@pytest.mark.parametrize(("method", "settings"), [("dm", BRIEF), ("random", {})])
def test_classes_of_one_index_do_not_share_what_is_drawn(method, settings, benchmark):
    same = tuple(replace(spec, class_index=0) for spec in benchmark.classes)
    first, second = benchmark.wnids
    real = Partition(lambda: real_images(0), "same", COUNT)
    stage = distill_images(
        replace(benchmark, classes=same),
        method,
        WANTED,
        {**METHODS[method], **settings},
        train_images={first: real, second: real},
        device="cpu",
    )
    tasks = {wnid: task.loaded() for wnid, task in stage.tasks.items()}
    made = stage.function(tasks, stage.settings)
    assert not torch.equal(made[first].value, made[second].value)
