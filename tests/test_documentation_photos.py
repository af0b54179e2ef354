"""Figures of the photos' page are those of committed rows."""

import json

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


def test_the_guidance_scales_of_the_larger_prior_are_means_of_committed_rows(held_out):
    rows = swept_over(held_out, "large-guidance_scale")
    assert rows.groupby("guidance_scale")["seed"].apply(sorted).tolist() == 5 * [[0, 1]]
    means = rows.groupby("guidance_scale")["top1_last"].mean()
    said = "{:.1f}, {:.1f}, {:.1f}, {:.1f} and {:.1f} at 1, 2, 3, 4 and 6".format(*means)
    assert said in FLAT
    assert means.round(1).max() == means.round(1)[3]


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
    return rows.fillna({"variant": ""})


@pytest.fixture(scope="module")
def plain(tested):
    """Return those of methods as they are."""
    return tested[tested["variant"] == ""]


@pytest.fixture(scope="module")
def tops(plain):
    """Return accuracies of distilled sets by images per class and seed, a column per method."""
    rows = plain[(plain["preset"] == "quick") & (plain["method"] != "full")]
    return rows.pivot(index=["ipc", "seed"], columns="method", values="top1_last")


@pytest.fixture(scope="module")
def with_large(tested):
    """Return the rows of the larger prior."""
    return tested[tested["variant"] == "-large"]


@pytest.fixture(scope="module")
def large(with_large):
    """Return accuracies with the larger prior, as `tops` are with the smaller."""
    rows = with_large[with_large["preset"] == "quick"]
    return rows.pivot(index=["ipc", "seed"], columns="method", values="top1_last")


@pytest.fixture(scope="module")
def large_whole(with_large):
    """Return those of the whole length."""
    rows = with_large[with_large["preset"] == "paper"]
    tops = rows.pivot(index=["ipc", "seed"], columns="method", values="top1_last")
    assert tops.notna().groupby("ipc").sum().to_dict("list") == {"mgd3": [3, 3], "unguided": [3, 3]}
    return tops


def cells_of(tops):
    """Return the cells of a line of a table, three seeds each, by images per class."""
    of_ipc = tops.groupby("ipc")
    assert of_ipc.size().to_dict() == {10: 3, 20: 3, 50: 3}
    return " | ".join(spread(of) for _, of in of_ipc)


def test_every_method_of_photos_is_a_mean_of_committed_rows(tops):
    assert len(tops.columns) == 6
    for method, of in tops.items():
        assert f"| `{method}` | {cells_of(of)} |" in FLAT


def test_what_the_readme_has_of_photos_are_means_of_committed_rows(plain, tops, large, large_whole):
    whole = plain[plain["preset"] == "paper"].pivot(
        index="seed", columns="method", values="top1_last"
    )
    assert sorted(whole) == ["mgd3", "random", "unguided"]
    page = flat("README.md")
    assert f"| `random` | {spread(whole['random'])} | | {cells_of(tops['random'])} |" in page
    for method in ("mgd3", "unguided"):
        smaller = f"{spread(whole[method])} | | {cells_of(tops[method])}"
        of_whole = " | ".join(spread(large_whole.loc[ipc, method]) for ipc in (10, 20))
        larger = f"{of_whole} | {cells_of(large[method])}"
        assert f"| `{method}`, smaller prior | {smaller} |" in page
        assert f"| `{method}`, larger prior | {larger} |" in page
    gains = (large_whole["mgd3"] - large_whole["unguided"]).groupby("ipc").mean()
    behind = large_whole.loc[10, "mgd3"].mean() - whole["random"].mean()
    said = "by {:.1f} with 10 per class, just more than the spread, and by {:.1f} with 20"
    assert said.format(*gains) in page
    assert f"random photos are {behind:.1f} behind it" in page
    assert "by {:.1f} with 10 and {:.1f} with 20".format(*gains) in FLAT


def test_what_all_photos_reach_is_a_mean_of_committed_rows(plain):
    of = plain.loc[plain["method"] == "full", "top1_last"]
    assert len(of) == 3
    for page in (FLAT, flat("README.md")):
        assert f"all 9 469 reach {spread(of)}" in page


