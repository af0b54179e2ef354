from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from test_train_eval_nodes import CONFIG

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.pipelines.report_methods.drawing import (
    draw_method_images,
    draw_plane,
    draw_scores,
)
from mgd3_kedro.pipelines.report_methods.nodes import (
    score_methods,
    tabulate_costs,
    tabulate_scores,
)
from mgd3_kedro.result_columns import FINISHED
from mgd3_kedro.stages import Partition

BIRDS = Benchmark("birds", 8, tuple(ClassSpec(i, f"n{i}", i, f"bird {i}") for i in range(2)))
METHODS = {"mgd3": {}, "random": {}, "dm": {}}


def samples(method, seed, diversity, representativeness, **further):
    """Return the scores of two images in each of two classes."""
    rows = [
        {
            "method": method,
            "seed": seed,
            "wnid": wnid,
            "class_name": f"bird {wnid}",
            "image": image,
            "diversity": diversity + wnid + image,
            "representativeness": representativeness - image,
            **further,
        }
        for wnid in (0, 1)
        for image in (0, 1)
    ]
    return pd.DataFrame(rows)


def runs(*tables):
    return {str(place): lambda table=table: table for place, table in enumerate(tables)}


SCORED = runs(
    samples("mgd3", 0, 4.0, 3.0, features="latents"),
    samples("mgd3", 1, 6.0, 5.0, features="latents"),
    samples("random", 0, 0.0, 9.0, features="latents"),
)


def test_scores_are_means_over_images_and_seeds():
    table = score_methods(SCORED).set_index(["method", "wnid"])
    assert table["images"].to_dict() == {
        ("mgd3", 0): 4,
        ("mgd3", 1): 4,
        ("random", 0): 2,
        ("random", 1): 2,
    }
    assert table.loc[("mgd3", 0), "diversity"] == 5.5
    assert table.loc[("mgd3", 1), "diversity"] == 6.5
    assert table.loc[("random", 0), "representativeness"] == 8.5
    # Of 0, 1, 4, 5, 6 and 7 the range is 7, in either class; of 2 to 9 it is 7, turned round.
    assert table.loc[("mgd3", 1), "diversity_normalised"] == pytest.approx(5.5 / 7)
    assert table.loc[("random", 0), "diversity_normalised"] == pytest.approx(0.5 / 7)
    assert table.loc[("mgd3", 0), "representativeness_normalised"] == pytest.approx(5.5 / 7)


def test_without_a_run_there_is_nothing_to_score():
    message = "expected runs of at least one method, found none; run .* the same --env and --params"
    with pytest.raises(ValueError, match=message):
        score_methods({})


@pytest.mark.parametrize("theirs", [{}, {"features": "latents"}, {"features": None}])
def test_scores_in_different_spaces_are_not_normalised_together(theirs):
    mixed = runs(
        samples("mgd3", 0, 4.0, 3.0, **theirs),
        samples("dm", 0, 4.0, 3.0, features="pixels"),
        samples("random", 0, 0.0, 9.0, features="latents"),
    )
    message = "got mgd3, random by latents and dm by pixels; .*--params analysis.features=latents"
    with pytest.raises(ValueError, match=message) as refused:
        score_methods(mixed)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("features", [[{}, {}], [{}, {"features": "latents"}]])
def test_scores_that_do_not_say_their_space_are_of_latents(features):
    first, second = features
    given = runs(samples("mgd3", 0, 4.0, 3.0, **first), samples("dm", 0, 1.0, 3.0, **second))
    assert set(score_methods(given)["method"]) == {"mgd3", "dm"}


def test_scores_of_pixels_alone_compare():
    given = [samples(method, 0, 4.0, 3.0, features="pixels") for method in ("mgd3", "dm")]
    assert set(score_methods(runs(*given))["method"]) == {"mgd3", "dm"}


def test_tables_have_classes_as_lines_and_methods_as_columns():
    diversity, representativeness = tabulate_scores(score_methods(SCORED))
    assert list(diversity) == ["wnid", "class_name", "mgd3", "random"]
    assert diversity["mgd3"].tolist() == [5.5, 6.5, 6.0]
    assert representativeness["random"].tolist() == [8.5, 8.5, 8.5]


def test_scores_are_drawn_as_a_picture_and_for_a_browser():
    picture, interactive = draw_scores(score_methods(SCORED), SCORED, "birds", 2)
    title = "birds, 2 images per class, seeds 0, 1"
    assert (picture.get_suptitle(), interactive.layout.title.text) == (title, title)
    names = [text.get_text() for text in picture.legends[0].get_texts()]
    assert names == ["mgd3", "random"]
    assert {"mgd3", "random"} <= {trace.name for trace in interactive.data}


