import pytest
import torch

from mgd3_kedro.matching.mosaics import check_divisible, tile, untile


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_patches_are_tiled_in_reading_order(factor):
    patches = torch.rand(2, factor**2, 3, 5, 5)
    images = tile(patches, factor)
    assert images.shape == (2, 3, 5 * factor, 5 * factor)
    for row in range(factor):
        for column in range(factor):
            place = images[:, :, 5 * row : 5 * row + 5, 5 * column : 5 * column + 5]
            assert torch.equal(place, patches[:, row * factor + column])


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_taking_apart_undoes_tiling(factor):
    images = torch.rand(3, 3, 8, 8)
    assert torch.equal(tile(untile(images, factor), factor), images)


@pytest.mark.parametrize(
    ("size", "factor", "advice"),
    [(9, 2, "8 or 10"), (2, 4, "multiple of 4, such as 4 px"), (5, 3, "3")],
)
def test_a_side_that_patches_do_not_divide_is_refused(size, factor, advice):
    with pytest.raises(ValueError, match=f"factor: expected .*{advice}.*got {size} px"):
        check_divisible(size, factor)


def test_a_side_that_patches_divide_is_accepted():
    check_divisible(224, 2)
    check_divisible(7, 1)
