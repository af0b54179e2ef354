import json
import re

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, PNDMScheduler

from mgd3_kedro.backbones.early_start import describe_early_start
from mgd3_kedro.backbones.schedule import (
    BETA_SCHEDULES,
    PREDICTION_TYPES,
    TIMESTEP_SPACINGS,
    NoiseSchedule,
    TrainedSchedule,
    read_trained_schedule,
    respaced_schedule,
)

BETAS = [
    ("linear", 1e-4, 0.02),
    ("scaled_linear", 0.00085, 0.012),
    ("squaredcos_cap_v2", 1e-4, 0.02),
]


def test_fifty_steps_visit_the_timesteps_of_the_released_sampler():
    timesteps = respaced_schedule(50).timesteps
    assert timesteps.dtype == torch.int64
    assert timesteps[:5].tolist() == [0, 20, 41, 61, 82]
    assert timesteps[-2:].tolist() == [979, 999]


@pytest.mark.parametrize("spacing", TIMESTEP_SPACINGS)
@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("steps", [2, 3, 7, 10, 20, 25, 50, 100, 250])
def test_timesteps_are_those_of_diffusers(steps, offset, spacing):
    scheduler = DDPMScheduler(timestep_spacing=spacing, steps_offset=offset)
    scheduler.set_timesteps(steps)
    schedule = respaced_schedule(steps, TrainedSchedule(steps_offset=offset), spacing)
    assert torch.equal(schedule.timesteps, scheduler.timesteps.flip(0))
    assert len(schedule) == steps


@pytest.mark.parametrize("spacing", TIMESTEP_SPACINGS)
def test_a_model_of_other_than_a_thousand_timesteps_is_spaced_like_diffusers_too(spacing):
    scheduler = DDPMScheduler(num_train_timesteps=400, timestep_spacing=spacing)
    scheduler.set_timesteps(40)
    schedule = respaced_schedule(40, TrainedSchedule(400), spacing)
    assert torch.equal(schedule.timesteps, scheduler.timesteps.flip(0))


@pytest.mark.parametrize("spacing", TIMESTEP_SPACINGS)
def test_as_many_steps_as_there_are_timesteps_visit_each_once(spacing):
    assert respaced_schedule(1000, None, spacing).timesteps.tolist() == list(range(1000))


@pytest.mark.parametrize(("name", "start", "end"), BETAS)
def test_signal_shares_are_those_of_diffusers(name, start, end):
    scheduler = DDPMScheduler(beta_schedule=name, beta_start=start, beta_end=end)
    trained = TrainedSchedule(beta_schedule=name, beta_start=start, beta_end=end)
    expected = scheduler.alphas_cumprod.double()
    assert trained.alphas_cumprod().dtype == torch.float64
    # Both: what is left at the noisy end is less than the absolute tolerance.
    assert torch.allclose(trained.alphas_cumprod(), expected, rtol=0, atol=1e-6)
    assert torch.allclose(trained.alphas_cumprod(), expected, rtol=1e-4, atol=0)
    schedule = respaced_schedule(50, trained)
    assert torch.equal(schedule.alphas_cumprod, trained.alphas_cumprod()[schedule.timesteps])


def test_nothing_is_noisy_below_the_first_step():
    schedule = respaced_schedule(50)
    assert schedule.alpha_cumprod(-1) == 1.0
    assert schedule.alpha_cumprod(0) == pytest.approx(1 - 1e-4)
    assert len(schedule) == 50


