"""Methods as they are planned: settings, what they need, what they refuse, what they depend on."""

from dataclasses import fields, replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tiny_project import base_parameters

from mgd3_kedro.devices import PRECISIONS
from mgd3_kedro.evaluation import build_network
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.teacher import Published, Selected
from mgd3_kedro.fingerprint import plain_text
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.named_settings import OF_METHODS
from mgd3_kedro.pipelines.guided_generate.nodes import (
    collect_provenance,
    measure_generation,
    tabulate_cost,
)
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    DistillationConfig,
    Source,
    build_settings,
)
from mgd3_kedro.pipelines.guided_generate.procedures import PROCEDURES, plan_method
from mgd3_kedro.pipelines.guided_generate.procedures.features import FEATURES
from mgd3_kedro.pipelines.guided_generate.procedures.selection import Selection
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import Teacher
from mgd3_kedro.pipelines.guided_generate.provenance import (
    ImageOrigin,
    describe_images,
    place_images,
)
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.stages import Partition, is_neutral

METHODS = base_parameters("parameters")["methods"]
OF = {
    procedure: [name for name, method in METHODS.items() if method["procedure"] == procedure]
    for procedure in PROCEDURES
}
TAUGHT = {"rded", "sre2l", "herding_taught"}
WITH_TAUGHT = {
    **METHODS,
    "herding_taught": {**METHODS["herding"], "features": "teacher"},
    "herding_decoded": {**METHODS["herding"], "reconstructed": True},
    "kmeans_of_pixels": {**METHODS["kmeans_closest"], "features": "pixels"},
}
FOUND_BY = ModesConfig("kmeans", 10, 0, 10, 8, 50, "equal")


@pytest.fixture
def make_common(make_classes, make_diffusion, make_autoencoding):
    """Return what methods share, for three classes of 256 px, with some of it changed."""

    def make(**changes):
        shared = {
            "classes": tuple(make_classes([0, 1, 2])),
            "image_size": 256,
            "teacher_size": 224,
            "diffusion": make_diffusion(),
            "autoencoder": make_autoencoding(),
            "sampling": SamplingConfig("noise", 0.7, 0.1, "constant", 25, None),
            "distillation": DistillationConfig(10, 0, "equal"),
            "modes": FOUND_BY,
            "device": "cpu",
            "checkpoints": "",
        }
        return Common(**{**shared, **changes})

    return make


def test_every_procedure_is_that_of_a_configured_method():
    assert all(OF.values())
    assert sum(map(len, OF.values())) == len(METHODS)


@pytest.mark.parametrize("method", WITH_TAUGHT)
def test_a_configured_method_is_planned_from_sources_that_there_are(method, make_common):
    plan = plan_method(method, WITH_TAUGHT, make_common())
    assert set(plan.needs) <= set(get_args(Source))
    assert len(set(plan.needs)) == len(plan.needs)
    asks = method in TAUGHT
    assert ("teacher" in plan.needs) == (plan.try_teacher is not None) == asks


CHOSEN_TWICE = r"candidates: expected 1, .* got 2; set methods\.NAME\.draws\.candidates=1$"
WHOLE = [(method, "factor") for method in OF["select"]]
"""Settings that have a default."""


@pytest.mark.parametrize("method", OF["denoise"])
def test_a_method_that_denoises_has_the_common_settings_but_for_its_own(method, make_common):
    common = make_common()
    taken = ("procedure", "factor", *OF_METHODS)
    own = {name: value for name, value in METHODS[method].items() if name not in taken}
    plan = plan_method(method, METHODS, common)
    sampling = common.sampling.plain() if own.pop("plain", False) else common.sampling
    assert plan.settings.sampling == replace(sampling, **own)
    assert plan.settings.diffusion == common.diffusion
    assert plan.settings.factor == METHODS[method].get("factor", 1)


@pytest.mark.parametrize(
    ("max_batch", "ipc", "classes"), [(128, 10, 25), (128, 128, 1), (1, 10, 1)]
)
def test_classes_that_fit_a_batch_are_denoised_together(max_batch, ipc, classes, make_common):
    diffusion = replace(make_common().diffusion, max_batch=max_batch)
    common = make_common(diffusion=diffusion, distillation=DistillationConfig(ipc, 0, "equal"))
    assert plan_method("mgd3", METHODS, common).group_size == classes