def test_what_the_autoencoder_costs_is_told_from_committed_rows(tested, tops):
    rows = tested[tested["variant"].str.startswith("-reconstructed")]
    reconstructed = rows.set_index(["ipc", "seed"])["top1_last"]
    assert f"| photos | {cells_of(tops['random'])} |" in FLAT
    assert f"| reconstructed | {cells_of(reconstructed)} |" in FLAT
    lost = (tops["random"] - reconstructed).groupby("ipc").mean()
    assert lost.min() > 0
    assert f"{lost.max():.1f} points at most" in FLAT
    behind = (tops["random"] - tops["mgd3"]).groupby("ipc").mean()
    assert round(4 * lost[50] / behind[50]) == 1


def test_every_protocol_of_photos_is_a_mean_of_committed_rows(tested):
    rows = tested[tested["variant"] == "-labels"]
    assert set(rows["epochs"]) == {250}
    assert set(rows["protocol"]) == {"hard", "soft", "soft_stored"}
    for protocol, of in rows.groupby("protocol"):
        assert sorted(of["seed"]) == [0, 1, 2]
        assert f"| `{protocol}` | {spread(of['top1_last'])} |" in FLAT
    teacher = json.loads((RESULTS / "imagenette64_teacher.json").read_text())
    assert f"names {teacher['top1_last']:.1f} % of the validation photos" in FLAT


def test_what_is_said_of_the_methods_of_photos_is_so(tops):
    means = tops.groupby("ipc").mean()
    few = means.loc[[10, 20]]
    photos = few[["random", "herding", "kmeans_closest"]].max(axis=1)
    assert (few[["mgd3", "unguided", "d4m"]].min(axis=1) - photos > 3).all()
    gains = (tops["mgd3"] - tops["unguided"]).groupby("ipc")
    assert gains.min()[50] > 2
    assert gains.mean().round().to_dict() == {10: -1, 20: -1, 50: 3}
    assert round(means.loc[50, "random"] - means.loc[50, "mgd3"]) == 2


def test_distances_of_drawn_photos_are_those_of_committed_scores():
    scores = pd.read_csv(RESULTS / "imagenette64_ipc10_scores.csv")
    distances = scores.groupby("method")["representativeness"].mean()
    said = f"50 nearest {distances['mgd3']:.1f}, without {distances['unguided']:.1f})"
    assert said in FLAT


def test_every_length_of_a_training_is_a_mean_of_committed_rows(plain):
    rows = plain[plain["ipc"] == 10]
    lengths = rows.groupby("preset")["epochs"].unique().map(list)
    names = ["quick", "short", "paper"]
    assert lengths[names].tolist() == [[100], [250], [2000]]
    tops = rows[rows["preset"].isin(names)].pivot(
        index=["preset", "seed"], columns="method", values="top1_last"
    )
    for method in ("unguided", "mgd3", "random"):
        means = [spread(tops.loc[name, method]) for name in names]
        assert f"| `{method}` | {' | '.join(means)} |\n" in PAGE
    ahead = tops["mgd3"] - tops["unguided"]
    gains = ahead.groupby("preset").mean()[names]
    assert "goes from {:.1f} over {:.1f} to {:.1f} with the epochs".format(*gains) in FLAT
    each = [f"{gain:.1f}" for gain in ahead["paper"]]
    assert f"in the three seeds by {each[0]}, {each[1]} and {each[2]}" in FLAT
    photos = tops.loc["paper", ["mgd3", "random"]].mean()
    assert f"{photos['mgd3'] - photos['random']:.1f} ahead of `random`" in FLAT
    spreads = tops.loc["paper"].std(ddof=0)
    assert gains["paper"] < spreads.min() < spreads.max() < photos["mgd3"] - photos["random"]


def test_what_photos_cost_are_the_medians_of_the_table(plain):
    costs = pd.read_csv(RESULTS / "imagenette64_ipc10_costs.csv")
    seconds = costs.pivot(index="stage", columns="method", values="seconds")
    once = seconds.loc[["encode", "discover_modes"], "mgd3"].round().astype(int)
    assert (
        "encoded in {} s, once for all methods, and their modes found in {} s".format(*once) in FLAT
    )
    drawn = seconds.loc["guided_generate"].round().astype(int)
    assert f"takes {drawn['mgd3']} s with mode guidance and {drawn['unguided']} s without" in FLAT
    assert ((seconds.loc["train_eval"] / 60).round() == 1).all()
    whole = plain.loc[plain["preset"] == "paper", "seconds"].median() / 60
    assert f"takes about a minute, of the whole length {whole:.0f}." in FLAT


