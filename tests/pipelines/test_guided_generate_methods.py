"""Every way to make distilled images, on a small project that has a teacher."""

import json
import shutil
from contextlib import chdir, contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError
from tiny_project import (
    IPC,
    PRIOR,
    REPOSITORY,
    TRAIN,
    base_parameters,
    evaluated,
    images_of,
    make_project,
    merged,
    output,
    run,
    runs_of,
    save_teacher,
    times_of,
)

from mgd3_kedro.backbones import load_autoencoder
from mgd3_kedro.coresets import pick_by_herding, pick_k_centers, pick_nearest_to_centroids
from mgd3_kedro.datasets.embedded_digits import read_class
from mgd3_kedro.datasets.image_folder import ImagePartitionsDataset, read_images
from mgd3_kedro.datasets.model_folder import ModelFolderDataset
from mgd3_kedro.evaluation.teacher import load_teacher
from mgd3_kedro.modes import find_modes
from mgd3_kedro.named_settings import OF_METHODS
from mgd3_kedro.pipelines.guided_generate.nodes import (
    collect_provenance,
    distill_images,
    measure_generation,
)
from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig
from mgd3_kedro.pipelines.guided_generate.procedures import inversion
from mgd3_kedro.preflight.making import check_method, check_real_images
from mgd3_kedro.stages import SMALL_IMAGES, Partition

CONFIGURED = base_parameters("parameters")["methods"]
SETTINGS = {
    # Models for 4, 4 and 2 of the classes.
    "minimax": {"epochs": 1, "batch_size": 32, "memory_size": 4, "classes_at_once": 4},
    "s3": {"groups": 2},
    "lgd": {"increment_size": 1, "kappa": 2},
    "rded": {"candidates": 12, "crops_per_image": 2, "factor": 2},
    "dm": {"network": "convnet1", "iterations": 2},
    "idc1": {
        "network": "convnet1",
        "outer_iterations": 1,
        "inner_iterations": 1,
        "pretrain_epochs": 0,
        "network_images": 16,
        "batch_real": 8,
        "learning_rate": 1.0,
    },
    "sre2l": {"iterations": 2},
}
"""Settings with which a method takes moments."""
DIGITS = [str(digit) for digit in range(10)]
KINDS = {
    kind: [name for name, method in CONFIGURED.items() if method["procedure"] == kind]
    for kind in dict.fromkeys(method["procedure"] for method in CONFIGURED.values())
}
IN_GROUPS = KINDS["choose_groups"] + KINDS["choose_increments"]
AT_ONCE = [name for name in CONFIGURED if name not in IN_GROUPS]
"""Methods whose images are made by one stage."""
SHARED = KINDS["denoise"] + KINDS["select"]
"""Methods that can have several small images in the place of each."""
FACTORS = {name: CONFIGURED[name]["factor"] for name in SHARED if "factor" in CONFIGURED[name]}
DRAWN = KINDS["denoise"] + KINDS["fine_tune"] + IN_GROUPS
KEPT = KINDS["select"]
PLACED = [*DRAWN, *KINDS["mix"], "kmeans_closest"]
"""Methods whose images have a place among modes and latents."""
OPTIMISED = KINDS["match_distribution"] + KINDS["match_gradients"] + KINDS["invert_teacher"]
TAUGHT = KINDS["cut_crops"] + KINDS["invert_teacher"]
EVALUATED = [methods[-1] for kind, methods in KINDS.items() if kind != "mix"]
"""One method of each kind, for what only whole runs show; but one with modes of its own."""
GUIDED = {
    "mgd3": 2,
    "mgd3_pooled": 4,
    "mgd3_anchored": 2,
    "mgd3_mixed": 4,
    "mgd3_quarters": 2,
    "transport": 2,
    "dmgd": 1,
    "cgs": 4,
    "dap": 2,
    "manifoldgd": 2,
    "lgd": 2,
}
"""Method -> how many of the four steps are guided."""
STAGES = ["discover_modes", "guided_generate", "train_eval"]
"""Of a run; latents are there, but some methods have modes of their own."""
TEACHING = {"network": "convnet1_bn", "epochs": 1}
READ = {
    **{name: name for name in ("benchmark", "train_images", "latents", "modes", "prior")},
    **{name: name for name in ("teacher", "checkpoints")},
    **{name: f"params:{name}" for name in ("method", "methods", "distillation", "device")},
    **{name: f"params:{name}" for name in ("diffusion", "autoencoder", "sampling")},
    "found_by": "params:modes",
    "seen_size": "params:evaluation.image_size",
}
"""Argument of what makes images -> catalog entry that it is given, whatever the method."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Make a project with a teacher, and networks trained on the images of one method of a kind."""
    project = quick(make_project(tmp_path_factory.mktemp("made")))
    run(project, "train_teacher", "encode", "discover_modes")
    for method in EVALUATED:
        with session_of(project, method=method) as session:
            session.run(pipeline_names=["distill"], tags=STAGES)
    return project


