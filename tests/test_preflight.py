import json
import logging
from dataclasses import dataclass, replace
from functools import partial

import pytest
import torch
from tiny_project import IPC, base_parameters, run, save_teacher

from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.evaluation import PROTOCOLS, EvaluationConfig, HardLabelConfig
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig
from mgd3_kedro.pipelines.pretrain.tuning import TuningConfig
from mgd3_kedro.pipelines.train_eval.nodes import TrainingsConfig
from mgd3_kedro.preflight import (
    check_inputs,
    check_known_parameters,
    check_order,
    check_run_keys,
    check_used,
)
from mgd3_kedro.preflight.making import (
    check_device,
    check_method,
    check_prior,
    check_real_images,
)
from mgd3_kedro.preflight.sizes import allot_with_warning
from mgd3_kedro.prior_quality import Quality, write_quality
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.stages import GIVEN, Partition

METHODS = base_parameters("parameters")["methods"]
KNOWN = {"ipc": 10, "sampling": {"scale": 0.1, "inner": {"step": 1}}, "images": None}


@pytest.mark.parametrize(
    "given", [{}, {"ipc": 3}, {"sampling": {"inner": {"step": 2}}}, {"images": "x", "sampling": 5}]
)
def test_parameters_that_are_configured_may_be_given(given):
    check_known_parameters(given, KNOWN)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"icp": 3}, r"unknown parameter 'icp': .* did you mean 'ipc'\?"),
        (
            {"sampling": {"scales": 1}},
            "unknown parameter of sampling 'scales': expected one of inner",
        ),
        ({"sampling": {"inner": {"stop": 1}}}, "unknown parameter of sampling.inner 'stop'"),
        ({"ipc": {"x": 1, "y": 2}}, "ipc: expected one value, got the settings x, y"),
    ],
)
def test_parameters_that_nothing_has_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        check_known_parameters(given, KNOWN)


@pytest.mark.parametrize("name", ["data", "bad_images", "leaks"])
def test_parameters_about_images_are_refused_where_no_files_are_read(name):
    check_used([name, "seed"], {"data", "bad_images", "leaks"}, "birds")
    message = f"^{name}: expected an environment that reads images from files, got birds"
    with pytest.raises(ValueError, match=message):
        check_used(["seed", name], {"splits.test.train.rows"}, "birds")


def test_a_configuration_file_sets_what_folders_are_named_after(project):
    (project / "conf/mnist/parameters_mine.yml").write_text("seed: 3\nlabel: mine\n")
    run(project, "encode", "discover_modes")
    modes = project / f"data/04_feature/mnist/test/dit/ipc{IPC}/seed3/modes"
    assert len(list(modes.iterdir())) == 10


DIFFUSION = BackboneConfig(
    sampler="ddpm",
    num_inference_steps=4,
    timestep_spacing="linspace",
    reference_steps=None,
    guidance_scale=1.0,
    cfg_channels=None,
    cfg_from_timestep=0,
    cfg_to_timestep=1000,
    prompt_template="{class_name}",
    negative_prompt="",
    precision="fp32",
    compile=False,
    max_batch=256,
    device="cpu",
)
LEFT_TO_THE_PROTOCOL = (
    *("epochs", "image_size", "learning_rate", "momentum", "weight_decay", "batch_size", "cutmix"),
    *("flip_probability", "crop_min_scale", "jitter_strength", "lighting_std", "factor"),
    *("temperature", "rand_augment_ops", "rand_augment_magnitude", "threads"),
)
EVALUATION = EvaluationConfig(
    protocol="hard",
    preset="paper",
    presets={"paper": 1.0},
    validations=10,
    precision="fp32",
    compile=False,
    device="cpu",
    **dict.fromkeys(LEFT_TO_THE_PROTOCOL),
)
TEACHING = HardLabelConfig(**vars(EVALUATION), network="convnet4", seed=0)
EVALUATED = {"protocol": "hard", "preset": "paper"}
DIVIDED = {"jobs": -1, "workers": {"classes": 1}, "executor": {"kind": "loky"}}
KEYS = {"benchmark": "birds", "method": "mgd3", "split": "test", **DIVIDED, **EVALUATED}
KEYS |= {"evaluation": EVALUATED, "images": None, "methods": {"mgd3": {}}}
KEYS["splits"] = {"holdout": {}, "test": {}}


