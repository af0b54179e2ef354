import math
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch
from torch import nn

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.checkpoint import Checkpoint
from mgd3_kedro.evaluation import NETWORKS, EvaluationConfig
from mgd3_kedro.pipelines.train_eval.fitting import Fit, fit_classes, fit_of, training_set
from mgd3_kedro.pipelines.train_eval.nodes import (
    TrainingsConfig,
    label_images,
    train_networks,
)
from mgd3_kedro.pipelines.train_eval.results import (
    collect_rows,
    draw_accuracy,
    measure_accuracy,
)
from mgd3_kedro.result_columns import FINISHED, ROW_COLUMNS
from mgd3_kedro.stages import Partition, Task

WNIDS = ("n1", "n2")
BIRDS = Benchmark("birds", 16, tuple(ClassSpec(i, w, i, f"bird {w}") for i, w in enumerate(WNIDS)))
UNSET = (
    *("learning_rate", "momentum", "weight_decay", "batch_size", "cutmix", "flip_probability"),
    *("crop_min_scale", "jitter_strength", "lighting_std", "factor", "temperature", "image_size"),
    *("rand_augment_ops", "rand_augment_magnitude"),
)
CONFIG = EvaluationConfig(
    protocol="hard",
    preset="test",
    presets={"test": 0.001},
    epochs=3,
    validations=10,
    precision="fp32",
    compile=False,
    device="cpu",
    threads=1,
    **dict.fromkeys(UNSET),
)
TRAININGS = TrainingsConfig(0, ["convnet1"], 2)


def draw(count, size, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, size, size), generator=generator).to(torch.uint8)


def partitions(count, size=16, seed=0):
    return {
        wnid: Partition(
            partial(draw, count, size, seed + place), f"{wnid}-{seed}", count, configuration="drawn"
        )
        for place, wnid in enumerate(WNIDS)
    }


def fitted_tests():
    given = partitions(3, seed=5)
    return {w: replace(p, load=lambda p=p: {"images": p.load()}) for w, p in given.items()}


TEACHER = Partition(lambda: None, "teacher-1", 0, configuration="teacher-1")


def plan_trainings(tmp_path, config=CONFIG, trainings=TRAININGS, *, seed=0, images=None, **taught):
    images = images or partitions(4)
    return train_networks(
        BIRDS, images, fitted_tests(), tmp_path, config, trainings, seed, **taught
    )


def collect(values):
    run = ("flip=both sampler=ddim", CONFIG, "ours", "dit", "test", 7)
    return collect_rows(BIRDS, partitions(4), kept(values), *run)


def run_stage(stage, *names):
    chosen = {name: stage.tasks[name].loaded() for name in names or stage.tasks}
    return {name: made.value for name, made in stage.function(chosen, stage.settings).items()}


def kept(values):
    return {name: Partition(partial(lambda v: v, value), name) for name, value in values.items()}


@pytest.mark.parametrize(
    ("protocol", "image_size", "benchmark_size", "resize", "size"),
    [
        ("hard", 224, 256, 224, 224),
        ("hard", None, 256, 224, 224),
        ("soft", None, 256, 256, 224),
        ("hard", None, 32, 32, 32),
        ("glad", 128, 256, 128, 128),
        ("soft", 224, 256, 256, 224),
        ("soft", 224, 224, 224, 224),
        ("soft", 112, 256, 128, 112),
        ("soft", None, 32, 32, 32),
        ("soft", 28, 32, 32, 28),
        ("soft_stored", 224, 256, 256, 224),
        ("soft", 3, 32, 3, 3),
    ],
)
def test_images_are_brought_to_the_sides_of_the_protocol_and_never_enlarged(
    protocol, image_size, benchmark_size, resize, size
):
    config = replace(CONFIG, protocol=protocol, image_size=image_size)
    assert fit_of(config, benchmark_size) == Fit(resize, size)


def test_networks_cannot_see_more_pixels_than_there_are():
    config = replace(CONFIG, image_size=33)
    with pytest.raises(ValueError, match=r"evaluation\.image_size: expected at most 32, .*got 33"):
        fit_of(config, 32)


