"""Real images are read from their files, once resized to the side that networks see."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_project import base_parameters, merged

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.datasets.labelled_images import LabelledImagesDataset
from mgd3_kedro.evaluation.protocols import PROTOCOLS
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.images import LazyImages
from mgd3_kedro.pipeline_registry import build_pipelines
from mgd3_kedro.pipelines.train_eval.fitting import Fit, fit_classes, training_set
from mgd3_kedro.pipelines.train_eval.nodes import fit_test_images
from mgd3_kedro.pipelines.train_eval.originals import given_images, use_original_files
from mgd3_kedro.stages import GIVEN, RESIZED, Partition, Task

SIZES = ((97, 61), (48, 80), (53, 53))
HARD, SOFT = PROTOCOLS["hard"], PROTOCOLS["soft"]


def picture(width, height, seed):
    """Draw noise that a filter changes, in the shape of a photo."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return Image.fromarray(noise.astype(np.uint8))


def seen_once(image, resize, size):
    """Resize the short side and cut out the centre, as torchvision documents it."""
    scale = resize / min(image.size)
    width, height = int(image.width * scale + 1e-9), int(image.height * scale + 1e-9)
    resized = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    top, left = round((height - size) / 2), round((width - size) / 2)
    return torch.from_numpy(resized[top : top + size, left : left + size]).permute(2, 0, 1)


def same(images, expected):
    """Tell whether images are those of Pillow but for one grey level."""
    return images.shape == expected.shape and (images.int() - expected.int()).abs().max() <= 1


@pytest.fixture
def photos():
    return [picture(*size, seed) for seed, size in enumerate(SIZES)]


@pytest.fixture
def real(tmp_path, photos):
    """Return a class of photos whose benchmark has images of 32 px."""
    folder = tmp_path / "images" / "n1"
    folder.mkdir(parents=True)
    for number, photo in enumerate(photos):
        photo.save(folder / f"{number}.png")
    made = LabelledImagesDataset(
        source=str(folder.parent), index=str(tmp_path / "index"), image_size=32
    )
    return made.load()["n1"]


def kept(rows):
    """Return images of a method, with what is written down about them."""
    return Partition(
        partial(torch.zeros, (len(rows), 3, 32, 32), dtype=torch.uint8),
        "squares",
        len(rows),
        rows=rows,
        configuration="chosen",
    )


@pytest.mark.parametrize(("resize", "size"), [(24, 24), (32, 28)])
def test_test_images_are_files_resized_once(resize, size, real, photos):
    made = fit_classes({"n1": Task({"images": real}).loaded()}, Fit(resize, size))
    expected = torch.stack([seen_once(photo, resize, size) for photo in photos])
    assert same(made["n1"].value["images"], expected)
    # The square of the benchmark is softer: it was resized before.
    twice = fit_images(real.load()[:], resize, size)
    assert (twice.float() - expected).square().mean().sqrt() > 2


def test_all_real_images_are_trained_on_as_networks_see_them(real, photos):
    whole = training_set([real.load()], HARD, Fit(24, 24))
    assert same(whole.images, torch.stack([seen_once(photo, 24, 24) for photo in photos]))
    # The soft protocol cuts its crops from what the test images' centres are cut from.
    whole = training_set([real.load()], SOFT, Fit(32, 28))
    assert same(whole.images, torch.stack([seen_once(photo, 32, 32) for photo in photos]))


@pytest.mark.parametrize("recipe", [HARD, SOFT])
def test_real_images_that_were_kept_are_read_from_their_files(recipe, real, photos):
    rows = ({"image_number": 2, "mirrored": True}, {"image_number": 0, "mirrored": False})
    images = use_original_files({"n1": kept(rows)}, {"n1": real})["n1"]
    assert (images.count, images.configuration, images.rows) == (2, "chosen", rows)
    shown = training_set([images.load()], recipe, Fit(24, 24)).images
    assert same(shown[0], seen_once(photos[2], 24, 24).flip(-1))
    assert same(shown[1], seen_once(photos[0], 24, 24))


def test_images_kept_of_a_set_without_files_are_those_that_are_there():
    digits = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    for images in (digits, LazyImages(lambda numbers: digits[numbers], 5, 32)):
        real = Partition(lambda images=images: images, "digits", 5)
        chosen = use_original_files(
            {
                "7": kept(
                    ({"image_number": 4, "mirrored": False}, {"image_number": 1, "mirrored": False})
                )
            },
            {"7": real},
        )
        shown = training_set([chosen["7"].load()], HARD, Fit(32, 32)).images
        assert torch.equal(shown, digits[[4, 1]])


def test_other_files_or_other_choices_are_other_images(real):
    def identity(number, images=real):
        rows = ({"image_number": number, "mirrored": False},)
        chosen = replace(kept(rows), fingerprint=f"square {number}")
        return use_original_files({"n1": chosen}, {"n1": images})["n1"].fingerprint

    others = [identity(1), identity(0, replace(real, fingerprint="others")), "square 0"]
    assert len({identity(0), *others}) == 4


def identities(images, resize, train_images=None):
    return given_images({"n1": images}, train_images, resize, 32)["n1"].fingerprint


def test_files_that_networks_see_at_another_side_are_known_by_how_they_are_resized(real):
    assert identities(real, 32) == real.fingerprint
    assert identities(real, 24) == digest("resized once", RESIZED, real.fingerprint)
    chosen = kept(({"image_number": 0, "mirrored": False},))
    same_side = use_original_files({"n1": chosen}, {"n1": real})["n1"].fingerprint
    assert identities(chosen, 32, {"n1": real}) == same_side != identities(chosen, 24, {"n1": real})


def test_images_that_are_in_no_files_are_known_by_what_they_always_were():
    digits = Partition(partial(torch.zeros, 5, 3, 32, 32), "digits", 5, configuration=GIVEN)
    for images in (digits, kept(({"image_number": 0, "mirrored": False},))):
        assert identities(images, 24) == images.fingerprint


@pytest.mark.parametrize(("side", "changes"), [(24, True), (32, False), (None, False)])
def test_test_images_are_known_by_how_they_are_resized_for_networks(side, changes, real):
    birds = Benchmark("birds", 32, (ClassSpec(0, "n1", 0, "owl"),))
    [(_, images)] = fit_test_images(birds, {"n1": real}, "hard", side).tasks["n1"].partitions
    assert (images.fingerprint != real.fingerprint) == changes
    assert images.load is real.load


def test_images_without_provenance_stay_as_they_are(real):
    given = kept(())
    assert use_original_files({"n1": given}, {"n1": real})["n1"] is given


@pytest.mark.parametrize(
    ("method", "changes", "reads"),
    [
        ("random", {}, True),
        ("herding", {}, True),
        ("random", {"images": "elsewhere"}, False),
        ("random", {"methods": {"random": {"reconstructed": True}}}, False),
        ("mgd3", {}, False),
    ],
)
def test_trainings_read_files_where_the_method_keeps_real_images(method, changes, reads):
    read = base_parameters("parameters", "parameters_export")
    parameters = merged(read, {"method": method, **changes})
    for protocol, name in (("hard", "train_networks"), ("soft_stored", "label_images")):
        pipelines = build_pipelines({**parameters, "protocol": protocol})
        node = SimpleNamespace(**{one.short_name: one for one in pipelines["train_eval"].nodes})
        assert ("train_images" in getattr(node, name).inputs) == reads
