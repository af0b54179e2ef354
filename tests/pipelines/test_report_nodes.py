import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.metrics.comparison import CompareConfig
from mgd3_kedro.pipelines.report.evaluation import show_confusion, show_learning
from mgd3_kedro.pipelines.report.gallery import show_images
from mgd3_kedro.pipelines.report.headline import describe_headline, find_beside
from mgd3_kedro.pipelines.report.making import show_costs, show_settings
from mgd3_kedro.pipelines.report.nodes import introduce_run, tabulate_stages, write_report
from mgd3_kedro.pipelines.report.settings import ReportConfig
from mgd3_kedro.pipelines.report.spread import show_diversity, show_planes
from mgd3_kedro.pipelines.report.steps import show_steps
from mgd3_kedro.result_columns import FINISHED
from mgd3_kedro.stages import Partition

NAMES = ("tit & tar", "<crow>", "wren")
BIRDS = Benchmark("birds", 8, tuple(ClassSpec(i, f"n{i}", i, NAMES[i]) for i in range(3)))
REPORT = ReportConfig(["random", "unguided", "full"], classes=2, images=2)
COMPARE = CompareConfig("top1_last", 0.95, 100, 0, 0.5, 0.5, "hard", "hard_plain", "mgd3")
WHOLE = {
    "benchmark": "birds",
    "split": "test",
    "image_size": 8,
    "ipc": 3,
    "method": "mgd3",
    "backbone": "dit",
    "network": "convnet3",
    "protocol": "hard",
    "preset": "short",
    "seed": 0,
    "settings": "",
    "training_seed": 0,
    "top1_last": 80.0,
    "top1_best": 82.0,
    "outcome": FINISHED,
}


def rows_of(*changes):
    return pd.DataFrame([{**WHOLE, **change} for change in changes])


def keep(value, **about):
    return Partition(partial(lambda v: v, value), "f", **about)


def made(count=3, *, with_modes=True):
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 8, 8)
    facts = [
        {"mode": i, "mode_member_count": 10 * (i + 1), "nearest_real": 1, "mode_finder": "kmeans"}
        for i in range(count)
    ]
    return {
        wnid: keep(images, count=count, rows=tuple(facts) if with_modes else ())
        for wnid in BIRDS.wnids
    }


REAL = {
    wnid: keep(torch.full((4, 3, 8, 8), 200, dtype=torch.uint8), count=4) for wnid in BIRDS.wnids
}
LATENTS = {
    wnid: keep({"image_numbers": torch.arange(4), "mirrored": torch.zeros(4, dtype=torch.bool)})
    for wnid in BIRDS.wnids
}


def test_accuracies_are_put_beside_those_of_other_methods_on_the_same_terms():
    own = rows_of({}, {"training_seed": 1, "top1_last": 84.0})
    others = rows_of(
        {"method": "random", "top1_last": 70.0},
        {"method": "random", "top1_last": 10.0, "preset": "quick"},
        {"method": "random", "top1_last": 20.0, "ipc": 1},
        {"method": "full", "top1_last": 95.0, "ipc": 100},
        {"method": "unguided", "top1_last": 30.0, "network": "convnet4"},
    )
    section = describe_headline(
        BIRDS, own, {"f": lambda: others}, REAL, made(), [], COMPARE, REPORT
    )
    assert section.content["value"] == "82.0"
    assert "ConvNet-3" in section.content["about"]
    bars = [(bar["name"], bar["value"], bar["strong"]) for bar in section.content["bars"]]
    assert bars == [
        ("full", "95.0", False),
        ("mgd3", "82.0 ± 2.0", True),
        ("random", "70.0", False),
    ]
    assert "unguided" in section.note
    assert "random" not in section.note
    tiles = dict(section.content["tiles"])
    assert tiles["distilled images"] == "9 in 3 classes"
    assert tiles["share of the real images"] == "75 % of 12"


def test_of_several_settings_of_a_method_those_of_the_run_count():
    own = rows_of({"settings": "epochs=9 flip=both"})
    others = rows_of(
        {"method": "random", "top1_last": 1.0},
        {"method": "random", "top1_last": 2.0, "settings": "epochs=9"},
        {"method": "random", "top1_last": 3.0, "settings": "epochs=9 ipc_of=4"},
    )
    found, absent = find_beside(own, others, ["random", "mgd3"])
    assert found["random"]["top1_last"].tolist() == [2.0]
    assert absent == []


