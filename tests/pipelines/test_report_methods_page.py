import math

import pandas as pd
import torch
from test_report_methods_nodes import BIRDS, METHODS, SCORED, folder, runs
from test_train_eval_nodes import CONFIG

from mgd3_kedro.matching.mosaics import tile
from mgd3_kedro.metrics.comparison import CompareConfig
from mgd3_kedro.pipelines.report_methods.nodes import score_methods
from mgd3_kedro.pipelines.report_methods.page import write_methods_page
from mgd3_kedro.pipelines.report_methods.sections import (
    show_curves,
    show_method_costs,
    show_method_images,
    show_table,
    show_trade_off,
)
from mgd3_kedro.report.thumbnails import as_data_uri
from mgd3_kedro.result_columns import FINISHED, ROW_COLUMNS
from mgd3_kedro.stages import Partition

COMPARE = CompareConfig("top1_last", 0.95, 100, 0, 0.5, 0.5, "hard", "hard_plain", "mgd3")


def rows_of(method, values):
    about = dict.fromkeys(ROW_COLUMNS, "x") | {"image_size": 8, "ipc": 2, "protocol": "hard"}
    about |= {"method": method, "network": "convnet3", "preset": CONFIG.length, "settings": ""}
    return pd.DataFrame(
        [
            {**about, "seed": i, "training_seed": i, "outcome": FINISHED}
            | {"top1_last": value, "top1_best": value + 1, "seconds": 5.0}
            for i, value in enumerate(values)
        ]
    )


ROWS = pd.concat([rows_of("random", [40.0, 44.0]), rows_of("mgd3", [50.0])], ignore_index=True)
COSTS = pd.DataFrame(
    [
        ("mgd3", "encode", 60.0, 900.0),
        ("mgd3", "train_eval", 30.0, math.nan),
        ("random", "train_eval", 20.0, math.nan),
    ],
    columns=["method", "stage", "seconds", "peak_memory_mb"],
)


def test_methods_are_ranked_with_intervals_beside_their_scores():
    rows = show_table(ROWS, score_methods(SCORED), COMPARE).content["rows"]
    assert [row[:2] for row in rows] == [("mgd3", "50.0 ± 0.0"), ("random", "42.0 ± 2.0")]
    assert rows[0][2] == "one training"
    assert rows[1][2] == "23.5 to 60.2"
    assert rows[1][4] == "2 on 2"
    without = score_methods(SCORED).query("method != 'random'")
    assert show_table(ROWS, without, COMPARE).content["rows"][1][-1] == "missing"


def test_a_stage_without_a_time_is_marked():
    section = show_method_costs(COSTS)
    assert section.content["head"][1:3] == ("real images to latents", "trainings and tests")
    assert section.content["rows"] == [
        ("random", "missing", "20 s", "20 s", "not measured"),
        ("mgd3", "1 min", "30 s", "1 min 30 s", "900 MB"),
    ]
    assert "missing" in section.note


def test_curves_are_means_over_the_trainings_of_the_network():
    curves = pd.DataFrame(
        {
            "training": ["convnet3-0", "convnet3-1", "convnet3_bn-0", "convnet3-0"],
            "epoch": [1, 1, 1, 2],
            "top1": [10.0, 20.0, 90.0, math.nan],
        }
    )
    rows = rows_of("mgd3", [50.0])
    section = show_curves(rows, {"a/r.csv": lambda: rows}, {"a/c.csv": lambda: curves}, "convnet3")
    (trace,) = section.content["chart"].traces
    assert (trace["name"], trace["x"].tolist(), trace["y"].tolist()) == ("mgd3", [1.0], [15.0])


def test_images_are_the_first_of_every_class_a_row_per_method():
    images = {"random": folder(60, 16), "mgd3": folder(120, 8), "theirs": folder(200, 8)}
    section = show_method_images(BIRDS, images, METHODS)
    assert [row["name"] for row in section.content["rows"]] == ["mgd3", "random"]
    assert section.content["names"] == ["bird 0", "bird 1"]
    assert len({uri for row in section.content["rows"] for uri in row["images"]}) == 4


def test_small_images_that_share_a_place_are_on_the_page_together():
    grey = torch.full((1, 3, 4, 4), 60, dtype=torch.uint8)
    white = torch.full((3, 3, 4, 4), 200, dtype=torch.uint8)
    small = Partition(
        lambda: torch.cat([grey, white]), "small", 4, rows=[{"small_images_per_image": 4}] * 4
    )
    images = {"mgd3": lambda: dict.fromkeys(BIRDS.wnids, small)}
    (row,) = show_method_images(BIRDS, images, METHODS).content["rows"]
    expected = tile(torch.cat([grey, white])[None], 2)[0]
    assert row["images"] == [as_data_uri(expected.numpy())] * 2


def test_the_trade_off_has_a_large_point_per_method():
    section = show_trade_off(score_methods(SCORED))
    sizes = [trace["marker"]["size"] for trace in section.content["chart"].traces]
    assert [max(of) > min(of) for of in sizes] == [True, True]


def test_a_page_of_all_methods_is_whole_without_any_training():
    images = {name: folder(value, 8) for name, value in (("mgd3", 60), ("random", 120))}
    text = write_methods_page(
        BIRDS,
        images,
        score_methods(SCORED),
        COSTS,
        {},
        runs(),
        METHODS,
        CONFIG,
        ["convnet3"],
        COMPARE,
        2,
        "test",
    )
    assert "birds: 2 images per class by 2 methods" in text
    assert text.count('class="absent"') == 2
    assert text.count("data-chart=") == 2
