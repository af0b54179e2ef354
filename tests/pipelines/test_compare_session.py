"""The compare pipeline in a project whose runs are written by hand."""

import shutil

import mlflow
import pandas as pd
from tiny_project import run, runs_of

from mgd3_kedro.result_columns import ROW_COLUMNS

HEAD = {
    "benchmark": "mnist",
    "split": "test",
    "image_size": 32,
    "backbone": "dit",
    "network": "convnet1",
    "protocol": "hard",
}


def write_run(project, method, ipc, values, backbone="dit", folder=None):
    reports = project / "data/08_reporting/mnist/test"
    for seed, value in enumerate(values):
        place = reports / backbone / f"ipc{ipc}" / (folder or method) / f"seed{seed}"
        place.mkdir(parents=True)
        keys = {"ipc": ipc, "method": method, "preset": "smoke", "seed": seed}
        row = {**HEAD, **keys, "backbone": backbone, "top1_last": value, "top1_best": value}
        settings = (folder or method).removeprefix(method).removeprefix(",")
        row |= {"code_version": "1", "training_seed": seed}
        row |= {"settings": settings, "configuration": "c0ffee"}
        pd.DataFrame([row])[[*ROW_COLUMNS]].to_csv(place / "result_rows.csv", index=False)


def test_all_runs_of_a_benchmark_are_in_one_comparison(project):
    write_run(project, "mgd3", 10, [60.0, 62.0])
    write_run(project, "mgd3", 50, [80.0])
    write_run(project, "mgd3", 10, [65.0], backbone="latent_diffusion")
    write_run(project, "theirs", 10, [20.0], folder="theirs,label=long")
    published = project / "data/01_raw/published"
    published.mkdir(parents=True)
    head = "benchmark,image_size,ipc,method,backbone,network,protocol,top1,std,source\n"
    (published / "mine.csv").write_text(f"{head}mnist,32,10,dm,,convnet1,hard,50.0,,A paper\n")
    run(project, "compare", results="results")
    made = {path.name for path in (project / "results").iterdir()}
    suffixes = ("rows.csv", "table.csv", "table.md", "table.tex", "paired.csv")
    assert made == {f"mnist_{suffix}" for suffix in suffixes}
    rows = pd.read_csv(project / "results/mnist_rows.csv")
    assert tuple(rows.columns[: len(ROW_COLUMNS)]) == ROW_COLUMNS
    assert sorted(rows["top1_last"]) == [20, 60, 62, 65, 80]
    assert rows.set_index("method").loc["theirs", "settings"] == "label=long"
    table = pd.read_csv(project / "results/mnist_table.csv")
    assert table["origin"].tolist() == ["measured"] * 4 + ["reported"]
    markdown = (project / "results/mnist_table.md").read_text()
    assert "| mgd3 (backbone=dit) | 61.0 ± 1.0 (61.0) | 80.0 (80.0) |" in markdown
    assert "| dm (reported) | 50.0 |" in markdown
    (newest,) = runs_of(project)
    with_run = mlflow.MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    kept = {file.path for file in with_run.list_artifacts(newest.info.run_id)}
    assert made <= kept


def test_a_table_that_was_written_before_is_added_to_the_runs(project):
    write_run(project, "mgd3", 10, [60.0, 62.0])
    run(project, "compare", results="results")
    shutil.rmtree(project / "data/08_reporting")
    write_run(project, "mgd3", 10, [61.0])
    write_run(project, "random", 10, [50.0])
    run(project, "compare", results="results", earlier="results")
    rows = pd.read_csv(project / "results/mnist_rows.csv")
    assert rows["method"].tolist() == ["mgd3", "mgd3", "random"]
    assert rows["top1_last"].tolist() == [61.0, 62.0, 50.0]
    table = pd.read_csv(project / "results/mnist_table.csv").set_index("method")
    assert table["trainings"].to_dict() == {"mgd3": 2, "random": 1}
