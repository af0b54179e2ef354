import logging
from functools import partial

import pytest
import torch

from mgd3_kedro.modes import MODE_FINDERS, ModesConfig
from mgd3_kedro.modes.clusters import flatten, gather_clusters
from mgd3_kedro.pipelines.discover_modes.nodes import (
    discover_modes,
    discover_modes_of_classes,
    measure_modes,
)
from mgd3_kedro.stages import Partition, Task


def discover(name="kmeans", ipc=3, **latents):
    batch = {wnid: Task({"latents": {"latents": tensor}}, ipc) for wnid, tensor in latents.items()}
    return discover_modes_of_classes(batch, ModesConfig(name, ipc, 0, 2, 8, 50, "equal"))


@pytest.mark.parametrize(
    ("balance", "counts"),
    [("equal", {"n1": 3, "n2": 3, "n3": 2}), ("share", {"n1": 7, "n2": 1, "n3": 1})],
)
def test_a_class_has_no_more_modes_than_images_and_its_share_if_asked(balance, counts):
    real = {"n1": 40, "n2": 5, "n3": 2}
    latents = {w: {"latents": torch.randn(2 * n, 1, 2, 2)} for w, n in real.items()}
    # Each image has two latents, one of them mirrored.
    stage = discover_modes(
        {w: Partition(partial(latents.get, w), w, 2 * n) for w, n in real.items()},
        {w: Partition(list, w, n) for w, n in real.items()},
        ModesConfig("kmeans", 3, 0, 2, 8, 50, balance),
    )
    tasks = {wnid: task.loaded() for wnid, task in stage.tasks.items()}
    made = stage.function(tasks, stage.settings)
    assert {wnid: one.count for wnid, one in made.items()} == counts
    assert {wnid: len(one.rows) for wnid, one in made.items()} == counts


@pytest.mark.parametrize("name", MODE_FINDERS)
def test_parents_are_kept_where_clusters_nest(name):
    tensors = discover(name, n1=torch.randn(9, 1, 2, 2))["n1"].value
    nests = name in ("agglomerative", "bisecting_kmeans")
    assert ("parents" in tensors) == nests
    assert set(tensors) - {"parents"} == {"modes", "assignment", "nearest_real"}


def test_the_size_of_every_cluster_is_written_down():
    made = discover(n1=torch.randn(9, 1, 2, 2))["n1"]
    assert [row["mode"] for row in made.rows] == [0, 1, 2]
    sizes = [row["members"] for row in made.rows]
    assert sizes == made.value["assignment"].bincount().tolist()
    assert made.metrics["smallest_cluster"] == min(sizes)
    assert made.metrics["largest_cluster"] == max(sizes)


def test_a_class_of_duplicates_is_named(caplog):
    duplicates = torch.ones(9, 1, 2, 2)
    duplicates[0] = 0
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        made = discover(n1=torch.randn(9, 1, 2, 2), n2=duplicates)
    (warning,) = caplog.messages
    assert warning.startswith("class n2: 1 of 3 modes")
    assert "of 9 latents, 2 are distinct" in warning
    assert made["n2"].metrics["degenerate_clusters"] == 1
    assert made["n2"].metrics["distinct_latents"] == 2


def test_what_is_measured_is_summed_up_over_classes():
    base = {
        "inertia": 2.0,
        "smallest_cluster": 3.0,
        "largest_cluster": 7.0,
        "unassigned_latents": 1.0,
        "within_spread": 1.0,
        "between_spread": 4.0,
        "silhouette": 0.5,
        "explained_variance": 0.25,
        "explained_variance_in_finder": 0.5,
        "agreement_of_seeds": -0.5,
        "norm_ratio": 0.75,
        "degenerate_clusters": 0.0,
        "distinct_latents": 10.0,
    }
    other = {name: value + 1 for name, value in base.items()}
    partitions = {
        "n1": Partition(list, "1", count=5, metrics=base),
        "n2": Partition(list, "2", count=6, metrics=other),
    }
    assert measure_modes(partitions) == {
        "modes": 11,
        "inertia": 5,
        "smallest_cluster": 3,
        "largest_cluster": 8,
        "unassigned_latents": 3,
        "within_spread": 1.5,
        "between_spread": 4.5,
        "silhouette": 1,
        "explained_variance": 0.75,
        "explained_variance_in_finder": 1,
        "agreement_of_seeds": 0,
        "norm_ratio": 1.25,
        "degenerate_clusters": 1,
        "distinct_latents": 21,
    }


def test_what_is_summed_up_is_what_is_measured():
    made = discover(n1=torch.randn(9, 1, 2, 2))["n1"]
    partition = Partition(list, "1", count=made.count, metrics=made.metrics)
    assert set(measure_modes({"n1": partition})) == {"modes", *made.metrics}


def test_a_mode_finder_is_a_function_and_a_line_in_the_table(monkeypatch):
    def find_first(latents, config):
        labels = torch.arange(len(latents)).clamp(max=config.ipc - 1).numpy()
        return gather_clusters(flatten(latents), labels, config.ipc)

    latents = torch.randn(9, 1, 2, 2)
    with pytest.raises(ValueError, match="unknown mode finder 'first'"):
        discover("first", n1=latents)
    monkeypatch.setitem(MODE_FINDERS, "first", find_first)
    made = discover("first", n1=latents)["n1"]
    expected = torch.stack([latents[0], latents[1], latents[2:].mean(0)])
    torch.testing.assert_close(made.value["modes"], expected)
    assert made.value["assignment"].tolist() == [0, 1, 2, 2, 2, 2, 2, 2, 2]
    assert made.metrics["largest_cluster"] == 7
