import platform
import zipfile

import pytest

from benchmarks.encoding import ImageSet
from benchmarks.models import Bench
from benchmarks.streaming import compare_peaks, write_images

FEW = ImageSet(classes=2, images=3, side=16, channels=(8, 8))


def test_an_archive_has_as_many_images_of_each_class_as_asked_for(tmp_path):
    write_images(tmp_path / "a.zip", FEW, 3)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = sorted(archive.namelist())
    assert names == [f"{label}/{number}.png" for label in range(2) for number in range(3)]


@pytest.mark.slow
@pytest.mark.skipif(platform.system() != "Linux", reason="reads /proc")
def test_the_peaks_of_two_processes_are_compared(tmp_path):
    median, low, high = compare_peaks(Bench(tmp_path, "cpu", 0.1), FEW, more=2)
    assert low == median == high
    assert 0.7 < median < 1.4
    assert len(list((tmp_path / "of6/latents").glob("*.safetensors"))) == 2
