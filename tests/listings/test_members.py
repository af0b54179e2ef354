from pathlib import Path

import pytest
from asked_runs import loader_of

from mgd3_kedro.evaluation import NETWORKS, PROTOCOLS
from mgd3_kedro.listings import WIDTH
from mgd3_kedro.listings.members import list_members
from mgd3_kedro.modes import MODE_FINDERS

REPOSITORY = Path(__file__).resolve().parents[2]
METHODS = {
    "mgd3": {"procedure": "denoise", "about": "drawn"},
    "unguided": {"procedure": "denoise", "plain": True, "about": "drawn without modes"},
    "pooled": {"procedure": "denoise", "modes": {"pool": 4}, "pull_pool": 4, "about": ""},
    "many": {"procedure": "denoise", "about": "of many", **dict.fromkeys("abcde", 1)},
}


@pytest.fixture(scope="module")
def lines():
    return list(list_members(REPOSITORY, METHODS))


def test_every_member_of_every_table_is_listed(lines):
    words = set(" ".join(lines).replace(",", " ").split())
    assert {*METHODS, *MODE_FINDERS, *NETWORKS, *PROTOCOLS, "mnist", "imagenet1k"} <= words


def test_each_has_a_line_of_80_columns_on_what_it_is(lines):
    assert max(map(len, lines)) <= WIDTH
    text = " ".join(" ".join(lines).split())
    assert "kmeans Take the centroids of k-means." in text
    assert "unguided drawn without modes (plain=True)" in text
    assert "unless `plain`. (modes.pool=4, pull_pool=4)" in text
    assert "many of many" in text
    assert "a=1" not in text
    assert "mnist 10 classes, 32 px" in text


def test_something_is_said_of_every_configured_method_and_is_no_parameter():
    loader = loader_of()
    about = loader.parameter_files.about_methods
    assert set(about) == set(loader["parameters"]["methods"])
    assert all(about.values())
    assert not any("about" in settings for settings in loader["parameters"]["methods"].values())
