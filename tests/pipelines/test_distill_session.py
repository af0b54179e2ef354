import json
import math
import signal
import time

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file
from tiny_project import (
    IPC,
    PRIOR,
    REPOSITORY,
    TRAIN,
    evaluated,
    images_of,
    output,
    run,
    runs_of,
    start_command,
    times_of,
)

from mgd3_kedro.datasets.embedded_digits import read_class
from mgd3_kedro.datasets.image_folder import read_images
from mgd3_kedro.pipeline_registry import register_pipelines
from mgd3_kedro.result_columns import ROW_COLUMNS
from mgd3_kedro.version import code_version

DIGITS = [str(digit) for digit in range(10)]
GENERATION = ("encode", "discover_modes", "guided_generate")
PROVENANCE = [
    "label",
    "wnid",
    "class_index",
    "class_name",
    "image",
    "ipc",
    "seed",
    "mode",
    "mode_member_count",
    "mode_members",
    "distance_to_mode",
    "nearest_mode",
    "nearest_mode_in_layout",
    "nearest_real",
    "distance_to_nearest_real",
    "mode_finder",
    "sampler",
    "num_inference_steps",
    "timestep_spacing",
    "reference_steps",
    "guidance_scale",
    "cfg_channels",
    "cfg_from_timestep",
    "cfg_to_timestep",
    "prompt_template",
    "negative_prompt",
    "precision",
    "compile",
    "time_frequencies",
    "initial_latents",
    "noise_strength",
    "mode_guidance_scale",
    "mode_guidance_schedule",
    "stop_guidance_step",
    "stop_guidance_timestep",
    "mode_guidance_adaptation",
    "tangent_components",
    "repulsion_scale",
    "noise_coupling",
    "candidates",
    "candidate_score",
    "condition_noise",
    "transport_scale",
    "dmgd_scale",
    "mean_matching_scale",
    "determinantal_scale",
    "dap_scale",
    "manifoldgd_scale",
    "boundary_share",
    "pull_pool",
    "mode_guidance_gain",
    "mode_guidance_window",
    "repulsion_window",
    "transport_support",
    "transport_entropy",
    "transport_debiased",
    "transport_window",
    "dmgd_window",
    "mean_matching_window",
    "determinantal_window",
    "dap_of",
    "dap_real",
    "dap_depth",
    "dap_window",
    "manifoldgd_window",
    "condition_other",
    "condition_from",
    "condition_to",
    "condition_distribution",
    "boundary_chance",
    "nearest_real_file",
    "environment",
    "command",
]
EVALUATED = {"result_rows", "training_curves", "class_accuracies", "confusion"}
LATENTS = "data/02_intermediate/mnist/test/dit/latents"
MODES = f"data/04_feature/mnist/test/dit/ipc{IPC}/seed0/modes"


def read_table(project, name, method="mgd3", **keys):
    stage = "07_model_output" if name == "provenance" else "08_reporting"
    place = evaluated if name in EVALUATED else output
    folder = place(project, stage, method, **keys)
    return pd.read_csv(folder / f"{name}.csv", dtype={"wnid": str})


@pytest.fixture(scope="module")
def tracked(finished):
    """Return the MLflow run of the finished project."""
    (only,) = runs_of(finished)
    return only


def test_every_class_has_its_latents_and_modes(finished):
    assert sorted(path.stem for path in (finished / LATENTS).iterdir()) == DIGITS
    assert sorted(path.stem for path in (finished / MODES).iterdir()) == DIGITS
    for digit in DIGITS:
        latents = load_file(finished / LATENTS / f"{digit}.safetensors")["latents"]
        assert latents.shape == (16, 4, 8, 8)
        assert latents.dtype == torch.float32
        found = load_file(finished / MODES / f"{digit}.safetensors")
        assert found["modes"].shape == (IPC, 4, 8, 8)
        for mode in range(IPC):
            members = latents[found["assignment"] == mode]
            assert torch.allclose(members.mean(0), found["modes"][mode], atol=1e-5)


def test_every_class_is_a_folder_of_as_many_images_as_asked_for(finished):
    folder = output(finished, "07_model_output") / "images"
    assert sorted(path.name for path in folder.iterdir()) == DIGITS
    images = images_of(finished)
    assert sorted(images) == sorted(f"{d}/{i}.png" for d in DIGITS for i in range(IPC))
    assert len(set(images.values())) == len(images)
    assert read_images(folder / "3").shape == (IPC, 3, 32, 32)


