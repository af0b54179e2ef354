"""Images of which some are drawn and others are real ones, with a saved model."""

import pytest
import torch

from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.guided_generate.plan import Common, DistillationConfig, Wanted
from mgd3_kedro.pipelines.guided_generate.procedures.denoising import (
    denoise_classes,
    plan_denoising,
)
from mgd3_kedro.pipelines.guided_generate.procedures.mixing import (
    keep_members,
    mix_classes,
    part_modes,
    plan_mixing,
)
from mgd3_kedro.stages import Task

MEMBERS = [2, 6, 1, 6]
ASSIGNMENT = torch.tensor([-1, *(mode for mode, n in enumerate(MEMBERS) for _ in range(n))])
KEPT = torch.tensor([0, 2])
"""The modes with fewest members."""


@pytest.fixture
def tasks(make_classes, model_folder):
    """Return wnid -> what two classes are made from: 16 images, of which the last is mirrored."""
    loaded = {}
    for spec in make_classes([5, 0]):
        generator = torch.Generator().manual_seed(spec.label)
        real = torch.randn(16, 4, 8, 8, generator=generator)
        images = torch.randint(0, 256, (16, 3, 16, 16), generator=generator, dtype=torch.uint8)
        modes = torch.stack([real[mode == ASSIGNMENT].mean(0) for mode in range(4)])
        encoded = {
            "latents": real,
            "image_numbers": torch.arange(16).flip(0),
            "mirrored": torch.arange(16) == 9,
        }
        given = {
            "latents": encoded,
            "modes": {"modes": modes, "assignment": ASSIGNMENT},
            "images": images,
            "prior": model_folder,
        }
        loaded[spec.wnid] = Task(given, Wanted(spec, 4))
    return loaded


@pytest.fixture
def common(make_diffusion, make_autoencoding, make_sampling):
    asked = {
        "image_size": 16,
        "diffusion": make_diffusion(num_inference_steps=4, max_batch=9),
        "autoencoder": make_autoencoding(),
        "sampling": make_sampling(stop_guidance_step=1),
        "distillation": DistillationConfig(4, 0, "equal"),
        "modes": ModesConfig("kmeans", 4, 0, 10, 8, 50, "equal"),
    }
    return Common(classes=(), **asked)


def test_modes_with_most_members_are_drawn_and_the_first_of_as_many_first():
    drawn, kept = part_modes(ASSIGNMENT, 4, 0.5)
    assert (drawn.tolist(), kept.tolist()) == ([1, 3], [0, 2])


@pytest.mark.parametrize(
    ("share", "drawn"), [(0, 4), (0.2, 4), (0.25, 3), (0.5, 2), (0.74, 2), (0.75, 1), (1, 1)]
)
def test_the_share_of_kept_images_is_rounded_down_and_one_is_drawn(share, drawn):
    assert [len(part) for part in part_modes(ASSIGNMENT, 4, share)] == [drawn, 4 - drawn]


def test_a_share_that_is_a_number_of_modes_but_for_rounding_is_that_number():
    assert len(part_modes(torch.arange(10), 10, 0.1 + 0.2)[1]) == 3


def test_a_mode_without_members_is_kept_first():
    drawn, kept = part_modes(torch.tensor([0, 0, 2]), 3, 0.4)
    assert (drawn.tolist(), kept.tolist()) == ([0, 2], [1])


def test_what_is_kept_is_the_nearest_member_though_others_are_nearer():
    latents = torch.tensor([0.0, 3.0, 9.0, 10.5])[:, None, None, None]
    modes = {
        "modes": torch.tensor([2.5, 9.2])[:, None, None, None],
        "assignment": torch.tensor([0, 1, 1, 1]),
    }
    assert keep_members(latents, modes, torch.tensor([1, 0])).tolist() == [2, 0]


def test_a_mode_without_members_keeps_the_nearest_of_all():
    latents = torch.tensor([0.0, 3.0])[:, None, None, None]
    modes = {
        "modes": torch.tensor([0.5, 2.0])[:, None, None, None],
        "assignment": torch.tensor([0, 0]),
    }
    assert keep_members(latents, modes, torch.tensor([1])).tolist() == [1]


def test_drawn_images_are_those_of_their_modes_alone_and_kept_ones_are_real(tasks, common):
    settings = plan_mixing({"kept_share": 0.5, "draws": {}}, common).settings
    made = mix_classes(tasks, settings)
    for wnid, task in tasks.items():
        found = task.inputs["modes"]
        alone = {**found, "modes": found["modes"][[1, 3]]}
        asked = Task({**task.inputs, "modes": alone}, Wanted(task.about.spec, 2))
        drawn = denoise_classes({wnid: asked}, settings.denoising)[wnid]
        assert torch.equal(made[wnid].value[:2], drawn.value)
        encoded, images = task.inputs["latents"], task.inputs["images"]
        places = keep_members(encoded["latents"], found, KEPT)
        kept = images[encoded["image_numbers"][places]]
        is_mirrored = encoded["mirrored"][places]
        assert is_mirrored.tolist() == [False, True]
        kept[is_mirrored] = kept[is_mirrored].flip(-1)
        assert torch.equal(made[wnid].value[2:], kept)
        assert made[wnid].count == 4


def test_rows_tell_of_every_image_its_mode_and_where_it_is_from(tasks, common):
    made = mix_classes(tasks, plan_mixing({"kept_share": 0.5, "draws": {}}, common).settings)
    for wnid, each in made.items():
        assert [row["image"] for row in each.rows] == [f"{wnid}/{i}.png" for i in range(4)]
        assert [row["mode"] for row in each.rows] == [1, 3, 0, 2]
        assert [row["mode_member_count"] for row in each.rows] == [6, 6, 2, 1]
        assert [row["kept_share"] for row in each.rows] == [0.5] * 4
        assert [row.get("mirrored") for row in each.rows] == [None, None, False, True]
        assert {row["nearest_mode"] for row in each.rows[2:]} == {0, 2}
        assert [row["distance_to_nearest_real"] for row in each.rows[2:]] == [0, 0]


def test_without_a_share_all_images_are_drawn(tasks, common):
    plan = plan_mixing({"kept_share": 0, "draws": {}}, common)
    made = mix_classes(tasks, plan.settings)
    assert [each.count for each in made.values()] == [4, 4]
    assert all("image_number" not in row for each in made.values() for row in each.rows)


def test_settings_of_drawing_are_those_of_the_method(common):
    settings = {"kept_share": 0.5, "draws": {"mode_guidance_scale": 0.3}}
    plan, drawn = (
        plan_mixing(settings, common),
        plan_denoising({"mode_guidance_scale": 0.3}, common),
    )
    assert plan.settings.denoising == drawn.settings
    assert set(plan.needs) == {*drawn.needs, "images"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"draws": {}}, "expected the setting kept_share, got none"),
        ({"draws": {}, "kept_share": 1.5}, "kept_share: expected"),
        ({"draws": "mgd3", "kept_share": 0.5}, "draws: expected settings of a method, got 'mgd3'"),
        ({"draws": {"coreset": "herding"}, "kept_share": 0.5}, "unknown setting of a method"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message, common):
    with pytest.raises(ValueError, match=message):
        plan_mixing(settings, common)
