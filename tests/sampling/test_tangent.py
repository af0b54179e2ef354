import numpy as np
import pytest
import torch

from mgd3_kedro.sampling.guidance.tangent import (
    NEIGHBOURS_PER_COMPONENT,
    measure_tangents,
    project_pull,
)

SHAPE = (2, 3, 3)
SIZE = 18


@pytest.fixture
def axes():
    """Return orthonormal directions of the latent space, (D, D), float64."""
    return torch.linalg.qr(torch.randn(SIZE, SIZE, dtype=torch.float64)).Q.T


@pytest.fixture
def flat_class(axes):
    """Return 60 latents on a plane that does not hold the origin, and three modes on it."""
    places = torch.randn(60, 2, dtype=torch.float64) @ axes[:2] + 5 * axes[7]
    real = places.float().view(-1, *SHAPE)
    return real, real[:3] * 0.5 + real[3:6] * 0.5


def test_a_pull_within_the_plane_of_a_class_is_left_and_one_across_it_removed(axes, flat_class):
    tangents = measure_tangents(*flat_class, 2)
    assert tangents.shape == (3, 2, SIZE)
    within = (torch.randn(3, 2, dtype=torch.float64) @ axes[:2]).float().view(3, *SHAPE)
    across = (torch.randn(3, SIZE - 2, dtype=torch.float64) @ axes[2:]).float().view(3, *SHAPE)
    assert torch.allclose(project_pull(within, tangents), within, atol=1e-5)
    assert project_pull(across, tangents).abs().max() < 1e-5
    assert torch.allclose(project_pull(within + across, tangents), within, atol=1e-5)


def test_the_way_to_a_mode_on_the_plane_of_a_class_is_left(flat_class):
    real, modes = flat_class
    pull = modes - real[10:13]
    assert torch.allclose(project_pull(pull, measure_tangents(real, modes, 2)), pull, atol=1e-5)


@pytest.mark.parametrize("components", [1, 3, 6])
def test_tangents_are_the_main_axes_of_the_covariance_of_the_nearest_latents(components):
    real, modes = torch.randn(40, *SHAPE), torch.randn(4, *SHAPE)
    tangents = measure_tangents(real, modes, components)
    points, centres = (each.flatten(1).double().numpy() for each in (real, modes))
    for centre, found in zip(centres, tangents.double().numpy(), strict=True):
        order = np.argsort(((points - centre) ** 2).sum(1))
        near = points[order[: NEIGHBOURS_PER_COMPONENT * components + 1]]
        main = np.linalg.eigh(np.cov(near.T))[1][:, -components:]
        assert np.allclose(found.T @ found, main @ main.T, atol=1e-5)
        assert np.allclose(found @ found.T, np.eye(components), atol=1e-5)


def test_tangents_belong_to_the_mode_they_are_nearest_to(axes):
    spread = torch.randn(20, 1, dtype=torch.float64)
    first, second = spread * axes[0] + 100 * axes[5], spread * axes[1] - 100 * axes[5]
    real = torch.cat([first, second]).float().view(-1, *SHAPE)
    modes = torch.stack([first.mean(0), second.mean(0)]).float().view(2, *SHAPE)
    found = measure_tangents(real, modes, 1).double()
    assert abs(float(found[0, 0] @ axes[0])) == pytest.approx(1, abs=1e-6)
    assert abs(float(found[1, 0] @ axes[1])) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("count", "spanned"), [(1, 0), (2, 1), (4, 3), (30, 5)])
def test_few_latents_span_few_directions_and_the_rest_are_nothing(count, spanned):
    real = torch.randn(count, *SHAPE)
    tangents = measure_tangents(real, torch.zeros(2, *SHAPE), 5)
    assert tangents.shape == (2, 5, SIZE)
    lengths = tangents.norm(dim=2)
    assert torch.allclose(lengths[:, :spanned], torch.ones(()), atol=1e-5)
    assert (lengths[:, spanned:] == 0).all()


def test_latents_that_repeat_span_no_direction():
    real = torch.randn(1, *SHAPE).repeat(8, 1, 1, 1)
    assert (measure_tangents(real, real[:2], 3) == 0).all()


def test_more_directions_than_dimensions_leave_every_pull():
    pull = torch.randn(2, 1, 2, 2)
    tangents = measure_tangents(torch.randn(50, 1, 2, 2), torch.zeros(2, 1, 2, 2), 9)
    assert tangents.shape == (2, 9, 4)
    assert torch.allclose(project_pull(pull, tangents), pull, atol=1e-5)


def test_projecting_again_changes_nothing():
    tangents = measure_tangents(torch.randn(30, *SHAPE), torch.randn(4, *SHAPE), 3)
    once = project_pull(torch.randn(4, *SHAPE), tangents)
    assert torch.allclose(project_pull(once, tangents), once, atol=1e-6)