def test_every_image_has_one_row_of_provenance(finished):
    rows = read_table(finished, "provenance")
    assert list(rows) == PROVENANCE
    assert rows["image"].tolist() == [f"{d}/{i}.png" for d in DIGITS for i in range(IPC)]
    assert (rows["class_index"].astype(str) == rows["wnid"]).all()
    assert rows["class_name"].unique()[[0, 9]].tolist() == ["zero", "nine"]
    assert rows["nearest_real"].between(0, 15).all()
    assert rows["nearest_real_file"].isna().all()  # The digits are no files.
    assert (rows["distance_to_nearest_real"] <= rows["distance_to_mode"] + 20).all()
    knobs = {
        "sampler": "ddpm",
        "num_inference_steps": 4,
        "guidance_scale": 2.0,
        "mode": [0, 1] * 10,
    }
    for name, value in knobs.items():
        assert (rows[name] == value).all()


def test_the_members_of_the_modes_of_a_class_are_all_its_real_images(finished):
    rows = read_table(finished, "provenance")
    for _, of_class in rows.groupby("wnid"):
        members = [int(member) for row in of_class["mode_members"] for member in row.split()]
        assert sorted(members) == list(range(16))
        counts = [len(row.split()) for row in of_class["mode_members"]]
        assert of_class["mode_member_count"].tolist() == counts


def test_a_training_is_a_row_of_keys_accuracies_and_what_it_was_made_with(finished):
    rows = read_table(finished, "result_rows")
    assert tuple(rows.columns[: len(ROW_COLUMNS)]) == ROW_COLUMNS
    assert rows["settings"].isna().all()
    assert rows["configuration"].str.fullmatch("[0-9a-f]{12}").all()
    for library in ("python", "torch", "diffusers", "scikit-learn", "kedro", "device"):
        assert rows["environment"].str.contains(f"{library}=").all()
    assert (rows["command"] != "").all()
    assert len(rows) == 2
    keys = dict(zip(ROW_COLUMNS, rows.iloc[0], strict=False))
    assert keys["benchmark"] == "mnist"
    assert (keys["ipc"], keys["method"], keys["backbone"]) == (IPC, "mgd3", "dit")
    assert (keys["network"], keys["protocol"], keys["preset"]) == ("convnet1", "hard", "smoke")
    assert rows["training_seed"].tolist() == [0, 1]
    assert (rows["code_version"] == code_version()).all()
    assert rows["top1_last"].between(0, 100).all()
    assert (rows["top1_best"] >= rows["top1_last"]).all()


def test_curves_and_scores_are_tables(finished):
    curves = read_table(finished, "training_curves")
    assert curves["training"].tolist() == ["convnet1-0"] * 2 + ["convnet1-1"] * 2
    assert curves["epoch"].tolist() == [1, 2, 1, 2]
    assert np.isfinite(curves["train_loss"]).all()
    rows = read_table(finished, "result_rows")
    last = curves.groupby("training")["top1"].last()
    assert last.tolist() == rows["top1_last"].tolist()
    classes = read_table(finished, "class_accuracies")
    assert classes["wnid"].tolist() == DIGITS * 2
    means = classes.groupby("training")["top1_last"].mean()
    assert means.tolist() == pytest.approx(rows["top1_last"].tolist())
    assert (rows["outcome"] == "finished").all()
    assert (rows["top5_last"] >= rows["top1_last"]).all()
    assert rows["calibration_error"].between(0, 100).all()
    scores = read_table(finished, "diversity_scores")
    assert scores["wnid"].tolist() == DIGITS
    for name in ("diversity", "representativeness"):
        assert (scores[name] > 0).all()
        assert (scores[f"{name}_in_plane"] > 0).all()


def test_every_image_has_scores_of_which_those_of_its_class_are_means(finished):
    images = read_table(finished, "sample_scores")
    assert images["image"].tolist() == [*range(IPC)] * len(DIGITS)
    classes = read_table(finished, "diversity_scores").set_index("wnid")
    for name in ("diversity", "representativeness"):
        for column in (name, f"{name}_in_plane"):
            means = images.groupby("wnid")[column].mean()
            assert means.tolist() == pytest.approx(classes.loc[means.index, column].tolist())


def test_every_stage_before_the_evaluation_says_how_long_it_took(finished):
    costs = read_table(finished, "stage_costs")
    assert costs["stage"].tolist() == list(GENERATION)
    assert (costs["seconds"] > 0).all()


