import os
import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import click
import pytest
import torch
import yaml
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError
from kedro.validation.exceptions import ParameterValidationError
from mlflow.exceptions import MlflowException
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_project import (
    IPC,
    PRIOR,
    as_options,
    make_project,
    output,
    runs_of,
    start_command,
    times_of,
)

from mgd3_kedro.__main__ import main
from mgd3_kedro.cli import cli
from mgd3_kedro.evaluation import NETWORKS, PROTOCOLS
from mgd3_kedro.modes import MODE_FINDERS
from mgd3_kedro.plain_errors import describe_error, describe_store_error, plain_errors

DISTILL = ("--pipelines", "distill")
ROOT = Path(__file__).resolve().parents[1]


def call(command, project, *arguments, **changes):
    """Call a command of `kedro` in this process, with changed parameters."""
    options = ["--params", ",".join(as_options(changes))] if changes else []
    bootstrap_project(project)
    with chdir(project):
        return CliRunner().invoke(cli, [command, *arguments, *options])


def kedro_run(project, *arguments, **changes):
    """Run `kedro run` in this process, with changed parameters."""
    return call("run", project, *arguments, **changes)


def error_of(result):
    """Return the one line that a refused run prints."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    # A run that was begun has said what it is about to do.
    assert not {"Error", "Traceback"} & set(result.stdout.replace(":", " ").split())
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("seed=010", "seed: expected a number without leading zeros, got '010'; write 10"),
        ("seed=1:30", "seed: expected a number, got '1:30'"),
        ("seed=1,seed=2", "seed: expected one value in --params, got '1' and '2'"),
        ("evaluation.compile=no", "compile: expected true or false, got 'no'; write false"),
    ],
)
def test_a_value_that_yaml_would_read_as_another_is_refused(options, message, untouched):
    bootstrap_project(untouched)
    with chdir(untouched):
        result = CliRunner().invoke(cli, ["run", "--params", options])
    assert message in error_of(result)
    assert_untouched(untouched)


@pytest.mark.parametrize(("label", "words"), [("no", "no"), ("010", "010"), ("-0.30", "-0.30")])
def test_a_text_is_told_as_it_is_written(label, words, broken):
    bootstrap_project(broken)
    with chdir(broken):
        result = CliRunner().invoke(
            cli, ["run", "--params", f"label={label}", "--pipelines=generate"]
        )
    assert result.exit_code == 0, result.output
    folder = broken / f"data/07_model_output/mnist/test/dit/ipc{IPC}"
    assert [path.name for path in folder.iterdir()] == [f"mgd3,label={words}"]


def assert_untouched(project):
    assert runs_of(project) == []
    assert not list(project.glob("data/0[2-5]*"))
    assert not list(project.glob("data/0[78]*"))


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """Make a project that every run is to be refused in."""
    return make_project(tmp_path_factory.mktemp("untouched"))


@pytest.fixture
def broken(untouched, tmp_path):
    """Copy that project, to be broken."""
    return Path(shutil.copytree(untouched, tmp_path / "broken"))


@pytest.mark.parametrize(
    ("changes", "family", "known"),
    [
        ({"method": "mgd4"}, "unknown method 'mgd4'", ["d4m", "mgd3", "random", "unguided"]),
        (
            {"backbone": "dut"},
            "unknown backbone 'dut'",
            ["dit", "latent_diffusion", "stable_diffusion"],
        ),
        ({"modes": {"mode_finder": "kmean"}}, "unknown mode finder 'kmean'", MODE_FINDERS),
        ({"trainings": {"networks": ["convnet9"]}}, "unknown network 'convnet9'", NETWORKS),
        ({"diffusion": {"sampler": "dpm"}}, "unknown sampler 'dpm'", ["ddim", "ddpm"]),
        ({"diffusion": {"timestep_spacing": "even"}}, "timestep spacing 'even'", ["leading"]),
        ({"diffusion": {"precision": "int8"}}, "unknown precision 'int8'", ["bf16", "fp32"]),
        ({"autoencoder": {"precision": "fp8"}}, "unknown precision 'fp8'", ["bf16", "tf32"]),
        ({"sampling": {"mode_guidance_schedule": "up"}}, "guidance schedule 'up'", ["linear"]),
        ({"sampling": {"initial_latents": "zero"}}, "initial latents 'zero'", ["noise"]),
        ({"protocol": "soften"}, "unknown protocol 'soften'", PROTOCOLS),
        ({"preset": "long"}, "unknown preset 'long'", ["paper", "short", "smoke"]),
        ({"split": "validation"}, "unknown split 'validation'", ["holdout", "test"]),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(changes, family, known, untouched):
    message = error_of(kedro_run(untouched, *DISTILL, **changes))
    assert family in message
    assert "expected one of" in message
    listed = message.split("expected one of ")[1].split(";")[0].split(", ")
    assert set(known) <= set(listed)
    assert_untouched(untouched)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methd": "mgd3"}, ["unknown parameter 'methd'", "did you mean 'method'?"]),
        (
            {"sampling": {"mode_guidance_scal": 0.1}},
            ["unknown parameter of sampling 'mode_guidance_scal'", "'mode_guidance_scale'?"],
        ),
        (
            {"evaluation": {"presets": {"smok": 0.1}}},
            ["unknown parameter of evaluation.presets 'smok'", "did you mean 'smoke'?"],
        ),
        ({"split": {"test": "x"}}, ["split: expected one value, got the settings test"]),
    ],
)
def test_a_misspelt_parameter_is_refused_with_its_neighbour(changes, words, untouched):
    message = error_of(kedro_run(untouched, *DISTILL, **changes))
    assert all(word in message for word in words), message
    assert_untouched(untouched)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ipc": 0}, "ipc: expected a number in [1, inf), got 0"),
        ({"ipc": "many"}, "ipc: expected a number, got 'many'"),
        ({"ipc": 2.5}, "ipc: expected a whole number, got 2.5"),
        (
            {"method": "mgd3_quarters", "methods": {"mgd3_quarters": {"factor": 0}}},
            "methods.mgd3_quarters.factor: expected a number in [1, inf), got 0",
        ),
        (
            {"method": "lgd", "methods": {"lgd": {"increment_size": 2.5}}},
            "methods.lgd.increment_size: expected a whole number, got 2.5",
        ),
        ({"image_size": 0}, "image_size: expected a number in [1, inf), got 0"),
        ({"sampling": {"noise_strength": 2}}, "sampling.noise_strength: expected a number"),
        ({"modes": {"ipc": 3}}, f"modes.ipc: expected {IPC}, the value of ipc, got 3"),
        ({"seed": -1}, "seed: expected a number in [0, "),
        ({"seed": 2**32}, "expected a number in [0, 4294967295], got 4294967296"),
        ({"diffusion": {"num_inference_steps": 1}}, "num_inference_steps: expected a number in [2"),
        (
            {"diffusion": {"num_inference_steps": 4.5}},
            "num_inference_steps: expected a whole number, got 4.5",
        ),
        (
            {"diffusion": {"guidance_scale": "high"}},
            "guidance_scale: expected a number, got 'high'",
        ),
        ({"diffusion": {"cfg_channels": 1.5}}, "cfg_channels: expected a whole number, got 1.5"),
        (
            {"diffusion": {"cfg_from_timestep": 500, "cfg_to_timestep": 400}},
            "cfg_to_timestep: expected a number in [500, inf), got 400",
        ),
        ({"diffusion": {"max_batch": 0}}, "max_batch: expected a number in [1, inf), got 0"),
        (
            {"diffusion": {"prompt_template": "a photo"}},
            "prompt_template: expected {class_name} in it, got 'a photo'",
        ),
        (
            {"sampling": {"stop_guidance_timestep": 500}},
            "expected one of the two and null for the other, got 1 and 500",
        ),
        ({"encoding": {"posterior": "mode"}}, "posterior: expected one of mean, sample"),
        ({"trainings": {"repeats": 1.5}}, "repeats: expected a whole number, got 1.5"),
        ({"evaluation": {"threads": 1.5}}, "threads: expected a whole number"),
        ({"evaluation": {"epochs": 0}}, "epochs: expected a number in [1, inf), got 0"),
        ({"evaluation": {"compile": 1}}, "compile: expected true or false, got '1'; write true"),
        ({"evaluation": {"image_size": 64}}, "evaluation.image_size: expected at most 32"),
        (
            {"protocol": "soft"},
            f"protocol soft has no published batch size for {IPC} images per class; set evaluation",
        ),
        (
            {"trainings": {"networks": ["convnet1", "convnet6"]}},
            "convnet6: expected images of at least 64 px to halve 6 times, got 32 px",
        ),
        (
            {"evaluation": {"protocol": "soft"}},
            "evaluation.protocol: expected 'hard', the value of protocol, which names",
        ),
        ({"jobs": 1.5}, "jobs: expected a whole number, got 1.5"),
        ({"sampling": {"noise_strength": 2}}, "noise_strength: expected a number in (0, 1], got 2"),
        ({"evaluation": {"cutmix": "maybe"}}, "cutmix: expected true or false, got 'maybe'"),
        ({"evaluation": {"presets": {"smoke": 0}}}, "presets.smoke: expected a number in (0"),
        ({"trainings": {"repeats": 0}}, "trainings.repeats: expected a number in [1"),
        ({"analysis": {"perplexity": 0}}, "analysis.perplexity: expected a number in [1"),
        ({"device": "tpu"}, "device: expected one of auto, cpu, cuda, mps, cuda:0, ..., got 'tpu'"),
        ({"jobs": 0}, "jobs: expected a number in [1, inf), got 0"),
        ({"jobs": "all"}, "jobs: expected a number, got 'all'"),
        (
            {"methods": {"mgd3": {"procedure": "dream"}}},
            "unknown procedure of method mgd3 'dream': expected one of",
        ),
    ],
    ids=str,
)
def test_a_value_that_does_not_fit_is_refused_by_name(changes, message, untouched):
    assert message in error_of(kedro_run(untouched, *DISTILL, **changes))
    assert_untouched(untouched)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"device": "cuda"}, "device"),
        ({"evaluation": {"device": "cuda"}}, "evaluation.device"),
        ({"autoencoder": {"device": "cuda"}}, "autoencoder.device"),
        ({"diffusion": {"device": "cuda"}}, "diffusion.device"),
    ],
)
def test_a_device_that_is_not_there_is_refused(changes, setting, untouched):
    message = error_of(kedro_run(untouched, *DISTILL, **changes))
    assert message.startswith(f"{setting}: expected one of auto,")
    assert_untouched(untouched)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pipelines", "distil"), "pipelines: unknown pipeline 'distil': expected one of"),
        (("--pipeline", "distil"), "did you mean 'distill'?"),
        (("--env", "minst"), "env: unknown environment 'minst': expected one of base, cifar10"),
        (("--namespaces", "encod"), "did you mean 'encode'?"),
        (("--tags", "fast"), "tags: unknown tag 'fast': expected one of analyze_diversity"),
        ((*DISTILL, "--to-nodes", "paint"), "does not contain nodes named ['paint']"),
        ((*DISTILL, "--runner", "Fast"), "runner: expected SequentialRunner, or MODULE.CLASS"),
        ((*DISTILL, "--runner", "no.such.Runner"), "got 'no.such.Runner', which is neither"),
        (("--pipelines=compare", "--params=protocol=hrd"), "unknown protocol 'hrd'"),
    ],
)
def test_an_unknown_name_on_the_command_line_is_refused(arguments, message, untouched):
    assert message in error_of(kedro_run(untouched, *arguments))
    assert_untouched(untouched)


@pytest.mark.parametrize("lost", ["", "vae", "transformer/diffusion_pytorch_model.safetensors"])
def test_missing_weights_are_refused_with_the_command_that_makes_them(lost, broken):
    path = broken / PRIOR / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    message = error_of(kedro_run(broken, *DISTILL))
    assert f"expected model weights in {broken / PRIOR}" in message
    assert message.endswith("kedro run --pipelines=pretrain --env mnist trains it")
    assert_untouched(broken)


@pytest.mark.parametrize("protocol", ["soft", "soft_stored"])
def test_a_protocol_that_asks_a_teacher_is_refused_without_one(protocol, untouched):
    changes = {"protocol": protocol, "evaluation": {"batch_size": 8}}
    message = error_of(kedro_run(untouched, *DISTILL, **changes))
    folder = untouched / "data/06_models/teachers/mnist-test"
    assert f"expected model weights in {folder}, found none" in message
    assert "--params teacher=FOLDER" in message
    assert message.endswith("train_teacher, with the same --env and --params, trains one")
    assert_untouched(untouched)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "convnet9"}, "unknown network 'convnet9'"),
        ({"network": "convnet6"}, "convnet6: expected images of at least 64 px to halve 6 times"),
        (
            {"protocol": "soft"},
            "hard, hard_adamw, hard_plain, hard_strong, which need no teacher, got 'soft'",
        ),
        ({"epochs": 0}, "epochs: expected a number in [1"),
        ({"learning_rate": -1}, "learning_rate: expected a number in (0"),
        ({"cutmix": 1}, "cutmix: expected true or false"),
        ({"seed": -1}, "seed: expected a number in [0"),
    ],
    ids=str,
)
def test_a_teacher_that_cannot_be_trained_is_refused(changes, message, untouched):
    result = kedro_run(untouched, "--pipelines", "train_teacher", teacher_training=changes)
    assert message in error_of(result)
    assert_untouched(untouched)


def test_a_backbone_whose_model_is_not_there_is_refused_with_how_to_get_it(untouched):
    unset = {"sampling": {"stop_guidance_timestep": "null"}}
    message = error_of(kedro_run(untouched, *DISTILL, backbone="stable_diffusion", **unset))
    folder = "data/06_models/stable-diffusion-v1-5"
    assert f"{folder}, found none; name another model with --params model=FOLDER" in message
    assert "--params model=stable-diffusion-v1-5/stable-diffusion-v1-5 downloads it" in message
    assert_untouched(untouched)


def test_weights_that_are_a_pickle_are_refused_with_the_command_that_converts_them(broken):
    weights = broken / PRIOR / "transformer/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    message = error_of(kedro_run(broken, *DISTILL))
    assert f"{weights.with_suffix('.bin')}: expected safetensors, got a pickle" in message
    assert f"kedro convert-model {broken / PRIOR} TARGET" in message
    assert_untouched(broken)


def test_a_class_that_the_model_does_not_know_is_refused(broken):
    table = broken / "data/01_raw/classes/mnist.tsv"
    table.write_text(table.read_text().replace("4\t4\tfour", "4\t40\tfour"))
    message = error_of(kedro_run(broken, *DISTILL))
    assert message.startswith("class 4 (four): expected a class_index of 0..9")
    assert message.endswith("the classes of the backbone, got 40")
    assert_untouched(broken)


def test_weights_that_do_not_fit_their_configuration_are_refused(broken):
    config = broken / PRIOR / "transformer/config.json"
    config.write_text(config.read_text().replace('"num_layers": 1', '"num_layers": 2'))
    message = error_of(kedro_run(broken, *DISTILL))
    assert (
        "transformer/diffusion_pytorch_model.safetensors: expected transformer_blocks.1" in message
    )
    assert "as config.json says, got none" in message
    assert_untouched(broken)


def test_weights_cut_off_while_copied_are_refused(broken):
    weights = broken / PRIOR / "vae/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    message = error_of(kedro_run(broken, *DISTILL))
    assert f"{weights}: not a safetensors file" in message
    assert_untouched(broken)


@pytest.fixture
def theirs(tmp_path):
    """Return a folder of somebody's images, of every digit."""
    for digit in range(10):
        folder = tmp_path / "theirs" / str(digit)
        folder.mkdir(parents=True)
        for number in range(2):
            Image.linear_gradient("L").resize((32, 32)).save(folder / f"{number}.png")
    return tmp_path / "theirs"


