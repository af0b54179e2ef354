"""What was given for nothing is told."""

import pytest
from asked_runs import warn
from tiny_project import run


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"method": "boundary", "sampling": {"boundary_share": 0}},
            "sampling.boundary_share=0 changes nothing in this run: method=boundary has a value of "
            "its own; set methods.boundary.boundary_share instead",
        ),
        (
            {"method": "mgd3_mixed", "sampling": {"pull_pool": 2}},
            "sampling.pull_pool=2 changes nothing in this run: method=mgd3_mixed has a value of "
            "its own; set methods.mgd3_mixed.draws.pull_pool instead",
        ),
        (
            {"method": "unguided", "sampling": {"mode_guidance_scale": 0.2}},
            "sampling.mode_guidance_scale=0.2 changes nothing in this run: method=unguided does "
            "not use it",
        ),
        (
            {"method": "random", "modes": {"mode_finder": "gmm"}},
            "modes.mode_finder=gmm changes nothing in this run",
        ),
        # What a method has another value of the same name for, in another group, is not meant.
        (
            {"method": "rded", "evaluation": {"batch_size": 3}},
            "evaluation.batch_size=3 changes nothing in this run",
        ),
    ],
)
def test_what_is_given_for_nothing_is_told(given, told, caplog):
    warn(given, ["generate"])
    assert caplog.messages == [told]


def test_what_is_read_is_not_told(caplog):
    warn({"method": "mgd3", "sampling": {"mode_guidance_scale": 0.2}}, ["generate"])
    warn({"settings": "published", "method": "random"}, ["distill"])
    # These look for what was made with the parameters that they are given.
    warn({"balance": "share", "sampling": {"noise_strength": 0.6}}, ["report_methods"])
    warn({"balance": "share", "sampling": {"noise_strength": 0.6}}, ["report"])
    assert caplog.messages == []


def test_all_that_is_given_for_nothing_is_told_in_its_order(caplog):
    warn({"method": "random", "sampling": {"noise_strength": 0.2, "candidates": 2}}, ["generate"])
    assert [line.partition("=")[0] for line in caplog.messages] == [
        "sampling.noise_strength",
        "sampling.candidates",
    ]


def test_a_run_tells_it_before_the_work(project, caplog):
    run(project, "generate", method="herding", sampling={"noise_strength": 0.2})
    (told,) = [line for line in caplog.messages if "changes nothing" in line]
    assert told == "sampling.noise_strength=0.2 changes nothing in this run"
    assert caplog.messages.index(told) < len(caplog.messages) - 1
