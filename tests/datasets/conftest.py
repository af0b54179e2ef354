import pytest
from image_sets import CLASSES, FORMS, SIDE, all_files, image_of


@pytest.fixture
def files():
    """Return name -> bytes of the images of three classes."""
    return all_files()


@pytest.fixture
def pixels():
    """Return wnid -> images, (N, 3, 6, 6), uint8."""
    import torch

    return {
        wnid: torch.stack(
            [torch.from_numpy(image_of(wnid, n)).permute(2, 0, 1) for n in range(count)]
        )
        for wnid, count in CLASSES.items()
    }


@pytest.fixture
def table(tmp_path):
    """Write a class table with two of the three classes, not in sorted order."""
    path = tmp_path / "birds.tsv"
    path.write_text("n02\t7\towl, night bird\nn01\t4\then\n")
    return path


@pytest.fixture(params=FORMS)
def source(request, tmp_path, files):
    """Write the images in one of all forms; the path of each."""
    return FORMS[request.param](tmp_path, files)


@pytest.fixture
def write_form(tmp_path):
    """Write files in a form by its name."""
    return lambda form, files: FORMS[form](tmp_path, files)


@pytest.fixture
def make_set(tmp_path, table):
    """Return a data set of images with some settings changed."""
    from mgd3_kedro.datasets.labelled_images import LabelledImagesDataset

    def make(source, **changes):
        settings = {"index": "index", "image_size": SIDE, "classes": "birds.tsv", "root": tmp_path}
        return LabelledImagesDataset(**{"source": str(source), **settings, **changes})

    return make