def quick(project):
    """Have every method of a project take moments."""
    values = {"methods": SETTINGS, "trainings": {"repeats": 1}, "teacher_training": TEACHING}
    path = project / "conf/mnist/parameters.yml"
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), values)))
    return project


@contextmanager
def session_of(project, **changes):
    bootstrap_project(project)
    with chdir(project), KedroSession.create(project, runtime_params=changes) as session:
        yield session


@pytest.fixture(scope="module")
def inputs(ran):
    """Return what images are made from, by all methods together."""
    with session_of(ran) as session:
        catalog = session.load_context().catalog
        return {argument: catalog.load(name) for argument, name in READ.items()}


@pytest.fixture(scope="module")
def make(inputs):
    """Make images in a folder, with some of what they are made from changed."""

    def make_images(folder, method, **changes):
        dataset = ImagePartitionsDataset(filepath=str(folder))
        dataset.save(distill_images(**{**inputs, "method": method, **changes}))
        return dataset.last_save

    return make_images


@pytest.fixture(scope="module")
def made(ran, make):
    """Make the images of the other methods, too, where a run would have them."""
    for method in set(CONFIGURED) - set(EVALUATED):
        make(output(ran, "07_model_output", method) / "images", method)
    return ran


@pytest.fixture(scope="module")
def provenance_of(made, inputs):
    """Collect what is written down about the images of a method."""
    return lambda method: collect_provenance(partitions_of(made, method), inputs["train_images"])


@pytest.fixture
def copy_of(made, tmp_path):
    """Copy the images of a method, and what is written down about them."""

    def copy(method):
        source = output(made, "07_model_output", method)
        for name in ("images", "images.manifest"):
            shutil.copytree(source / name, tmp_path / method / name)
        return tmp_path / method / "images"

    return copy


def pixels_in(folder):
    """Return the bytes of every image below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))
    }


def partitions_of(project, method):
    folder = output(project, "07_model_output", method) / "images"
    return ImagePartitionsDataset(filepath=str(folder)).load()


def settings_of(method):
    """Return the settings of a method as the tiny project has them."""
    own = yaml.safe_load((REPOSITORY / "conf/mnist/parameters.yml").read_text())["methods"]
    sources = (CONFIGURED[method], own.get(method, {}), SETTINGS.get(method, {}))
    merged = {name: value for source in sources for name, value in source.items()}
    merged.pop("procedure")
    return merged


def teacher_in(folder):
    """Load a teacher as the catalog does."""
    return ModelFolderDataset(
        model=str(folder), family="classifier", root="/", if_missing="write one"
    ).load()


@pytest.fixture(scope="module")
def another_teacher(tmp_path_factory):
    """Return a teacher that has not learnt anything."""
    return teacher_in(save_teacher(tmp_path_factory.mktemp("another"), "convnet1_bn", DIGITS))


def as_networks_see(images):
    """Return uint8 images normalised by ImageNet's colours."""
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    return (images / 255 - mean) / std