def cut_off(folder):
    path = folder / "4/1.png"
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut_off, "theirs/4/1.png: expected an image that can be decoded"),
        (lambda folder: shutil.rmtree(folder / "4"), "images of class 4 (four), got none"),
        (
            lambda folder: [p.unlink() for p in (folder / "4").iterdir()],
            "(four), got an empty class",
        ),
        (lambda folder: (folder / "n999").mkdir(), "got n999 as well; remove the other"),
        (
            lambda folder: [Image.new("RGB", (28, 28)).save(p) for p in (folder / "4").iterdir()],
            "squares of one size, 32 x 32 pixels, got 28 x 28 in class 4; crop and resize",
        ),
        (
            lambda folder: Image.new("RGB", (28, 28)).save(folder / "4/1.png"),
            "theirs/4/1.png: expected 32 x 32 pixels as the other images of the class",
        ),
        (shutil.rmtree, "theirs: one of zip archive, tar shards, tar archive, parquet files"),
        (
            lambda folder: [shutil.rmtree(path) for path in folder.iterdir()],
            "expected classes of images in",
        ),
    ],
    ids=["truncated", "missing", "empty", "surplus", "size", "one size", "no folder", "no class"],
)
def test_images_that_cannot_be_evaluated_are_refused(spoil, message, theirs, untouched):
    spoil(theirs)
    result = kedro_run(untouched, "--pipelines", "evaluate", images=str(theirs), method="theirs")
    assert message in error_of(result)
    assert_untouched(untouched)


