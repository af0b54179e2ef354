import pytest


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
        ("stop_guidance_step", None),
        ("stop_guidance_step", True),
    ],
)
def test_a_setting_that_does_not_fit_is_named_with_its_value(field, value, make_sampling):
    with pytest.raises(ValueError, match=f"^{field}: expected .* got {value!r}"):
        make_sampling(**{field: value})


def test_an_unknown_start_is_answered_with_the_known_ones(make_sampling):
    with pytest.raises(ValueError, match=r"unknown kind .*'noised_mode'.*noise, noised_modes"):
        make_sampling(initial_latents="noised_mode")


@pytest.mark.parametrize(
    ("stop", "guided"), [(25, 24), (0, 49), (48, 1), (49, 0), (50, 0), (1000, 0)]
)
def test_guided_steps_are_those_strictly_above_the_stop(stop, guided, make_sampling):
    config = make_sampling(stop_guidance_step=stop)
    assert config.guided_steps(50) == guided
    assert not config.guides(stop)
    assert config.guides(stop + 1)


def test_at_scale_zero_no_step_is_guided(make_sampling):
    config = make_sampling(mode_guidance_scale=0, stop_guidance_step=0)
    assert config.guided_steps(50) == 0
    assert not config.guides(49)
