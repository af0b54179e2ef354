"""Nodes are named after their stage, which may be left out."""

import pytest
from tiny_project import STAGES

from mgd3_kedro import pipeline_registry
from mgd3_kedro.node_names import with_stages
from mgd3_kedro.pipeline_registry import nodes_of, register_pipelines


@pytest.fixture(autouse=True)
def chosen_by_no_run(monkeypatch):
    """Have the pipelines that a run of another file chose not be registered."""
    monkeypatch.setattr(pipeline_registry, "_chosen", pipeline_registry.Choice())


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_a_namespace_of_its_own_with_data_and_parameters_as_they_are_called(stage):
    pipelines = register_pipelines()
    (namespace,) = {node.namespace for node in pipelines[stage].nodes}
    assert namespace == stage
    alone = pipelines["distill"].only_nodes_with_namespaces([stage])
    assert {node.name for node in alone.nodes} == {node.name for node in pipelines[stage].nodes}
    names = [name.removeprefix("params:") for name in alone.datasets()]
    assert not [name for name in names if name.startswith(f"{stage}.")]


def test_all_that_distill_does_is_in_a_stage():
    assert {node.namespace for node in register_pipelines()["distill"].nodes} == {*STAGES}


@pytest.mark.parametrize(
    ("pipelines", "given", "full"),
    [
        (["distill"], "collect_rows", "train_eval.collect_rows"),
        (["distill"], "train_eval.collect_rows", "train_eval.collect_rows"),
        (["train_full"], "collect_rows", "full.collect_rows"),
        (["distill", "train_full"], "collect_rows", "collect_rows"),
        (["distill"], "label_images", "train_eval.label_images"),
        (["distill"], "choose_groups", "guided_generate.choose_groups"),
        (["distill"], "choose_increment_10", "guided_generate.choose_increment_10"),
        (["distill"], "train_student_2", "guided_generate.train_student_2"),
        (["distill"], "choose_increment_11", "choose_increment_11"),
        (["redundancy"], "tabulate_redundancy", "redundancy.tabulate_redundancy"),
        (["pretrain"], "measure_denoising", "measure_denoising"),
        (["distill"], "paint", "paint"),
        (["paint"], "paint", "paint"),
    ],
)
def test_a_node_is_found_without_its_stage_where_that_is_one_alone(pipelines, given, full):
    assert with_stages([given, "else"], {node.name for node in nodes_of(pipelines)}) == [
        full,
        "else",
    ]