@pytest.mark.parametrize("changes", [{}, {"method": "my-method_2"}, {"jobs": 4}])
def test_keys_that_name_folders_may_hold_what_folders_hold(changes):
    check_run_keys({**KEYS, **changes})


def test_images_that_others_made_are_no_methods_of_ours():
    given = {**KEYS, "images": "theirs/images"}
    check_run_keys({**given, "method": "theirs"})
    message = "^method: expected a new name for the images in theirs/images, .* got mgd3"
    with pytest.raises(ValueError, match=message):
        check_run_keys(given)


@dataclass(frozen=True)
class Reader:
    name: str
    inputs: list[str]
    outputs: list[str]


PLACED = {"images": "made/images", "shown": "made/images", "rows": "made", "table": "made/all.csv"}
MAKER = Reader("make", ["params:seed"], ["images"])


@pytest.mark.parametrize(
    "reader",
    [
        Reader("judge", ["shown"], ["score"]),
        Reader("gather", ["rows"], ["table"]),
    ],
    ids=lambda reader: reader.name,
)
def test_a_node_that_would_read_what_an_earlier_run_left_is_refused(reader):
    message = f"^pipelines: {reader.name} would read made.* before make of the same run writes it"
    with pytest.raises(ValueError, match=message):
        check_order([reader, MAKER], PLACED.get)
    check_order([reader], PLACED.get)


def test_nodes_may_read_what_they_wait_for_and_write_beside_what_they_read():
    check_order([MAKER, Reader("judge", ["images"], ["score"])], PLACED.get)
    # It reads all that earlier runs wrote, and waits for the one that writes there now.
    last = Reader("gather", ["score", "rows"], ["table"])
    check_order([MAKER, Reader("judge", ["images"], ["score"]), last], PLACED.get)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "a/b"}, "method: expected letters, digits"),
        ({"method": ".."}, "method: expected letters, digits"),
        ({"method": ""}, "method: expected letters, digits"),
        (
            {"method": "a,b"},
            "method: expected letters, digits, _ and, after the first sign, any of",
        ),
        ({"method": "-a"}, "method: expected letters, digits, _ and, after the first sign, any of"),
        ({"benchmark": ".. /x"}, "benchmark: expected letters, digits"),
        ({"split": "hold"}, "unknown split 'hold': expected one of holdout, test"),
        ({"jobs": 0}, r"jobs: expected a number in \[1, inf\), got 0; -1 stands for one per core"),
        ({"jobs": True}, r"jobs: expected a number in \[1, inf\), got True"),
        ({"jobs": 1.5}, "jobs: expected a whole number"),
        ({"workers": {"classes": 0}}, r"workers\.classes: expected a number in \[1, inf\), got 0"),
        (
            {"executor": {"kind": "slurm"}},
            "unknown executor.kind 'slurm': expected one of",
        ),
    ],
)
def test_keys_that_would_lead_elsewhere_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        check_run_keys({**KEYS, **changes})


def make_images(count, size=8):
    return torch.zeros(count, 3, size, size, dtype=torch.uint8)


def partitions(counts, size=8):
    return {
        wnid: Partition(partial(make_images, count, size), wnid, count)
        for wnid, count in counts.items()
    }


def make_inputs(**changes):
    """Return what `distill` reads, for two classes, with other values for some of it."""
    classes = (ClassSpec(0, "n1", 4, "hen"), ClassSpec(1, "n2", 7, "owl"))
    inputs = {
        "benchmark": Benchmark("birds", 8, classes),
        "train_images": partitions({"n1": 5, "n2": 4}),
        "test_images": partitions({"n1": 1, "n2": 1}),
        "evaluated_images": partitions({"n2": 4, "n1": 3}),
        "params:device": "cpu",
        "params:images": None,
        "params:ipc": 4,
        "params:autoencoder": AutoencoderConfig("fp32", False, "cpu"),
        "params:method": "mgd3",
        "params:methods": {"mgd3": {"procedure": "denoise"}},
        "params:modes": ModesConfig("kmeans", 4, 0, 10, 8, 50, "equal"),
        "params:distillation": DistillationConfig(4, 0, "equal"),
        "params:diffusion": DIFFUSION,
        "params:sampling": SamplingConfig("noise", 0.7, 0.1, "constant", 2, None),
        "params:evaluation": EVALUATION,
        "params:evaluation.image_size": None,
        "params:trainings": TrainingsConfig(0, ["convnet1", "convnet3"], 1),
    }
    return {**inputs, **changes}


