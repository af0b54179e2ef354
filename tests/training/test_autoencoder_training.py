import pytest
import torch
from torch.nn import functional as F

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder, peak_signal_to_noise, pixels_to_unit
from mgd3_kedro.training.autoencoder import (
    AutoencoderTrainingConfig,
    autoencoder_loss,
    build_autoencoder,
)
from mgd3_kedro.training.batches import PriorBatch
from mgd3_kedro.training.loop import train

SETTINGS = {
    "steps": 40,
    "batch_size": 8,
    "flip_probability": 0.0,
    "learning_rate": 5e-3,
    "warmup_steps": 2,
    "weight_decay": 0.0,
    "ema_decay": 0.9,
    "precision": "fp32",
    "compile": False,
    "seed": 0,
    "block_channels": (8, 16),
    "latent_channels": 4,
    "given": None,
    "kl_weight": 1e-3,
}


@pytest.fixture
def make_config():
    return lambda **changes: AutoencoderTrainingConfig(**(SETTINGS | changes))


@pytest.fixture
def images():
    """Return images of one colour above another."""
    colours = torch.randint(0, 256, (24, 3, 2, 1), generator=torch.Generator().manual_seed(0))
    return colours.repeat_interleave(4, dim=2).expand(-1, -1, -1, 8).to(torch.uint8)


def test_each_further_resolution_halves_the_side(make_config, images):
    for channels, side in [((8,), 8), ((8, 16), 4), ((8, 8, 16), 2)]:
        vae = build_autoencoder(make_config(block_channels=channels, latent_channels=5), 8)
        assert LatentAutoencoder(vae, 8).encode(images).shape == (24, 5, side, side)


def test_weights_are_drawn_from_the_seed_alone(make_config):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = build_autoencoder(make_config(), 8).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(9)
    again = build_autoencoder(make_config(), 8).state_dict()
    other = build_autoencoder(make_config(seed=1), 8).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["encoder.conv_in.weight"], other["encoder.conv_in.weight"])


@pytest.mark.parametrize("kl_weight", [0.0, 0.5])
def test_the_loss_is_the_pixel_error_and_the_divergence_written_out(kl_weight, make_config, images):
    config = make_config(kl_weight=kl_weight)
    pixels = pixels_to_unit(images)
    vae = build_autoencoder(config, 8)
    rows = torch.tensor([3, 0, 17])
    batch = PriorBatch(rows, torch.Generator().manual_seed(5))
    loss = autoencoder_loss(images, config)(vae, batch).item()
    with torch.no_grad():
        moments = vae.quant_conv(vae.encoder(pixels[rows])).double()
        mean, log_variance = moments[:, :4], moments[:, 4:]
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(5)).double()
        sample = mean + (log_variance / 2).exp() * noise
        decoded = vae.decode(sample.float()).sample.double()
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
    error = F.mse_loss(decoded, pixels[rows].double())
    expected = error + kl_weight * divergence / pixels[rows].numel()
    assert loss == pytest.approx(expected.item(), rel=1e-4)
    assert divergence > 0


@pytest.fixture
def uneven():
    """Return images of one colour beside another, so that mirroring shows."""
    colours = torch.randint(0, 256, (24, 3, 1, 2), generator=torch.Generator().manual_seed(1))
    return colours.repeat_interleave(4, dim=3).expand(-1, -1, 8, -1).to(torch.uint8)


def inputs_of(vae, loss_of, rows, batches):
    """Return what the encoder is shown of so many batches of the same rows, (n, B, 3, H, W)."""
    shown = []
    handle = vae.encoder.register_forward_pre_hook(lambda module, args: shown.append(args[0]))
    with torch.no_grad():
        for seed in range(batches):
            loss_of(vae, PriorBatch(rows, torch.Generator().manual_seed(seed)))
    handle.remove()
    return torch.stack(shown)


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_images_are_mirrored_as_often_as_configured(probability, make_config, uneven):
    loss_of = autoencoder_loss(uneven, make_config(flip_probability=probability))
    rows = torch.arange(24)
    shown = inputs_of(build_autoencoder(make_config(), 8), loss_of, rows, 40)
    straight = pixels_to_unit(uneven)
    mirrored = (shown == straight.flip(-1)).flatten(2).all(2)
    assert ((shown == straight).flatten(2).all(2) != mirrored).all()
    # 960 images: five standard deviations, none where nothing is left to chance.
    deviation = (probability * (1 - probability) / 960) ** 0.5
    assert mirrored.float().mean().item() == pytest.approx(probability, abs=5 * deviation)
    assert probability in (0, 1) or len({tuple(row.tolist()) for row in mirrored}) > 30


