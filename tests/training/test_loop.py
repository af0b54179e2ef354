import copy
import math

import pytest
import torch
from torch import nn

from mgd3_kedro.training.batches import batch_at
from mgd3_kedro.training.loop import train
from mgd3_kedro.training.settings import LoopConfig

CPU = torch.device("cpu")
SAMPLES = 10


class StoppedError(Exception):
    """Stands for whatever ends a process."""


SETTINGS = {
    "steps": 101,
    "batch_size": 4,
    "flip_probability": 0.0,
    "learning_rate": 0.02,
    "warmup_steps": 4,
    "weight_decay": 0.01,
    "ema_decay": 0.9,
    "precision": "fp32",
    "compile": False,
    "seed": 0,
}


def train_small(checkpoint, config, *, identity="same", stop_at=None, watch=None, **how):
    """Train a small model on a noisy task; `stop_at` ends it within that update."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(SAMPLES, 3, generator=generator)
    targets = torch.randn(SAMPLES, 2, generator=generator)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    calls = []

    def loss_of(model, batch):
        calls.append(batch.indices.tolist())
        if stop_at is not None and len(calls) > stop_at:
            raise StoppedError
        noise = torch.randn(len(batch.indices), 3, generator=batch.generator)
        predicted = model(inputs[batch.indices] + 0.1 * noise)
        loss = (predicted.float() - targets[batch.indices]).square().mean()
        if watch is not None:
            watch(len(calls), loss)
        return loss

    trained = train(
        model,
        loss_of,
        SAMPLES,
        config,
        checkpoint=checkpoint,
        identity=identity,
        device=CPU,
        **how,
    )
    return trained, calls


@pytest.fixture
def make_loop():
    """Return the settings of a training with some changed."""
    return lambda **changes: LoopConfig(**(SETTINGS | changes))


@pytest.fixture
def run(tmp_path):
    """Train with a checkpoint in a folder that does not exist yet."""

    def start(config, *, file="run.ckpt", **how):
        return train_small(tmp_path / "deep" / file, config, **how)

    return start


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a training that nothing has interrupted, and its batches."""
    folder = tmp_path_factory.mktemp("whole")
    return train_small(folder / "run.ckpt", LoopConfig(**SETTINGS))


def assert_same(first, second):
    assert first.curve == second.curve
    weights = second.model.state_dict()
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, weights[name]), name


# Reports are two updates apart, so that these end before, at and after a checkpoint.
@pytest.mark.parametrize("stop_at", [0, 1, 2, 3, 50, 100])
def test_an_interrupted_training_ends_as_if_it_had_not_been(stop_at, run, make_loop, whole):
    with pytest.raises(StoppedError):
        run(make_loop(), stop_at=stop_at)
    resumed, calls = run(make_loop())
    assert len(calls) == 101 - stop_at // 2 * 2
    assert calls == whole[1][-len(calls) :]
    assert_same(resumed, whole[0])


def test_a_training_may_be_interrupted_many_times(run, make_loop, whole):
    for _ in range(4):
        with pytest.raises(StoppedError):
            run(make_loop(), stop_at=21)
    resumed, calls = run(make_loop())
    assert len(calls) == 101 - 4 * 20
    assert_same(resumed, whole[0])
    assert 0 < resumed.seconds_before < resumed.seconds
    assert whole[0].seconds_before == 0


def test_a_finished_training_is_not_repeated(run, make_loop):
    first, _ = run(make_loop())
    again, calls = run(make_loop())
    assert calls == []
    assert_same(again, first)
    assert again.seconds == first.seconds
    assert not again.model.training


def test_a_checkpoint_of_another_identity_is_trained_anew(run, make_loop, whole, caplog):
    with pytest.raises(StoppedError):
        run(make_loop(learning_rate=0.5), stop_at=20, identity="other")
    with caplog.at_level("WARNING"):
        anew, calls = run(make_loop())
    assert "run.ckpt belongs to other code, configuration or data: training starts" in caplog.text
    assert len(calls) == 101
    assert_same(anew, whole[0])


