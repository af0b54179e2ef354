"""Sources damaged in every way that seeds lead to: named, never believed, never a crash."""

import contextlib
import io
import json
import random
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from image_sets import FORMS, write_folder, write_tar, write_zip
from kedro.io import DatasetError
from PIL import Image

IMAGE_FORMS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")
ENDINGS = ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm", "jp2")
BOMB = 50_000_000
ATTEMPTS = 10


def encoded(form, mode="RGB", side=24):
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, form)
    return buffer.getvalue()


def flipped(data, generator, count):
    changed = bytearray(data)
    for _ in range(count):
        changed[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    return bytes(changed)


def damaged(data, generator):
    """Return bytes flipped, cut off, doubled, zeroed or put elsewhere."""
    cut = generator.randrange(len(data))
    other = generator.randrange(len(data))
    ways = (
        lambda: flipped(data, generator, 1),
        lambda: flipped(data, generator, 20),
        lambda: data[:cut],
        lambda: data[cut:],
        lambda: data[:cut] + data[other:],
        lambda: data[:cut] + bytes(64) + data[cut + 64 :],
        lambda: generator.randbytes(len(data)),
    )
    return generator.choice(ways)()


def is_readable(data):
    """Tell whether PIL alone can make pixels of a file."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            image.convert("RGB")
    except Exception:
        return False
    return True


def snapshot(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def errors_of(index):
    """Return file -> why it is bad, of everything that was indexed."""
    records = [
        record for path in index.glob("*.json") for record in json.loads(path.read_text())["images"]
    ]
    return {record["file"]: record["error"] for record in records if "error" in record}


@pytest.mark.filterwarnings("ignore")
def test_of_damaged_files_each_is_read_as_pil_reads_it_or_named(tmp_path, make_set, table):
    generator = random.Random(0)
    files = {"n01/whole.png": encoded("PNG")}
    for number in range(320):
        form = IMAGE_FORMS[number % len(IMAGE_FORMS)]
        mode = "L" if number % 3 == 0 and form != "PPM" else "RGB"
        data = damaged(encoded(form, mode), generator)
        # The name need not agree with the content.
        suffix = generator.choice([ENDINGS[number % len(IMAGE_FORMS)], "jpg", "png"])
        files[f"n02/{number:03}.{suffix}"] = data
    folder = write_folder(tmp_path / "set", files)
    before = snapshot(folder)
    partitions = make_set(folder, bad_images="skip").load()
    bad = errors_of(tmp_path / "index")
    assert 100 < len(bad) < 320
    assert partitions["n02"].count == 320 - len(bad)
    for name, data in files.items():
        assert (name in bad) == (not is_readable(data)), (name, bad.get(name))
    # Whatever passed as an image is one to the end.
    assert partitions["n02"].load()[:].shape == (partitions["n02"].count, 3, 6, 6)
    assert snapshot(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["birds.tsv", "index", "set"]


def load_or_refuse(images):
    """Return the partitions and nothing, or nothing and why there are none."""
    try:
        return images.load(), ""
    except DatasetError as error:
        return {}, str(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", [form for form in FORMS if "folder" not in form or "in a" in form])
def test_a_damaged_archive_or_table_is_refused_by_name_or_read_to_the_end(
    form, tmp_path, files, make_set, pixels
):
    generator = random.Random(form)
    asked = FORMS[form](tmp_path, files)
    whole = {
        path: path.read_bytes()
        for path in sorted(tmp_path.rglob("*"))
        if path.is_file() and path.stat().st_size and path.suffix != ".tsv"
    }
    known = {image.numpy().tobytes() for of_class in pixels.values() for image in of_class}
    for attempt in range(ATTEMPTS):
        path = generator.choice(list(whole))
        path.write_bytes(damaged(whole[path], generator))
        index = tmp_path / f"index{attempt}"
        found, reason = load_or_refuse(make_set(asked, index=index, bad_images="skip"))
        assert found or str(tmp_path) in reason
        for partition in found.values():
            images = partition.load()[:]
            assert len(images) == partition.count == len(partition.rows)
            # Only zip archives have checksums of all that they hold.
            assert "zip" not in form or {image.numpy().tobytes() for image in images} <= known
        path.write_bytes(whole[path])


def bomb_png():
    """Return a picture of 20 000 x 20 000 pixels in a few kilobytes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(2501 * 20_000)))
    return b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("write", [write_zip, lambda path, files: write_tar(path, files, "w:gz")])
