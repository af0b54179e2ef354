"""Distilled images are compared with real ones by latents, or by pixels without any model."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from mgd3_kedro.backbones import load_autoencoder
from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.images import LazyImages
from mgd3_kedro.metrics import METRICS, AnalysisConfig, Neighbourhoods, score_diversity
from mgd3_kedro.metrics.analysis import DRAWN_CLASSES
from mgd3_kedro.metrics.analysis import FEATURES as CHOICES
from mgd3_kedro.pipelines.analyze_diversity import create_pipeline
from mgd3_kedro.pipelines.analyze_diversity.features import (
    REAL_FEATURES,
    SYNTHETIC_FEATURES,
    FeatureSettings,
    flatten_real,
    flatten_synthetic,
)
from mgd3_kedro.pipelines.analyze_diversity.nodes import (
    FEATURE_SPACES,
    analyze_latents,
    analyze_pixels,
    collect_scores,
    measure_diversity,
)
from mgd3_kedro.pipelines.analyze_diversity.radii import measure_latents, measure_pixels
from mgd3_kedro.stages import Partition, Task

BIRDS = Benchmark("birds", 16, tuple(ClassSpec(i, f"n{i}", i, f"bird {i}") for i in range(2)))
CONFIG = AnalysisConfig(5.0, 0, plane_components=50, features=None, planes="drawn")


def images(count, size, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=generator)


def partitions(values):
    return {wnid: Partition(lambda value=value: value, wnid) for wnid, value in values.items()}


REAL = {wnid: images(12, 16, seed) for seed, wnid in enumerate(BIRDS.wnids)}
MADE = {wnid: images(4, 32, seed + 10) for seed, wnid in enumerate(BIRDS.wnids)}


def compute(stage):
    """Return what a stage makes of all classes, as partitions."""
    loaded = {wnid: task.loaded() for wnid, task in stage.tasks.items()}
    made = stage.function(loaded, stage.settings)
    return partitions({wnid: one.value for wnid, one in made.items()})


def by_pixels(real=REAL):
    given = partitions(real)
    radii = compute(measure_pixels(BIRDS, given))
    return compute(analyze_pixels(BIRDS, partitions(MADE), radii, given, CONFIG))


@pytest.fixture
def by_latents(model_folder, make_autoencoding):
    """Analyse by latents."""
    autoencoder = load_autoencoder(model_folder, make_autoencoding())
    real = partitions(
        {wnid: {"latents": autoencoder.encode(of_class)} for wnid, of_class in REAL.items()}
    )
    prior, radii = Partition(lambda: model_folder, "0"), compute(measure_latents(BIRDS, real))
    stage = analyze_latents(
        BIRDS, partitions(MADE), radii, real, prior, CONFIG, make_autoencoding()
    )
    return compute(stage)


def test_pixels_are_flattened_from_0_to_1_at_the_size_of_the_benchmark():
    ramp = torch.tensor([0, 255], dtype=torch.uint8)
    task = Task({"images": ramp.expand(1, 3, 2, 2), "real": images(2, 4, 0)})
    seeing = FeatureSettings("pixels", 4, None)
    real, synthetic = flatten_real(task, seeing), flatten_synthetic(task, seeing)
    np.testing.assert_allclose(real * 255, task.inputs["real"].flatten(1), rtol=1e-6)
    assert synthetic.shape == (1, 48)
    assert (synthetic.min(), synthetic.max()) == (0, 1)


def test_pixels_of_images_that_are_not_decoded_yet_are_the_same():
    lazy = {
        wnid: LazyImages(lambda numbers, of=of_class: of[numbers], len(of_class), 16)
        for wnid, of_class in REAL.items()
    }
    for given, expected in zip(by_pixels(lazy).values(), by_pixels().values(), strict=True):
        assert given.load() == expected.load()


def test_images_are_scored_by_pixels():
    for wnid, partition in by_pixels().items():
        value = partition.load()
        assert value["scores"]["features"] == value["samples"]["features"] == "pixels"
        fitted = fit_images(MADE[wnid], 16, 16).flatten(1).numpy() / 255
        np.testing.assert_allclose(
            value["samples"]["diversity"], score_diversity(fitted), rtol=1e-5
        )
        assert (len(value["real"]), len(value["synthetic"])) == (12, 4)


def test_images_are_scored_by_latents(by_latents, model_folder, make_autoencoding):
    autoencoder = load_autoencoder(model_folder, make_autoencoding())
    for wnid, partition in by_latents.items():
        value = partition.load()
        assert value["scores"]["features"] == value["samples"]["features"] == "latents"
        encoded = autoencoder.encode(fit_images(MADE[wnid], 16, 16)).flatten(1).numpy()
        assert value["samples"]["diversity"] == score_diversity(encoded).tolist()


def test_tables_say_which_run_and_features_their_scores_are_of():
    classes, of_images = collect_scores(by_pixels(), "candidates=2", "mgd3", 3)
    assert len(classes) == 2
    assert len(of_images) == 8
    for table in (classes, of_images):
        assert list(table)[:3] == ["method", "settings", "seed"]
        (run,) = table[["method", "settings", "seed", "features"]].drop_duplicates().to_numpy()
        assert run.tolist() == ["mgd3", "candidates=2", 3, "pixels"]


def test_a_metric_is_a_function_and_a_line_in_the_table(monkeypatch):
    monkeypatch.setitem(METRICS, "samples", lambda given: float(len(given.synthetic)))
    classes, _ = collect_scores(by_pixels(), "", "mgd3", 0)
    assert classes["samples"].tolist() == [4.0, 4.0]
    assert measure_diversity(classes)["mean/samples"] == 4.0
    monkeypatch.delitem(METRICS, "samples")
    assert "samples" not in collect_scores(by_pixels(), "", "mgd3", 0)[0]


def test_scores_that_a_single_image_lacks_have_no_mean():
    scores = pd.DataFrame(
        [
            {**dict.fromkeys((*METRICS, *(f"{n}_in_plane" for n in METRICS)), 1.0), "wnid": wnid}
            for wnid in BIRDS.wnids
        ]
    )
    scores.loc[1, "recall"] = np.nan
    measured = measure_diversity(scores)
    assert measured["mean/coverage"] == 1.0
    assert not [name for name in measured if name.endswith("/recall")]


@pytest.mark.parametrize(
    ("features", "read", "unread"),
    [
        ("latents", {"latents", "prior", "params:autoencoder"}, {"train_images"}),
        ("pixels", {"train_images"}, {"latents", "prior", "params:autoencoder"}),
    ],
)
def test_a_pipeline_reads_what_its_features_need(features, read, unread):
    inputs = create_pipeline(features).inputs()
    assert read <= inputs
    assert not unread & inputs
    made = {"analysis", "diversity_scores", "sample_scores", "latent_plane"}
    assert made <= create_pipeline(features).all_outputs()


def test_latents_are_compared_unless_asked_otherwise():
    assert create_pipeline().inputs() == create_pipeline("latents").inputs()


def test_the_same_features_can_be_asked_for_planned_and_computed():
    assert set(CHOICES) == set(REAL_FEATURES) == set(SYNTHETIC_FEATURES) == set(FEATURE_SPACES)


@pytest.mark.parametrize("features", [None, *CHOICES])
def test_features_are_chosen_by_name_or_follow_the_method(features):
    assert AnalysisConfig(30.0, 0, 50, features, "drawn").features == features


def test_unknown_features_are_refused():
    with pytest.raises(ValueError, match="features: expected one of latents, pixels, got 'hog'"):
        AnalysisConfig(30.0, 0, 50, "hog", "drawn")
    with pytest.raises(ValueError, match="planes: expected one of drawn, all, got 'none'"):
        AnalysisConfig(30.0, 0, 50, None, "none")
    with pytest.raises(ValueError, match="plane_components: expected"):
        AnalysisConfig(30.0, 0, 1, None, "drawn")
    with pytest.raises(ValueError, match="perplexity: expected a number"):
        AnalysisConfig(0.0, 0, 50, None, "drawn")


def test_features_that_are_not_finite_are_refused_by_class_and_image(
    model_folder, make_autoencoding
):
    autoencoder = load_autoencoder(model_folder, make_autoencoding())
    real = {wnid: {"latents": autoencoder.encode(of_class)} for wnid, of_class in REAL.items()}
    real["n1"]["latents"][3] = torch.nan
    measured = measure_latents(BIRDS, partitions(real))
    with pytest.raises(FloatingPointError, match=r"class n1: real: .* 1 of 12 .*image 3"):
        compute(measured)
    radii = partitions({wnid: {"radii": torch.ones(12)} for wnid in BIRDS.wnids})
    prior = Partition(lambda: model_folder, "0")
    stage = analyze_latents(
        BIRDS, partitions(MADE), radii, partitions(real), prior, CONFIG, make_autoencoding()
    )
    with pytest.raises(FloatingPointError, match=r"class n1: real: .* 1 of 12 .*image 3"):
        compute(stage)


def test_scores_with_radii_that_were_kept_are_those_without():
    seeing = FeatureSettings("pixels", 16, None)
    for wnid, partition in by_pixels().items():
        task = Task({"images": MADE[wnid], "real": REAL[wnid]})
        samples = Neighbourhoods(flatten_real(task, seeing), flatten_synthetic(task, seeing))
        scores = partition.load()["scores"]
        assert {name: scores[name] for name in METRICS} == {
            name: measure(samples) for name, measure in METRICS.items()
        }


def test_radii_depend_on_the_real_images_alone():
    stage = measure_pixels(BIRDS, partitions(REAL))
    for wnid, task in stage.tasks.items():
        assert [name for name, _ in task.partitions] == ["real"]
        assert compute(stage)[wnid].load()["radii"].shape == (12,)


def test_only_classes_that_are_drawn_have_a_plane_unless_all_are_asked_for():
    last = replace(BIRDS.classes[1], label=DRAWN_CLASSES)
    between = (replace(last, label=n, wnid=f"b{n}") for n in range(1, DRAWN_CLASSES))
    birds = replace(BIRDS, classes=(BIRDS.classes[0], *between, last))
    images = {wnid: MADE.get(wnid, MADE["n0"]) for wnid in birds.wnids}
    real = partitions({wnid: REAL.get(wnid, REAL["n0"]) for wnid in birds.wnids})
    for planes, expected in (("drawn", [True] * 10 + [False]), ("all", [True] * 11)):
        config = replace(CONFIG, planes=planes)
        stage = analyze_pixels(birds, partitions(images), real, real, config)
        assert [task.about["has_plane"] for task in stage.tasks.values()] == expected


def test_a_class_without_a_plane_has_all_other_scores_and_no_mean_of_those_in_the_plane():
    stage = analyze_pixels(
        BIRDS,
        partitions(MADE),
        compute(measure_pixels(BIRDS, partitions(REAL))),
        partitions(REAL),
        CONFIG,
    )
    stage.tasks["n1"].about["has_plane"] = False
    found = compute(stage)
    assert {"real", "synthetic"}.isdisjoint(found["n1"].load())
    classes, of_images = collect_scores(found, "", "mgd3", 0)
    assert classes[list(METRICS)].notna().all(axis=None)
    assert classes["diversity_in_plane"].notna().tolist() == [True, False]
    assert of_images["diversity_in_plane"].notna().tolist() == [True] * 4 + [False] * 4
    measured = measure_diversity(classes)
    assert "mean/diversity" in measured
    assert not [name for name in measured if name.endswith("_in_plane")]