def test_test_images_are_kept_at_the_side_that_networks_see():
    images = draw(5, 12, 0)
    tasks = {"n1": Task({"images": images}), "n2": Task({"images": images[:2]})}
    made = fit_classes(tasks, Fit(12, 8))
    assert {wnid: one.count for wnid, one in made.items()} == {"n1": 5, "n2": 2}
    assert torch.equal(made["n1"].value["images"], images[:, :, 2:10, 2:10])
    assert made["n2"].value["images"].dtype == torch.uint8


def test_training_images_are_fitted_as_test_images_are_unless_crops_come_from_the_whole():
    classes = [draw(2, 20, 0), draw(3, 20, 1)]
    hard = training_set(classes, CONFIG.recipe, Fit(20, 16))
    assert torch.equal(hard.images, torch.cat(classes)[:, :, 2:18, 2:18])
    soft = training_set(classes, replace(CONFIG, protocol="soft").recipe, Fit(20, 16))
    assert torch.equal(soft.images, torch.cat(classes))
    assert soft.labels.tolist() == hard.labels.tolist() == [0, 0, 1, 1, 1]


def test_networks_are_a_list_of_known_names():
    assert TrainingsConfig(0, ["vit", "convnet1"], 1).networks == ["vit", "convnet1"]
    for wrong in ("vit", []):
        with pytest.raises(ValueError, match="networks: expected a list of names, got"):
            TrainingsConfig(0, wrong, 1)
    with pytest.raises(ValueError, match="unknown network 'lenet'"):
        TrainingsConfig(0, ["vit", "lenet"], 1)


def test_a_training_is_named_after_its_network_and_a_seed_that_no_other_has(tmp_path):
    trainings = TrainingsConfig(0, ["convnet1", "convnet2"], 3)
    names = [*plan_trainings(tmp_path, trainings=trainings).tasks]
    more = [*plan_trainings(tmp_path, trainings=trainings, seed=1).tasks]
    assert names == [f"convnet{depth}-{seed}" for depth in (1, 2) for seed in (0, 1, 2)]
    assert more == [f"convnet{depth}-{seed}" for depth in (1, 2) for seed in (3, 4, 5)]


@pytest.mark.parametrize(
    ("protocol", "taught_by", "batch_seeds"),
    [
        ("hard", (), [4, 5]),
        ("soft", ("teacher-1",), [4, 5]),
        ("soft_stored", ("first", "second"), [2, 2]),
    ],
)
def test_a_training_depends_on_what_its_labels_come_from(
    protocol, taught_by, batch_seeds, tmp_path
):
    config = replace(CONFIG, protocol=protocol, batch_size=4)
    labels = {name: Partition(dict, name) for name in ("first", "second")}
    given = {"soft": {"teacher": TEACHER}, "soft_stored": {"soft_labels": labels}}
    stage = plan_trainings(tmp_path, config, seed=2, **given.get(protocol, {}))
    tasks = list(stage.tasks.values())
    assert [task.about.batch_seed for task in tasks] == batch_seeds
    for task in tasks:
        assert task.about.taught_by == taught_by
        read = {"images", "test_images"}
        found = [one.fingerprint for name, one in task.partitions if name not in read]
        assert tuple(found) == taught_by


@pytest.mark.parametrize("epochs", [1, 9, 10, 11, 300])
def test_stored_labels_cover_every_epoch_once_in_at_most_ten_parts(epochs):
    config = replace(CONFIG, protocol="soft_stored", batch_size=4, epochs=epochs)
    stage = label_images(BIRDS, partitions(4), TEACHER, config, ["convnet1"], 6)
    lessons = [task.about for task in stage.tasks.values()]
    covered = [e for one in lessons for e in range(one.epochs[0], one.epochs[1] + 1)]
    assert covered == list(range(1, epochs + 1))
    assert len(lessons) <= 10
    assert {one.batch_seed for one in lessons} == {6}
    assert sorted(stage.tasks) == list(stage.tasks)


