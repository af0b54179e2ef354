import os

import pytest

from mgd3_kedro.finished_runs import FinishedRun, _libraries, stamp_of

OPTIONS = {"pipelines": ["distill"], "params": {"seed": 1}, "env": None, "tags": ()}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "conf/base").mkdir(parents=True)
    (tmp_path / "conf/base/parameters.yml").write_text("seed: 0")
    (tmp_path / "real/cat").mkdir(parents=True)
    (tmp_path / "real/cat/0.png").write_bytes(b"a cat")
    (tmp_path / "made").mkdir()
    (tmp_path / "made/rows.csv").write_text("top1_last")
    return tmp_path


ENTRIES = [{"source": "real"}, {"filepath": "made/rows.csv"}, {"data": "x"}]


def kept(project, entries=ENTRIES, options=OPTIONS):
    run = FinishedRun.of(project, options)
    run.keep(entries, {"places": {"result_rows": "made/rows.csv"}})
    return run


def test_the_same_run_is_found_with_what_it_left(project):
    kept(project)
    found = FinishedRun.of(project, OPTIONS).find()
    assert found["places"] == {"result_rows": "made/rows.csv"}


def test_a_file_that_was_written_again_the_same_is_as_it_was(project):
    run = kept(project)
    os.utime(project / "made/rows.csv", (1, 1))
    assert run.find()


@pytest.mark.parametrize(
    "change",
    [
        lambda project: (project / "real/cat/1.png").write_bytes(b"another"),
        lambda project: os.utime(project / "real/cat/0.png", (1, 1)),
        lambda project: (project / "made/rows.csv").write_text("top1_best"),
        lambda project: (project / "made/rows.csv").unlink(),
    ],
)
def test_one_whose_files_have_changed_is_not(project, change):
    run = kept(project)
    change(project)
    assert run.find() is None


@pytest.mark.parametrize(
    "damage",
    [
        *(lambda data, text=text: text for text in (b"", b"null", b"[]", b"{}", b'["a", "b"]')),
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"rows.csv", b"rows.csw"),
    ],
)
def test_what_is_damaged_is_nothing(damage, project):
    run = kept(project)
    run.path.write_bytes(damage(run.path.read_bytes()))
    assert run.find() is None
    assert kept(project).find()


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        # A split by this project, tables of a split, a folder in an archive, and links.
        ("real/train", "real/cat/1.png"),
        ("tables/train", "tables/train.parquet"),
        ("images.zip/train", "images.zip"),
        ("linked", "elsewhere/0.png"),
    ],
)
def test_images_are_looked_at_where_they_are_read_from(source, changed, project):
    (project / "tables").mkdir()
    (project / "elsewhere").mkdir()
    for name in ("tables/train.parquet", "images.zip", "elsewhere/0.png"):
        (project / name).write_bytes(b"images")
    (project / "linked").mkdir()
    (project / "linked/cat").symlink_to(project / "elsewhere")
    run = kept(project, [{"source": source}])
    assert run.find()
    (project / changed).write_bytes(b"other images")
    assert run.find() is None


def test_one_with_other_options_or_another_configuration_is_not(project):
    kept(project)
    assert FinishedRun.of(project, {**OPTIONS, "params": {"seed": 2}}).find() is None
    (project / "conf/base/parameters.yml").write_text("seed: 5")
    assert FinishedRun.of(project, OPTIONS).find() is None


@pytest.mark.parametrize("option", [{"tags": ("encode",)}, {"only_missing_outputs": True}])
def test_a_part_of_a_pipeline_is_always_run(project, option):
    assert FinishedRun.of(project, {**OPTIONS, **option}) is None


def test_a_point_of_a_sweep_is_always_run(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", "1")
    assert FinishedRun.of(project, OPTIONS) is None


@pytest.mark.parametrize("entry", [{"entry": "result_rows"}, {"model": "facebook/DiT-XL-2-256"}])
def test_one_that_reads_other_runs_or_a_hub_is_always_run(project, entry):
    assert kept(project, [*ENTRIES, entry]).find() is None


def test_a_folder_is_told_by_what_is_in_it(project):
    before = stamp_of(project / "real")
    assert stamp_of(project / "nothing") == "missing"
    (project / "real/cat/0.png").rename(project / "real/cat/1.png")
    assert stamp_of(project / "real") != before


@pytest.mark.parametrize(
    ("name", "value"), [("platform.node", "elsewhere"), ("importlib.metadata.version", "99")]
)
def test_one_of_another_machine_or_with_another_library_is_not(name, value, project, monkeypatch):
    before = FinishedRun.of(project, OPTIONS)
    assert FinishedRun.of(project, OPTIONS) == before
    with monkeypatch.context() as patch:
        patch.setattr(name, lambda *_: value)
        _libraries.cache_clear()
        assert FinishedRun.of(project, OPTIONS) != before
    _libraries.cache_clear()


def test_one_that_saw_other_cards_is_not(project, monkeypatch):
    before = FinishedRun.of(project, OPTIONS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert FinishedRun.of(project, OPTIONS) != before


def test_every_library_that_is_required_is_told():
    told = {line.split()[0] for line in _libraries()}
    assert {"torch", "diffusers", "safetensors", "scikit-learn", "kedro-datasets"} <= told
