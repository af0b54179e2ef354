import math

import numpy as np
import pytest
import torch

from mgd3_kedro.matching.memories import ClassMemories, cosines

SHAPE = (2, 3, 3)


def numbered(*numbers):
    return torch.stack([torch.full(SHAPE, float(number)) for number in numbers])


def fill(memories, numbers, label):
    batch = numbered(*numbers)
    memories.remember(batch, -batch, torch.full((len(numbers),), label))


def numbers_in(latents):
    return sorted(latents[:, 0, 0, 0].tolist())


def angles(*degrees):
    """Make latents at angles to the first, in one plane."""
    latents = torch.zeros(len(degrees), *SHAPE)
    turns = torch.tensor(degrees).deg2rad()
    latents[:, 0, 0, 0], latents[:, 1, 2, 2] = turns.cos(), turns.sin()
    return latents


def test_a_memory_holds_the_last_of_its_own_class():
    memories = ClassMemories(3, 4, SHAPE)
    for number in range(1, 8):
        fill(memories, [number], 1)
        fill(memories, [100 + number], 2)
        last = list(range(max(1, number - 3), number + 1))
        real, predicted = memories.held(1)
        assert numbers_in(real) == last
        assert numbers_in(predicted) == sorted(-each for each in last)
        assert numbers_in(memories.held(2)[0]) == [100 + each for each in last]
    assert len(memories.held(0)[0]) == len(memories.held(0)[1]) == 0


@pytest.mark.parametrize(
    ("batches", "kept"),
    [
        ([[1, 2, 3]], [1, 2, 3]),
        ([[1, 2], [3, 4, 5]], [2, 3, 4, 5]),
        ([[1, 2, 3, 4, 5, 6, 7]], [4, 5, 6, 7]),
        ([[1, 2, 3], [4, 5, 6, 7, 8, 9], [10]], [7, 8, 9, 10]),
        ([[1], [2, 3, 4, 5, 6], [7, 8]], [5, 6, 7, 8]),
    ],
)
def test_what_came_first_goes_first_also_when_much_comes_at_once(batches, kept):
    memories = ClassMemories(1, 4, SHAPE)
    for batch in batches:
        fill(memories, batch, 0)
    assert numbers_in(memories.held(0)[0]) == kept


def test_a_mixed_batch_is_sorted_into_its_classes():
    memories = ClassMemories(3, 4, SHAPE)
    batch = numbered(1, 2, 3, 4)
    memories.remember(batch, 10 * batch, torch.tensor([2, 0, 2, 0]))
    assert numbers_in(memories.held(0)[0]) == [2, 4]
    assert numbers_in(memories.held(2)[1]) == [10, 30]
    assert len(memories.held(1)[0]) == 0


def test_what_is_remembered_is_part_of_the_state():
    memories = ClassMemories(2, 4, SHAPE)
    fill(memories, [1, 2, 3, 4, 5, 6], 1)
    other = ClassMemories(2, 4, SHAPE)
    other.load_state_dict(memories.state_dict())
    fill(other, [7], 1)
    assert numbers_in(other.held(1)[0]) == [4, 5, 6, 7]
    assert numbers_in(memories.held(1)[0]) == [3, 4, 5, 6]


def test_the_criteria_are_those_of_numpy():
    memories = ClassMemories(4, 5, SHAPE)
    real, earlier = torch.randn(12, *SHAPE), torch.randn(12, *SHAPE)
    owners = torch.tensor([0, 1, 1, 0, 3, 1, 0, 3, 1, 1, 0, 1])
    memories.remember(real, earlier, owners)
    predicted, labels = torch.randn(7, *SHAPE), torch.tensor([1, 0, 2, 1, 0, 0, 1])
    found = memories.compare(predicted, labels)

    def cosine(first, second):
        first, second = first.numpy().ravel(), second.numpy().ravel()
        return np.dot(first, second) / math.sqrt(np.dot(first, first) * np.dot(second, second))

    least, most = [], []
    for label in (0, 1):
        own = [row for row in range(7) if labels[row] == label]
        kept = [row for row in range(12) if owners[row] == label][-5:]
        least.append(min(cosine(predicted[i], real[j]) for i in own for j in kept))
        most.append(max(cosine(predicted[i], earlier[j]) for i in own for j in kept))
    # Class 2 is in the batch, and so in the mean, but there is nothing to compare it with.
    assert found.representativeness.item() == pytest.approx(sum(1 - each for each in least) / 3)
    assert found.diversity.item() == pytest.approx(sum(most) / 3)


