"""Images that are in files give the latents of the same images in memory, chunk by chunk."""

import threading
import time
from dataclasses import asdict, replace

import pytest
import torch

from mgd3_kedro.backbones import load_autoencoder
from mgd3_kedro.backbones.autoencoder import LatentAutoencoder
from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.images import LazyImages, encoded_images
from mgd3_kedro.pipelines.encode.ahead import decode_ahead
from mgd3_kedro.pipelines.encode.nodes import (
    Encoding,
    EncodingConfig,
    encode_classes,
    encode_images,
)
from mgd3_kedro.sampling.sampler import image_generator
from mgd3_kedro.stages import Partition, Task

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


class Slow(Decoder):
    """Gives the first images last, refuses one, and minds two threads at once in one of it."""

    broken = None

    def __call__(self, numbers):
        assert not vars(self).get("busy")
        self.busy = True
        time.sleep(0.02 if numbers[0] == 0 else 0.001)
        if self.broken in numbers:
            raise ValueError(f"image {self.broken}: cut")
        self.busy = False
        return self.images[numbers]


class Marking:
    """Counts what is decoded, by whichever copy of it."""

    decoded = 0

    def __call__(self, numbers):
        Marking.decoded += len(numbers)
        return torch.zeros(len(numbers), 3, 16, 16, dtype=torch.uint8)


@pytest.fixture
def encode_as(model_folder, make_autoencoding):
    """Encode images of one class, with what tells which image a latent stands for."""

    def encode_with(images, config, spec=SPEC):
        task = Task({"images": images, "prior": model_folder}, asdict(spec))
        made = encode_classes({spec.wnid: task}, Encoding(make_autoencoding(), config))[spec.wnid]
        assert made.count == len(made.value["latents"])
        return made.value

    return encode_with


@pytest.fixture
def encode(encode_as):
    """Encode images of one class, one latent each."""

    def encode_with(images, posterior="mean", workers=0, flip="none"):
        value = encode_as(images, EncodingConfig(posterior, flip, 0, "fp32", workers))
        assert value["image_numbers"].tolist() == list(range(len(images)))
        return value["latents"]

    return encode_with


@pytest.mark.parametrize("workers", [0, 2, -1])
@pytest.mark.parametrize("posterior", ["mean", "sample"])
@pytest.mark.parametrize("flip", ["none", "random"])
def test_latents_are_those_of_images_in_memory_bit_for_bit(
    encode, images, flip, posterior, workers
):
    expected = encode(images, posterior, flip=flip)
    lazy = LazyImages(Decoder(images), len(images), 16)
    assert torch.equal(encode(lazy, posterior, workers, flip), expected)


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


@pytest.mark.parametrize("size", [3, 16, 40])
def test_threads_give_all_slices_in_order_each_with_a_decoder_of_its_own(images, size):
    lazy = LazyImages(Slow(images), len(images), 16)
    slices = list(decode_ahead(lazy, size, 3))
    assert [len(part) for part in slices[:-1]] == [size] * (len(slices) - 1)
    assert torch.equal(torch.cat(slices), images)


def test_no_more_is_decoded_ahead_than_some_slices(images):
    many, before = LazyImages(Marking(), 4000, 16), threading.active_count()
    ahead = decode_ahead(many, 8, 2)
    next(ahead)
    time.sleep(0.05)
    assert Marking.decoded <= 8 + 3 * 8
    ahead.close()
    assert threading.active_count() <= before + 1


def test_a_file_that_cannot_be_read_is_named_and_no_thread_stays(images):
    slow = Slow(images)
    slow.broken = 20
    before = threading.active_count()
    with pytest.raises(ValueError, match="image 20: cut"):
        list(decode_ahead(LazyImages(slow, len(images), 16), 8, 2))
    assert threading.active_count() == before


def test_latents_are_kept_in_half_precision_where_that_is_asked_for(encode, encode_as, images):
    value = encode_as(images, EncodingConfig("mean", "none", 0, "fp16", 0))
    assert value["latents"].dtype == torch.float16
    assert torch.equal(value["latents"], encode(images).half())
    assert value["image_numbers"].tolist() == list(range(37))


def test_an_unknown_form_of_latents_is_refused_by_name():
    with pytest.raises(ValueError, match="unknown keep 'fp8': expected one of fp16, fp32"):
        EncodingConfig("mean", "none", 0, "fp8", 0)


