import logging
import shutil

from mgd3_kedro.datasets.shared_images import shared_images
from mgd3_kedro.preflight.images import check_disjoint
from mgd3_kedro.stages import Partition


def rows(**digests):
    return tuple({"file": file, "digest": digest} for file, digest in digests.items())


def part(found):
    return Partition(lambda: None, "0", len(found), rows=found)


def test_files_are_compared_by_content_across_classes():
    train = {"n1": part(rows(a="1", b="2")), "n2": part(rows(c="3", d="4"))}
    test = {"n1": part(rows(x="5", y="3")), "n2": part(rows(z="1"))}
    assert shared_images(train, test) == [("n1: a", "n2: z"), ("n2: c", "n1: y")]


def test_sets_that_say_nothing_about_files_have_nothing_in_common():
    made = {"n1": part(({"mode": 1},))}
    assert shared_images(made, {"n1": part(rows(a="1"))}) == []
    assert shared_images({"n1": part(rows(a="1"))}, made) == []
    assert shared_images({"n1": part(())}, {"n1": part(())}) == []


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
        check_disjoint(inputs)
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warned == [
        "2 train images are test images too, which flatters accuracies: "
        "n01: n01/2.png = n01: n01/2.png; n01: n01/3.png = n01: n01/3.png"
    ]


def test_sets_without_a_common_image_are_passed_in_silence(caplog):
    train = {"n1": part(rows(a="1"))}
    check_disjoint({"train_images": train, "test_images": {"n1": part(rows(a="2"))}})
    assert caplog.messages == []


def test_only_the_first_are_named(caplog):
    same = {"n1": part(rows(**{f"f{number}": str(number) for number in range(8)}))}
    check_disjoint({"train_images": same, "test_images": same})
    assert caplog.messages[0].startswith("8 train images")
    assert caplog.messages[0].endswith("n1: f4 = n1: f4 and 3 more")
