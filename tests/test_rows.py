import pytest
import torch

from mgd3_kedro.rows import SteadyRows, pad_batch


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


def sizes_of(steady, *asked):
    sizes = []
    for rows, kind in asked:
        with steady.size(rows, kind) as size:
            sizes.append(size)
    return sizes


def test_a_batch_has_as_many_rows_as_the_largest_of_its_kind_before():
    asked = [(32, "a"), (8, "a"), (4, "b"), (48, "a"), (32, "a"), (2, "b")]
    assert sizes_of(SteadyRows(), *asked) == [32, 32, 4, 48, 48, 4]


def test_what_failed_is_not_asked_for_again():
    steady = SteadyRows()
    assert sizes_of(steady, (32, None)) == [32]
    with pytest.raises(MemoryError), steady.size(32):
        raise MemoryError
    assert sizes_of(steady, (16, None), (8, None)) == [16, 16]
