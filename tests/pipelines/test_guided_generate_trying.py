"""What is wrong with sampling a model is said before the work."""

from dataclasses import replace

import pytest

from mgd3_kedro.backbones import BACKBONES
from mgd3_kedro.pipelines.guided_generate.procedures.trying import (
    advise_on_stops,
    try_sampling,
)
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import SamplingConfig

PLAIN = SamplingConfig("noise", 0.7, 0.0, "constant", 25, None)


@pytest.fixture
def model(dit_folder):
    return ModelFolder(dit_folder, "any", "dit")


def test_steps_that_start_far_from_noise_are_warned_of(model, make_diffusion, caplog):
    try_sampling(model, make_diffusion(timestep_spacing="leading"), PLAIN)
    steps = make_diffusion(timestep_spacing="leading", num_inference_steps=600)
    try_sampling(model, steps, replace(PLAIN, initial_latents="noised_modes"))
    assert not caplog.records
    try_sampling(model, steps, PLAIN)
    (said,) = caplog.records
    assert said.levelname == "WARNING"
    assert "600 steps of 'leading' spacing start from noise at timestep 599" in said.getMessage()


def test_settings_of_transformers_are_refused_for_other_models(dit_folder, make_diffusion):
    other = ModelFolder(dit_folder, "any", "stable_diffusion")
    with pytest.raises(ValueError, match="time_frequencies: expected auto"):
        try_sampling(other, make_diffusion(time_frequencies="official"), PLAIN)


def test_a_network_that_cannot_be_asked_what_it_sees_is_refused(model, make_diffusion, monkeypatch):
    try_sampling(model, make_diffusion(), replace(PLAIN, dap_scale=0.1))
    blind = replace(model, family="blind")
    monkeypatch.setitem(BACKBONES, "blind", BACKBONES["dit"]._replace(features=False))
    try_sampling(blind, make_diffusion(), PLAIN)
    with pytest.raises(
        ValueError, match=r"^dap_scale: expected a model .* got a model of the family blind; set s"
    ):
        try_sampling(blind, make_diffusion(), replace(PLAIN, dap_scale=0.1))


def test_a_grid_that_does_not_divide_latents_is_refused(model, make_diffusion):
    try_sampling(model, make_diffusion(), replace(PLAIN, pull_pool=4))
    with pytest.raises(ValueError, match=r"^pull_pool: expected a divisor of \d+, .*, got 3$"):
        try_sampling(model, make_diffusion(), replace(PLAIN, pull_pool=3))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "the steps that are run are 19 to 0 of 20, and guidance stops before them; lower"),
        ({"initial_latents": "noised_modes"}, "the steps that are run are 13 to 0 of 20"),
        ({"stop_guidance_step": None, "stop_guidance_timestep": 999}, "19 to 0 of 20"),
        ({"stop_guidance_step": None, "stop_guidance_timestep": 900}, None),
        ({"stop_guidance_step": 18}, None),
        ({"mode_guidance_scale": 0.0}, None),
    ],
)
def test_guidance_that_reaches_no_step_is_warned_of(changes, told, model, make_diffusion, caplog):
    sampling = replace(PLAIN, mode_guidance_scale=0.1)
    try_sampling(model, make_diffusion(num_inference_steps=20), replace(sampling, **changes))
    assert [told in line for line in caplog.messages] == ([True] if told else [])
    assert all(line.startswith("no step is guided: ") for line in caplog.messages)


@pytest.mark.parametrize(
    ("changes", "stops", "rescaled"),
    [
        ({}, "stop_guidance_step", True),
        (
            {"stop_guidance_step": None, "stop_guidance_timestep": 999},
            "stop_guidance_timestep",
            False,
        ),
        ({"mode_guidance_window": [40, 30]}, "mode_guidance_window", False),
        (
            {"mode_guidance_window": [40, 30], "repulsion_scale": 0.1},
            "mode_guidance_window or stop_guidance_step",
            True,
        ),
        ({"mode_guidance_scale": 0, "dmgd_scale": 0.1}, "dmgd_window", False),
    ],
)
def test_what_stops_guidance_is_what_is_to_be_lowered(changes, stops, rescaled):
    told = advise_on_stops(replace(PLAIN, **{"mode_guidance_scale": 0.1, **changes}))
    assert told.startswith(f"{stops} where it is set, in methods.NAME or in sampling")
    assert ("diffusion.reference_steps" in told) == rescaled