def test_nothing_remembered_says_nothing():
    memories = ClassMemories(2, 4, SHAPE)
    fill(memories, [1], 0)
    predicted = torch.randn(3, *SHAPE, requires_grad=True)
    found = memories.compare(predicted, torch.ones(3, dtype=torch.int64))
    assert found.representativeness == found.diversity == 0


def test_a_prediction_is_representative_near_the_real_latent_furthest_from_it():
    memories = ClassMemories(1, 8, SHAPE)
    memories.remember(angles(0, 10, 60), angles(-90, -90, -90), torch.zeros(3, dtype=torch.int64))

    def criterion(degrees):
        found = memories.compare(angles(degrees), torch.zeros(1, dtype=torch.int64))
        return found.representativeness.item()

    assert criterion(0) == pytest.approx(1 - math.cos(math.radians(60)))
    # Away from the nearest two, but towards the last.
    assert criterion(0) > criterion(15) > criterion(30)
    assert criterion(30) < criterion(45)


def test_a_prediction_is_diverse_far_from_the_nearest_earlier_one():
    memories = ClassMemories(1, 8, SHAPE)
    memories.remember(angles(0, 0, 0), angles(0, 10, 90), torch.zeros(3, dtype=torch.int64))

    def criterion(*degrees):
        labels = torch.zeros(len(degrees), dtype=torch.int64)
        return memories.compare(angles(*degrees), labels).diversity.item()

    assert criterion(10) == pytest.approx(1)
    assert criterion(10) > criterion(30) > criterion(50)
    assert criterion(50) < criterion(70)
    # The worst of a batch counts.
    assert criterion(50, 12) == pytest.approx(criterion(12))


def test_a_step_down_each_criterion_turns_a_prediction_as_it_should():
    memories = ClassMemories(1, 8, SHAPE)
    labels = torch.zeros(1, dtype=torch.int64)
    memories.remember(angles(40), angles(5), labels)
    moved = {}
    for name in ("representativeness", "diversity"):
        predicted = angles(20).requires_grad_()
        getattr(memories.compare(predicted, labels), name).backward()
        moved[name] = (predicted - 0.1 * predicted.grad).detach()
    before = angles(20)
    for after in moved.values():
        # Towards the real latent at 40 degrees, and away from the earlier prediction at 5.
        assert cosines(after, angles(40)) > cosines(before, angles(40))
        assert cosines(after, angles(5)) < cosines(before, angles(5))


def test_no_gradient_reaches_what_is_remembered():
    memories = ClassMemories(1, 4, SHAPE)
    labels = torch.zeros(2, dtype=torch.int64)
    earlier = torch.randn(2, *SHAPE, requires_grad=True)
    memories.remember(torch.randn(2, *SHAPE), earlier * 2, labels)
    predicted = torch.randn(2, *SHAPE, requires_grad=True)
    sum(memories.compare(predicted, labels)).backward()
    assert earlier.grad is None
    assert predicted.grad.abs().sum() > 0


def test_similarity_is_that_of_directions_and_is_not_rounded():
    first, second = torch.randn(3, *SHAPE), torch.randn(2, *SHAPE)
    exact = cosines(first, second)
    assert torch.allclose(cosines(7 * first, 0.1 * second), exact, atol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(cosines(first, second), exact)
