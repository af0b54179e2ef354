import itertools

import pytest
import torch

from mgd3_kedro.sampling.coupling import NOISE_COUPLINGS, couple_by_transport, keep_own


def cost_of(noise, modes):
    return float((noise - modes).double().square().sum())


@pytest.mark.parametrize("name", NOISE_COUPLINGS)
@pytest.mark.parametrize("groups", [[[0, 1, 2, 3, 4, 5]], [[0, 3, 4], [1, 2], [5]]])
def test_every_coupling_deals_out_the_noises_of_a_class_within_it(name, groups):
    noise, modes = torch.randn(2, 6, 2, 3, 3)
    given = noise.clone(), modes.clone()
    coupled = NOISE_COUPLINGS[name](noise, modes, [torch.tensor(rows) for rows in groups])
    for rows in groups:
        before, after = (sorted(each[rows].flatten(1).tolist()) for each in (noise, coupled))
        assert before == after
    assert torch.equal(noise, given[0])
    assert torch.equal(modes, given[1])


@pytest.mark.parametrize("seed", range(60))
def test_noises_are_dealt_out_at_the_least_cost_of_all_permutations(seed):
    generator = torch.Generator().manual_seed(seed)
    noise, modes = torch.randn(2, 4, 1, 1, 2, generator=generator)
    coupled = couple_by_transport(noise, modes, [torch.arange(4)])
    ways = [noise[list(order)] for order in itertools.permutations(range(4))]
    best = min(ways, key=lambda way: cost_of(way, modes))
    assert torch.equal(coupled, best)
    assert cost_of(coupled, modes) <= cost_of(noise, modes)


def test_the_starts_of_a_class_are_nearer_to_their_modes():
    noise, modes = torch.randn(2, 50, 4, 8, 8)
    coupled = couple_by_transport(noise, modes, [torch.arange(50)])
    assert cost_of(coupled, modes) < 0.99 * cost_of(noise, modes)


def test_noises_that_were_shuffled_come_back_to_their_modes():
    modes = 5 * torch.randn(7, 2, 3, 3)
    noise = modes + 0.1 * torch.randn(7, 2, 3, 3)
    order = [3, 5, 0, 6, 1, 2, 4]
    assert torch.equal(couple_by_transport(noise[order], modes, [torch.arange(7)]), noise)


def test_a_class_takes_no_noise_of_another():
    modes = torch.tensor([5.0, -5.0, 5.0, -5.0]).view(4, 1, 1, 1)
    noise = torch.tensor([-4.0, -3.0, 4.0, 3.0]).view(4, 1, 1, 1)
    within = couple_by_transport(noise, modes, [torch.tensor([0, 1]), torch.tensor([2, 3])])
    assert within.flatten().tolist() == [-3.0, -4.0, 4.0, 3.0]
    across = couple_by_transport(noise, modes, [torch.tensor([0, 3]), torch.tensor([1, 2])])
    assert across.flatten().tolist() == [3.0, -3.0, 4.0, -4.0]


def test_independent_noises_are_left_as_they_are():
    noise, modes = torch.randn(2, 4, 1, 3, 3)
    assert keep_own(noise, modes, [torch.arange(4)]) is noise
