"""Figures in the README and in docs are those of committed rows; what they link to is there."""

import re

import pandas as pd
import pytest
from pages import RESULTS, ROOT, by_guidance, flat, spread

from mgd3_kedro.records import ROW_COLUMNS

PAGES = [ROOT / "README.md", ROOT / "benchmarks/README.md", *sorted((ROOT / "docs").glob("*.md"))]
EQUAL_LENGTH = "250 epochs"
ACCURACIES = ("top1_last", "top1_best")
NETWORKS_VARIANT = "-networks"
FIVE = {0, 1, 2, 3, 4}


@pytest.fixture(scope="module")
def results():
    return (ROOT / "docs/results.md").read_text()


@pytest.fixture(scope="module")
def rows():
    return pd.read_csv(RESULTS / "mnist_rows.csv")


@pytest.fixture(scope="module")
def short(rows):
    """Return the rows that methods are compared by."""
    return rows[(rows["preset"] == "short") & rows["variant"].isna()]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_links_to_is_there(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), flags=re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}
            assert heading in anchors, target


def test_committed_rows_have_the_agreed_columns_and_are_one_training_each(rows):
    assert tuple(rows.columns[: len(ROW_COLUMNS)]) == ROW_COLUMNS
    one = ["ipc", "method", "network", "protocol", "preset", "variant", "seed", "training_seed"]
    assert not rows.duplicated(one).any()
    assert set(rows["outcome"]) == {"finished"}


def test_every_method_of_the_readme_is_the_mean_of_committed_rows(short):
    text = (ROOT / "README.md").read_text()
    ten = short[short["ipc"] == 10]
    assert ten["method"].nunique() == 12
    for method, of in ten.groupby("method"):
        assert set(of["seed"]) == FIVE
        last, best = (spread(of[name]) for name in ACCURACIES)
        assert f"| `{method}` | {last} | {best} |\n" in text


def test_the_upper_bound_is_the_mean_of_committed_rows(short, results):
    whole = short[short["method"] == "full"]
    assert set(whole["seed"]) == FIVE
    last, best = (spread(whole[name]) for name in ACCURACIES)
    assert (
        f"| `full`: all 4 000 train digits | {last} | {best} |\n"
        in (ROOT / "README.md").read_text()
    )
    assert f"all 400 of a class reach {last}:" in results


def test_every_number_of_images_per_class_is_a_mean_of_committed_rows(short, results):
    of_several = short[short["ipc"].isin([1, 50])]["method"].unique()
    assert len(of_several) == 5
    for method, of in short[short["method"].isin(of_several)].groupby("method"):
        seeds = {ipc: set(part["seed"]) for ipc, part in of.groupby("ipc")}
        assert seeds == {1: FIVE, 10: FIVE, 50: FIVE}
        cells = " | ".join(spread(part["top1_last"]) for _, part in of.groupby("ipc"))
        assert f"| `{method}` | {cells} |\n" in results


def test_what_is_not_separated_from_the_best_is_what_the_page_names(results):
    table = pd.read_csv(RESULTS / "mnist_table.csv")
    table = table[(table["preset"] == "short") & (table["ipc"] == 10)]
    best = sorted(table.loc[table["among_best"], "method"])
    first, second, third = (f"`{name}`" for name in ("mgd3", "herding", "kmeans_closest"))
    assert best == ["herding", "kmeans_closest", "mgd3"]
    assert f"{first}, {second} and {third} are not separated" in " ".join(results.split())
    fifty = pd.read_csv(RESULTS / "mnist_table.csv").query("preset == 'short' and ipc == 50")
    assert sorted(fifty.loc[fifty["among_best"], "method"]) == ["kmeans_closest", "mgd3"]
    assert "With 50 the two are not separated by the interval" in " ".join(results.split())


def test_accuracy_by_images_per_class_is_that_of_committed_rows(results):
    rows = pd.read_csv(RESULTS / "mnist_ipc.csv")
    assert sorted(rows["ipc"].unique()) == [1, 2, 5, 10, 20, 50, 100]
    for ipc, of in rows.groupby("ipc"):
        methods = of.groupby("method")["top1_last"]
        assert (methods.size() == 3).all()
        cells = " | ".join(spread(methods.get_group(name)) for name in ("mgd3", "random"))
        assert f"| {ipc} | {cells} |\n" in results


