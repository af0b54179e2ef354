"""Operations that are counted, and the bounds that follow from them."""

import csv

import pytest
from tiny_project import REPOSITORY

from benchmarks.projection import (
    OPERATIONS,
    TIMES,
    count_per_image,
    describe_times,
    images_of,
    main,
)

MULTIPLY_ADDS = 118.64e9
"""Of DiT-XL/2 at 256 px (arXiv 2212.09748)."""


@pytest.fixture(scope="module")
def counts():
    """Count once."""
    return count_per_image()


def test_a_forward_pass_has_the_operations_that_its_paper_says(counts):
    assert counts["forward"] == pytest.approx(2 * MULTIPLY_ADDS, rel=0.005)


def test_guidance_doubles_a_step_and_a_teacher_adds_a_third_to_an_update(counts):
    assert counts["generate_unguided"] == 50 * counts["forward"]
    assert counts["generate_guided"] == 100 * counts["forward"]
    # Backward is two forwards, but for the images, which need no gradient.
    teacher = counts["train_soft"] - counts["train_hard"]
    assert 2.9 * teacher < counts["train_hard"] < 3 * teacher


def test_the_committed_rows_are_those_that_the_command_makes(counts, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.projection.count_per_image", lambda: counts)
    main(tmp_path)
    for file in (OPERATIONS, TIMES):
        kept, made = (
            [*csv.DictReader((folder / file).open(encoding="utf-8"))]
            for folder in (REPOSITORY / "docs/results", tmp_path)
        )
        assert kept == made


def test_trainings_are_as_long_as_the_protocols_and_on_one_card_each():
    assert images_of("train_hard") == 3 * 1500 * 50_000
    assert images_of("train_soft") == 3 * 300 * 50_000
    assert images_of("forward") is None
    minutes = {
        (row["name"], row["card"], row["cards"]): float(row["least_minutes"])
        for row in describe_times({"encode": 3e9, "train_soft": 3e9, "forward": 1.0})
    }
    assert len(minutes) == 12
    assert minutes["encode", "A100", 1] == pytest.approx(3e9 * 1_281_167 / 312e12 / 60, rel=1e-3)
    assert minutes["encode", "A100", 8] == pytest.approx(minutes["encode", "A100", 1] / 8, rel=1e-3)
    eight = minutes["train_soft", "H200", 8]
    assert eight == pytest.approx(minutes["train_soft", "H200", 1] / 3, rel=1e-3)
