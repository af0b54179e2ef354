"""The class of an image that is hidden in noise at first: its arithmetic, and its streams."""

from dataclasses import replace

import pytest
import torch

from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.fingerprint import plain_text
from mgd3_kedro.sampling import denoise, image_generator
from mgd3_kedro.sampling.annealing import Weights, mix, weigh
from mgd3_kedro.sampling.conditionings import CONDITIONINGS

TIMESTEPS = respaced_schedule(50).timesteps.tolist()
RELEASED = {"condition_from": 0.9, "condition_to": 0.5}
ON = {"condition_noise": 0.06}


@pytest.mark.parametrize(
    ("index", "known"),
    [
        *[(49, 0), (45, 0), (44, 0.0075), (43, 0.0575), (40, 0.21), (35, 0.465)],
        *[(30, 0.72), (26, 0.925), (25, 0.975), (24, 1), (0, 1)],
    ],
)
def test_the_class_comes_in_between_the_released_timesteps(index, known):
    weights = weigh(TIMESTEPS[index] / 1000, 0.06, 0.01, RELEASED)
    assert weights.own**2 == pytest.approx(known)
    assert weights.noise == pytest.approx(0.06 * (1 - known) ** 0.5)


@pytest.mark.parametrize(
    ("time", "other"), [(0.999, 0), (0.901, 0), (0.9, 0.01), (0.7, 0.01 * 0.5**0.5), (0.5, 0)]
)
def test_another_class_is_there_only_once_its_own_comes_in(time, other):
    assert weigh(time, 0.06, 0.01, RELEASED).other == pytest.approx(other)


@pytest.mark.parametrize("shape", [(3, 64), (3, 7, 16)])
def test_a_mix_is_rescaled_row_by_row_to_the_mean_and_deviation_of_its_embedding(shape):
    own, noise, other = torch.randn(3, *shape)
    own = own * torch.tensor([0.5, 2.0, 7.0]).reshape(3, *[1] * (len(shape) - 1)) + 3
    mixed = mix(Weights(0.6, 0.8, 0.1), own, noise, other)
    for row in range(3):
        expected = 0.6 * own[row] + 0.8 * noise[row] + 0.1 * other[row]
        expected = (expected - expected.mean()) / expected.std() * own[row].std() + own[row].mean()
        assert torch.allclose(mixed[row], expected, atol=1e-5)
        assert mixed[row].mean() == pytest.approx(float(own[row].mean()), abs=1e-5)
        assert mixed[row].std() == pytest.approx(float(own[row].std()), rel=1e-5)


@pytest.mark.parametrize("known", [0.01, 0.5, 1])
def test_an_embedding_without_noise_and_another_class_is_left(known):
    own, noise, other = torch.randn(3, 4, 32)
    left = mix(Weights(known**0.5, 0, 0), own, noise, other)
    assert torch.allclose(left, own, atol=1e-6)


def test_a_mix_is_of_the_type_of_its_embedding_and_computed_in_full():
    own, other = torch.randn(2, 4, 32).bfloat16()
    noise = torch.randn(4, 32)
    mixed = mix(Weights(0.6, 0.8, 0.1), own, noise, other)
    assert mixed.dtype == torch.bfloat16
    full = mix(Weights(0.6, 0.8, 0.1), own.float(), noise, other.float())
    assert torch.equal(mixed, full.bfloat16())


@pytest.fixture
def draw(make_standing_still, make_sampling, make_classes):
    """Draw samples of some classes, and return them with what changed in every step."""
    among = make_classes(range(5))

    def run(images, among=among, **changes):
        backbone = make_standing_still()
        backbone.conditions = lambda classes: torch.tensor([spec.label for spec in classes])
        stand = backbone.step
        backbone.step = lambda *given: replace(stand(*given), std=torch.ones(()))
        latents = denoise(
            backbone,
            torch.zeros(len(images), 1, 2, 2),
            make_classes([label for label, _ in images]),
            make_sampling(**{**ON, **changes}),
            [image_generator(0, label, image) for label, image in images],
            among=among,
        )
        return latents, dict(zip(backbone.visited, backbone.changes, strict=True))

    return run


IMAGES = [(label, image) for label in range(5) for image in range(8)]


def test_embeddings_change_where_the_class_is_hidden_and_nowhere_else(draw):
    _, changes = draw([(0, 0)])
    assert [index for index, change in changes.items() if change] == list(range(49, 24, -1))
    _, changes = draw([(0, 0)], condition_from=0.5, condition_to=0)
    assert changes[0] is None
    assert all(changes[index] for index in range(1, 50))