@pytest.mark.parametrize("name", ["contact_sheet", "latent_plane", "training_curves", "confusion"])
def test_every_figure_is_a_picture_with_something_on_it(name, finished):
    place = evaluated if name in EVALUATED else output
    with Image.open(place(finished, "08_reporting") / f"{name}.png") as picture:
        assert min(picture.size) > 200 or name == "contact_sheet"
        assert len(picture.convert("RGB").getcolors(2**24)) > 50


@pytest.mark.parametrize("name", ["modes", "members"])
def test_the_modes_of_the_seed_are_drawn_too(name, finished):
    folder = finished / f"data/08_reporting/mnist/test/dit/ipc{IPC}/seed0/modes"
    with Image.open(folder / f"{name}.png") as picture:
        assert min(picture.size) > 200
        assert len(picture.convert("RGB").getcolors(2**24)) > 20


def test_the_table_of_modes_has_every_class_with_the_sizes_of_its_clusters(finished):
    folder = finished / f"data/08_reporting/mnist/test/dit/ipc{IPC}/seed0/modes"
    scores = pd.read_csv(folder / "mode_scores.csv")
    assert scores["wnid"].astype(str).tolist() == DIGITS
    for row in scores.itertuples():
        sizes = [int(size) for size in row.members.split()]
        assert (len(sizes), sum(sizes)) == (IPC, 16)
        assert (min(sizes), max(sizes)) == (row.smallest_cluster, row.largest_cluster)
    assert (scores[["within_spread", "between_spread"]] > 0).all(axis=None)


def test_the_interactive_plane_has_real_and_distilled_samples_of_every_class(finished):
    figure = json.loads((output(finished, "08_reporting") / "latent_plane.json").read_text())
    points = [
        len(trace["x"]["bdata"] if isinstance(trace["x"], dict) else trace["x"])
        for trace in figure["data"]
    ]
    assert len(points) >= 20
    assert min(points) >= IPC


def test_the_run_is_tracked_as_finished_with_every_parameter_and_the_code_version(tracked):
    assert tracked.info.status == "FINISHED"
    assert tracked.data.tags["code_version"] == code_version()
    assert "scikit-learn=" in tracked.data.tags["environment"]
    assert tracked.data.tags["command"]
    expected = {
        "ipc": "2",
        "method": "mgd3",
        "diffusion.num_inference_steps": "4",
        "diffusion.guidance_scale": "2.0",
        "sampling.mode_guidance_scale": "0.1",
        "sampling.stop_guidance_step": "1",
        "evaluation.presets.smoke": "0.001",
        "trainings.networks": "['convnet1']",
        "methods.mgd3.procedure": "denoise",
    }
    assert {name: tracked.data.params.get(name) for name in expected} == expected


def test_the_run_is_found_by_what_it_is_about(tracked):
    assert tracked.info.run_name == "mgd3 ipc2 seed0 hard-smoke distill mnist/test/dit"
    tags = {"method": "mgd3", "ipc": "2", "seed": "0", "protocol": "hard", "network": "convnet1"}
    assert tags.items() <= tracked.data.tags.items()


def test_no_parameter_is_a_group_of_others_too(tracked):
    names = tracked.data.params.keys()
    assert not [name for name in names if any(one.startswith(f"{name}.") for one in names)]


def test_the_run_tells_which_data_it_read(tracked, finished):
    read = {one.dataset.name: one.dataset.digest for one in tracked.inputs.dataset_inputs}
    names = ["mnist/test train", "mnist/test test", str(PRIOR), "mnist mgd3 ipc2 seed0"]
    assert sorted(read) == sorted(names)
    # What rows call the set that networks were trained on.
    (data_set,) = read_table(finished, "result_rows")["data_set"].unique()
    assert read["mnist mgd3 ipc2 seed0"] == data_set


def test_every_node_has_its_seconds_and_its_peak_memory(tracked):
    nodes = register_pipelines()["distill"].nodes
    assert len(nodes) == 35
    for node in nodes:
        place = node.name.replace(".", "/")
        for phase in ("load", "run", "save"):
            seconds = tracked.data.metrics[f"system/{place}/{phase}_seconds"]
            assert 0 <= seconds < 100
        assert 50 < tracked.data.metrics[f"system/{place}/peak_memory_mb"] < 10_000


def test_the_work_of_a_stage_counts_as_running_although_its_dataset_does_it(tracked, finished):
    manifest = finished / f"{MODES}.manifest"
    worked = sum(json.loads(path.read_text())["seconds"] for path in manifest.glob("*.json"))
    assert tracked.data.metrics["system/discover_modes/discover_modes/run_seconds"] >= worked > 0


