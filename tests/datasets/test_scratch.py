import pytest
from kedro.io import DatasetError

from mgd3_kedro.datasets.scratch import ScratchFolderDataset


def test_loading_gives_a_folder_that_is_there_and_keeps_what_is_in_it(tmp_path):
    dataset = ScratchFolderDataset(filepath=str(tmp_path / "work/mnist"))
    assert not dataset.exists()
    folder = dataset.load()
    (folder / "step.ckpt").write_bytes(b"100")
    assert dataset.exists()
    assert (dataset.load() / "step.ckpt").read_bytes() == b"100"
    assert folder == tmp_path / "work/mnist"


def test_the_folder_cannot_be_saved_as_a_whole(tmp_path):
    with pytest.raises(DatasetError, match="written by the computation itself"):
        ScratchFolderDataset(filepath=str(tmp_path)).save({})
