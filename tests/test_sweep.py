import itertools
import re
import signal
import sys
from contextlib import chdir

import pandas as pd
import pytest
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import node
from tiny_project import make_project, small

from mgd3_kedro.points import DONE, FAILED, PENDING
from mgd3_kedro.sweep.grid import Axis, leaves, make_points, merged, name_of, nested, parse_axes
from mgd3_kedro.sweep.ledger import Ledger
from mgd3_kedro.sweep.plan import PlannedPoint, Request, plan_sweep
from mgd3_kedro.sweep.schedule import Interrupts, work_left
from mgd3_kedro.sweep.sessions import Session
from mgd3_kedro.sweep.sharing import (
    Configuration,
    Lineage,
    check_apart,
    check_used,
    find_sharing,
)


def test_values_are_read_as_parameters_of_the_command_line_are():
    texts = ["a.b=50,0.5,1e-3,null", "c=[x, y], [z]", "d= true ,'1',some text,x=y"]
    assert parse_axes(texts, {"a": {"other": 1}}) == (
        Axis("a.b", (50, 0.5, 0.001, None)),
        Axis("c", (["x", "y"], ["z"])),
        Axis("d", (True, "1", "some text", "x=y")),
    )


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "expected --over KEY=VALUE,VALUE, got none"),
        (["seed"], "--over: expected KEY=VALUE,VALUE, got 'seed'"),
        (["=1,2"], "--over: expected KEY=VALUE,VALUE, got '=1,2'"),
        (["a..b=1"], "--over: expected KEY=VALUE,VALUE, got 'a..b=1'"),
        (["seed="], "seed: expected values with commas between them, got ''"),
        (["seed=1,,2"], "seed: expected values with commas between them, got '1,,2'"),
        (["seed=1,2,1"], "seed: expected every value once, got 1 twice"),
        (["seed=1,1.0"], "seed: expected every value once, got 1.0 twice"),
        (["seed=[1"], "seed: expected a value, got '[1'"),
        (["a={x: 1}"], "a: expected one value, got the settings x"),
        (["seed=1", "seed=2"], "seed: expected once in all of --over and --params"),
        (["given.x=1,2"], "given.x: expected once in all of --over and --params"),
        (["given=1,2"], "given: expected once in all of --over and --params"),
        (["a.b=1", "a=2"], "a: expected once in all of --over and --params"),
        (["a=1", "a.b=2"], "a.b: expected once in all of --over and --params"),
    ],
)
def test_axes_that_are_no_axes_are_refused_by_name(texts, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_axes(texts, {"given": {"x": 3}})


def test_true_and_one_are_two_values_and_a_longer_name_is_another_key():
    axes = parse_axes(["flag=1,true", "given_too=1"], {"given": 3})
    assert axes[0].values == (1, True)
    assert len({point.name for point in make_points(axes)}) == 2


def test_the_points_are_all_combinations_in_the_order_of_nested_loops():
    axes = (Axis("sampling.stop", (50, 25)), Axis("seed", (0, 1, 2)))
    expected = [{"sampling.stop": stop, "seed": seed} for stop in (50, 25) for seed in (0, 1, 2)]
    points = make_points(axes)
    assert [point.values for point in points] == expected
    assert [point.name for point in points][:4] == [
        "stop=50-seed=0",
        "stop=50-seed=1",
        "stop=50-seed=2",
        "stop=25-seed=0",
    ]


def test_keys_that_end_alike_are_written_out():
    values = {"autoencoder.precision": "fp32", "evaluation.precision": "bf16", "seed": 1}
    assert name_of(values, values) == "autoencoder.precision=fp32-evaluation.precision=bf16-seed=1"
    assert name_of(values, ["evaluation.precision"]) == "evaluation.precision=bf16"


def test_odd_values_make_plain_names_and_no_two_the_same():
    odd = [
        "a b",
        "a_b",
        "a/b",
        "a//b",
        "../a",
        "a-b=1",
        ["a", "b"],
        ["a, b"],
        "[a]",
        "ä",
        "x" * 300,
    ]
    odd += ["x" * 301, "a\nb", None, "a" * 40, "a" * 41]
    names = [name_of({"some.key": value}, ["some.key"]) for value in odd]
    assert len(set(names)) == len(odd)
    for name in names:
        assert re.fullmatch(r"key=[\w.+-]+", name)
        assert len(name) <= 100 + 9
    assert names[1] == "key=a_b"


def test_long_names_are_cut_and_stay_apart():
    keys = [f"group.{letter * 20}" for letter in "abcdefgh"]
    combinations = itertools.product((0, 1), repeat=len(keys))
    names = {name_of(dict(zip(keys, values, strict=True)), keys) for values in combinations}
    assert len(names) == 2 ** len(keys)
    assert max(map(len, names)) <= 100 + 9


def test_parameters_nest_merge_and_are_listed():
    assert nested({"a.b.c": 1, "a.d": 2, "e": 3}) == {"a": {"b": {"c": 1}, "d": 2}, "e": 3}
    old, new = {"a": {"b": 1, "c": [1, 2]}, "d": 4}, {"a": {"c": [3]}, "d": {"e": 5}}
    assert merged(old, new) == {"a": {"b": 1, "c": [3]}, "d": {"e": 5}}
    assert old == {"a": {"b": 1, "c": [1, 2]}, "d": 4}
    assert list(leaves({"a": {"b": 1, "c": {"d": 2}}, "e": 3, "f": {}})) == [
        "a.b",
        "a.c.d",
        "e",
        "f",
    ]


def give(*inputs):
    return inputs


NODES = [
    node(give, ["images", "params:encoding"], "latents", name="encode"),
    node(give, ["latents", "params:modes"], ["modes", "modes_table"], name="discover"),
    node(give, ["modes", "params:sampling", "params:seed"], "samples", name="draw"),
    node(give, ["samples"], "picture", name="show"),
    node(give, ["samples", "params:lr"], "rows", name="train"),
]
PARAMETERS = {
    "encoding": {"posterior": "mean"},
    "modes": {"finder": "kmeans"},
    "sampling": {"stop": 25},
    "seed": 0,
    "lr": 0.1,
}
DRAWING, TRAINING = NODES[2:3], NODES[4:]


def lineage(nodes=NODES, images="here", late="", early="", **changes):
    """Configure a small project whose samples and rows can be told apart, and whose modes too."""
    parameters = merged(PARAMETERS, changes)
    seed = parameters["seed"]
    places = {
        "latents": "latents",
        "modes": f"modes{early}/{seed}",
        "modes_table": f"modes{early}/{seed}.csv",
        "samples": f"samples{late}/{seed}",
        "given_samples": f"samples{late}/{seed}",
        "rows": f"rows{late}/{seed}",
    }
    entries = {name: {"type": "x", "filepath": place} for name, place in places.items()}
    entries["images"] = {"type": "x", "source": images}
    return Lineage(Configuration(parameters, lambda name: entries.get(name, {})), nodes, NODES)


MARKS = {"early": "<early>", "late": "<late>"}


def sharing(changes, nodes=NODES):
    """Find what is shared where every axis has one other value."""
    return find_sharing(
        lineage(nodes),
        {key: [lineage(nodes, **change)] for key, change in changes.items()},
        lineage(nodes, **MARKS).configuration,
        MARKS,
        nodes,
    )


STOP = {"stop": {"sampling": {"stop": 0}}}
FINDER = {"finder": {"modes": {"finder": "random"}}}
SEED = {"seed": {"seed": 1}}
LR = {"lr": {"lr": 0.2}}


def test_what_an_axis_changes_is_set_apart_and_what_it_does_not_is_shared():
    found = sharing({**STOP, **SEED})
    assert found.variants == {"early": (), "late": ("stop",)}
    assert found.touched == {
        "encode": set(),
        "discover": {"seed"},
        "draw": {"stop", "seed"},
        "show": {"stop", "seed"},
        "train": {"stop", "seed"},
    }


def test_what_is_kept_in_memory_is_made_by_every_session_that_needs_it():
    found = sharing(LR)
    assert found.touched["discover"] == set()
    assert found.touched["show"] == {"lr"}


def test_an_axis_of_an_early_stage_sets_all_later_ones_apart():
    found = sharing({**LR, **FINDER})
    assert found.variants == {"early": ("finder",), "late": ("lr", "finder")}
    assert found.touched["discover"] == {"finder"}
    assert found.touched["encode"] == set()
    assert found.touched["train"] == {"lr", "finder"}


def test_folders_are_named_alike_whichever_stages_run():
    assert sharing(FINDER, DRAWING).variants == sharing(FINDER).variants
    # What is read from where another stage keeps it was made by that stage.
    evaluation = [node(give, ["given_samples", "params:lr"], "rows", name="train")]
    assert sharing(STOP, evaluation).variants["late"] == ("stop",)
    assert sharing(FINDER, evaluation).variants == sharing(FINDER).variants


def test_results_without_a_folder_for_every_value_are_refused():
    message = "posterior: expected a parameter whose results have a folder .* latents has one place"
    with pytest.raises(ValueError, match=message):
        sharing({"posterior": {"encoding": {"posterior": "sample"}}})
    with pytest.raises(ValueError, match="images: expected a parameter whose results"):
        sharing({"images": {"images": "there"}})


def test_an_axis_that_changes_nothing_that_is_run_is_refused():
    check_used(lineage(), {"lr": [lineage(lr=0.2)]}, TRAINING)
    with pytest.raises(ValueError, match="lr: expected a parameter that what is run depends on"):
        check_used(lineage(), {"lr": [lineage(lr=0.2)]}, DRAWING)


def test_nodes_that_read_what_other_points_write_are_refused():
    entries = {"rows": {"filepath": "results/a/rows.csv"}, "all": {"path": "results"}}
    configuration = Configuration({}, lambda name: entries.get(name, {}))
    making = node(give, "samples", "rows", name="train")
    check_apart(configuration, [making])
    gathering = node(give, "all", "table", name="gather")
    with pytest.raises(ValueError, match=r"gather: expected nodes .* reads all of results; run it"):
        check_apart(configuration, [making, gathering])


def test_a_point_does_what_no_other_has_done():
    point = PlannedPoint("p", {}, {}, (("encode", "[]"), ("draw", "[1]")))
    assert work_left(point, set()) == [("encode", "[]"), ("draw", "[1]")]
    assert work_left(point, {("encode", "[]"), ("draw", "[0]")}) == [("draw", "[1]")]
    assert work_left(point, set(point.work)) == list(point.work)


POINTS = {"a=1": {"g.a": 1}, "a=2": {"g.a": 2}, "a=3": {"g.a": 3}}


def test_states_are_kept_and_only_what_is_done_with_the_same_code_stays_done(tmp_path):
    path = tmp_path / "sweep/points.csv"
    ledger = Ledger(path, POINTS, "code 1")
    assert ledger.with_status(PENDING) == list(POINTS)
    assert not path.exists()
    ledger.record("a=1", status=DONE, seconds=1.5, run_id="r1")
    ledger.record("a=2", status=FAILED, error='class 0: "bad", again\nand more')
    again = Ledger(path, POINTS, "code 1")
    assert again.with_status(DONE) == ["a=1"]
    assert again.with_status(PENDING) == ["a=2", "a=3"]
    assert again.fact("a=1", "run_id") == "r1"
    assert Ledger(path, POINTS, "code 2").with_status(PENDING) == list(POINTS)
    rows = pd.read_csv(path, keep_default_na=False)
    assert rows["point"].tolist() == list(POINTS)
    assert rows["g.a"].tolist() == [1, 2, 3]
    assert rows["status"].tolist() == ["done", "failed", "pending"]
    assert rows["error"].tolist() == ["", 'class 0: "bad", again\nand more', ""]
    assert [file.name for file in path.parent.iterdir()] == ["points.csv"]


def test_a_name_that_another_grid_has_is_refused(tmp_path):
    Ledger(tmp_path / "mine/points.csv", POINTS, "").write()
    others = {"a=3": {"g.a": 3}, "a=4": {"g.a": 4}}
    message = r"mine: expected all points .* got none called a=1; give --over in .* another --name"
    with pytest.raises(ValueError, match=message):
        Ledger(tmp_path / "mine/points.csv", others, "")


def test_a_grid_may_grow_and_what_was_done_stays_done(tmp_path):
    path = tmp_path / "mine/points.csv"
    Ledger(path, POINTS, "code 1").record("a=2", status=DONE)
    grown = {"a=0": {"g.a": 0}, **POINTS}
    Ledger(path, grown, "code 1").write()
    again = Ledger(path, grown, "code 1")
    assert again.with_status(DONE) == ["a=2"]
    assert again.with_status(PENDING) == ["a=0", "a=1", "a=3"]


def test_an_interrupt_is_kept_until_it_is_asked_for_and_the_second_is_not():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts() as interrupts:
        interrupts.heed()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            interrupts.heed()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.fixture
def noisy(tmp_path):
    """Make a folder in which `python -m kedro` is a script that says things and ends as told."""
    (tmp_path / "kedro.py").write_text(
        "import sys, pathlib, os, signal\n"
        "config = pathlib.Path(sys.argv[-1]).read_text()\n"
        "print(sys.argv[1:3], os.environ['WORD'])\n"
        "print('Error: first'), print('Error: the reason'), print(' more', file=sys.stderr)\n"
        "if 'kill' in config: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.exit(3 if 'fail' in config else 0)\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("tag", "status", "error"),
    [("fine", 0, None), ("fail", 3, "the reason"), ("kill", -9, "killed by signal 9")],
)
def test_a_session_says_how_it_ended_and_why(tag, status, error, noisy):
    session = Session(noisy, noisy / "a=1", {"tags": tag}, {"WORD": "hello"})
    session.wait()
    assert session.status() == status
    assert (noisy / "a=1.yml").read_text() == f"run:\n  tags: {tag}\n"
    if error:
        assert session.error() == error
    if tag != "kill":
        assert "['run', '--config'] hello" in (noisy / "a=1.log").read_text()
    assert sys.executable


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Return what plans a sweep in a project that has not run."""
    project = make_project(tmp_path_factory.mktemp("planned"))
    bootstrap_project(project)

    def plan(*over, pipelines=("distill",), name=None, params=None, **filters):
        request = Request(over, params or small(), None, pipelines, filters)
        with chdir(project):
            return plan_sweep(request, name)

    return plan


STAGES = ("test_images_", "latents_", "modes_", "images_", "")


def variants_of(plan, number=0):
    params = plan.points[number].params
    return [params[f"{stage}variant"] for stage in STAGES]


@pytest.mark.parametrize(
    ("over", "variants"),
    [
        (("seed=0,1", "method=mgd3,d4m"), ["", "", "", "", ""]),
        (("sampling.noise_strength=0.5,1.0",), ["", "", "", *["-noise_strength=0.5"] * 2]),
        (("modes.mode_finder=random,gmm", "seed=0,1"), ["", "", *["-mode_finder=random"] * 3]),
        (("encoding.posterior=mean,sample",), ["", *["-posterior=mean"] * 4]),
        (
            ("analysis.perplexity=3,5", "modes.pool=2,4"),
            ["", "", "-pool=2", "-pool=2", "-perplexity=3-pool=2"],
        ),
        # With one value it is as configured, or apart from that.
        (("modes.n_init=10", "modes.pool=3"), ["", "", *["-pool=3"] * 3]),
    ],
    ids=str,
)
def test_folders_are_named_after_what_changes_their_content(over, variants, planned):
    assert variants_of(planned(*over)) == variants


def test_ones_own_variants_come_before_those_of_the_points(planned):
    params = small(variant="-mine", modes_variant="-ours")
    plan = planned("modes.n_init=2,3", params=params)
    assert variants_of(plan, 1) == ["", "", "-ours-n_init=3", "-mine-n_init=3", "-mine-n_init=3"]


def test_every_point_has_its_parameters_and_the_sweep_a_name_of_its_own(planned):
    plan = planned("diffusion.cfg_channels=null,3", "seed=4,5", pipelines=["encode", "distill"])
    assert [point.params["seed"] for point in plan.points] == [4, 5, 4, 5]
    assert plan.points[2].params["diffusion"] == {**small()["diffusion"], "cfg_channels": 3}
    assert plan.points[0].params["diffusion"]["cfg_channels"] is None
    assert plan.points[0].params["ipc"] == small()["ipc"]
    assert re.fullmatch(r"encode-distill-cfg_channels-seed-\w{8}", plan.name)
    assert plan.folder.parts[-4:] == ("08_reporting", "mnist", "sweeps", plan.name)