@pytest.mark.parametrize("method", METHODS)
def test_a_setting_that_a_method_does_not_have_is_refused_by_name(method, make_common):
    methods = {**METHODS, method: {**METHODS[method], "batch": 3}}
    with pytest.raises(
        ValueError, match=rf"^methods\.{method}: unknown setting of a method 'batch'"
    ):
        plan_method(method, methods, make_common())


def test_with_other_steps_than_it_was_chosen_for_guidance_stops_at_the_same_noise(
    make_common, make_diffusion
):
    diffusion = make_diffusion(num_inference_steps=20, reference_steps=40)
    common = make_common(diffusion=diffusion)
    asked = common.sampling.stop_guidance_step
    plan = plan_method("mgd3", METHODS, common)
    assert plan.settings.sampling.stop_guidance_step == round(asked / 2)


@pytest.mark.parametrize("method", [*OF["match_distribution"], *OF["match_gradients"]])
def test_where_pixels_are_optimised_is_no_setting_of_a_method(method, make_common):
    methods = {**METHODS, method: {**METHODS[method], "device": "cuda"}}
    with pytest.raises(ValueError, match="unknown setting of a method 'device'"):
        plan_method(method, methods, make_common())
    plan = plan_method(method, METHODS, make_common(device="auto"))
    assert plan.settings.config.device == "auto"


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (method, name)
        for method, settings in METHODS.items()
        if method not in OF["denoise"]
        for name in settings
        if name not in ("procedure", *OF_METHODS) and (method, name) not in WHOLE
    ],
)
def test_a_setting_that_is_missing_is_refused_by_name(method, name, make_common):
    settings = {key: value for key, value in METHODS[method].items() if key != name}
    with pytest.raises(ValueError, match=rf"^methods\.{method}: expected the setting {name}, got"):
        plan_method(method, {method: settings}, make_common())


@pytest.mark.parametrize(
    ("method", "changes", "message"),
    [
        ("mgd3", {"mode_guidance_scale": -1}, "mode_guidance_scale: expected a number in"),
        (
            "mgd3_mixed",
            {"draws": {"factor": 2}},
            "draws.factor: expected no such setting, as these",
        ),
        ("s3", {"draws": {"factor": 2}}, "draws.factor: expected no such setting, as these"),
        ("lgd", {"draws": {"factor": 2}}, "draws.factor: expected no such setting, as these"),
        ("unguided", {"plain": "yes"}, "plain: expected true or false, got 'yes'"),
        ("random", {"coreset": "randm"}, "unknown coreset 'randm': .* did you mean 'random'"),
        (
            "herding",
            {"features": "pixel"},
            "unknown features 'pixel': expected one of latents, pixels, teacher",
        ),
        ("random", {"reconstructed": "yes"}, "reconstructed: expected true or false, got 'yes'"),
        ("rded", {"crop_min_scale": 0}, r"crop_min_scale: expected a number in \(0, 1\], got 0"),
        (
            "rded",
            {"factor": 3},
            "factor: expected an image side that is a multiple of 3, such as 255 or 258",
        ),
        ("rded", {"candidates": 39}, r"candidates: expected a number in \[40, inf\), got 39"),
        ("dm", {"network": "convnet7", "size": 64}, "convnet7: expected images of at least 128"),
        ("dm", {"network": "convnet9"}, "unknown network 'convnet9'"),
        ("idc1", {"network": "convnet7", "size": 64}, "convnet7: expected images of at least 128"),
        ("idc1", {"factor": 3}, "factor: expected an image side that is a multiple of 3"),
        ("sre2l", {"iterations": 0.5}, "iterations: expected a number in"),
        ("s3", {"groups": 0}, r"groups: expected a number in \[1, inf\), got 0"),
        ("s3", {"draws": 3}, "draws: expected settings of a method, got 3"),
        ("s3", {"draws": {"scale": 1}}, "unknown setting of a method 'scale'"),
        ("s3", {"draws": {"candidates": 2}}, CHOSEN_TWICE),
        ("s3", {"features": "pixel"}, "unknown features 'pixel'"),
        ("s3", {"alpha": -1}, r"alpha: expected a number in \[0, inf\), got -1"),
        ("s3", {"pair_weight": "1"}, r"pair_weight: expected a number in \[0, inf\), got '1'"),
        ("lgd", {"kappa": 0}, r"kappa: expected a number in \[1, inf\), got 0"),
        ("lgd", {"omega": -1}, r"omega: expected a number in \[0, inf\), got -1"),
        ("lgd", {"increment_size": 0}, r"increment_size: expected a number in \[1, inf\), got 0"),
        ("lgd", {"draws": 3}, "draws: expected settings of a method, got 3"),
        ("lgd", {"draws": {"candidates": 2}}, CHOSEN_TWICE),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_with_its_method(
    method, changes, message, make_common
):
    own = {**METHODS[method], **changes}
    common = make_common(image_size=own.pop("size", 256))
    with pytest.raises(ValueError, match=rf"^methods\.{method}: {message}"):
        plan_method(method, {method: own}, common)


def test_candidates_that_all_methods_share_are_refused_with_where_they_are_set(make_common):
    shared = replace(make_common().sampling, candidates=2)
    with pytest.raises(ValueError, match=r"^methods\.lgd: .* got 2; set sampling\.candidates=1$"):
        plan_method("lgd", METHODS, make_common(sampling=shared))


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"mine": {"procedure": "dream"}}, "unknown procedure of method mine 'dream'"),
        ({"mine": {"coreset": "random"}}, "unknown procedure of method mine ''"),
        ({"mine": None}, "unknown procedure of method mine ''"),
        ({"yours": {}}, "unknown method 'mine': expected one of yours"),
    ],
)
def test_a_method_without_a_procedure_is_refused(methods, message, make_common):
    with pytest.raises(ValueError, match=message):
        plan_method("mine", methods, make_common())


