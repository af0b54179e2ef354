import itertools

import numpy as np
import pytest
import torch

from mgd3_kedro.sampling import choose_candidates


def cost_of(pool, real, chosen):
    """Return the sum of distances of real latents to the nearest chosen candidate."""
    kept = [pool[draw, mode].numpy().ravel() for mode, draw in enumerate(chosen)]
    return sum(min(np.linalg.norm(point - each) for each in kept) for point in points_of(real))


def points_of(latents):
    return latents.flatten(1).numpy()


def make_pool(draws, modes, seed):
    generator = torch.Generator().manual_seed(seed)
    pool = torch.randn(draws, modes, 1, 2, 2, generator=generator)
    return pool, torch.randn(25, 1, 2, 2, generator=generator)


def test_the_only_draw_is_kept():
    pool, real = make_pool(1, 5, 0)
    assert choose_candidates(pool, real).tolist() == [0] * 5


@pytest.mark.parametrize("seed", range(6))
def test_no_other_draw_of_a_single_mode_would_be_better(seed):
    pool, real = make_pool(4, 5, seed)
    chosen = choose_candidates(pool, real).tolist()
    least = cost_of(pool, real, chosen)
    assert least <= cost_of(pool, real, [0] * 5)
    for mode, draw in itertools.product(range(5), range(4)):
        other = [*chosen[:mode], draw, *chosen[mode + 1 :]]
        assert cost_of(pool, real, other) >= least - 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_the_choice_is_nearly_the_best_of_all(seed):
    pool, real = make_pool(3, 4, seed)
    costs = [cost_of(pool, real, chosen) for chosen in itertools.product(range(3), repeat=4)]
    found = cost_of(pool, real, choose_candidates(pool, real).tolist())
    assert min(costs) - 1e-9 <= found <= 1.05 * min(costs)
    assert found < np.median(costs)


def test_a_single_mode_takes_the_draw_with_the_least_sum_of_distances():
    pool, real = make_pool(6, 1, 3)
    costs = [cost_of(pool, real, [draw]) for draw in range(6)]
    assert choose_candidates(pool, real).tolist() == [int(np.argmin(costs))]


def test_draws_go_where_no_other_mode_is():
    real = torch.tensor([0.0, 0.1, -0.1, 10.0, 10.1, 9.9]).view(6, 1, 1, 1)
    # Both modes can be at 0 or at 10.
    pool = torch.tensor([[0.0, 0.0], [10.0, 10.0]]).view(2, 2, 1, 1, 1)
    assert sorted(choose_candidates(pool, real).tolist()) == [0, 1]


def test_draws_that_are_as_good_are_left_for_the_first():
    pool, real = torch.zeros(4, 3, 1, 2, 2), torch.randn(9, 1, 2, 2)
    assert choose_candidates(pool, real).tolist() == [0, 0, 0]
