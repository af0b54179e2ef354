import pytest
import torch

from mgd3_kedro.evaluation.train import train_network


@pytest.fixture
def train(make_config, make_data):
    """Train the smallest network on a few images."""
    images, labels = make_data(4)
    test_images, test_labels = make_data(7, seed=1)

    def run(seed=0, progress=None, network="convnet1", ipc=4, **changes):
        return train_network(
            images,
            labels,
            test_images,
            test_labels,
            network=network,
            num_classes=3,
            ipc=ipc,
            config=make_config(**changes),
            seed=seed,
            progress=progress,
        )

    return run


def same(a, b):
    return a.curve == b.curve and torch.equal(a.confusion, b.confusion)


def test_a_network_learns_to_tell_separable_classes_apart(make_config, make_data):
    images, labels = make_data(10)
    test_images, test_labels = make_data(40, seed=1)
    result = train_network(
        images,
        labels,
        test_images,
        test_labels,
        network="convnet2",
        num_classes=3,
        ipc=10,
        config=make_config(presets={"test": 0.02}, learning_rate=0.02, validations=4),
        seed=0,
    )
    assert result.top1_last > 95
    assert result.curve[-1]["train_loss"] < 0.9 * result.curve[0]["train_loss"]


def test_the_same_seed_gives_the_same_result_whatever_the_global_generator(train):
    torch.manual_seed(1)
    first = train(seed=5)
    torch.manual_seed(2)
    torch.rand(17)
    assert same(first, train(seed=5))


def test_a_training_leaves_the_global_generator_where_it_was(train):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    train()
    assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_gives_another_training(train):
    assert not same(train(seed=0), train(seed=1))


def test_a_training_reports_its_length_accuracy_and_confusion(train):
    result = train(batch_size=5)
    assert result.epochs == 4
    assert result.steps == 4 * 3
    assert result.parameters == 3 * 128 * 9 + 128 + 256 + 8 * 8 * 128 * 3 + 3
    assert result.seconds > 0
    assert [row["epoch"] for row in result.curve] == [1, 2, 3, 4]
    assert [row["step"] for row in result.curve] == [3, 6, 9, 12]
    assert list(result.curve[0]) == ["epoch", "step", "train_loss", "learning_rate", "top1"]
    assert [row["learning_rate"] for row in result.curve] == pytest.approx(
        [0.01, 0.01, 0.002, 0.0004]
    )
    assert result.confusion.dtype == torch.int64
    assert result.confusion.sum(1).tolist() == [7, 7, 7]
    assert result.top1_last == pytest.approx(100 * result.confusion.trace().item() / 21)
    assert result.top1_last == result.curve[-1]["top1"]
    assert result.top1_best == max(row["top1"] for row in result.curve)


def test_the_best_accuracy_may_be_that_of_an_earlier_epoch(train):
    results = [train(seed=seed, batch_size=5, learning_rate=0.2) for seed in range(3)]
    for result in results:
        assert result.top1_best == max(row["top1"] for row in result.curve)
    assert any(result.top1_best > result.top1_last for result in results)


@pytest.mark.parametrize(
    ("validations", "expected"),
    [(100, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7]), (2, [4, 7]), (1, [7])],
)
def test_validations_are_spread_over_the_training_and_include_its_end(train, validations, expected):
    result = train(presets={"test": 7 / 2000}, validations=validations)
    assert [row["epoch"] for row in result.curve] == expected


def test_validating_more_often_does_not_change_the_training(train):
    rarely, often = train(validations=1), train(validations=100)
    assert torch.equal(rarely.confusion, often.confusion)
    assert rarely.curve[-1]["train_loss"] == pytest.approx(
        sum(row["train_loss"] for row in often.curve) / len(often.curve)
    )


def test_progress_hears_of_every_row(train):
    heard = []
    result = train(progress=lambda epoch, epochs, row: heard.append((epoch, epochs, row)))
    assert heard == [(row["epoch"], 4, row) for row in result.curve]


def test_bf16_trains_nearly_as_fp32_does(train):
    exact, rounded = train(), train(precision="bf16")
    assert rounded.curve != exact.curve
    assert rounded.curve[0]["train_loss"] == pytest.approx(exact.curve[0]["train_loss"], rel=0.02)


@pytest.mark.parametrize(
    "change",
    [
        {"cutmix": False},
        {"flip_probability": 0.0},
        {"crop_min_scale": 1.0},
        {"jitter_strength": 0.0},
        {"lighting_std": 0.0},
        {"learning_rate": 0.02},
        {"momentum": 0.0},
        {"weight_decay": 0.1},
        {"batch_size": 3},
        {"presets": {"test": 0.003}},
    ],
)
def test_every_setting_of_the_config_reaches_the_training(train, change):
    assert not same(train(), train(**change))


def test_a_loss_that_is_not_finite_stops_the_training_with_advice(train):
    with pytest.raises(
        FloatingPointError, match=r"convnet1: expected a finite loss, got nan by epoch .*lower"
    ):
        train(learning_rate=1e30)


def test_images_that_are_not_square_bytes_are_refused(train, make_config, make_data):
    images, labels = make_data(2)
    settings = {
        "network": "convnet1",
        "num_classes": 3,
        "ipc": 2,
        "config": make_config(),
        "seed": 0,
    }
    cases = [
        ((images.float(), labels, images, labels), "images: expected uint8"),
        ((images[:, :1], labels, images, labels), "images: expected uint8 of shape"),
        ((images[..., 2:], labels, images, labels), "images: expected uint8 of shape"),
        ((images, labels[1:], images, labels), "images: expected at least one"),
        ((images, labels.int(), images, labels), "images: expected at least one"),
        ((images, labels, images[:0], labels[:0]), "test_images: expected at least one"),
        ((images, labels + 1, images, labels), r"images: expected labels in 0\.\.2, got 1\.\.3"),
        ((images, labels, images, labels - 1), r"test_images: expected labels in 0\.\.2"),
        ((images, labels, images[..., 4:, 4:], labels), "test_images: expected the size"),
    ]
    for data, message in cases:
        with pytest.raises(ValueError, match=message):
            train_network(*data, **settings)


def test_an_unknown_network_or_an_impossible_seed_is_refused(train):
    with pytest.raises(ValueError, match="unknown network 'lenet'"):
        train(network="lenet")
    with pytest.raises(ValueError, match="seed"):
        train(seed=-1)