def test_a_run_without_trainings_says_what_makes_them():
    for section in (
        describe_headline(BIRDS, None, None, None, None, [], COMPARE, REPORT),
        show_images(BIRDS, None, None, None, REPORT)[0],
        show_learning(None),
        show_confusion(BIRDS, None),
        show_planes(BIRDS, None, "mgd3", REPORT),
    ):
        assert not section.content
        assert section.note.endswith(
            ", with the same --env and --params: kedro run --pipelines=distill, or "
            "--pipelines=evaluate for images=FOLDER"
        )


def test_a_run_whose_trainings_all_diverged_says_why_and_not_to_repeat_it():
    reason = "diverged: convnet3: expected a finite loss; lower evaluation.learning_rate"
    lost = rows_of({"top1_last": math.nan, "top1_best": math.nan, "outcome": reason})
    section = describe_headline(BIRDS, lost, None, None, None, [], COMPARE, REPORT)
    assert not section.content
    assert section.note == f"No training of this run has finished. The first one {reason}"
    curves = pd.DataFrame({"training": [], "epoch": [], "top1": [], "train_loss": []})
    for section in (
        show_learning(curves),
        show_confusion(BIRDS, {"convnet3-0": keep({"confusion": None})}),
    ):
        assert section.note == "No training of this run has finished."


def test_every_image_is_beside_its_nearest_real_one_and_a_selection_says_so():
    images, modes = show_images(BIRDS, made(), REAL, LATENTS, REPORT)
    assert [of["name"] for of in images.content["classes"]] == list(NAMES[:2])
    cards = images.content["classes"][1]["cards"]
    assert [card["id"] for card in cards] == ["image-1-0", "image-1-1"]
    assert [card["size"] for card in cards] == ["10", "20"]
    assert cards[0]["image"] != cards[1]["image"] != cards[1]["nearest"]
    assert cards[0]["nearest"] == cards[1]["nearest"]
    assert ("real images of the mode", "10") in cards[0]["facts"]
    assert "the first 2 of 3 classes, the first 2 of up to 3 images" in images.note
    members = [mode["members"] for mode in modes.content["classes"][0]["modes"]]
    assert members == [10, 20]
    assert "kmeans" in modes.lead


def test_images_of_others_are_shown_without_modes():
    images, modes = show_images(BIRDS, made(with_modes=False), None, None, REPORT)
    card = images.content["classes"][0]["cards"][0]
    assert (card["nearest"], card["size"]) == (None, None)
    assert not modes.content


def test_confusion_is_added_up_and_the_worst_mistakes_are_named():
    matrix = [[5, 1, 0], [0, 6, 0], [2, 0, 4]]
    trainings = {f"convnet3-{i}": keep({"confusion": matrix}) for i in range(2)}
    trainings["convnet3-2"] = keep({"confusion": None})
    section = show_confusion(BIRDS, trainings)
    assert "2 trainings added up, 36 predictions, 83.3 % of them right" in section.lead
    assert section.content["mistakes"] == [
        ("wren", "tit & tar", "4", "33.3 %"),
        ("tit & tar", "<crow>", "2", "16.7 %"),
    ]


def test_learning_curves_are_those_of_every_training_in_words():
    curves = pd.DataFrame(
        {
            "training": ["convnet3-0", "convnet3-0", "convnet3-1"],
            "epoch": [1, 2, 2],
            "top1": [10.0, math.nan, 30.0],
            "train_loss": [2.0, 1.0, 0.5],
        }
    )
    section = show_learning(curves)
    names = [trace["name"] for trace in section.content["accuracy"].traces]
    assert names == ["ConvNet-3, training 0", "ConvNet-3, training 1"]
    assert section.content["accuracy"].traces[0]["y"].tolist() == [10.0]
    assert section.content["loss"].traces[0]["y"].tolist() == [2.0, 1.0]


