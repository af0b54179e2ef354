from dataclasses import replace

import pytest
import torch
from torch import nn

from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.networks import NETWORKS, build_network
from mgd3_kedro.matching.idc import decode, match_gradients
from mgd3_kedro.matching.idc_settings import IdcConfig
from mgd3_kedro.matching.learner import NetworkTrainer, augment_in_turn
from mgd3_kedro.matching.pixels import denormalize
from mgd3_kedro.matching.real_batches import LabelledBatches

CONFIG = IdcConfig(
    network="convnet1",
    outer_iterations=2,
    inner_iterations=3,
    factor=1,
    learning_rate=0.05,
    reference_size=8,
    momentum=0.5,
    batch_real=16,
    batch_synthetic=128,
    strategy="color_crop_cutout",
    pretrain_epochs=1,
    network_images=16,
    network_learning_rate=0.01,
    network_momentum=0.9,
    network_weight_decay=5e-4,
    network_cutmix=True,
    device="cpu",
)
STILL = {"pretrain_epochs": 0, "network_images": 0, "outer_iterations": 1}
"""One network that never changes."""


@pytest.fixture
def classes(coloured):
    return [coloured((190.0, 60.0, 60.0), 24, seed=1), coloured((60.0, 60.0, 190.0), 20, seed=2)]


def test_the_loss_falls_while_the_network_is_the_same(classes, seeded):
    config = replace(CONFIG, **STILL, inner_iterations=30, learning_rate=0.02, strategy="flip")
    losses = match_gradients(classes, [1, 1], config, seeded()).losses
    assert losses.shape == (30,)
    assert losses[-5:].mean() < 0.65 * losses[0]


@pytest.mark.parametrize("strategy", ["color", "crop", "cutout", "flip", "color_crop_cutout"])
def test_images_that_are_the_class_match_it_under_every_augmentation(strategy, coloured, seeded):
    few = [coloured((190.0, 60.0, 60.0), 4, seed=1), coloured((60.0, 60.0, 190.0), 4, seed=2)]
    config = replace(CONFIG, **STILL, strategy=strategy, learning_rate=1e-12)
    losses = match_gradients(few, [4, 4], config, seeded()).losses
    others = match_gradients(few, [2, 2], config, seeded()).losses
    assert losses.max() < 1e-3 * others.min()


def test_images_start_as_real_ones_of_their_class(classes, seeded):
    config = replace(CONFIG, learning_rate=1e-12)
    made = match_gradients(classes, [5, 5], config, seeded())
    assert made.images.shape == (10, 3, 8, 8)
    assert made.images.dtype == torch.uint8
    assert made.losses.shape == (6,)
    for images, real in zip(made.images.split(5), classes, strict=True):
        rows = [(real == image).flatten(1).all(1).nonzero().item() for image in images]
        assert len(set(rows)) == 5


def test_classes_may_have_other_numbers_of_images(classes, seeded):
    config = replace(CONFIG, learning_rate=1e-12)
    made = match_gradients(classes, [1, 4], config, seeded())
    for images, real in zip(made.images.split([1, 4]), classes, strict=True):
        assert all((real == image).flatten(1).all(1).any() for image in images)
    alike = match_gradients(classes, [4, 4], config, seeded()).images
    assert torch.equal(made.images[0], alike[0])


def test_pixels_of_a_class_move_at_the_rate_of_its_number_of_images(classes, seeded):
    config = replace(CONFIG, **STILL, inner_iterations=1, learning_rate=0.1, momentum=0.0)
    unlike = match_gradients(classes, [1, 4], config, seeded()).images
    alone = match_gradients(classes, [1, 1], config, seeded()).images
    assert torch.equal(unlike[0], alone[0])


def test_there_is_a_number_for_each_class(classes, seeded):
    with pytest.raises(ValueError, match="counts: expected one for each of 2, got 1"):
        match_gradients(classes, [2], CONFIG, seeded())


