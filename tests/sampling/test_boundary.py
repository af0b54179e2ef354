"""Images on the boundary between two classes: when, how much of the other, and which images."""

import pytest
import torch

from mgd3_kedro.backbones.base import SecondCondition
from mgd3_kedro.fingerprint import plain_text
from mgd3_kedro.sampling import denoise, image_generator
from mgd3_kedro.sampling.boundary import scale_of_guidance, share_of_other

ON = {"boundary_share": 0.5}


@pytest.mark.parametrize(
    ("noise", "own"),
    # 1 - .1 (1 - .5) among noise; .5 in the middle; and in a line to 1 - .35 (1 - .5).
    [(1, 0.95), (0.7, 0.95), (0.69, 0.5), (0.3, 0.5), (0.15, 0.6625), (0, 0.825)],
)
def test_the_share_of_the_own_class_is_the_released_one(noise, own):
    assert 1 - 0.5 * share_of_other(noise) == pytest.approx(own)


@pytest.mark.parametrize(("noise", "scale"), [(1, 0.9), (0.7, 0.9), (0.5, 1), (0.3, 1), (0, 1.15)])
def test_the_guidance_scale_has_the_released_factors(noise, scale):
    assert scale_of_guidance(noise) == scale


def predict(backbone, index, latents, conditions):
    """Return the guided parts of a step: with a class, and with none."""
    null = backbone.denoiser.null_condition().expand_as(conditions)
    timesteps = torch.full((len(latents),), backbone.timesteps[index])
    channels = latents.shape[1]
    return [
        backbone.denoiser.predict(latents, timesteps, one)[:, :channels]
        for one in (conditions, null)
    ]


@torch.no_grad()
def test_a_step_on_two_classes_mixes_what_both_predict_before_guidance(make_dit, make_classes):
    backbone, latents = make_dit(guidance_scale=3.0, cfg_channels=None), torch.randn(3, 4, 8, 8)
    own, other = (backbone.conditions(make_classes(labels)) for labels in ([1, 2, 3], [5, 6]))
    rows = torch.tensor([0, 2])
    second = SecondCondition(rows, other, 0.4, 1.15)
    step = backbone.step(20, latents, own, second)
    with_own, without = predict(backbone, 20, latents, own)
    with_other, _ = predict(backbone, 20, latents[rows], other)
    mixed = 0.6 * (with_own - without)[rows] + 0.4 * (with_other - without[rows])
    noise = without[rows] + 3 * 1.15 * mixed
    alpha = backbone.schedule.alpha_cumprod(20)
    clean = (latents[rows] - (1 - alpha) ** 0.5 * noise) / alpha**0.5
    assert torch.allclose(step.pred_original_sample[rows], clean, atol=1e-3)
    plain = backbone.step(20, latents, own)
    assert torch.equal(step.prev_mean[1], plain.prev_mean[1])
    assert torch.equal(step.std, plain.std)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_nothing_of_another_class_is_the_plain_step_to_the_bit(scale, make_dit, make_classes):
    backbone, latents = make_dit(guidance_scale=scale), torch.randn(3, 4, 8, 8)
    own, other = (backbone.conditions(make_classes(labels)) for labels in ([1, 2, 3], [5, 6]))
    second = SecondCondition(torch.tensor([0, 2]), other, 0.0, 1.0)
    plain = backbone.step(20, latents, own)
    assert torch.equal(backbone.step(20, latents, own, second).prev_mean, plain.prev_mean)
    half = SecondCondition(torch.tensor([0, 2]), other, 0.5, 1.0)
    assert not torch.equal(backbone.step(20, latents, own, half).prev_mean, plain.prev_mean)


IMAGES = [(label, image) for label in range(4) for image in range(12)]