def train_on_folders(project, folder):
    """Have a project take its train images from a folder."""
    path = project / "conf/mnist/catalog.yml"
    catalog = yaml.safe_load(path.read_text())
    catalog["train_images"] = {
        "type": "mgd3_kedro.datasets.given_images.GivenImagesDataset",
        "filepath": str(folder),
    }
    path.write_text(yaml.safe_dump(catalog))


def test_a_benchmark_with_an_empty_class_is_refused(broken, theirs):
    train_on_folders(broken, theirs)
    for path in (theirs / "9").iterdir():
        path.unlink()
    message = error_of(kedro_run(broken, *DISTILL))
    said = "train_images: expected images of class 9 (nine), got an empty class; there are: 0, 1"
    assert message.startswith(said)
    assert_untouched(broken)


def test_a_train_image_of_another_size_is_named_and_finished_classes_are_kept(broken, theirs):
    train_on_folders(broken, theirs)
    Image.new("RGB", (28, 28)).save(theirs / "4/1.png")
    message = error_of(kedro_run(broken, *DISTILL))
    assert message.startswith(f"{theirs}/4/1.png: expected 32 x 32 pixels as the other images")
    kept = broken / "data/02_intermediate/mnist/test/dit/latents"
    assert sorted(path.stem for path in kept.iterdir()) == ["0", "1", "2", "3"]
    Image.linear_gradient("L").resize((32, 32)).save(theirs / "4/1.png")
    before = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert kedro_run(broken, "--pipelines", "encode").exit_code == 0
    after = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(after) == 10
    assert {name: after[name] for name in before} == before


