import json
import math

import pytest
import torch
from diffusers import AutoencoderKL
from torch.nn import functional as F

from mgd3_kedro.backbones.autoencoder import (
    SLICE,
    LatentAutoencoder,
    image_side,
    peak_signal_to_noise,
    pixels_to_unit,
    unit_to_pixels,
)


def make_vae(scaling_factor=0.5, seed=0):
    torch.manual_seed(seed)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 16),
        latent_channels=4,
        norm_num_groups=8,
        sample_size=16,
        scaling_factor=scaling_factor,
    ).eval()


@pytest.fixture
def images():
    return torch.randint(0, 256, (2 * SLICE + 7, 3, 16, 16)).to(torch.uint8)


def test_every_byte_survives_the_way_to_floats_and_back():
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    unit = pixels_to_unit(pixels)
    assert unit.min() == -1
    assert unit.max() == 1
    assert torch.equal(unit_to_pixels(unit), pixels)


def test_floats_are_rounded_to_the_nearest_byte_and_clipped():
    values = torch.tensor([-7.0, -1.0, -1 + 0.4 / 127.5, -1 + 0.6 / 127.5, 1.0, 1.3])
    assert unit_to_pixels(values).tolist() == [0, 0, 0, 1, 255, 255]


def test_latents_are_the_scaled_mean_of_the_posterior(images):
    vae = make_vae(0.25)
    latents = LatentAutoencoder(vae, 16).encode(images)
    with torch.no_grad():
        posterior = vae.encode(images[:5].float() / 127.5 - 1).latent_dist
    assert latents.shape == (2 * SLICE + 7, 4, 8, 8)
    assert latents.dtype == torch.float32
    assert torch.allclose(latents[:5], 0.25 * posterior.mean, atol=1e-5)
    assert posterior.std.min() > 0


def test_decoding_undoes_the_scale(images):
    half, double = LatentAutoencoder(make_vae(0.5), 16), LatentAutoencoder(make_vae(2.0), 16)
    latents = half.encode(images)
    assert torch.allclose(double.encode(images), 4 * latents, atol=1e-5)
    decoded = half.decode(latents)
    assert decoded.shape == images.shape
    assert decoded.dtype == torch.uint8
    assert torch.equal(double.decode(4 * latents), decoded)
    with torch.no_grad():
        expected = make_vae().decode(latents[:5] / 0.5).sample
    difference = decoded[:5].float() - (expected.clamp(-1, 1) + 1) * 127.5
    assert difference.abs().max() < 0.51


@pytest.mark.parametrize("size", [1, 3, 5, SLICE])
def test_an_image_does_not_depend_on_those_it_is_encoded_and_decoded_with(images, size):
    autoencoder = LatentAutoencoder(make_vae(), 16)
    latents = autoencoder.encode(images)
    parts = [autoencoder.encode(part) for part in images.split(size)]
    assert torch.equal(torch.cat(parts), latents)
    decoded = [autoencoder.decode(part) for part in latents.split(size)]
    assert torch.equal(torch.cat(decoded), autoencoder.decode(latents))


def test_an_image_does_not_depend_on_the_order_of_its_values_in_memory(images):
    autoencoder = LatentAutoencoder(make_vae(), 16)
    latents = autoencoder.encode(images).contiguous()
    channels_last = {"memory_format": torch.channels_last}
    assert torch.equal(autoencoder.encode(images.contiguous(**channels_last)), latents)
    decoded = autoencoder.decode(latents)
    assert torch.equal(autoencoder.decode(latents.contiguous(**channels_last)), decoded)


def test_a_drawn_latent_is_that_of_the_posterior_with_noise_of_its_own(images):
    vae = make_vae(0.25)
    generators = [torch.Generator().manual_seed(number) for number in range(5)]
    latents = LatentAutoencoder(vae, 16).encode(images[:5], generators)
    with torch.no_grad():
        posterior = vae.encode(images[:5].float() / 127.5 - 1).latent_dist
    noise = torch.stack(
        [torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(i)) for i in range(5)]
    )
    expected = 0.25 * (posterior.mean + posterior.std * noise)
    assert torch.allclose(latents, expected, atol=1e-5)
    alone = LatentAutoencoder(vae, 16).encode(images[3:4], [torch.Generator().manual_seed(3)])
    assert torch.equal(alone, latents[3:4])


def test_images_of_another_side_are_resized_on_the_way_in_and_out(images):
    autoencoder = LatentAutoencoder(make_vae(), 16)
    small = F.interpolate(images[:3].float(), size=(12, 12), mode="bicubic", antialias=True)
    small = small.clamp(0, 255).round().to(torch.uint8)
    unit = pixels_to_unit(small)
    resized = F.interpolate(unit, size=(16, 16), mode="bicubic", antialias=True)
    with torch.no_grad():
        expected = 0.5 * autoencoder.vae.encode(resized).latent_dist.mean
    latents = autoencoder.encode(small)
    assert torch.allclose(latents, expected, atol=1e-5)
    with torch.no_grad():
        decoded = autoencoder.vae.decode(latents / 0.5).sample
    decoded = F.interpolate(decoded, size=(12, 12), mode="bicubic", antialias=True)
    difference = autoencoder.decode(latents, 12).float() - (decoded.clamp(-1, 1) + 1) * 127.5
    assert difference.abs().max() < 0.51
    assert autoencoder.decode(latents).shape == (3, 3, 16, 16)
    assert torch.equal(autoencoder.decode(latents, 16), autoencoder.decode(latents))


