"""Groups of images of every class, of which one stays: drawn once, whatever is chosen of them."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tiny_project import IPC, PRIOR, images_of, make_project, output, run, save_teacher, times_of

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.datasets.embedded_digits import read_class
from mgd3_kedro.datasets.image_folder import read_images
from mgd3_kedro.evaluation import build_network
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import GroupObjective, centre_of, choose_groups, score_groups

DIGITS = [str(digit) for digit in range(10)]
GROUPS = 5
RELEASED = GroupObjective(0.4, 0.9, 1)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Make a project with images of chosen groups, and those that are drawn without groups."""
    project = make_project(tmp_path_factory.mktemp("groups"))
    for method in ("s3", "unguided"):
        run(project, "generate", method=method)
    return project


@pytest.fixture
def copied(drawn, tmp_path):
    """Copy that project."""
    return Path(shutil.copytree(drawn, tmp_path / "copied"))


def choose_with(project, **settings):
    """Run with another setting of the method, and return what that is called."""
    run(project, "generate", method="s3", methods={"s3": settings})
    ((name, value),) = settings.items()
    return f"s3,methods.s3.{name}={value}"


def groups_of(project, method="s3"):
    """Return class -> latents of its groups, (G, K, C, H, W)."""
    folder = output(project, "04_feature", method) / "drawn_groups"
    return {digit: load_file(folder / f"{digit}.safetensors")["latents"] for digit in DIGITS}


def features_of(project, method="s3"):
    """Return the directions of the groups, (C, G, D), and those of the real images, (C, D)."""
    folder = output(project, "04_feature", method) / "group_features"
    found = [load_file(folder / f"{digit}.safetensors") for digit in DIGITS]
    return [torch.stack([one[name] for one in found]) for name in ("centres", "real")]


def choice_of(project, method="s3"):
    return json.loads(
        (output(project, "07_model_output", method) / "chosen_groups.json").read_text()
    )


def pixels_of(project, digit, method="s3"):
    return read_images(output(project, "07_model_output", method) / "images" / digit)


def decoded(project, latents):
    model = ModelFolder(project / PRIOR, "0", "dit")
    return load_autoencoder(model, AutoencoderConfig("fp32", False, "cpu")).decode(latents, 32)


def times_of_drawn(project, method="s3"):
    """Return when each file of what was drawn, and compared, was written."""
    return times_of(output(project, "04_feature", method))


def test_every_class_has_groups_that_differ_and_one_of_them_is_chosen(drawn):
    choice = choice_of(drawn)
    assert list(choice["groups"]) == DIGITS
    assert set(choice["groups"].values()) <= {*range(GROUPS)}
    assert len(set(choice["groups"].values())) > 1
    for latents in groups_of(drawn).values():
        assert latents.shape == (GROUPS, IPC, 4, 8, 8)
        assert len({group.numpy().tobytes() for group in latents}) == GROUPS


def test_images_are_those_of_the_chosen_group(drawn):
    chosen, groups = choice_of(drawn)["groups"], groups_of(drawn)
    for digit in DIGITS:
        assert torch.equal(pixels_of(drawn, digit), decoded(drawn, groups[digit][chosen[digit]]))
    assert len(images_of(drawn, "s3")) == 10 * IPC


def test_the_first_group_is_what_the_method_draws_without_groups(drawn):
    chosen, groups = choice_of(drawn)["groups"], groups_of(drawn)
    for digit in DIGITS:
        assert torch.equal(decoded(drawn, groups[digit][0]), pixels_of(drawn, digit, "unguided"))
    plain, kept = images_of(drawn, "unguided"), images_of(drawn, "s3")
    first = {name for name in plain if chosen[name.partition("/")[0]] == 0}
    assert 0 < len(first) < len(plain)
    assert {name for name in plain if plain[name] == kept[name]} == first


def test_the_choice_is_that_of_the_centres_of_groups_and_of_real_images(drawn):
    latents = drawn / "data/02_intermediate/mnist/test/dit/latents"
    real = torch.stack(
        [centre_of(load_file(latents / f"{digit}.safetensors")["latents"]) for digit in DIGITS]
    )
    groups = groups_of(drawn).values()
    centres = torch.stack([torch.stack([*map(centre_of, of_class)]) for of_class in groups])
    found = features_of(drawn)
    assert torch.allclose(found[0], centres.float())
    assert torch.allclose(found[1], real.float())
    choice, chosen = choice_of(drawn), choose_groups(centres, real, RELEASED)
    assert [*choice["groups"].values()] == chosen.tolist()
    nearest = torch.einsum("cgd,cd->cg", centres, real).argmax(1)
    told = [choice["objective"], choice["objective_of_nearest"]]
    scores = [score_groups(centres, real, of, RELEASED) for of in (chosen, nearest)]
    assert told == pytest.approx(scores, abs=1e-3)
    assert told[0] > told[1]