def test_inputs_that_fit_pass():
    check_inputs(make_inputs())


@pytest.mark.parametrize("absent", ["benchmark", "evaluated_images"])
def test_what_a_run_does_not_read_is_not_checked(absent):
    inputs = make_inputs(evaluated_images=partitions({"n1": 2, "n2": 0}))
    with pytest.raises(ValueError, match="evaluated_images"):
        check_inputs(inputs)
    del inputs[absent]
    check_inputs(inputs)


@pytest.mark.parametrize("images", ["train_images", "test_images", "evaluated_images"])
@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"n1": 4}, r"expected images of class n2 \(owl\), got none"),
        ({"n1": 4, "n2": 0}, r"expected images of class n2 \(owl\), got an empty class"),
        (
            {"set": 4},
            r"expected images of class n1 .* there are: set; if the folders in set are the",
        ),
        ({"n1": 4, "n2": 4, "n3": 4}, "expected only the classes of birds, got n3 as well; remove"),
        (
            {"n1": 4, "n2": 4, "n3": 4, "n4": 4},
            "expected only the classes of birds, got n3 and 1 more as well",
        ),
    ],
)
def test_images_have_the_classes_of_the_benchmark(images, counts, found):
    with pytest.raises(ValueError, match=f"{images}: {found}"):
        check_inputs(make_inputs(**{images: partitions(counts)}))


@pytest.mark.parametrize(
    ("images", "step"),
    [
        ("evaluated_images", "use --params images=FOLDER/set"),
        ("test_images", "move them one folder up"),
    ],
)
def test_classes_one_folder_further_down_are_reached_as_told(images, step):
    message = f"if the folders in set are the classes, {step}$"
    with pytest.raises(ValueError, match=message):
        check_inputs(make_inputs(**{images: partitions({"set": 4})}))


def asking_for(ipc, balance="equal", **changes):
    """Return what a run that makes images reads, with so many asked for."""
    asked = {
        "params:ipc": ipc,
        "params:modes": ModesConfig("kmeans", ipc, 0, 10, 8, 50, balance),
        "params:distillation": DistillationConfig(ipc, 0, balance),
    }
    inputs = make_inputs(**asked, **changes)
    del inputs["evaluated_images"]
    return inputs


@pytest.mark.parametrize("makes_images", [True, False])
def test_classes_that_have_fewer_images_than_asked_for_are_told_once(makes_images, caplog):
    inputs = asking_for(5)
    if not makes_images:
        del inputs["params:distillation"]
    check_inputs(inputs)
    assert caplog.messages == [
        "ipc: 1 of 2 classes have too few train images for 5 per class and get fewer: n2 (4)"
    ]


def test_no_more_than_a_few_small_classes_are_named(caplog):
    few = {f"c{number}": Partition(list, "", 1 + number) for number in range(30)}
    allot_with_warning(few, 25, "equal", 1)
    (message,) = caplog.messages
    assert message.startswith("ipc: 24 of 30 classes have")
    assert message.endswith("c8 (9), c9 (10) and 14 more")


def test_shares_of_classes_are_told(caplog):
    with caplog.at_level(logging.INFO, "mgd3_kedro"):
        check_inputs(asking_for(3, "share", train_images=partitions({"n1": 20, "n2": 4})))
    assert caplog.messages == ["balance=share: classes get 1 to 5 images, 6 in all"]


def test_modes_and_images_are_shared_out_alike():
    inputs = asking_for(3)
    inputs["params:modes"] = replace(inputs["params:modes"], balance="share")
    with pytest.raises(
        ValueError, match=r"modes.balance: expected equal, the value of .*; set balance inst"
    ):
        check_inputs(inputs)


