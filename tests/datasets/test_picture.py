import base64
import io

import numpy as np
import pytest
from kedro_viz.models.flowchart.node_metadata import DataNodeMetadata
from kedro_viz.models.flowchart.nodes import GraphNode
from PIL import Image

from mgd3_kedro.datasets.picture import PictureDataset


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
