"""Options beyond the paper, as whole runs on a mixture whose denoiser is exact."""

import math

import pytest
import torch
from omegaconf import OmegaConf
from scales import scale_at
from tiny_project import REPOSITORY

from mgd3_kedro.backbones.mixture import GaussianMixtureBackbone
from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.sampling import (
    SamplingConfig,
    choose_candidates,
    denoise,
    gather_facts,
    image_generator,
    join_surveys,
    survey_class,
)

OFF = {
    "mode_guidance_adaptation": 0.0,
    "tangent_components": None,
    "repulsion_scale": 0.0,
    "noise_coupling": "independent",
    "candidates": 1,
    "condition_noise": 0,
    "transport_scale": 0,
    "dmgd_scale": 0,
    "mean_matching_scale": 0,
    "determinantal_scale": 0,
    "dap_scale": 0,
    "mode_guidance_gain": "constant",
    "boundary_share": 0,
    "manifoldgd_scale": 0,
}
OPTIONS = {
    "adaptation": {"mode_guidance_adaptation": 0.7},
    "tangents": {"tangent_components": 3},
    "as noise": {"mode_guidance_gain": "sigma"},
    "as a Gaussian": {"mode_guidance_gain": "gauss"},
    "repulsion": {"repulsion_scale": 0.2},
    "repulsion alone": {"repulsion_scale": 0.2, "mode_guidance_scale": 0},
    "transport": {"noise_coupling": "transport"},
    "noised modes, transported": {"noise_coupling": "transport", "initial_latents": "noised_modes"},
    "transport of a class": {"transport_scale": 0.2},
    "as dmgd": {"dmgd_scale": 5.0, "transport_support": 3},
    "as manifoldgd": {"manifoldgd_scale": 0.5},
    "its mean": {"mean_matching_scale": 0.2},
    "its determinant": {"determinantal_scale": 0.1},
    "all": {
        "mode_guidance_adaptation": 0.5,
        "tangent_components": 2,
        "repulsion_scale": 0.1,
        "noise_coupling": "transport",
    },
}
IPC = 4
STEPS = 12


@pytest.fixture(scope="module")
def means():
    return 2 * torch.randn(6, 2, 4, 4, generator=torch.Generator().manual_seed(2))


def make_mixture(means, sampler="ddpm", weights=None, std=0.3, steps=STEPS):
    weights = weights or [1 / len(means)] * len(means)
    schedule = respaced_schedule(steps)
    return GaussianMixtureBackbone(means, weights, std, schedule, SAMPLERS[sampler])


@pytest.fixture
def classes_of_latents(means):
    """Return class index -> real latents (N, C, H, W) and modes (IPC, C, H, W)."""
    found = {}
    for label in range(3):
        generator = torch.Generator().manual_seed(label)
        rows = torch.randint(len(means), (40,), generator=generator)
        real = means[rows] + 0.3 * torch.randn(40, 2, 4, 4, generator=generator)
        found[label] = real, real[:IPC]
    return found


def found_in(real):
    """Return the modes of a class as they are found: its first latents, with members in turn."""
    return {"modes": real[:IPC], "assignment": torch.arange(len(real)) % IPC}


@pytest.fixture
def draw(classes_of_latents, make_classes, make_sampling):
    """Draw the images of some classes in one batch."""

    def run(labels, sampler="ddpm", backbone=None, candidate=0, **changes):
        config = make_sampling(**{"stop_guidance_step": 4, **changes})
        chosen = [classes_of_latents[label] for label in labels]
        generators = [
            image_generator(0, label, image, candidate) for label in labels for image in range(IPC)
        ]
        specs = [spec for spec in make_classes(labels) for _ in range(IPC)]
        modes = torch.cat([modes for _, modes in chosen])
        traits = join_surveys([survey_class(*of_class, config) for of_class in chosen])
        facts = {
            spec: gather_facts(real, found_in(real), 0, config)
            for spec in specs
            for real in [classes_of_latents[spec.class_index][0]]
        }
        return denoise(backbone, modes, specs, config, generators, traits, facts).split(IPC)

    return run


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_an_image_is_the_same_whatever_classes_are_drawn_with_its_own(option, sampler, draw, means):
    backbone = make_mixture(means, sampler)
    together = draw([0, 1, 2], backbone=backbone, **option)
    reordered = draw([2, 0], backbone=backbone, **option)
    alone = [draw([label], backbone=backbone, **option)[0] for label in range(3)]
    for label, latents in enumerate(together):
        assert latents.isfinite().all()
        assert torch.equal(latents, alone[label])
    assert torch.equal(reordered[0], alone[2])
    assert torch.equal(reordered[1], alone[0])


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_every_option_moves_images(option, sampler, draw, means):
    backbone = make_mixture(means, sampler)
    plain = {**option, **OFF}
    moved, still = (draw([0], backbone=backbone, **each)[0] for each in (option, plain))
    assert not torch.allclose(moved, still, atol=1e-3)