def test_stored_labels_stay_valid_when_no_batch_changes():
    def settings(**changes):
        config = replace(CONFIG, protocol="soft_stored", batch_size=4, **changes)
        return label_images(BIRDS, partitions(4), TEACHER, config, ["convnet1"], 6).settings

    same = {"learning_rate": 0.5, "weight_decay": 0.5, "momentum": 0.5, "temperature": 9.0}
    for name, value in same.items():
        assert settings(**{name: value}) == settings()
    others = {"flip_probability": 0.1, "crop_min_scale": 0.9, "cutmix": False, "factor": 2}
    for name, value in {**others, "batch_size": 3, "image_size": 8, "precision": "bf16"}.items():
        changed = replace(CONFIG, protocol="soft_stored", **{"batch_size": 4, name: value})
        stage = label_images(BIRDS, partitions(4), TEACHER, changed, ["convnet1"], 6)
        assert stage.settings != settings()


class Constant(nn.Module):
    """A network that no learning rate can make diverge."""

    def __init__(self, num_classes):
        super().__init__()
        self.num_classes = num_classes
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images):
        return images.flatten(1)[:, : self.num_classes] + 0 * self.weight


@pytest.fixture
def mixed(tmp_path, monkeypatch):
    """Return what was made of trainings, one of which diverges."""
    monkeypatch.setitem(NETWORKS, "constant", lambda num_classes, size: Constant(num_classes))
    config = replace(CONFIG, learning_rate=1e30, weight_decay=0.0, epochs=12)
    trainings = TrainingsConfig(0, ["convnet1", "constant"], 1)
    return run_stage(plan_trainings(tmp_path, config, trainings))


def test_a_training_that_diverged_is_a_row_and_the_others_finish(mixed):
    lost, fine = (mixed[name]["measured"] for name in ("convnet1-0", "constant-0"))
    assert lost["outcome"].startswith("diverged: convnet1: expected a finite loss, got ")
    assert math.isnan(lost["top1_last"])
    assert math.isnan(lost["top1_best"])
    assert (lost["epochs"], mixed["convnet1-0"]["curve"]) == (2, [])
    assert mixed["convnet1-0"]["confusion"] is None
    assert fine["outcome"] == FINISHED
    assert 0 <= fine["top1_last"] <= 100
    assert len(mixed["constant-0"]["curve"]) == 6


def test_accuracies_are_refused_if_one_is_missing_and_the_row_says_which(mixed):
    rows, curves, classes = collect(mixed)
    assert tuple(rows.columns[: len(ROW_COLUMNS)]) == ROW_COLUMNS
    assert rows["top1_last"].isna().tolist() == [True, False]
    assert curves["training"].tolist() == ["constant-0"] * 6
    assert classes["training"].unique().tolist() == ["constant-0"]
    with pytest.raises(FloatingPointError, match=r"1 of 2 trainings .*\n  diverged: convnet1: "):
        measure_accuracy(rows)
    drawn, confusion = draw_accuracy(BIRDS, kept(mixed), curves, "ours", 7)
    assert {figure.get_suptitle().replace("\n", " ") for figure in (drawn, confusion)} == {
        f"birds, {mixed['constant-0']['ipc']} images per class by ours, seed 7"
    }
    # Of the two trainings, one has finished: nothing is added up.
    assert "added up" not in confusion.axes[0].get_title()
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["constant, training 0"]


def test_confusion_says_how_many_trainings_it_adds_up(mixed):
    twice = {f"constant-{place}": mixed["constant-0"] for place in range(2)}
    _, confusion = draw_accuracy(BIRDS, kept(twice), collect(twice)[1], "ours", 7)
    assert confusion.axes[0].get_title().endswith("images, 2 trainings added up")


def test_nothing_is_drawn_if_no_training_finished(mixed):
    lost = {"convnet1-0": mixed["convnet1-0"]}
    with pytest.raises(FloatingPointError, match="1 of 1 trainings did not finish"):
        draw_accuracy(BIRDS, kept(lost), pd.DataFrame(columns=["training"]), "ours", 7)