@pytest.mark.parametrize("method", CONFIGURED)
def test_every_class_has_as_many_images_of_the_right_side_as_asked_for(method, made):
    names = [f"{digit}/{number}.png" for digit in DIGITS for number in range(IPC)]
    assert list(images_of(made, method)) == names
    folder = output(made, "07_model_output", method) / "images"
    images = torch.stack([read_images(folder / digit) for digit in DIGITS])
    side = 32 // FACTORS.get(method, 1)
    assert images.shape == (10, IPC, 3, side, side)
    assert images.float().flatten(2).std(2).min() > 1


def test_no_two_methods_make_the_same_images(made):
    # Here all have the same modes, and with these ddoq has the images of d4m.
    methods = [method for method in CONFIGURED if method != "ddoq"]
    assert len({tuple(images_of(made, method).values()) for method in methods}) == len(methods)
    assert images_of(made, "ddoq") == images_of(made, "d4m")


@pytest.mark.parametrize("method", CONFIGURED)
def test_every_image_has_a_row_with_its_place_and_the_settings_of_its_method(
    method, made, provenance_of
):
    rows = provenance_of(method)
    assert rows["image"].tolist() == list(images_of(made, method))
    assert (rows["class_index"].astype(str) == rows["wnid"]).all()
    assert (rows["seed"] == 0).all()
    placed = {"mode", "nearest_real", "distance_to_mode", "distance_to_nearest_real"}
    assert placed & set(rows) == (placed if method in PLACED else set())
    if method in PLACED:
        assert rows["mode"].between(0, IPC - 1).all()
        assert rows["nearest_real"].between(0, 15).all()
        assert np.isfinite(rows[["distance_to_mode", "distance_to_nearest_real"]]).all(axis=None)
    assert ("image_number" in rows) == (method in KEPT + KINDS["mix"])
    assert {"environment", "command"} <= set(rows)
    settings = (
        settings_of(method) if method not in KINDS["fine_tune"] else {"mode_guidance_scale": 0}
    )
    if method in KINDS["cut_crops"]:
        assert "batch_size" not in rows
        del settings["batch_size"]
    for name in ("plain", "draws", *OF_METHODS, *(["factor"] if method in SHARED else [])):
        settings.pop(name, None)
    small = FACTORS.get(method, 1) ** 2
    assert (rows[SMALL_IMAGES] == small).all() if small > 1 else SMALL_IMAGES not in rows
    for name, value in settings.items():
        found = rows[name].map(list) if isinstance(value, list) else rows[name]
        assert all(one == value for one in found), name
    assert "device" not in rows


@pytest.mark.parametrize("method", KINDS["fine_tune"])
def test_data_sets_of_one_fine_tuned_model_count_its_time_each(
    method, made, make, inputs, tmp_path
):
    other_seed = replace(inputs["distillation"], seed=1)
    report = make(tmp_path / "images", method, distillation=other_seed)
    assert report.computed == len(DIGITS)
    counted = sum(
        p.seconds for p in ImagePartitionsDataset(filepath=str(tmp_path / "images")).load().values()
    )
    checkpoints = list((made / "data/06_models/checkpoints").rglob(f"{method}-*.ckpt"))
    assert len(checkpoints) == 3
    training = sum(torch.load(path, weights_only=True)["seconds"] for path in checkpoints)
    assert counted == pytest.approx(report.computing_seconds + training)


@pytest.mark.parametrize("method", EVALUATED)
def test_a_network_trained_on_them_is_a_row_with_the_method(method, made):
    folder = evaluated(made, "08_reporting", method)
    (row,) = pd.read_csv(folder / "result_rows.csv").to_dict("records")
    assert (row["method"], row["ipc"], row["network"]) == (method, IPC, "convnet1")
    assert 0 <= row["top1_last"] <= 100


