import pytest
import torch
from sklearn.cluster import AgglomerativeClustering, KMeans

from mgd3_kedro.modes import MODE_FINDERS, cut_modes
from mgd3_kedro.modes import NESTING as NESTING_FINDERS

NESTING = sorted(NESTING_FINDERS)


def same_partition(one, other):
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist()))


def inertias(latents, assignment, count):
    parts = [latents[assignment == mode].double() for mode in range(count)]
    return torch.stack([(part - part.mean(0)).square().sum() for part in parts])


@pytest.fixture(params=["more latents than dimensions", "fewer", "duplicates"])
def of_any_kind(request, latents, wide):
    kinds = {
        "more latents than dimensions": latents,
        "fewer": wide,
        "duplicates": torch.cat([wide[:12], wide[:12], wide[:16]]),
    }
    return kinds[request.param]


@pytest.mark.parametrize("name", NESTING)
def test_clusters_for_fewer_images_are_unions_of_those_for_more(name, of_any_kind, find):
    fine = find(name, of_any_kind, 14).assignment
    for ipc in (1, 2, 9, 13):
        coarse = find(name, of_any_kind, ipc).assignment
        within = {(one, other) for one, other in zip(fine.tolist(), coarse.tolist(), strict=True)}
        assert len(within) == 14


@pytest.mark.parametrize("name", NESTING)
def test_the_first_modes_of_more_lie_in_the_clusters_for_fewer_one_in_each(name, wide, find):
    fine = find(name, wide, 14).assignment
    for ipc in (1, 2, 9, 13):
        coarse = find(name, wide, ipc).assignment
        homes = [coarse[fine == mode].unique().tolist() for mode in range(ipc)]
        assert homes == [[mode] for mode in range(ipc)]


@pytest.mark.parametrize("name", MODE_FINDERS)
def test_a_mode_finder_that_tells_parents_is_one_whose_clusters_nest(name, wide, find):
    assert (find(name, wide, 3).parents is not None) == (name in NESTING)


@pytest.mark.parametrize("name", NESTING)
def test_modes_cut_from_more_are_those_found_for_fewer(name, of_any_kind, find):
    bank = find(name, of_any_kind, 14)
    for ipc in (1, 2, 9, 14):
        cut, found = cut_modes(bank, of_any_kind, ipc), find(name, of_any_kind, ipc)
        for tensor in ("modes", "assignment", "nearest_real", "parents"):
            assert torch.equal(getattr(cut, tensor), getattr(found, tensor))
        assert cut.inertia == found.inertia
        assert cut.degenerate_clusters == found.degenerate_clusters


@pytest.mark.parametrize("name", NESTING)
def test_modes_can_be_cut_again_and_again(name, wide, find):
    once = cut_modes(find(name, wide, 14), wide, 5)
    twice = cut_modes(cut_modes(find(name, wide, 14), wide, 9), wide, 5)
    assert torch.equal(once.modes, twice.modes)


@pytest.mark.parametrize("name", NESTING)
def test_the_first_mode_has_no_parent_and_the_others_an_earlier_one(name, latents, find):
    parents = find(name, latents, 14).parents
    assert parents[0] == -1
    assert (parents[1:] >= 0).all()
    assert (parents < torch.arange(14)).all()


@pytest.mark.parametrize("name", sorted(set(MODE_FINDERS) - set(NESTING)))
def test_modes_that_do_not_nest_cannot_be_cut(name, latents, find):
    with pytest.raises(ValueError, match="do not nest, as k-means; recompute"):
        cut_modes(find(name, latents, 9), latents, 3)


@pytest.mark.parametrize("ipc", [0, 10])
def test_no_more_modes_can_be_cut_than_there_are(ipc, latents, find):
    with pytest.raises(ValueError, match=rf"ipc: expected 1\.\.9, .* got {ipc}"):
        cut_modes(find("agglomerative", latents, 9), latents, ipc)


def test_modes_are_cut_with_the_latents_they_were_found_in(latents, find):
    with pytest.raises(ValueError, match="latents: expected 40, got 39"):
        cut_modes(find("agglomerative", latents, 9), latents[:39], 3)


def test_cutting_leaves_the_bank_as_it_is(latents, find):
    bank = find("agglomerative", latents, 9)
    before = bank.assignment.clone()
    cut_modes(bank, latents, 3)
    assert torch.equal(bank.assignment, before)


@pytest.mark.parametrize("ipc", [1, 2, 5, 13, 40])
@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 6, 6)])
def test_agglomerative_clusters_are_those_of_scikit_learn(ipc, shape, find):
    latents = torch.randn(40, *shape)
    expected = AgglomerativeClustering(ipc, linkage="ward").fit_predict(latents.flatten(1))
    assert same_partition(find("agglomerative", latents, ipc).assignment, expected)


def test_bisecting_kmeans_halves_the_cluster_of_largest_inertia(latents, find):
    for ipc in range(1, 12):
        coarse = find("bisecting_kmeans", latents, ipc)
        fine = find("bisecting_kmeans", latents, ipc + 1)
        split = inertias(latents, coarse.assignment, ipc).argmax()
        assert fine.parents[-1] == split
        members = coarse.assignment == split
        halves = KMeans(2, n_init=2, random_state=0).fit(latents[members].flatten(1).double())
        assert same_partition(fine.assignment[members], halves.labels_)
        assert torch.equal(fine.assignment[~members], coarse.assignment[~members])
