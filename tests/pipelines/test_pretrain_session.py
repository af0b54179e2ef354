import json
import shutil

import pandas as pd
import pytest
from safetensors.torch import load_file, save_file
from tiny_project import PRIOR, environment, make_project, run, runs_of, times_of

from mgd3_kedro.backbones import check_backbone
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.pipelines.pretrain.tuning import best_scale
from mgd3_kedro.priors import known_classes
from mgd3_kedro.records import ModelFolder

LOOP = {"batch_size": 8, "warmup_steps": 1, "flip_probability": 0.5}
PRETRAIN = {
    "autoencoder": {**LOOP, "block_channels": [8, 8, 8], "steps": 6, "precision": "fp32"},
    "denoiser": {
        **LOOP,
        "layers": 1,
        "heads": 1,
        "head_dim": 16,
        "prediction_type": "sample",
        "steps": 6,
    },
    "tuning": {"guidance_scales": [1.0, 2.5], "samples_per_class": 2, "epochs": 1},
    "judge": {"samples_per_class": 2, "network": "convnet1", "epoch_scale": 0.002},
}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    project = make_project(tmp_path_factory.mktemp("pretrain"))
    with environment(project, "mnist", pretrain=PRETRAIN):
        run(project, "pretrain")
        yield project


def test_a_prior_is_trained_into_a_folder_that_the_dit_backbone_accepts(pretrained):
    check_backbone(ModelFolder(pretrained / PRIOR, "", "dit"), [ClassSpec(0, "9", 9, "nine")])
    config = json.loads((pretrained / PRIOR / "transformer/config.json").read_text())
    assert config["num_embeds_ada_norm"] == 10
    assert (config["sample_size"], config["in_channels"]) == (8, 4)


def test_the_card_states_data_steps_time_curves_and_findings(pretrained):
    card = (pretrained / PRIOR / "README.md").read_text()
    for words in (
        "train split of `mnist`",
        "6 updates",
        "dB PSNR on the train split, ",
        " dB on the test split",
        "The null class of classifier-free guidance is number 10;",
        "Denoising: the mean squared error of latents (of unit variance) is",
        "% of 2 samples",
        "% of the real test images",
        "Memorisation: the median distance to the nearest training image",
        "| flip_probability | 0.5 |",
        "| steps | 6 |",
    ):
        assert words in card
    for part in ("autoencoder", "denoiser"):
        curve = pd.read_csv(pretrained / PRIOR / f"{part}_curve.csv")
        assert curve["step"].tolist() == [1, 2, 3, 4, 5, 6]
        assert (pretrained / PRIOR / f"{part}_curve.png").stat().st_size > 1000


def test_the_prior_says_its_classes_and_the_guidance_scale_that_was_chosen(pretrained):
    assert known_classes(pretrained / PRIOR)[9] == ("9", "nine")
    table = pd.read_csv(pretrained / "data/08_reporting/mnist/pretrain/guidance_tuning.csv")
    assert table["guidance_scale"].tolist() == [1.0, 1.0, 2.5, 2.5]
    chosen = json.loads((pretrained / PRIOR / "sampling.json").read_text())
    assert chosen == {"guidance_scale": best_scale(table)}
    card = (pretrained / PRIOR / "README.md").read_text()
    assert f"per class at guidance scale {chosen['guidance_scale']:g} are recognised" in card
    for scale, of_scale in table.groupby("guidance_scale")["top1_last"]:
        assert f"| {scale:g} | {of_scale.mean():.1f} | {of_scale.iloc[0]:.1f}, " in card


def test_training_logs_its_loss_curve_and_its_findings(pretrained):
    (tracked,) = runs_of(pretrained)
    assert tracked.info.status == "FINISHED"
    assert {"autoencoder_curve/loss", "denoiser_curve/loss"} <= set(tracked.data.metrics)
    measured = tracked.data.metrics
    assert measured["reconstruction/psnr_train"] > 0
    assert measured["reconstruction/psnr_test"] > 0
    assert measured["denoising/train_error"] > 0
    assert measured["denoising/test_error"] > 0
    for name in ("samples_recognised", "reconstructed_recognised", "test_recognised"):
        assert 0 <= measured[f"judge/{name}"] <= 100
    assert 0 <= measured["memorisation/nearer_probability"] <= 1
    assert measured["memorisation/samples"] == 20
    assert measured["memorisation/unseen"] == 50


def test_denoising_is_a_table_with_a_line_per_noise_level(pretrained):
    table = pd.read_csv(pretrained / "data/08_reporting/mnist/pretrain/denoising.csv")
    assert table.columns.tolist() == ["timestep", "train_error", "test_error"]
    assert table["timestep"].tolist() == [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]


