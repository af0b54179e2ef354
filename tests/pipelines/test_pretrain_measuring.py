from functools import partial

import pytest
import torch
from diffusers import AutoencoderKL

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.pipelines.pretrain.latents import EncodedImages
from mgd3_kedro.pipelines.pretrain.measuring import measure_memorisation, measure_reconstruction
from mgd3_kedro.stages import Partition
from mgd3_kedro.training.loop import Trained

CLASSES = tuple(ClassSpec(label, f"n{label}", label, f"class {label}") for label in range(3))
BENCHMARK = Benchmark("some", 32, CLASSES)
SHAPE = (2, 3, 3)
TRAIN, TEST = 40, 15


def encoded(count, seed, *, mirrored=True):
    """Return latents of three classes far apart."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(3).repeat_interleave(count)
    latents = torch.randn(3 * count, *SHAPE, generator=generator)
    latents = latents + 100.0 * labels.view(-1, 1, 1, 1)
    return EncodedImages(latents, latents.flip(-1) if mirrored else None, labels)


def samples_of(encoded, count=10):
    """Return the first latents of every class as if they were drawn."""
    return {spec.wnid: encoded.latents[encoded.labels == spec.label][:count] for spec in CLASSES}


def small_autoencoder():
    """Return an autoencoder that answers with something near grey."""
    torch.manual_seed(0)
    return AutoencoderKL(block_out_channels=(4,), norm_num_groups=2, sample_size=16).eval()


@pytest.fixture
def train():
    return encoded(TRAIN, 0)


@pytest.fixture
def test_split():
    return encoded(TEST, 1)


def test_copies_are_found_in_every_class(train, test_split):
    metrics, table, _ = measure_memorisation(BENCHMARK, train, test_split, samples_of(train))
    assert metrics["samples_p95"] == 0
    assert metrics["nearest_percent"] == 100
    assert metrics["nearer_probability"] == 1
    assert metrics["training_nearest_percent"] == 100
    assert (table["nearest_percent"] == 100).all()


def test_mirrored_copies_are_copies_where_mirrored_images_were_trained_on(train, test_split):
    copies = {wnid: of_class.flip(-1) for wnid, of_class in samples_of(train).items()}
    seen, _, _ = measure_memorisation(BENCHMARK, train, test_split, copies)
    assert seen["samples_p95"] == 0
    straight = encoded(TRAIN, 0, mirrored=False), encoded(TEST, 1, mirrored=False)
    unseen, _, _ = measure_memorisation(BENCHMARK, *straight, copies)
    assert unseen["samples_p5"] > 1


def test_new_images_are_as_far_as_test_images_are(train, test_split):
    metrics, _, _ = measure_memorisation(
        BENCHMARK, train, test_split, samples_of(encoded(200, 2), 200)
    )
    assert metrics["nearer_probability"] == pytest.approx(0.5, abs=0.1)
    assert metrics["samples_p50"] == pytest.approx(metrics["unseen_p50"], rel=0.1)
    chance = 100 * TRAIN / (TRAIN + TEST)
    assert metrics["training_nearest_by_chance"] == pytest.approx(chance)
    assert metrics["training_nearest_percent"] == pytest.approx(chance, abs=10)


def test_images_of_other_classes_do_not_count(train, test_split):
    drawn = samples_of(train)
    turned = dict(zip(drawn, [*list(drawn.values())[1:], drawn["n0"]], strict=True))
    metrics, _, _ = measure_memorisation(BENCHMARK, train, test_split, turned)
    assert metrics["samples_p5"] > 50
    assert metrics["nearest_percent"] == 0


def test_the_table_has_a_line_per_class_and_one_for_all(train, test_split):
    metrics, table, figure = measure_memorisation(
        BENCHMARK, train, test_split, samples_of(encoded(7, 3), 7)
    )
    assert table["wnid"].tolist() == ["n0", "n1", "n2", "all"]
    assert table["class_name"].tolist() == ["class 0", "class 1", "class 2", ""]
    assert table["samples"].tolist() == [7, 7, 7, 21]
    assert table["unseen"].tolist() == [TEST] * 3 + [3 * TEST]
    assert table.iloc[-1][list(metrics)].to_dict() == metrics
    names = {patch.get_label() for patch in figure.axes[0].patches}
    assert {"samples (21)", "test images (45)"} <= names


def test_reconstructions_are_told_of_the_set_they_are_of():
    def partitions(low, high):
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(low, high, (3, 2, 3, 16, 16), generator=generator).byte()
        return {
            spec.wnid: Partition(partial(images.__getitem__, spec.label), spec.wnid)
            for spec in CLASSES
        }

    benchmark = Benchmark("some", 16, CLASSES)
    noise, grey = partitions(0, 256), partitions(127, 129)
    autoencoder = Trained(small_autoencoder())
    both = measure_reconstruction(benchmark, noise, grey, autoencoder)
    same = measure_reconstruction(benchmark, noise, noise, autoencoder)
    assert both["psnr_train"] == same["psnr_train"] == same["psnr_test"]
    assert both["psnr_test"] > both["psnr_train"] + 5
