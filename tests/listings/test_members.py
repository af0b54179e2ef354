from pathlib import Path

import pytest

from mgd3_kedro.evaluation import NETWORKS, PROTOCOLS
from mgd3_kedro.listings import WIDTH
from mgd3_kedro.listings.members import list_members
from mgd3_kedro.modes import MODE_FINDERS

REPOSITORY = Path(__file__).resolve().parents[2]
METHODS = {
    "mgd3": {"procedure": "denoise"},
    "unguided": {"procedure": "denoise", "plain": True},
    "pooled": {"procedure": "denoise", "modes": {"pool": 4}, "pull_pool": 4},
    "herding": {"procedure": "select", "coreset": "herding", "features": "latents"},
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
    assert "(plain=True)" in text
    assert "(modes.pool=4, pull_pool=4)" in text
    assert "mnist 10 classes, 32 px" in text
