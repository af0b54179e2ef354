from contextlib import chdir

import mlflow
import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro_datasets.pandas import CSVDataset
from tiny_project import output, run

from mgd3_kedro.datasets.image_folder import ImagePartitionsDataset
from mgd3_kedro.records import RUN_KEYS
from mgd3_kedro.summary import summarise_run


@pytest.fixture
def catalog(tmp_path):
    """Return a catalog of a run with two trainings."""
    keys = dict.fromkeys((*RUN_KEYS, "settings"), "x")
    rows = [{**keys, "seed": 0, "top1_last": top1, "top1_best": top1 + 1} for top1 in (80, 85.5)]
    made = CSVDataset(filepath=str(tmp_path / "rows.csv"), save_args={"index": False})
    made.save(pd.DataFrame(rows))
    images = ImagePartitionsDataset(filepath=str(tmp_path / "images"))
    return DataCatalog(datasets={"result_rows": made, "distilled_images": images})


def test_a_run_ends_with_its_table_and_where_everything_is(catalog, tmp_path):
    with chdir(tmp_path):
        lines = list(summarise_run({"result_rows", "distilled_images", "latents"}, catalog))
        # MLflow's own place is below the working directory, where none was set.
        store = mlflow.get_tracking_uri()
    header, row = lines[1].splitlines()
    assert header.split()[-4:] == [
        "top1_last_mean",
        "top1_last_std",
        "top1_best_mean",
        "top1_best_std",
    ]
    assert row.split()[-5:] == ["2", "82.75", "2.75", "83.75", "2.75"]
    places = dict(line.split("  ", 1) for line in lines[3:])
    assert places["images"].strip() == "images"
    assert places["result rows"].strip() == "rows.csv"
    assert places["MLflow store"].strip().startswith(store)


def test_places_outside_the_working_directory_are_told_in_full(catalog, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with chdir(tmp_path / "elsewhere"):
        lines = list(summarise_run({"result_rows"}, catalog))
    assert any(line.endswith(f" {tmp_path / 'rows.csv'}") for line in lines)


def test_only_what_the_run_made_is_told(catalog):
    lines = list(summarise_run({"latents"}, catalog))
    assert [line.split("  ")[0] for line in lines if line] == ["MLflow store"]


def test_a_session_prints_it(copied, capsys):
    run(copied, "distill")
    printed = capsys.readouterr().out
    assert "top1_last_mean" in printed
    folder = output(copied, "07_model_output").relative_to(copied)
    assert f"images                     {folder / 'images'}\n" in printed
    assert f"sqlite:///{copied / 'mlflow.db'}" in printed