@pytest.mark.parametrize("method", CONFIGURED)
def test_losses_are_measured_where_images_are_found_by_updates(method, made, provenance_of):
    metrics = measure_generation(partitions_of(made, method), provenance_of(method))
    assert metrics["images"] == 10 * IPC
    assert metrics.get("guided_steps") == {**dict.fromkeys(DRAWN, 0), **GUIDED}.get(method)
    losses = {name: metrics[name] for name in ("first_loss", "last_loss") if name in metrics}
    assert len(losses) == (2 if method in OPTIMISED else 0)
    assert all(loss > 0 for loss in losses.values())
    if method in KINDS["invert_teacher"]:
        # From noise, the first steps of Adam cannot but help.
        assert losses["last_loss"] < losses["first_loss"]


@pytest.mark.parametrize("method", EVALUATED)
def test_a_run_keeps_and_tracks_what_is_known_of_its_images(method, made, provenance_of):
    folder = output(made, "07_model_output", method)
    kept = pd.read_csv(folder / "provenance.csv", dtype={"wnid": str})
    expected = provenance_of(method)
    assert list(kept) == list(expected)
    assert kept["image"].tolist() == expected["image"].tolist()
    path = output(made, "08_reporting", method) / "generate_metrics.json"
    metrics = json.loads(path.read_text())
    assert metrics == pytest.approx(measure_generation(partitions_of(made, method), expected))
    runs = [one.data for one in runs_of(made) if "generate/images" in one.data.metrics]
    (tracked, *_) = [one.metrics for one in runs if one.params["method"] == method]
    assert {name: tracked[f"generate/{name}"] for name in metrics} == pytest.approx(metrics)


@pytest.mark.parametrize("method", KEPT)
def test_images_that_are_kept_are_real_ones_byte_for_byte(method, made, provenance_of):
    rows = provenance_of(method)
    folder = output(made, "07_model_output", method) / "images"
    for digit in DIGITS:
        real = read_class(int(digit), *TRAIN)
        places = rows[rows["wnid"] == digit]["image_number"].tolist()
        assert len(set(places)) == IPC
        assert torch.equal(read_images(folder / digit), real[places])


@pytest.mark.parametrize("method", [*OPTIMISED, *KINDS["cut_crops"]])
def test_images_that_are_made_are_no_real_ones(method, made):
    folder = output(made, "07_model_output", method) / "images"
    for digit in DIGITS:
        real = read_class(int(digit), *TRAIN).flatten(1)
        images = read_images(folder / digit).flatten(1)
        assert not (images[:, None] == real[None]).all(2).any()


def test_a_second_run_makes_nothing_again_whatever_networks_are_to_learn_from_it(ran):
    folder = output(ran, "07_model_output", "dm") / "images"
    before = times_of(folder)
    learning = {"learning_rate": 0.5, "cutmix": False}
    run(ran, "guided_generate", method="dm", evaluation=learning)
    assert times_of(folder) == before


@pytest.mark.parametrize("method", AT_ONCE)
def test_images_that_are_there_are_skipped_as_long_as_a_teacher_sees_the_same(
    method, copy_of, make
):
    folder = copy_of(method)
    before = times_of(folder)
    for seen_size in (None, 32, *(() if method in TAUGHT else (16,))):
        report = make(folder, method, seen_size=seen_size)
        assert (report.computed, report.skipped) == (0, 10)
    assert times_of(folder) == before


@pytest.mark.parametrize("method", AT_ONCE)
def test_images_of_a_class_that_were_lost_are_made_again_as_they_were(method, copy_of, make):
    folder = copy_of(method)
    before, times = pixels_in(folder), times_of(folder)
    shutil.rmtree(folder / "7")
    assert make(folder, method).computed == 1
    assert pixels_in(folder) == before
    after = times_of(folder)
    assert {name for name in after if after[name] != times[name]} == {"7/0.png", "7/1.png"}