def test_a_plane_has_a_panel_per_method():
    points = np.random.default_rng(0).normal(size=(9, 2)).tolist()
    plane = {"class_name": "bird 1", "real": points, "methods": {"mgd3": points, "dm": points[:2]}}
    picture, interactive = draw_plane(plane, "birds", 9, 3)
    assert [axes.get_title() for axes in picture.axes if axes.get_visible()] == ["mgd3", "dm"]
    title = "birds, 9 images per class, seed 3: bird 1"
    assert picture.get_suptitle().replace("\n", " ") == interactive.layout.title.text == title
    assert len(interactive.data) >= 3


def folder(value, size):
    images = torch.full((2, 3, size, size), value, dtype=torch.uint8)
    return lambda: {
        f"n{label}": Partition(lambda label=label: images + label, str(value)) for label in range(2)
    }


def test_a_row_of_images_per_configured_method_all_of_one_size():
    images = {"random": folder(60, 16), "mgd3": folder(120, 8), "theirs": folder(200, 8)}
    sheet = np.asarray(draw_method_images(BIRDS, images, METHODS, None, 2, 0))
    shown = [value for value in range(256) if (sheet == value).all(axis=2).sum() >= 64]
    assert {60, 61, 120, 121} <= set(shown)
    assert not {200, 201} & set(shown)
    counts = {value: (sheet == value).all(axis=2).sum(axis=1) for value in (60, 120)}
    first = {value: (of >= 64).argmax() for value, of in counts.items()}
    assert first[120] < first[60]


def test_methods_that_have_no_images_are_refused():
    with pytest.raises(ValueError, match="expected images of at least one method with"):
        draw_method_images(BIRDS, {"theirs": folder(1, 8)}, METHODS, None, 2, 0)


def stages(method, seed, seconds):
    names = ("encode", "discover_modes", "guided_generate")
    run = {"method": method, "seed": seed}
    rows = [{**run, "stage": s, "seconds": seconds + i} for i, s in enumerate(names)]
    return pd.DataFrame(rows).assign(peak_memory_mb=100 * seconds)


def training(
    method,
    seconds,
    *,
    preset="3 epochs",
    protocol="hard",
    outcome=FINISHED,
    network="convnet3",
):
    about = {"method": method, "protocol": protocol, "preset": preset, "outcome": outcome}
    return pd.DataFrame(
        [{**about, "network": network, "top1_last": 1.0, "top1_best": 2.0, "seconds": seconds}]
    )


def test_costs_are_medians_over_seeds_and_a_training_is_the_last_stage():
    made = runs(
        stages("mgd3", 0, 1.0),
        stages("mgd3", 1, 2.0),
        stages("mgd3", 2, 600.0),
    )
    trained = runs(
        training("mgd3", 10.0),
        training("mgd3", 15.0),
        training("mgd3", 620.0),
        training("mgd3", 1000.0, preset="paper"),
        training("mgd3", 1000.0, protocol="soft"),
        training("mgd3", 1000.0, outcome="diverged by epoch 1"),
        training("mgd3", 1000.0, network="resnet18"),
        training("theirs", 5.0),
    )
    costs = tabulate_costs(made, trained, CONFIG, ["convnet3", "resnet18"])
    assert costs["method"].unique().tolist() == ["mgd3"]
    assert costs.set_index("stage")["seconds"].to_dict() == {
        "encode": 2.0,
        "discover_modes": 3.0,
        "guided_generate": 4.0,
        "train_eval": 15.0,
    }
    assert costs["peak_memory_mb"].tolist()[:3] == [60_000.0] * 3
    assert np.isnan(costs["peak_memory_mb"].tolist()[3])


def test_costs_that_an_earlier_version_wrote_say_nothing_of_memory():
    before = stages("mgd3", 0, 1.0).drop(columns="peak_memory_mb")
    costs = tabulate_costs(runs(before), {}, CONFIG, ["convnet3"])
    assert costs["peak_memory_mb"].isna().all()


def test_costs_before_any_training_are_those_of_the_images():
    costs = tabulate_costs(runs(stages("mgd3", 0, 1.0)), {}, replace(CONFIG, epochs=None), ["vit"])
    assert costs["stage"].tolist() == ["encode", "discover_modes", "guided_generate"]
