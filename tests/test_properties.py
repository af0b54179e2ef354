"""What holds for whatever is given: parameters, class tables, manifests, archives."""

import io
import json
import math
import tarfile
import zipfile
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kedro.io import DatasetError

from mgd3_kedro.datasets.benchmark import LONGEST, BenchmarkDataset
from mgd3_kedro.datasets.manifest import Manifest
from mgd3_kedro.datasets.partition_records import FACTS
from mgd3_kedro.datasets.sources import open_source
from mgd3_kedro.given import read_parameters
from mgd3_kedro.nesting import flat, nested
from mgd3_kedro.splitting import split_parameters
from mgd3_kedro.tracking.pending import Head, Pending

# The same examples in every run, none of them slow.
few = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
WORDS = st.text(st.characters(categories=("L", "N"), include_characters=" -_+/:@"), max_size=20)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
FOLDERS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="/\\"),
    min_size=1,
    max_size=40,
).filter(lambda name: name not in (".", "..") and len(name.encode()) <= LONGEST)


def attempt(call):
    """Return what a call gives, and in which words it is refused."""
    try:
        return call(), ""
    except (ValueError, DatasetError) as error:
        return None, str(error) or "no words"


def read(text, configured, project):
    """Return parameters as the command line gives them."""
    return read_parameters(split_parameters([text]), configured, project)


@few
@given(
    names=st.lists(NAMES, min_size=1, max_size=3), value=st.integers() | st.floats(-1e300, 1e300)
)
def test_a_number_is_read_as_it_was_written(names, value, tmp_path):
    usual = nested({".".join(names): 7.5})
    found = flat(read(f"{'.'.join(names)}={value!r}", usual, tmp_path))
    assert found == {".".join(names): float(value)}
    assert math.isfinite(found[".".join(names)])


@few
@given(value=WORDS.map(str.strip))
def test_a_text_is_read_as_it_was_written(value, tmp_path):
    found = read(f"label={value}", {"label": "usual"}, tmp_path)
    assert found == {"label": None if value == "null" else value}


@few
@given(values=st.lists(WORDS.map(str.strip).filter(bool), max_size=4))
def test_a_list_is_read_as_it_was_written(values, tmp_path):
    found = read(f"networks=[{'; '.join(values)}]", {"networks": ["usual"]}, tmp_path)
    assert found == {"networks": [None if value == "null" else value for value in values]}


@few
@given(text=st.text(max_size=40), usual=PLAIN)
def test_whatever_is_given_is_read_or_refused_in_one_line(text, usual, tmp_path):
    found, refused = attempt(lambda: read(f"a={text}", {"a": usual}, tmp_path))
    # Commas make further parameters.
    assert "a" in found if not refused else refused != "no words"


@few
@given(names=st.lists(FOLDERS, min_size=1, max_size=6, unique=True), index=st.integers(0, 9999))
def test_a_class_table_comes_back_whatever_its_names_are(names, index, tmp_path):
    table = tmp_path / "classes.tsv"
    table.write_text("".join(f"{name}\t{index}\t{name}\n" for name in names), encoding="utf-8")
    classes = BenchmarkDataset(filepath=str(table), name="any", image_size=8).load().classes
    # A mark of byte order at the beginning of a file is none of a name's signs.
    assert [spec.wnid for spec in classes] == [names[0].removeprefix("\ufeff"), *names[1:]]
    assert {spec.class_index for spec in classes} == {index}


@few
@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_a_class_table_of_anything_is_read_or_refused_by_name(data, tmp_path):
    table = tmp_path / "classes.tsv"
    table.write_bytes(data)
    dataset = BenchmarkDataset(filepath=str(table), name="any", image_size=8)
    loaded, refused = attempt(dataset.load)
    assert not refused or "classes.tsv" in refused
    for spec in loaded.classes if loaded else ():
        assert not {"/", "\\", "\0"} & set(spec.wnid)
        assert spec.wnid not in ("", ".", "..")


@few
@given(content=PLAIN.map(json.dumps).map(str.encode) | st.binary(max_size=60))
def test_a_record_of_anything_is_read_or_refused_by_name(content, tmp_path):
    manifest = Manifest(tmp_path / "latents", ".safetensors")
    manifest.folder.mkdir(exist_ok=True)
    (manifest.folder / "n1.json").write_bytes(content)
    assert manifest.find("n1", "print").record is None
    record, refused = attempt(lambda: manifest.read_record("n1"))
    assert not refused or "n1.json" in refused
    assert refused or all(isinstance(record[name], kind) for name, kind in FACTS.items())


@few
@given(content=PLAIN.map(json.dumps).map(str.encode) | st.binary(max_size=60))
def test_an_index_of_anything_is_complete_or_not(content, tmp_path):
    manifest = Manifest(tmp_path / "latents", ".safetensors")
    manifest.folder.mkdir(exist_ok=True)
    manifest.index.write_bytes(content)
    assert manifest.is_complete is False
    names, refused = attempt(manifest.read_index)
    assert not refused or "complete" in refused
    assert refused or all(isinstance(name, str) for name in names)


@few
@given(tail=st.binary(max_size=60), count=st.integers(0, 3))
def test_a_run_that_waits_is_read_up_to_where_it_was_cut(tail, count, tmp_path):
    pending = Pending.begin(tmp_path, Head("store", None, "a run", 0, {}))
    for number in range(count):
        pending.append("metrics", [number])
    with pending.path.open("ab") as file:
        file.write(tail.replace(b"\n", b""))
    events = pending.read()[1]
    assert events == [("metrics", [number]) for number in range(count)]


MEMBERS = st.lists(
    st.text(
        st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=30
    )
    | st.sampled_from(["../up/1.png", "/root/1.png", "a/../../1.png", "c:\\1.png", "a//1.png"]),
    min_size=1,
    max_size=5,
    unique=True,
)


def zipped(names):
    """Return the bytes of a zip archive with such members."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, b"no image")
    return data.getvalue()


def tarred(names):
    """Return the bytes of a tar archive with such members."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name in names:
            with suppress(UnicodeError):
                archive.addfile(tarfile.TarInfo(name))
    return data.getvalue()


@pytest.mark.parametrize(("suffix", "pack"), [("zip", zipped), ("tar", tarred)])
@few
@given(names=MEMBERS)
def test_no_class_of_an_archive_leads_out_of_its_folder(suffix, pack, names, tmp_path):
    path = tmp_path / f"images.{suffix}"
    path.write_bytes(pack(names))
    classes, refused = attempt(lambda: open_source(path).classes())
    assert not refused or path.name in refused
    for name in classes or ():
        assert name not in ("", ".", "..")
        assert not {"/", "\0"} & set(name)


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz", "parquet"])
@few
@given(data=st.binary(max_size=200))
def test_an_archive_of_anything_is_refused_by_name(suffix, data, tmp_path):
    path = tmp_path / f"images.{suffix}"
    path.write_bytes(data)
    classes, refused = attempt(lambda: open_source(path).classes())
    assert not classes
    assert not refused or "images" in refused
