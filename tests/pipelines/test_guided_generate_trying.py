"""What is wrong with sampling a model is said before the work."""

from dataclasses import replace

import pytest

from mgd3_kedro.backbones import BACKBONES
from mgd3_kedro.pipelines.guided_generate.procedures.trying import try_sampling
from mgd3_kedro.records import ModelFolder


@pytest.fixture
def model(dit_folder):
    return ModelFolder(dit_folder, "any", "dit")


def test_steps_that_start_far_from_noise_are_warned_of(model, make_diffusion, caplog):
    try_sampling(model, make_diffusion(timestep_spacing="leading"), True)
    steps = make_diffusion(timestep_spacing="leading", num_inference_steps=600)
    try_sampling(model, steps, False)
    assert not caplog.records
    try_sampling(model, steps, True)
    (said,) = caplog.records
    assert said.levelname == "WARNING"
    assert "600 steps of 'leading' spacing start from noise at timestep 599" in said.getMessage()


def test_settings_of_transformers_are_refused_for_other_models(dit_folder, make_diffusion):
    other = ModelFolder(dit_folder, "any", "stable_diffusion")
    with pytest.raises(ValueError, match="time_frequencies: expected auto"):
        try_sampling(other, make_diffusion(time_frequencies="official"), True)


def test_a_network_that_cannot_be_asked_what_it_sees_is_refused(model, make_diffusion, monkeypatch):
    try_sampling(model, make_diffusion(), True, sighted=("dap_scale",))
    blind = replace(model, family="blind")
    monkeypatch.setitem(BACKBONES, "blind", BACKBONES["dit"]._replace(features=False))
    try_sampling(blind, make_diffusion(), True)
    with pytest.raises(
        ValueError, match=r"^dap_scale: expected a model .* got one of blind; set s"
    ):
        try_sampling(blind, make_diffusion(), True, sighted=("dap_scale",))


def test_a_grid_that_does_not_divide_latents_is_refused(model, make_diffusion):
    try_sampling(model, make_diffusion(), True, 4)
    with pytest.raises(ValueError, match=r"^pull_pool: expected a divisor of \d+, .*, got 3$"):
        try_sampling(model, make_diffusion(), True, 3)