def test_groups_are_drawn_as_the_images_of_a_method_are(make_common):
    common = make_common()
    for draws, method in (({}, "mgd3"), ({"plain": True}, "unguided")):
        drawn = plan_method("s3", {"s3": {**METHODS["s3"], "draws": draws}}, common)
        plan = plan_method(method, METHODS, common)
        assert drawn.settings.denoising == plan.settings
        assert (drawn.needs, drawn.group_size) == (plan.needs, plan.group_size)
        assert drawn.in_groups
        assert not plan.in_groups


def test_draws_of_increments_are_those_of_a_set_of_one_increment(make_common):
    ten, many = make_common(), make_common(distillation=DistillationConfig(25, 0, "equal"))
    own = {**METHODS["lgd"], "kappa": 3}
    plain, drawn = (plan_method("lgd", {"lgd": own}, common) for common in (ten, many))
    usual = plan_method("mgd3", METHODS, ten)
    assert (plain.function, plain.settings) == (usual.function, usual.settings)
    assert drawn.settings.denoising == plain.settings
    assert (drawn.settings.groups, drawn.images_each, drawn.in_groups) == (7, 10, True)
    assert not plain.in_groups


@pytest.mark.parametrize(
    "change", [{"alpha": 1.0}, {"beta": 0.1}, {"pair_weight": 0.2}, {"features": "pixels"}]
)
def test_how_groups_are_chosen_leaves_what_was_drawn_of_them(change, make_common):
    plans = [
        plan_method("s3", {"s3": {**METHODS["s3"], **changes}}, make_common())
        for changes in ({}, change, {"groups": 4})
    ]
    usual, chosen, fewer = (plain_text(plan.settings) for plan in plans)
    assert usual == chosen != fewer


def test_as_few_candidates_as_there_are_crops_are_enough(make_common):
    methods = {"rded": {**METHODS["rded"], "candidates": 40}}
    assert plan_method("rded", methods, make_common()).settings.config.candidates == 40


IN_GROUPS = [*OF["choose_groups"], *OF["choose_increments"]]
DRAWN = {*OF["denoise"], *OF["fine_tune"], *IN_GROUPS, *OF["mix"]}