@pytest.mark.parametrize(
    "name",
    [
        "encode/images",
        "encode/images_per_second",
        "encode/reconstruction_psnr",
        "modes/inertia",
        "modes/smallest_cluster",
        "modes/largest_cluster",
        "generate/images_per_second",
        "generate/guided_steps",
        "generate/mean_distance_to_mode",
        "train_eval/convnet1/top1_last_mean",
        "train_eval/convnet1/top1_last_std",
        "train_eval/convnet1/top1_best_mean",
        "train_eval/convnet1/top1_best_std",
        "training_curves/convnet1-1/top1",
        "training_curves/convnet1-1/train_loss",
        "diversity/mean/diversity",
        "diversity/mean/representativeness",
        "top1_last",
        "top1_best",
    ],
)
def test_every_stage_has_its_own_metrics(name, tracked):
    assert math.isfinite(tracked.data.metrics[name])


def test_metrics_are_those_of_the_run(tracked, finished):
    metrics = tracked.data.metrics
    rows = read_table(finished, "result_rows")
    assert metrics["encode/images"] == 160
    assert metrics["generate/guided_steps"] == 2
    assert metrics["modes/smallest_cluster"] <= 8 <= metrics["modes/largest_cluster"]
    assert metrics["train_eval/convnet1/top1_last_mean"] == pytest.approx(rows["top1_last"].mean())
    assert metrics["top1_last"] == metrics["train_eval/convnet1/top1_last_mean"]
    assert metrics["train_eval/convnet1/top1_last_std"] == pytest.approx(
        rows["top1_last"].std(ddof=0)
    )
    provenance = read_table(finished, "provenance")
    distance = provenance["distance_to_mode"].mean()
    assert metrics["generate/mean_distance_to_mode"] == pytest.approx(distance)


def test_the_run_keeps_its_pictures_and_rows_in_the_project(tracked, finished):
    folder = finished / "mlartifacts" / tracked.info.run_id / "artifacts"
    kept = {path.name for path in folder.iterdir()}
    pictures = {"contact_sheet.png", "latent_plane.png", "training_curves.png", "confusion.png"}
    tables = {"result_rows.csv", "diversity_scores.csv", "provenance.csv"}
    assert pictures | tables | {"latent_plane.html"} <= kept


def test_a_second_session_computes_nothing_again_and_is_a_run_of_its_own(copied):
    partitions = ("data/02_intermediate", "data/04_feature", "data/07_model_output")
    before = {stage: times_of(copied / stage) for stage in partitions}
    rows = read_table(copied, "result_rows")
    run(copied, "distill")
    for stage in partitions:
        after = times_of(copied / stage)
        changed = {name for name in after if after[name] != before[stage].get(name)}
        assert changed <= {f"mnist/test/dit/ipc{IPC}/mgd3/seed0/provenance.csv"}
    assert read_table(copied, "result_rows").equals(rows)
    assert [one.info.status for one in runs_of(copied)] == ["FINISHED", "FINISHED"]
    run(copied, "evaluate")
    trainings = f"mnist/test/dit/ipc{IPC}/mgd3/seed0/hard-smoke/trainings/convnet1-0.json"
    times = times_of(copied / "data/07_model_output")
    assert times[trainings] == before["data/07_model_output"][trainings]
    assert read_table(copied, "result_rows").equals(rows)


def test_changing_lambda_makes_other_images_from_the_same_latents_and_modes(copied):
    images = images_of(copied)
    before = [times_of(copied / folder) for folder in (LATENTS, MODES)]
    run(copied, *GENERATION, sampling={"mode_guidance_scale": 0.3})
    assert [times_of(copied / folder) for folder in (LATENTS, MODES)] == before
    changed = images_of(copied, "mgd3,mode_guidance_scale=0.3")
    assert changed.keys() == images.keys()
    assert all(changed[name] != images[name] for name in images)
    assert images_of(copied) == images


def test_images_depend_neither_on_the_batch_nor_on_the_order_of_classes(copied, project):
    run(project, *GENERATION, diffusion={"max_batch": 3})
    assert images_of(project) == images_of(copied)
    table = copied / "data/01_raw/classes/mnist.tsv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[5:], *lines[4::-1]]) + "\n")
    expected = images_of(copied)
    run(copied, *GENERATION, diffusion={"max_batch": 7})
    rows = read_table(copied, "provenance")
    assert rows["wnid"].tolist()[::2] == list("5678943210")
    assert rows["label"].tolist()[::2] == list(range(10))
    assert images_of(copied) == expected


