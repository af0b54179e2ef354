import base64
import io
import resource

import numpy as np
import pytest
from kedro.io import DatasetError
from kedro_viz.models.flowchart.node_metadata import DataNodeMetadata
from kedro_viz.models.flowchart.nodes import GraphNode
from PIL import Image

from mgd3_kedro.datasets.picture import PictureDataset
from mgd3_kedro.plain_errors import describe_error


@pytest.fixture
def picture():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_a_picture_comes_back_as_it_was(picture, tmp_path):
    dataset = PictureDataset(filepath=str(tmp_path / "new/folder/sheet.png"))
    assert not dataset.exists()
    dataset.save(picture)
    assert dataset.exists()
    assert np.array_equal(np.asarray(dataset.load()), np.asarray(picture))


def test_the_preview_is_the_picture_in_base64(picture, tmp_path):
    dataset = PictureDataset(filepath=str(tmp_path / "sheet.png"))
    dataset.save(picture)
    with Image.open(io.BytesIO(base64.b64decode(dataset.preview()))) as shown:
        assert shown.format == "PNG"
        assert np.array_equal(np.asarray(shown), np.asarray(picture))


def test_kedro_viz_shows_the_preview_as_a_picture(picture, tmp_path):
    dataset = PictureDataset(filepath=str(tmp_path / "sheet.png"))
    dataset.save(picture)
    node = GraphNode.create_data_node("1", "sheet", None, set(), dataset, None)
    shown = DataNodeMetadata(data_node=node)
    assert shown.preview_type == "ImagePreview"
    assert shown.preview == dataset.preview()


def test_a_full_disk_is_told_with_the_path_and_the_old_picture_stays(picture, tmp_path):
    dataset = PictureDataset(filepath=str(tmp_path / "deep/picture.png"))
    dataset.save(picture)
    before = (tmp_path / "deep/picture.png").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(DatasetError) as told:
            dataset.save(picture)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert describe_error(told.value).startswith(f"{tmp_path}/deep/picture.png: File too large")
    assert (tmp_path / "deep/picture.png").read_bytes() == before
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["picture.png"]
