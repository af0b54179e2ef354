import pytest
import torch

from mgd3_kedro.backbones.batching import pad_batch, row_tile


@pytest.mark.parametrize(
    ("count", "padded"), [(1, 4), (2, 4), (3, 4), (4, 4), (5, 8), (8, 8), (9, 12)]
)
def test_a_batch_grows_to_the_next_multiple_with_copies_of_its_last_row(count, padded):
    batch = torch.arange(count * 6).reshape(count, 2, 3)
    rows = pad_batch(batch, 4)
    assert rows.shape == (padded, 2, 3)
    assert torch.equal(rows[:count], batch)
    assert (rows[count:] == batch[-1]).all()


def test_labels_are_padded_like_images():
    assert pad_batch(torch.tensor([5, 3, 9]), 4).tolist() == [5, 3, 9, 9]
    assert pad_batch(torch.tensor([5, 3, 9]), 1).tolist() == [5, 3, 9]


def test_only_the_cpu_has_a_tile_of_rows():
    assert row_tile(torch.device("cpu")) == 16
    assert row_tile(torch.device("cuda")) == row_tile(torch.device("mps")) == 1
