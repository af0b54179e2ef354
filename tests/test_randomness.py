import itertools

import numpy as np
import pytest
import torch

from mgd3_kedro.randomness import seeded_generator


def test_a_generator_is_a_function_of_its_key():
    first, second = seeded_generator(3, 1, 4), seeded_generator(3, 1, 4)
    torch.manual_seed(9)
    assert torch.equal(torch.randn(8, generator=first), torch.randn(8, generator=second))


def test_every_number_of_the_key_changes_the_generator():
    # No number may run into the next: 2**32 in one place is not 1 in another.
    numbers = [1, 2, 255, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**33, 2**40, 2**63]
    keys = [(0, 0, 0), (1, 2, 3), (3, 2, 1)]
    for place, number in itertools.product(range(3), numbers):
        keys.append((*[0] * place, number, *[0] * (2 - place)))
    draws = {tuple(torch.randn(4, generator=seeded_generator(*key)).tolist()) for key in keys}
    assert len(draws) == len(keys)


def test_generators_of_neighbouring_keys_are_uncorrelated():
    draws = torch.stack([torch.randn(4096, generator=seeded_generator(0, 0, i)) for i in range(8)])
    correlations = torch.corrcoef(draws) - torch.eye(8)
    # The standard deviation of a correlation of independent draws is 1 / 64.
    assert correlations.abs().max() < 5 / 64


def test_published_seeds_keep_their_meaning():
    draws = [torch.randint(10**6, (), generator=seeded_generator(0, 3, i)).item() for i in range(3)]
    states = [np.random.SeedSequence((0, 3, i)).generate_state(1)[0] for i in range(3)]
    expected = [torch.Generator().manual_seed(int(state)) for state in states]
    assert draws == [torch.randint(10**6, (), generator=each).item() for each in expected]


def test_a_negative_number_is_no_key():
    with pytest.raises(ValueError, match="non-negative"):
        seeded_generator(0, -1)
