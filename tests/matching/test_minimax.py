import copy
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_dit import CLASSES, SHAPE, make_dit

from mgd3_kedro.backbones.schedule import TrainedSchedule
from mgd3_kedro.matching.adaptation import Adaptation
from mgd3_kedro.matching.memories import ClassMemories
from mgd3_kedro.matching.minimax import fine_tune
from mgd3_kedro.matching.minimax_loss import MinimaxModules, minimax_loss
from mgd3_kedro.matching.minimax_settings import MinimaxConfig
from mgd3_kedro.matching.variational import VariationalBound
from mgd3_kedro.training.denoiser import DenoiserConfig, denoiser_loss
from mgd3_kedro.training.loop import batch_at

CPU = torch.device("cpu")
SCHEDULE = TrainedSchedule()
CONFIG = MinimaxConfig(
    representativeness_weight=0.002,
    diversity_weight=0.008,
    memory_size=4,
    classes_at_once=20,
    scaled_blocks=1,
    class_dropout=0.1,
    epochs=3,
    batch_size=4,
    learning_rate=1e-2,
    weight_decay=0.0,
    ema_decay=0.0,
    precision="fp32",
    seed=0,
)
PUBLISHED = replace(
    CONFIG, memory_size=64, scaled_blocks=14, epochs=8, batch_size=8, learning_rate=1e-3
)


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture
def latents():
    return torch.randn(13, *SHAPE)


@pytest.fixture
def class_indices():
    return torch.tensor([1, 3, 4])[torch.arange(13) % 3]


@pytest.fixture
def tune(latents, class_indices, tmp_path):
    """Fine-tune a transformer on the latents, with a checkpoint of its own unless it is named."""
    started = []

    def start(transformer, config=CONFIG, *, file=None, data=latents, labels=class_indices):
        started.append(config)
        file = file or f"{len(started)}.ckpt"
        checkpoint = tmp_path / file
        return fine_tune(
            transformer,
            SCHEDULE,
            data,
            labels,
            config,
            checkpoint=checkpoint,
            identity="same",
            device=CPU,
        )

    return start


def weights_of(trained):
    return {name: each.clone() for name, each in trained.model.state_dict().items()}


def changed(before, after):
    assert list(before) == list(after)
    return {name for name in before if not torch.equal(before[name], after[name])}


def assert_same(first, second):
    assert changed(weights_of(first), weights_of(second)) == set()


@pytest.mark.parametrize("scaled_blocks", [0, 1])
@pytest.mark.parametrize("shared", [True, False])
def test_exactly_the_published_kinds_of_weights_change(scaled_blocks, shared, tune):
    transformer = make_dit(shared=shared, norm_elementwise_affine=True)
    trained = tune(transformer, replace(CONFIG, scaled_blocks=scaled_blocks, class_dropout=0.0))
    moved = changed(transformer.state_dict(), weights_of(trained))
    kinds = r"\.bias$|\.norm3\.weight$|class_embedder\.embedding_table\.weight$"
    scaled = r"blocks\.0\.(attn1\.(to_[qkv]|to_out\.0)|norm1\.linear)\.weight$"
    allowed = kinds if scaled_blocks == 0 else f"{kinds}|{scaled}"
    expected = {name for name in transformer.state_dict() if re.search(allowed, name)}
    assert moved <= expected
    # A shift of all keys leaves attention as it is.
    assert {name for name in expected - moved if not name.endswith("to_k.bias")} == set()
    assert type(trained.model) is type(transformer)
    assert not trained.model.training


def test_scaled_layers_differ_by_a_factor_per_row_and_modulations_but_for_gates_do_not(tune):
    transformer = make_dit()
    before, after = transformer.state_dict(), weights_of(tune(transformer))
    block = "transformer_blocks.0."
    for layer in ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "norm1.linear"):
        ratios = after[f"{block}{layer}.weight"] / before[f"{block}{layer}.weight"]
        assert torch.allclose(ratios, ratios[:, :1].expand_as(ratios), rtol=1e-3)
        assert len(ratios[:, 0].unique()) > 10
    name = f"{block}norm1.linear.weight"
    still = (before[name] == after[name]).all(1).view(6, 16)
    assert still.all(1).tolist() == [True, True, False, True, True, False]


