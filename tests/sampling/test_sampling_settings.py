import math
from dataclasses import asdict, fields, replace

import pytest
import torch
from scales import scale_at

from mgd3_kedro.backbones.schedule import TrainedSchedule, respaced_schedule
from mgd3_kedro.sampling import SamplingConfig, denoise
from mgd3_kedro.sampling.guidance import DRIFTS, TRAITS, Drift
from mgd3_kedro.sampling.settings import MODE_GUIDANCE_SCHEDULES

TIMESTEPS = tuple(respaced_schedule(50).timesteps.tolist())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("noise_strength", 0),
        ("noise_strength", -0.1),
        ("noise_strength", 1.01),
        ("noise_strength", None),
        ("mode_guidance_scale", -0.1),
        ("mode_guidance_scale", float("inf")),
        ("mode_guidance_scale", "0.1"),
        ("stop_guidance_step", -1),
        ("stop_guidance_step", True),
        ("mode_guidance_adaptation", -0.1),
        ("mode_guidance_adaptation", 1.1),
        ("mode_guidance_adaptation", None),
        ("tangent_components", 0),
        ("tangent_components", -1),
        ("tangent_components", 2.0),
        ("tangent_components", True),
        ("repulsion_scale", -0.1),
        ("repulsion_scale", float("inf")),
        ("candidates", 0),
        ("candidates", 1.5),
        ("candidates", None),
        ("candidate_score", "certainty"),
    ],
)
def test_a_setting_that_does_not_fit_is_named_with_its_value(field, value, make_sampling):
    with pytest.raises(ValueError, match=f"^{field}: expected .* got {value!r}"):
        make_sampling(**{field: value})


def test_an_unknown_start_is_answered_with_the_known_ones(make_sampling):
    with pytest.raises(ValueError, match=r"unknown kind .*'noised_mode'.*noise, noised_modes"):
        make_sampling(initial_latents="noised_mode")


def test_an_unknown_coupling_is_answered_with_the_known_ones(make_sampling):
    message = r"unknown noise coupling 'transprot': expected one of independent, transport; did"
    with pytest.raises(ValueError, match=message):
        make_sampling(noise_coupling="transprot")


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ()),
        ({"repulsion_scale": 0}, ()),
        ({"repulsion_scale": 0.1}, ("repulsion_scale",)),
        ({"noise_coupling": "transport"}, ("noise_coupling",)),
        (
            {"noise_coupling": "transport", "repulsion_scale": 1},
            ("repulsion_scale", "noise_coupling"),
        ),
        ({"mode_guidance_adaptation": 1, "tangent_components": 3, "candidates": 4}, ()),
    ],
)
def test_settings_that_tie_images_of_a_class_are_known_by_name(changes, names, make_sampling):
    assert make_sampling(**changes).joint_settings == names


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ()),
        ({"tangent_components": 2}, ("tangent_components",)),
        (
            {"tangent_components": 2, "mode_guidance_adaptation": 0.5},
            ("mode_guidance_adaptation", "tangent_components"),
        ),
        ({"tangent_components": 2, "mode_guidance_scale": 0, "repulsion_scale": 1}, ()),
    ],
)
def test_what_is_measured_of_a_class_is_what_shapes_a_pull(changes, names, make_sampling):
    assert make_sampling(**changes).traits == names


def test_an_unknown_schedule_is_answered_with_the_known_ones(make_sampling):
    message = r"unknown mode guidance schedule 'linaer': expected one of constant, cosine, linear;"
    with pytest.raises(ValueError, match=message):
        make_sampling(mode_guidance_schedule="linaer")


@pytest.mark.parametrize(("step", "timestep"), [(None, None), (25, 500), (0, 0)])
def test_guidance_stops_at_a_step_or_at_a_timestep_and_not_at_both(step, timestep, make_sampling):
    message = (
        "^stop_guidance_step and stop_guidance_timestep: expected one of the two and null for the "
        f"other, got {step} and {timestep}$"
    )
    with pytest.raises(ValueError, match=message):
        make_sampling(stop_guidance_step=step, stop_guidance_timestep=timestep)


@pytest.mark.parametrize("value", [-1, 500.0, "500", True])
def test_a_timestep_that_is_none_is_named(value, make_sampling):
    with pytest.raises(ValueError, match=f"^stop_guidance_timestep: expected .* got {value!r}"):
        make_sampling(stop_guidance_step=None, stop_guidance_timestep=value)


