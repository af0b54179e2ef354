from dataclasses import replace

import pytest
import torch

from mgd3_kedro.backbones import BackboneConfig
from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.pipelines.pretrain.denoising import LEVELS, measure_denoising
from mgd3_kedro.pipelines.pretrain.latents import EncodedImages
from mgd3_kedro.training.denoiser import DenoiserConfig, build_denoiser
from mgd3_kedro.training.loop import Trained

CLASSES = tuple(ClassSpec(label, f"n{label}", label, f"class {label}") for label in range(3))
BENCHMARK = Benchmark("some", 32, CLASSES)
SHAPE = (2, 4, 4)
DIFFUSION = BackboneConfig(
    sampler="ddpm",
    num_inference_steps=50,
    timestep_spacing="linspace",
    reference_steps=None,
    guidance_scale=4.0,
    cfg_channels=None,
    cfg_from_timestep=0,
    cfg_to_timestep=1000,
    prompt_template="{class_name}",
    negative_prompt="",
    precision="fp32",
    compile=False,
    max_batch=7,
    device="cpu",
)


def encoded(count, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    latents = scale * torch.randn(3 * count, *SHAPE, generator=generator)
    return EncodedImages(latents, None, torch.arange(3).repeat_interleave(count))


@pytest.fixture
def make_untrained():
    """Return a denoiser whose output is 0, and its settings."""

    def make(prediction_type):
        config = DenoiserConfig(
            steps=1,
            batch_size=1,
            flip_probability=0.0,
            learning_rate=1.0,
            warmup_steps=0,
            weight_decay=0.0,
            ema_decay=0.0,
            precision="fp32",
            compile=False,
            seed=0,
            layers=1,
            heads=1,
            head_dim=8,
            patch_size=2,
            class_dropout=0.1,
            prediction_type=prediction_type,
            snr_gamma=None,
            snr_floor=None,
            log_sigma_mean=None,
            log_sigma_std=None,
        )
        return Trained(build_denoiser(config, SHAPE, 3)), config

    return make


def test_what_says_nothing_is_always_clean_misses_all_there_is(make_untrained):
    denoiser, config = make_untrained("sample")
    train, test = encoded(5, 0), encoded(4, 1, scale=2.0)
    metrics, table = measure_denoising(BENCHMARK, train, test, denoiser, config, DIFFUSION)
    assert len(table) == LEVELS
    for name, of in (("train_error", train), ("test_error", test)):
        power = of.latents.square().mean().item()
        assert table[name].tolist() == pytest.approx([power] * LEVELS, rel=1e-5)
        assert metrics[name] == pytest.approx(power, rel=1e-5)


def test_what_sees_no_noise_takes_noise_for_signal(make_untrained):
    denoiser, config = make_untrained("epsilon")
    _, table = measure_denoising(
        BENCHMARK, encoded(90, 0), encoded(5, 1), denoiser, config, DIFFUSION
    )
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    share = torch.cumprod(1 - betas, 0)[table["timestep"].tolist()]
    expected = ((1 - share) / share).tolist()
    assert table["train_error"].tolist() == pytest.approx(expected, rel=0.05)


def test_neither_guidance_nor_the_size_of_batches_matters(make_untrained):
    denoiser, config = make_untrained("epsilon")
    torch.nn.init.normal_(
        denoiser.model.proj_out_2.weight, generator=torch.Generator().manual_seed(0)
    )
    given = BENCHMARK, encoded(5, 0), encoded(4, 1), denoiser, config
    _, first = measure_denoising(*given, DIFFUSION)
    other = replace(DIFFUSION, guidance_scale=1.0, max_batch=100, num_inference_steps=20)
    _, again = measure_denoising(*given, other)
    for name in first:
        assert again[name].tolist() == pytest.approx(first[name].tolist(), rel=1e-4)


def test_half_precision_measures_nearly_the_same(make_untrained):
    denoiser, config = make_untrained("epsilon")
    torch.nn.init.normal_(
        denoiser.model.proj_out_2.weight, generator=torch.Generator().manual_seed(0)
    )
    given = BENCHMARK, encoded(5, 0), encoded(4, 1), denoiser, config
    exact, _ = measure_denoising(*given, DIFFUSION)
    rounded, _ = measure_denoising(*given, replace(DIFFUSION, precision="bf16"))
    assert rounded != exact
    assert rounded == pytest.approx(exact, rel=0.02)


def test_many_latents_of_a_class_are_looked_at_no_longer(make_untrained):
    denoiser, config = make_untrained("sample")
    many = encoded(130, 0)
    metrics, _ = measure_denoising(BENCHMARK, many, encoded(2, 1), denoiser, config, DIFFUSION)
    kept = torch.cat([many.latents[many.labels == label][:100] for label in range(3)])
    assert metrics["train_error"] == pytest.approx(kept.square().mean().item(), rel=1e-5)