@pytest.fixture
def tell(make_standing_still, make_sampling, make_classes):
    """Draw images of some classes, and return what the network was told in every step."""

    def run(images, among=range(5), **changes):
        backbone = make_standing_still()
        backbone.conditions = lambda classes: torch.tensor([spec.label for spec in classes])
        denoise(
            backbone,
            torch.zeros(len(images), 1, 2, 2),
            make_classes([label for label, _ in images]),
            make_sampling(**{**ON, **changes}),
            [image_generator(0, label, image) for label, image in images],
            among=make_classes(among),
        )
        return dict(zip(backbone.visited, backbone.changes, strict=True))

    return run


def test_about_half_of_the_images_are_on_a_boundary_in_every_step(tell):
    told = tell(IMAGES)
    first = told[49]
    assert 0.3 < len(first.rows) / len(IMAGES) < 0.7
    assert all(torch.equal(one.rows, first.rows) for one in told.values())
    assert all(torch.equal(one.conditions, first.conditions) for one in told.values())
    assert [told[index].share for index in (49, 35, 34, 15)] == pytest.approx(
        [0.05, 0.05, 0.5, 0.5]
    )
    assert told[10].share == pytest.approx(0.5 * share_of_other(10 / 49))
    assert told[0].share == pytest.approx(0.175)
    assert len(tell(IMAGES, boundary_chance=1)[0].rows) == len(IMAGES)
    assert tell(IMAGES, boundary_chance=0)[0] is None


def test_the_other_class_is_another_one_drawn_for_each_image(tell):
    told = tell(IMAGES)[49]
    own = torch.tensor([label for label, _ in IMAGES])[told.rows]
    assert (told.conditions != own).all()
    assert len(set(told.conditions.tolist())) >= 4


def test_whether_an_image_is_on_a_boundary_is_a_function_of_its_own_key(tell):
    together = tell(IMAGES)[10]
    for row in (0, 7, 20, 33):
        alone = tell(IMAGES[row : row + 1])[10]
        assert (alone is not None) == (row in together.rows)
        if alone is not None:
            place = together.rows.tolist().index(row)
            assert torch.equal(alone.conditions[0], together.conditions[place])


def test_the_only_class_of_a_benchmark_has_no_boundary(tell):
    assert set(tell(IMAGES[:12], among=[0]).values()) == {None}


@pytest.fixture
def draw(make_dit, make_classes, make_sampling):
    """Draw some images of a class with a network."""
    backbone, modes = make_dit(num_inference_steps=5), torch.randn(12, 4, 8, 8)

    def run(rows=range(12), **changes):
        generators = [image_generator(0, 3, row) for row in rows]
        config = make_sampling(stop_guidance_step=2, **changes)
        given = backbone, modes[list(rows)], make_classes([3] * len(rows)), config, generators
        return denoise(*given, among=make_classes(range(5)))

    return run


def test_images_that_are_on_no_boundary_have_the_bytes_of_plain_ones(draw):
    plain, drawn = draw(), draw(**ON)
    same = torch.tensor([torch.equal(*pair) for pair in zip(plain, drawn, strict=True)])
    assert 2 <= same.sum() <= 10
    assert torch.equal(draw(boundary_share=0), plain)
    # And those that are do not depend on their batch.
    assert torch.equal(draw(range(3, 9), **ON), drawn[3:9])


def test_what_is_off_is_no_part_of_what_images_are_made_from(make_sampling):
    assert "boundary" not in plain_text(make_sampling())
    assert "boundary" in plain_text(make_sampling(**ON))
    assert make_sampling(**ON).mixes_classes
    assert make_sampling(**ON).plain() == make_sampling().plain()


def test_two_ways_to_tell_a_class_are_refused(make_sampling):
    message = "^condition_noise and boundary_share: expected at most one that is not 0"
    with pytest.raises(ValueError, match=message):
        make_sampling(**ON, condition_noise=0.06)


@pytest.mark.parametrize(
    ("name", "value"), [("boundary_share", -0.5), ("boundary_share", 1.5), ("boundary_chance", 1.5)]
)
def test_a_setting_that_does_not_fit_is_named(name, value, make_sampling):
    with pytest.raises(ValueError, match=f"^{name}: expected .* got {value}"):
        make_sampling(**{**ON, name: value})
