from dataclasses import fields

import pytest

from mgd3_kedro.evaluation import EvaluationConfig
from mgd3_kedro.evaluation.protocols import PROTOCOLS
from mgd3_kedro.evaluation.recipe import TrainingPlan

REFUSED = [
    ("protocol", "harder"),
    ("preset", ""),
    ("preset", None),
    ("preset", "paper"),
    ("presets", {"test": 0}),
    ("presets", {"test": "1"}),
    ("presets", {"test": 1.0, "paper": -1.0}),
    ("epochs", 0),
    ("epochs", 2.5),
    ("image_size", 0),
    ("image_size", 16.5),
    ("learning_rate", 0),
    ("learning_rate", float("nan")),
    ("momentum", -0.1),
    ("momentum", 1.1),
    ("weight_decay", -1e-4),
    ("batch_size", 0),
    ("batch_size", 12.5),
    ("cutmix", "yes"),
    ("flip_probability", 1.5),
    ("crop_min_scale", 0),
    ("crop_min_scale", 1.01),
    ("jitter_strength", -0.4),
    ("jitter_strength", 1.4),
    ("lighting_std", -1),
    ("factor", 0),
    ("factor", 1.5),
    ("temperature", 0),
    ("temperature", float("inf")),
    ("rand_augment_ops", -1),
    ("rand_augment_ops", 1.5),
    ("rand_augment_magnitude", 31),
    ("validations", 0),
    ("validations", 2.5),
    ("precision", "fp16"),
    ("compile", 1),
    ("device", "gpu"),
    ("threads", 0),
]
OVER_THE_PROTOCOL = {
    "epochs": 7,
    "batch_size": 9,
    "learning_rate": 0.5,
    "weight_decay": 0.25,
    "momentum": 0.0,
    "cutmix": False,
    "flip_probability": 0.0,
    "crop_min_scale": 0.75,
    "jitter_strength": 0.0,
    "lighting_std": 0.0,
    "factor": 4,
    "temperature": 3.0,
    "rand_augment_ops": 1,
    "rand_augment_magnitude": 6,
}


@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_a_config_names_the_field_it_refuses(field, value, make_config):
    with pytest.raises(ValueError, match=field):
        make_config(**{field: value})


def test_no_field_takes_just_anything():
    assert {field for field, _ in REFUSED} == {field.name for field in fields(EvaluationConfig)}


def test_a_strength_of_operations_that_there_are_none_of_is_refused(make_config):
    message = (
        r"^{0}\.rand_augment_magnitude: expected null .* got 5; set {0}\.rand_augment_ops, too"
    )
    with pytest.raises(ValueError, match=message.format("evaluation")):
        make_config(rand_augment_magnitude=5).plan(1, 10, "convnet3")
    with pytest.raises(ValueError, match=message.format("teacher_training")):
        make_config(rand_augment_magnitude=5).plan(1, 10, "convnet3", group="teacher_training")
    plan = make_config(rand_augment_magnitude=5, rand_augment_ops=2).plan(1, 10, "convnet3")
    assert (plan.rand_augment_ops, plan.rand_augment_magnitude) == (2, 5)


def test_a_rate_of_zero_is_refused_but_a_decay_of_zero_is_not(make_config):
    assert make_config(weight_decay=0, momentum=0).plan(1, 10, "convnet3").weight_decay == 0


@pytest.mark.parametrize(
    ("protocol", "name"),
    [
        (protocol, name)
        for protocol, recipe in PROTOCOLS.items()
        for name in OVER_THE_PROTOCOL
        if name not in recipe.unused
    ],
)
def test_each_setting_replaces_one_number_of_the_protocol(name, protocol, make_config):
    value = OVER_THE_PROTOCOL[name]
    # Operations that there are none of have no strength.
    common = {"rand_augment_ops": 2} if name == "rand_augment_magnitude" else {}
    published = make_config(protocol=protocol, **common).plan(10, 10, "convnet3")
    changed = make_config(protocol=protocol, **common, **{name: value}).plan(10, 10, "convnet3")
    assert getattr(changed, name) == value
    others = [field.name for field in fields(TrainingPlan) if field.name != name]
    assert {other: getattr(changed, other) for other in others} == {
        other: getattr(published, other) for other in others
    }


def test_the_preset_in_use_gives_the_share_of_the_epochs(make_config):
    presets = {"smoke": 0.01, "half": 0.5, "paper": 1.0}

    def epochs(**changes):
        return make_config(presets=presets, **changes).plan(10, 10, "convnet3").epochs

    assert [epochs(preset=preset) for preset in presets] == [20, 1000, 2000]
    assert epochs(preset="paper", epochs=33) == 33
    assert make_config(presets={"test": 1e-6}).plan(10, 10, "convnet3").epochs == 1


@pytest.mark.parametrize(
    ("image_size", "of_benchmark", "side"),
    [(None, 256, 224), (None, 224, 224), (None, 32, 32), (128, 256, 128), (256, 256, 256)],
)
def test_networks_see_224_pixels_or_what_there_is_unless_told(
    image_size, of_benchmark, side, make_config
):
    assert make_config(image_size=image_size).side_of(of_benchmark) == side


def test_networks_cannot_see_more_pixels_than_there_are(make_config):
    with pytest.raises(ValueError, match=r"evaluation\.image_size: expected at most 32, .*got 33"):
        make_config(image_size=33).side_of(32)


def test_rows_call_the_length_by_its_preset_or_by_its_number(make_config):
    assert make_config().length == "test"
    assert make_config(epochs=33).length == "33 epochs"
    assert make_config(epochs=1).length == "1 epoch"


def test_an_unknown_preset_is_answered_with_the_known_ones(make_config):
    with pytest.raises(ValueError, match=r"unknown preset 'papr'.*paper, smoke.*mean 'paper'"):
        make_config(preset="papr", presets={"smoke": 0.01, "paper": 1.0})


def test_the_factor_to_blame_is_named(make_config):
    with pytest.raises(ValueError, match=r"presets\.paper: expected .*got -1\.0"):
        make_config(presets={"test": 1.0, "paper": -1.0})


def test_an_unknown_protocol_is_answered_with_the_known_ones(make_config):
    known = "glad, hard, hard_adamw, hard_plain, hard_strong, soft, soft_stored"
    with pytest.raises(ValueError, match=f"unknown protocol 'herd'.*{known}"):
        make_config(protocol="herd")


@pytest.mark.parametrize("protocol", ["soft", "soft_stored"])
def test_a_protocol_without_a_batch_size_for_so_many_images_asks_for_one(protocol, make_config):
    with pytest.raises(
        ValueError, match=rf"protocol {protocol} has no .* 20 images .*evaluation\.batch_size"
    ):
        make_config(protocol=protocol).plan(20, 10, "convnet3")
    assert make_config(protocol=protocol, batch_size=7).plan(20, 10, "convnet3").batch_size == 7