ABLATIONS = {
    "scale": (["mode_guidance_scale"], "{:g}"),
    "finder": (["mode_finder"], "`{}`"),
    "component": (["method"], "`{}`"),
    "sampler": (["sampler", "mode_guidance_scale"], "`{}`, λ {:g}"),
}


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_line_of_an_ablation_is_a_mean_of_committed_rows(name, results):
    keys, written = ABLATIONS[name]
    rows = pd.read_csv(RESULTS / f"mnist_{name}.csv")
    assert set(rows["preset"]) == {"quick"}
    for values, of in rows.groupby(keys):
        assert set(of["seed"]) == {0, 1, 2}
        places = " | ".join(f"{of[k].mean():.2f}" for k in ("diversity", "representativeness"))
        line = f"| {written.format(*values)} | {spread(of['top1_last'])} | {places} |"
        assert line in results


def test_every_option_beyond_the_paper_is_a_mean_of_committed_rows(results):
    rows = pd.read_csv(RESULTS / "options/mnist_rows.csv")
    assert set(rows["preset"]) == {"quick"}
    means = {}
    for variant, of in rows.fillna({"variant": ""}).groupby("variant"):
        assert set(of["seed"]) == {0, 1, 2}
        settings = re.split(r"-(?=mode_guidance_scale|candidate_score)", variant[1:])
        name = ", ".join(f"`{one}`" for one in settings) if variant else "none (plain `mgd3`)"
        assert f"| {name} | {' | '.join(spread(of[kind]) for kind in ACCURACIES)} |" in results
        means[variant] = of["top1_last"].mean()
    deviation = rows.loc[rows["variant"].isna(), "top1_last"].std(ddof=0)
    assert max(means.values()) - means[""] < deviation


def test_every_knob_of_the_table_is_a_mean_of_committed_rows(results):
    rows = pd.read_csv(RESULTS / "tuning/mnist_ipc10.csv")
    for named, of in by_guidance(rows):
        assert f"| {named} | {of['top1_last'].mean():.1f} |" in results


def test_every_protocol_of_the_table_is_the_mean_of_committed_rows(results, rows):
    labels = rows[rows["preset"] == EQUAL_LENGTH]
    assert {"hard", "soft"} <= set(labels["protocol"])
    for protocol, of in labels.groupby("protocol"):
        assert of["seed"].is_unique
        assert f"| `{protocol}` | {spread(of['top1_last'])} | {len(of)} |" in results


def test_every_network_of_the_table_is_a_pair_of_committed_rows(results, rows):
    rows = rows[rows["variant"] == NETWORKS_VARIANT]
    assert set(rows["image_steps"]) == {4000}
    tops = rows.pivot(index="network", columns="method", values="top1_last")
    assert len(tops) == 9
    for network, of in tops.iterrows():
        assert f"| `{network}` | {of['mgd3']:.1f} | {of['full']:.1f} |" in results


def test_what_is_said_of_the_stop_step_are_means_of_committed_rows():
    rows = pd.read_csv(RESULTS / "mnist_stop.csv")
    assert set(rows["preset"]) == {"quick"}
    of_steps = rows.groupby("stop_guidance_step")
    assert set(of_steps.size()) == {3}
    tops = of_steps["top1_last"].mean()
    without, half, all_along = (f"{tops[step]:.1f}" for step in (50, 25, 0))
    said = f"from {without} without (t_SG 50) over {half} (25) to {all_along} to the end"
    assert said in flat("docs/results.md")
    assert of_steps["diversity"].mean().idxmax() == 25


@pytest.mark.parametrize("page", ["README.md", "docs/results.md"])
def test_the_hits_of_the_mixture_are_those_of_the_committed_rows(page):
    rows = pd.read_csv(RESULTS / "mixture_samples.csv")
    hits = {kind: of["hit"].value_counts(sort=False) for kind, of in rows.groupby("kind")}
    unguided = [str(hits["unguided"][mode]) for mode in range(4)]
    assert f"the modes are hit {', '.join(unguided[:3])} and {unguided[3]} times" in flat(page)
    assert set(hits["guided"]) == {50}


def test_the_spread_of_the_mixture_is_that_of_the_committed_rows():
    rows = pd.read_csv(RESULTS / "mixture_samples.csv")
    for kind in ("unguided", "guided"):
        deviations = rows.loc[rows["kind"] == kind, "deviation"]
        said = f"{(deviations**2).mean() ** 0.5 / 0.25:.2f} of the true spread in both"
        assert said in flat("docs/results.md")