@pytest.mark.parametrize("index", [0, 24, 49])
def test_noise_is_added_as_diffusers_adds_it(index):
    schedule, scheduler = respaced_schedule(50), DDPMScheduler()
    clean, noise = torch.randn(2, 3, 4, 5, 5)
    expected = scheduler.add_noise(clean, noise, schedule.timesteps[index].repeat(3))
    assert torch.allclose(schedule.add_noise(clean, noise, index), expected, atol=1e-5)


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
@pytest.mark.parametrize("index", [0, 10, 24])
def test_the_noise_is_found_again_in_whatever_a_model_predicts(index, prediction_type):
    schedule = respaced_schedule(25, TrainedSchedule(prediction_type=prediction_type))
    clean, noise = torch.randn(2, 3, 4, 5, 5, dtype=torch.float64)
    noisy = schedule.add_noise(clean, noise, index)
    share = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    share = share[schedule.timesteps[index]]
    predicted = {
        "epsilon": noise,
        "sample": clean,
        "v_prediction": share.sqrt() * noise - (1 - share).sqrt() * clean,
    }[prediction_type]
    assert torch.allclose(schedule.noise_pred(index, noisy, predicted), noise, atol=1e-9)


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
def test_a_prediction_means_what_it_means_to_diffusers(prediction_type):
    scheduler = DDIMScheduler(
        prediction_type=prediction_type, clip_sample=False, set_alpha_to_one=True
    )
    scheduler.set_timesteps(50)
    latents, output = torch.randn(2, 3, 4, 5, 5)
    schedule = respaced_schedule(50, TrainedSchedule(prediction_type=prediction_type), "leading")
    noise = schedule.noise_pred(20, latents, output)
    share = schedule.alpha_cumprod(20)
    clean = (latents - (1 - share) ** 0.5 * noise) / share**0.5
    expected = scheduler.step(output, 400, latents).pred_original_sample
    assert torch.allclose(clean, expected, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 0, -5, 1001])
def test_a_number_of_steps_that_cannot_be_spread_is_refused(steps):
    with pytest.raises(ValueError, match=r"num_inference_steps: expected a number in \[2, 1000\]"):
        respaced_schedule(steps)


def test_an_offset_beyond_the_end_of_training_is_refused_with_what_led_there():
    trained = TrainedSchedule(steps_offset=1)
    assert int(respaced_schedule(999, trained, "leading").timesteps[-1]) == 999
    message = (
        "timestep_spacing: expected timesteps within 0..999, got 1..1000 with 'leading' spacing "
        "of 1000 steps and an offset of 1"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        respaced_schedule(1000, trained, "leading")


def test_an_unknown_name_is_answered_with_the_known_ones():
    for table, family, use in (
        (BETA_SCHEDULES, "beta schedule", lambda name: TrainedSchedule(beta_schedule=name)),
        (PREDICTION_TYPES, "prediction type", lambda name: TrainedSchedule(prediction_type=name)),
        (TIMESTEP_SPACINGS, "timestep spacing", lambda name: respaced_schedule(50, None, name)),
    ):
        known = ", ".join(sorted(table))
        with pytest.raises(ValueError, match=f"unknown {family} 'other': expected one of {known}"):
            use("other")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_train_timesteps", 0),
        ("num_train_timesteps", 1000.0),
        ("beta_start", -0.1),
        ("beta_end", 1.1),
        ("beta_end", "0.02"),
        ("steps_offset", -1),
    ],
)
def test_a_setting_that_no_model_was_trained_with_is_named(field, value):
    with pytest.raises(ValueError, match=f"^{field}: expected .* got {value!r}"):
        TrainedSchedule(**{field: value})


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        (
            # That of Stable Diffusion 1.5.
            PNDMScheduler(
                beta_schedule="scaled_linear",
                beta_start=0.00085,
                beta_end=0.012,
                skip_prk_steps=True,
                set_alpha_to_one=False,
                steps_offset=1,
            ),
            TrainedSchedule(1000, "scaled_linear", 0.00085, 0.012, "epsilon", 1),
        ),
        (
            DDIMScheduler(clip_sample=False, timestep_spacing="trailing"),
            TrainedSchedule(1000, "linear", 1e-4, 0.02, "epsilon", 0),
        ),
        (
            DDPMScheduler(
                num_train_timesteps=400,
                beta_schedule="squaredcos_cap_v2",
                prediction_type="v_prediction",
                variance_type="learned_range",
            ),
            TrainedSchedule(400, "squaredcos_cap_v2", 1e-4, 0.02, "v_prediction", 0),
        ),
    ],
)
def test_how_a_model_was_trained_is_read_from_a_scheduler_of_any_class(
    scheduler, expected, tmp_path
):
    scheduler.save_pretrained(tmp_path)
    trained = read_trained_schedule(tmp_path)
    assert trained == expected
    shares = trained.alphas_cumprod()
    assert torch.allclose(shares, scheduler.alphas_cumprod.double(), rtol=0, atol=1e-6)


