import pytest
import torch

from mgd3_kedro.backbones import settle_settings
from mgd3_kedro.backbones.conditioning import class_labels, classifier_free
from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.records import ModelFolder


@pytest.mark.parametrize("scale", [0.0, 1.5, 4.0])
def test_guidance_extrapolates_from_the_unconditional_prediction(scale):
    conditional, unconditional = torch.randn(2, 3, 4, 8, 8)
    combined = classifier_free(conditional, unconditional, scale, None)
    # The released DiT sampler's other way to write it: (1 - s) uncond + s cond.
    expected = (1 - scale) * unconditional.double() + scale * conditional.double()
    assert torch.allclose(combined.double(), expected, atol=1e-5)


def test_guidance_stops_after_the_asked_for_channels():
    conditional, unconditional = torch.randn(2, 3, 4, 8, 8)
    everywhere = classifier_free(conditional, unconditional, 4.0, None)
    for channels in range(1, 5):
        combined = classifier_free(conditional, unconditional, 4.0, channels)
        assert torch.equal(combined[:, :channels], everywhere[:, :channels])
        assert torch.equal(combined[:, channels:], conditional[:, channels:])


def test_to_guide_every_channel_is_written_in_one_way(save_dit, make_diffusion):
    model = ModelFolder(save_dit(), "any", "dit")
    for channels in (None, 3):
        settle_settings(model, make_diffusion(cfg_channels=channels))
    for channels in (4, 5):
        with pytest.raises(ValueError, match=r"cfg_channels: expected fewer than the 4 .* or null"):
            settle_settings(model, make_diffusion(cfg_channels=channels))


def test_a_backbone_is_asked_for_its_own_numbers_of_classes_and_not_for_their_places():
    classes = [ClassSpec(0, "n01", 6, "owl"), ClassSpec(1, "n02", 0, "hen")]
    assert class_labels(classes, 7).tolist() == [6, 0]


def predict(dit, index, latents, labels):
    timesteps = dit.schedule.timesteps[index].expand(len(latents))
    with torch.no_grad():
        return dit.denoiser.transformer(latents, timestep=timesteps, class_labels=labels).sample


@pytest.mark.parametrize(
    ("index", "rows"), [(0, 16), (4, 16), (5, 32), (24, 32), (25, 32), (26, 16), (49, 16)]
)
def test_outside_of_its_interval_guidance_costs_and_changes_nothing(
    index, rows, make_dit, count_rows
):
    # 5 of 50 visits timestep 102, 25 visits 510, 26 visits 530.
    dit = make_dit(cfg_from_timestep=102, cfg_to_timestep=510)
    latents, labels = torch.randn(16, 4, 8, 8), torch.arange(16) % 7
    seen = count_rows(dit.denoiser.transformer)
    step = dit.step(index, latents, labels)
    assert seen == [rows]
    plain = make_dit(guidance_scale=1.0).step(index, latents, labels)
    guided = make_dit().step(index, latents, labels)
    assert torch.equal(step.prev_mean, (guided if rows == 32 else plain).prev_mean)
    assert not torch.allclose(guided.prev_mean, plain.prev_mean, atol=1e-4)


def test_without_guidance_the_step_is_the_conditional_one_at_half_the_cost(make_dit, count_rows):
    dit = make_dit(guidance_scale=1.0)
    latents, labels = torch.randn(16, 4, 8, 8), torch.arange(16) % 7
    output = predict(dit, 35, latents, labels)
    expected = SAMPLERS["ddpm"](dit.schedule, 35, latents, output[:, :4], output[:, 4:])
    rows = count_rows(dit.denoiser.transformer)
    step = dit.step(35, latents, labels)
    assert rows == [16]
    assert torch.equal(step.prev_mean, expected.prev_mean)
    assert torch.equal(step.pred_original_sample, expected.pred_original_sample)
    assert torch.equal(step.std, expected.std)


@pytest.mark.parametrize("scale", [0.0, 0.5, 4.0])
def test_with_guidance_one_call_sees_every_row_twice(scale, make_dit, count_rows):
    dit = make_dit(guidance_scale=scale)
    rows = count_rows(dit.denoiser.transformer)
    dit.step(35, torch.randn(16, 4, 8, 8), torch.arange(16) % 7)
    assert rows == [32]


@pytest.mark.parametrize("cfg_channels", [None, 3, 1])
def test_a_step_combines_the_predictions_with_and_without_class(cfg_channels, make_dit):
    dit = make_dit(guidance_scale=4.0, cfg_channels=cfg_channels)
    latents, labels = torch.randn(4, 4, 8, 8), torch.tensor([0, 3, 6, 3])
    conditional = predict(dit, 35, latents, labels)
    unconditional = predict(dit, 35, latents, torch.full((4,), 7))
    noise_pred = conditional[:, :4].clone()
    guided = slice(cfg_channels)
    noise_pred[:, guided] = (unconditional[:, :4] + 4.0 * (conditional - unconditional)[:, :4])[
        :, guided
    ]
    # The variance is that of the conditional prediction, as in the official sampler.
    expected = SAMPLERS["ddpm"](dit.schedule, 35, latents, noise_pred, conditional[:, 4:])
    step = dit.step(35, latents, labels)
    assert torch.allclose(step.prev_mean, expected.prev_mean, atol=1e-5)
    assert torch.allclose(step.std, expected.std, atol=1e-6)
    plain = SAMPLERS["ddpm"](dit.schedule, 35, latents, conditional[:, :4], conditional[:, 4:])
    assert not torch.allclose(step.prev_mean, plain.prev_mean, atol=1e-3)