def spoil_weights(project, part, name, rows):
    path = project / PRIOR / part / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weights[name][rows] = torch.nan
    save_file(weights, path)


def test_latents_that_are_not_finite_are_refused_by_class(broken):
    spoil_weights(broken, "vae", "quant_conv.bias", slice(None))
    message = error_of(kedro_run(broken, *DISTILL))
    assert message.startswith("class 0: latents: expected finite values, got 16 of 16 samples")
    assert [run.info.status for run in runs_of(broken)] == ["FAILED"]
    assert "expected finite values" in runs_of(broken)[0].data.tags["error"]


def test_samples_that_are_not_finite_are_refused_and_finished_classes_are_kept(broken):
    table = "transformer_blocks.0.norm1.emb.class_embedder.embedding_table.weight"
    spoil_weights(broken, "transformer", table, 7)
    message = error_of(kedro_run(broken, *DISTILL, diffusion={"max_batch": 1}))
    assert message.startswith("class 7: samples: expected finite values, got 2 of 2 samples")
    folder = output(broken, "07_model_output")
    assert sorted(path.name for path in (folder / "images").iterdir()) == list("0123456")
    assert not (folder / "images.manifest/complete").exists()
    assert [run.info.status for run in runs_of(broken)] == ["FAILED"]


def test_a_full_disk_loses_nothing_that_was_finished(small_disk, fill):
    project = small_disk / "project"
    project.mkdir()
    make_project(project)
    assert kedro_run(project, "--pipelines", "encode").exit_code == 0
    kept = times_of(project / "data/02_intermediate")
    filler = fill(small_disk)
    message = error_of(kedro_run(project, *DISTILL))
    assert "No space left on device" in message or "database or disk is full" in message
    filler.unlink()
    assert kedro_run(project, *DISTILL).exit_code == 0
    assert times_of(project / "data/02_intermediate") == kept
    assert len(list((output(project, "07_model_output") / "images").rglob("*.png"))) == 10 * IPC


