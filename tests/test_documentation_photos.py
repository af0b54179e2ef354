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
    finders = rows[rows["method"] == "mgd3"].groupby("mode_finder")["top1_last"].mean()
    ahead = finders["kmeans_pooled"] - finders["kmeans"]
    over_none = finders["kmeans_pooled"] - rows[rows["method"] == "unguided"]["top1_last"].mean()
    assert f"is {ahead:.1f} ahead of `kmeans`" in FLAT
    assert f"{over_none:.1f} ahead of `unguided`" in FLAT


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
    least, most = guided["top1_last"].min() - unguided, guided["top1_last"].max() - unguided
    assert f"is ahead, by {least:.1f} to {most:.1f} points" in FLAT
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


@pytest.fixture(scope="module")
def tested():
    """Return the rows on validation photos."""
    rows = pd.read_csv(RESULTS / "imagenette64_rows.csv")
    assert set(rows["split"]) == {"test"}
    assert rows["variant"].isna().all()
    return rows


@pytest.fixture(scope="module")
def tops(tested):
    """Return accuracies by images per class and seed, a column per method."""
    rows = tested[tested["preset"] == "quick"]
    return rows.pivot(index=["ipc", "seed"], columns="method", values="top1_last")


def test_every_method_of_photos_is_a_mean_of_committed_rows(tops):
    for method, of in tops.items():
        measured = of.dropna().groupby("ipc")
        assert all(len(part) == 3 for _, part in measured)
        means = {ipc: spread(part) for ipc, part in measured}
        cells = " | ".join(means.get(ipc, "") for ipc in (10, 20, 50))
        line = " ".join(f"| `{method}` | {cells} |".split())
        assert line in FLAT
        assert (line in flat("README.md")) == (method in ("mgd3", "unguided", "random"))


def test_what_is_said_of_the_methods_of_photos_is_so(tops):
    means = tops.groupby("ipc").mean()
    few = means.loc[[10, 20]]
    photos = few[["random", "herding", "kmeans_closest"]].max(axis=1)
    assert (few[["mgd3", "unguided", "d4m"]].min(axis=1) - photos > 4).all()
    gains = (tops["mgd3"] - tops["unguided"]).groupby("ipc")
    assert gains.min()[50] > 2
    assert gains.mean().round().to_dict() == {10: -1, 20: -1, 50: 3}
    assert round(means.loc[50, "random"] - means.loc[50, "mgd3"]) == 2


def test_distances_of_drawn_photos_are_those_of_committed_scores():
    scores = pd.read_csv(RESULTS / "imagenette64_ipc10_scores.csv")
    distances = scores.groupby("method")["representativeness"].mean()
    said = f"50 nearest {distances['mgd3']:.1f}, without {distances['unguided']:.1f})"
    assert said in FLAT


def test_every_length_of_a_training_is_a_mean_of_committed_rows(tested):
    rows = tested[tested["ipc"] == 10]
    lengths = rows.groupby("preset")["epochs"].unique().map(list).to_dict()
    assert lengths == {"quick": [100], "short": [250], "paper": [2000]}
    for method in ("unguided", "mgd3", "random"):
        tops = rows[rows["method"] == method].groupby("preset")["top1_last"]
        (whole,) = tops.get_group("paper")
        assert tops.size()["short"] == 3
        means = [spread(tops.get_group(name)) for name in ("quick", "short")]
        assert f"| `{method}` | {' | '.join(means)} | {whole:.1f} |\n" in PAGE
        assert f"`{method}` {'reach ' * (method == 'mgd3')}{whole:.1f}" in flat("README.md")
    means = rows.pivot_table("top1_last", "preset", "method")
    gains = (means["mgd3"] - means["unguided"])[["quick", "short", "paper"]]
    assert "goes from {:.1f} over {:.1f} to {:.1f} with the epochs".format(*gains) in FLAT