def test_a_damaged_checkpoint_costs_the_updates_since_the_one_before(
    run, make_loop, whole, tmp_path, caplog
):
    with pytest.raises(StoppedError):
        run(make_loop(), stop_at=10)
    path = tmp_path / "deep" / "run.ckpt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with caplog.at_level("WARNING"):
        resumed, calls = run(make_loop())
    assert "run.ckpt is damaged" in caplog.text
    assert len(calls) == 101 - 8
    assert_same(resumed, whole[0])


def test_checkpoints_are_no_closer_than_asked_and_the_end_is_always_kept(
    run, make_loop, whole, tmp_path
):
    with pytest.raises(StoppedError):
        run(make_loop(), stop_at=100, seconds_between=3600.0)
    assert not (tmp_path / "deep").exists()
    first, calls = run(make_loop(), seconds_between=3600.0)
    assert len(calls) == 101
    assert_same(first, whole[0])
    again, calls = run(make_loop(), seconds_between=3600.0)
    assert calls == []
    assert_same(again, whole[0])


def test_flags_of_the_process_are_as_configured_while_it_trains_and_then_as_before(
    run, make_loop, tf32_flags
):
    cudnn, seen = torch.backends.cudnn, []
    before = (*tf32_flags(), cudnn.benchmark)
    for precision in ("fp32", "tf32", "bf16"):
        config = make_loop(steps=1, warmup_steps=0, precision=precision)
        look = lambda call, loss: seen.append((*tf32_flags(), cudnn.benchmark))  # noqa: E731
        run(config, file=precision, watch=look)
        assert (*tf32_flags(), cudnn.benchmark) == before
    assert seen == [(allowed, allowed, True) for allowed in (False, True, False)]