def test_a_large_class_fits_a_batch_where_its_images_depend_on_each_other():
    joint = replace(make_inputs()["params:sampling"], repulsion_scale=0.1)
    inputs = asking_for(
        3,
        "share",
        train_images=partitions({"n1": 20, "n2": 4}),
        **{"params:sampling": joint, "params:diffusion": replace(DIFFUSION, max_batch=4)},
    )
    message = "ipc: expected at most 4 images per class, .* mgd3 .*, got 5 for class n1; lower ipc"
    with pytest.raises(ValueError, match=message):
        check_inputs(inputs)
    inputs["params:diffusion"] = replace(DIFFUSION, max_batch=5)
    check_inputs(inputs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"params:modes": ModesConfig("kmeans", 3, 0, 10, 8, 50, "equal")},
            "modes.ipc: expected 4, the value of ipc, got 3",
        ),
        (
            {"params:distillation": DistillationConfig(2, 0, "equal")},
            "distillation.ipc: expected 4, the value of ipc, got 2; set ipc",
        ),
        (
            {"evaluated_images": partitions({"n1": 2, "n2": 3})},
            "ipc: expected 3, the number of images per class in the evaluated folder, got 4; add",
        ),
        ({"params:method": "mgd"}, "unknown method 'mgd': expected one of mgd3"),
        (
            {"params:methods": {"mgd3": {"procedure": "denoise", "scale": 1}}},
            "unknown setting of a method 'scale'",
        ),
        (
            {"evaluated_images": partitions({"n1": 2}) | partitions({"n2": 2}, size=9)},
            "evaluated_images: expected squares of one size, 8 x 8 pixels, got 9 x 9 in class n2; "
            "crop and resize the images",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        check_inputs(make_inputs(**changes))


def test_images_in_the_folder_of_a_method_that_it_did_not_make_are_refused_unless_named():
    images = partitions({"n1": 4, "n2": 4})
    images["n2"] = replace(images["n2"], configuration=GIVEN)
    message = (
        r"^evaluated_images: expected the images that mgd3 made, got other images in class n2 \(owl"
        r".* with the same --env and --params: kedro run --pipelines=generate; or copy them"
    )
    with pytest.raises(ValueError, match=message):
        check_inputs(make_inputs(evaluated_images=images))
    check_inputs(make_inputs(evaluated_images=images, **{"params:images": "theirs"}))


DRAWING = ("modes", "diffusion", "autoencoder", "sampling", "evaluation.image_size", "methods")
KEPT = {"procedure": "select", "coreset": "herding", "features": "pixels", "reconstructed": False}


def inputs_of(method, settings, without=DRAWING):
    """Return what a run reads for a method by its own settings, without what others need."""
    given = {"params:method": method, f"params:methods.{method}": settings}
    inputs = make_inputs(**given)
    return {name: inputs[name] for name in inputs if name not in {f"params:{n}" for n in without}}


def test_a_method_is_checked_by_its_own_settings_and_what_it_needs():
    check_method(inputs_of("mine", KEPT))
    check_real_images(inputs_of("mine", KEPT))
    wrong = {**KEPT, "coreset": "herdin"}
    message = r"^methods\.mine: unknown coreset 'herdin': .*did you mean 'herding'"
    with pytest.raises(ValueError, match=message):
        check_method(inputs_of("mine", wrong))
    draws = inputs_of("mine", {"procedure": "denoise", "scale": 1}, ["methods"])
    with pytest.raises(ValueError, match=r"^methods\.mine: unknown setting of a method 'scale'"):
        check_method(draws)


def test_a_class_with_one_image_too_few_for_one_of_a_method_is_refused():
    settings = {**METHODS["idc1"], "factor": 2, "network": "convnet1"}
    inputs = inputs_of("idc1", settings)
    counts = {wnid: replace(one, count=3) for wnid, one in inputs["train_images"].items()}
    given = {**inputs, "train_images": counts}
    given["benchmark"] = replace(make_inputs()["benchmark"], image_size=36)
    with pytest.raises(ValueError, match=r"expected at least 4 images per class.*got 3 "):
        check_real_images(given)


@pytest.mark.parametrize(("factor", "counts"), [(1, None), (2, "n1 (1), n2 (1)"), (3, "refused")])
def test_a_class_is_large_enough_for_one_image(factor, counts, caplog):
    settings = {**METHODS["idc1"], "factor": factor, "network": "convnet1"}
    benchmark = replace(make_inputs()["benchmark"], image_size=36)
    inputs = {**inputs_of("idc1", settings), "benchmark": benchmark}
    if counts == "refused":
        message = (
            "train_images: expected at least 9 images per class, .* idc1 .*, got 4 in class n2; "
        )
        with pytest.raises(ValueError, match=message):
            check_real_images(inputs)
        return
    check_real_images(inputs)
    assert [text.partition("get fewer: ")[2] for text in caplog.messages] == (
        [] if counts is None else [counts]
    )


def test_a_method_that_looks_at_no_real_image_makes_all_that_are_asked_for(caplog):
    inputs = inputs_of("sre2l", METHODS["sre2l"], ["methods"])
    inputs |= {"params:ipc": 9, "params:distillation": DistillationConfig(9, 0, "equal")}
    del inputs["params:modes"]
    check_real_images(inputs)
    assert caplog.messages == []
    inputs["params:distillation"] = DistillationConfig(9, 0, "share")
    with pytest.raises(ValueError, match=r"^methods\.sre2l: balance: expected equal, .* got share"):
        check_method(inputs)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "cuda"),
        ("diffusion.device", replace(DIFFUSION, device="cuda")),
        ("autoencoder.device", AutoencoderConfig("fp32", False, "cuda")),
        ("evaluation.device", replace(EVALUATION, device="cuda")),
        ("teacher_training.device", replace(TEACHING, device="cuda")),
        ("student_training.device", replace(TEACHING, device="cuda")),
    ],
)
def test_a_device_that_this_machine_lacks_is_refused_by_the_name_of_its_setting(name, value):
    given = {f"params:{name.removesuffix('.device')}": value}
    with pytest.raises(ValueError, match=rf"^{name}: expected one of auto, .*cpu here, got 'cuda'"):
        check_inputs(make_inputs(**given))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_a_group_follows_is_refused_by_its_name():
    inputs = make_inputs(**{"params:diffusion": replace(DIFFUSION, device="cuda")})
    with pytest.raises(ValueError, match=r"^device: expected one of auto, .* got 'cuda'"):
        check_device({**inputs, "params:device": "cuda"}, "params:diffusion")