def test_a_stage_whose_input_was_never_made_says_which_one_makes_it(broken):
    message = error_of(kedro_run(broken, "--pipelines", "guided_generate"))
    assert message.startswith(f"expected a complete {broken}/data/02_intermediate")
    assert "latents, found no finished partitions; run the stage that makes it" in message
    assert_untouched(broken)


def test_comparing_without_rows_says_what_makes_them(broken):
    message = error_of(kedro_run(broken, "--pipelines", "compare"))
    assert "run distill first" in message or "No partitions found" in message


@pytest.mark.parametrize("option", ["--pipeline", "--pipelines"])
@pytest.mark.filterwarnings("ignore:Option '--pipeline' is deprecated")
def test_both_ways_to_name_a_pipeline_work(option, broken):
    result = kedro_run(broken, option, "encode")
    assert result.exit_code == 0
    assert result.stderr == ""
    (only,) = runs_of(broken)
    assert only.data.tags["mlflow.runName"] == "encode mnist/test/dit"
    assert "system/encode/encode_images/run_seconds" in only.data.metrics
    assert "system/discover_modes/discover_modes/run_seconds" not in only.data.metrics


@pytest.mark.parametrize("parameter", ["data=/photos", "bad_images=skip", "leaks=near"])
def test_a_parameter_about_image_files_is_refused_where_there_are_none(parameter, untouched):
    name = parameter.partition("=")[0]
    message = error_of(kedro_run(untouched, *DISTILL, "--params", parameter))
    assert message.startswith(f"{name}: expected an environment that reads images from files")
    assert "got mnist, which has its own images" in message
    assert_untouched(untouched)


