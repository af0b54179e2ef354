import numpy as np
import pytest
import torch

from mgd3_kedro.sampling.guidance.spread import MOST, measure_sharpness, scale_pull


def scattered(deviation, count=4000, seed=0):
    """Return latents around three far modes, and these modes."""
    generator = torch.Generator().manual_seed(seed)
    modes = 50.0 * torch.arange(3.0)[:, None, None, None] + torch.zeros(3, 2, 3, 3)
    noise = torch.randn(count, 2, 3, 3, generator=generator)
    return modes[torch.arange(count) % 3] + deviation * noise, modes


@pytest.mark.parametrize("adaptation", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("deviation", [0.7, 1.0, 1.4])
def test_lambda_follows_the_variance_around_the_modes(deviation, adaptation):
    factors = measure_sharpness(*scattered(deviation), adaptation)
    assert factors.shape == (3, 1, 1, 1)
    assert factors.unique().numel() == 1
    assert float(factors[0]) == pytest.approx(deviation ** (-2 * adaptation), rel=0.01)


def test_the_variance_is_pooled_with_a_degree_of_freedom_less_for_each_mode():
    rng = np.random.default_rng(1)
    real, modes = rng.normal(size=(12, 8)), rng.normal(size=(3, 8))
    total = 0.0
    for point in real:
        total += min(sum((point - mode) ** 2) for mode in modes)
    expected = (total / (9 * 8)) ** -0.5
    given = [torch.tensor(each, dtype=torch.float32).view(-1, 2, 2, 2) for each in (real, modes)]
    assert float(measure_sharpness(*given, 0.5)[1]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("deviation", "bound"), [(0.01, MOST), (20.0, 1 / MOST)])
def test_lambda_stays_within_bounds(deviation, bound):
    real, modes = scattered(deviation, 60)
    assert torch.allclose(measure_sharpness(real, modes, 1.0), torch.tensor(bound))
    assert torch.allclose(measure_sharpness(real, modes, 0.5), torch.tensor(bound**0.5))


def test_a_wide_class_is_pulled_less_than_a_narrow_one():
    narrow, wide = (measure_sharpness(*scattered(each), 0.5)[0] for each in (0.6, 1.3))
    assert narrow > 1 > wide


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_class_with_no_more_images_than_modes_keeps_its_lambda(count):
    real, modes = scattered(0.5, count)
    assert (measure_sharpness(real, modes, 1.0) == 1).all()


def test_images_that_all_are_modes_give_a_finite_lambda():
    modes = torch.arange(2.0)[:, None, None, None].expand(2, 2, 3, 3)
    factors = measure_sharpness(modes.repeat(4, 1, 1, 1), modes, 1.0)
    assert torch.equal(factors, torch.full((2, 1, 1, 1), MOST))


def test_a_pull_is_scaled_by_the_factor_of_its_sample():
    pull = torch.randn(3, 2, 4, 4)
    factors = torch.tensor([0.5, 1.0, 3.0]).view(3, 1, 1, 1)
    scaled = scale_pull(pull, factors)
    for row, factor in enumerate((0.5, 1.0, 3.0)):
        assert torch.equal(scaled[row], factor * pull[row])