@pytest.mark.parametrize(
    ("change", "invalidated"),
    [
        ({"device": "auto"}, set()),
        ({"checkpoints": "elsewhere"}, set()),
        ({"teacher_size": 112}, TAUGHT),
        ({"distillation": DistillationConfig(10, 1, "equal")}, set(WITH_TAUGHT)),
        ({"distillation": DistillationConfig(9, 0, "equal")}, set(WITH_TAUGHT)),
        # Elsewhere it is that of the real images or of what the teacher sees.
        ({"image_size": 128}, DRAWN | {"herding_decoded"}),
        ({"modes": replace(FOUND_BY, mode_finder="random")}, DRAWN | {"kmeans_of_pixels"}),
        ({"modes": replace(FOUND_BY, n_init=3)}, {"kmeans_of_pixels"}),
        ({"sampling": SamplingConfig("noise", 0.6, 0.1, "constant", 25, None)}, DRAWN),
    ],
    ids=[
        "device",
        "checkpoints",
        "teacher_size",
        "seed",
        "ipc",
        "image_size",
        "mode_finder",
        "n_init",
        "sampling",
    ],
)
def test_images_depend_on_what_their_method_reads_and_on_nothing_else(
    change, invalidated, make_common
):
    def identities(common):
        plans = {name: plan_method(name, WITH_TAUGHT, common) for name in WITH_TAUGHT}
        return {name: plain_text(plan.settings) for name, plan in plans.items()}

    before, after = identities(make_common()), identities(make_common(**change))
    assert {name for name in before if before[name] != after[name]} == invalidated


def test_images_depend_on_all_classes_if_a_model_tells_them_apart_or_is_told_of_another(
    make_common, make_classes
):
    fewer = make_common(classes=tuple(make_classes([0, 1])))
    for name in WITH_TAUGHT:
        settings = [plan_method(name, WITH_TAUGHT, c).settings for c in (make_common(), fewer)]
        of_all = name in TAUGHT or name in (*OF["fine_tune"], "annealed", "boundary")
        assert (plain_text(settings[0]) != plain_text(settings[1])) == of_all


def test_settings_are_those_configured_and_those_given():
    given = {"distillation": 2, "found_by": 4, "schooling": None, "decoding": 3}
    settings = build_settings(Selection, {"config": 1}, **given)
    assert [getattr(settings, field.name) for field in fields(Selection)] == [1, 2, 4, None, 3, 1]


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("reconstructed", [False, True])
def test_a_selection_is_made_from_what_its_features_are_of(features, reconstructed, make_common):
    mine = {"coreset": "herding", "features": features, "reconstructed": reconstructed}
    plan = plan_method("mine", {"mine": {"procedure": "select", **mine}}, make_common())
    assert ("teacher" in plan.needs) == (features == "teacher") == bool(plan.settings.schooling)
    assert ("latents" in plan.needs) == (features == "latents" or reconstructed)
    assert ("prior" in plan.needs) == reconstructed == bool(plan.settings.decoding)
    assert "images" in plan.needs
    assert "modes" not in plan.needs


def test_what_a_method_has_no_use_for_may_be_missing(make_common):
    missing = ("diffusion", "autoencoder", "sampling", "modes", "checkpoints")
    plan = plan_method("dm", METHODS, make_common(**dict.fromkeys(missing)))
    assert plan.needs == ("images",)
    assert plan.real_each == 1
    with pytest.raises(ValueError, match=r"^methods\.dm: device: expected a value, .* got none"):
        plan_method("dm", METHODS, make_common(device=None))


def make_teacher(network, indices, size=16):
    selected = Selected(network, torch.tensor(indices)).eval()
    return Teacher(Passes(selected, PRECISIONS["fp32"], torch.device("cpu")), size)


@pytest.fixture
def images():
    return torch.randint(0, 256, (5, 3, 16, 16), dtype=torch.uint8)


