from types import SimpleNamespace

import pytest
import torch

from mgd3_kedro.backbones.schedule import PREDICTION_TYPES
from mgd3_kedro.training.batches import PriorBatch, batch_at
from mgd3_kedro.training.denoiser import DenoiserConfig, build_denoiser, denoiser_loss
from mgd3_kedro.training.loop import train
from mgd3_kedro.training.noise import PREDICTIONS, error_weights, linear_alphas_cumprod

SETTINGS = {
    "steps": 60,
    "batch_size": 16,
    "flip_probability": 0.0,
    "learning_rate": 5e-3,
    "warmup_steps": 5,
    "weight_decay": 0.0,
    "ema_decay": 0.9,
    "precision": "fp32",
    "compile": False,
    "seed": 0,
    "layers": 2,
    "heads": 2,
    "head_dim": 8,
    "patch_size": 2,
    "class_dropout": 0.1,
    "prediction_type": "epsilon",
    "snr_gamma": None,
    "snr_floor": None,
    "log_sigma_mean": None,
    "log_sigma_std": None,
}
NULL = 5
CPU = torch.device("cpu")


@pytest.fixture
def make_config():
    return lambda **changes: DenoiserConfig(**(SETTINGS | changes))


@pytest.fixture
def latents():
    return torch.randn(40, 3, 4, 4)


@pytest.fixture
def class_indices():
    return torch.arange(40) % NULL


@pytest.fixture
def observe():
    """Record what a model is asked, call by call."""
    handles = []

    def start(model):
        asked = []
        handles.append(
            model.register_forward_pre_hook(
                lambda module, args, kwargs: asked.append((args[0], kwargs)), with_kwargs=True
            )
        )
        return asked

    yield start
    for handle in handles:
        handle.remove()


def test_a_new_model_predicts_nothing_and_its_blocks_change_nothing(make_config):
    model = build_denoiser(make_config(layers=3), (3, 4, 4), NULL)
    seen = []
    for block in model.transformer_blocks:
        block.register_forward_hook(
            lambda module, args, kwargs, output: seen.append((*args, output)), with_kwargs=True
        )
    with torch.no_grad():
        output = model(
            torch.randn(6, 3, 4, 4),
            timestep=torch.tensor([0, 5, 300, 500, 998, 999]),
            class_labels=torch.arange(6),
        ).sample
    assert output.shape == (6, 3, 4, 4)
    assert (output == 0).all()
    assert len(seen) == 3
    for into, out in seen:
        assert into.std() > 0.1
        assert torch.equal(into, out)


def test_a_new_model_can_learn_at_every_layer(make_config, latents, class_indices, tmp_path):
    config = make_config(steps=4, warmup_steps=0, learning_rate=1e-3)
    model = build_denoiser(config, (3, 4, 4), NULL)
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    train(
        model,
        denoiser_loss(latents, class_indices, config, NULL),
        40,
        config,
        checkpoint=tmp_path / "c",
        identity="",
        device=CPU,
    )
    unmoved = [name for name, each in model.named_parameters() if torch.equal(each, before[name])]
    # A shift of all keys leaves attention as it is.
    assert [name for name in unmoved if not name.endswith("to_k.bias")] == []


def test_a_new_model_is_saved_as_it_is_sampled(make_config):
    model = build_denoiser(make_config(), (3, 4, 4), NULL)
    assert not model.training
    assert model.config.num_embeds_ada_norm == NULL
    assert model.config.in_channels == model.config.out_channels == 3
    assert model.config.sample_size == 4
    for block in model.transformer_blocks:
        assert len(block.norm1.emb.class_embedder.embedding_table.weight) == NULL + 1


def test_weights_are_drawn_from_the_seed_alone(make_config):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = build_denoiser(make_config(), (3, 4, 4), NULL).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(9)
    again = build_denoiser(make_config(), (3, 4, 4), NULL).state_dict()
    other = build_denoiser(make_config(seed=1), (3, 4, 4), NULL).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    name = "transformer_blocks.0.attn1.to_q.weight"
    assert not torch.equal(first[name], other[name])


def test_the_schedule_is_the_one_it_is_sampled_with():
    shares = linear_alphas_cumprod()
    expected = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    assert shares.shape == (1000,)
    assert torch.allclose(shares.double(), expected, rtol=1e-6)


