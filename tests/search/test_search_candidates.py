import pytest

from mgd3_kedro.search.candidates import read_candidates
from mgd3_kedro.splitting import Text

CONFIGURED = {
    "candidates": [
        {"method": "mgd3"},
        {"method": "mgd3", "sampling": {"mode_guidance_scale": 0.2}},
        {"method": "unguided", "diffusion.guidance_scale": 2.0},
        {"method": "mgd3"},
    ]
}


def given(**texts):
    return {key.replace("__", "."): Text(value) for key, value in texts.items()}


def names(**texts):
    return list(read_candidates(CONFIGURED, given(**texts))[0])


def test_a_candidate_is_called_by_its_method_and_knobs_and_there_once():
    assert names() == ["mgd3", "mgd3 mode_guidance_scale=0.2", "unguided guidance_scale=2.0"]


def test_what_contradicts_the_command_line_is_left_out():
    assert names(method="mgd3") == ["mgd3", "mgd3 mode_guidance_scale=0.2"]
    assert names(diffusion__guidance_scale="3.0") == ["mgd3", "mgd3 mode_guidance_scale=0.2"]
    assert len(names(diffusion__guidance_scale="2.0")) == 3


def test_where_nothing_is_left_that_is_said():
    with pytest.raises(ValueError, match="that agrees with method=dm, got none"):
        names(method="dm")


def test_another_setting_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"best: unknown setting 'trial'.*trials"):
        read_candidates({**CONFIGURED, "trial": {}}, {})


def test_a_trial_has_its_seed_and_every_parameter_once():
    one = read_candidates(CONFIGURED, {})[0]["mgd3 mode_guidance_scale=0.2"]
    part = one.trial("best/seed3", given(ipc="5", sampling__mode_guidance_scale="0.2"), 3)
    assert part.sweep == "best/seed3"
    assert part.params == {"ipc": "5", "seed": "3"}
    assert part.over == {"method": ("mgd3",), "sampling.mode_guidance_scale": ("0.2",)}


def test_the_command_line_is_over_what_is_configured_for_trials():
    configured = {**CONFIGURED, "trials": {"split": "holdout", "trainings.repeats": 1}}
    _, shared = read_candidates(configured, given(trainings__repeats="2", ipc="5"))
    assert shared == {"split": "holdout", "trainings.repeats": "2", "ipc": "5"}