def test_mosaics_start_as_every_other_pixel_of_real_images(classes, seeded):
    config = replace(CONFIG, learning_rate=1e-12, factor=2)
    made = match_gradients(classes, [2, 2], config, seeded())
    for images, real in zip(made.images.split(2), classes, strict=True):
        patches = images.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
        small = real[:, :, 0::2, 0::2]
        rows = [(small == patch).flatten(1).all(1).nonzero().item() for patch in patches]
        assert len(set(rows)) == 8


def test_the_generator_decides_everything_and_the_global_one_stays(classes, seeded):
    before = torch.get_rng_state()
    made = match_gradients(classes, [2, 2], CONFIG, seeded())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert all(map(torch.equal, made, match_gradients(classes, [2, 2], CONFIG, seeded())))
    other = match_gradients(classes, [2, 2], CONFIG, seeded(1))
    assert not torch.equal(made.images, other.images)


def test_pixels_move_and_only_where_their_class_is_looked_at(classes, seeded):
    still = replace(CONFIG, **STILL, inner_iterations=1, learning_rate=1e-12, momentum=0.0)
    start = match_gradients(classes, [2, 2], still, seeded()).images
    moved = match_gradients(classes, [2, 2], replace(still, learning_rate=0.5), seeded()).images
    assert (start != moved).flatten(1).any(1).all()
    one_of_two = replace(still, learning_rate=0.5, batch_synthetic=1)
    limited = match_gradients(classes, [2, 2], one_of_two, seeded()).images
    of_classes = (start != limited).flatten(1).any(1).split(2)
    assert [int(of_class.sum()) for of_class in of_classes] == [1, 1]


def test_the_rate_of_the_pixels_is_the_scaled_one(classes, seeded):
    config = replace(CONFIG, learning_rate=0.5)
    made = match_gradients(classes, [2, 2], config, seeded())
    same = replace(config, reference_size=16, learning_rate=2.0)
    assert torch.equal(match_gradients(classes, [2, 2], same, seeded()).images, made.images)
    less = replace(config, reference_size=16)
    assert not torch.equal(match_gradients(classes, [2, 2], less, seeded()).images, made.images)


def test_momentum_goes_on_moving_a_class_in_the_turns_of_the_others(classes, seeded):
    plain = replace(CONFIG, **STILL, inner_iterations=1, momentum=0.0, learning_rate=0.03)
    runs = [
        match_gradients(classes, [2, 2], config, seeded()).images.float().unflatten(0, (2, 2))
        for config in (replace(plain, learning_rate=1e-12), plain, replace(plain, momentum=0.5))
    ]
    once, twice = (images - runs[0] for images in runs[1:])
    assert torch.equal(twice[1], once[1])
    inside = (runs[1][0] % 255 > 0) & (runs[2][0] % 255 > 0)
    assert once[0][inside].abs().max() > 10
    assert (twice[0] - 1.5 * once[0])[inside].abs().max() <= 1.5


def test_the_rate_is_in_proportion_to_the_pixels_of_a_class():
    config = replace(CONFIG, learning_rate=3e-3, reference_size=224)
    assert config.learning_rate_for(10, 224) == pytest.approx(3e-3)
    assert config.learning_rate_for(50, 224) == pytest.approx(15e-3)
    assert config.learning_rate_for(10, 112) == pytest.approx(0.75e-3)


def test_patches_are_shown_enlarged_one_after_the_other():
    greys = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    image = greys.repeat_interleave(4, 0).repeat_interleave(4, 1).expand(1, 3, 8, 8)
    shown = decode(torch.cat((image, 1 - image)), 2)
    assert shown.shape == (8, 3, 8, 8)
    expected = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.9, 0.8, 0.7, 0.6])
    assert torch.allclose(shown, expected.view(8, 1, 1, 1).expand_as(shown))


def test_enlarging_is_bilinear():
    ramp = torch.arange(4.0).repeat(1, 3, 8, 2)
    inside = decode(ramp, 2)[0, 0, :, 1:7]
    # Centres of new pixels are half an old one apart, a quarter off its centre.
    assert torch.allclose(inside, torch.arange(0.25, 3, 0.5).expand(8, 6))


def test_without_a_factor_images_are_shown_as_they_are():
    images = torch.rand(2, 3, 8, 8)
    assert decode(images, 1) is images