def test_noise_is_new_for_every_step_image_and_half_and_as_the_options_say(draw):
    for name, mean, std in (("gaussian", 0, 1), ("uniform", 0.5, 12**-0.5)):
        _, changes = draw(IMAGES, condition_distribution=name)
        noise = torch.cat([change.noise for change in changes.values() if change])
        assert noise.shape == (25 * 2 * len(IMAGES), 4)
        assert len(noise.flatten().unique()) > 0.99 * noise.numel()
        assert noise.mean() == pytest.approx(mean, abs=0.03)
        assert noise.std() == pytest.approx(std, abs=0.03)


def test_the_noise_of_samples_is_that_without_annealing_to_the_bit(draw):
    assert torch.equal(draw(IMAGES)[0], draw(IMAGES, condition_noise=0)[0])
    assert not any(draw(IMAGES, condition_noise=0)[1].values())


def test_what_changes_of_an_image_is_a_function_of_its_own_generator(draw):
    _, together = draw(IMAGES)
    for row in (0, 13, 39):
        _, alone = draw([IMAGES[row]])
        for index, change in alone.items():
            if change:
                rows = [row, row + len(IMAGES)]
                assert torch.equal(change.noise, together[index].noise[rows])
                assert torch.equal(change.others, together[index].others[rows])


def test_every_image_is_told_of_one_other_class_from_start_to_end(draw):
    _, changes = draw(IMAGES)
    first, *rest = (change.others for change in changes.values() if change)
    assert all(torch.equal(first, each) for each in rest)
    own, null = first.split(len(IMAGES))
    assert torch.equal(own, null)
    labels = torch.tensor([label for label, _ in IMAGES])
    assert (own != labels).all()
    for label in range(5):
        assert set(own[labels == label].tolist()) <= set(range(5)) - {label}
    assert len(set(own.tolist())) == 5
    _, without = draw(IMAGES, condition_other=0)
    assert torch.equal(without[40].noise, changes[40].noise)


def test_the_only_class_of_a_benchmark_is_told_of_none(draw, make_classes):
    own, noise, other = torch.randn(3, 2, 4)
    _, alone = draw([(2, 0)], among=make_classes([2]))
    _, without = draw([(2, 0)], condition_other=0)
    _, mixed = draw([(2, 0)])
    alone, without, mixed = (
        changes[40].transform(own, noise, other) for changes in (alone, without, mixed)
    )
    assert torch.equal(alone, without)
    assert not torch.equal(alone, mixed)


def test_another_class_of_no_classes_is_refused_before_the_first_step(
    standing_still, make_sampling, make_classes
):
    given = torch.zeros(1, 1, 2, 2), make_classes([0])
    message = "^among: expected the classes of the benchmark, .* got none$"
    with pytest.raises(ValueError, match=message):
        denoise(standing_still, *given, make_sampling(**ON), [image_generator(0, 0, 0)])
    assert standing_still.visited == []
    alone = make_sampling(**ON, condition_other=0)
    assert denoise(standing_still, *given, alone, [image_generator(0, 0, 0)]).isfinite().all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("condition_noise", -0.1),
        ("condition_noise", None),
        ("condition_other", 1.1),
        ("condition_from", 1.5),
        ("condition_to", -0.5),
        ("condition_distribution", "normal"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(name, value, make_sampling):
    with pytest.raises(ValueError, match=f"^{name}: expected .* got {value!r}"):
        make_sampling(**{**ON, name: value})


@pytest.mark.parametrize("begun", [0.5, 0.3])
def test_a_class_that_would_not_come_in_is_refused_where_it_is_hidden(begun, make_sampling):
    message = f"^condition_from: expected more than condition_to, which is 0.5, got {begun}$"
    with pytest.raises(ValueError, match=message):
        make_sampling(**ON, condition_from=begun)
    assert make_sampling(condition_from=begun).conditioning is None


def test_what_is_off_is_no_part_of_what_images_are_made_from(make_sampling):
    assert "condition" not in plain_text(make_sampling())
    assert plain_text(make_sampling(**ON)) != plain_text(make_sampling(condition_noise=0.05))
    other = make_sampling(**ON, condition_other=0)
    assert plain_text(other) != plain_text(make_sampling(**ON))
    assert not other.mixes_classes
    assert other.plain() == make_sampling().plain()
    assert make_sampling(**ON).conditioning in CONDITIONINGS
