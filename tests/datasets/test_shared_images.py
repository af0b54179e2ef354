import json
import logging
import shutil

import numpy as np
import pytest
from kedro.io import DatasetError
from PIL import Image, ImageOps

from mgd3_kedro.datasets.shared_images import shared_images
from mgd3_kedro.preflight.images import warn_of_shared_images
from mgd3_kedro.stages import Partition


def rows(**digests):
    return tuple({"file": file, "digest": digest} for file, digest in digests.items())


def part(found):
    return Partition(lambda: None, "0", len(found), rows=found)


def test_files_are_compared_by_content_across_classes():
    train = {"n1": part(rows(a="1", b="2")), "n2": part(rows(c="3", d="4"))}
    test = {"n1": part(rows(x="5", y="3")), "n2": part(rows(z="1"))}
    assert shared_images(train, test) == ([("n1: a", "n2: z"), ("n2: c", "n1: y")], [])


def test_sets_that_say_nothing_about_files_have_nothing_in_common():
    made = {"n1": part(({"mode": 1},))}
    nothing = ([], [])
    assert shared_images(made, {"n1": part(rows(a="1"))}) == nothing
    assert shared_images({"n1": part(rows(a="1"))}, made) == nothing
    assert shared_images({"n1": part(())}, {"n1": part(())}) == nothing


SAVED = {
    "0.png": ("PNG", {"compress_level": 0}),
    "1.jpg": ("JPEG", {"quality": 95}),
    "2.jpg": ("JPEG", {"quality": 50}),
    "3.webp": ("WEBP", {"quality": 60}),
    "4.gif": ("GIF", {}),
    "5.tif": ("TIFF", {"compression": "tiff_lzw"}),
}


@pytest.fixture
def saved_again(tmp_path):
    """Write a train set, and a test set with the same pictures saved otherwise; their folders."""
    for number, (name, (form, options)) in enumerate(SAVED.items()):
        generator = np.random.default_rng(number)
        coarse = Image.fromarray(generator.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        picture = coarse.resize((64, 64), Image.Resampling.BICUBIC)
        for wnid in ("n01", "n02"):
            for split in ("train", "test"):
                (tmp_path / split / wnid).mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / f"train/n01/{number}.png")
        picture.save(tmp_path / f"test/n02/{name}", form, **options)
        mirrored = ImageOps.mirror(picture.rotate(90))
        mirrored.save(tmp_path / f"train/n02/{number}.png")
        ImageOps.mirror(mirrored).save(tmp_path / f"test/n01/{number}.png")
    return tmp_path / "train", tmp_path / "test"


@pytest.mark.parametrize(
    ("leaks", "same", "near"), [("pixels", 6, 0), ("near", 6, 6), ("off", 0, 0)]
)
def test_pictures_are_found_that_were_saved_again(
    leaks, same, near, saved_again, make_set, tmp_path
):
    train, test = saved_again
    (train / "n01/bad.png").write_bytes(b"no image")
    settings = {"leaks": leaks, "bad_images": "skip"}
    shared = shared_images(
        make_set(train, **settings).load(), make_set(test, index="test_index", **settings).load()
    )
    assert [sorted(pairs) for pairs in shared] == [
        [(f"n01: n01/{n}.png", f"n02: n02/{name}") for n, name in enumerate(SAVED)][:same],
        [(f"n02: n02/{n}.png", f"n01: n01/{n}.png") for n in range(near)],
    ]


def test_an_index_from_before_looks_were_kept_is_completed_once(folder_index, make_set):
    folder, index = folder_index
    before = make_set(folder).load()
    for path in index.iterdir():
        kept = json.loads(path.read_text())
        del kept["looks"]
        path.write_text(json.dumps(kept))
    times = [path.stat().st_mtime_ns for path in sorted(index.iterdir())]
    make_set(folder, leaks="off").load()
    assert [path.stat().st_mtime_ns for path in sorted(index.iterdir())] == times
    after = make_set(folder).load()
    assert {w: p.fingerprint for w, p in after.items()} == {
        w: p.fingerprint for w, p in before.items()
    }
    assert after["n01"].rows.looks().shape == (4, 16, 16)


@pytest.fixture
def folder_index(write_form, files, tmp_path):
    return write_form("folder", files), tmp_path / "index"


def test_a_way_to_look_for_leaks_that_is_not_known_is_refused(make_set, tmp_path):
    with pytest.raises(DatasetError, match="leaks: expected one of pixels, near, off, got 'bytes'"):
        make_set(tmp_path, leaks="bytes")


def test_a_run_is_warned_of_test_images_among_its_train_images(
    write_form, files, make_set, tmp_path, caplog
):
    train = write_form("folder", files)
    test = tmp_path / "test"
    shutil.copytree(train, test)
    for number in range(5):
        (test / f"n02/{number}.png").write_bytes(files[f"n03/{number % 3}.png"])
    inputs = {
        "train_images": make_set(train).load(),
        "test_images": make_set(test, index="test_index", part=[0.5, 1]).load(),
    }
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        warn_of_shared_images(inputs)
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warned == [
        "2 train images are also test images, which makes accuracies too high: "
        "n01: n01/2.png = n01: n01/2.png; n01: n01/3.png = n01: n01/3.png"
    ]


def test_sets_without_a_common_image_are_passed_in_silence(caplog):
    train = {"n1": part(rows(a="1"))}
    warn_of_shared_images({"train_images": train, "test_images": {"n1": part(rows(a="2"))}})
    assert caplog.messages == []


def test_near_images_are_told_apart_from_the_same(saved_again, make_set, caplog):
    train, test = saved_again
    warn_of_shared_images(
        {
            "train_images": make_set(train, leaks="near").load(),
            "test_images": make_set(test, index="test_index").load(),
        }
    )
    first, second = (one.message for one in caplog.records if one.levelname == "WARNING")
    assert first.startswith("6 train images are also test images")
    assert second.startswith("6 train images look like mirrored or cropped test images: n02: n02/0")


def test_only_the_first_are_named(caplog):
    same = {"n1": part(rows(**{f"f{number}": str(number) for number in range(8)}))}
    warn_of_shared_images({"train_images": same, "test_images": same})
    assert caplog.messages[0].startswith("8 train images")
    assert caplog.messages[0].endswith("n1: f4 = n1: f4 and 3 more")