def test_parameters_may_be_given_in_several_parts(broken):
    changes = ["--params", "encoding.seed=3", "--params=encoding.flip=random"]
    result = kedro_run(broken, "--pipelines", "encode", *changes)
    assert result.exit_code == 0, result.output
    (run,) = runs_of(broken)
    found = run.data.params
    assert (found["encoding.flip"], found["encoding.seed"]) == ("random", "3")
    assert run.data.params["benchmark"] == "mnist"


def test_stages_that_do_not_wait_for_each_other_are_refused(untouched):
    stages = "encode,discover_modes,guided_generate,train_eval"
    message = error_of(kedro_run(untouched, "--pipelines", stages))
    assert "of the same run writes it; run the pipelines one after the other" in message
    assert_untouched(untouched)


def test_images_are_made_without_training_on_them(broken):
    result = kedro_run(broken, "--pipelines", "generate")
    assert result.exit_code == 0, result.output
    assert len(list(broken.glob("data/07_model_output/**/images/*/*.png"))) == 20
    assert not list(broken.glob("data/08_reporting/**/result_rows.csv"))


def test_results_are_kept_under_the_name_they_are_given(broken):
    result = kedro_run(broken, "--pipelines", "generate", benchmark="mine")
    assert result.exit_code == 0, result.output
    assert (broken / "data/07_model_output/mine/test/dit/ipc2/mgd3/seed0/images").is_dir()