def test_bombs_are_named(write, tmp_path, files, make_set):
    name = "x.zip" if write is write_zip else "x.tar.gz"
    bad = {"n01/pixels.png": bomb_png(), "n01/zeros.png": bytes(BOMB)}
    path = write(tmp_path / name, {**files, **bad})
    assert path.stat().st_size < 300_000
    with pytest.raises(DatasetError) as caught:
        make_set(path).load()
    assert "got 2 other files" in str(caught.value)
    assert "n01/pixels.png: expected an image that can be decoded (" in str(caught.value)
    assert "n01/zeros.png: expected an image (" in str(caught.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_pixel_that_changed_in_a_zip_is_noticed(method, tmp_path, files, make_set):
    bitmap = encoded("BMP")
    path = write_zip(tmp_path / "x.zip", {**files, "n01/0.bmp": bitmap}, method)
    checksum = struct.pack("<I", zlib.crc32(bitmap))
    path.write_bytes(path.read_bytes().replace(checksum, struct.pack("<I", 1)))
    with pytest.raises(DatasetError, match=r"n01/0\.bmp: does not have the length and checksum"):
        make_set(path).load()


def test_a_member_that_unpacks_to_more_than_it_says_is_not_unpacked(tmp_path, files, make_set):
    path = write_zip(tmp_path / "x.zip", {**files, "n01/zeros.png": bytes(BOMB)})
    data = path.read_bytes()
    # Both headers announce a thousand bytes.
    path.write_bytes(data.replace(struct.pack("<I", BOMB), struct.pack("<I", 1000)))
    tracemalloc.start()
    with pytest.raises(DatasetError, match=r"n01/zeros\.png: does not have the length and checks"):
        make_set(path).load()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < BOMB / 5


def test_an_arrow_file_whose_offsets_lead_elsewhere_is_damaged(write_form, files, make_set):
    path = write_form("arrow stream", files)
    first = files["n01/0.png"], files["n02/0.png"]
    offsets = struct.pack("<3i", 0, len(first[0]), sum(map(len, first)))
    data = path.read_bytes()
    assert offsets in data
    path.write_bytes(data.replace(offsets, struct.pack("<3i", 0, 2**30, 2**30 + 1), 1))
    with pytest.raises(DatasetError, match=r"stream\.arrow::0: the table is damaged"):
        make_set(path).load()


def test_a_tar_that_leads_back_to_its_beginning_is_refused(tmp_path, files, make_set):
    path = write_tar(tmp_path / "x.tar", files)
    data = bytearray(path.read_bytes())
    # A size in base 256 may be negative: from behind the second header to where it begins.
    start = 1024
    data[start + 124 : start + 136] = struct.pack(">iq", -1, -512)
    data[start + 148 : start + 156] = b" " * 8
    data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    path.write_bytes(data)
    with pytest.raises(
        DatasetError, match=r"x\.tar: expected a tar archive \(a header points backwards"
    ):
        make_set(path).load()


def test_a_tar_that_stops_between_two_files_is_told(tmp_path, files, make_set, caplog):
    path = write_tar(tmp_path / "x.tar", files)
    make_set(path, index="whole").load()
    assert "images are missing" not in caplog.text
    # A file has a header and one block.
    path.write_bytes(path.read_bytes()[: 1024 * (len(files) - 1)])
    make_set(path).load()
    assert f"{path}: stops at byte {1024 * (len(files) - 1)} without the mark" in caplog.text


def test_a_tar_with_damage_in_the_middle_is_not_taken_for_a_shorter_one(tmp_path, files, make_set):
    path = write_tar(tmp_path / "x.tar", files)
    data = bytearray(path.read_bytes())
    data[1024 * 8 + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="damaged at byte 8192"):
        make_set(path).load()


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tar.xz", "x.parquet", "x.arrow"])
@pytest.mark.parametrize("data", [b"", b"hello", bytes(3000)])
def test_what_is_only_called_an_archive_is_refused_by_name(name, data, tmp_path, make_set):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DatasetError, match=name):
        make_set(tmp_path / name).load()


def test_nothing_is_written_outside_whatever_members_are_called(tmp_path, files, make_set):
    inside = tmp_path / "a/b"
    inside.mkdir(parents=True)
    names = ["../../n01/x.png", "/n01/y.png", "n01/../../../z.png", "n02/..\\..\\w.png"]
    for write, name in ((write_zip, "x.zip"), (write_tar, "x.tar")):
        bad = dict.fromkeys(names, files["n01/0.png"])
        path = write(inside / name, {**files, **bad})
        with contextlib.suppress(DatasetError):
            make_set(path, index="a/b/index", bad_images="skip").load()
        found = errors_of(inside / "index")
        assert len(found) == 4
        assert set(found.values()) == {"a path that leads out of the archive"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "birds.tsv"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["b"]


def test_links_in_archives_are_named_and_not_followed(tmp_path, files, make_set):
    (tmp_path / "secret.png").write_bytes(files["n03/0.png"])
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("n01/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.png")
        archive.addfile(link)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        link = zipfile.ZipInfo("n01/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(tmp_path / "secret.png"))
    for name in ("x.tar", "x.zip"):
        with pytest.raises(DatasetError, match=r"1 other file:\n.*link\.png: a link, not"):
            make_set(tmp_path / name, index=f"{name}.index").load()


def test_damage_that_comes_after_indexing_is_named(source, make_set, tmp_path):
    partition = make_set(source).load()["n01"]
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.suffix not in (".json", ".tsv"):
            path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises((ValueError, OSError)):
        partition.load()[:]