def test_the_table_of_speeds_is_that_of_the_committed_rows(results):
    rows = pd.read_csv(RESULTS / "speed.csv")
    of_cpu = rows[rows["machine"].str.contains("no bf16")].set_index("name")["ratio_median"]
    small = ("sampling_small", "sampling_small_compile", "sampling_small_bf16_compile")
    line = " | ".join(f"{of_cpu[name]:.1f} x" for name in small)
    assert f"| 16 tokens (the digits' prior) | {line} |" in results
    eager, reduced = (f"{of_cpu[name]:.1f} x" for name in ("sampling_s2", "sampling_s2_bf16"))
    assert f"| 256 tokens (DiT-S/2) | {eager} | | {reduced} (not compiled) |" in results


def test_what_is_said_of_bf16_is_that_of_the_committed_rows():
    rows = pd.read_csv(RESULTS / "speed.csv")
    names = ["training_64_compile", "training_64_bf16_compile"]
    names += ["short_attention_small_bf16", "short_attention_s2_bf16"]
    gains = rows[~rows["machine"].str.contains("no bf16")].set_index("name")["ratio_median"]
    compiled, reduced, few, many = (f"{gains[name]:.1f} x" for name in names)
    page = flat("docs/results.md")
    assert f"a ConvNet-4 at 64 px gains {compiled}, and with bf16 {reduced};" in page
    assert f"gains {few} with 16 tokens and {many} with 256" in page


PRIORS = ("imagenette64", "imagenette64-large")
"""Those of photos, as columns of their table."""
PARACHUTE, GOLF_BALL = "n03888257", "n03445777"


def test_every_line_of_the_priors_of_photos_is_what_was_measured():
    page = flat("docs/models.md")
    denoising = [pd.read_csv(RESULTS / f"{prior}_denoising.csv") for prior in PRIORS]
    memorised = [pd.read_csv(RESULTS / f"{prior}_memorisation.csv") for prior in PRIORS]
    of_all = [table.set_index("wnid").loc["all"] for table in memorised]
    lines = {
        "train, validation latents": [
            f"{of['train_error'].mean():.3f}, {of['test_error'].mean():.3f}" for of in denoising
        ],
        "samples, validation photos": [
            f"{of['samples_p50']:.1f}, {of['unseen_p50']:.1f}" for of in of_all
        ],
        "of samples, by chance": [
            f"{of['training_nearest_percent']:.0f} %, {of['training_nearest_by_chance']:.0f} %"
            for of in of_all
        ],
    }
    for named, cells in lines.items():
        assert f"{named} | {' | '.join(cells)} |" in page


def test_every_line_of_the_priors_of_photos_is_on_their_cards():
    page = flat("docs/models.md")
    cards = [(ROOT / f"data/06_models/{prior}/README.md").read_text() for prior in PRIORS]
    decibels = [
        re.search(r"([\d.]+ dB) PSNR on the train split, ([\d.]+ dB)", card) for card in cards
    ]
    shares = [
        re.search(r"- ([\d.]+ %) of 100 .* names ([\d.]+ %) .* and ([\d.]+ %) of them", card)
        for card in cards
    ]
    lines = {
        "on train, on validation photos": [", ".join(found.groups()) for found in decibels],
        "samples at guidance scale 2": [found[1] for found in shares],
        "... validation photos": [found[2] for found in shares],
        "the same after the autoencoder": [found[3] for found in shares],
    }
    for named, cells in lines.items():
        assert f"{named} | {' | '.join(cells)} |" in page
    minutes = re.findall(r"updates in (\d+) minutes", cards[0])
    assert f"in {' and '.join(minutes)} minutes of a core" in page
    (denoiser,) = re.findall(r"## Denoiser.*updates in (\d+) minutes", cards[1], re.DOTALL)
    assert f"in {denoiser} minutes of two" in page


def test_which_samples_of_the_priors_of_photos_are_near_to_train_photos_is_what_was_measured():
    memorised = [
        pd.read_csv(RESULTS / f"{prior}_memorisation.csv").set_index("wnid") for prior in PRIORS
    ]
    shares = [of["training_nearest_percent"] for of in memorised]
    above = [
        share.index[share > of["training_nearest_by_chance"]].tolist()
        for share, of in zip(shares, memorised, strict=True)
    ]
    assert len(above[0]) == 4
    assert above[0] == above[1]
    sky, lawn = ([f"{share[wnid]:.0f} %" for share in shares] for wnid in (PARACHUTE, GOLF_BALL))
    page = flat("docs/models.md")
    assert f"for {sky[0]} (larger: {sky[1]}) of the `parachute` samples" in page
    assert f"and {lawn[0]} ({lawn[1]}) of the `golf ball` ones" in page