def test_rows_tell_the_group_and_what_it_was_chosen_by(drawn):
    rows = pd.read_csv(
        output(drawn, "07_model_output", "s3") / "provenance.csv", dtype={"wnid": str}
    )
    assert rows["image"].tolist() == [f"{d}/{i}.png" for d in DIGITS for i in range(IPC)]
    chosen = choice_of(drawn)["groups"]
    assert rows["group"].tolist() == [chosen[wnid] for wnid in rows["wnid"]]
    centres, real = features_of(drawn)
    near = 1 - torch.einsum("cgd,cd->cg", centres, real)
    expected = [float(near[int(wnid), chosen[wnid]]) for wnid in rows["wnid"]]
    assert rows["group_distance_to_real"].tolist() == pytest.approx(expected, abs=1e-5)
    told = {"groups": GROUPS, "features": "latents", "alpha": 0.4, "beta": 0.9, "pair_weight": 1}
    for name, value in told.items():
        assert (rows[name] == value).all()


def test_images_count_the_time_in_which_all_groups_were_drawn(drawn):
    costs = pd.read_csv(output(drawn, "08_reporting", "s3") / "stage_costs.csv")
    counted = costs.set_index("stage")["seconds"]["guided_generate"]
    records = output(drawn, "04_feature", "s3") / "drawn_groups.manifest"
    drawing = [json.loads(path.read_text())["seconds"] for path in records.glob("*.json")]
    assert len(drawing) == 10
    assert counted > sum(drawing) > 0


def test_a_second_run_computes_nothing_again(copied):
    folder = output(copied, "07_model_output", "s3") / "images"
    before = times_of_drawn(copied), times_of(folder), choice_of(copied)
    run(copied, "generate", method="s3")
    assert (times_of_drawn(copied), times_of(folder), choice_of(copied)) == before


def test_what_was_lost_is_made_again_as_it_was_and_nothing_else(copied):
    images = output(copied, "07_model_output", "s3") / "images"
    pixels, groups = images_of(copied, "s3"), groups_of(copied)
    before = times_of_drawn(copied), times_of(images)
    shutil.rmtree(images / "7")
    (output(copied, "04_feature", "s3") / "drawn_groups/3.safetensors").unlink()
    run(copied, "generate", method="s3")
    assert images_of(copied, "s3") == pixels
    for digit, latents in groups_of(copied).items():
        assert torch.equal(latents, groups[digit])
    after = times_of_drawn(copied), times_of(images)
    written = [
        {name for name in new if new[name] != old[name]}
        for old, new in zip(before, after, strict=True)
    ]
    kept = [name for name in sorted(written[0]) if ".manifest" not in name]
    assert kept == ["drawn_groups/3.safetensors"]
    assert sorted(written[1]) == ["7/0.png", "7/1.png"]


def test_other_weights_choose_among_the_same_groups(copied):
    times = times_of_drawn(copied)
    nearest = choose_with(copied, beta=0)
    assert times_of_drawn(copied) == times
    assert not output(copied, "04_feature", nearest).exists()
    centres, real = features_of(copied)
    expected = torch.einsum("cgd,cd->cg", centres, real).argmax(1).tolist()
    chosen = choice_of(copied, nearest)["groups"]
    assert [*chosen.values()] == expected
    assert chosen != choice_of(copied)["groups"]
    groups = groups_of(copied)
    for digit in DIGITS:
        kept = decoded(copied, groups[digit][chosen[digit]])
        assert torch.equal(pixels_of(copied, digit, nearest), kept)


def test_groups_of_another_number_are_the_same_as_far_as_they_go(copied):
    fewer = choose_with(copied, groups=2)
    groups, all_groups = groups_of(copied, fewer), groups_of(copied)
    for digit in DIGITS:
        assert torch.equal(groups[digit], all_groups[digit][:2])


def test_a_teacher_compares_decoded_groups_with_real_images(copied, tmp_path):
    folder = save_teacher(tmp_path / "teacher", "convnet1", DIGITS)
    times = times_of_drawn(copied)
    run(
        copied,
        "generate",
        method="s3",
        teacher=str(folder),
        methods={"s3": {"features": "teacher"}},
    )
    (found,) = output(copied, "04_feature").parents[1].glob("s3,*")
    assert times_of_drawn(copied) == times
    assert not (found / "seed0/drawn_groups").exists()
    network = build_network("convnet1", 10, 32).eval()
    network.load_state_dict(load_file(folder / "model.safetensors"))
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]

    def centre(images):
        with torch.no_grad():
            return centre_of(network.features((images / 255 - mean) / std))

    centres, real = features_of(copied, found.name)
    for label in (0, 6):
        digit = str(label)
        assert torch.allclose(real[label], centre(read_class(label, 0, 16)).float(), atol=1e-5)
        expected = centre(decoded(copied, groups_of(copied)[digit][1])).float()
        assert torch.allclose(centres[label, 1], expected, atol=1e-5)
