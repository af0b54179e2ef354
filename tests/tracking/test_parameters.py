"""The parameters that a run uses."""

from tiny_project import REPOSITORY

from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.pipeline_registry import build_pipelines
from mgd3_kedro.settings import CONFIG_LOADER_ARGS
from mgd3_kedro.tracking.parameters import as_texts, method_of, tags_of, used_parameters


def used(name, **given):
    """Return what a pipeline of the digits uses."""
    loader = ProjectConfigLoader(
        conf_source=str(REPOSITORY / "conf"),
        env="mnist",
        runtime_params=given,
        **CONFIG_LOADER_ARGS,
    )
    entries = build_pipelines(loader["parameters"])[name].datasets()
    return used_parameters(entries, loader.lineage)


def groups(names):
    return {name.partition(".")[0] for name in names}


def test_parameters_of_other_pipelines_methods_and_models_are_left_out():
    found = used("distill")
    others = {"pretrain", "teacher_training", "mixture", "fetch", "named_settings"}
    assert not groups(found) & {*others, "results", "figures", "sweep", "knob"}
    own = {name for name in found if name.startswith("methods.")}
    assert own == {"methods.mgd3.procedure", "methods.mgd3.factor"}
    assert groups(name.removeprefix("backbones.") for name in found if "backbones." in name) == {
        "dit"
    }
    assert found["diffusion.num_inference_steps"] == 50
    assert found["sampling.mode_guidance_scale"] == 0.2
    assert found["model"] == "data/06_models/mnist"


def test_what_a_method_has_its_own_values_for_is_left_out():
    assert "sampling.mode_guidance_scale" not in used("distill", method="unguided")


def test_one_that_follows_another_counts_as_that():
    found = used("distill")
    assert {"ipc", "seed", "protocol", "preset", "device"} <= found.keys()
    assert not {"modes.ipc", "modes.random_state", "evaluation.preset"} & found.keys()
    apart = used("distill", modes={"random_state": 3})
    assert (apart["seed"], apart["modes.random_state"]) == (0, 3)


def test_settings_of_a_group_that_follows_another_count_as_those():
    found = used("train_teacher")
    assert "evaluation.presets.smoke" in found
    assert not any(name.startswith("teacher_training.presets") for name in found)
    assert found["teacher_training.network"] == "convnet3_bn"


def test_entries_that_a_pattern_stands_for_count():
    assert {"pretrain.denoiser.steps", "benchmark"} <= used("pretrain").keys()
    assert "trainings.networks" in used("train_full")


def test_tags_are_what_runs_are_looked_for_by():
    assert tags_of(used("distill"), ["mode_finder=dbscan", "label=long"]) == {
        "benchmark": "mnist",
        "split": "test",
        "backbone": "dit",
        "method": "mgd3",
        "ipc": "10",
        "seed": "0",
        "protocol": "hard",
        "preset": "short",
        "network": "convnet3",
        "settings": "mode_finder=dbscan label=long",
    }
    assert tags_of(used("compare"), []) == {"benchmark": "mnist", "split": "test"}


def test_all_real_images_are_a_method_of_their_own():
    assert method_of(used("train_full")) == "full"
    assert method_of(used("discover_modes")) is None


def test_texts_are_of_bounded_length():
    assert as_texts({"a.b": None, "c": [1, 2], "d": "x" * 10_000}) == {
        "a.b": "None",
        "c": "[1, 2]",
        "d": "x" * 6000,
    }