def test_noisy_latents_are_of_their_timestep_and_the_target_is_their_noise(
    make_config, latents, class_indices, observe
):
    config = make_config(class_dropout=0.0)
    model = build_denoiser(config, (3, 4, 4), NULL)
    torch.nn.init.normal_(model.proj_out_2.weight)
    asked = observe(model)
    batch = batch_at(3, 40, config)
    loss = denoiser_loss(latents, class_indices, config, NULL)(model, batch)
    ((noisy, kwargs),) = asked
    timesteps = kwargs["timestep"]
    assert timesteps.shape == (16,)
    assert len(set(timesteps.tolist())) > 8
    shares = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)[timesteps].view(-1, 1, 1, 1)
    noise = (noisy - shares.sqrt() * latents[batch.indices]) / (1 - shares).sqrt()
    # Timestep 0 divides rounding errors by 0.01.
    assert noise.mean().abs() < 0.15
    assert noise.std() == pytest.approx(1, abs=0.1)
    with torch.no_grad():
        predicted = model(noisy, **kwargs).sample
    assert loss.item() == pytest.approx((predicted - noise).square().mean().item(), rel=1e-3)
    assert torch.equal(kwargs["class_labels"], class_indices[batch.indices])


def test_a_cap_on_the_ratio_of_signal_to_noise_weighs_errors_by_it(
    make_config, latents, class_indices, observe
):
    weights = error_weights("epsilon", 5.0)
    signal = linear_alphas_cumprod().double()
    snr = signal / (1 - signal)
    noisy = snr <= 5
    assert (weights[noisy] == 1).all()
    assert torch.allclose((weights * snr)[~noisy], torch.tensor(5.0).double())
    assert 0 < noisy.sum() < 1000
    assert (error_weights("epsilon", None) == 1).all()

    config = make_config(class_dropout=0.0, snr_gamma=5.0)
    model = build_denoiser(config, (3, 4, 4), NULL)
    asked = observe(model)
    batch = batch_at(3, 40, config)
    loss = denoiser_loss(latents, class_indices, config, NULL)(model, batch)
    ((seen, kwargs),) = asked
    timesteps = kwargs["timestep"]
    shares = signal[timesteps].float().view(-1, 1, 1, 1)
    # An untrained model predicts no noise, so that its error is the noise.
    noise = (seen - shares.sqrt() * latents[batch.indices]) / (1 - shares).sqrt()
    expected = (weights[timesteps] * noise.square().mean((1, 2, 3))).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-3)


class Says(torch.nn.Module):
    """Gives what it is told to give of noisy samples and their timesteps."""

    def __init__(self, say):
        super().__init__()
        self.say = say

    def forward(self, noisy, timestep, class_labels):
        return SimpleNamespace(sample=self.say(noisy, timestep))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"snr_gamma": 5.0},
        {"snr_gamma": 5.0, "snr_floor": 1.0},
        {"log_sigma_mean": -0.4, "log_sigma_std": 1.0},
    ],
)
def test_the_same_error_of_a_clean_sample_costs_the_same_whatever_is_predicted(
    make_config, latents, class_indices, changes
):
    signals = linear_alphas_cumprod()
    losses = {}
    for name in PREDICTIONS:
        config = make_config(prediction_type=name, **changes)
        batch = batch_at(3, 40, config)
        wrong = latents[batch.indices] + 0.1

        def say(noisy, timestep, name=name, wrong=wrong):
            signal = signals[timestep].view(-1, 1, 1, 1)
            noise = (noisy - signal.sqrt() * wrong) / (1 - signal).sqrt()
            return PREDICTIONS[name].target(wrong, noise, signal)

        loss = denoiser_loss(latents, class_indices, config, NULL)(Says(say), batch)
        losses[name] = loss.item()
    assert losses["sample"] > 0
    assert losses["epsilon"] == pytest.approx(losses["sample"], rel=1e-3)
    assert losses["v_prediction"] == pytest.approx(losses["sample"], rel=1e-3)