def test_classes_that_a_teacher_is_not_shown_together_do_not_change_each_other(
    make, inputs, monkeypatch, tmp_path
):
    # Groups of 4, 4 and 2 classes: the teacher sees 4 images at once, one of each of its classes.
    monkeypatch.setattr(inversion, "LABELS_AT_ONCE", 4)
    assert make(tmp_path / "all", "sre2l").computed == 10
    images = pixels_in(tmp_path / "all")
    shutil.rmtree(tmp_path / "all/9")
    shutil.rmtree(tmp_path / "all/4")
    assert make(tmp_path / "all", "sre2l").computed == 2
    assert pixels_in(tmp_path / "all") == images
    # Hardly optimised, they show the noise that each began with.
    noise = {"sre2l": {**inputs["methods"]["sre2l"], "learning_rate": 1e-9}}
    make(tmp_path / "noise", "sre2l", methods=noise)
    assert len(set(pixels_in(tmp_path / "noise").values())) == 10 * IPC


@pytest.mark.parametrize("at_once", [4, 100])
def test_a_teacher_sees_in_images_found_by_it_the_class_they_are_kept_as(
    at_once, make, inputs, another_teacher, monkeypatch, tmp_path
):
    monkeypatch.setattr(inversion, "LABELS_AT_ONCE", at_once)
    settings = {"iterations": 6, "r_bn": 0.0, "crop_min_scale": 1.0, "jitter": 0}
    methods = {"sre2l": {**inputs["methods"]["sre2l"], **settings}}
    make(tmp_path / "images", "sre2l", methods=methods, teacher=another_teacher)
    teacher = load_teacher(another_teacher.load(), inputs["benchmark"].classes, 32)
    images = torch.cat([read_images(tmp_path / "images" / digit) for digit in DIGITS])
    with torch.no_grad():
        seen = teacher(as_networks_see(images)).argmax(1)
    assert seen.tolist() == [digit for digit in range(10) for _ in range(IPC)]


def test_images_depend_on_those_of_other_classes_if_they_are_found_together(copy_of, make, inputs):
    replaced = {**inputs["train_images"]}
    replaced["7"] = replaced["8"]
    assert make(copy_of("idc1"), "idc1", train_images=replaced).computed == 10
    alone = copy_of("dm")
    assert make(alone, "dm", train_images=replaced).computed == 1
    # Random numbers are those of the class: from the same real images it has others.
    images = pixels_in(alone)
    assert not {images["7/0.png"], images["7/1.png"]} & {images["8/0.png"], images["8/1.png"]}


def test_a_class_of_few_images_is_put_together_from_those_it_has(make, inputs, tmp_path):
    real = inputs["train_images"]
    few = Partition(lambda: real["7"].load()[:5], "few", 5)
    make(tmp_path / "images", "rded", train_images={**real, "7": few})
    names = [name for name in pixels_in(tmp_path / "images") if name.startswith("7/")]
    assert names == ["7/0.png"]
    assert len(pixels_in(tmp_path / "images")) == 9 * IPC + 1


def test_images_that_show_four_each_are_written_as_what_they_show(make, inputs, tmp_path):
    methods = {"idc1": {**inputs["methods"]["idc1"], "factor": 2}}
    make(tmp_path / "images", "idc1", methods=methods)
    partitions = ImagePartitionsDataset(filepath=str(tmp_path / "images")).load()
    for digit, partition in partitions.items():
        images = partition.load()
        assert images.shape == (partition.count, 3, 32, 32) == (4 * IPC, 3, 32, 32)
        assert [row["image"] for row in partition.rows] == [
            f"{digit}/{number}.png" for number in range(4 * IPC)
        ]
        # Enlarged twice, neighbours are nearer each other than pixels of real digits.
        steps, real = (i.float().diff(dim=3).abs().max() for i in (images, read_class(0, 0, 8)))
        assert steps < 0.9 * real


