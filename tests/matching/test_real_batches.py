from itertools import islice

import pytest
import torch

from mgd3_kedro.matching.real_batches import LabelledBatches, shuffled_batches


@pytest.mark.parametrize(("count", "size", "per_epoch"), [(12, 4, 3), (13, 4, 3), (3, 8, 1)])
def test_an_epoch_has_full_batches_of_distinct_rows(count, size, per_epoch, seeded):
    batches = shuffled_batches(count, size, seeded())
    orders = []
    for _ in range(4):
        epoch = torch.cat(list(islice(batches, per_epoch))).tolist()
        assert len(set(epoch)) == len(epoch) == per_epoch * min(size, count)
        assert set(epoch) <= set(range(count))
        orders.append(tuple(epoch))
    assert len(set(orders)) > 1


def test_images_come_with_the_label_of_their_class(seeded):
    counts = [3, 5, 4]
    classes = [
        (10 * label + torch.arange(count, dtype=torch.uint8)).view(-1, 1, 1, 1).repeat(1, 3, 2, 2)
        for label, count in enumerate(counts)
    ]
    batches = LabelledBatches(classes, 6, seeded())
    assert batches.per_epoch == 2
    seen = []
    for _ in range(batches.per_epoch):
        images, labels = batches.next()
        assert images.shape == (6, 3, 2, 2)
        values = images[:, 0, 0, 0].long()
        assert torch.equal(values // 10, labels)
        seen += values.tolist()
    assert sorted(seen) == [0, 1, 2, 10, 11, 12, 13, 14, 20, 21, 22, 23]


def test_a_batch_is_never_larger_than_the_set(seeded):
    images = torch.zeros(3, 3, 2, 2, dtype=torch.uint8)
    batches = LabelledBatches([images, images], 64, seeded())
    assert batches.per_epoch == 1
    assert len(batches.next()[1]) == 6