def test_what_is_off_leaves_every_bit(draw, means):
    backbone = make_mixture(means)
    assert torch.equal(draw([0], backbone=backbone, **OFF)[0], draw([0], backbone=backbone)[0])


def test_the_defaults_are_those_of_the_base_configuration_and_off(make_sampling):
    base = OmegaConf.load(REPOSITORY / "conf/base/parameters.yml")
    base = OmegaConf.to_container(base, resolve=False)["sampling"]
    assert {name: base[name] for name in OFF} == OFF
    assert make_sampling() == make_sampling(**OFF)
    assert make_sampling().traits == make_sampling().joint_settings == ()
    assert set(base) == set(SamplingConfig.names())


@pytest.mark.parametrize(("sampler", "scale"), [("ddpm", 0.3), ("ddim", 0.02)])
def test_repulsion_keeps_the_images_of_a_class_apart(sampler, scale, draw, means):
    backbone = make_mixture(means[:1], sampler, std=1.0, steps=50)
    plain = {"mode_guidance_scale": 0, "stop_guidance_step": 10}
    nearest = [
        torch.pdist(draw([0], backbone=backbone, **plain, repulsion_scale=each)[0].flatten(1)).min()
        for each in (0.0, scale / 2, scale)
    ]
    assert nearest[0] < nearest[1] < nearest[2]


def test_repulsion_falls_and_stops_with_mode_guidance(make_sampling):
    timesteps = tuple(range(0, 500, 10))
    config = make_sampling(repulsion_scale=0.4, mode_guidance_schedule="linear")
    assert config.scales_at(25, timesteps) == {}
    assert config.scales_at(49, timesteps) == {"mode_guidance_scale": 0.1, "repulsion_scale": 0.4}
    halfway = config.scales_at(37, timesteps)
    assert halfway == pytest.approx({"mode_guidance_scale": 0.05, "repulsion_scale": 0.2})
    assert scale_at(config, 37, timesteps) == halfway["mode_guidance_scale"]


def test_steps_that_only_repel_count_as_guided(make_sampling):
    timesteps = tuple(range(50))
    config = make_sampling(repulsion_scale=0.4, mode_guidance_scale=0)
    assert len(config.guided_steps(timesteps)) == 24
    assert config.scales_at(30, timesteps) == {"repulsion_scale": 0.4}
    assert scale_at(config, 30, timesteps) == 0


def test_lambda_of_a_class_is_scaled_in_every_guided_step(
    standing_still, make_sampling, make_classes
):
    config = make_sampling(mode_guidance_scale=1.0, mode_guidance_adaptation=1.0)
    start = torch.stack([torch.randn(1, 2, 2, generator=image_generator(0, 0, i)) for i in (0, 1)])
    traits = {"mode_guidance_adaptation": torch.tensor([0.5, 2.0]).view(2, 1, 1, 1)}
    generators = [image_generator(0, 0, image) for image in (0, 1)]
    modes, specs = torch.ones(2, 1, 2, 2), make_classes([0, 0])
    moved = denoise(standing_still, modes, specs, config, generators, traits) - start
    expected = torch.tensor([12.0, 48.0]).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    assert torch.allclose(moved, expected, atol=1e-4)


def test_a_pull_across_the_tangents_moves_nothing(standing_still, make_sampling, make_classes):
    config = make_sampling(mode_guidance_scale=1.0, tangent_components=1)
    tangents = torch.tensor([[[1.0, 0, 0, 0]]])
    start = torch.randn(1, 1, 2, 2, generator=image_generator(0, 0, 0))
    traits, generators = {"tangent_components": tangents}, [image_generator(0, 0, 0)]
    modes, specs = torch.ones(1, 1, 2, 2), make_classes([0])
    moved = denoise(standing_still, modes, specs, config, generators, traits) - start
    assert torch.allclose(moved.flatten(), torch.tensor([24.0, 0, 0, 0]), atol=1e-4)


def test_with_steps_that_add_no_noise_transport_deals_the_same_images_out_to_nearer_modes(
    draw, means, classes_of_latents
):
    backbone = make_mixture(means, "ddim")
    plain = draw([0, 1, 2], backbone=backbone, mode_guidance_scale=0)
    moved = draw([0, 1, 2], backbone=backbone, mode_guidance_scale=0, noise_coupling="transport")
    away = [0.0, 0.0]
    for label, (before, after) in enumerate(zip(plain, moved, strict=True)):
        rows = torch.cdist(after.flatten(1), before.flatten(1)).argmin(1)
        assert sorted(rows.tolist()) == list(range(IPC))
        assert torch.allclose(after, before[rows], atol=1e-5)
        modes = classes_of_latents[label][1]
        for side, latents in enumerate((before, after)):
            away[side] += float((latents - modes).square().sum())
    assert away[1] < away[0]