@pytest.mark.parametrize(
    ("stop", "guided"), [(25, 24), (0, 49), (48, 1), (49, 0), (50, 0), (1000, 0)]
)
def test_guided_steps_are_those_strictly_above_the_stop(stop, guided, make_sampling):
    config = make_sampling(stop_guidance_step=stop)
    assert config.guided_steps(TIMESTEPS) == list(range(50 - guided, 50))
    scales = [scale_at(config, index, TIMESTEPS) for index in range(50)]
    assert scales == [0.0] * (50 - guided) + [0.1] * guided


@pytest.mark.parametrize(
    ("steps", "reference", "stop", "expected"),
    [(25, 50, 25, 12), (25, 50, 0, 0), (50, 50, 25, 25), (100, 50, 25, 50), (25, None, 25, 25)],
)
def test_a_stop_step_is_that_of_the_steps_it_was_chosen_for(
    steps, reference, stop, expected, make_sampling
):
    config = make_sampling(stop_guidance_step=stop).with_steps(steps, reference)
    assert config == make_sampling(stop_guidance_step=expected)
    by_timestep = make_sampling(stop_guidance_step=None, stop_guidance_timestep=500)
    assert by_timestep.with_steps(steps, reference) == by_timestep


@pytest.mark.parametrize(
    ("steps", "changes", "never"),
    [
        (50, {}, False),
        (26, {}, True),
        (20, {}, True),
        (27, {}, False),
        (20, {"mode_guidance_scale": 0.0}, False),
        (20, {"stop_guidance_step": None, "stop_guidance_timestep": 500}, True),
        (27, {"stop_guidance_step": None, "stop_guidance_timestep": 500}, False),
        (50, {"initial_latents": "noised_modes", "noise_strength": 0.5}, True),
        (50, {"initial_latents": "noised_modes", "noise_strength": 0.7}, False),
        (20, {"mode_guidance_window": [1, 0]}, False),
        (20, {"mode_guidance_window": [40, 30]}, True),
    ],
)
def test_guidance_that_stops_before_it_starts_is_found(steps, changes, never, make_sampling):
    sampling = make_sampling(**{"stop_guidance_step": 25, **changes})
    assert sampling.is_never_guided(TIMESTEPS[:steps]) is never


@pytest.mark.parametrize(
    ("spacing", "offset", "stop", "guided"),
    [
        # The released code with text-to-image models: timesteps 0, 20, ... 980.
        ("leading", 0, 500, 24),
        ("leading", 1, 500, 25),
        ("leading", 0, 499, 25),
        ("leading", 0, 0, 49),
        ("leading", 0, 980, 0),
        ("leading", 1, 0, 50),
        # 489 is the 25th of 0, 20, 41 ... 999, 510 the 26th.
        ("linspace", 0, 500, 25),
        ("linspace", 0, 510, 24),
        ("trailing", 0, 499, 25),
        ("trailing", 0, 5000, 0),
    ],
)
def test_guided_steps_are_those_strictly_above_a_timestep(
    spacing, offset, stop, guided, make_sampling
):
    trained = TrainedSchedule(steps_offset=offset)
    timesteps = tuple(respaced_schedule(50, trained, spacing).timesteps.tolist())
    config = make_sampling(stop_guidance_step=None, stop_guidance_timestep=stop)
    assert config.guided_steps(timesteps) == list(range(50 - guided, 50))
    for index, timestep in enumerate(timesteps):
        assert (scale_at(config, index, timesteps) > 0) is (timestep > stop)


def test_at_scale_zero_no_step_is_guided(make_sampling):
    for stop in ({}, {"stop_guidance_step": None, "stop_guidance_timestep": 0}):
        config = make_sampling(mode_guidance_scale=0, **({"stop_guidance_step": 0} | stop))
        assert config.guided_steps(TIMESTEPS) == []
        assert scale_at(config, 49, TIMESTEPS) == 0


@pytest.mark.parametrize("name", MODE_GUIDANCE_SCHEDULES)
@pytest.mark.parametrize("stop", [0, 25, 40, 48])
def test_every_schedule_begins_at_lambda_and_never_rises_towards_the_stop(
    name, stop, make_sampling
):
    config = make_sampling(mode_guidance_schedule=name, stop_guidance_step=stop)
    scales = [scale_at(config, index, TIMESTEPS) for index in range(49, stop, -1)]
    assert scales[0] == pytest.approx(0.1)
    assert scales == sorted(scales, reverse=True)
    assert scales[-1] > 0
    assert scale_at(config, stop, TIMESTEPS) == 0