@pytest.mark.parametrize(("precision", "warned"), [("fp16", True), ("bf16", False)])
def test_a_precision_that_a_cpu_is_slow_in_is_warned_of(precision, warned, caplog):
    check_inputs(make_inputs(**{"params:autoencoder": AutoencoderConfig(precision, False, "cpu")}))
    assert ("autoencoder.precision=fp16: on a CPU" in caplog.text) is warned


@pytest.mark.parametrize(
    ("expected", "counts", "warned"),
    [
        (50, {"n1": 50, "n2": 50}, False),
        (None, {"n1": 387, "n2": 393}, False),
        (50, {"n1": 387, "n2": 50}, True),
        (50, {"n1": 49, "n2": 49}, True),
    ],
)
def test_a_test_set_other_than_the_published_one_is_warned_of(expected, counts, warned, caplog):
    inputs = make_inputs(test_images=partitions(counts))
    inputs["benchmark"] = replace(inputs["benchmark"], test_images_per_class=expected)
    with caplog.at_level("WARNING", logger="mgd3_kedro"):
        check_inputs(inputs)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == warned
    if warned:
        low, high = min(counts.values()), max(counts.values())
        assert "published numbers for birds use 50 test images per class" in messages[0]
        assert f"here classes have {low} to {high}" in messages[0]
        assert "2 to 5 points lower" in messages[0]