def test_samplers_read_what_is_predicted_as_it_is_trained():
    assert set(PREDICTIONS) == set(PREDICTION_TYPES)
    clean, noise = torch.randn(2, 5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for share in (0.02, 0.5, 0.98):
        signal = torch.tensor(share)
        noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
        for name, prediction in PREDICTIONS.items():
            said = prediction.target(clean, noise, signal)
            assert torch.allclose(PREDICTION_TYPES[name](share, noisy, said), noise, atol=1e-4)


def test_every_timestep_may_be_drawn(make_config, latents, class_indices, observe):
    config = make_config(batch_size=40)
    model = build_denoiser(config, (3, 4, 4), NULL)
    asked = observe(model)
    loss_of = denoiser_loss(latents, class_indices, config, NULL)
    with torch.no_grad():
        for step in range(200):
            loss_of(model, batch_at(step, 40, config))
    timesteps = torch.cat([kwargs["timestep"] for _, kwargs in asked])
    assert timesteps.min() < 5
    assert timesteps.max() in range(995, 1000)
    # 500 expected, with a standard deviation of 3.2.
    assert timesteps.float().mean().item() == pytest.approx(499.5, abs=15)


@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.5, 1.0])
def test_labels_are_dropped_for_the_null_class_as_often_as_configured(
    dropout, make_config, latents, class_indices, observe
):
    config = make_config(batch_size=40, class_dropout=dropout)
    model = build_denoiser(config, (3, 4, 4), NULL)
    asked = observe(model)
    loss_of = denoiser_loss(latents, class_indices, config, NULL)
    batches = [batch_at(step, 40, config) for step in range(50)]
    with torch.no_grad():
        for batch in batches:
            loss_of(model, batch)
    labels = torch.cat([kwargs["class_labels"] for _, kwargs in asked])
    true = torch.cat([class_indices[batch.indices] for batch in batches])
    dropped = labels == NULL
    assert torch.equal(labels[~dropped], true[~dropped])
    share = dropped.float().mean().item()
    # 2000 labels: five standard deviations, none where nothing is left to chance.
    assert share == pytest.approx(dropout, abs=5 * (dropout * (1 - dropout) / 2000) ** 0.5)
    assert {0, 1, 2, 3, 4} == set(true[dropped].tolist()) or dropout == 0


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_either_orientation_is_shown_as_often_as_configured(
    probability, make_config, class_indices, observe
):
    config = make_config(batch_size=40, flip_probability=probability)
    straight, mirrored = torch.zeros(40, 3, 4, 4), torch.full((40, 3, 4, 4), 1000.0)
    model = build_denoiser(config, (3, 4, 4), NULL)
    asked = observe(model)
    loss_of = denoiser_loss(straight, class_indices, config, NULL, mirrored)
    with torch.no_grad():
        for step in range(50):
            loss_of(model, batch_at(step, 40, config))
    signal = linear_alphas_cumprod()
    shares = [
        (noisy / signal[kwargs["timestep"]].sqrt().view(-1, 1, 1, 1)).mean((1, 2, 3)) > 500
        for noisy, kwargs in asked
    ]
    # 2000 latents: five standard deviations, none where nothing is left to chance.
    deviation = (probability * (1 - probability) / 2000) ** 0.5
    share = torch.cat(shares).float().mean().item()
    assert share == pytest.approx(probability, abs=5 * deviation)


def test_what_is_drawn_besides_does_not_depend_on_mirroring(
    make_config, latents, class_indices, observe
):
    seen = []
    for probability in (0.0, 0.5):
        config = make_config(flip_probability=probability)
        model = build_denoiser(config, (3, 4, 4), NULL)
        asked = observe(model)
        batch = PriorBatch(torch.arange(16), torch.Generator().manual_seed(3))
        with torch.no_grad():
            denoiser_loss(latents, class_indices, config, NULL, latents)(model, batch)
        seen.append((asked[0][0], asked[0][1]["timestep"], asked[0][1]["class_labels"]))
    assert all(torch.equal(a, b) for a, b in zip(*seen, strict=True))


def test_mirroring_needs_latents_of_the_mirrored_images(make_config, latents, class_indices):
    config = make_config(flip_probability=0.5)
    with pytest.raises(ValueError, match=r"mirrored: expected .* \(40, 3, 4, 4\).* got None"):
        denoiser_loss(latents, class_indices, config, NULL)
    with pytest.raises(ValueError, match=r"got \(39, 3, 4, 4\); encode both orientations"):
        denoiser_loss(latents, class_indices, config, NULL, latents[1:])


@pytest.mark.parametrize("probability", [0.0, 0.5])
def test_a_loss_reads_no_value_back_from_the_device(
    probability, make_config, latents, class_indices
):
    config = make_config(flip_probability=probability)
    model = build_denoiser(config, (3, 4, 4), NULL).to("meta")
    there = latents.to("meta")
    loss_of = denoiser_loss(there, class_indices, config, NULL, there)
    loss = loss_of(model, PriorBatch(torch.arange(4, device="meta"), torch.Generator()))
    assert loss.is_meta
    loss.backward()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_an_update_does_not_wait_for_a_graphics_card(make_config, latents, class_indices, tmp_path):
    config = make_config(steps=200, flip_probability=0.5, precision="bf16", warmup_steps=0)
    where = torch.device("cuda")
    there = latents.to(where)
    loss_of = denoiser_loss(there, class_indices, config, NULL, there)
    calls = []

    def watched(model, batch):
        calls.append(batch)
        # Reports are after every second update: none between the 11th and the 12th.
        torch.cuda.set_sync_debug_mode("error" if len(calls) == 11 else "default")
        return loss_of(model, batch)

    try:
        train(
            build_denoiser(config, (3, 4, 4), NULL),
            watched,
            40,
            config,
            checkpoint=tmp_path / "c",
            identity="",
            device=where,
            draw_on=where,
        )
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(calls) == 200