def test_all_operations_are_applied_in_turn(seeded):
    images = torch.rand(3, 3, 8, 8) + 1
    made = augment_in_turn(images, "color_cutout", seeded(), shared=True)
    cut = (made == 0).all(1)
    assert torch.equal(cut[0], cut[1])
    assert 4 <= cut[0].sum() <= 16
    assert not torch.isclose(made, images).all(1)[~cut].any()
    assert augment_in_turn(images, "", seeded(), shared=True) is images


def test_cutout_gives_way_to_cutmix_where_the_network_is_trained():
    assert CONFIG.network_strategy == "color_crop"
    assert replace(CONFIG, network_cutmix=False).network_strategy == "color_crop_cutout"
    assert replace(CONFIG, strategy="cutout").network_strategy == ""


@pytest.mark.parametrize("cutmix", [True, False])
def test_a_learner_learns_to_tell_real_classes_apart(cutmix, classes, seeded):
    config = replace(CONFIG, network_cutmix=cutmix, network_learning_rate=0.05)
    network = build_network("convnet1", 2, 8)
    learner = NetworkTrainer(network, LabelledBatches(classes, 16, seeded()), 2, config, seeded(1))
    learner.train_epochs(15)
    with torch.no_grad():
        right = [
            (network(normalize(images.float() / 255)).argmax(1) == label).float().mean()
            for label, images in enumerate(classes)
        ]
    assert min(right) > 0.9


