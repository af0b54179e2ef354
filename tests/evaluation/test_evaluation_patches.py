import collections

import pytest
import torch

from mgd3_kedro.evaluation.patches import draw_patch_orders, shuffle_patches


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_each_patch_goes_where_its_order_says(factor):
    images = torch.rand(7, 3, 12, 12, generator=generator(1))
    # Any order at all, also ones that are never drawn.
    orders = torch.rand(7, factor**2, generator=generator(2)).argsort(1)
    ours = shuffle_patches(images, orders)
    side = 12 // factor
    for index, image in enumerate(images):
        for place, source in enumerate(orders[index].tolist()):
            row, column = place // factor * side, place % factor * side
            top, left = source // factor * side, source % factor * side
            patch = image[:, top : top + side, left : left + side]
            assert torch.equal(ours[index, :, row : row + side, column : column + side], patch)


@pytest.mark.parametrize("factor", [2, 3])
def test_orders_permute_rows_and_columns_of_patches(factor):
    drawn = draw_patch_orders(500, factor, generator())
    assert drawn.shape == (500, factor**2)
    for order in drawn.view(500, factor, factor):
        rows, columns = order[:, 0] // factor, order[0] % factor
        assert sorted(rows.tolist()) == sorted(columns.tolist()) == list(range(factor))
        assert torch.equal(order, rows[:, None] * factor + columns)


def test_the_orders_of_four_patches_are_the_released_codes_and_equally_frequent():
    drawn = collections.Counter(map(tuple, draw_patch_orders(8000, 2, generator()).tolist()))
    assert set(drawn) == {(0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0)}
    assert all(count == pytest.approx(2000, abs=150) for count in drawn.values())


def test_all_orders_of_nine_patches_are_equally_frequent():
    drawn = collections.Counter(map(tuple, draw_patch_orders(18_000, 3, generator()).tolist()))
    assert len(drawn) == 36
    assert all(count == pytest.approx(500, abs=100) for count in drawn.values())


def test_one_patch_stays():
    images = torch.rand(3, 3, 7, 7, generator=generator(3))
    orders = draw_patch_orders(3, 1, generator())
    assert orders.tolist() == [[0], [0], [0]]
    assert torch.equal(shuffle_patches(images, orders), images)


def test_pictures_of_grey_values_are_shuffled_too():
    images = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4)
    shuffled = shuffle_patches(images, torch.tensor([[3, 2, 1, 0]]))
    assert shuffled.dtype == torch.uint8
    assert shuffled[0, 0, 0].tolist() == [10, 11, 8, 9]


def test_patches_of_unequal_size_are_refused():
    images = torch.zeros(1, 3, 10, 10)
    with pytest.raises(ValueError, match=r"expected a divisor of the image side 10 .*, got 3"):
        shuffle_patches(images, torch.arange(9)[None])


@pytest.mark.parametrize("factor", [0, -1, 1.5])
def test_no_number_of_patches_is_refused(factor):
    with pytest.raises(ValueError, match="factor: expected a"):
        draw_patch_orders(2, factor, generator())


def test_orders_are_a_function_of_the_generator_alone():
    first = draw_patch_orders(20, 3, generator(4))
    state = torch.get_rng_state()
    assert torch.equal(draw_patch_orders(20, 3, generator(4)), first)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(draw_patch_orders(20, 3, generator(5)), first)


def test_shuffling_reads_no_value_back_from_the_device():
    images = torch.empty(2, 3, 8, 8, device="meta")
    orders = draw_patch_orders(2, 2, generator())
    assert shuffle_patches(images, orders).is_meta
    assert shuffle_patches(images, orders.to("meta")).shape == images.shape
