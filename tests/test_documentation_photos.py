"""Figures of the photos' page are those of committed rows."""

import pandas as pd
import pytest
from pages import RESULTS, ROOT, by_guidance, flat, spread

PAGE = (ROOT / "docs/photos.md").read_text()
FLAT = flat("docs/photos.md")


@pytest.fixture(scope="module")
def held_out():
    rows = pd.read_csv(RESULTS / "tuning/imagenette64_rows.csv").fillna({"variant": ""})
    assert set(rows["split"]) == {"holdout"}
    return rows


def swept_over(rows, knob):
    return rows[rows["variant"].str.startswith(f"-{knob}=")]


def test_every_knob_of_the_first_table_is_a_mean_of_committed_rows(held_out):
    rows = pd.concat(
        [swept_over(held_out, knob) for knob in ("guidance_scale", "mode_guidance_scale")]
    )
    assert len(rows) == 22
    for named, of in by_guidance(rows):
        assert sorted(of["seed"]) == [0, 1]
        assert f"| {named} | {of['top1_last'].mean():.1f} |\n" in PAGE


def test_every_mode_finder_of_the_table_is_a_mean_of_committed_rows(held_out):
    rows = held_out[(held_out["ipc"] == 10) & (held_out["preset"] == "quick")]
    rows = pd.concat([rows[rows["variant"] == ""], swept_over(rows, "mode_finder")])
    assert len(rows) == 15
    for (method, finder), of in rows.groupby(["method", "mode_finder"]):
        assert sorted(of["seed"]) == [0, 1, 2]
        named = f"`{method}`" if method == "unguided" else f"`{method}`, `{finder}`"
        assert f"| {named} | {spread(of['top1_last'])} |\n" in PAGE


def test_every_method_of_the_longer_trainings_is_a_mean_of_committed_rows(held_out):
    rows = held_out[held_out["preset"] == "short"]
    assert len(rows) == 6
    for method, of in rows.groupby("method"):
        assert sorted(of["seed"]) == [0, 1]
        assert f"| `{method}` | {spread(of['top1_last'])} |\n" in PAGE


def test_every_pull_among_fifty_images_is_a_committed_row(held_out):
    rows = held_out[held_out["ipc"] == 50]
    assert len(rows) == 11
    (unguided,) = rows.loc[rows["method"] == "unguided", "top1_last"]
    assert f"| `unguided` | {unguided:.1f} | |\n" in PAGE
    guided = rows[rows["method"] == "mgd3"]
    assert guided["top1_last"].min() > unguided
    for (finder, pull), of in guided.groupby(["mode_finder", "mode_guidance_scale"]):
        tops = of.set_index("stop_guidance_step")["top1_last"]
        cells = " | ".join(f"{tops[stop]:.1f}" if stop in tops else "" for stop in (25, 35))
        assert " ".join(f"| `mgd3`, `{finder}`, λ {pull:g} | {cells} |".split()) in FLAT


def test_what_is_said_of_the_modes_of_photos_is_what_was_measured():
    page = flat("docs/data.md")
    modes = pd.read_csv(RESULTS / "imagenette64_modes.csv")
    members = modes["members"].str.split().explode().astype(int)
    assert f"have {members.min()} to {members.max()} of some 950 photos" in page
    lowest, highest = modes["silhouette"].min(), modes["silhouette"].max()
    assert f"(silhouettes {lowest:.2f} to {highest:.2f};" in page
    assert (modes["within_spread"] > modes["between_spread"]).all()
    assert ((modes["smallest_cluster"] == 1).sum(), (members == 1).sum()) == (6, 9)
    assert "in six classes outliers have a mode each, nine in all" in page