def test_classes_that_are_not_shown_keep_their_embedding(tune):
    transformer = make_dit()
    name = "transformer_blocks.1.norm1.emb.class_embedder.embedding_table.weight"
    after = weights_of(tune(transformer, replace(CONFIG, class_dropout=0.0)))[name]
    before = transformer.state_dict()[name]
    assert (before != after).any(1).tolist() == [False, True, False, True, True, False]
    after = weights_of(tune(transformer, replace(CONFIG, class_dropout=1.0)))[name]
    assert (before != after).any(1).tolist() == [False] * CLASSES + [True]


def test_the_transformer_given_is_left_as_it_was(tune):
    transformer = make_dit().half()
    before = {name: each.clone() for name, each in transformer.state_dict().items()}
    trained = tune(transformer)
    assert changed(before, transformer.state_dict()) == set()
    assert all(each.requires_grad for each in transformer.parameters())
    assert all(each.dtype == torch.float32 for each in trained.model.parameters())
    # What is not trained is what it was, in more digits.
    name = "transformer_blocks.1.attn1.to_q.weight"
    assert torch.equal(trained.model.state_dict()[name], before[name].float())


def start(transformer, config, latents, class_indices):
    """Return a fine-tuning that has not begun and its loss."""
    transformer.requires_grad_(False)
    memories = ClassMemories(len(class_indices.unique()), config.memory_size, SHAPE)
    state = MinimaxModules(Adaptation(transformer, config.scaled_blocks), memories)
    return state, minimax_loss(transformer, SCHEDULE, latents, class_indices, config)


@pytest.fixture
def watch():
    """Record what a transformer is asked and what it answers; gradients of that are kept."""
    handles = []

    def begin(transformer):
        seen = []

        def note(module, args, kwargs, output):
            if output.sample.requires_grad:
                output.sample.retain_grad()
            seen.append((args[0], kwargs["timestep"], kwargs["class_labels"], output.sample))

        handles.append(transformer.register_forward_hook(note, with_kwargs=True))
        return seen

    yield begin
    for handle in handles:
        handle.remove()


def test_without_weights_it_is_the_ordinary_loss(latents, class_indices):
    transformer = make_dit()
    config = replace(CONFIG, representativeness_weight=0.0, diversity_weight=0.0)
    state, loss_of = start(transformer, config, latents, class_indices)
    loop = config.loop(13)
    ordinary = DenoiserConfig(
        **{field: getattr(loop, field) for field in loop.__dataclass_fields__},
        layers=2,
        heads=2,
        head_dim=8,
        patch_size=2,
        class_dropout=0.1,
        prediction_type="epsilon",
        snr_gamma=None,
        snr_floor=None,
        log_sigma_mean=None,
        log_sigma_std=None,
    )
    expected = denoiser_loss(latents, class_indices, ordinary, CLASSES)
    for step in range(6):
        batch, again = (batch_at(step, 13, loop) for _ in range(2))
        assert loss_of(state, batch).item() == pytest.approx(
            expected(transformer, again).item(), rel=1e-6
        )


def noise_of(noisy, timesteps, clean):
    shares = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))[timesteps.numpy()]
    shares = torch.from_numpy(shares).view(-1, 1, 1, 1)
    return ((noisy - shares.sqrt() * clean) / (1 - shares).sqrt()).float(), shares