def test_what_is_said_of_the_stop_step_of_photos_are_means_of_committed_rows():
    rows = pd.read_csv(RESULTS / "imagenette64_stop.csv")
    assert set(rows["preset"]) == {"quick"}
    of_steps = rows.groupby("stop_guidance_step")
    assert of_steps.size().to_dict() == dict.fromkeys((0, 10, 20, 30, 40, 50), 3)
    for step, of in of_steps:
        scores = f"{of['diversity'].mean():.1f} | {of['representativeness'].mean():.1f}"
        recall = f"{100 * of['recall'].mean():.0f} %"
        assert f"| {step} | {spread(of['top1_last'])} | {scores} | {recall} |" in FLAT
    means = of_steps[["top1_last", "diversity", "recall"]].mean()
    assert means["diversity"].idxmax() == means["recall"].idxmax() == 30
    assert round(means.loc[50, "top1_last"] - means.loc[0, "top1_last"]) == 6


def test_what_the_larger_prior_is_worth_is_told_from_committed_rows(large, tops):
    section = PAGE.split("### A larger prior\n")[1].split("\n### ")[0]
    said = " ".join(section.split())
    assert set(large) == {"mgd3", "unguided"}
    for method, of in large.items():
        assert f"| `{method}` | {cells_of(of)} |" in said
    ahead = (large["mgd3"] - large["unguided"]).groupby("ipc")
    gains = [f"{gain:.1f}" for gain in ahead.mean()]
    assert f"over `unguided` is {gains[0]}, {gains[1]} and {gains[2]} points" in said
    assert ahead.min()[10] > 0 < ahead.min()[50]
    over_smaller = (large - tops[list(large)]).groupby("ipc").mean()
    worth = {m: "{:.1f}, {:.1f} and {:.1f}".format(*of) for m, of in over_smaller.items()}
    assert f"worth {worth['mgd3']} points to `mgd3`, {worth['unguided']} to `unguided`" in said
    fifty, photos = (of.groupby("ipc").mean().loc[50] for of in (large, tops))
    assert f"{fifty['mgd3'] - photos['random']:.1f} ahead of `random`" in said
    assert abs(fifty["mgd3"] - photos["herding"]) < 0.2


def test_the_whole_length_with_the_larger_prior_is_told_from_committed_rows(large_whole, plain):
    section = PAGE.split("| larger prior, whole length")[1]
    for method, of in large_whole.items():
        cells = " | ".join(spread(of.loc[ipc]) for ipc in (10, 20))
        assert f"| `{method}` | {cells} |\n" in section
    gains = large_whole["mgd3"] - large_whole["unguided"]
    each = {ipc: "{:.1f}, {:.1f} and {:.1f}".format(*of) for ipc, of in gains.groupby("ipc")}
    ten, twenty = (gains.loc[ipc].mean() for ipc in (10, 20))
    assert f"{ten:.1f} ahead, just more than the spread of either, but not in every seed" in FLAT
    assert f"({each[10]}). With 20 it is {twenty:.1f} ahead ({each[20]})" in FLAT
    spreads = large_whole.groupby("ipc").std(ddof=0).max(axis=1)
    assert ten > spreads[10]
    assert twenty > spreads[20]
    assert gains.loc[20].min() > 0
    photos = plain[(plain["preset"] == "paper") & (plain["method"] == "random")]["top1_last"]
    ahead = large_whole.loc[10, "mgd3"].mean() - photos.mean()
    assert f"at the same length with 10, it is {ahead:.1f} ahead" in FLAT


def test_what_the_larger_prior_denoises_better_is_what_was_measured():
    errors = [
        pd.read_csv(RESULTS / f"imagenette64{prior}_denoising.csv").set_index("timestep")
        for prior in ("", "-large")
    ]
    less = 100 * (1 - errors[1]["test_error"] / errors[0]["test_error"])
    said = f"by {less[111]:.0f} % less at timestep 111 and {less[333]:.0f} % less at 333"
    assert said in FLAT
    assert (less.loc[666:] < 0.5).all()
