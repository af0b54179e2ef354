import itertools

import numpy as np
import pytest
import torch

from mgd3_kedro.randomness import (
    fork_generator,
    seed_of_class,
    seeded_generator,
    seeded_globals,
)


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


def test_the_global_generator_is_seeded_by_a_key_for_a_while():
    def draw(*key):
        with seeded_globals(torch.device("cpu"), *key):
            return torch.randn(8)

    torch.manual_seed(1)
    first = draw(3, 1)
    state = torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(draw(3, 1), first)
    assert not torch.equal(draw(3, 2), first)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_every_seed_and_every_class_has_a_seed_of_its_own():
    seeds = {seed_of_class(seed, wnid) for seed in (0, 1) for wnid in ("n01", "n10")}
    assert len(seeds) == 4
    assert seed_of_class(1, "n01") == seed_of_class(1, "n01")


def test_a_stream_beside_a_generator_is_its_own_and_a_function_of_its_seed_and_name():
    def draw(generator):
        return torch.rand(4, generator=generator)

    used, fresh = seeded_generator(3, 1), seeded_generator(3, 1)
    draw(used)
    state = used.get_state()
    first = draw(fork_generator(used, "noise"))
    assert torch.equal(used.get_state(), state)
    assert torch.equal(first, draw(fork_generator(fresh, "noise")))
    others = [
        draw(fork_generator(fresh, "other")),
        draw(fork_generator(fresh, "nois")),
        draw(fresh),
    ]
    others.append(draw(fork_generator(seeded_generator(3, 2), "noise")))
    assert not any(torch.equal(first, other) for other in others)
