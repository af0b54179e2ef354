import pytest


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sampler", "euler"),
        ("num_inference_steps", 1),
        ("num_inference_steps", 1001),
        ("num_inference_steps", "50"),
        ("guidance_scale", -0.1),
        ("guidance_scale", float("nan")),
        ("cfg_channels", 0),
        ("cfg_channels", "all"),
        ("device", "gpu"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(field, value, make_diffusion):
    with pytest.raises(ValueError, match=field):
        make_diffusion(**{field: value})


def test_an_unknown_sampler_is_answered_with_the_known_ones(make_diffusion):
    with pytest.raises(ValueError, match="unknown sampler 'dddim': expected one of ddim, ddpm"):
        make_diffusion(sampler="dddim")


def test_all_channels_may_be_guided(make_diffusion):
    assert make_diffusion(cfg_channels=None).cfg_channels is None
