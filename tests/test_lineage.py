from dataclasses import dataclass

import pytest

from mgd3_kedro.configured import Configured, references
from mgd3_kedro.lineage import Lineage
from mgd3_kedro.nesting import flat
from mgd3_kedro.stages import neutral, selecting


@dataclass(frozen=True)
class Node:
    inputs: list
    outputs: list


@dataclass(frozen=True)
class Training:
    epochs: int
    networks: list = selecting()  # noqa: RUF009
    threads: int = neutral()


NODES = [
    Node(["photos", "params:encoding"], ["latents"]),
    Node(["latents", "params:modes"], ["modes"]),
    Node(["modes", "prior", "params:sampling", "params:seed"], ["images"]),
    Node(["images", "params:training", "params:device"], ["trainings"]),
    Node(["trainings"], ["rows"]),
]
CATALOG = {
    "_data": "${parameters:benchmark}",
    "photos": {"filepath": "${parameters:data}/${parameters:splits.${parameters:split}.train}"},
    "latents": {"filepath": "data/${_data}/latents"},
    "modes": {"filepath": "data/${_data}/seed${parameters:seed}/modes"},
    "prior": {"model": "${parameters:model}"},
    "images": {"filepath": "data/${_data}/seed${parameters:seed}/images"},
    "rows": {"filepath": "data/${_data}/seed${parameters:seed}/rows.csv"},
    "{kind}ings": {"filepath": "data/${_data}/seed${parameters:seed}/{kind}ings"},
}
TEMPLATES = {
    "benchmark": "digits",
    "seed": 0,
    "split": "test",
    "splits": {"test": {"train": "train"}, "holdout": {"train": "others"}},
    "data": "data/${benchmark}",
    "model": "${priors.${prior}.folder}",
    "prior": "small",
    "priors": {"small": {"folder": "s"}, "large": {"folder": "l"}},
    "device": "auto",
    "encoding": {"flip": "none"},
    "modes": {"finder": "kmeans", "random_state": "${seed}"},
    "sampling": {"scale": 0.1},
    "training": {"epochs": 10, "networks": ["a"], "threads": None},
}


def resolved(templates):
    """Return templates with all interpolations replaced."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(OmegaConf.create(templates), resolve=True)


def lineage(everywhere=(), unread=(), **given):
    from omegaconf import OmegaConf

    given = {name.replace("__", "."): value for name, value in given.items()}
    merged = OmegaConf.create(TEMPLATES)
    for name, value in given.items():
        OmegaConf.update(merged, name, value)
    configured = Configured(
        OmegaConf.to_container(merged, resolve=False),
        resolved(TEMPLATES),
        OmegaConf.to_container(merged, resolve=True),
        given,
    )
    types = {"training": Training | None}
    return Lineage(NODES, CATALOG, configured, types, unread, {"evaluated": "images"}, everywhere)


def words(entry, apart_from=None, **given):
    return lineage(**given).words(entry, apart_from)


ENTRIES = ("latents", "modes", "images", "trainings", "rows")


def told(**given):
    """Return the entries whose words are not none."""
    return [entry for entry in ENTRIES if words(entry, **given)]


def test_nothing_is_told_where_nothing_differs():
    assert told() == []
    assert told(sampling__scale=0.1, modes__finder="kmeans") == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"encoding__flip": "both"}, ["latents", "modes", "images", "trainings", "rows"]),
        ({"data": "elsewhere"}, ["latents", "modes", "images", "trainings", "rows"]),
        ({"modes__finder": "dbscan"}, ["modes", "images", "trainings", "rows"]),
        ({"sampling__scale": 0.3}, ["images", "trainings", "rows"]),
        ({"model": "other"}, ["images", "trainings", "rows"]),
        ({"prior": "large"}, ["images", "trainings", "rows"]),
        ({"training__epochs": 3}, ["trainings", "rows"]),
        ({"training__networks": ["a", "b"]}, ["rows"]),
        ({"training__threads": 1, "device": "cpu"}, []),
    ],
)
def test_a_setting_is_told_of_what_is_made_from_it_alone(given, expected):
    assert told(**given) == expected


def test_what_the_place_names_is_not_told():
    assert told(seed=1, benchmark="letters") == []
    # Another benchmark has other photos, but the folder says so.
    assert words("rows", seed=1, modes__random_state=5) == ["random_state=5"]


def test_a_setting_that_others_follow_is_told_by_its_own_name():
    assert words("images", split="holdout") == ["split=holdout"]
    assert words("images", priors__small__folder="x") == ["priors.small.folder=x"]
    assert words("images", priors__large__folder="x") == []


def test_words_of_another_entry_can_be_left_out():
    given = {"modes__finder": "dbscan", "training__epochs": 3}
    assert words("trainings", **given) == ["finder=dbscan", "epochs=3"]
    assert words("trainings", "images", **given) == ["epochs=3"]
    assert words("trainings", "evaluated", **given) == ["epochs=3"]


def test_an_alias_has_the_words_of_what_it_stands_for():
    assert words("evaluated", sampling__scale=0.3) == ["scale=0.3"]


def test_words_are_in_the_same_order_however_settings_were_given():
    one = words("rows", sampling__scale=0.3, modes__finder="dbscan")
    assert one == words("rows", modes__finder="dbscan", sampling__scale=0.3)


def test_words_for_everything_come_first():
    found = lineage(everywhere=("env=mine",), sampling__scale=0.3)
    assert found.words("images") == ["env=mine", "scale=0.3"]
    assert found.words("latents") == ["env=mine"]
    assert found.words("trainings", "images") == []


def test_references_are_found_within_references():
    values = flat(resolved(TEMPLATES))
    found = references("${priors.${prior}.folder}/${parameters:seed}", values)
    assert list(found) == ["prior", "priors.small.folder", "seed"]
    assert list(references(3, values)) == []


@pytest.mark.parametrize(
    ("given", "entries", "expected"),
    [
        ({"sampling.scale": 0.3}, ["latents", "modes"], ["sampling.scale"]),
        ({"sampling.scale": 0.3}, ["rows"], []),
        ({"sampling.scale": 0.3}, ["params:sampling"], []),
        ({"sampling.scale": 0.3}, ["params:modes"], ["sampling.scale"]),
        ({"priors.large.folder": "x"}, ["rows"], ["priors.large.folder"]),
        # What follows it is read, or what keeps the entry is named after it.
        ({"priors.small.folder": "x"}, ["prior"], []),
        ({"seed": 1}, ["params:modes"], []),
        ({"seed": 1}, ["modes"], []),
        # No result depends on these, or all have them anyway.
        ({"training.threads": 1, "device": "cpu"}, ["latents"], []),
        ({"sampling.scale": 0.1}, ["latents"], []),
    ],
)
def test_what_was_given_and_changes_nothing_is_found(given, entries, expected):
    found = lineage(**{name.replace(".", "__"): value for name, value in given.items()})
    assert found.unread(given, entries) == expected


def test_what_a_method_has_a_value_of_its_own_for_is_found_whatever_was_given():
    found = lineage(unread=["sampling.scale"], sampling__scale=0.1)
    assert found.unread(["sampling.scale", "seed"], ["images"]) == ["sampling.scale"]