def test_a_real_process_prints_one_error_and_no_traceback(untouched):
    process = start_command(untouched, *DISTILL, method="mgd4")
    printed, errors = process.communicate()
    assert process.returncode == 1
    assert printed == ""
    lines = errors.splitlines()
    assert lines[-1].startswith("Error: unknown method 'mgd4': expected one of")
    assert sum(line.startswith("Error:") for line in lines) == 1
    assert "Traceback" not in errors
    assert_untouched(untouched)


def test_the_installed_command_runs_the_project_it_is_called_in(broken):
    with chdir(broken / "data"):
        main(["run", "--pipelines=encode", "--params", "ipc=2"], standalone_mode=False)
    assert [run.info.status for run in runs_of(broken)] == ["FINISHED"]
    assert not (broken / "data/mlflow.db").exists()


def wrapped(inner, *texts):
    """Wrap an error as Kedro's datasets and catalog do."""
    for text in texts:
        outer = DatasetError(text)
        outer.__cause__ = inner
        inner = outer
    return inner


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\n  two\n\n"), "one; two"),
        (ValueError(""), "ValueError"),
        (
            wrapped(
                ValueError("bad"), "Failed while saving data to X().\nbad", "modes: Failed while"
            ),
            "bad",
        ),
        (wrapped(DatasetError("n1 is gone"), "latents: n1 is gone"), "n1 is gone"),
        (
            wrapped(OSError(28, "No space left on device"), "/d/n1.png could not be written"),
            "/d/n1.png could not be written",
        ),
        (
            wrapped(
                OSError(28, "No space left"), "Failed while saving", "rows: Failed while saving"
            ),
            "rows: No space left; free some space and run again (finished work is kept)",
        ),
        (
            wrapped(
                OSError(13, "Permission denied"),
                "Failed while saving data to dataset a.b.PlotDataset(filepath=/d/plot.png, b={}).",
                "plot: Failed while saving",
            ),
            "plot: Permission denied",
        ),
        (
            wrapped(
                OSError(28, "No space left"),
                "Failed while saving data to dataset a.b.PlotDataset(filepath='/d/plot.png').",
            ),
            "/d/plot.png: No space left; free some space and run again (finished work is kept)",
        ),
        (
            FileNotFoundError(2, "No such file or directory", "/d/x"),
            "/d/x: No such file or directory",
        ),
        (
            FileNotFoundError("expected /d/x, found no such file"),
            "expected /d/x, found no such file",
        ),
        (
            ParameterValidationError(
                "Parameter validation failed:\n- Parameter 'a.b': Failed to instantiate C for "
                "parameter 'a.b': d: expected 1\n- Parameter 'e': Expected dict"
            ),
            "a.b: d: expected 1; e: Expected dict",
        ),
        (
            ParameterValidationError(
                "Parameter validation failed:\n- Parameter 'a': Failed to instantiate C for "
                "parameter 'a': seed: expected 1, got 2\n- Parameter 'b': Failed to instantiate D "
                "for parameter 'b': random_state: expected 1, got 2"
            ),
            "a.seed, b.random_state: expected 1, got 2",
        ),
        (
            DatasetError("expected images, got 2:\n  a\n  b\nremove them"),
            "expected images, got 2: a; b; remove them",
        ),
    ],
)
def test_an_error_is_told_in_one_line_without_its_wrapping(error, line):
    assert describe_error(error) == line


