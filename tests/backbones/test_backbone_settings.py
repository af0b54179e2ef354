import dataclasses

import pytest

from mgd3_kedro.backbones import BackboneConfig
from mgd3_kedro.stages import plain_settings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sampler", "euler"),
        ("num_inference_steps", 1),
        ("num_inference_steps", 1001),
        ("num_inference_steps", "50"),
        ("timestep_spacing", "even"),
        ("reference_steps", 1),
        ("reference_steps", 50.0),
        ("guidance_scale", -0.1),
        ("guidance_scale", float("nan")),
        ("cfg_channels", 0),
        ("cfg_channels", "all"),
        ("cfg_from_timestep", -1),
        ("cfg_to_timestep", None),
        ("prompt_template", "a photo"),
        ("precision", "fp8"),
        ("max_batch", 0),
        ("max_batch", 2.5),
        ("device", "gpu"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(field, value, make_diffusion):
    with pytest.raises(ValueError, match=field.replace("_", "[_ ]")) as caught:
        make_diffusion(**{field: value})
    assert repr(value) in str(caught.value)


def test_an_unknown_sampler_is_answered_with_the_known_ones(make_diffusion):
    with pytest.raises(ValueError, match="unknown sampler 'dddim': expected one of ddim, ddpm"):
        make_diffusion(sampler="dddim")


def test_all_channels_may_be_guided(make_diffusion):
    assert make_diffusion(cfg_channels=None).cfg_channels is None


@pytest.mark.parametrize(("field", "value"), [("precision", "fp8"), ("device", "gpu")])
def test_an_autoencoders_setting_that_does_not_fit_is_named(field, value, make_autoencoding):
    with pytest.raises(ValueError, match=field):
        make_autoencoding(**{field: value})


def test_an_interval_of_guidance_that_ends_before_it_begins_is_refused(make_diffusion):
    message = r"^cfg_to_timestep: expected a number in \[600, inf\), got 599$"
    with pytest.raises(ValueError, match=message):
        make_diffusion(cfg_from_timestep=600, cfg_to_timestep=599)


def test_only_place_and_batch_size_leave_results_as_they_are(make_diffusion, make_autoencoding):
    everything = {field.name for field in dataclasses.fields(BackboneConfig)}
    assert everything - plain_settings(make_diffusion()).keys() == {"max_batch", "device"}
    assert plain_settings(make_autoencoding()).keys() == {"precision", "compile", "given"}


@pytest.mark.parametrize(
    ("timestep", "guided"), [(0, False), (99, False), (100, True), (600, True), (601, False)]
)
def test_the_null_class_is_asked_for_inside_the_interval_ends_included(
    timestep, guided, make_diffusion
):
    limited = {"cfg_from_timestep": 100, "cfg_to_timestep": 600}
    assert make_diffusion(**limited).uses_null_class(timestep) is guided
    assert not make_diffusion(guidance_scale=1.0, **limited).uses_null_class(timestep)
    assert make_diffusion(guidance_scale=0.5, **limited).uses_null_class(timestep) is guided
