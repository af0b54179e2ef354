"""What is told about a set that is handed on, and which sets can be cut."""

from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.coresets import CORESETS, IN_ORDER
from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.resampling import enlarge_small_images
from mgd3_kedro.modes import NESTING
from mgd3_kedro.pipelines.export import soft_labels
from mgd3_kedro.pipelines.export.nodes import assemble_export
from mgd3_kedro.pipelines.export.settings import NOT_STATED, ExportConfig, prior_of
from mgd3_kedro.preflight.exporting import check_cut
from mgd3_kedro.priors import licence_of
from mgd3_kedro.stages import GIVEN, Partition

BENCHMARK = Benchmark(
    "fruit", 8, (ClassSpec(0, "pears", 4, "a pear"), ClassSpec(1, "figs", 2, "a fig"))
)
SOURCES = {
    "shop": {"name": "photos of a shop", "url": "https://shop", "licence": "CC BY 4.0"},
    "own": {"name": "images of one's own", "url": None, "licence": None},
}
BACKBONES = {"dit": {"family": "dit", "model": "priors/usual", "licence": "for research alone"}}
DRAWN = {"model": "priors/usual", "prior_folder": "", "backbone": "dit", "backbones": BACKBONES}


def images(count=4, finder="agglomerative"):
    made = {}
    for spec in BENCHMARK.classes:
        rows = [
            {"label": spec.label, "wnid": spec.wnid, "mode": n, "mode_finder": finder, "seed": 0}
            for n in range(count)
        ]
        pixels = partial(torch.zeros, count, 3, 8, 8, dtype=torch.uint8)
        made[spec.wnid] = Partition(
            pixels, spec.wnid, count, rows=rows if finder else (), command="kedro run"
        )
    return made


def table(**columns):
    usual = {"network": "convnet3", "protocol": "hard", "preset": "short", "image_size": 32}
    return pd.DataFrame(
        {"settings": [None, None], "top1_last": [80.0, 82.0], "top1_best": [83.0, 83.0]}
        | {name: [value] * 2 for name, value in (usual | columns).items()}
    )


def configured(**config):
    usual = {"form": "folder", "ipc": None, "soft_labels": False, "push": None}
    return ExportConfig(**(usual | config))


def assembled(given=None, rows=(), source="shop", logits=None, drawn=DRAWN, **config):
    settings = configured(**config)
    tables = {str(number): partial(lambda one: one, one) for number, one in enumerate(rows)}
    return assemble_export(
        BENCHMARK,
        given or images(),
        "mgd3",
        "mode_finder=agglomerative",
        settings,
        source,
        SOURCES,
        tables,
        exported_logits=logits,
        **drawn,
    )


def test_what_all_images_share_is_told_once_and_the_rest_with_each():
    made = assembled()
    assert [list(one.rows) for one in made.classes] == [[{"mode": n} for n in range(4)]] * 2
    assert "| mode_finder | agglomerative |" in made.card
    assert next(iter(made.classes[1].metadata())) == {
        "file_name": "figs/0.png",
        "label": 1,
        "class_name": "a fig",
        "mode": 0,
    }


def test_the_card_tells_what_small_images_are_enlarged_to():
    small = {
        wnid: replace(of, rows=[{**row, "small_images_per_image": 9} for row in of.rows])
        for wnid, of in images().items()
    }
    card = assembled(small).card
    assert "9 of them have as many pixels as one image of the benchmark." in card
    assert "their\nsides 3 times with a bicubic filter" in card
    assert "bicubic" not in assembled().card


def test_the_card_tells_where_a_set_comes_from():
    card = assembled().card
    assert "8 images of 8 x 8 pixels in 2 classes" in card
    assert "- Real images: photos of a shop (https://shop). Licence: CC BY 4.0." in card
    assert "- Drawn from: `priors/usual`, a model of the family dit. Licence: for research" in card
    assert "- Command: `kedro run`" in card
    assert "What it must not be used for" in card
    assert "Drawn from" not in assembled(drawn={}).card


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("kedro run --params data=/home/me/of/cats,ipc=5", "kedro run --params data=cats,ipc=5"),
        ("kedro run --params 'model=~/priors/mine,x=1'", "kedro run --params model=mine,x=1"),
        (r"kedro run --params 'data=C:\Users\me\cats'", "kedro run --params data=cats"),
        (
            "kedro run --params data=sets/cats,model=a/b",
            "kedro run --params data=sets/cats,model=a/b",
        ),
        ("kedro run --conf-source /home/me/conf", "kedro run --conf-source conf"),
        ("kedro run --params model=/home/me/mine/,ipc=5", "kedro run --params model=mine,ipc=5"),
        ("kedro run --params 'model=/my priors/one,x=1'", "kedro run --params model=one,x=1"),
        ("kedro run --params data=file:///home/me/x", "kedro run --params data=x"),
        ("kedro run --params data=../../me/x", "kedro run --params data=x"),
        (
            "kedro run --params 'networks=[vit; a]'",
            "kedro run --params 'networks=[vit; a]'",
        ),
        (
            "kedro run --params data=https://host/a/b.tar",
            "kedro run --params data=https://host/a/b.tar",
        ),
    ],
)
def test_a_card_names_no_folders_of_this_machine(command, told):
    given = {wnid: replace(of, command=command) for wnid, of in images().items()}
    assert f"- Command: `{told}`" in assembled(given).card
    local = {**DRAWN, "model": "/home/me/priors/mine"}
    assert "- Drawn from: `mine`, a model" in assembled(drawn=local).card