@pytest.mark.parametrize("learned", [True, False])
def test_the_criteria_compare_predictions_with_earlier_batches(
    learned, latents, class_indices, watch
):
    transformer = make_dit(learned=learned)
    config = replace(CONFIG, representativeness_weight=3.0, diversity_weight=5.0)
    state, loss_of = start(transformer, config, latents, class_indices)
    plain, plain_loss = start(
        copy.deepcopy(transformer),
        replace(CONFIG, representativeness_weight=0.0, diversity_weight=0.0),
        latents,
        class_indices,
    )
    seen, real, predicted = watch(transformer), {}, {}
    for step in range(9):
        batch, again = (batch_at(step, 13, config.loop(13)) for _ in range(2))
        difference = loss_of(state, batch).item() - plain_loss(plain, again).item()
        noisy, timesteps, _, output = seen.pop()
        _, shares = noise_of(noisy, timesteps, latents[batch.indices])
        noise_pred = output[:, : SHAPE[0]].detach()
        clean_pred = ((noisy - (1 - shares).sqrt() * noise_pred) / shares.sqrt()).numpy()
        labels = class_indices[batch.indices].numpy()
        terms = []
        for label in set(labels.tolist()):
            own = clean_pred[labels == label].reshape(-1, math.prod(SHAPE))
            own = own / np.sqrt((own**2).sum(1, keepdims=True))
            clean = latents[batch.indices][torch.from_numpy(labels == label)].numpy()
            clean = clean.reshape(own.shape) / np.sqrt((clean**2).sum((1, 2, 3)))[:, None]
            before, earlier = real.get(label, []), predicted.get(label, [])
            if before:
                far, near = own @ np.stack(before).T, own @ np.stack(earlier).T
                terms.append(3 * (1 - far.min()) + 5 * near.max())
            real[label] = [*before, *clean][-4:]
            predicted[label] = [*earlier, *own][-4:]
        expected = sum(terms) / len(set(labels.tolist()))
        assert difference == pytest.approx(expected, abs=2e-4)
    assert max(map(len, real.values())) == 4


def test_the_bound_is_added_where_variances_are_predicted_and_moves_only_them(
    latents, class_indices, watch
):
    transformer = make_dit(learned=True)
    config = replace(CONFIG, representativeness_weight=0.0, diversity_weight=0.0)
    state, loss_of = start(transformer, config, latents, class_indices)
    seen = watch(transformer)
    batch = batch_at(0, 13, config.loop(13))
    loss = loss_of(state, batch)
    loss.backward()
    noisy, timesteps, _, output = seen.pop()
    clean = latents[batch.indices]
    noise, shares = noise_of(noisy, timesteps, clean)
    noise_pred, variance_pred = output.detach().chunk(2, dim=1)
    clean_pred = ((noisy - (1 - shares).sqrt() * noise_pred) / shares.sqrt()).float()
    bound = VariationalBound(SCHEDULE.alphas_cumprod())
    bits = bound.bits(timesteps, clean, clean_pred, variance_pred.requires_grad_())
    bits.mean().backward()
    error = (noise_pred - noise).square().mean()
    assert bits.mean() > 0.001
    assert loss.item() == pytest.approx((error + bits.mean()).item(), rel=1e-4)
    of_noise, of_variance = output.grad.chunk(2, dim=1)
    assert torch.allclose(of_noise, 2 * (noise_pred - noise) / noise.numel(), atol=1e-6)
    assert torch.allclose(of_variance, variance_pred.grad, rtol=1e-3, atol=1e-9)
    assert of_variance.abs().max() > 1e-7


def test_what_is_remembered_is_of_the_class_even_where_none_was_shown(latents, class_indices):
    config = replace(CONFIG, class_dropout=1.0, batch_size=13, memory_size=13)
    state, loss_of = start(make_dit(), config, latents, class_indices)
    loss_of(state, batch_at(0, 13, config.loop(13)))
    for slot, label in enumerate((1, 3, 4)):
        held = state.memories.held(slot)[0]
        own = latents[class_indices == label]
        assert sorted(held.flatten(1).sum(1).tolist()) == sorted(own.flatten(1).sum(1).tolist())


def test_labels_are_dropped_as_often_as_configured(latents, class_indices, watch):
    transformer = make_dit()
    config = replace(CONFIG, batch_size=13, class_dropout=0.3)
    state, loss_of = start(transformer, config, latents, class_indices)
    seen = watch(transformer)
    with torch.no_grad():
        for step in range(60):
            loss_of(state, batch_at(step, 13, config.loop(13)))
    labels = torch.cat([labels for _, _, labels, _ in seen])
    # 780 labels: five standard deviations.
    assert (labels == CLASSES).float().mean().item() == pytest.approx(0.3, abs=0.082)
    assert set(labels.tolist()) == {1, 3, 4, CLASSES}