def test_further_draws_are_others_and_the_first_is_the_image_drawn_alone(draw, means):
    backbone = make_mixture(means)
    pool = [draw([1], backbone=backbone, candidate=number)[0] for number in range(3)]
    assert torch.equal(pool[0], draw([1], backbone=backbone)[0])
    assert torch.pdist(torch.cat(pool).flatten(1)).min() > 0.01


def test_candidates_cover_real_latents_that_single_draws_miss(draw, means):
    backbone = make_mixture(means, weights=[0.7, 0.1, 0.1, 0.04, 0.03, 0.03])
    generator = torch.Generator().manual_seed(9)
    rows = torch.randint(6, (120,), generator=generator)
    real = means[rows] + 0.3 * torch.randn(120, 2, 4, 4, generator=generator)
    radius = 0.3 * math.sqrt(2 * 32) * 1.25

    def covered(latents):
        return int((torch.cdist(real.flatten(1), latents.flatten(1)).amin(1) < radius).sum())

    gained = 0
    for label in range(3):
        draws = [
            draw([label], backbone=backbone, candidate=number, mode_guidance_scale=0)[0]
            for number in range(4)
        ]
        pool = torch.stack(draws)
        kept = pool[choose_candidates(pool, real), torch.arange(IPC)]
        assert covered(kept) >= covered(pool[0])
        gained += covered(kept) - covered(pool[0])
    assert gained >= 20


@pytest.mark.parametrize(
    "traits",
    [{}, {"mode_guidance_adaptation": torch.ones(2, 1, 1, 1)}, {"tangents": torch.ones(1, 1, 4)}],
)
def test_what_was_not_measured_for_the_options_that_are_on_is_refused(
    traits, standing_still, make_sampling, make_classes
):
    config = make_sampling(mode_guidance_adaptation=0.5)
    with pytest.raises(ValueError, match=r"traits: expected .*'mode_guidance_adaptation': 1.*got"):
        denoise(
            standing_still,
            torch.ones(1, 1, 2, 2),
            make_classes([0]),
            config,
            [image_generator(0, 0, 0)],
            traits,
        )
    assert standing_still.visited == []


def test_only_what_is_asked_for_is_measured(classes_of_latents, make_sampling):
    real, modes = classes_of_latents[0]
    assert survey_class(real, modes, make_sampling()) == {}
    asked = {"mode_guidance_adaptation": 1.0, "tangent_components": 2}
    found = survey_class(real, modes, make_sampling(**asked))
    assert {name: tuple(each.shape) for name, each in found.items()} == {
        "mode_guidance_adaptation": (IPC, 1, 1, 1),
        "tangent_components": (IPC, 2, 32),
    }
    assert survey_class(real, modes, make_sampling(mode_guidance_scale=0, **asked)) == {}


def test_only_what_drifts_that_are_on_need_is_found(classes_of_latents, make_sampling):
    real, _ = classes_of_latents[0]

    def found(**changes):
        return {*gather_facts(real, found_in(real), 0, make_sampling(**changes))}

    assert found() == found(transport_support=3) == found(repulsion_scale=1) == set()
    assert found(determinantal_scale=1) == {"mean"}
    assert found(transport_scale=1) == {"support", "mass", "variance"}
    assert found(dmgd_scale=1) == {"support", "mass", "variance", "finished"}
    assert found(dap_scale=1) == {"compared", "compared_noise", "shares", "modes"}


def test_drifts_without_what_they_need_are_refused(standing_still, make_sampling, make_classes):
    config, generators = make_sampling(transport_scale=1), [image_generator(0, 3, 0)]
    (spec,) = make_classes([3])
    with pytest.raises(
        ValueError, match=f"^facts: expected the result of .*, got none for {spec.wnid}$"
    ):
        denoise(standing_still, torch.ones(1, 1, 2, 2), [spec], config, generators)
    assert standing_still.visited == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("transport_support", 0),
        ("transport_support", "all"),
        ("transport_entropy", 0),
        ("transport_debiased", 0),
        ("dap_of", "image"),
        ("dap_real", 0),
        ("dap_depth", 0),
        ("dap_depth", 1.1),
    ],
)
def test_an_option_that_does_not_fit_is_named(name, value, make_sampling):
    with pytest.raises(ValueError, match=f"^{name}: expected .* got {value!r}"):
        make_sampling(**{name: value})


def test_windows_of_members_are_those_of_their_authors(make_sampling):
    timesteps = tuple(range(50))

    def acting(name, **changes):
        config = make_sampling(**{name: 1, "mode_guidance_scale": 0}, **changes)
        return [index for index in range(50) if config.scales_at(index, timesteps)]

    assert acting("dmgd_scale") == list(range(30, 46))
    assert acting("determinantal_scale") == list(range(10, 50))
    assert acting("mean_matching_scale") == list(range(50))
    assert acting("transport_scale") == list(range(26, 50))
    assert acting("dap_scale") == list(range(26, 50))
    assert acting("dap_scale", dap_window=[1, 0]) == list(range(50))
    assert acting("transport_scale", transport_window=[1, 0]) == list(range(50))
