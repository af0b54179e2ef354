"""A run that a bucket keeps has what a run in a folder alone has."""

import shutil
from io import BytesIO

import pandas as pd
import pytest
from tiny_project import make_project, run

from mgd3_kedro.store import Store

TIMES = ("seconds", "rss", "memory", "gb", "time")


def files_of(project):
    """Return path -> content, of all that a run has made in a project's folder."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in sorted(project.glob("data/0[234578]*/**/*"))
        if path.is_file() and not path.name.startswith(".")
    }


def objects_of(bucket, project):
    """Return the same of all that a bucket has."""
    store = Store(bucket, project)
    found = store.read_all(store.names(project))
    return {path.relative_to(project).as_posix(): content for path, content in found.items()}


def is_partition(name):
    """Tell whether a file is of latents, modes or images, which are the same to the byte."""
    return name.endswith(".safetensors") or "/images/" in name


def untimed(content):
    """Return a table without what was measured of time and memory."""
    table = pd.read_csv(BytesIO(content))
    return table.drop(columns=[c for c in table if any(word in c for word in TIMES)])


def test_a_run_that_a_bucket_keeps_has_all_that_one_here_has_and_goes_on_elsewhere(
    finished, object_store, tmp_path, capsys
):
    bucket, project = f"{object_store('runs')}/mine", make_project(tmp_path)
    run(project, "distill", store=bucket)
    here, there = files_of(finished), objects_of(bucket, project)
    assert there.keys() == here.keys()
    partitions = [name for name in here if is_partition(name)]
    assert len(partitions) == 10 + 10 + 20 + 10 + 10
    assert [name for name in partitions if there[name] != here[name]] == []
    rows = [name for name in here if name.endswith(("rows.csv", "scores.csv"))]
    assert len(rows) > 2
    for name in rows:
        pd.testing.assert_frame_equal(untimed(there[name]), untimed(here[name]))
    # On another machine, which has the configuration and the prior alone.
    for folder in project.glob("data/0[234578]*"):
        shutil.rmtree(folder)
    capsys.readouterr()
    run(project, "distill", store=bucket)
    assert "up to date: nothing to compute" in capsys.readouterr().out
    again = objects_of(bucket, project)
    assert [name for name in partitions if again[name] != there[name]] == []


def test_a_bucket_that_is_not_there_stops_a_run_before_it_works(object_store, project):
    with pytest.raises(ValueError, match=r"^store s3://nowhere/x: expected a bucket that is there"):
        run(project, "generate", store="s3://nowhere/x")
    assert files_of(project) == {}