def test_another_seed_makes_other_images_in_a_place_of_their_own(copied):
    before = images_of(copied)
    run(copied, *GENERATION, seed=1)
    assert images_of(copied) == before
    assert not set(images_of(copied, seed=1).values()) & set(before.values())


@pytest.mark.slow
def test_a_run_killed_while_it_makes_images_goes_on_to_the_same_images(project, copied):
    # One class at a time and many steps, so that there is a middle to be killed in.
    steps = {"num_inference_steps": 30}
    slow = {"diffusion": {"max_batch": 1, **steps}}
    words = "mgd3,num_inference_steps=30"
    manifest = output(project, "07_model_output", words) / "images.manifest"
    # Whatever the working directory, the project is the one it is in.
    process = start_command(project / "data", f"--pipelines={','.join(GENERATION)}", **slow)
    while process.poll() is None and len(list(manifest.glob("*.json"))) < 2:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    printed = process.communicate()
    assert process.returncode == -signal.SIGKILL, printed
    finished = len(list(manifest.glob("*.json")))
    assert 2 <= finished < 10
    assert not (project / "data/mlflow.db").exists()
    assert [one.info.status for one in runs_of(project)] == ["RUNNING"]
    before = times_of(manifest)
    run(project, *GENERATION, **slow)
    after = times_of(manifest)
    assert sum(after[name] == before.get(name) for name in after) >= finished
    assert [one.info.status for one in runs_of(project)] == ["FINISHED", "KILLED"]
    run(copied, *GENERATION, diffusion=steps)
    assert images_of(project, words) == images_of(copied, words)
    assert len(images_of(project, words)) == 10 * IPC


@pytest.mark.parametrize("method", ["unguided", "d4m", "random", "kmeans_closest"])
def test_every_method_makes_its_own_images(method, copied):
    run(copied, "generate", method=method)
    images = images_of(copied, method)
    assert images.keys() == images_of(copied).keys()
    assert not set(images.values()) & set(images_of(copied).values())
    rows = read_table(copied, "provenance", method)
    if method in ("random", "kmeans_closest"):
        assert (rows["coreset"] == method).all()
        folder = output(copied, "07_model_output", method) / "images"
        for digit in DIGITS:
            real = read_class(int(digit), *TRAIN)
            column = "nearest_real" if method == "kmeans_closest" else "image_number"
            kept = rows[rows["wnid"] == digit][column].tolist()
            assert torch.equal(read_images(folder / digit), real[kept])
            assert len(set(kept)) == IPC
    else:
        assert (rows["mode_guidance_scale"] == 0).all()
        start = "noised_modes" if method == "d4m" else "noise"
        assert (rows["initial_latents"] == start).all()
        (newest, *_) = runs_of(copied)
        assert newest.data.metrics["generate/guided_steps"] == 0