def test_scores_of_classes_are_points_and_their_mean_a_larger_one():
    scores = pd.DataFrame(
        {
            "class_name": NAMES,
            "diversity": [1.0, 3.0, math.nan],
            "representativeness": [2.0, 4.0, 6.0],
            "features": "latents",
        }
    )
    (trace,) = show_diversity(scores, "mgd3").content["trade_off"].traces
    assert trace["x"] == [1.0, 3.0, 2.0]
    assert trace["y"] == [2.0, 4.0, 3.0]
    assert trace["marker"]["size"][2] > trace["marker"]["size"][0]


def test_a_plane_names_the_images_of_the_page():
    analysis = {
        wnid: keep({"real": [[0, 0]] * 4, "synthetic": [[1, 1]] * 3}) for wnid in BIRDS.wnids
    }
    section = show_planes(BIRDS, analysis, "mgd3", REPORT)
    assert section.content["names"] == list(NAMES[:2])
    assert section.content["plane"].traces[3]["customdata"] == ["image-1-0", "image-1-1"]


def test_a_strip_shows_where_guidance_stops():
    frames = torch.zeros((2, 3, 3, 8, 8), dtype=torch.uint8)
    rows = tuple(
        {"guided_steps": guided, "name": guided, "chosen": False, "steps": "4 2 0"}
        for guided in ("", "3 4")
    )
    section = show_steps(BIRDS, {"n1": keep({"frames": frames}, rows=rows)})
    (strip,) = section.content["strips"]
    assert strip["name"].startswith("<crow>")
    told = [[(f["guided"], f["stop"]) for f in row["frames"]] for row in strip["rows"]]
    assert told == [[(False, False)] * 3, [(True, True), (False, False), (False, False)]]
    older = tuple({"name": "2", "chosen": True, "steps": "4 2 0"} for _ in rows)
    before = show_steps(BIRDS, {"n1": keep({"frames": frames}, rows=older)})
    assert before.content == show_steps(BIRDS, None).content


def test_costs_are_those_of_the_stages_that_are_there():
    about = {"seconds": 30.0, "command": "kedro run", "environment": "torch=2 device=A_CPU"}
    timed = {"n0": keep(0, **about)}
    measured = {"n0": keep(0, peak_memory_mb=5.0), "n1": keep(0, **about, peak_memory_mb=2048.0)}
    records = tabulate_stages(measured, None, made(), None, timed)
    assert [(of["stage"], of["seconds"]) for of in records] == [
        ("encode", 30.0),
        ("analyze_diversity", 30.0),
    ]
    rows = show_costs(records).content["rows"]
    assert rows[0] == ("real images to latents", "2", "30 s", "50 %", "2.0 GB", "A CPU")
    assert rows[1][4] == "not measured"
    assert rows[-1][2] == "1 min"
    settings = show_settings(records, [["ipc", "3", "10"]])
    first = settings.content["commands"][0]
    assert first["text"] == "kedro run"
    assert first["name"] == "Real images to latents and diversity and t-SNE"


def test_a_report_of_nothing_is_a_page_that_says_what_is_not_there():
    nothing = [
        describe_headline(BIRDS, None, None, None, None, [], COMPARE, REPORT),
        *show_images(BIRDS, None, None, None, REPORT),
        show_steps(BIRDS, None),
        show_learning(None),
        show_confusion(BIRDS, None),
        show_diversity(None, "mgd3"),
        show_planes(BIRDS, None, "mgd3", REPORT),
        show_costs([]),
        show_settings([], []),
    ]
    head = introduce_run("birds", "test", "dit", "mgd3", 3, 0, "hard", "short")
    text = write_report(head, *nothing)
    assert text.count('class="absent"') == 9
    assert "birds: 3 images per class by mgd3" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [({"beside": "random"}, "beside: expected a list"), ({"images": 0}, "images: expected")],
)
def test_a_report_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ReportConfig(**{"beside": ["random"], "classes": 1, "images": 1, **change})


def test_names_of_classes_are_escaped_on_the_page():
    sections = show_images(BIRDS, made(), REAL, LATENTS, REPORT)
    head = introduce_run("birds", "test", "dit", "mgd3", 3, 0, "hard", "short")
    text = write_report(
        head,
        *sections,
        show_confusion(BIRDS, {"a": keep({"confusion": np.eye(3).astype(int).tolist()})}),
    )
    assert "<crow>" not in text
    assert "&lt;crow&gt;" in text
    assert "tit &amp; tar" in text