def test_rows_curves_and_classes_are_those_of_the_trainings(tmp_path):
    values = run_stage(plan_trainings(tmp_path))
    rows, curves, classes = collect(values)
    assert tuple(rows.columns[: len(ROW_COLUMNS)]) == ROW_COLUMNS
    told = {"method": "ours", "backbone": "dit", "split": "test", "seed": 7}
    told |= {"settings": "flip=both sampler=ddim", "environment": "", "command": ""}
    for name, value in told.items():
        assert (rows[name] == value).all()
    assert rows["network"].tolist() == ["convnet1", "convnet1"]
    assert rows["training_seed"].tolist() == [0, 1]
    assert (rows["preset"] == "3 epochs").all()
    assert (rows["epochs"] == 3).all()
    assert (rows["image_steps"] == 3 * 8).all()
    assert (rows["top5_last"] == 100).all()
    assert (rows["image_size"] == 16).all()
    assert len(curves) == 6
    for row in rows.itertuples():
        name = f"convnet1-{row.training_seed}"
        confusion = values[name]["confusion"]
        right = sum(confusion[label][label] for label in range(2))
        assert row.top1_last == pytest.approx(100 * right / 6)
        of_training = classes[classes["training"] == name]
        assert of_training["wnid"].tolist() == list(WNIDS)
        expected = [100 * confusion[label][label] / 3 for label in range(2)]
        assert of_training["top1_last"].tolist() == pytest.approx(expected)


def test_rows_tell_how_many_images_ended_at_the_mode_they_were_made_for(tmp_path):
    values = run_stage(plan_trainings(tmp_path), "convnet1-0")
    facts = [{"mode": mode, "nearest_mode": mode % 3} for mode in range(4)]
    images = {
        wnid: replace(partition, rows=[{"wnid": wnid, **fact} for fact in facts])
        for wnid, partition in partitions(4).items()
    }
    run = ("", CONFIG, "ours", "dit", "test", 7)
    rows, _, _ = collect_rows(BIRDS, images, kept(values), *run)
    assert rows["own_mode_rate"].tolist() == [0.75]
    assert rows["modes_hit"].tolist() == [3]
    assert "own_mode_rate" not in collect(values)[0]


def test_rows_tell_the_side_that_networks_see(tmp_path):
    values = run_stage(plan_trainings(tmp_path), "convnet1-0")
    config = replace(CONFIG, image_size=8)
    run = ("", config, "ours", "dit", "test", 7)
    rows, _, _ = collect_rows(BIRDS, partitions(4), kept(values), *run)
    assert rows["image_size"].tolist() == [8]


def test_accuracies_have_mean_population_deviation_and_an_interval():
    rows = pd.DataFrame(
        {
            "network": ["a", "a", "a", "b"],
            "outcome": FINISHED,
            "top1_last": [50.0, 56.0, 53.0, 10.0],
            "top1_best": [60.0, 60.0, 60.0, 20.0],
            "top5_last": [90.0, 96.0, 93.0, 50.0],
            "calibration_error": [5.0, 6.0, 7.0, 8.0],
            "seconds": [1.0, 2.0, 3.0, 4.0],
        }
    )
    measured = measure_accuracy(rows)
    assert measured["a/top1_last_mean"] == pytest.approx(53)
    assert measured["a/top1_last_std"] == pytest.approx(math.sqrt(6))
    # Student's interval of three values is 53 ± 7.45.
    assert measured["a/top1_last_low"] == pytest.approx(53 - 7.45, abs=0.75)
    assert measured["a/top1_last_high"] == pytest.approx(53 + 7.45, abs=0.75)
    assert measured["a/top1_best_low"] == measured["a/top1_best_high"] == 60
    assert measured["a/top5_last"] == pytest.approx(93)
    assert measured["a/calibration_error"] == pytest.approx(6)
    assert measured["b/top1_last_mean"] == 10
    assert "b/top1_last_low" not in measured


class Killed(BaseException):
    """What ends a process between two lines."""


@pytest.fixture
def interrupt(monkeypatch):
    """End trainings after the first checkpoint; return their epochs after that."""

    def end(run):
        save = Checkpoint.save
        monkeypatch.setattr(Checkpoint, "due", True)

        def save_and_end(self, state):
            save(self, state)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "save", save_and_end)
            with pytest.raises(Killed):
                run()
        saved = []

        def save_and_tell(self, state):
            saved.append(state["epoch"])
            save(self, state)

        monkeypatch.setattr(Checkpoint, "save", save_and_tell)
        return saved

    return end