def test_mirrored_images_are_among_those_that_are_kept_where_latents_are_of_either(copied):
    run(copied, *GENERATION, method="kmeans_closest", encoding={"flip": "both"})
    method = "kmeans_closest,flip=both"
    rows = read_table(copied, "provenance", method)
    places = rows["nearest_real"]
    assert set(places // 16) == {0, 1}
    folder = output(copied, "07_model_output", method) / "images"
    for digit in DIGITS:
        real = read_class(int(digit), *TRAIN)
        kept = places[rows["wnid"] == digit].tolist()
        either = torch.cat([real, real.flip(-1)])
        assert torch.equal(read_images(folder / digit), either[kept])


def test_somebodys_images_are_evaluated_and_compared_with_the_others(copied, tmp_path):
    theirs = tmp_path / "theirs"
    for digit in DIGITS:
        (theirs / digit).mkdir(parents=True)
        for number in range(IPC):
            pixels = np.full((32, 32), 20 * int(digit) + number, dtype=np.uint8)
            Image.fromarray(pixels).save(theirs / digit / f"{number:03}.bmp")
    run(copied, "evaluate", images=str(theirs), method="theirs")
    folder = output(copied, "08_reporting", "theirs")
    (rows,) = map(pd.read_csv, folder.glob("hard-smoke,images=theirs~*/result_rows.csv"))
    assert rows["method"].tolist() == ["theirs", "theirs"]
    assert rows["ipc"].tolist() == [IPC, IPC]
    (scores,) = map(pd.read_csv, folder.parent.glob("seed0,images=theirs~*/diversity_scores.csv"))
    assert scores["method"].unique().tolist() == ["theirs"]
    assert len(list(theirs.rglob("*"))) == 10 + 10 * IPC
    run(copied, "compare")
    folder = copied / "data/08_reporting/mnist/test/comparison"
    compared = pd.read_csv(folder / "mnist_rows.csv")
    assert tuple(compared.columns[: len(ROW_COLUMNS)]) == ROW_COLUMNS
    assert sorted(compared["method"]) == ["mgd3"] * 2 + ["theirs"] * 2
    table = pd.read_csv(folder / "mnist_table.csv").set_index("method")
    assert table.loc["theirs", "top1_last_mean"] == pytest.approx(rows["top1_last"].mean())
    assert table["trainings"].tolist() == [2, 2]


def test_methods_are_reported_side_by_side(copied):
    by_latents = {"analysis": {"features": "latents"}}
    run(copied, "distill", **by_latents)
    run(copied, "distill", method="random", **by_latents)
    given = {"results": "out", "figures": "drawn", "class_name": "three"}
    run(copied, "report_methods", **given, **by_latents)
    scores = pd.read_csv(copied / f"out/mnist_ipc{IPC}_scores.csv", dtype={"wnid": str})
    assert sorted(set(scores["method"])) == ["mgd3", "random"]
    folder = output(copied, "08_reporting", "random").with_name("seed0,features=latents")
    scored = pd.read_csv(folder / "diversity_scores.csv", dtype={"wnid": str})
    own = scored.set_index("wnid")["diversity"]
    found = scores[scores["method"] == "random"].set_index("wnid")["diversity"]
    assert found.to_dict() == pytest.approx(own.to_dict())
    table = pd.read_csv(copied / f"out/mnist_ipc{IPC}_diversity.csv")
    assert table["random"].iloc[-1] == pytest.approx(own.mean())
    plane = json.loads((copied / f"out/mnist_ipc{IPC}_plane.json").read_text())
    assert plane["class_name"] == "three"
    assert np.shape(plane["real"]) == (16, 2)
    assert {name: np.shape(of) for name, of in plane["methods"].items()} == {
        "mgd3": (IPC, 2),
        "random": (IPC, 2),
    }
    costs = pd.read_csv(copied / f"out/mnist_ipc{IPC}_costs.csv")
    stages = {"encode": 1, "discover_modes": 1, "guided_generate": 2, "train_eval": 2}
    assert costs.groupby("stage").size().to_dict() == stages
    parts = ("trade_off", "plane", "images", "costs")
    assert {f"mnist_ipc{IPC}_{part}.png" for part in parts} <= {
        path.name for path in (copied / "drawn").iterdir()
    }
    run(copied, "show_class", **given, shown_methods=["mgd3"])
    with Image.open(copied / f"drawn/mnist_ipc{IPC}_class.png") as sheet:
        assert sheet.height < 3 * 128


def test_holding_out_tunes_on_train_rows_alone(project):
    run(project, "distill", split="holdout", method="random", ipc=12)
    rows = read_table(project, "provenance", "random", ipc=12, split="holdout")
    folder = output(project, "07_model_output", "random", ipc=12, split="holdout")
    for digit in DIGITS:
        kept = rows[rows["wnid"] == digit]["image_number"]
        # All twelve rows that are not held out, and none of the others.
        assert sorted(kept) == list(range(12))
        images = read_images(folder / "images" / digit)
        assert torch.equal(images, read_class(int(digit), 0, 12)[kept.tolist()])
    training = json.loads((folder / "hard-smoke/trainings/convnet1-0.json").read_text())
    assert np.array(training["confusion"]).sum() == 10 * 4
    results = read_table(project, "result_rows", "random", ipc=12, split="holdout")
    assert results["method"].tolist() == ["random", "random"]
    assert not (project / LATENTS).exists()


def test_the_rows_held_out_in_the_repository_are_train_rows_that_modes_do_not_see():
    path = REPOSITORY / "conf/mnist/parameters.yml"
    splits = yaml.safe_load(path.read_text())["splits"]
    test = range(*splits["test"]["test"]["rows"])
    train = range(*splits["test"]["train"]["rows"])
    held_out = range(*splits["holdout"]["test"]["rows"])
    tuned = range(*splits["holdout"]["train"]["rows"])
    assert (len(train), len(test)) == (400, 100)
    assert not set(train) & set(test)
    assert set(held_out) | set(tuned) <= set(train)
    assert not set(held_out) & set(tuned)