def test_the_number_of_workers_invalidates_nothing(model_folder, make_autoencoding):
    from mgd3_kedro.fingerprint import plain_text

    plans = [
        encode_images(
            Benchmark("birds", 16, (SPEC,)),
            {"n1": Partition(lambda: None, "1", 37)},
            Partition(lambda: model_folder, "0"),
            make_autoencoding(),
            EncodingConfig("mean", "none", 0, "fp32", workers),
        )
        for workers in (0, 4)
    ]
    assert isinstance(plans[0].tasks["n1"], Task)
    assert plain_text(plans[0].settings) == plain_text(plans[1].settings)


def test_fewer_workers_than_none_are_refused():
    with pytest.raises(ValueError, match="workers: expected a number"):
        EncodingConfig("mean", "none", 0, "fp32", -2)


def test_half_of_the_images_are_mirrored_at_random_and_each_latent_is_of_its_image(
    encode, encode_as, images
):
    config = EncodingConfig("mean", "random", 0, "fp32", 0)
    value = encode_as(images, config)
    assert 8 < value["mirrored"].sum() < 29
    seen = encoded_images(images, value, torch.arange(37))
    for image, original, mirrored in zip(seen, images, value["mirrored"], strict=True):
        assert torch.equal(image, original.flip(-1) if mirrored else original)
    assert torch.equal(value["latents"], encode(seen))
    again = encode_as(images, config)
    assert torch.equal(again["mirrored"], value["mirrored"])
    others = [
        encode_as(images, EncodingConfig("mean", "random", 1, "fp32", 0)),
        encode_as(images, config, replace(SPEC, class_index=5)),
    ]
    assert not any(torch.equal(other["mirrored"], value["mirrored"]) for other in others)


@pytest.mark.parametrize("lazy", [False, True])
def test_each_image_is_encoded_either_way(encode, encode_as, images, lazy):
    given = LazyImages(Decoder(images), len(images), 16) if lazy else images
    value = encode_as(given, EncodingConfig("mean", "both", 0, "fp32", 0))
    assert value["image_numbers"].tolist() == [*range(37), *range(37)]
    assert value["mirrored"].tolist() == [False] * 37 + [True] * 37
    assert torch.equal(value["latents"], torch.cat([encode(images), encode(images.flip(-1))]))
    rows = torch.tensor([40, 3])
    assert torch.equal(
        encoded_images(given, value, rows), torch.stack([images[3].flip(-1), images[3]])
    )


def test_draws_of_an_image_and_its_mirrored_one_differ(encode_as):
    # A symmetric image: whatever differs is the draw.
    image = torch.full((1, 3, 16, 16), 100, dtype=torch.uint8)
    first, second = encode_as(image, EncodingConfig("sample", "both", 0, "fp32", 0))["latents"]
    assert not torch.equal(first, second)


def test_an_unknown_flip_is_refused_by_name():
    with pytest.raises(
        ValueError, match="unknown flip 'boths': expected one of both, none, random; did"
    ):
        EncodingConfig("mean", "boths", 0, "fp32", 0)


def test_classes_of_one_index_are_mirrored_and_drawn_each_for_itself(
    images, model_folder, make_autoencoding
):
    hens = tuple(replace(SPEC, label=label, wnid=f"n{label}") for label in (0, 1))
    real = {spec.wnid: Partition(lambda: images, "real", len(images)) for spec in hens}
    prior = Partition(lambda: model_folder, "prior")
    stage = encode_images(
        Benchmark("hens", 16, hens),
        real,
        prior,
        make_autoencoding(),
        EncodingConfig("sample", "random", 0, "fp32", 0),
    )
    # The first is what it is without the other.
    assert stage.tasks["n0"].about == asdict(hens[0])
    tasks = {wnid: task.loaded() for wnid, task in stage.tasks.items()}
    first, second = (one.value for one in encode_classes(tasks, stage.settings).values())
    assert not torch.equal(first["mirrored"], second["mirrored"])
    same = first["mirrored"] == second["mirrored"]
    assert not (first["latents"] == second["latents"])[same].flatten(1).all(1).any()


def test_draws_are_not_those_of_images_that_are_made(encode_as, images, monkeypatch):
    seeds = []
    encode_all = LatentAutoencoder.encode

    def note(self, shown, generators=None, names=None):
        seeds.extend(generator.initial_seed() for generator in generators)
        return encode_all(self, shown, generators, names)

    monkeypatch.setattr(LatentAutoencoder, "encode", note)
    encode_as(images, EncodingConfig("sample", "none", 0, "fp32", 0))
    numbers, candidates = range(len(images)), range(4)
    made = {
        image_generator(0, SPEC.class_index, number, candidate).initial_seed()
        for number in numbers
        for candidate in candidates
    }
    assert len({*seeds}) == len(images)
    assert not made & {*seeds}