def test_an_interrupted_training_goes_on_and_leaves_no_checkpoint(interrupt, tmp_path):
    expected = run_stage(plan_trainings(tmp_path / "whole"), "convnet1-0")["convnet1-0"]
    stage = plan_trainings(tmp_path)
    saved = interrupt(lambda: run_stage(stage, "convnet1-0"))
    assert [path.name for path in tmp_path.glob("*.ckpt")] == ["convnet1-0.ckpt"]
    found = run_stage(stage, "convnet1-0")["convnet1-0"]
    assert saved == [2, 3]
    assert not list(tmp_path.glob("*.ckpt"))
    for value in (found, expected):
        assert value["measured"].pop("seconds") > 0
    assert found == expected


@pytest.mark.parametrize(
    "change",
    [
        {"config": replace(CONFIG, learning_rate=0.02)},
        {"seed": 1},
        {"trainings": TrainingsConfig(0, ["convnet1"], 2)},
    ],
    ids=["config", "seed", "none"],
)
def test_only_the_same_training_goes_on(change, interrupt, tmp_path):
    first, *_ = plan_trainings(tmp_path).tasks
    saved = interrupt(lambda: run_stage(plan_trainings(tmp_path), first))
    stage = plan_trainings(tmp_path, **change)
    (name, *_) = stage.tasks
    if name != first:
        (tmp_path / f"{first}.ckpt").rename(tmp_path / f"{name}.ckpt")
    run_stage(stage, name)
    assert saved == ([2, 3] if "trainings" in change else [1, 2, 3])


def halves(label, count, size=16):
    """Return noise that is bright in the upper half for one class, in the lower for the other."""
    images = draw(count, size, label) // 2
    images[:, :, label * size // 2 : (label + 1) * size // 2] += 120
    return images


@pytest.mark.parametrize("protocol", ["hard", "glad"])
def test_networks_learn_classes_that_can_be_told_apart(protocol, tmp_path):
    images, tests = {}, {}
    # What is kept by class may come in any order.
    for label, wnid in reversed([*enumerate(WNIDS)]):
        images[wnid] = Partition(partial(halves, label, 4), wnid, 4)
        fitted = {"images": halves(label, 9)}
        tests[wnid] = Partition(partial(dict, fitted), wnid, 9)
    config = replace(CONFIG, protocol=protocol, epochs=20, learning_rate=0.02)
    stage = train_networks(BIRDS, images, tests, tmp_path, config, TRAININGS, 0)
    for value in run_stage(stage).values():
        assert value["measured"]["top1_last"] > 85
        assert sum(value["confusion"][0]) == sum(value["confusion"][1]) == 9


def test_a_training_draws_its_weights_by_one_seed_and_its_batches_by_another(tmp_path):
    stage = plan_trainings(tmp_path)
    task = stage.tasks["convnet1-0"].loaded()
    curves = []
    for seeds in ({}, {"seed": 1}, {"batch_seed": 1}, {"seed": 1, "batch_seed": 1}):
        other = replace(task, about=replace(task.about, **seeds))
        made = stage.function({"one": other}, stage.settings)["one"]
        curves.append(str(made.value["curve"]))
    assert len(set(curves)) == 4


def test_weights_of_images_change_the_training_and_what_is_told_of_it(tmp_path):
    rows = [({"mode": 0, "mode_member_count": 1}, {"mode": 1, "mode_member_count": 9})] * 2
    images = {
        wnid: replace(partition, rows=of)
        for (wnid, partition), of in zip(partitions(2).items(), rows, strict=True)
    }
    found = {}
    for exponent in (0, 1):
        trainings = TrainingsConfig(exponent, ["convnet1"], 1)
        stage = plan_trainings(tmp_path / str(exponent), trainings=trainings, images=images)
        found[exponent] = run_stage(stage, "convnet1-0")["convnet1-0"]
        assert stage.settings.mode_weight_exponent == exponent
    assert found[0]["curve"] != found[1]["curve"]


def test_a_negative_power_is_refused():
    with pytest.raises(ValueError, match="mode_weight_exponent"):
        TrainingsConfig(-1, ["convnet1"], 1)