def test_weights_of_the_criteria_matter(tune):
    transformer = make_dit()
    one = tune(transformer, replace(CONFIG, epochs=2))
    for field in ("representativeness_weight", "diversity_weight", "memory_size"):
        other = tune(transformer, replace(CONFIG, epochs=2, **{field: 3}))
        assert changed(weights_of(one), weights_of(other))


def test_the_seed_determines_the_weights(tune):
    transformer = make_dit(learned=True)
    first = tune(transformer)
    torch.rand(17)
    assert_same(tune(transformer), first)
    other = tune(transformer, replace(CONFIG, seed=1))
    assert changed(weights_of(first), weights_of(other))


@pytest.mark.parametrize("stop_at", [0, 5, 8])
def test_an_interrupted_fine_tuning_ends_as_if_it_had_not_been(stop_at, tune):
    config = replace(
        CONFIG, diversity_weight=2.0, representativeness_weight=2.0, ema_decay=0.8, memory_size=2
    )
    whole = tune(make_dit(learned=True), config)
    calls = []

    def stop(module, args):
        calls.append(len(args[0]))
        if len(calls) > stop_at:
            raise StoppedError

    interrupted = make_dit(learned=True)
    handle = interrupted.register_forward_pre_hook(stop)
    with pytest.raises(StoppedError):
        tune(interrupted, config, file="part")
    handle.remove()
    calls.clear()
    interrupted.register_forward_pre_hook(lambda module, args: calls.append(len(args[0])))
    resumed = tune(interrupted, config, file="part")
    assert calls == [4] * (9 - stop_at)
    assert_same(resumed, whole)
    assert resumed.curve == whole.curve
    calls.clear()
    assert_same(tune(interrupted, config, file="part"), whole)
    assert calls == []


def test_the_training_is_adam_and_what_is_kept_the_average_from_the_weights_given_on(
    tune, latents, class_indices
):
    transformer = make_dit(learned=True)
    config = replace(CONFIG, ema_decay=0.75, weight_decay=0.1, diversity_weight=2.0)
    reference = copy.deepcopy(transformer)
    state, loss_of = start(reference, config, latents, class_indices)
    trained = list(state.adaptation.parameters())
    average = [each.detach().clone() for each in trained]
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=0.1)
    for step in range(9):
        optimizer.zero_grad()
        loss_of(state, batch_at(step, 13, config.loop(13))).backward()
        norm = torch.stack([each.grad.square().sum() for each in trained]).sum().sqrt().item()
        for each in trained:
            each.grad.mul_(1 / max(1.0, norm))
        optimizer.step()
        with torch.no_grad():
            for kept, each in zip(average, trained, strict=True):
                kept.mul_(0.75).add_(each, alpha=0.25)
    for one, weights in ((config, average), (replace(config, ema_decay=0.0), trained)):
        with torch.no_grad():
            for each, weight in zip(state.average.parameters(), weights, strict=True):
                each.copy_(weight)
        expected = copy.deepcopy(reference)
        state.average.apply_to(expected)
        for name, found in weights_of(tune(transformer, one)).items():
            # Where a gradient is rounding alone, Adam makes a step of it.
            if not name.endswith("to_k.bias"):
                assert torch.allclose(found, expected.state_dict()[name], atol=1e-4), name


def test_an_average_that_never_moves_is_what_was_given(tune):
    transformer = make_dit()
    kept = weights_of(tune(transformer, replace(CONFIG, ema_decay=1.0)))
    assert changed(kept, transformer.state_dict()) == set()


def test_a_fine_tuning_has_a_constant_rate_and_whole_batches():
    loop = PUBLISHED.loop(13_000)
    assert loop.steps == 13_000
    assert {loop.learning_rate_at(step) for step in (0, 1, 6000, 12_999)} == {1e-3}
    assert loop.weight_decay == 0
    assert CONFIG.loop(13).steps == 9
    assert CONFIG.loop(3).steps == 3


def test_reduced_precision_tunes_nearly_as_full_precision_does(tune):
    exact = tune(make_dit(learned=True))
    rounded = tune(make_dit(learned=True), replace(CONFIG, precision="bf16"))
    assert rounded.curve[0]["loss"] == pytest.approx(exact.curve[0]["loss"], rel=0.03)
    assert rounded.curve != exact.curve
    assert all(each.dtype == torch.float32 for each in rounded.model.parameters())


