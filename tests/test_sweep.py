import os
import re
import shlex
import signal
from contextlib import chdir
from dataclasses import replace

import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from tiny_project import make_project

from mgd3_kedro.given import read_parameters
from mgd3_kedro.nesting import flat
from mgd3_kedro.points import DONE, FAILED, PENDING
from mgd3_kedro.splitting import Text, split_parameters
from mgd3_kedro.sweep.advice import tell_accuracies
from mgd3_kedro.sweep.kept_rows import KeptRows
from mgd3_kedro.sweep.loop import Interrupts
from mgd3_kedro.sweep.parts import SweepPart, as_text, read_axes, read_parts
from mgd3_kedro.sweep.plan import plan_points
from mgd3_kedro.sweep.sessions import Session
from mgd3_kedro.sweep.states import States


def test_axes_are_split_as_parameters_are_and_left_as_they_are_written():
    texts = ["a.b=50, 1e-3,null", "c=[x; y], [z]", "d='a,b',x=y,"]
    assert read_axes(texts) == {
        "a.b": ("50", "1e-3", "null"),
        "c": ("[x; y]", "[z]"),
        "d": ("'a,b'", "x=y", ""),
    }
    assert all(isinstance(v, Text) for values in read_axes(texts).values() for v in values)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["seed"], "--over: expected KEY=VALUE,VALUE, got 'seed'"),
        (["=1,2"], "--over: expected KEY=VALUE,VALUE, got '=1,2'"),
        (["a..b=1"], "--over: expected KEY=VALUE,VALUE, got 'a..b=1'"),
        (["seed=1", "seed=2"], "seed: expected one --over, got two"),
        (["seed=[1"], "seed: expected ] at the end of '[1', got none"),
    ],
)
def test_axes_that_are_no_axes_are_refused_by_name(texts, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        read_axes(texts)


CONFIGURED = {
    "text": "a",
    "free": None,
    "flag": False,
    "number": 0.5,
    "count": 1,
    "texts": ["a"],
    "numbers": [0.5, 1.0],
}
VALUES = [
    *(
        ("text", value)
        for value in ("b", "a b", "", "1", "null", "true", "x,y=[1", "it's", 'a "b"')
    ),
    *(
        ("free", value)
        for value in ("b", "1", "01", "null", "true", "1:2", "[a]", "", 3, 0.5, True)
    ),
    *(("flag", value) for value in (True, None)),
    *(("number", value) for value in (1e-5, 3.0, -0.1, None)),
    *(("count", value) for value in (7, None)),
    *(("texts", value) for value in ([], ["b"], ["b", "c d", "1"])),
    ("numbers", [0.25, 1e6]),
]


@pytest.mark.parametrize(("name", "value"), VALUES, ids=str)
def test_a_value_is_read_as_it_was_written(name, value, tmp_path):
    given = split_parameters([f"other=1,{name}={as_text(value)},another=2"])
    read = read_parameters({name: given[name]}, CONFIGURED, tmp_path)[name]
    assert read == value
    assert type(read) is type(value)


def test_what_cannot_be_written_is_refused():
    for value in ('it\'s "both"', {}, object()):
        with pytest.raises(ValueError, match="expected a value that can be written in --params"):
            as_text(value)


SWEEPS = {
    "all": {"about": "", "parts": [{"sweep": "few"}, {"pipelines": "compare"}]},
    "few": {
        "about": "",
        "name": "short",
        "parts": [
            {"pipelines": "train_teacher"},
            {"over": {"seed": [0, 1]}, "params": {"modes": {"pool": 2}, "ipc": 3}},
        ],
    },
    "round": {"about": "", "parts": [{"sweep": "loop"}]},
    "loop": {"about": "", "parts": [{"sweep": "round"}]},
    "odd": {"about": "", "parts": [{"params": {}, "ovre": {}}]},
    "many": {"about": "", "parts": [{"over": {"seed": [0, 1]}, "keep": {"rows": "a.csv"}}]},
}


def test_parts_of_a_sweep_are_read_in_order_with_those_of_others():
    assert read_parts(SWEEPS, "all", {"ipc": Text("5")}) == [
        SweepPart("short", {"pipelines": "train_teacher"}, {"ipc": "5"}, {}, {}, 0),
        SweepPart(
            *("short", {"pipelines": "distill"}, {"modes.pool": "2", "ipc": "5"}),
            *({"seed": ("0", "1")}, {}, 1),
        ),
        SweepPart("all", {"pipelines": "compare"}, {"ipc": "5"}, {}, {}, 2),
    ]


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("fwe", {}, "unknown sweep 'fwe': expected one of all, few"),
        ("round", {}, "round: expected a sweep that does not contain itself"),
        ("odd", {}, "odd: unknown setting of a part 'ovre': expected one of"),
        ("many", {}, "many: expected `keep` only in a part without `over`"),
        (
            "few",
            {"seed": "2"},
            "seed: expected one setting of it in short, got an axis and also seed",
        ),
        (
            "few",
            {"seed.x": "2"},
            "seed: expected one setting of it in short, got an axis and also seed.x",
        ),
    ],
)
def test_a_sweep_that_does_not_fit_is_refused_by_name(name, given, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        read_parts(SWEEPS, name, {key: Text(value) for key, value in given.items()})


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
        "import sys, os, signal\n"
        "print(sys.argv[1:], os.environ['WORD'])\n"
        "print('Error: first'), print('Error: the reason'), print(' more', file=sys.stderr)\n"
        "if 'kill' in sys.argv: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.exit(3 if 'fail' in sys.argv else 0)\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("option", "status", "error"),
    [("fine", 0, None), ("fail", 3, "the reason"), ("kill", -9, "killed by signal 9")],
)
def test_a_session_says_how_it_ended_and_why(option, status, error, noisy):
    session = Session(noisy, noisy / "a=1.log", ["--tags", option], {"WORD": "hello"})
    session.wait()
    assert session.status() == status
    if error:
        assert session.error() == error
    if option != "kill":
        assert f"['run', '--tags', '{option}'] hello" in (noisy / "a=1.log").read_text()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Make a project that has not run."""
    return make_project(tmp_path_factory.mktemp("planned"))


@pytest.fixture(scope="module")
def loaders(project):
    """Return the configuration of its environments."""
    bootstrap_project(project)
    found = {}
    with chdir(project):
        for env in ("mnist", "imagenette64"):
            with KedroSession.create(project, env=env) as session:
                loader = session.load_context().config_loader
                loader.place("benchmark")
                found[env] = loader, loader["sweeps"]
    return found


@pytest.fixture(scope="module")
def plan(loaders):
    """Return what plans parts for the digits."""

    def plan(*parts):
        return plan_points(loaders["mnist"][0], parts)

    return plan


def grid(*texts, options=None, params=None, sweep="mine", follows=0):
    """Return a part as the command line gives it."""
    given = flat(split_parameters([params] if params else []))
    pipelines = {"pipelines": "distill", **(options or {})}
    return SweepPart(sweep, pipelines, given, read_axes(texts), {}, follows)


def test_the_points_are_all_combinations_in_the_order_of_nested_loops(plan):
    points = plan(grid("sampling.stop_guidance_step=50,25", "seed=0,1", params="ipc=3"))
    assert [dict(point.values) for point in points] == [
        {"sampling.stop_guidance_step": stop, "seed": seed} for stop in (50, 25) for seed in (0, 1)
    ]
    assert points[1].name == "stop_guidance_step=50-seed=1"
    params = "ipc=3,sampling.stop_guidance_step=50,seed=1"
    assert points[1].options == ["--env=mnist", "--pipelines=distill", "--params", params]
    assert points[1].command == f"kedro run --env=mnist --pipelines=distill --params {params}"


def test_a_shell_reads_the_command_of_a_point_as_it_is_run(plan):
    (point,) = plan(grid(params="label='$x & `y`',trainings.networks=[convnet1; vit]"))
    assert shlex.split(point.command) == ["kedro", "run", *point.options]


def test_a_point_is_read_from_its_own_command_line_as_it_is(plan, loaders):
    axes = ("diffusion.cfg_channels=null,3", "trainings.networks=[convnet1; vit],alexnet")
    for point in plan(grid(*axes, params="diffusion.prompt_template='a,b'")):
        again = loaders["mnist"][0].with_parameters(split_parameters([point.options[-1]]))
        assert again["parameters"] == point.loader["parameters"]
        assert again.configured.given == point.loader.configured.given


def test_the_tables_of_a_sweep_are_those_of_its_environment_benchmark_and_split(plan, loaders):
    told = "accuracies: kedro results; tables of them: kedro run "
    assert tell_accuracies(plan(grid("seed=0,1"))) == f"{told}--pipelines=compare"
    assert tell_accuracies(plan(grid("split=test,holdout"))) == (
        f"{told}--pipelines=compare; kedro run --pipelines=compare --params split=holdout"
    )
    loader, _ = loaders["imagenette64"]
    full = grid(options={"pipelines": "train_full"}, params="benchmark=mine,split=holdout")
    assert tell_accuracies(plan_points(loader, [full])) == (
        f"{told}--env=imagenette64 --pipelines=compare --params benchmark=mine,split=holdout"
    )
    # Nothing is trained.
    assert tell_accuracies(plan(grid("seed=0,1", options={"pipelines": "generate"}))) == ""


def test_keys_that_end_alike_are_written_out_and_long_names_are_cut(plan):
    axes = ("autoencoder.precision=fp32", "evaluation.precision=bf16", "seed=1")
    (point,) = plan(grid(*axes))
    assert point.name == "autoencoder.precision=fp32-evaluation.precision=bf16-seed=1"
    keys = ("sampling.stop_guidance_step", "sampling.mode_guidance_scale", "modes.random_state")
    axes = (f"{key}=1.5,1.25" if "scale" in key else f"{key}=1,2" for key in keys)
    more = ("diffusion.num_inference_steps=10,20", "analysis.random_state=1,2")
    names = {point.name for point in plan(grid(*axes, *more))}
    assert len(names) == 32
    assert max(map(len, names)) <= 100 + 9


def test_points_are_known_by_what_they_make(plan):
    points = plan(grid("method=random,mgd3", "sampling.mode_guidance_scale=0.1,0.3"))
    random, same, drawn, other = (point.made_from for point in points)
    assert random == same
    assert len({random, drawn, other}) == 3
    # What is configured is not told.
    assert [point.words() for point in points[2:]] == [[], ["mode_guidance_scale=0.3"]]


def test_a_point_that_is_there_twice_is_refused(plan):
    with pytest.raises(ValueError, match=r"expected every point once, got seed=1 2 times"):
        plan(grid("seed=1,2,1"))


def test_a_point_is_another_with_other_code(plan, monkeypatch):
    (point,) = plan(grid("seed=1"))
    before = point.stamp
    monkeypatch.setattr("mgd3_kedro.sweep.plan.sources", lambda: "others")
    assert point.stamp != before


def test_the_order_in_which_files_are_read_is_not_in_the_stamp_of_a_point(plan):
    """Kedro reads them in that of a set, which every process has another of."""
    (point,) = plan(grid("seed=1"))
    before, loader = point.stamp, point.loader
    loader["parameters"] = dict(reversed(loader["parameters"].items()))
    vars(loader)["catalog_files"] = dict(reversed(loader.catalog_files.items()))
    assert point.stamp == before


def test_code_and_parameters_are_in_the_stamp_of_a_point(plan):
    first, again = plan(grid("seed=0,1")), plan(grid("seed=1,2"))
    assert first[1].stamp == again[0].stamp
    stamps = {point.stamp for point in (*first, *again)}
    assert len(stamps) == 3
    assert plan(grid("seed=1", options={"to_nodes": "collect_rows"}))[0].stamp not in stamps


def test_states_are_kept_and_only_what_is_done_alike_stays_done(tmp_path, plan):
    seeds = plan(grid("seed=0,1,2"))
    states = States(tmp_path, seeds)
    path = tmp_path / "mine/points.csv"
    assert states.with_status(PENDING) == seeds
    assert not path.exists()
    states.record(seeds[0], status=DONE, seconds=1.5, run_id="r1")
    states.record(seeds[1], status=FAILED, error='class 0: "bad", again\nand more')
    again = States(tmp_path, seeds)
    assert again.with_status(DONE) == seeds[:1]
    assert again.with_status(PENDING) == seeds[1:]
    assert again.fact(seeds[0], "run_id") == "r1"
    grown = plan(grid("seed=3,0,1,2"))
    assert States(tmp_path, grown).with_status(DONE) == [grown[1]]
    others = plan(grid("seed=0,1,2", params="ipc=1"))
    assert States(tmp_path, others).with_status(PENDING) == others
    rows = pd.read_csv(path, keep_default_na=False)
    assert rows["point"].tolist() == ["seed=0", "seed=1", "seed=2"]
    assert rows["seed"].tolist() == [0, 1, 2]
    assert rows["status"].tolist() == ["done", "failed", "pending"]
    assert rows["error"].tolist() == ["", 'class 0: "bad", again\nand more', ""]
    assert [file.name for file in path.parent.iterdir()] == ["points.csv"]


def test_states_that_cannot_be_written_are_those_before(tmp_path, plan, monkeypatch):
    seeds = plan(grid("seed=0,1"))
    states = States(tmp_path, seeds)
    states.record(seeds[0], status=DONE)

    def fail(descriptor):
        os.ftruncate(descriptor, 9)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        states.record(seeds[1], status=FAILED)
    assert States(tmp_path, seeds).with_status(DONE) == seeds[:1]


def test_a_name_that_another_grid_has_is_refused(tmp_path, plan):
    States(tmp_path, plan(grid("seed=0,1"))).write()
    message = (
        "mine: expected all earlier points .* point seed=0 is missing; repeat all earlier values"
    )
    with pytest.raises(ValueError, match=f"{message}, give another --name, or remove"):
        States(tmp_path, plan(grid("seed=1,2")), is_own_grid=True)
    # A configured sweep, or a search, has the name that it has.
    with pytest.raises(ValueError, match=f"{message}, or remove"):
        States(tmp_path, plan(grid("seed=1,2")))


def test_a_single_run_is_pending_after_pending_ones_of_its_list_alone(tmp_path, plan):
    table = {"pipelines": "compare"}
    points = plan(
        grid("seed=0,1"), grid(options=table, follows=1), grid(sweep="other", options=table)
    )
    states = States(tmp_path, points)
    for point in points:
        states.record(point, status=DONE)
    assert States(tmp_path, points).with_status(PENDING) == []
    states.record(points[1], status=FAILED)
    again = States(tmp_path, points)
    assert [again.label(point) for point in again.with_status(PENDING)] == [
        "mine/seed=1",
        "mine/compare",
    ]
    assert (tmp_path / "mine/steps.csv").is_file()


@pytest.fixture
def kept(tmp_path):
    """Return what writes a table of rows, each with some columns of its own, and reads it."""
    usual = {"benchmark": "mnist", "split": "test", "image_size": 32, "ipc": 3, "method": "mgd3"}
    usual |= {"backbone": "dit", "network": "convnet1", "protocol": "hard", "preset": "smoke"}
    usual |= {"seed": 1, "settings": "", "configuration": "0" * 12, "training_seed": 2}
    usual |= {"top1_last": 90.0, "top1_best": 91.0, "code_version": "0.1", "outcome": "finished"}

    def write(*rows):
        pd.DataFrame([usual | row for row in rows]).to_csv(
            tmp_path / "mnist_rows.csv", index=False, lineterminator="\n"
        )
        return KeptRows(tmp_path)

    return write


def kept_grid(*texts, params="ipc=3,trainings.repeats=1", rows=""):
    """Return a part whose rows are in a folder."""
    return replace(grid(*texts, params=params), rows=rows)


def test_a_point_whose_rows_are_kept_needs_no_run(plan, kept):
    points = plan(kept_grid("seed=0,1", "method=mgd3,random"))
    rows = kept({"training_seed": 1}, {"seed": 0, "method": "random"})
    assert [rows.have(point) for point in points] == [False, True, True, False]
    (unnamed,) = plan(grid("seed=1", params="ipc=3,trainings.repeats=1"))
    assert not rows.have(unnamed)


@pytest.mark.parametrize(
    ("params", "own"),
    [
        ("", {"outcome": "diverged", "top1_last": None, "top1_best": None}),
        ("", {"settings": "mode_guidance_scale=0.3"}),
        (",sampling.mode_guidance_scale=0.3", {}),
        ("", {"network": "convnet4"}),
        (",trainings.networks=[convnet1; convnet4]", {}),
        (",evaluation.epochs=7", {}),
        (",preset=paper", {}),
        (",protocol=soft", {}),
        (",split=holdout", {}),
        ("", {"benchmark": "cifar10"}),
        ("", {"ipc": 10}),
    ],
)
def test_a_row_of_another_training_is_none_of_a_point(params, own, plan, kept):
    (point,) = plan(kept_grid("seed=1", params=f"ipc=3,trainings.repeats=1{params}"))
    assert not kept(own).have(point)
    # Without what is its own it would be one.
    (point,) = plan(kept_grid("seed=1"))
    assert kept({}).have(point)


def test_every_training_of_a_point_needs_a_row(plan, kept):
    (point,) = plan(kept_grid("seed=1", params="ipc=3,trainings.repeats=2"))
    assert not kept({}).have(point)
    assert not kept({}, {}).have(point)
    assert kept({}, {"training_seed": 3}).have(point)


def test_what_differs_from_the_environment_is_told_in_the_rows_as_well(plan, kept):
    given = "ipc=3,trainings.repeats=1,sampling.mode_guidance_scale=0.3"
    (point,) = plan(kept_grid("seed=1", params=given))
    assert kept({"settings": "mode_guidance_scale=0.3"}).have(point)


def test_rows_of_what_makes_none_or_of_no_table_of_rows_are_refused(plan, tmp_path):
    part = replace(grid("seed=0", options={"pipelines": "generate"}), rows="")
    (point,) = plan(part)
    with pytest.raises(ValueError, match="mine: expected a part that makes result_rows, as it has"):
        KeptRows(tmp_path).have(point)
    (tmp_path / "a_file").touch()
    (point,) = plan(replace(grid("seed=0"), rows="a_file"))
    with pytest.raises(ValueError, match=r"mine: expected rows to be a folder, got .*a_file"):
        KeptRows(tmp_path).have(point)
    (tmp_path / "mnist_rows.csv").write_text("a,b\n1,2\n")
    (point,) = plan(kept_grid("seed=0"))
    with pytest.raises(ValueError, match="expected result rows with a column benchmark, got none"):
        KeptRows(tmp_path).have(point)
    with pytest.raises(ValueError, match="odd: expected rows to be a folder, got 3"):
        read_parts({"odd": {"parts": [{"rows": 3}]}}, "odd", {})


def test_a_folder_that_is_not_there_has_no_rows_and_is_told_once(plan, tmp_path, caplog):
    points = plan(replace(grid("seed=0,1"), rows="docs/results/mine"))
    kept = KeptRows(tmp_path)
    assert [kept.have(point) for point in points] == [False, False]
    (told,) = caplog.messages
    assert told == "rows: docs/results/mine does not exist, so no run is skipped"


def test_a_table_that_is_not_there_has_no_rows_and_one_that_was_cut_is_refused(plan, tmp_path):
    (point,) = plan(kept_grid("seed=1"))
    assert not KeptRows(tmp_path).have(point)
    (tmp_path / "mnist_rows.csv").write_text("method,network,training_seed,top1_last\nmgd3,con")
    with pytest.raises(ValueError, match=r"mnist_rows\.csv: expected a table of results"):
        KeptRows(tmp_path).have(point)