def test_the_schedules_fall_as_their_names_say(make_sampling):
    scales = {}
    for name in MODE_GUIDANCE_SCHEDULES:
        config = make_sampling(
            mode_guidance_scale=1.0, mode_guidance_schedule=name, stop_guidance_step=45
        )
        scales[name] = [scale_at(config, index, TIMESTEPS) for index in range(45, 50)]
    assert scales["constant"] == [0, 1, 1, 1, 1]
    assert scales["linear"] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    quarter = 0.5 - math.sqrt(0.125)
    assert scales["cosine"] == pytest.approx([0, quarter, 0.5, 1 - quarter, 1])


def test_a_plain_configuration_has_all_off_that_steers_or_chooses(make_sampling):
    on = {
        "initial_latents": "noised_modes",
        "mode_guidance_adaptation": 0.5,
        "tangent_components": 2,
        "noise_coupling": "transport",
        "candidates": 4,
        "candidate_score": "confidence",
    }
    steered = make_sampling(**on, **dict.fromkeys(DRIFTS, 0.3))
    plain = steered.plain()
    assert not plain.scales_at(49, TIMESTEPS)
    assert not plain.joint_settings
    assert not any(getattr(plain, name) for name in TRAITS)
    assert (plain.candidates, plain.choice) == (1, None)
    assert plain.initial_latents == "noise"
    kept = ("noise_strength", "mode_guidance_schedule", "stop_guidance_step")
    assert all(getattr(plain, name) == getattr(steered, name) for name in kept)
    assert plain.plain() == plain == make_sampling(mode_guidance_scale=0.0)


@pytest.fixture
def windy(monkeypatch):
    """Add a drift that moves every sample by its scale."""

    def blow(step, scale, context):
        return torch.full_like(step.prev_mean, scale)

    monkeypatch.setitem(DRIFTS, "wind_scale", Drift(blow))
    return monkeypatch


def test_a_drift_is_a_function_and_a_line_in_the_table(
    windy, make_sampling, make_standing_still, make_classes
):
    config = make_sampling(mode_guidance_scale=0.0, wind_scale=0.5)
    assert config.scales_at(49, TIMESTEPS) == {"wind_scale": 0.5}
    assert config.joint_settings == ()
    assert len(config.guided_steps(TIMESTEPS)) == 24
    modes, classes = torch.zeros(1, 1, 2, 2), make_classes([0])
    still, moved = (
        denoise(make_standing_still(), modes, classes, one, [torch.Generator().manual_seed(0)])
        for one in (config.plain(), config)
    )
    torch.testing.assert_close(moved - still, torch.full_like(still, 24 * 0.5))


def test_settings_with_a_further_drift_are_a_dataclass_as_all_are(windy, make_sampling):
    config = make_sampling(wind_scale=0.5)
    assert "wind_scale" in SamplingConfig.names()
    assert config.as_columns() == {**make_sampling().as_columns(), "wind_scale": 0.5}
    assert SamplingConfig(**asdict(config)) == config
    assert {one.name for one in fields(config)} == set(asdict(config))
    assert replace(config, noise_strength=0.5).scales_at(49, TIMESTEPS)["wind_scale"] == 0.5
    assert replace(config, wind_scale=0.7).scales_at(49, TIMESTEPS)["wind_scale"] == 0.7
    assert config.plain() == make_sampling().plain()
    assert make_sampling(wind_scale=0) == make_sampling()


def test_a_further_drift_may_tie_images_of_a_class(windy, make_sampling):
    windy.setitem(DRIFTS, "wind_scale", Drift(DRIFTS["wind_scale"].push, joint=True))
    assert make_sampling(wind_scale=0.5).joint_settings == ("wind_scale",)
    assert make_sampling(wind_scale=0.0).joint_settings == ()


@pytest.mark.parametrize("value", [-0.1, float("inf"), None])
def test_a_scale_of_a_further_drift_that_does_not_fit_is_named(value, windy, make_sampling):
    with pytest.raises(ValueError, match=f"^wind_scale: expected .* got {value!r}"):
        make_sampling(wind_scale=value)


def test_a_drift_that_is_not_in_the_table_is_unknown(windy, make_sampling):
    config = make_sampling(wind_scale=0.5)
    windy.delitem(DRIFTS, "wind_scale")
    with pytest.raises(TypeError, match="unexpected keyword argument 'wind_scale'"):
        make_sampling(wind_scale=0.5)
    with pytest.raises(ValueError, match="unknown drift 'wind_scale'"):
        replace(config, noise_strength=0.5)