@pytest.mark.parametrize("method", ["random", "rded", "dm", "idc1", "sre2l"])
def test_another_seed_makes_other_images_and_the_same_seed_the_same(method, make, made, tmp_path):
    torch.manual_seed(99)
    make(tmp_path / "same", method)
    assert pixels_in(tmp_path / "same") == images_of(made, method)
    make(tmp_path / "other", method, distillation=DistillationConfig(IPC, 1, "equal"))
    other = pixels_in(tmp_path / "other")
    same = [name for name, image in images_of(made, method).items() if other[name] == image]
    # Two real images of sixteen may be drawn again.
    assert len(same) <= (6 if method == "random" else 0)


@pytest.mark.parametrize("method", AT_ONCE)
def test_another_teacher_makes_other_images_of_the_methods_that_ask_one_alone(
    method, copy_of, make, another_teacher
):
    folder = copy_of(method)
    before = pixels_in(folder)
    report = make(folder, method, teacher=another_teacher)
    assert report.computed == (10 if method in TAUGHT else 0)
    changed = {name for name, image in pixels_in(folder).items() if image != before[name]}
    assert bool(changed) == (method in TAUGHT)


def pick_as(method, features, found_by):
    """Pick from a class, (IPC,), as a method does."""
    if method == "kmeans_closest":
        modes = find_modes(features[:, :, None, None], found_by, "n01440764").modes
        return pick_nearest_to_centroids(features, modes)
    pick = {"herding": pick_by_herding, "k_center": pick_k_centers}[method]
    return pick(features, IPC)


@pytest.mark.parametrize("method", ["herding", "k_center", "kmeans_closest"])
def test_what_a_teacher_sees_chooses_other_images_than_latents_do(
    method, make, inputs, made, tmp_path
):
    methods = {method: {**inputs["methods"][method], "features": "teacher"}}
    make(tmp_path / "images", method, methods=methods)
    chosen = pixels_in(tmp_path / "images")
    assert chosen.keys() == images_of(made, method).keys()
    assert chosen != images_of(made, method)
    teacher = load_teacher(inputs["teacher"].load(), inputs["benchmark"].classes, 32).network
    for digit in ("0", "6"):
        real = read_class(int(digit), *TRAIN)
        with torch.no_grad():
            read = teacher.features(as_networks_see(real))
        places = pick_as(method, read, inputs["found_by"])
        assert torch.equal(read_images(tmp_path / "images" / digit), real[places])


@pytest.mark.parametrize("features", ["latents", "pixels", "teacher"])
def test_the_same_images_are_kept_as_the_autoencoder_reconstructs_them(
    features, make, inputs, tmp_path
):
    plain = {**inputs["methods"]["herding"], "features": features}
    kept = {}
    for reconstructed in (False, True):
        folder = tmp_path / f"images-{reconstructed}"
        make(folder, "herding", methods={"herding": {**plain, "reconstructed": reconstructed}})
        kept[reconstructed] = ImagePartitionsDataset(filepath=str(folder)).load()
    autoencoder = load_autoencoder(inputs["prior"].load(), inputs["autoencoder"])
    for digit in ("0", "6"):
        images, decoded = (kept[which][digit].load()[:] for which in (False, True))
        assert torch.equal(decoded, autoencoder.decode(autoencoder.encode(images), 32))
        assert not torch.equal(decoded, images)
        before, after = (kept[which][digit].rows for which in (False, True))
        assert [row["reconstructed"] for row in after] == [True] * IPC
        assert before == tuple({**row, "reconstructed": False} for row in after)


def losses_of(folder, inputs, teacher):
    """Return how little a teacher takes every image of a folder for its class, (10, IPC)."""
    network = load_teacher(teacher.load(), inputs["benchmark"].classes, 32)
    with torch.no_grad():
        logits = [network(as_networks_see(read_images(folder / digit))) for digit in DIGITS]
    return torch.stack(
        [of_class.logsumexp(1) - of_class[:, label] for label, of_class in enumerate(logits)]
    )


