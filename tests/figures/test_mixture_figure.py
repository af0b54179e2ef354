import numpy as np
import pytest
import torch
from drawn import encode_figure
from matplotlib.colors import to_hex

from mgd3_kedro.backbones.mixture import GaussianMixtureBackbone
from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.figures import draw_mixture
from mgd3_kedro.figures.style import COLOURS
from mgd3_kedro.sampling import SamplingConfig, denoise, image_generator

MODES = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
WEIGHTS = [0.5, 0.3, 0.2]
UNGUIDED = np.array([[0.1, 0.2], [-1.0, 0.3], [3.0, 0.0], [0.4, 0.1]])
GUIDED = np.array([[0.0, 3.9], [4.2, 0.1]])


def heights(axes, side):
    """Return the heights of the bars left or right of the middle of each mode."""
    bars = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in axes.patches]
    return [height for place, height in sorted(bars) if (place - round(place) > 0) == (side > 0)]


def test_samples_are_drawn_by_their_nearest_mode_in_its_colour():
    figure = draw_mixture(MODES, UNGUIDED, GUIDED, WEIGHTS, title="mixture")
    figure.draw_without_rendering()
    assert figure.get_suptitle() == "mixture"
    unguided, guided, _ = figure.axes
    assert [unguided.get_title(), guided.get_title()] == ["unguided, 4", "guided, 2"]
    *drawn, centres = unguided.collections
    np.testing.assert_array_equal(drawn[0].get_offsets(), UNGUIDED[[0, 1, 3]])
    np.testing.assert_array_equal(drawn[1].get_offsets(), UNGUIDED[[2]])
    assert len(drawn[2].get_offsets()) == 0
    np.testing.assert_array_equal(centres.get_offsets(), MODES)
    np.testing.assert_array_equal(guided.collections[2].get_offsets(), GUIDED[[0]])
    colours = [to_hex(points.get_facecolor()) for points in guided.collections[1:3]]
    assert colours == [colour.lower() for colour in COLOURS[1:3]]
    assert unguided.get_xlim() == guided.get_xlim()
    assert unguided.get_ylim() == guided.get_ylim()


def test_bars_are_the_shares_of_the_modes_with_their_counts_beside_the_weights():
    bars = draw_mixture(MODES, UNGUIDED, GUIDED, WEIGHTS).axes[2]
    assert heights(bars, -1) == [75, 25, 0]
    assert heights(bars, 1) == [0, 50, 50]
    (weights,) = bars.collections
    np.testing.assert_allclose(
        [line[:, 1] for line in weights.get_segments()], [[50, 50], [30, 30], [20, 20]]
    )
    assert [text.get_text() for text in bars.texts] == ["3", "1", "0", "0", "1", "1"]
    # A count stands on its bar, or on the line of the weight where that is just above.
    assert [text.xy[1] for text in bars.texts] == pytest.approx([75, 30, 0, 0, 50, 50])
    assert "%" in bars.get_ylabel()


def test_modes_known_from_elsewhere_take_the_place_of_the_nearest():
    hits = (np.array([2, 2, 1, 0]), np.array([1, 1]))
    figure = draw_mixture(MODES, UNGUIDED, GUIDED, WEIGHTS, hits=hits)
    np.testing.assert_array_equal(figure.axes[0].collections[2].get_offsets(), UNGUIDED[:2])
    assert heights(figure.axes[2], -1) == [25, 25, 50]
    assert heights(figure.axes[2], 1) == [0, 100, 0]


def test_a_sample_that_is_not_finite_is_left_out_and_said():
    broken = UNGUIDED.copy()
    broken[1] = np.inf
    for hits, expected in (
        (None, [200 / 3, 100 / 3, 0]),
        ((np.array([0, 0, 1, 2]), np.array([0, 0])), [100 / 3] * 3),
    ):
        figure = draw_mixture(MODES, broken, GUIDED, WEIGHTS, hits=hits)
        assert heights(figure.axes[2], -1) == pytest.approx(expected)
        assert "left out: 1 sample of unguided" in figure.legends[0].get_title().get_text()


def test_many_modes_have_neither_counts_nor_crowded_numbers():
    generator = np.random.default_rng(0)
    modes = generator.normal(size=(25, 2))
    figure = draw_mixture(modes, modes[:20], modes, [0.04] * 25)
    figure.draw_without_rendering()
    bars = figure.axes[2]
    assert not bars.texts
    assert len(bars.get_xticks()) < 20
    assert heights(bars, 1) == [4] * 25
    assert "number" not in bars.get_ylabel()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modes": np.zeros((3, 4))}, r"modes: expected shape \(N, 2\) .* got \(3, 4\)"),
        ({"guided": GUIDED[:0]}, r"guided: expected shape .* got \(0, 2\)"),
        ({"unguided": UNGUIDED * np.nan}, "unguided: expected at least one finite sample"),
        ({"weights": [0.5, 0.5]}, "weights: expected 3 shares summing to 1"),
        ({"weights": [0.5, 0.3, 0.3]}, "weights: expected 3 shares summing to 1"),
        ({"weights": [1.5, -0.3, -0.2]}, "weights: expected 3 shares summing to 1"),
        ({"hits": ([0, 1], [0, 1])}, r"hits, unguided: expected \(4,\) modes of 0..2, got \(2,\)"),
        ({"hits": ([0, 1, 2, 3], [0, 1])}, "expected .* got .* from 0 to 3"),
    ],
)
def test_what_is_no_mixture_is_refused(changes, message):
    given = {"modes": MODES, "unguided": UNGUIDED, "guided": GUIDED, "weights": WEIGHTS}
    with pytest.raises(ValueError, match=message):
        draw_mixture(**(given | changes))


def test_guidance_fills_the_rare_modes_of_a_mixture_in_closed_form(make_classes):
    means = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    weights = [0.85, 0.05, 0.05, 0.05]
    backbone = GaussianMixtureBackbone(
        means, weights, 0.25, respaced_schedule(50), SAMPLERS["ddpm"]
    )

    def sample(scale):
        config = SamplingConfig("noise", 0.7, scale, "constant", 25, None)
        generators = [image_generator(0, 0, image) for image in range(200)]
        owners = means[torch.arange(200) % 4]
        return denoise(backbone, owners, make_classes([0] * 200), config, generators).flatten(1)

    centres = means.flatten(1)
    samples = [sample(0.0), sample(0.1)]
    hits = tuple(torch.cdist(of, centres).argmin(1).numpy() for of in samples)
    axes = torch.linalg.svd(centres - centres.mean(0), full_matrices=False).Vh[:2]
    plane = [((of - centres.mean(0)) @ axes.T).numpy() for of in (centres, *samples)]
    figure = draw_mixture(*plane, weights, hits=hits)
    bars = figure.axes[2]
    assert heights(bars, 1) == [25, 25, 25, 25]
    assert heights(bars, -1) == pytest.approx([85, 5, 5, 5], abs=6)
    assert heights(bars, -1)[0] > 75


def test_the_same_samples_give_the_same_small_file():
    first, again = (encode_figure(draw_mixture(MODES, UNGUIDED, GUIDED, WEIGHTS)) for _ in range(2))
    assert first == again
    assert len(first) < 100_000
