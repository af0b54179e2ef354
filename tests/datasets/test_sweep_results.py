import json

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from PIL import Image

from mgd3_kedro.datasets.method_images import MethodImagesDataset
from mgd3_kedro.datasets.sweep_results import SweepImagesDataset, SweepTablesDataset
from mgd3_kedro.points import (
    DONE,
    FACTS,
    FAILED,
    PENDING,
    STATES,
    axes_of,
    read_points,
    write_places,
)


@pytest.fixture
def sweep(tmp_path):
    """Write a sweep of a project: two points that are done, one that failed, one that waits."""
    folder = tmp_path / "sweeps/mine"
    folder.mkdir(parents=True)
    rows = []
    for seed, status in enumerate((DONE, DONE, FAILED, PENDING)):
        name = f"scale=0.5-seed={seed}"
        facts = {**dict.fromkeys(FACTS, ""), "status": status}
        rows.append({"point": name, "sampling.scale": 0.5, "seed": seed, **facts})
        table = tmp_path / f"runs/{seed}/rows.csv"
        table.parent.mkdir(parents=True)
        pd.DataFrame({"seed": [seed] * 2, "top1": [1.0, 2.0]}).to_csv(table, index=False)
        places = {"rows": f"runs/{seed}/rows.csv", "images": f"runs/{seed}/images"}
        write_places(folder, name, places)
    pd.DataFrame(rows).to_csv(folder / STATES, index=False)
    return folder


def draw(folder, value):
    """Write an image of one class into a folder."""
    (folder / "n1").mkdir(parents=True)
    Image.fromarray(np.full((4, 4, 3), value, np.uint8)).save(folder / "n1/0.png")


def dataset(kind, sweep, entry):
    return kind(path=str(sweep), entry=entry, root=str(sweep.parents[1]))


def test_rows_of_points_that_are_done_have_the_point_and_the_axes_in_front(sweep):
    table = dataset(SweepTablesDataset, sweep, "rows").load()
    assert list(table) == ["point", "scale", "seed", "top1"]
    assert table["point"].tolist() == ["scale=0.5-seed=0"] * 2 + ["scale=0.5-seed=1"] * 2
    assert set(table["scale"]) == {0.5}
    assert table["seed"].tolist() == [0, 0, 1, 1]


def test_an_entry_that_no_point_has_is_an_empty_table(sweep):
    assert dataset(SweepTablesDataset, sweep, "scores").load().empty


def test_images_of_points_that_have_some(sweep):
    draw(sweep.parents[1] / "runs/1/images", 7)
    images = dataset(SweepImagesDataset, sweep, "images").load()
    assert list(images) == ["scale=0.5-seed=1"]
    assert images["scale=0.5-seed=1"]["n1"].load().unique().tolist() == [7]


def test_a_sweep_of_which_nothing_is_done_is_refused(sweep):
    states = pd.read_csv(sweep / STATES).assign(status=FAILED)
    states.to_csv(sweep / STATES, index=False)
    with pytest.raises(
        DatasetError, match="mine: expected at least one finished point, got none of 4"
    ):
        dataset(SweepTablesDataset, sweep, "rows").load()


def test_a_sweep_that_is_not_there_is_refused_with_those_that_are(sweep, tmp_path):
    with pytest.raises(DatasetError, match="sweep: expected one of mine, got 'yours'"):
        dataset(SweepTablesDataset, sweep.parent / "yours", "rows").load()
    with pytest.raises(DatasetError, match="none has run yet, got 'yours'"):
        dataset(SweepTablesDataset, tmp_path / "empty/yours", "rows").load()


def test_what_points_made_is_theirs_to_write(sweep):
    with pytest.raises(DatasetError, match="read only"):
        dataset(SweepTablesDataset, sweep, "rows").save("rows")


def test_axes_are_what_a_point_has_beside_its_name_and_state(sweep):
    assert axes_of(pd.read_csv(sweep / STATES)) == ["sampling.scale", "seed"]


def test_images_of_every_method_are_read_when_they_are_asked_for(tmp_path):
    for value, method in enumerate(("random", "mgd3")):
        draw(tmp_path / method / "seed0/images", value)
    images = MethodImagesDataset(entry="images", root=str(tmp_path))
    assert images.load() == {}
    images.places = lambda: {name: f"{name}/seed0/images" for name in ("mgd3", "dm", "random")}
    runs = images.load()
    assert list(runs) == ["mgd3", "random"]
    assert runs["mgd3"]()["n1"].load().unique().tolist() == [1]


def test_an_axis_that_other_parts_have_is_none_of_a_point(sweep):
    table = pd.read_csv(sweep / STATES)
    table.loc[1, "sampling.scale"] = np.nan
    table.to_csv(sweep / STATES, index=False)
    first, second = read_points(sweep)
    assert first.values == {"sampling.scale": 0.5, "seed": 0}
    assert second.values == {"seed": 1}


def test_places_are_readable_by_people(sweep):
    text = (sweep / "scale=0.5-seed=0.places.json").read_text()
    assert json.loads(text)["rows"] == "runs/0/rows.csv"
    assert "\n" in text