def test_of_several_draws_the_one_stays_that_a_teacher_is_surest_about(
    make, inputs, made, another_teacher, tmp_path
):
    sampling = replace(inputs["sampling"], candidates=3, candidate_score="confidence")
    images = tmp_path / "images"
    make(images, "mgd3", sampling=sampling)
    plain = output(made, "07_model_output", "mgd3") / "images"
    kept, first = (losses_of(folder, inputs, inputs["teacher"]) for folder in (images, plain))
    assert (kept <= first + 1e-4).all()
    assert (kept < first - 1e-3).any()
    kept_images = ImagePartitionsDataset(filepath=str(images)).load()
    rows = collect_provenance(kept_images, inputs["train_images"])
    assert (rows["candidate_score"] == "confidence").all()
    same = torch.tensor((rows["candidate"] == 0).to_numpy()).unflatten(0, first.shape)
    assert torch.equal(kept[same], first[same])
    assert 0 < same.sum() < same.numel()
    # Another teacher is sure about others, and asked again.
    assert make(images, "mgd3", sampling=sampling, teacher=another_teacher).computed == 10
    assert (
        losses_of(images, inputs, another_teacher)
        <= losses_of(plain, inputs, another_teacher) + 1e-4
    ).all()


def test_a_single_draw_asks_no_teacher_and_says_no_score(make, inputs, copy_of, another_teacher):
    sampling = replace(inputs["sampling"], candidate_score="confidence")
    folder = copy_of("mgd3")
    make(folder, "mgd3", sampling=sampling)
    assert make(folder, "mgd3", sampling=sampling, teacher=another_teacher).computed == 0
    kept_images = ImagePartitionsDataset(filepath=str(folder)).load()
    rows = collect_provenance(kept_images, inputs["train_images"])
    assert rows["candidate_score"].isna().all()


def test_crops_are_those_that_the_teacher_recognises_best_in_the_order_of_its_ranking(inputs, made):
    teacher = load_teacher(inputs["teacher"].load(), inputs["benchmark"].classes, 32)
    folder = output(made, "07_model_output", "rded") / "images"
    for digit in (0, 5):
        images = read_images(folder / str(digit))
        # Place p * ipc + i of the ranking is patch p of image i, shown within the mean colour.
        patches = [images[..., y : y + 16, x : x + 16] for y in (0, 16) for x in (0, 16)]
        shown = torch.zeros(4 * IPC, 3, 32, 32)
        shown[..., 8:24, 8:24] = as_networks_see(torch.cat(patches))
        with torch.no_grad():
            logits = teacher(shown)
        losses = logits.logsumexp(1) - logits[:, digit]
        # Patches were scored before they were rounded to bytes.
        assert (losses.diff() > -0.02).all()
        assert losses[-1] > losses[0] + 0.1


def test_a_method_without_its_teacher_is_refused_before_any_work(made, tmp_path):
    before = times_of(made / "data"), len(runs_of(made))
    message = (
        "expected model weights in .*; kedro run --pipelines=train_teacher, with the same --env"
    )
    with pytest.raises(DatasetError, match=message):
        run(made, "guided_generate", method="rded", teacher=str(tmp_path))
    assert (times_of(made / "data"), len(runs_of(made))) == before


@pytest.mark.parametrize("method", ["random", *OPTIMISED[:1]])
def test_a_whole_run_of_a_method_without_latents_does_without_a_model(method, project):
    shutil.rmtree(project / PRIOR)
    run(quick(project), "distill", method=method)
    assert len(images_of(project, method)) == 10 * IPC
    of_a_model = ("latents*", "modes*", "radii_of_latents*")
    assert not [path for name in of_a_model for path in (project / "data").rglob(name)]
    costs = pd.read_csv(output(project, "08_reporting", method) / "stage_costs.csv")
    assert costs["stage"].tolist() == ["guided_generate"]


