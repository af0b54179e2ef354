"""Images that are in files give the latents of the same images in memory, chunk by chunk."""

from dataclasses import asdict

import pytest
import torch

from mgd3_kedro.backbones import load_autoencoder
from mgd3_kedro.images import LazyImages
from mgd3_kedro.pipelines.encode.nodes import (
    Encoding,
    EncodingConfig,
    encode_classes,
    encode_images,
)
from mgd3_kedro.records import Benchmark, ClassSpec
from mgd3_kedro.stages import LoadedTask, Partition, Task

SPEC = ClassSpec(0, "n1", 4, "hen")


@pytest.fixture(scope="module")
def images():
    """Return 37 random images, (37, 3, 16, 16), uint8: two whole slices and a part."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (37, 3, 16, 16), dtype=torch.uint8, generator=generator)


class Decoder:
    """Gives images, and keeps which were asked for."""

    def __init__(self, images):
        self.images = images
        self.asked = []

    def __call__(self, numbers):
        self.asked.append(numbers)
        return self.images[numbers]


@pytest.fixture
def encode(model_folder, make_autoencoding):
    """Encode images of one class."""

    def encode_with(images, posterior="mean", workers=0):
        task = LoadedTask((images, model_folder), asdict(SPEC))
        settings = Encoding(make_autoencoding(), EncodingConfig(posterior, 0, workers))
        made = encode_classes({"n1": task}, settings)["n1"]
        assert made.count == len(images)
        return made.value["latents"]

    return encode_with


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("posterior", ["mean", "sample"])
def test_latents_are_those_of_images_in_memory_bit_for_bit(encode, images, posterior, workers):
    expected = encode(images, posterior)
    lazy = LazyImages(Decoder(images), len(images), 16)
    assert torch.equal(encode(lazy, posterior, workers), expected)


def test_chunks_leave_the_bits_of_one_call(encode, images, model_folder, make_autoencoding):
    whole = load_autoencoder(model_folder, make_autoencoding()).encode(images)
    assert torch.equal(encode(images), whole)


def test_images_go_through_in_slices_that_are_decoded_once(
    encode, images, model_folder, make_autoencoding
):
    size = load_autoencoder(model_folder, make_autoencoding()).slice_size
    decoder = Decoder(images)
    encode(LazyImages(decoder, len(images), 16))
    assert [len(numbers) for numbers in decoder.asked] == [size, size, 37 - 2 * size]
    assert [number for numbers in decoder.asked for number in numbers] == list(range(37))


def test_the_number_of_workers_invalidates_nothing(model_folder, make_autoencoding):
    from mgd3_kedro.datasets.fingerprint import plain_text

    plans = [
        encode_images(
            Benchmark("birds", 16, (SPEC,)),
            {"n1": Partition(lambda: None, "1", 37)},
            Partition(lambda: model_folder, "0"),
            make_autoencoding(),
            EncodingConfig("mean", 0, workers),
        )
        for workers in (0, 4)
    ]
    assert isinstance(plans[0].tasks["n1"], Task)
    assert plain_text(plans[0].settings) == plain_text(plans[1].settings)


def test_fewer_workers_than_none_are_refused():
    with pytest.raises(ValueError, match="workers: expected a number"):
        EncodingConfig("mean", 0, -1)