def seen(images):
    """Return what networks see of uint8 images, by ImageNet's colours."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    unit = images.numpy() / 255
    return torch.from_numpy(((unit - mean[:, None, None]) / std[:, None, None]).astype(np.float32))


@torch.no_grad()
def test_features_are_what_the_last_layer_of_the_teacher_reads(images):
    network = build_network("convnet2_bn", 4, 16).eval()
    features = make_teacher(network, [2, 0]).features(images)
    assert features.shape == (5, 128 * 4 * 4)
    layer = network.classifier
    logits = features.numpy() @ layer.weight.numpy().T + layer.bias.numpy()
    assert np.allclose(logits, network(seen(images)).numpy(), atol=1e-4)


@pytest.mark.parametrize("side", [16, 12])
@torch.no_grad()
def test_a_score_is_the_cross_entropy_among_the_classes_of_the_benchmark(side, images):
    network = build_network("convnet1_bn", 4, side).eval()
    teacher = make_teacher(network, [3, 1, 0], side)
    scores = teacher.cross_entropy(images / 255, 1)
    small = images / 255
    if side != 16:
        channels = [Image.fromarray(channel) for channel in small.flatten(0, 1).numpy()]
        resized = [c.resize((side, side), Image.Resampling.BILINEAR) for c in channels]
        small = torch.from_numpy(np.array(resized)).unflatten(0, (5, 3))
    logits = network(seen(small * 255)).double().numpy()[:, [3, 1, 0]]
    expected = np.log(np.exp(logits).sum(1)) - logits[:, 1]
    assert np.allclose(scores.numpy(), expected, atol=1e-4)
    assert scores.shape == (5,)


def test_a_teacher_that_does_not_tell_features_is_refused(images):
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(embedding_size=4, hidden_sizes=[4], depths=[1], num_labels=3)
    published = Published(transformers.ResNetForImageClassification(config))
    teacher = make_teacher(published, [0, 2])
    assert teacher.cross_entropy(images / 255, 1).shape == (5,)
    with pytest.raises(ValueError, match=r"made by train_teacher, .* set methods\.NAME\.feat"):
        teacher.features(images)


def test_a_row_has_the_distances_the_members_and_the_knobs_of_its_image(make_classes):
    (spec,) = make_classes([7])
    real = torch.zeros(4, 1, 2, 2)
    real[1], real[2], real[3] = 1, 2, 3
    found = {"modes": torch.stack([real[3], real[0]]), "assignment": torch.tensor([1, 1, 0, -1])}
    origin = ImageOrigin(spec, DistillationConfig(2, 5, "equal"), {"coreset": "random"})
    rows = describe_images(origin, place_images(real[[2, 1]] + 0.25, real, found))
    expected = [
        {"image": "n00000007/0.png", "mode": 0, "mode_members": "2", "nearest_real": 2},
        {"image": "n00000007/1.png", "mode": 1, "mode_members": "0 1", "nearest_real": 1},
    ]
    # Four dimensions, each off by the same: twice that is the distance.
    for row, values, off in zip(rows, expected, (0.75, 1.25), strict=True):
        assert {name: row[name] for name in values} == values
        assert row["mode_member_count"] == len(values["mode_members"].split())
        assert row["distance_to_mode"] == pytest.approx(2 * off)
        assert row["distance_to_nearest_real"] == pytest.approx(0.5)
        assert (row["seed"], row["ipc"], row["coreset"], row["class_index"]) == (5, 2, "random", 7)


def test_a_copy_of_a_real_image_is_at_no_distance_from_it():
    real = torch.randn(60, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    found = {"modes": real[:30], "assignment": torch.arange(60)}
    facts = place_images(real[:30], real, found)
    assert [fact["nearest_real"] for fact in facts] == list(range(30))
    assert {fact["distance_to_nearest_real"] for fact in facts} == {0.0}


def of_classes(*metrics):
    return {
        str(number): Partition(lambda: None, "0", 4, 2.0, {"guided_steps": number, **measured})
        for number, measured in enumerate(metrics)
    }


@pytest.mark.parametrize(
    ("files", "nearest", "named"),
    [
        (["a.png", "b.png", "c.png"], [2, 0], ["c.png", "a.png"]),
        # Latents of mirrored images stand for the same files.
        (["a.png", "b.png", "c.png"], [4, 3], ["b.png", "a.png"]),
        ([], [2, 0], [None, None]),
    ],
)
def test_the_nearest_real_image_is_named_by_its_file(files, nearest, named):
    made = Partition(dict, "0", rows=[{"nearest_real": place} for place in nearest])
    real = Partition(dict, "1", rows=[{"file": file} for file in files])
    rows = collect_provenance({"n1": made}, {"n1": real})
    assert rows["nearest_real_file"].tolist() == named
    assert "image_file" not in rows


def test_rows_name_what_made_them_and_the_file_of_what_was_kept():
    made = {
        wnid: Partition(
            dict, "0", rows=[{"image_number": 1}], environment=f"torch={wnid}", command="kedro run"
        )
        for wnid in ("n1", "n2")
    }
    real = Partition(dict, "1", rows=[{"file": "a.png"}, {"file": "b.png"}])
    assert collect_provenance(made, {"n1": real, "n2": real}).to_dict("records") == [
        {
            "image_number": 1,
            "image_file": "b.png",
            "environment": f"torch={wnid}",
            "command": "kedro run",
        }
        for wnid in ("n1", "n2")
    ]
    assert collect_provenance(made)["image_file"].isna().all()


def test_only_stages_that_a_method_needs_are_counted_for_it():
    made, *earlier = (
        {
            "n1": Partition(dict, "0", seconds=seconds, peak_memory_mb=100 * seconds),
            "n2": Partition(dict, "1", seconds=0.5, peak_memory_mb=50.0),
        }
        for seconds in (4.0, 1.0, 2.0)
    )
    (alone,) = tabulate_cost(made, "dm", 3).to_dict("records")
    assert alone == {
        "method": "dm",
        "seed": 3,
        "stage": "guided_generate",
        "seconds": 4.5,
        "peak_memory_mb": 400.0,
    }
    costs = tabulate_cost(made, "mgd3", 3, *earlier)
    assert costs["stage"].tolist() == ["encode", "discover_modes", "guided_generate"]
    assert costs["seconds"].tolist() == [1.5, 2.5, 4.5]
    assert costs["peak_memory_mb"].tolist() == [100.0, 200.0, 400.0]


def test_losses_are_means_over_the_classes_where_there_are_any():
    places = {"distance_to_mode": [1.0, 2.0], "distance_to_nearest_real": [3.0, 5.0]}
    measured = {
        "images": 8,
        "images_per_second": 2.0,
        "guided_steps": 1,
        "mean_distance_to_mode": 1.5,
        "mean_distance_to_nearest_real": 4.0,
    }
    drawn = of_classes({}, {})
    assert measure_generation(drawn, pd.DataFrame(places)) == measured
    losses = ({"first_loss": 8.0, "last_loss": 1.0}, {"first_loss": 4.0, "last_loss": 2.0})
    optimised = measure_generation(of_classes(*losses), pd.DataFrame(places))
    assert optimised == {**measured, "first_loss": 6.0, "last_loss": 1.5}


def test_images_without_latents_are_at_no_measured_distance_and_none_guided():
    made = {"n1": Partition(dict, "0", 4, 2.0)}
    expected = {"images": 4, "images_per_second": 2.0}
    assert measure_generation(made, pd.DataFrame({"image": ["a"]})) == expected


def test_what_only_changes_speed_is_no_part_of_an_identity(make_common):
    plan = plan_method("rded", METHODS, make_common())
    assert [field.name for field in fields(plan.settings.config) if is_neutral(field)] == [
        "batch_size"
    ]
    other = {"rded": {**METHODS["rded"], "batch_size": 7}}
    changed = plan_method("rded", other, make_common())
    assert plain_text(changed.settings) == plain_text(plan.settings)


def test_draws_that_a_teacher_chooses_from_need_one_before_any_work(make_common):
    asked = {"candidates": 2, "candidate_score": "confidence"}
    plan = plan_method("mgd3", {"mgd3": {"procedure": "denoise", **asked}}, make_common())
    assert plan.needs == ("latents", "modes", "teacher", "prior")
    assert plan.try_teacher is not None
    alone = plan_method("mgd3", {"mgd3": {"procedure": "denoise", "candidates": 1}}, make_common())
    assert alone.needs == ("latents", "modes", "prior")
    assert alone.try_teacher is None
