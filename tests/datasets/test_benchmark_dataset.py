import pytest
from kedro.io import DatasetError
from PIL import Image

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.datasets.benchmark import BenchmarkDataset


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a class table and gives its dataset."""

    def write(text):
        path = tmp_path / "birds.tsv"
        path.write_text(text, encoding="utf-8")
        return BenchmarkDataset(filepath=str(path), name="birds", image_size=64)

    return write


def test_the_line_is_the_label_and_names_may_hold_anything_but_a_tab(table):
    loaded = table('n02\t7\tgreat grey owl, Strix nebulosa\nn01\t3\t"hen" – Île\n').load()
    assert loaded == Benchmark(
        "birds",
        64,
        (
            ClassSpec(0, "n02", 7, "great grey owl, Strix nebulosa"),
            ClassSpec(1, "n01", 3, '"hen" – Île'),
        ),
    )


def test_the_embedded_benchmark_is_the_ten_digits(request):
    path = request.config.rootpath / "data/01_raw/classes/mnist.tsv"
    loaded = BenchmarkDataset(filepath=str(path), name="mnist", image_size=32).load()
    assert loaded.wnids == tuple("0123456789")
    assert [spec.class_index for spec in loaded.classes] == list(range(10))
    assert loaded.classes[7].class_name == "seven"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("n1\t1\n", r"line 1: .*separated by tabs, got 'n1\\t1'"),
        ("n1 1 one\n", "line 1: .*separated by tabs, got 'n1 1 one'"),
        ("n1\t1\tone\textra\n", "line 1: .*one.*extra"),
        ("n1\tx\tone\n", "line 1: expected folder, class index and class name, .*x.*one"),
        ("n1\t1\tone\n\nn2\t2\ttwo\n", "line 2: .* got ''"),
        ("n1\t1\tone\nn1\t2\ttwo\n", "expected each folder once"),
        ("", "at least one class"),
        pytest.param("n1\t1\t" + "x" * 200_000, "field larger than", id="a line without end"),
    ],
)
def test_a_table_that_does_not_fit_is_named_with_the_reason(text, reason, table):
    dataset = table(text)
    with pytest.raises(DatasetError, match=rf"birds\.tsv: .*{reason}"):
        dataset.load()


def test_a_missing_table_is_named(tmp_path):
    dataset = BenchmarkDataset(filepath=str(tmp_path / "no.tsv"), name="no", image_size=8)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=rf"expected the class table {tmp_path / 'no.tsv'}"):
        dataset.load()


def test_a_table_is_read_only(table):
    with pytest.raises(DatasetError, match="read only"):
        table("n1\t1\tone\n").save({})


def test_without_a_table_the_classes_are_those_of_the_images_sorted(tmp_path):
    for name in ("zebra", "african_elephant"):
        (tmp_path / "train" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "train" / name / "0.png")
    dataset = BenchmarkDataset(
        filepath=None, name="zoo", image_size=8, source="train", root=str(tmp_path)
    )
    assert dataset.exists()
    assert dataset.load().classes == (
        ClassSpec(0, "african_elephant", 0, "african elephant"),
        ClassSpec(1, "zebra", 1, "zebra"),
    )


def test_neither_a_table_nor_images_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="expected a class table or the source of the images"):
        BenchmarkDataset(filepath=None, name="zoo", image_size=8)
    missing = BenchmarkDataset(
        filepath=None,
        name="zoo",
        image_size=8,
        source="train",
        root=str(tmp_path),
        if_missing="--params data=FOLDER",
    )
    assert not missing.exists()
    with pytest.raises(
        DatasetError,
        match=rf"^expected images at {tmp_path}/train: .*found nothing; --params data=FOLDER$",
    ):
        missing.load()


def test_the_published_size_of_the_test_set_is_part_of_the_benchmark(tmp_path):
    table = tmp_path / "pets.tsv"
    table.write_text("dog\t0\tbeagle\n")
    settings = {"filepath": str(table), "name": "pets", "image_size": 8}
    assert BenchmarkDataset(**settings).load().test_images_per_class is None
    known = BenchmarkDataset(**settings, test_images_per_class=50).load()
    assert known.test_images_per_class == 50
    assert Benchmark.from_dict(known.to_dict()) == known


def test_a_mark_of_byte_order_is_no_part_of_a_name(table):
    loaded = table("\ufeffn02\t7\towl\nn01\t3\then\n").load()
    assert [spec.wnid for spec in loaded.classes] == ["n02", "n01"]


@pytest.mark.parametrize("name", ["a" * 201, "я" * 101, "鳥" * 67])
def test_a_name_that_no_file_can_be_called_after_is_refused_at_once(name, table):
    message = f"at most 200 bytes, .*got 20[12] bytes: {name[:20]}.*rename it where the images are"
    with pytest.raises(DatasetError, match=message):
        table(f"{name}\t0\towl\n").load()
    short = name[:66]
    assert table(f"{short}\t0\towl\n").load().classes[0].wnid == short
