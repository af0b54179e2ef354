import pytest
import torch

from mgd3_kedro.modes import ModesConfig, find_modes


@pytest.fixture
def find():
    """Find modes with the default settings but for some."""

    def find_with(
        name, latents, ipc, random_state=0, *, n_init=2, pool=2, components=5, wnid="n01440764"
    ):
        config = ModesConfig(name, ipc, random_state, n_init, pool, components, "equal")
        return find_modes(latents, config, wnid)

    return find_with


@pytest.fixture
def squared_distances():
    """Return (N, K) in float64, one pair at a time."""

    def of_all_pairs(latents, modes):
        points, centres = latents.double().flatten(1), modes.double().flatten(1)
        return torch.stack([(points - centre).square().sum(1) for centre in centres], dim=1)

    return of_all_pairs


@pytest.fixture
def latents():
    """Return more latents than they have dimensions."""
    return torch.randn(40, 2, 3, 3)


@pytest.fixture
def wide():
    """Return fewer latents than they have dimensions."""
    return torch.randn(40, 2, 6, 6)


@pytest.fixture
def plant():
    """Return latents in five tight clusters far apart, of different sizes, and their owners."""

    def in_shape(*shape):
        centres = 6 * torch.randn(5, *shape)
        owners = torch.arange(5).repeat_interleave(torch.tensor([30, 20, 15, 10, 8]))
        owners = owners[torch.randperm(len(owners))]
        return centres[owners] + 0.1 * torch.randn(len(owners), *shape), owners

    return in_shape


@pytest.fixture
def planted(plant):
    return plant(2, 3, 3)
