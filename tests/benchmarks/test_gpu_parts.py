"""The parts of `make gpu`: what is kept when the time runs out, and what is told."""

import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.evaluation import Course, prepare_training
from benchmarks.gpu import PARTS
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.digits import compare_images
from benchmarks.gpu.peaks import count_operations, find_peak
from benchmarks.gpu.prior import DIGITS, PHOTOS, as_option
from benchmarks.gpu.sampling import build_backbone, operations_per_image
from benchmarks.gpu.schedule import Found, Part, run_parts
from benchmarks.models import Bench, DiTSize, Work
from benchmarks.results import read_rows
from benchmarks.timing import LEAST_ROUNDS, Spread, time_rounds
from mgd3_kedro.api.settings import Settings
from mgd3_kedro.training.denoiser import DenoiserConfig, build_denoiser

SCRIPTS = {
    "quick": "print('quick', file=kept)",
    "endless": "print('begun', file=kept, flush=True); time.sleep(60)",
    "broken": "print('half', file=kept); kept.flush(); raise ValueError('expected a card')",
    "last": "print('last', file=kept)",
}


@pytest.fixture
def run(tmp_path):
    """Run scripts as parts, and return what they kept and what was told."""

    def run_scripts(seconds, **shares):
        told, kept = [], tmp_path / "kept.txt"

        def command(name, given):
            assert 0 < given <= seconds
            start = f"import time; kept = open({str(kept)!r}, 'a'); "
            return [sys.executable, "-S", "-c", start + SCRIPTS[name]]

        parts = {name: Part(None, least=0, share=share) for name, share in shares.items()}
        run_parts(parts, seconds, command, tmp_path, told.append)
        return kept.read_text().split(), told

    return run_scripts


def test_a_part_that_takes_too_long_is_stopped_and_the_others_go_on(run):
    kept, told = run(8.0, quick=1.0, endless=0.15, last=1.0)
    assert kept == ["quick", "begun", "last"]
    assert told == ["endless: stopped after 1 s; what it found until then is kept"]


def test_a_part_that_fails_is_told_and_the_others_go_on(run, tmp_path):
    kept, told = run(20.0, broken=1.0, last=1.0)
    assert kept == ["half", "last"]
    assert told == [f"broken: failed: ValueError: expected a card; see {tmp_path / 'broken.log'}"]


def test_what_there_is_no_time_for_is_left_out(run):
    began = time.monotonic()
    kept, told = run(1.5, endless=1.0, last=1.0)
    assert time.monotonic() - began < 10
    assert kept == ["begun"]
    assert told[1] == "last: left out, as it takes 0 s and 0 s are left"


@pytest.fixture
def quick(monkeypatch):
    """Offer a part that finds a number, says something and fails."""

    def find(bench):
        yield Found("gpu_quick", Spread(3.0, 2.0, 4.0))
        yield f"{bench.left > 0}"
        raise RuntimeError("the card fell out")

    monkeypatch.setitem(PARTS, "quick", Part(find, 0, 1.0))


def test_what_a_part_finds_is_kept_before_it_fails_and_a_rehearsal_tells_nothing_of_a_card(
    quick, tmp_path, capsys
):
    out, table = tmp_path / "out", tmp_path / "speed.csv"
    asked = ["--out", str(out), "--table", str(table), "--device", "cpu"]
    with pytest.raises(RuntimeError, match="fell out"):
        main([*asked, "--part", "quick", "--seconds", "9", "--folder", str(tmp_path)])
    assert [row.name for row in read_rows(out / "speed.csv")] == ["gpu_quick"]
    told = ["quick: gpu_quick 3 (2 to 4)", "quick: True"]
    assert capsys.readouterr().out.splitlines() == told
    assert (out / "report.txt").read_text().splitlines() == told
    assert not table.exists()
    main(["--take", str(out), *asked])
    assert read_rows(table) == read_rows(out / "speed.csv")


def test_the_parts_come_by_worth():
    assert list(PARTS) == ["tests", "digits", "sampling", "encoding", "training", "prior"]
    assert all(0 < part.share <= 1 for part in PARTS.values())


@pytest.mark.parametrize(
    ("name", "teraflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989.5),
        ("NVIDIA H100 PCIe", 756.0),
        ("NVIDIA H200", 989.5),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA A10", 125.0),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("NVIDIA L4", 121.0),
    ],
)
def test_the_peak_of_a_card_is_found_by_its_name(name, teraflops):
    assert find_peak(name) == pytest.approx(1e12 * teraflops)


def test_a_card_that_is_not_known_has_no_peak():
    assert find_peak("Tesla V100-SXM2-16GB") is None


def test_a_multiply_add_is_two_operations():
    left, right = torch.ones(3, 5), torch.ones(5, 7)
    assert count_operations(lambda: left @ right) == 2 * 3 * 5 * 7


def test_operations_of_a_step_are_those_of_both_guidances():
    size = DiTSize("tiny", 1, 1, 16, 8, classes=3, predicts_variance=True)
    backbone = build_backbone(Work(size, images=8, steps=3), "cpu")
    tokens, width = 16, 16
    # Attention, its four projections and the perceptron of four times the width.
    block = 2 * tokens * width * (2 * tokens + 4 * width + 8 * width)
    counted = operations_per_image(backbone, Work(size, images=8, steps=3))
    assert 2 * block < counted < 4 * block


def test_a_training_that_is_timed_sees_every_image_of_every_epoch(tmp_path):
    course = Course("convnet1", image_size=16, ipc=2, epochs=3)
    assert prepare_training(Bench(tmp_path, "cpu", 0.0), course)().image_steps == 3 * 20


def test_rounds_are_timed_after_a_warm_up():
    calls = []
    assert len(time_rounds(lambda: calls.append(1), 0.0)) == LEAST_ROUNDS
    assert len(calls) == LEAST_ROUNDS + 1


def test_images_are_compared_by_name(tmp_path):
    for folder, value in (("a", 10), ("b", 13)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((2, 2), value, np.uint8)).save(tmp_path / folder / "0.png")
    ours, theirs = ({"0": tmp_path / folder / "0.png"} for folder in "ab")
    differences = compare_images(ours, theirs)
    assert differences.shape == (1, 2, 2, 3)
    assert (differences == 3).all()
    for wrong in ({}, {"1": theirs["0"]}):
        with pytest.raises(ValueError, match="expected the same images of both"):
            compare_images(ours, wrong)


def test_the_prior_has_20_to_30_million_parameters():
    asked = Settings("imagenette64", PHOTOS).parameters["pretrain"]["denoiser"]
    with torch.device("meta"):
        model = build_denoiser(DenoiserConfig(**asked), (8, 16, 16), 10)
    assert 20e6 < sum(weights.numel() for weights in model.parameters()) < 30e6


def test_settings_are_written_as_the_command_line_takes_them():
    Settings("mnist", DIGITS)
    given = {"a.b": [1.5, 2.0], "compile": False, "steps": 3}
    assert as_option(given) == "a.b=[1.5; 2.0],compile=false,steps=3"