def test_a_missing_scheduler_is_named(tmp_path):
    path = tmp_path / "scheduler_config.json"
    with pytest.raises(FileNotFoundError, match=f"expected {re.escape(str(path))}, found no such"):
        read_trained_schedule(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[1]", r"expected settings by name, got \[1\]"),
        (json.dumps({"trained_betas": [0.1, 0.2]}), "trained_betas: expected none"),
        (json.dumps({"rescale_betas_zero_snr": True}), "rescale_betas_zero_snr: expected none"),
        (json.dumps({"prediction_type": "flow"}), "unknown prediction type 'flow'"),
        (json.dumps({"beta_schedule": "sigmoid"}), "unknown beta schedule 'sigmoid'"),
        (json.dumps({"num_train_timesteps": "1000"}), "num_train_timesteps: expected a number"),
        (json.dumps({"num_train_timesteps": 10**12}), "num_train_timesteps: expected"),
        (json.dumps({"beta_end": None}), "beta_end: expected a number"),
    ],
)
def test_a_scheduler_that_cannot_be_followed_is_refused_by_its_file(content, message, tmp_path):
    (tmp_path / "scheduler_config.json").write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_trained_schedule(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'scheduler_config.json'}: ")


def test_what_a_scheduler_says_about_sampling_is_not_read(tmp_path):
    schedulers = [
        DDPMScheduler(),
        DDPMScheduler(timestep_spacing="trailing", clip_sample=False, thresholding=True),
    ]
    read = []
    for number, scheduler in enumerate(schedulers):
        scheduler.save_pretrained(tmp_path / str(number))
        read.append(read_trained_schedule(tmp_path / str(number)))
    assert read[0] == read[1] == TrainedSchedule()


def test_a_schedule_of_noise_predictions_is_the_default():
    output = torch.randn(1, 4, 5, 5)
    schedule = NoiseSchedule(torch.tensor([3]), torch.tensor([0.5]))
    assert torch.equal(schedule.noise_pred(0, torch.randn(1, 4, 5, 5), output), output)


STABLE_DIFFUSION = TrainedSchedule(1000, "scaled_linear", 0.00085, 0.012, steps_offset=1)


@pytest.mark.parametrize("trained", [TrainedSchedule(), STABLE_DIFFUSION])
@pytest.mark.parametrize("steps", [10, 20, 25, 50, 100, 250])
def test_usual_numbers_of_steps_start_near_enough_to_noise(steps, trained):
    for spacing in TIMESTEP_SPACINGS:
        assert describe_early_start(steps, trained, spacing) is None


@pytest.mark.parametrize(
    ("trained", "steps", "timestep", "share"),
    [
        (TrainedSchedule(), 600, 599, "0.16"),
        (TrainedSchedule(), 3, 666, "0.10"),
        (STABLE_DIFFUSION, 600, 600, "0.40"),
        (STABLE_DIFFUSION, 5, 801, "0.19"),
    ],
)
def test_a_start_far_from_noise_is_told_with_the_spacings_that_start_near(
    trained, steps, timestep, share
):
    remark = describe_early_start(steps, trained, "leading")
    assert f"at timestep {timestep} of 1000, where the model expects {share} of the" in remark
    assert "timestep_spacing=linspace or trailing, or another number" in remark
    for spacing in ("linspace", "trailing"):
        assert describe_early_start(steps, trained, spacing) is None
