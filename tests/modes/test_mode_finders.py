"""What every mode finder keeps to."""

import numpy as np
import pytest
import torch

from mgd3_kedro.modes import MODE_FINDERS, ModesConfig

pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.parametrize("name", MODE_FINDERS),
]

REAL = ["hdbscan", "kmeans_closest", "kmeans_pooled_closest", "random"]
"""Mode finders whose modes are latents of the class."""


@pytest.mark.parametrize("ipc", [1, 2, 7, 39, 40])
def test_every_image_to_be_made_gets_a_mode_with_members(name, ipc, latents, find):
    before = latents.clone()
    found = find(name, latents, ipc)
    assert found.modes.shape == (ipc, 2, 3, 3)
    assert found.modes.dtype == torch.float32
    assert found.assignment.shape == (40,)
    assert found.assignment.dtype == found.nearest_real.dtype == torch.int64
    assert found.assignment.min() >= -1
    assert found.assignment.max() < ipc
    assert found.nearest_real.min() >= 0
    assert found.nearest_real.max() < 40
    assert (found.member_counts >= 1).all()
    assert torch.equal(latents, before)


@pytest.mark.parametrize("ipc", [1, 6, 40])
def test_nearest_latents_and_inertia_are_those_of_all_pairs(
    name, ipc, wide, find, squared_distances
):
    found = find(name, wide, ipc)
    distances = squared_distances(wide, found.modes)
    nearest = distances.gather(0, found.nearest_real[None])[0]
    assert torch.allclose(nearest, distances.min(0).values, atol=1e-5)
    members = found.assignment >= 0
    own = distances[members].gather(1, found.assignment[members, None])
    assert found.inertia == pytest.approx(own.sum().item(), rel=1e-4, abs=1e-6)


def test_the_same_random_state_gives_the_same_modes_whatever_the_global_generators(
    name, wide, find
):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    first = find(name, wide, 7, random_state=3)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    again = find(name, wide, 7, random_state=3)
    assert torch.equal(first.modes, again.modes)
    assert torch.equal(first.assignment, again.assignment)
    assert torch.equal(first.nearest_real, again.nearest_real)
    assert first.inertia == again.inertia


def test_another_random_state_may_give_other_modes(name, latents, find):
    settings = {"n_init": 1, "components": 18}
    draws = [find(name, latents, 7, state, **settings).modes for state in range(5)]
    differ = any(not torch.equal(draws[0], other) for other in draws[1:])
    # Merges leave nothing to chance, nor does density, but for how large clusters are halved.
    assert differ or name in ("agglomerative", "dbscan", "hdbscan")


@pytest.mark.parametrize("ipc", [41, 1000])
def test_more_modes_than_latents_are_refused_with_both_numbers(name, ipc, latents, find):
    with pytest.raises(ValueError, match=rf"ipc: expected 1\.\.40, .* got {ipc}"):
        find(name, latents, ipc)


def test_one_latent_is_its_own_mode(name, latents, find):
    found = find(name, latents[:1], 1)
    assert torch.allclose(found.modes, latents[:1])
    assert found.assignment.tolist() == [0]
    assert found.nearest_real.tolist() == [0]
    assert found.inertia == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 6, 6)])
def test_as_many_modes_as_latents_are_the_latents(name, shape, find):
    latents = torch.randn(40, *shape)
    found = find(name, latents, 40, components=18)
    assert sorted(found.assignment.tolist()) == list(range(40))
    assert torch.allclose(found.modes[found.assignment], latents, atol=1e-6)
    assert found.nearest_real[found.assignment].tolist() == list(range(40))
    assert found.degenerate_clusters == 0


def test_one_mode_of_a_connected_class_is_its_mean_or_a_latent(name, find):
    line = torch.arange(20.0)[:, None, None, None].expand(20, 2, 3, 3)
    found = find(name, line, 1)
    if name != "random":
        assert found.nearest_real.item() in (9, 10)
    if name in REAL:
        assert torch.equal(found.modes, line[found.nearest_real])
    else:
        assert torch.allclose(found.modes, torch.full((1, 2, 3, 3), 9.5))


@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 8, 8)])
def test_planted_clusters_are_found(name, shape, plant, find):
    if name == "random":
        pytest.skip("draws are not clusters")
    latents, owners = plant(*shape)
    found = find(name, latents, 5)
    for mode, modes_mean in enumerate(found.modes):
        of_mode = owners[found.assignment == mode]
        assert len(set(of_mode.tolist())) == 1
        mean = latents[found.assignment == mode].mean(0)
        expected = latents[found.nearest_real[mode]] if name in REAL else mean
        assert torch.allclose(modes_mean, expected, atol=1e-5)
    covered = {owners[found.assignment == mode][0].item() for mode in range(5)}
    assert covered == set(range(5))
    assert found.degenerate_clusters == 0


@pytest.mark.parametrize("shape", [(1, 2, 2), (2, 6, 6)])
@pytest.mark.parametrize("ipc", [1, 2, 3, 12])
def test_duplicates_leave_no_mode_out(name, ipc, shape, find):
    latents = torch.stack([torch.zeros(shape), torch.full(shape, 0.1)]).repeat(6, 1, 1, 1)
    found = find(name, latents, ipc)
    assert found.modes.shape == (ipc, *shape)
    assert found.modes.isfinite().all()
    assert (found.member_counts >= 1).all()
    if ipc == 1 or name == "random":
        return
    levels = found.modes[:, 0, 0, 0]
    assert found.degenerate_clusters == ipc - 2
    assert sorted(set(levels.tolist())) == pytest.approx([0, 0.1], abs=1e-7)
    assert found.inertia == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("shape", [(1, 2, 2), (2, 6, 6)])
@pytest.mark.parametrize("ipc", [1, 4, 12])
def test_of_equal_latents_every_mode_is_that_latent_and_all_but_one_are_reported(
    name, ipc, shape, find
):
    latents = torch.full((12, *shape), 0.3)
    found = find(name, latents, ipc)
    assert torch.equal(found.modes, latents[:ipc])
    assert (found.member_counts >= 1).all()
    assert found.degenerate_clusters == ipc - 1


def test_a_smaller_precision_is_kept(name, latents, find):
    assert find(name, latents.half(), 3).modes.dtype == torch.float16


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ipc", 0),
        ("ipc", "10"),
        ("random_state", -1),
        ("n_init", 0),
        ("n_init", 2.5),
        ("pool", 0),
        ("components", -3),
        ("balance", "fair"),
    ],
)
def test_a_setting_that_does_not_fit_is_named_even_if_unused(name, field, value):
    fitting = {"ipc": 10, "random_state": 0, "n_init": 1, "pool": 8, "components": 50}
    fitting["balance"] = "equal"
    with pytest.raises(ValueError, match=field):
        ModesConfig(name, **(fitting | {field: value}))


def test_a_mode_finder_that_does_not_exist_is_named_beside_those_that_do(name):
    with pytest.raises(ValueError, match=f"unknown mode finder '{name}s'.*{name}"):
        ModesConfig(f"{name}s", 10, 0, 1, 8, 50, "equal")