def test_memorisation_is_a_table_with_a_line_per_class_and_a_figure(pretrained):
    folder = pretrained / "data/08_reporting/mnist/pretrain"
    table = pd.read_csv(folder / "memorisation.csv", dtype={"wnid": str})
    assert table["wnid"].tolist() == [*map(str, range(10)), "all"]
    assert table["samples"].tolist() == [2] * 10 + [20]
    assert table["unseen"].tolist() == [5] * 10 + [50]
    metrics = json.loads((folder / "memorisation_metrics.json").read_text())
    overall = table.iloc[-1][list(metrics)].astype(float)
    assert overall.to_dict() == pytest.approx(metrics)
    assert (folder / "memorisation.png").stat().st_size > 5000


def test_a_second_run_goes_on_from_the_finished_checkpoints_to_the_same_weights(pretrained):
    weights = pretrained / PRIOR / "transformer/diffusion_pytorch_model.safetensors"
    (checkpoint,) = pretrained.glob("data/06_models/checkpoints/mnist/denoiser-*.ckpt")
    before, trained = weights.read_bytes(), checkpoint.stat().st_mtime_ns
    run(pretrained, "pretrain")
    assert weights.read_bytes() == before
    assert checkpoint.stat().st_mtime_ns == trained


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pretrain": {"denoiser": {"steps": 7}}}, "pretrain.denoiser.steps=7"),
        ({"label": "other"}, "label=other"),
    ],
)
def test_a_prior_that_is_trained_otherwise_has_a_folder_of_its_own(changes, words, pretrained):
    before = times_of(pretrained / PRIOR)
    run(pretrained, "pretrain", **changes)
    other = pretrained / f"{PRIOR},{words}"
    assert {path.name for path in other.iterdir()} == {
        path.name for path in (pretrained / PRIOR).iterdir()
    }
    assert times_of(pretrained / PRIOR) == before
    assert (pretrained / f"data/08_reporting/mnist/pretrain,{words}/denoising.csv").exists()


def test_the_trained_prior_distils_by_what_it_predicts(pretrained):
    scheduler = json.loads((pretrained / PRIOR / "scheduler/scheduler_config.json").read_text())
    assert scheduler["prediction_type"] == "sample"
    run(pretrained, "encode", "discover_modes", "guided_generate")
    folder = pretrained / "data/07_model_output/mnist/test/dit/ipc2/mgd3/seed0/images"
    assert len(list(folder.rglob("*.png"))) == 20


def section_of(card, title):
    return card.read_text().split(f"## {title}\n")[1].split("\n## ")[0].strip()


def test_an_autoencoder_that_is_given_is_kept_as_it_is(pretrained, tmp_path):
    project = make_project(tmp_path)
    given = pretrained / PRIOR / "vae"
    settings = {**PRETRAIN, "autoencoder": {**PRETRAIN["autoencoder"], "given": str(given)}}
    with environment(project, "mnist", pretrain=settings):
        run(project, "pretrain")
    name = "diffusion_pytorch_model.safetensors"
    assert (project / PRIOR / "vae" / name).read_bytes() == (given / name).read_bytes()
    assert (project / PRIOR / "vae/config.json").read_text() == (given / "config.json").read_text()
    # What its card says of the autoencoder is said here, too.
    sections = [
        section_of(root / PRIOR / "README.md", "Autoencoder") for root in (project, pretrained)
    ]
    assert sections[0] == sections[1]
    assert " updates in " in sections[0]
    for curve in ("autoencoder_curve.csv", "autoencoder_curve.png"):
        assert (project / PRIOR / curve).read_bytes() == (pretrained / PRIOR / curve).read_bytes()
    # What was trained on the latents of another autoencoder is of no use, and is left alone.
    other = tmp_path / "other"
    shutil.copytree(given, other)
    weights = load_file(other / name)
    save_file({key: 1.5 * weight for key, weight in weights.items()}, other / name)
    before = (project / PRIOR / "transformer" / name).read_bytes()
    settings["autoencoder"]["given"] = str(other)
    with environment(project, "mnist", pretrain=settings):
        run(project, "pretrain")
    assert section_of(project / PRIOR / "README.md", "Autoencoder").endswith("parameters, given.")
    assert not (project / PRIOR / "autoencoder_curve.png").exists()
    assert (project / PRIOR / "transformer" / name).read_bytes() != before
    assert len(list(project.glob("data/06_models/checkpoints/mnist/denoiser-*.ckpt"))) == 2


def test_a_given_autoencoder_that_is_not_there_is_refused_before_work(tmp_path):
    project = make_project(tmp_path)
    settings = {**PRETRAIN, "autoencoder": {**PRETRAIN["autoencoder"], "given": "nowhere"}}
    with pytest.raises(FileNotFoundError, match=r"expected .*nowhere/config\.json"):
        run(project, "pretrain", pretrain=settings)
    assert runs_of(project) == []