def mean_cosine(predictions):
    """Return how alike different predictions are on average."""
    rows = predictions.flatten(1)
    rows = rows / rows.norm(dim=1, keepdim=True)
    cosines = rows @ rows.T
    return ((cosines.sum() - cosines.trace()) / (len(rows) * (len(rows) - 1))).item()


def test_the_diversity_weight_sets_predictions_apart_and_the_other_brings_them_together(tune):
    data = 2 * torch.randn(1, *SHAPE) + 0.3 * torch.randn(16, *SHAPE)
    labels = torch.zeros(32, dtype=torch.int64)
    share = SCHEDULE.alphas_cumprod()[300].float()
    noisy = share.sqrt() * data.repeat(2, 1, 1, 1) + (1 - share).sqrt() * torch.randn(32, *SHAPE)

    def likeness(**weights):
        none = {"representativeness_weight": 0.0, "diversity_weight": 0.0}
        length = {"memory_size": 8, "batch_size": 8, "epochs": 8, "learning_rate": 2e-2}
        config = replace(CONFIG, **(none | length | weights))
        model = tune(make_dit(), config, data=data, labels=labels[:16]).model
        with torch.no_grad():
            timesteps = torch.full((32,), 300)
            output = model(noisy, timestep=timesteps, class_labels=labels).sample
        return mean_cosine((noisy - (1 - share).sqrt() * output) / share.sqrt())

    without = likeness()
    assert likeness(diversity_weight=30.0) < without - 0.003
    # The one prediction that is nearest to all real latents is their centre.
    assert likeness(representativeness_weight=30.0) > without + 0.03


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": torch.zeros(13, 4, 4)}, r"latents: expected shape \(N, C, H, W\)"),
        ({"data": torch.full((13, *SHAPE), math.nan)}, "latents: expected finite values"),
        ({"data": torch.zeros(13, 3, 8, 8)}, r"latents: expected shape \(N, 3, 4, 4\)"),
        ({"labels": torch.zeros(12, dtype=torch.int64)}, r"class_indices: .* shape \(13,\)"),
        ({"labels": torch.zeros(13)}, "class_indices: expected int64"),
        ({"labels": torch.arange(13) % 6}, r"class_indices: expected 0\.\.4, got 0\.\.5"),
        ({"labels": torch.arange(13) % 2 - 1}, r"class_indices: expected 0\.\.4, got -1\.\.0"),
    ],
)
def test_what_does_not_fit_the_transformer_is_refused(change, message, tune):
    with pytest.raises(ValueError, match=message):
        tune(make_dit(), **change)


def test_too_many_classes_are_refused(tune):
    with pytest.raises(ValueError, match="at most 2 classes at once, got 3"):
        tune(make_dit(), replace(CONFIG, classes_at_once=2))


def test_a_transformer_that_predicts_anything_but_noise_is_refused(
    latents, class_indices, tmp_path
):
    with pytest.raises(ValueError, match="prediction_type: expected one of epsilon, got 'sample'"):
        fine_tune(
            make_dit(),
            TrainedSchedule(prediction_type="sample"),
            latents,
            class_indices,
            CONFIG,
            checkpoint=tmp_path / "c",
            identity="",
            device=CPU,
        )


def test_a_fine_tuning_that_diverges_is_stopped_with_advice(tune):
    message = r"expected a finite loss, .* lower methods\.NAME\.learning_rate \(1e\+30\)"
    with pytest.raises(FloatingPointError, match=message):
        tune(make_dit(), replace(CONFIG, learning_rate=1e30))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("representativeness_weight", -0.1),
        ("diversity_weight", math.inf),
        ("memory_size", 0),
        ("classes_at_once", 0),
        ("scaled_blocks", -1),
        ("class_dropout", 1.1),
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("weight_decay", -1.0),
        ("ema_decay", 1.1),
        ("precision", "fp16"),
        ("seed", -1),
    ],
)
def test_a_setting_that_does_not_fit_is_named(field, value):
    with pytest.raises(ValueError, match=field):
        replace(CONFIG, **{field: value})
