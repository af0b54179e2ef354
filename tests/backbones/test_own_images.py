"""The three ways to distil one's own images, from start to end."""

import pandas as pd
import pytest
import torch
from PIL import Image
from tiny_project import environment, make_project, run

IMAGES = {"garden_cat": 3, "dog": 4}
EVALUATION = {
    "evaluation": {"presets": {"smoke": 0.0005}, "validations": 1, "threads": 1},
    "trainings": {"networks": ["convnet1"], "repeats": 1},
}
STAGES = ("encode", "discover_modes", "guided_generate")


@pytest.fixture(scope="module")
def project_of_any(tmp_path_factory):
    """Make a project for images of anyone."""
    return make_project(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """Write a few images of two classes, train and val."""
    folder = tmp_path_factory.mktemp("pets")
    generator = torch.Generator().manual_seed(0)
    for split in ("train", "val"):
        for name, count in IMAGES.items():
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = torch.randint(0, 256, (20, 24, 3), generator=generator)
                image = Image.fromarray(pixels.to(torch.uint8).numpy())
                image.save(folder / split / name / f"{number}.png")
    return folder


def provenance_of(project, backbone):
    folder = project / f"data/07_model_output/custom/test/{backbone}/ipc2/mgd3/seed0"
    images = sorted(str(p.relative_to(folder)) for p in folder.glob("images/*/*.png"))
    assert images == [f"images/{name}/{i}.png" for name in ("dog", "garden_cat") for i in (0, 1)]
    return pd.read_csv(folder / "provenance.csv", keep_default_na=False)


def test_a_text_to_image_model_is_asked_for_the_names_of_the_folders(
    project_of_any, pets, save_stable_diffusion
):
    given = {
        "backbone": "stable_diffusion",
        "model": str(save_stable_diffusion()),
        "data": str(pets),
        "image_size": 32,
        "sampling": {"stop_guidance_step": None, "stop_guidance_timestep": 500},
        "diffusion": {"prompt_template": "a photo of {class_name}"},
        **EVALUATION,
    }
    with environment(project_of_any, "custom", **given):
        run(project_of_any, "distill", env="custom")
    rows = provenance_of(project_of_any, "stable_diffusion")
    assert rows["class_name"].tolist() == ["dog", "dog", "garden cat", "garden cat"]
    assert (rows["prompt_template"] == "a photo of {class_name}").all()
    assert (rows["timestep_spacing"] == "leading").all()
    path = project_of_any / "data/07_model_output/custom/test/stable_diffusion/ipc2/mgd3/seed0"
    with Image.open(path / "images/dog/0.png") as image:
        assert image.size == (32, 32)


def test_a_class_conditional_model_is_asked_for_the_classes_of_the_table(
    project_of_any, pets, save_dit, tmp_path
):
    table = tmp_path / "pets.tsv"
    table.write_text("dog\t5\tbeagle\ngarden_cat\t2\ttabby\n")
    model = save_dit(num_classes=7)
    given = {"model": str(model), "data": str(pets), "image_size": 16, "classes": str(table)}
    with environment(project_of_any, "custom", **given):
        run(project_of_any, *STAGES, env="custom")
    rows = provenance_of(project_of_any, "dit")
    assert rows["class_index"].tolist() == [5, 5, 2, 2]
    assert rows["label"].tolist() == [0, 0, 1, 1]
    table.write_text("dog\t7\tbeagle\ngarden_cat\t2\ttabby\n")
    with pytest.raises(ValueError, match=r"class dog \(beagle\): expected a class_index of 0\.\.6"):
        run(project_of_any, *STAGES, env="custom", **given)


def test_a_model_of_other_classes_is_not_asked_for_those_of_the_same_places(
    project_of_any, pets, save_dit
):
    given = {"model": str(save_dit(num_classes=7)), "data": str(pets), "image_size": 16}
    with pytest.raises(
        ValueError, match=r"numbers of the 2 classes among the 7 classes of .*classes=TABLE"
    ):
        run(project_of_any, *STAGES, env="custom", **given)


def test_a_prior_is_trained_on_ones_own_images_and_sampled(project_of_any, pets):
    loop = {"batch_size": 4, "warmup_steps": 1, "steps": 4, "precision": "fp32"}
    pretrain = {
        "autoencoder": {**loop, "block_channels": [8, 8]},
        "denoiser": {**loop, "layers": 1, "heads": 1, "head_dim": 16},
        "judge": {"samples_per_class": 2, "network": "convnet1", "epoch_scale": 0.002},
    }
    given = {"data": str(pets), "image_size": 16, "model": "data/06_models/custom"}
    with environment(project_of_any, "custom", pretrain=pretrain, **given):
        run(project_of_any, "pretrain", env="custom")
        run(project_of_any, *STAGES, env="custom")
    rows = provenance_of(project_of_any, "dit")
    assert rows["class_index"].tolist() == [0, 0, 1, 1]
    for row in rows.itertuples():
        assert row.nearest_real_file == f"{row.wnid}/{row.nearest_real}.png"