def test_an_expected_error_is_shown_and_any_other_keeps_its_traceback():
    with pytest.raises(click.ClickException, match="bad"), plain_errors():
        raise ValueError("bad")
    with pytest.raises(KeyError), plain_errors():
        raise KeyError("bug")
    bug = wrapped(KeyError("bug"), "Failed while saving data to X().\n'bug'", "modes: Failed while")
    with pytest.raises(DatasetError), plain_errors():
        raise bug


def test_an_interrupt_says_that_nothing_is_lost(capsys):
    with pytest.raises(SystemExit) as at, plain_errors():
        raise KeyboardInterrupt
    assert at.value.code == 130
    assert "finished work is kept" in capsys.readouterr().err


def fail_to_record(first):
    try:
        raise first
    except Exception:
        raise MlflowException("INSERT\n[SQL: ...]") from OSError("database or disk is full")


def test_an_error_is_not_hidden_by_a_store_that_cannot_record_it():
    full = DatasetError("/d/n1.png could not be written: No space left on device")
    with (
        pytest.raises(click.ClickException, match=r"/d/n1\.png could not be written"),
        plain_errors(),
    ):
        fail_to_record(full)
    with pytest.raises(click.ClickException, match="the MLflow store: bug"), plain_errors():
        raise MlflowException("bug\n[SQL: ...]")
    assert "database or disk is full" in describe_store_error(
        wrapped_store_error("database or disk is full")
    )


def wrapped_store_error(reason):
    try:
        raise MlflowException(f"({reason})\n[SQL: ...]")
    except MlflowException as error:
        return error


def test_a_command_starts_without_warnings():
    command = [sys.executable, "-m", "kedro", "sweep", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "grid of parameters" in done.stdout
    assert done.stderr == ""


def test_an_estimate_tells_the_stages_and_does_nothing(untouched):
    told = call("estimate", untouched, *DISTILL)
    assert told.exit_code == 0, told.output
    assert "encode images" in told.stdout
    assert "train networks" in told.stdout
    assert_untouched(untouched)


def test_an_estimate_refuses_what_the_run_would(untouched):
    tight = {"sampling": {"repulsion_scale": 0.5}, "diffusion": {"max_batch": 1}}
    refused = error_of(call("estimate", untouched, *DISTILL, **tight))
    assert refused == error_of(kedro_run(untouched, *DISTILL, **tight))
    assert "max_batch: expected at least" in refused
    for options in (("--pipelines", "distil"), ("--env", "minst")):
        refused = error_of(call("estimate", untouched, *options))
        assert refused == error_of(kedro_run(untouched, *options))
    assert_untouched(untouched)


def test_an_estimate_tells_what_changes_nothing(untouched, caplog):
    told = call(
        "estimate", untouched, *DISTILL, method="unguided", sampling={"mode_guidance_scale": 0.3}
    )
    assert told.exit_code == 0, told.output
    assert "sampling.mode_guidance_scale=0.3 changes nothing" in caplog.text + told.output


def test_nothing_is_sent_unless_whoever_starts_it_wants_that(tmp_path):
    project = make_project(tmp_path / "project")
    names = ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY")
    code = (
        "import os, pathlib; from kedro.framework.startup import bootstrap_project;"
        f"bootstrap_project(pathlib.Path.cwd()); print(*(os.environ[name] for name in {names}))"
    )
    given = {name: value for name, value in os.environ.items() if name not in names}
    for own, told in (({}, "true true true"), ({names[1]: "false"}, "true false true")):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            cwd=project,
            env={**given, **own},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.strip() == told