TOO_DEEP = TrainingsConfig(0, ["convnet1", "convnet4"], 1)
NO_SQUARES = {
    wnid: Partition(lambda: torch.zeros(2, 3, 8, 6, dtype=torch.uint8), wnid, 2)
    for wnid in ("n1", "n2")
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"params:trainings": TOO_DEEP}, "convnet4: expected images of at least 16 px .*got 8 px"),
        (
            {"params:evaluation": replace(EVALUATION, image_size=4)},
            "convnet3: expected images of at least 8 px .*got 4 px",
        ),
        (
            {"params:evaluation": replace(EVALUATION, image_size=9)},
            r"evaluation\.image_size: expected at most 8, .*got 9",
        ),
        (
            {"params:evaluation": replace(EVALUATION, factor=7)},
            r"evaluation\.factor: expected a divisor of 8, the side of the images, .*got 7",
        ),
        (
            {"params:evaluation": replace(EVALUATION, protocol="soft")},
            r"protocol soft has no published batch size for 4 images .*evaluation\.batch_size",
        ),
        (
            {"params:trainings": TrainingsConfig(0.5, ["convnet1"], 1)},
            "mode_weight_exponent: expected images .*without modes; set it to 0",
        ),
        ({"evaluated_images": NO_SQUARES}, "expected squares of one size, .*got 8 x 6 in class n1"),
    ],
)
def test_trainings_that_cannot_run_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        check_inputs(make_inputs(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"params:class_name": "hens"}, "unknown class_name 'hens': expected one of hen, owl"),
        ({"params:shown_methods": ["dm"]}, "unknown shown_methods 'dm': expected one of mgd3"),
        (
            {"params:shown_methods": "mgd3"},
            r"shown_methods: .* write it as .shown_methods=\[mgd3\]",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        check_inputs(make_inputs(**changes))
    check_inputs(make_inputs(**{"params:shown_methods": ["mgd3"], "params:class_name": "owl"}))
    check_inputs(make_inputs(**{"params:shown_methods": None, "params:class_name": None}))


def test_images_of_one_other_size_are_not_refused():
    check_inputs(make_inputs(evaluated_images=partitions({"n1": 4, "n2": 4}, size=9)))


@pytest.mark.parametrize(
    ("absent", "given", "count"),
    [
        ((), {"evaluated_images": partitions({"n1": 3, "n2": 3})}, 3),
        (("evaluated_images",), {}, 4),
        (("evaluated_images",), {"params:upper_bound": "full"}, 5),
    ],
    ids=["given images", "images to be made", "all real images"],
)
def test_the_protocol_is_asked_for_as_many_images_as_are_trained_on(absent, given, count):
    soft = {"params:evaluation": replace(EVALUATION, protocol="soft")}
    inputs = make_inputs(**soft, **given)
    for name in absent:
        del inputs[name]
    with pytest.raises(ValueError, match=f"batch size for {count} images per class"):
        check_inputs(inputs)


def test_a_network_too_deep_for_a_teacher_is_refused_too():
    with pytest.raises(ValueError, match="convnet4: expected images of at least 16 px"):
        check_inputs(make_inputs(**{"params:teacher_training": TEACHING}))
    check_inputs(make_inputs(**{"params:teacher_training": replace(TEACHING, network="convnet3")}))


@pytest.mark.parametrize("group", ["teacher_training", "student_training"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": 9}, r"\.image_size: expected at most 8, .* got 9$"),
        ({"rand_augment_magnitude": 5}, r"\.rand_augment_magnitude: expected null .* got 5; set"),
    ],
)
def test_a_setting_of_a_teacher_or_a_student_is_refused_by_its_name(group, change, message):
    config = replace(TEACHING, network="convnet3", **change)
    with pytest.raises(ValueError, match=f"^{group}{message}"):
        check_inputs(make_inputs(**{f"params:{group}": config}))


@pytest.mark.parametrize(
    "protocol", [name for name, of in PROTOCOLS.items() if of.labels == "given"]
)
def test_a_protocol_without_a_teacher_suits_any_number_of_images(protocol):
    config = replace(TEACHING, network="convnet3", protocol=protocol)
    check_inputs(make_inputs(**{"params:teacher_training": config}))


@pytest.mark.parametrize("protocol", ["soft", "soft_stored"])
def test_a_teacher_cannot_be_taught_itself(protocol):
    with pytest.raises(
        ValueError,
        match="protocol: expected one of glad, hard, hard_adamw, hard_plain, hard_strong, which",
    ):
        replace(TEACHING, protocol=protocol)


def write_teacher(folder, wnids, size=8):
    save_teacher(folder, "convnet1", wnids, size)
    fingerprint = f"{wnids}{size}"
    model = ModelFolder(folder, fingerprint, "classifier")
    return Partition(lambda: model, fingerprint)


@pytest.mark.parametrize(
    ("wnids", "size", "message"),
    [
        (["n1", "n2"], 16, "trained at 8 px, got .* trained at 16 px"),
        (["n1", "n3"], 8, r"the first is n2 \(owl\)"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(wnids, size, message, tmp_path):
    teacher = write_teacher(tmp_path, wnids, size)
    soft = replace(EVALUATION, protocol="soft", batch_size=4)
    with pytest.raises(ValueError, match=message):
        check_inputs(make_inputs(teacher=teacher, **{"params:evaluation": soft}))


def test_a_teacher_that_fits_is_taken(tmp_path):
    teacher = write_teacher(tmp_path, ["n2", "n5", "n1"])
    soft = replace(EVALUATION, protocol="soft", batch_size=4)
    check_inputs(make_inputs(teacher=teacher, **{"params:evaluation": soft}))


def prior_of(folder):
    model = ModelFolder(folder, "prior", "dit")
    return Partition(lambda: model, "prior")


def test_a_prior_of_other_classes_is_refused_where_it_is_to_draw(save_dit, tmp_path):
    folder = save_dit(num_classes=8, folder=tmp_path / "prior")
    inputs = make_inputs(prior=prior_of(folder))
    check_inputs(inputs)
    hen = {"4": {"wnid": "n1", "class_name": "hen"}}
    (folder / "classes.json").write_text(json.dumps(hen))
    check_inputs(inputs)
    theirs = {**hen, "7": {"wnid": "dress", "class_name": "dress"}}
    (folder / "classes.json").write_text(json.dumps(theirs))
    with pytest.raises(
        ValueError, match=r"where number 7 is 'dress', got 'owl' \(n2\) for this number"
    ):
        check_inputs(inputs)
    # An encoder knows no classes.
    del inputs["params:diffusion"]
    check_prior(inputs)


@pytest.mark.parametrize("known", [3, 8])
def test_a_prior_whose_numbers_no_table_gives_to_the_classes_asks_for_one(
    known, save_dit, tmp_path
):
    inputs = make_inputs(prior=prior_of(save_dit(num_classes=known, folder=tmp_path / "prior")))
    inputs["benchmark"] = replace(inputs["benchmark"], listed=True)
    message = f"^classes: expected a class table .* among the {known} classes of .*classes=TABLE"
    with pytest.raises(ValueError, match=message):
        check_prior(inputs)


@pytest.mark.parametrize(("image_size", "is_other"), [(16, False), (24, True)])
def test_a_prior_of_images_of_another_size_is_warned_of(
    image_size, is_other, save_dit, tmp_path, caplog
):
    folder = save_dit(num_classes=8, folder=tmp_path / "prior")
    inputs = make_inputs(prior=prior_of(folder))
    check_prior({**inputs, "benchmark": replace(inputs["benchmark"], image_size=image_size)})
    found = [text for text in caplog.messages if text.startswith("image_size=24: the prior ")]
    assert bool(found) is is_other
    assert all("works on images of 16 px" in text for text in found)


def test_a_poor_prior_is_warned_of_where_it_is_to_draw(save_dit, tmp_path, caplog):
    folder = save_dit(num_classes=8, folder=tmp_path / "prior")
    (folder / "quality.json").write_text(write_quality(Quality(12.0, 70.0, 75.0, 2.0, 10)))
    inputs = make_inputs(prior=prior_of(folder))
    check_prior({name: one for name, one in inputs.items() if name != "params:diffusion"})
    assert "samples are poor" not in caplog.text
    check_prior(inputs)
    assert "its samples are poor" in caplog.text


def test_a_network_too_deep_for_the_tuning_of_a_prior_is_refused():
    tuning = TuningConfig([1.0], 2, "convnet4", 1)
    with pytest.raises(ValueError, match="convnet4: expected images of at least 16 px"):
        check_inputs(make_inputs(**{"params:pretrain.tuning": tuning}))
    fitting = replace(tuning, network="convnet3")
    check_inputs(make_inputs(**{"params:pretrain.tuning": fitting}))


def test_one_class_is_none_to_train_a_network_on():
    inputs = make_inputs()
    one = replace(inputs["benchmark"], classes=inputs["benchmark"].classes[:1])
    kept = {name: {"n1": inputs[name]["n1"]} for name in inputs if name.endswith("_images")}
    with pytest.raises(ValueError, match=r"at least two classes .* got one, n1; if the folders"):
        check_inputs(make_inputs(benchmark=one, **kept))


def test_classes_of_given_images_with_fewer_are_warned_of(caplog):
    images = make_inputs()["evaluated_images"]
    check_inputs(make_inputs())
    assert "evaluated_images: classes have" not in caplog.text
    fewer = images | {"n1": replace(images["n1"], count=1, configuration=GIVEN)}
    check_inputs(make_inputs(evaluated_images=fewer, **{"params:images": "mine"}))
    assert "evaluated_images: classes have 4 images, but n1 has 1" in caplog.text