class Counting(nn.Module):
    """A linear classifier that notes how many images it sees."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3 * 64, 2)
        self.seen = []

    def forward(self, images):
        self.seen.append(len(images))
        return self.linear(images.flatten(1))


@pytest.fixture
def noting(monkeypatch):
    """Put a network into the table that notes what it sees; returns the notes."""
    batches = []

    class Noting(nn.Module):
        def __init__(self, num_classes, size):
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 3)
            self.linear = nn.Linear(4 * (size - 2) ** 2, num_classes)

        def forward(self, images):
            batches.append(images.detach())
            return self.linear(self.convolution(images).relu().flatten(1))

    monkeypatch.setitem(NETWORKS, "noting", Noting)
    return batches


def test_networks_are_trained_and_compared_in_turn(noting, classes, seeded):
    config = replace(CONFIG, network="noting", network_images=20, inner_iterations=2)
    match_gradients(classes, [3, 3], config, seeded())
    compared, trained = [16, 3, 16, 3], [16, 16]
    assert [len(batch) for batch in noting] == 2 * (trained + 2 * (compared + trained))


def test_each_network_begins_with_colours_there_are(noting, classes, seeded):
    config = replace(
        CONFIG,
        **STILL | {"outer_iterations": 2},
        network="noting",
        strategy="flip",
        learning_rate=1e4,
    )
    match_gradients(classes, [3, 3], config, seeded())
    shown = [denormalize(batch) for batch in noting if len(batch) == 3]
    assert len(shown) == 2 * 3 * 2
    ended, begun = shown[4], shown[6]
    assert ended.min() < -0.5
    assert ended.max() > 1.5
    assert begun.min() >= -1e-5
    assert begun.max() <= 1 + 1e-5


@pytest.mark.parametrize("cutmix", [True, False])
def test_a_learner_sees_two_colours_in_one_image_only_by_cutmix(cutmix, seeded):
    plain = [
        torch.tensor(colour, dtype=torch.uint8).view(1, 3, 1, 1).expand(8, 3, 8, 8)
        for colour in ((200, 0, 0), (0, 0, 200))
    ]
    config = replace(CONFIG, network_cutmix=cutmix, strategy="flip")
    network = Counting()
    seen = []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    learner = NetworkTrainer(network, LabelledBatches(plain, 16, seeded()), 2, config, seeded())
    learner.train_epochs(5)
    assert (torch.cat(seen).std((2, 3)).max() > 0.1) == cutmix


def test_a_learner_sees_every_image_augmented_on_its_own(seeded):
    grey = torch.full((8, 3, 8, 8), 90, dtype=torch.uint8)
    config = replace(CONFIG, network_cutmix=False, strategy="color")
    network = Counting()
    seen = []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    learner = NetworkTrainer(
        network, LabelledBatches([grey, grey], 16, seeded()), 2, config, seeded()
    )
    learner.train_epochs(1)
    assert len(seen[0].flatten(1).unique(dim=0)) == 16


def test_a_learner_goes_the_way_of_gradient_descent(seeded):
    image = torch.full((1, 3, 8, 8), 200, dtype=torch.uint8)
    config = replace(
        CONFIG, strategy="flip", network_cutmix=False, network_weight_decay=0.3, batch_real=2
    )
    network = Counting()
    weights = [each.detach().clone() for each in network.parameters()]
    learner = NetworkTrainer(
        network, LabelledBatches([image, image // 2], 2, seeded()), 2, config, seeded()
    )
    learner.train_epochs(4)
    inputs = normalize(torch.cat((image, image // 2)).float() / 255).flatten(1)
    velocities = [torch.zeros_like(each) for each in weights]
    for _ in range(4):
        logits = inputs @ weights[0].T + weights[1]
        errors = (logits.softmax(1) - torch.eye(2)) / 2
        gradients = errors.T @ inputs, errors.sum(0)
        for place, gradient in enumerate(gradients):
            velocities[place] = 0.9 * velocities[place] + gradient + 0.3 * weights[place]
            weights[place] = weights[place] - 0.01 * velocities[place]
    for found, expected in zip(network.parameters(), weights, strict=True):
        assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "seen"), [(16, [16]), (17, [16, 16]), (500, [16, 16]), (0, []), (1, [16])]
)
def test_a_learner_sees_whole_batches_and_no_image_twice(images, seen, classes, seeded):
    network = Counting()
    learner = NetworkTrainer(network, LabelledBatches(classes, 16, seeded()), 2, CONFIG, seeded())
    learner.train_images(images)
    assert network.seen == seen


def test_an_epoch_of_a_learner_is_all_full_batches(classes, seeded):
    network = Counting()
    learner = NetworkTrainer(network, LabelledBatches(classes, 16, seeded()), 2, CONFIG, seeded())
    learner.train_epochs(3)
    assert network.seen == [16] * 6


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda classes: classes[:1], "classes: expected at least 2, got 1"),
        (lambda classes: [classes[0], classes[1][:1]], "ipc: expected at least 2 .*got 1"),
        (lambda classes: [classes[0], classes[1].float()], r"classes\[1\]: expected uint8"),
        (
            lambda classes: [classes[0], torch.zeros(9, 3, 16, 16, dtype=torch.uint8)],
            r"classes: expected images of one side, got \[8, 16\] px",
        ),
    ],
)
def test_classes_that_do_not_fit_are_refused(change, complaint, classes, seeded):
    with pytest.raises(ValueError, match=complaint):
        match_gradients(change(classes), [2, 2], CONFIG, seeded())


def test_a_factor_that_does_not_divide_the_side_is_refused(classes, seeded):
    with pytest.raises(ValueError, match=r"factor: expected .*6 or 9 px, got 8 px"):
        match_gradients(classes, [1, 1], replace(CONFIG, factor=3), seeded())
    with pytest.raises(ValueError, match=r"ipc: expected at least 24 .*got 20"):
        match_gradients(classes, [6, 6], replace(CONFIG, factor=2), seeded())


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"network": "convnet0"}, "unknown network"),
        ({"strategy": ""}, "unknown siamese operation ''"),
        ({"network_cutmix": 1}, "network_cutmix: expected true or false, got 1"),
        ({"device": "gpu"}, "device: expected one of"),
        *(
            ({name: 0}, f"{name}: expected")
            for name in (
                "outer_iterations",
                "inner_iterations",
                "factor",
                "reference_size",
                "batch_real",
                "batch_synthetic",
                "learning_rate",
                "network_learning_rate",
            )
        ),
        *(
            ({name: -1}, f"{name}: expected")
            for name in (
                "momentum",
                "network_momentum",
                "pretrain_epochs",
                "network_images",
                "network_weight_decay",
            )
        ),
    ],
)
def test_settings_no_matching_can_run_with_are_refused(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(CONFIG, **wrong)