@pytest.fixture
def check(inputs):
    """Check a method before the run, with a teacher and settings of its own."""

    def check_with(method, teacher=inputs["teacher"], prior=inputs["prior"], **settings):
        methods = {**inputs["methods"], method: {**inputs["methods"][method], **settings}}
        read = {name: inputs[argument] for argument, name in READ.items()}
        changes = {"params:method": method, "params:methods": methods}
        changes |= {"teacher": teacher, "prior": prior}
        own = methods[method].get("modes", {})
        changes |= {"params:modes": replace(inputs["found_by"], **own)}
        seen = {**read, "params:ipc": IPC, **changes, "train_images": inputs["train_images"]}
        check_method(seen)
        check_real_images(seen)

    return check_with


def test_more_crops_than_there_are_images_are_refused_before_the_run(check):
    check("rded", factor=4, candidates=40)
    message = (
        r"^train_images: expected at least 64 images per class, .* rded .*, got 16 in class 0; "
    )
    with pytest.raises(ValueError, match=message):
        check("rded", factor=8, candidates=200)


@pytest.mark.parametrize("method", KINDS["fine_tune"])
def test_a_model_that_cannot_be_fine_tuned_is_refused_before_the_run(method, check, inputs):
    model = replace(inputs["prior"].load(), family="stable_diffusion")
    check(method)
    with pytest.raises(ValueError, match=r"got a model of the family stable_diffusion; .*backbone"):
        check(method, prior=Partition(lambda: model, ""))


COMPARING = [method for method in KEPT if method != "random"]
ASKING = [
    *((method, {}) for method in (*TAUGHT, *KINDS["choose_increments"])),
    *((m, {"features": "teacher"}) for m in (*COMPARING, *KINDS["choose_groups"])),
]


@pytest.mark.parametrize(("method", "settings"), ASKING)
def test_every_method_that_asks_a_teacher_is_refused_without_one(
    method, settings, check, inputs, tmp_path
):
    check(method, inputs["teacher"], **settings)
    missing = ModelFolderDataset(
        model=str(tmp_path), family="classifier", root="/", if_missing="train one", optional=True
    )
    with pytest.raises(DatasetError, match=r"--params model=FOLDER; train one"):
        check(method, missing.load(), **settings)


@pytest.mark.parametrize("method", sorted({*CONFIGURED} - {m for m, own in ASKING if not own}))
def test_a_method_that_asks_no_teacher_does_without(method, check, tmp_path):
    check(method, Partition(lambda: pytest.fail("the teacher was asked"), "missing"))


def test_a_teacher_without_batch_norm_is_refused_where_its_statistics_are_asked(check, tmp_path):
    teacher = teacher_in(save_teacher(tmp_path / "teacher", "convnet1", DIGITS))
    check("rded", teacher)
    with pytest.raises(ValueError, match="expected a network with batch norm"):
        check("sre2l", teacher)


def test_a_teacher_that_tells_no_features_is_refused_where_they_are_asked(check, tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[4], depths=[1], num_labels=10
    )
    transformers.ResNetForImageClassification(config).save_pretrained(tmp_path)
    teacher = teacher_in(tmp_path)
    check("sre2l", teacher)
    message = r"a teacher made by train_teacher, .* set methods\.NAME\.features=pixels$"
    with pytest.raises(ValueError, match=message):
        check("herding", teacher, features="teacher")
    with pytest.raises(ValueError, match=message):
        check("s3", teacher, features="teacher")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"modes": {"ipc": 2}},
            "modes.ipc: expected 1, the number that the method makes at a time, got 2",
        ),
        ({"increment_size": 2}, "modes.ipc: expected 2, the value of ipc, got 1"),
    ],
)
def test_modes_are_as_many_as_images_of_an_increment(settings, message, check):
    with pytest.raises(ValueError, match=f"^{message}$"):
        check("lgd", **settings)
