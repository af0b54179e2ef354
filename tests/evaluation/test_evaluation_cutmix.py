import numpy as np
import torch

from mgd3_kedro.evaluation.cutmix import Cut, cut_mix, draw_cut

SIZE = 10


def constant_images(count):
    values = torch.arange(1.0, count + 1)
    return values[:, None, None, None].expand(count, 3, SIZE, SIZE).clone()


def test_exactly_the_box_is_pasted_from_the_partner():
    images = constant_images(4)
    cut = Cut(torch.tensor([2, 0, 3, 1]), top=1, bottom=4, left=5, right=10)
    mixed, _ = cut_mix(images, torch.eye(4), cut)
    for sample in range(4):
        for row in range(SIZE):
            for column in range(SIZE):
                inside = 1 <= row < 4 and 5 <= column < 10
                source = cut.partners[sample] if inside else sample
                assert (mixed[sample, :, row, column] == images[source, 0, 0, 0]).all()
    assert torch.equal(images, constant_images(4))


def test_images_and_soft_targets_are_mixed_as_pixel_by_pixel():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(5, 3, SIZE, SIZE, generator=generator)
    targets = torch.rand(5, 4, generator=generator).softmax(1)
    for _ in range(20):
        cut = draw_cut(5, SIZE, generator)
        mixed, mixed_targets = cut_mix(images, targets, cut)
        for sample in range(5):
            expected, share = np.empty((3, SIZE, SIZE), np.float32), np.zeros(4)
            for row in range(SIZE):
                for column in range(SIZE):
                    pasted = row in range(cut.top, cut.bottom)
                    pasted = pasted and column in range(cut.left, cut.right)
                    source = int(cut.partners[sample]) if pasted else sample
                    expected[:, row, column] = images[source, :, row, column].numpy()
                    share += targets[source].numpy() / SIZE**2
            np.testing.assert_array_equal(mixed[sample].numpy(), expected)
            np.testing.assert_allclose(mixed_targets[sample].numpy(), share, atol=1e-6)


def test_targets_are_mixed_by_the_pixels_really_pasted():
    for seed in range(50):
        generator = torch.Generator().manual_seed(seed)
        cut = draw_cut(5, SIZE, generator)
        images = constant_images(5)
        mixed, targets = cut_mix(images, torch.eye(5), cut)
        for sample, partner in enumerate(cut.partners.tolist()):
            expected = torch.zeros(5)
            for pixel in mixed[sample, 0].flatten().tolist():
                expected[int(pixel) - 1] += 1 / SIZE**2
            assert torch.allclose(targets[sample], expected, atol=1e-6)
            assert partner == sample or targets[sample].count_nonzero() <= 2


def test_partners_are_a_permutation_and_boxes_stay_inside():
    for seed in range(200):
        cut = draw_cut(7, SIZE, torch.Generator().manual_seed(seed))
        assert sorted(cut.partners.tolist()) == list(range(7))
        assert 0 <= cut.top <= cut.bottom <= SIZE
        assert 0 <= cut.left <= cut.right <= SIZE


def test_boxes_off_the_edge_are_squares_of_an_even_number_of_pixels():
    generator = torch.Generator().manual_seed(0)
    sides = set()
    for _ in range(500):
        cut = draw_cut(2, 32, generator)
        if cut.top > 0 and cut.left > 0 and cut.bottom < 32 and cut.right < 32:
            assert cut.bottom - cut.top == cut.right - cut.left
            sides.add(cut.bottom - cut.top)
    assert {0, 2, 4, 10, 20} <= sides
    assert all(side % 2 == 0 for side in sides)


def test_pasted_areas_are_distributed_as_those_drawn_one_by_one():
    rng = np.random.default_rng(0)
    theirs = []
    for _ in range(4000):
        side = int(32 * np.sqrt(1 - rng.beta(1, 1)))
        x, y = rng.integers(32), rng.integers(32)
        width = np.clip(x + side // 2, 0, 32) - np.clip(x - side // 2, 0, 32)
        height = np.clip(y + side // 2, 0, 32) - np.clip(y - side // 2, 0, 32)
        theirs.append(width * height / 1024)
    generator = torch.Generator().manual_seed(0)
    cuts = [draw_cut(2, 32, generator) for _ in range(4000)]
    ours = [(cut.bottom - cut.top) * (cut.right - cut.left) / 1024 for cut in cuts]
    np.testing.assert_allclose(np.mean(ours), np.mean(theirs), atol=0.015)
    np.testing.assert_allclose(
        np.quantile(ours, [0.1, 0.5, 0.9]), np.quantile(theirs, [0.1, 0.5, 0.9]), atol=0.03
    )


def test_a_cut_is_a_function_of_the_generator_alone():
    first = draw_cut(6, 32, torch.Generator().manual_seed(3))
    state = torch.get_rng_state()
    again = draw_cut(6, 32, torch.Generator().manual_seed(3))
    assert torch.equal(first.partners, again.partners)
    assert first[1:] == again[1:]
    assert torch.equal(torch.get_rng_state(), state)
    assert draw_cut(6, 32, torch.Generator().manual_seed(4))[1:] != first[1:]