@pytest.mark.slow
def test_a_compiled_model_trains_nearly_as_it_does_uncompiled(run, make_loop):
    exact, _ = run(make_loop(steps=20))
    compiled, _ = run(make_loop(steps=20, compile=True), file="compiled.ckpt")
    losses = [[row["loss"] for row in each.curve] for each in (compiled, exact)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    names = [list(each.model.state_dict()) for each in (compiled, exact)]
    assert names[0] == names[1]


@pytest.mark.parametrize("scale", [30, 2])
def test_the_loop_is_adam_with_clipped_gradients_and_a_growing_average_written_out(
    scale, make_loop, tmp_path
):
    config = make_loop(steps=30, ema_decay=0.7, warmup_steps=3)
    torch.manual_seed(3)
    model = nn.Linear(3, 2)
    reference = copy.deepcopy(model)
    average = copy.deepcopy(model)
    inputs, targets = scale * torch.randn(SAMPLES, 3), torch.randn(SAMPLES, 2)

    def loss_of(model, batch):
        return (model(inputs[batch.indices]) - targets[batch.indices]).square().mean()

    trained = train(
        model, loss_of, SAMPLES, config, checkpoint=tmp_path / "c", identity="", device=CPU
    )
    optimizer = torch.optim.AdamW(reference.parameters(), lr=1.0, weight_decay=0.01)
    losses, norms = [], []
    for step in range(30):
        if step < 3:
            rate = 0.02 * (step + 1) / 3
        else:
            rate = 0.01 * (1 + math.cos(math.pi * (step - 3) / 27))
        optimizer.param_groups[0]["lr"] = rate
        loss = loss_of(reference, batch_at(step, SAMPLES, config))
        optimizer.zero_grad()
        loss.backward()
        norm = torch.stack([each.grad.square().sum() for each in reference.parameters()]).sum()
        for each in reference.parameters():
            each.grad.mul_(1 / max(1.0, norm.sqrt().item()))
        optimizer.step()
        decay = min(0.7, (1 + step) / (10 + step))
        with torch.no_grad():
            for kept, each in zip(average.parameters(), reference.parameters(), strict=True):
                kept.copy_(decay * kept + (1 - decay) * each)
        losses.append(loss.item())
        norms.append(norm.sqrt().item())
    assert max(norms) > 1
    assert [row["loss"] for row in trained.curve] == pytest.approx(losses, rel=1e-4)
    for kept, expected in zip(trained.model.parameters(), average.parameters(), strict=True):
        assert torch.allclose(kept, expected, rtol=1e-4, atol=1e-5)
        assert not kept.requires_grad
    assert not torch.allclose(trained.model.weight, reference.weight, atol=1e-4)


def test_weights_are_averaged_and_buffers_are_the_current_ones(run, make_loop):
    current, _ = run(make_loop(steps=4, ema_decay=0.0))
    slow, _ = run(make_loop(steps=4, ema_decay=1.0), file="slow.ckpt")
    weights, averaged = current.model.state_dict(), slow.model.state_dict()
    assert averaged["1.num_batches_tracked"] == 4
    assert torch.equal(averaged["1.running_mean"], weights["1.running_mean"])
    assert not torch.equal(averaged["0.weight"], weights["0.weight"])


def test_the_curve_has_at_most_a_hundred_rows_of_mean_losses(run, make_loop):
    losses = []
    trained, _ = run(make_loop(), watch=lambda call, loss: losses.append(loss.item()))
    assert [row["step"] for row in trained.curve] == [*range(2, 101, 2), 101]
    assert trained.curve[0]["loss"] == pytest.approx(sum(losses[:2]) / 2)
    assert trained.curve[10]["loss"] == pytest.approx(sum(losses[20:22]) / 2)
    assert trained.curve[-1]["loss"] == pytest.approx(losses[-1])
    assert trained.step == 101
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


def test_the_rate_rises_to_its_peak_and_falls_to_nearly_zero(make_loop):
    config = make_loop(steps=100, warmup_steps=10, learning_rate=0.4)
    rates = [config.learning_rate_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.04)
    assert rates[9] == rates[10] == pytest.approx(0.4)
    assert rates[55] == pytest.approx(0.2)
    assert rates[99] == pytest.approx(0.2 * (1 + math.cos(math.pi * 89 / 90)))
    assert 0 < rates[99] < 2e-4
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_corner_cases_of_the_rate(make_loop):
    assert make_loop(steps=10, warmup_steps=0).learning_rate_at(0) == 0.02
    assert make_loop(steps=1, warmup_steps=0).learning_rate_at(0) == 0.02
    assert make_loop(steps=1, warmup_steps=1).learning_rate_at(0) == 0.02


def test_warm_up_is_a_tenth_of_a_training_at_most(make_loop):
    short = make_loop(steps=40, warmup_steps=500)
    assert [short.learning_rate_at(step) for step in (0, 3)] == [0.005, 0.02]
    fitting = make_loop(steps=40, warmup_steps=4)
    rates = [one.learning_rate_at(step) for one in (short, fitting) for step in range(40)]
    assert rates[:40] == rates[40:]
    assert min(rates) > 0


@pytest.mark.parametrize(("samples", "size"), [(12, 4), (10, 4), (5, 5), (3, 8), (1, 1), (7, 1)])
def test_every_epoch_is_a_permutation_less_an_incomplete_batch(samples, size, make_loop):
    config = make_loop(batch_size=size)
    per_epoch = samples // min(size, samples)
    orders = []
    for epoch in range(6):
        steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        rows = torch.cat([batch_at(step, samples, config).indices for step in steps]).tolist()
        assert len(rows) == len(set(rows)) == per_epoch * min(size, samples)
        assert set(rows) <= set(range(samples))
        orders.append(tuple(rows))
    assert samples == 1 or len(set(orders)) > 1


def test_over_epochs_every_sample_is_seen_about_as_often(make_loop):
    config = make_loop()
    rows = torch.cat([batch_at(step, 10, config).indices for step in range(1000)])
    counts = torch.bincount(rows, minlength=10)
    # 400 expected, with a standard deviation of 9.
    assert counts.min() > 360
    assert counts.max() < 440


def test_a_batch_is_a_function_of_seed_and_step(make_loop):
    def batch(step, seed):
        found = batch_at(step, 1000, make_loop(batch_size=16, seed=seed))
        return (*found.indices.tolist(), *torch.randn(4, generator=found.generator).tolist())

    torch.manual_seed(5)
    first = batch(70, 3)
    torch.manual_seed(6)
    batch(12, 3)
    assert batch(70, 3) == first
    batches = [batch(step, seed) for step in range(10) for seed in range(10)]
    # Order and noise each follow seed and step on their own.
    assert len({each[:16] for each in batches}) == 100
    assert len({each[16:] for each in batches}) == 100


def test_batches_of_one_training_do_not_disturb_those_of_another(make_loop):
    first, second = make_loop(seed=1), make_loop(seed=2)
    alone = [batch_at(step, 10, first).indices.tolist() for step in range(6)]
    mixed = []
    for step in range(6):
        batch_at(step, 10, second)
        batch_at(step, 12, first)
        mixed.append(batch_at(step, 10, first).indices.tolist())
    assert mixed == alone


def test_another_seed_gives_another_training(run, make_loop):
    first, _ = run(make_loop(steps=20))
    second, _ = run(make_loop(steps=20, seed=1), file="second.ckpt")
    assert first.curve != second.curve


def test_the_global_generator_is_neither_used_nor_moved_by_the_loop(make_loop, tmp_path):
    def start(file):
        model = nn.Linear(3, 2)
        nn.init.ones_(model.weight)
        nn.init.ones_(model.bias)
        state = torch.get_rng_state()

        def loss_of(model, batch):
            return model(torch.randn(4, 3, generator=batch.generator)).square().mean()

        config = make_loop(steps=20)
        path = tmp_path / file
        trained = train(model, loss_of, SAMPLES, config, checkpoint=path, identity="", device=CPU)
        assert torch.equal(torch.get_rng_state(), state)
        return trained

    first = start("a")
    torch.rand(17)
    assert_same(start("b"), first)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_training_with_advice(value, run, make_loop):
    def spoil(call, loss):
        if call == 8:
            loss.data.fill_(value)

    with pytest.raises(
        FloatingPointError,
        match=r"expected a finite loss, got (nan|inf) by step 8 of 101; lower .*\(0.02\)",
    ):
        run(make_loop(), watch=spoil)
    # The spoilt update is not what a second attempt starts from.
    _, calls = run(make_loop())
    assert len(calls) == 101 - 6


def test_reduced_precision_trains_nearly_as_full_precision_does(run, make_loop):
    exact, _ = run(make_loop())
    rounded, _ = run(make_loop(precision="bf16"), file="bf16.ckpt")
    assert rounded.curve != exact.curve
    assert rounded.curve[0]["loss"] == pytest.approx(exact.curve[0]["loss"], rel=0.05)
    assert all(tensor.dtype != torch.bfloat16 for tensor in rounded.model.state_dict().values())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("batch_size", 0),
        ("flip_probability", 1.5),
        ("flip_probability", -0.1),
        ("learning_rate", 0),
        ("learning_rate", math.nan),
        ("warmup_steps", -1),
        ("weight_decay", -1e-9),
        ("ema_decay", 1.01),
        ("ema_decay", -0.1),
        ("precision", "fp16"),
        ("compile", "yes"),
        ("seed", -1),
    ],
)
def test_a_setting_no_training_can_run_with_is_named(field, value, make_loop):
    with pytest.raises(ValueError, match=field):
        make_loop(**{field: value})