def test_a_card_leaves_out_settings_that_change_nothing():
    knobs = {"mode_guidance_scale": 0.1, "transport_scale": 0.0, "transport_window": None, "ipc": 4}
    given = {
        wnid: replace(of, rows=[{**row, **knobs} for row in of.rows])
        for wnid, of in images().items()
    }
    card = assembled(given).card
    assert "| mode_guidance_scale | 0.1 |" in card
    assert "| ipc | 4 |" in card
    assert "transport" not in card
    used = {"transport_scale": 0.1, "transport_entropy": 0.05, "transport_window": None}
    given = {
        wnid: replace(of, rows=[{**row, **used} for row in of.rows])
        for wnid, of in images().items()
    }
    card = assembled(given).card
    assert "| transport_entropy | 0.05 |" in card
    assert "transport_window" not in card


def test_a_licence_that_nobody_stated_is_told_as_that(caplog):
    assert f"images of one's own. Licence: {NOT_STATED}" in assembled(source="own").card
    assert "the card says that the licence of images of one's own is not stated" in caplog.text
    other = {**DRAWN, "model": "priors/other"}
    assert (
        f"`priors/other`, a model of the family dit. Licence: {NOT_STATED}"
        in assembled(drawn=other).card
    )


def test_the_licence_of_a_model_is_that_of_its_card(tmp_path):
    (tmp_path / "README.md").write_text("---\ntags: [x]\nlicense: mit \n---\nlicense: none\n")
    assert licence_of(tmp_path) == "mit"
    assert prior_of("priors/usual", str(tmp_path), "dit", BACKBONES).licence == "mit"
    (tmp_path / "README.md").write_text("# A prior\n\nlicense: mit\n")
    assert licence_of(tmp_path) == ""
    assert licence_of(tmp_path / "nowhere") == ""


def test_accuracies_are_means_over_the_trainings_of_one_line():
    card = assembled(rows=[table(), table(protocol="soft")]).card
    assert "| convnet3 | hard, short | 32 | 2 | 81.0 ± 1.0 | 83.0 ± 0.0 |  |" in card
    assert "| convnet3 | soft, short | 32 | 2 |" in card
    assert "Not measured" in assembled().card


def asked(made, **config):
    return {"params:export": configured(**config), "evaluated_images": made}


@pytest.mark.parametrize("finder", sorted(NESTING))
def test_a_set_whose_modes_nest_is_cut(finder):
    check_cut(asked(images(finder=finder), ipc=3))
    made = assembled(images(finder=finder), rows=[table()], ipc=3)
    assert [len(one.rows) for one in made.classes] == [3, 3]
    assert "6 images" in made.card
    # The rows are of the whole set.
    assert "Not measured" in made.card


@pytest.mark.parametrize(
    ("finder", "told"),
    [("kmeans", "images from kmeans, whose"), (None, "images from neither")],
)
def test_another_set_is_not_cut(finder, told):
    with pytest.raises(ValueError, match=rf"export.ipc: .* nested clusters .*{told}.*ipc=3"):
        check_cut(asked(images(finder=finder), ipc=3))
    # All of it is no cut.
    check_cut(asked(images(finder=finder), ipc=4))
    assert [len(one.rows) for one in assembled(images(finder=finder), ipc=4).classes] == [4, 4]


@pytest.mark.parametrize("coreset", CORESETS)
def test_a_set_of_real_images_is_cut_where_they_are_picked_in_order(coreset):
    rows = [{"coreset": coreset}] * 4
    made = asked({w: replace(one, rows=rows) for w, one in images().items()}, ipc=3)
    if coreset in IN_ORDER:
        check_cut(made)
        return
    with pytest.raises(ValueError, match=f"got images from {coreset}, whose"):
        check_cut(made)


def test_images_of_others_cannot_be_distilled_anew():
    given = {w: replace(one, configuration=GIVEN) for w, one in images(finder=None).items()}
    message = "; export a folder with 3 images per class, or leave export.ipc out$"
    with pytest.raises(ValueError, match=message):
        check_cut(asked(given, ipc=3))


def test_more_images_than_there_are_cannot_be_handed_on():
    with pytest.raises(
        ValueError, match=r"export.ipc: expected 1..4, the number of images per class, got 5"
    ):
        check_cut(asked(images(), ipc=5))
    with pytest.raises(ValueError, match=r"export.ipc"):
        configured(ipc=0)


def test_images_of_others_have_a_class_and_nothing_else():
    made = assembled(images(finder=None), drawn={})
    assert [list(one.rows) for one in made.classes] == [[{}] * 4] * 2
    assert "mode_finder |" not in made.card


def test_soft_labels_go_with_their_class():
    logits = {wnid: Partition(dict, wnid, 4) for wnid in BENCHMARK.wnids}
    made = assembled(logits=logits, soft_labels=True)
    assert [one.logits for one in made.classes] == [logits["pears"], logits["figs"]]
    assert made.has_logits
    assert "soft_labels.safetensors" in made.card
    assert not assembled().has_logits


def test_a_teacher_sees_small_images_enlarged_as_networks_do(monkeypatch):
    noise = torch.randint(256, (4, 3, 4, 4), dtype=torch.uint8)
    rows = [{"small_images_per_image": 4}] * 4
    small = {w: Partition(lambda: noise, w, 4, rows=rows) for w in BENCHMARK.wnids}
    monkeypatch.setattr(soft_labels, "load_teacher", lambda *given: torch.nn.Flatten())
    teacher = Partition(lambda: None, "teacher")
    stage = soft_labels.label_exported_images(BENCHMARK, small, teacher, None, "cpu")
    told = stage.function({"figs": stage.tasks["figs"].loaded()}, stage.settings)
    seen = told["figs"].value["logits"].view(4, 3, 8, 8)
    assert torch.equal(seen, normalize(enlarge_small_images(noise, 4).float() / 255))
