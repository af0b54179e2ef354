"""A push towards a plane through random points around the mode."""

import pytest
import torch

from mgd3_kedro.backbones.ancestral import ancestral_step
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.sampling import image_generator
from mgd3_kedro.sampling.guidance import GuidanceContext
from mgd3_kedro.sampling.guidance.plane import (
    POINTS,
    draw_cloud,
    find_eigenvectors,
    find_nearest,
    find_ways,
    push_to_plane,
)


def step_at(index, latents):
    return ancestral_step(respaced_schedule(50), index, latents, torch.zeros_like(latents))


def push(index, latents, modes, images, scale=0.1):
    generators = [image_generator(0, 0, image) for image in images]
    context = GuidanceContext(modes, (), {}, {}, generators=generators)
    return push_to_plane(step_at(index, latents), scale, context)


@pytest.mark.parametrize("index", [49, 30, 26])
def test_the_push_of_noise_is_as_long_as_its_scale(index):
    latents, modes = torch.randn(2, 3, 4, 8, 8)
    lengths = push(index, latents, modes, range(3), scale=0.3).flatten(1).norm(dim=1)
    assert torch.allclose(lengths, torch.full((3,), 0.3), rtol=1e-4)


def test_a_sample_goes_to_the_plane_of_the_widest_directions_at_right_angles():
    samples, neighbours = torch.randn(4, 40).double(), torch.randn(4, 12, 40).double()
    ways = find_ways(samples, neighbours)
    for sample, near, way in zip(samples, neighbours, ways, strict=True):
        middle = near.mean(0)
        axes = torch.linalg.svd(near - middle, full_matrices=False).Vh[:3]
        away = sample - middle
        assert torch.allclose(way, axes.T @ (axes @ away) - away, atol=1e-8)
        assert (axes @ way).abs().max() < 1e-8


def test_a_sample_in_the_plane_has_nowhere_to_go():
    neighbours = torch.randn(2, 12, 40).double()
    axes = torch.linalg.svd(neighbours - neighbours.mean(1, keepdim=True)).Vh[:, :3]
    samples = neighbours.mean(1) + (torch.randn(2, 1, 3).double() @ axes)[:, 0]
    assert find_ways(samples, neighbours).abs().max() < 1e-8


@pytest.mark.parametrize("size", [4, 12])
def test_rotations_find_the_eigenvectors_of_symmetric_matrices(size):
    points = torch.randn(5, size, 30).double()
    points[0, 1:] = points[0, :1] * torch.randn(size - 1, 1).double()
    symmetric = points @ points.mT
    values, vectors = find_eigenvectors(symmetric)
    exact = torch.linalg.eigvalsh(symmetric)
    assert torch.allclose(values.sort(1).values, exact, atol=1e-9)
    assert torch.allclose(symmetric @ vectors, vectors * values[:, None], atol=1e-8)
    assert torch.allclose(vectors.mT @ vectors, torch.eye(size).double().expand(5, -1, -1))


def test_the_nearest_points_are_those_and_their_distance():
    sample, middle, cloud = torch.randn(3, 20)[0], torch.randn(20), torch.randn(50, 20)
    points, nearest = find_nearest(sample, middle, cloud)
    distances = (middle + cloud - sample).norm(dim=1).sort()
    assert nearest == pytest.approx(float(distances.values[0]), abs=1e-5)
    assert torch.allclose(points.float(), (middle + cloud)[distances.indices[:12]], atol=1e-5)


def test_points_are_on_spheres_around_the_mode_and_as_noisy_as_the_step():
    generator = image_generator(0, 0, 0)
    clean = draw_cloud(generator, step_at(0, torch.zeros(1, 4, 8, 8)))
    noisy = draw_cloud(generator, step_at(40, torch.zeros(1, 4, 8, 8)))
    schedule = respaced_schedule(50)
    assert clean.shape == (POINTS, 256)
    for cloud, index in ((clean, 0), (noisy, 40)):
        # Beside the noise: squares of radii from .1 to .05, or from 0 to .05, over 256 dimensions.
        share = schedule.alpha_cumprod(index)
        variance = 1 - share + share * (0.0058 + 0.0008) / 2 / 256
        assert cloud.square().mean() == pytest.approx(variance, rel=0.05)
    # Those of the first half are farther away than those of the second, by less than noise is.
    quiet = step_at(0, torch.zeros(1, 1, 1, 2))
    far, near = draw_cloud(generator, quiet).square().sum(1).split(POINTS // 2)
    assert far.mean() > near.mean()


def test_the_push_of_an_image_is_a_function_of_its_own_key_and_of_the_step():
    latents, modes = torch.randn(2, 3, 4, 8, 8)
    together = push(30, latents, modes, range(3))
    assert torch.equal(push(30, latents, modes, range(3)), together)
    assert torch.equal(push(30, latents[1:2], modes[1:2], [1]), together[1:2])
    other = push(30, latents[1:2], modes[1:2], [2])
    assert not torch.allclose(other, together[1:2], atol=1e-3)
    generator = image_generator(0, 0, 0)
    first = draw_cloud(generator, step_at(30, latents))
    torch.randn(7, generator=generator)
    assert torch.equal(draw_cloud(generator, step_at(30, latents)), first)
    next_one = draw_cloud(generator, step_at(29, latents))
    assert torch.cosine_similarity(first.flatten(), next_one.flatten(), 0).abs() < 0.1


def test_images_are_steered_and_keep_their_noise(make_sampling):
    off, on = make_sampling(), make_sampling(manifoldgd_scale=0.1)
    assert off.further_scales == {}
    assert on.joint_settings == ()
    assert on.scales_at(30, range(50)) == {"mode_guidance_scale": 0.1, "manifoldgd_scale": 0.1}
    assert "manifoldgd_scale" not in on.scales_at(25, range(50))