def test_no_block_drops_a_label_on_its_own(make_config, latents, class_indices, observe, tmp_path):
    config = make_config(steps=8, class_dropout=0.0, layers=3)
    model = build_denoiser(config, (3, 4, 4), NULL)
    tables = [block.norm1.emb.class_embedder.embedding_table for block in model.transformer_blocks]
    asked = [observe(table) for table in tables]
    loss_of = denoiser_loss(latents, class_indices, config, NULL)
    train(model, loss_of, 40, config, checkpoint=tmp_path / "c", identity="", device=CPU)
    expected = [class_indices[batch_at(step, 40, config).indices] for step in range(8)]
    # The output layer asks the first block's table once more.
    for of_block, times in zip(asked, (2, 1, 1), strict=True):
        labels = torch.stack([labels for labels, _ in of_block]).reshape(8, times, -1)
        assert torch.equal(labels, torch.stack(expected)[:, None].expand(-1, times, -1))


def test_a_loss_is_a_function_of_its_batch(make_config, latents, class_indices):
    config = make_config()
    model = build_denoiser(config, (3, 4, 4), NULL)
    loss_of = denoiser_loss(latents, class_indices, config, NULL)

    def loss(seed):
        batch = PriorBatch(torch.arange(16), torch.Generator().manual_seed(seed))
        with torch.no_grad():
            return loss_of(model, batch).item()

    first = loss(0)
    torch.manual_seed(17)
    assert loss(0) == first
    assert loss(1) != first


def test_a_short_training_learns_to_tell_noise_from_latents(make_config, class_indices, tmp_path):
    # Latents of a class are all the same, so that noise can be read off.
    latents = torch.randn(NULL, 3, 4, 4)[class_indices]
    config = make_config(steps=150)
    trained = train(
        build_denoiser(config, (3, 4, 4), NULL),
        denoiser_loss(latents, class_indices, config, NULL),
        40,
        config,
        checkpoint=tmp_path / "c",
        identity="",
        device=CPU,
    )
    losses = [row["loss"] for row in trained.curve]
    # A model that predicts nothing has the variance of the noise as its loss.
    assert losses[0] == pytest.approx(1, abs=0.1)
    assert sum(losses[-10:]) / 10 < 0.6


def test_a_training_resumes_bit_for_bit(make_config, latents, class_indices, tmp_path):
    config = make_config(steps=8)
    loss_of = denoiser_loss(latents, class_indices, config, NULL)
    calls = []

    def interrupted(model, batch):
        calls.append(batch)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return loss_of(model, batch)

    def start(loss, file):
        return train(
            build_denoiser(config, (3, 4, 4), NULL),
            loss,
            40,
            config,
            checkpoint=tmp_path / file,
            identity="",
            device=CPU,
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
        ("layers", 0),
        ("heads", 0),
        ("head_dim", "8"),
        ("patch_size", 0),
        ("class_dropout", 1.1),
        ("class_dropout", -0.1),
        ("snr_gamma", 0.0),
        ("snr_gamma", "five"),
        ("snr_floor", 0.0),
        ("log_sigma_mean", 0.0),
        ("log_sigma_std", 1.0),
        ("log_sigma_std", 0.0),
        ("batch_size", 0),
    ],
)
def test_a_setting_that_does_not_fit_is_named(field, value, make_config):
    with pytest.raises(ValueError, match=field):
        make_config(**{field: value})


def test_the_floor_of_what_errors_count_for_is_below_its_cap(make_config):
    with pytest.raises(ValueError, match=r"snr_floor: expected .* 5"):
        make_config(snr_gamma=5.0, snr_floor=6.0)


def test_a_patch_that_does_not_tile_the_latent_is_refused(make_config):
    with pytest.raises(ValueError, match="patch_size: expected a divisor of 4, got 3"):
        build_denoiser(make_config(patch_size=3), (3, 4, 4), NULL)