def test_a_mirrored_image_is_reconstructed_as_it_is_shown(make_config, uneven):
    vae, rows = build_autoencoder(make_config(), 8), torch.tensor([3, 0, 17])
    batch = PriorBatch(rows, torch.Generator().manual_seed(5))
    loss = autoencoder_loss(uneven, make_config(kl_weight=0.0, flip_probability=1.0))(vae, batch)
    source = torch.Generator().manual_seed(5)
    torch.rand(3, generator=source)
    with torch.no_grad():
        pixels = pixels_to_unit(uneven[rows]).flip(-1)
        posterior = vae.encode(pixels).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=source)
        decoded = vae.decode(posterior.mean + posterior.std * noise).sample
    assert loss.item() == pytest.approx(F.mse_loss(decoded, pixels).item(), rel=1e-5)


@pytest.mark.parametrize("probability", [0.0, 0.5])
def test_a_loss_reads_no_value_back_from_the_device(probability, make_config, images):
    vae = build_autoencoder(make_config(), 8).to("meta")
    loss_of = autoencoder_loss(images.to("meta"), make_config(flip_probability=probability))
    loss = loss_of(vae, PriorBatch(torch.arange(4, device="meta"), torch.Generator()))
    assert loss.is_meta
    loss.backward()


def test_images_that_are_floats_already_are_refused(make_config, images):
    with pytest.raises(ValueError, match=r"images: expected uint8.*got torch\.float32"):
        autoencoder_loss(pixels_to_unit(images), make_config())


def test_a_short_training_reconstructs_better_than_none(make_config, images, tmp_path):
    config = make_config()
    vae = build_autoencoder(config, 8)

    def reconstruction(model):
        autoencoder = LatentAutoencoder(model, 8)
        return peak_signal_to_noise(images, autoencoder.decode(autoencoder.encode(images)))

    before = reconstruction(vae)
    loss_of = autoencoder_loss(images, config)
    trained = train(
        vae,
        loss_of,
        len(images),
        config,
        checkpoint=tmp_path / "c",
        identity="",
        device=torch.device("cpu"),
    )
    assert trained.curve[-1]["loss"] < 0.5 * trained.curve[0]["loss"]
    assert reconstruction(trained.model) > before + 2


def test_a_training_resumes_bit_for_bit(make_config, images, tmp_path):
    config = make_config(steps=6)
    loss_of = autoencoder_loss(images, config)
    calls = []

    def interrupted(model, batch):
        calls.append(batch)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return loss_of(model, batch)

    def start(loss, file):
        return train(
            build_autoencoder(config, 8),
            loss,
            len(images),
            config,
            checkpoint=tmp_path / file,
            identity="",
            device=torch.device("cpu"),
        )

    whole = start(loss_of, "whole")
    with pytest.raises(KeyboardInterrupt):
        start(interrupted, "part")
    resumed = start(loss_of, "part")
    assert resumed.curve == whole.curve
    weights = whole.model.state_dict()
    assert all(
        torch.equal(each, weights[name]) for name, each in resumed.model.state_dict().items()
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("block_channels", (12,)),
        ("block_channels", (8, 0)),
        ("block_channels", ()),
        ("block_channels", ("8", "16")),
        ("latent_channels", 0),
        ("kl_weight", -1e-6),
        ("steps", 0),
    ],
)
def test_a_setting_that_does_not_fit_is_named(field, value, make_config):
    with pytest.raises(ValueError, match=field):
        make_config(**{field: value})


def test_what_channels_have_to_be_is_said(make_config):
    with pytest.raises(
        ValueError, match=r"^block_channels: .* list of multiples of 8, got \[12\]$"
    ):
        make_config(block_channels=(12,))


def test_a_side_that_cannot_be_halved_so_often_is_refused(make_config):
    with pytest.raises(ValueError, match=r"3 resolutions need .* divisible by 4, got 10"):
        build_autoencoder(make_config(block_channels=(8, 8, 8)), 10)
