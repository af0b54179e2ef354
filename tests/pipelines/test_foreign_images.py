import pytest
from PIL import Image
from tiny_project import evaluated, output, run

from mgd3_kedro.datasets.given_images import GivenImagesDataset
from mgd3_kedro.stages import GIVEN


def alter(folder):
    Image.new("RGB", (32, 32), "red").save(folder / "images/3/0.png")


def add(folder):
    Image.new("RGB", (32, 32), "red").save(folder / "images/3/9.png")


def remove(folder):
    (folder / "images/3/0.png").unlink()


def forget(folder):
    (folder / "images.manifest/3.json").unlink()


def damage(folder):
    (folder / "images.manifest/3.json").write_text("null")


@pytest.mark.parametrize("change", [alter, add, remove, forget, damage])
def test_images_that_are_not_those_that_were_made_are_told_from_them(change, copied):
    folder = output(copied, "07_model_output")
    change(folder)
    found = GivenImagesDataset(filepath=str(folder / "images")).load()
    assert [wnid for wnid, one in found.items() if one.configuration == GIVEN] == ["3"]


def test_they_replace_no_row(copied):
    path = evaluated(copied, "08_reporting") / "result_rows.csv"
    rows = path.read_bytes()
    alter(output(copied, "07_model_output"))
    for pipeline in ("train_eval", "analyze_diversity"):
        with pytest.raises(
            ValueError, match=r"got other images in class 3 .*images=FOLDER,method=NAME"
        ):
            run(copied, pipeline)
    assert path.read_bytes() == rows
