import pytest

from mgd3_kedro.fingerprint import plain_text
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.sampling.guidance import DRIFTS, Drift
from mgd3_kedro.sampling.guidance.windows import steps_within

TIMESTEPS = tuple(range(0, 1000, 20))


@pytest.mark.parametrize(
    ("window", "first", "last"),
    [((45, 30), 45, 30), ((99, 0), 49, 0), ((1, 0), 49, 0), ((0.9, 0.6), 44, 30)],
)
def test_a_window_is_given_as_step_indices_or_as_shares(window, first, last):
    assert steps_within(window, 50) == range(last, first + 1)


def test_each_drift_acts_within_a_window_of_its_own(make_sampling):
    config = make_sampling(repulsion_scale=0.4, repulsion_window=[30, 20])
    acting = {index: set(config.scales_at(index, TIMESTEPS)) for index in range(50)}
    assert acting[49] == acting[31] == {"mode_guidance_scale"}
    assert acting[30] == acting[26] == {"mode_guidance_scale", "repulsion_scale"}
    assert acting[25] == acting[20] == {"repulsion_scale"}
    assert acting[19] == set()
    assert config.guided_steps(TIMESTEPS) == list(range(20, 50))


def test_steps_before_a_noised_mode_are_not_among_those_that_are_guided(make_sampling):
    config = make_sampling(initial_latents="noised_modes", noise_strength=0.7)
    assert config.guided_steps(TIMESTEPS) == list(range(26, 35))
    config = make_sampling(initial_latents="noised_modes", mode_guidance_window=[1, 0])
    assert config.guided_steps(TIMESTEPS) == list(range(35))


def test_a_schedule_falls_within_the_window_of_a_drift(make_sampling):
    config = make_sampling(mode_guidance_window=[29, 20], mode_guidance_schedule="linear")
    scales = [config.scales_at(index, TIMESTEPS)["mode_guidance_scale"] for index in (29, 20)]
    assert scales == pytest.approx([0.1, 0.01])


def test_a_drift_may_have_a_window_where_none_is_given(monkeypatch, make_sampling):
    drift = Drift(lambda step, scale, context: scale * step.pull, window=(40, 31))
    monkeypatch.setitem(DRIFTS, "late_scale", drift)
    config = make_sampling(late_scale=0.3, mode_guidance_scale=0)
    assert config.guided_steps(TIMESTEPS) == list(range(31, 41))
    assert config.scales_at(40, TIMESTEPS) == {"late_scale": 0.3}
    assert not config.is_never_guided(TIMESTEPS)
    assert config.is_never_guided(TIMESTEPS[:20])


def test_a_window_is_that_of_the_steps_it_was_chosen_for(make_sampling):
    config = make_sampling(mode_guidance_window=[40, 20]).with_steps(25, 50)
    assert config == make_sampling(stop_guidance_step=12, mode_guidance_window=[20, 10])
    shares = make_sampling(mode_guidance_window=[0.8, 0.4])
    assert shares.with_steps(25, 50).options == shares.options


@pytest.mark.parametrize("window", [[3, 0], [3, 2], [2, 1], [5, 3]])
def test_the_last_few_steps_stay_the_last_few_among_fewer(window, make_sampling):
    config = make_sampling(mode_guidance_window=window).with_steps(20, 50)
    first, last = (round(step * 20 / 50) for step in window)
    assert config.guided_steps(TIMESTEPS[:20]) == list(range(last, first + 1))


@pytest.mark.parametrize("window", [30, [30], [20, 30], [0.5, 20], [-1, -2], [1.5, 0.5], [True, 0]])
def test_a_window_that_is_none_is_named(window, make_sampling):
    with pytest.raises(ValueError, match=r"^mode_guidance_window: expected"):
        make_sampling(mode_guidance_window=window)


def test_options_at_their_defaults_are_no_other_setting(make_sampling):
    assert make_sampling(pull_pool=None, mode_guidance_window=None) == make_sampling()
    assert "further_options" not in plain_text(make_sampling())
    pooled = make_sampling(pull_pool=4)
    assert '"pull_pool": 4' in plain_text(pooled)
    assert pooled.as_columns()["pull_pool"] == 4
    assert pooled.plain().as_columns()["pull_pool"] is None
    with pytest.raises(ValueError, match=r"^pull_pool: expected .* got 0"):
        make_sampling(pull_pool=0)
    assert SamplingConfig(**{**make_sampling().as_columns(), "pull_pool": 4}) == pooled
