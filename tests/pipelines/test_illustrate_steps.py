from dataclasses import replace

import numpy as np
import pytest
import torch

from mgd3_kedro.backbones import load_backbone
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.pipelines.illustrate_steps.nodes import (
    Drawing,
    ShownClass,
    StepsConfig,
    draw_steps,
    draw_steps_of_classes,
    draw_strip,
    record_image,
    stop_of,
    vary_stops,
)
from mgd3_kedro.sampling import SamplingConfig, denoise, gather_facts, image_generator
from mgd3_kedro.stages import Partition, Task

SAMPLING = SamplingConfig("noise", 0.7, 0.5, "constant", 1, None)
TIMESTEPS = (0, 166, 332, 498, 664, 830)
STEPS = StepsConfig([1.0, 0.5, 0.0], columns=3, classes=1)


@pytest.fixture
def task(model_folder, make_classes):
    draw = torch.Generator().manual_seed(0)
    given = {
        "latents": {"latents": torch.randn(6, 4, 8, 8, generator=draw)},
        "modes": {
            "modes": torch.randn(2, 4, 8, 8, generator=draw),
            "assignment": torch.arange(6) % 2,
        },
        "prior": model_folder,
    }
    return Task(given, ShownClass(make_classes([3])[0], 0))


@pytest.fixture
def drawing(make_diffusion, make_autoencoding):
    diffusion = make_diffusion(num_inference_steps=6, guidance_scale=1.0, cfg_channels=None)
    return Drawing(STEPS, diffusion, make_autoencoding(), SAMPLING, 16, seed=5)


def test_the_stop_that_is_configured_is_among_those_that_are_drawn():
    stops = [one.stop_guidance_step for one in vary_stops(SAMPLING, [1.0, 0.5, 0.0], TIMESTEPS)]
    assert stops == [6, 3, 1, 0]
    assert [one.stop_guidance_step for one in vary_stops(SAMPLING, [0.17, 1], TIMESTEPS)] == [6, 1]
    by_time = replace(SAMPLING, stop_guidance_step=None, stop_guidance_timestep=400)
    varied = vary_stops(by_time, [1.0, 0.0], TIMESTEPS)
    assert [one.stop_guidance_step for one in varied] == [6, None, 0]
    assert varied[1] == by_time


def test_a_window_of_the_pull_is_that_of_the_settings_alone():
    windowed = replace(SAMPLING, mode_guidance_window=[5, 4])
    varied = vary_stops(windowed, [1.0, 0.0], TIMESTEPS)
    assert [stop_of(one, TIMESTEPS) for one in varied] == [5, 3, 0]
    assert varied[1] == windowed


@pytest.mark.parametrize(
    ("changes", "stop"),
    [
        ({}, 1),
        ({"stop_guidance_step": 6}, 5),
        # The steps before a noised mode are not run: where guidance stops is the same.
        ({"initial_latents": "noised_modes"}, 1),
        ({"initial_latents": "noised_modes", "stop_guidance_step": 4}, 5),
    ],
)
def test_guidance_stops_before_the_last_step_that_is_guided(changes, stop):
    assert stop_of(replace(SAMPLING, **changes), TIMESTEPS) == stop


@pytest.mark.parametrize("option", [{}, {"condition_noise": 0.5}, {"dap_scale": 0.5}])
def test_the_last_step_is_the_image_that_the_run_draws(option, task, drawing, make_classes):
    backbone = load_backbone(task.inputs["prior"], drawing.diffusion)
    sampling, among = replace(SAMPLING, **option), make_classes(range(5))
    seen = record_image(backbone, task, sampling, 5, [5, 2, 0], among)
    assert sorted(seen) == [0, 2, 5]
    modes, spec = task.inputs["modes"]["modes"][:1], task.about.spec
    generators = [image_generator(5, spec.class_index, 0)]
    facts = {
        spec: gather_facts(task.inputs["latents"]["latents"], task.inputs["modes"], 5, sampling)
    }
    given = (backbone, modes, [spec], sampling, generators)
    drawn = denoise(*given, facts=facts, among=among)
    # Step 1 is the last that is not guided: what step 0 predicts is what comes out.
    torch.testing.assert_close(seen[0], drawn, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(seen[5], drawn, atol=0.1)


def test_guidance_that_lasts_longer_brings_the_image_nearer_to_its_mode(task, drawing):
    backbone = load_backbone(task.inputs["prior"], drawing.diffusion)
    mode = task.inputs["modes"]["modes"][:1]
    distances = [
        float((record_image(backbone, task, one, 5, [0])[0] - mode).norm())
        for one in vary_stops(SAMPLING, [1.0, 0.0], TIMESTEPS)
    ]
    assert distances == sorted(distances, reverse=True)
    assert len(set(distances)) == len(distances)


def test_frames_are_images_by_stop_and_step(task, drawing, make_classes):
    made = draw_steps_of_classes({"n3": task}, drawing)["n3"]
    frames = made.value["frames"]
    assert (frames.dtype, tuple(frames.shape)) == (torch.uint8, (4, 3, 3, 16, 16))
    guided = ["", "4 5", "2 3 4 5", "1 2 3 4 5"]
    assert [row["guided_steps"] for row in made.rows] == guided
    assert [row["name"] for row in made.rows] == ["never guided", "3", "1", "0, the end"]
    assert [row["chosen"] for row in made.rows] == [False, False, True, False]
    assert made.rows[0]["steps"] == "5 2 0"
    # Before any of them stops, all rows are one and the same.
    np.testing.assert_array_equal(frames[1, 0], frames[3, 0])
    partition = Partition(lambda: made.value, "f", rows=made.rows)
    benchmark = Benchmark("birds", 16, tuple(make_classes([0])))
    sheet = draw_strip(benchmark, {benchmark.wnids[0]: partition})
    assert sheet.width > 3 * 96


def test_only_the_first_classes_are_planned(make_classes, make_diffusion, make_autoencoding):
    benchmark = Benchmark("birds", 16, tuple(make_classes([0, 1])))
    parts = {wnid: Partition(dict, wnid) for wnid in benchmark.wnids}
    settings = (STEPS, make_diffusion(), make_autoencoding(), SAMPLING, 0)
    stage = draw_steps(benchmark, parts, parts, Partition(dict, "prior"), *settings)
    assert list(stage.tasks) == list(benchmark.wnids[:1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stops": []}, "stops: expected a list of shares"),
        ({"stops": [1.5]}, "stops: expected"),
        ({"columns": 1}, "columns: expected"),
        ({"classes": 0}, "classes: expected"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(STEPS, **change)


def test_classes_that_images_are_told_of_are_those_of_the_benchmark(
    make_diffusion, make_autoencoding, make_classes
):
    benchmark = Benchmark("birds", 16, tuple(make_classes([0, 1])))
    parts = {wnid: Partition(dict, wnid) for wnid in benchmark.wnids}
    given = (benchmark, parts, parts, Partition(dict, "prior"), STEPS)
    hidden = replace(SAMPLING, condition_noise=0.06)

    def plan(sampling, **changes):
        return draw_steps(*given, make_diffusion(**changes), make_autoencoding(), sampling, 0)

    assert plan(hidden).settings.among == benchmark.classes
    assert plan(SAMPLING).settings.among == ()
    with pytest.raises(ValueError, match=r"^compile: expected false with condition_noise"):
        plan(hidden, compile=True)