@pytest.mark.parametrize(
    ("image_size", "expected"), [(16, 16), (256, 16), (300, 11), (512, 4), (1024, 1), (4096, 1)]
)
def test_fewer_large_images_go_through_at_once(image_size, expected):
    assert LatentAutoencoder(make_vae(), image_size).slice_size == expected


@pytest.mark.parametrize(("image_size", "rows"), [(16, [16]), (512, [4, 4])])
def test_every_call_sees_as_many_images_as_a_slice_has(image_size, rows, count_rows):
    autoencoder = LatentAutoencoder(make_vae(), image_size)
    seen = count_rows(autoencoder.vae.decoder)
    decoded = autoencoder.decode(torch.randn(5, 4, 8, 8), 16)
    assert seen == rows
    assert len(decoded) == 5


@pytest.mark.parametrize(("levels", "latent_side", "side"), [(1, 8, 8), (2, 8, 16), (4, 32, 256)])
def test_the_side_of_images_is_that_of_latents_doubled_between_levels(
    levels, latent_side, side, tmp_path
):
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=(8,) * levels,
        norm_num_groups=8,
    )
    (tmp_path / "config.json").write_text(json.dumps({"sample_size": latent_side}))
    assert image_side(vae, tmp_path) == side


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.1), (torch.float16, 0.01)])
def test_half_precision_rounds_inside_and_gives_full_precision(dtype, tolerance, images):
    full = LatentAutoencoder(make_vae(), 16)
    half = LatentAutoencoder(make_vae().to(dtype), 16)
    expected, latents = full.encode(images[:4]), half.encode(images[:4])
    assert latents.dtype == torch.float32
    assert 0 < (latents - expected).abs().max() < tolerance
    apart = (half.decode(expected).float() - full.decode(expected).float()).abs()
    assert apart.max() < 255 * tolerance


def test_identical_images_have_no_noise_to_speak_of(images):
    assert peak_signal_to_noise(images, images) > 100


def test_the_signal_to_noise_ratio_is_the_mean_over_images_in_decibels():
    zeros = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    other = zeros.clone()
    other[0] = 255
    other[1, :, :2] = 51
    # 10 log10(255^2 / 255^2) and 10 log10(255^2 / (51^2 / 2)).
    expected = (0 + 20 * math.log10(5) + 10 * math.log10(2)) / 2
    assert peak_signal_to_noise(zeros, other) == pytest.approx(expected)
    assert peak_signal_to_noise(other, zeros) == pytest.approx(expected)


def overflowing(dtype):
    """Return an autoencoder with values of 1e6 before its last layer and after its first."""
    vae = make_vae()
    with torch.no_grad():
        vae.decoder.conv_norm_out.weight.mul_(1e6)
        vae.encoder.conv_norm_out.weight.mul_(1e6)
    return LatentAutoencoder(vae.to(dtype), 16)


@pytest.mark.parametrize("names", [(), ("image 0 of class a", "image 0 of class b")])
def test_images_that_overflow_in_half_precision_are_refused_and_not_black(names):
    latents = torch.randn(2, 4, 8, 8)
    message = (
        f"decoded images: .*got 2 of 2 samples with NaN or infinity, the first is {'image 0'}"
        f"{' of class a' if names else ''}; .*float16.* set autoencoder.precision=bf16 or fp32"
    )
    with pytest.raises(FloatingPointError, match=message):
        overflowing(torch.float16).decode(latents, names=names)
    for dtype in (torch.bfloat16, torch.float32):
        assert overflowing(dtype).decode(latents).float().std() > 0


def test_latents_that_overflow_in_half_precision_are_refused(images):
    names = [f"image {number}" for number in range(7, 10)]
    message = r"latents: .*got 3 of 3 .*image 7; .*autoencoder.precision=bf16 or fp32"
    with pytest.raises(FloatingPointError, match=message):
        overflowing(torch.float16).encode(images[:3], names=names)
    assert overflowing(torch.bfloat16).encode(images[:3]).isfinite().all()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_latent_that_is_not_finite_spoils_one_image_which_is_named(value):
    latents = torch.randn(SLICE + 3, 4, 8, 8)
    latents[SLICE + 1, 2, 3, 4] = value
    message = (
        f"got 1 of {SLICE + 3} samples .* the first is image {SLICE + 1}; .*computes in float32"
    )
    with pytest.raises(ValueError, match=message):
        LatentAutoencoder(make_vae(), 16).decode(latents)
