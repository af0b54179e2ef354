import pickle

import pytest
import torch

from mgd3_kedro.images import LazyImages, chunks_of

IMAGES = torch.arange(7 * 3 * 2 * 2).view(7, 3, 2, 2).to(torch.uint8)


class Decoder:
    """Gives images, and keeps how many were asked for at a time."""

    def __init__(self):
        self.asked = []

    def __call__(self, numbers):
        self.asked.append(len(numbers))
        return IMAGES[list(numbers)]


class Refuser:
    def __call__(self, numbers):
        if 4 in numbers:
            raise ValueError("4.png: not an image")
        return IMAGES[list(numbers)]


@pytest.fixture
def lazy():
    """Return the images, decoded when they are asked for."""
    return LazyImages(Decoder(), 7, 2)


def test_there_are_as_many_as_of_the_tensor(lazy):
    assert len(lazy) == 7
    assert lazy.shape == (7, 3, 2, 2)
    assert lazy.decode.asked == []


@pytest.mark.parametrize(
    "rows",
    [
        slice(None),
        slice(2, 5),
        slice(5, 100),
        slice(3, 3),
        slice(-2, None),
        slice(0, 7, 3),
        [4, 0, 4],
        [],
        [-1],
        torch.tensor([6, 1]),
        torch.tensor([True, False] * 3 + [True]),
        3,
        -1,
    ],
)
def test_they_are_indexed_like_a_tensor(lazy, rows):
    found = lazy[rows]
    assert found.dtype == torch.uint8
    assert torch.equal(found, IMAGES[rows])


def test_only_what_is_asked_for_is_decoded(lazy):
    lazy[[5, 2]]
    lazy[1:4]
    assert lazy.decode.asked == [2, 3]


@pytest.mark.parametrize("rows", [7, [7], -8])
def test_an_image_that_is_not_there_is_refused(lazy, rows):
    with pytest.raises(IndexError):
        lazy[rows]


def test_a_chunk_is_decoded_when_it_is_asked_for(lazy):
    chunks = lazy.chunks(3)
    assert lazy.decode.asked == []
    for count, chunk in enumerate(chunks, start=1):
        assert len(lazy.decode.asked) == count
        assert torch.equal(chunk, IMAGES[3 * count - 3 : 3 * count])
    assert lazy.decode.asked == [3, 3, 1]


def test_an_image_that_fails_is_named():
    chunks = chunks_of(LazyImages(Refuser(), 7, 2), 3)
    assert torch.equal(next(chunks), IMAGES[:3])
    with pytest.raises(ValueError, match=r"4\.png: not an image"):
        next(chunks)


def test_global_random_numbers_are_neither_read_nor_moved(lazy):
    before = torch.get_rng_state()
    list(lazy.chunks(3))
    assert torch.equal(torch.get_rng_state(), before)


def test_images_in_memory_are_given_in_the_same_chunks():
    assert [len(chunk) for chunk in chunks_of(IMAGES, 3)] == [3, 3, 1]
    assert torch.equal(torch.cat(list(chunks_of(IMAGES, 3))), IMAGES)


def test_a_class_without_images_has_no_chunks():
    assert list(LazyImages(Decoder(), 0, 2).chunks(3)) == []


def test_they_can_be_sent_to_another_process(lazy):
    assert torch.equal(pickle.loads(pickle.dumps(lazy))[2:4], IMAGES[2:4])
