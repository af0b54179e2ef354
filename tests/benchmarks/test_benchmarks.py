"""The measuring code: what it does with times, not what they are."""

import hashlib
import io
import time
from dataclasses import replace

import pytest
import torch

from benchmarks import MEASUREMENTS
from benchmarks.__main__ import chosen_names, main
from benchmarks.analysis import ScoredClass, compare_with_differences, measure_class_seconds
from benchmarks.decoding import (
    Photos,
    compare_decoding,
    compare_with_images_in_memory,
    measure_decoding_rate,
    measure_waits_at_borders,
)
from benchmarks.dividing import Classes, compare_keeping, compare_with_calls, help_out, plan_modes
from benchmarks.encoding import (
    ImageSet,
    compare_with_bare_autoencoder,
    growth_per_image,
    measure_memory_growth,
    resident_bytes,
)
from benchmarks.models import Bench, DiTSize, Work, draw, load_dit
from benchmarks.plain import draw_plainly, load_plain
from benchmarks.results import Row, describe, machine, merge, reaches, read_rows, write_rows
from benchmarks.safety import Spent
from benchmarks.sampling import (
    compare_with_bare_forward,
    compare_with_float32,
    compare_with_plain_loop,
    compare_with_unguided,
)
from benchmarks.timing import LEAST_ROUNDS, Spread, spread_of, time_ratios
from benchmarks.training import compare_with_fused_attention

TINY = DiTSize("tiny", 1, 1, 16, 8, classes=3, predicts_variance=True)
TINY_PRIOR = DiTSize("tiny_prior", 1, 1, 16, 8, classes=3, predicts_variance=False)
TINY_WORK = Work(TINY, images=8, steps=3)
TINY_CLASS = ScoredClass(real=60, synthetic=6, side=4)
TINY_IMAGES = ImageSet(classes=10, images=2, side=32, channels=(16, 16))


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path, "cpu", seconds=0.0)


class Machine:
    """A clock that computations advance, on a machine that becomes slower with every two."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def clock(self):
        return self.now

    def compute(self, name, seconds):
        self.now += seconds * (1 + len(self.calls) // 2)
        self.calls.append(name)


@pytest.fixture
def device():
    return Machine()


def make_row(name, device="here", median="1.5", goal=">= 2"):
    return Row(name, median, "1.0", "2.0", goal, device, "torch 2", "2026-01-01")


def test_the_two_sides_take_turns_in_being_first_after_a_warm_up(device):
    time_ratios(lambda: device.compute("A", 1), lambda: device.compute("B", 1), 28.0, device.clock)
    assert "".join(device.calls) == "AB" + "ABBAABBA"


def test_there_are_rounds_enough_for_a_spread_however_short_the_time(device):
    ratios = time_ratios(lambda: device.compute("A", 1), lambda: device.compute("B", 1), 0.0)
    assert len(ratios) == LEAST_ROUNDS


def test_a_ratio_does_not_see_that_the_machine_became_slower(device):
    ratios = time_ratios(
        lambda: device.compute("A", 3), lambda: device.compute("B", 2), 60.0, device.clock
    )
    assert len(ratios) > LEAST_ROUNDS
    assert ratios == pytest.approx([1.5] * len(ratios))


def test_a_spread_is_median_and_outer_deciles():
    assert spread_of([float(value) for value in range(11)]) == Spread(5.0, 1.0, 9.0)
    assert spread_of([7.0]) == Spread(7.0, 7.0, 7.0)


def test_a_goal_is_a_bound_that_may_be_touched():
    assert reaches(2.7, ">= 2.7")
    assert not reaches(2.69, ">= 2.7")
    assert reaches(1.03, "<= 1.03")
    assert not reaches(1.031, "<= 1.03")


@pytest.mark.parametrize("goal", ["> 2", "2", ">=", ""])
def test_another_kind_of_goal_is_refused(goal):
    with pytest.raises(ValueError, match="expected one of >=, <= and a number"):
        reaches(1.0, goal)


def test_every_goal_of_the_table_can_be_judged():
    for measurement in MEASUREMENTS.values():
        if measurement.goal:
            reaches(1.0, measurement.goal)


def test_a_row_says_whether_its_goal_is_met():
    assert make_row("a", median="2.0").verdict == "met"
    assert make_row("a", median="1.9").verdict == "not met"
    assert make_row("a", goal="").verdict == ""


def test_a_row_is_dated_and_names_the_machine_and_the_versions():
    row = describe("a", Spread(1.23456, 1.0, 1234.5678), "", "cpu")
    assert (row.ratio_median, row.ratio_low, row.ratio_high) == ("1.235", "1", "1235")
    assert f"torch {torch.__version__.partition('+')[0]}" in row.versions
    assert row.date.count("-") == 2
    assert "1 thread" in machine("cpu")


def test_new_rows_take_the_place_of_those_of_the_same_name_and_machine():
    old = [make_row("a"), make_row("b"), make_row("a", "there")]
    again, other = make_row("a", median="3.0"), make_row("c")
    assert merge(old, [again, other]) == [again, *old[1:], other]


def test_a_table_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "deep" / "speed.csv"
    rows = [make_row("a", device="Card, 8 cores"), make_row("b", goal="")]
    write_rows(path, rows)
    assert read_rows(path) == rows
    header = path.read_text().splitlines()[0]
    assert header == "name,ratio_median,ratio_low,ratio_high,goal,machine,versions,date"


def test_a_pattern_chooses_among_the_measurements_of_a_device():
    assert set(MEASUREMENTS) - set(chosen_names([], "cuda")) == {
        "encode_peak_rss_40000_per_5000",
        "two_processes_per_one_modes",
        "two_processes_per_one_kmeans",
        "two_processes_per_one_images",
        "divided_per_calls_ipc50",
        "kept_per_calls_ipc50",
        "dask_per_serial_ipc50",
        "short_attention_small_bf16",
        "short_attention_s2_bf16",
        "analysis_cpu_seconds_per_class",
        "analysis_per_differences",
        "decoded_images_per_cpu_second",
        "decoding_per_pil",
        "resizing_per_reading",
        "resizing_torch_per_pil",
        "reading_torch_per_pil",
        "resizing_mean_difference",
        "resizing_largest_difference",
        "distill_per_unsafe",
        "warm_run_cpu_seconds_1000_classes",
    }
    assert chosen_names(["encode*", "sampling_s2"], "cpu") == [
        "sampling_s2",
        "encode_per_autoencoder",
        "encode_rss_bytes_per_image",
        "encode_peak_rss_40000_per_5000",
        "encode_files_per_memory",
        "encode_waits_at_borders_24",
    ]
    with pytest.raises(ValueError, match="unknown measurement on cpu 'sampling_xl2"):
        chosen_names(["sampling_xl2*"], "cpu")


def test_a_partial_run_leaves_the_other_rows_alone(tmp_path, capsys, monkeypatch):
    path = tmp_path / "speed.csv"
    write_rows(path, [make_row("sampling_small"), make_row("quick", machine("cpu"))])
    quick = MEASUREMENTS["sampling_small"]._replace(measure=lambda bench: Spread(3.0, 2.0, 4.0))
    monkeypatch.setitem(MEASUREMENTS, "quick", quick)
    main(["--only", "quick", "--results", str(path)])
    kept, new = read_rows(path)
    assert kept == make_row("sampling_small")
    assert (new.name, new.ratio_median, new.goal) == ("quick", "3", ">= 2.7")
    assert " ".join(capsys.readouterr().out.split()) == "quick 3 (2 to 4) >= 2.7 met"


@pytest.mark.parametrize("predicts_variance", [False, True])
def test_the_plain_loop_draws_the_same_images(predicts_variance, bench):
    work = replace(TINY_WORK, size=replace(TINY, predicts_variance=predicts_variance))
    ours = draw(load_dit(bench, work), work)
    plain = draw_plainly(*load_plain(bench, work), work)
    assert ours.shape == (8, 4, 8, 8)
    torch.testing.assert_close(ours, plain, rtol=1e-3, atol=1e-2)
    unguided = draw(load_dit(bench, work), work, mode_guidance_scale=0.0)
    assert (ours - unguided).abs().max() > 0.1


@pytest.mark.parametrize(
    "measure", [compare_with_plain_loop, compare_with_unguided, compare_with_bare_forward]
)
def test_sampling_is_measured_on_a_model_of_any_size(measure, bench):
    spread = measure(bench, TINY_WORK)
    assert 0 < spread.low <= spread.median <= spread.high


@pytest.mark.slow
def test_attention_is_compared_on_a_model_of_any_size(bench):
    spread = compare_with_fused_attention(bench, TINY, batch=2)
    assert 0 < spread.low <= spread.median <= spread.high


def test_the_encode_stage_is_run_anew_in_every_round(bench):
    compare_with_bare_autoencoder(bench, TINY_IMAGES)
    folders = sorted(bench.folder.glob("latents*[0-9]"))
    assert len(folders) == 1 + LEAST_ROUNDS
    assert all(len(list(folder.iterdir())) == TINY_IMAGES.classes for folder in folders)


def test_growth_is_counted_per_image_from_when_caches_are_filled():
    settled = [0, 900, 1000, 1000, 1000, 1000, 1000, 1000]
    assert growth_per_image([*settled, 5000, 5200, 5600], images=10) == 30.0


def test_memory_that_was_freed_does_not_hide_what_is_kept():
    block = 12_000
    used = [bytearray(block) for _ in range(8_000)]
    # Some stay, or the heap would shrink by itself.
    scattered = used[::50]
    del used
    before = resident_bytes()
    kept = [bytearray(block) for _ in range(3_000)]
    assert resident_bytes() - before > 0.7 * block * len(kept)
    assert len(scattered) == 160


def test_memory_is_weighed_while_the_stage_runs(bench):
    growth = measure_memory_growth(bench, TINY_IMAGES)
    assert growth.low <= growth.median <= growth.high
    assert len(list(bench.folder.glob("weighed*[0-9]/*.safetensors"))) == 3 * TINY_IMAGES.classes


def test_a_helper_makes_the_modes_that_it_is_told_to(tmp_path, monkeypatch, capsys):
    classes = Classes(count=3, images=8, ipc=2)
    kind, stage = plan_modes(tmp_path, classes)
    kind(filepath=str(tmp_path / "alone")).save(stage)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{tmp_path / 'helped'}\n"))
    help_out(str(tmp_path), "modes", "3", "8", "2", "5")
    assert capsys.readouterr().out.split() == ["ready", "done"]
    made = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("alone", "helped")
    ]
    assert made[0] == made[1]
    assert len(made[0]) == 3


def test_what_is_divided_is_compared_with_its_calls(bench):
    spread = compare_with_calls(bench, Classes(count=2, images=4, ipc=2, steps=2, size=TINY_PRIOR))
    assert 0 < spread.low <= spread.median <= spread.high
    assert (bench.folder / "divided3.manifest/complete").is_file()


def test_keeping_is_measured_without_the_calls_and_keeps_the_same(bench):
    classes = Classes(count=2, images=4, ipc=2, steps=2, size=TINY_PRIOR)
    compare_with_calls(bench, classes)
    assert compare_keeping(bench, classes).median > 0
    kept, made = (
        [path.read_bytes() for path in sorted((bench.folder / name).rglob("*.png"))]
        for name in ("kept1", "divided1")
    )
    assert kept == made
    assert len(kept) == 4


def test_scoring_a_class_is_measured_as_a_ratio_and_in_cpu_seconds(bench):
    assert compare_with_differences(bench, TINY_CLASS).median > 0
    assert 0 < measure_class_seconds(bench, TINY_CLASS).median < 5


def test_photos_are_decoded_and_encoded_from_files(bench):
    photos = Photos(ImageSet(classes=2, images=3, side=32, channels=(16, 16)), 50, 40)
    assert compare_decoding(bench, photos).median > 0
    assert measure_decoding_rate(bench, photos).median > 0
    assert compare_with_images_in_memory(bench, photos).median > 0
    folders = [folder for folder in bench.folder.glob("latents-of-photos*") if folder.suffix == ""]
    first, *others = [sorted(path.read_bytes() for path in of.iterdir()) for of in folders]
    assert len(first) == 2
    assert all(other == first for other in others)


def test_waiting_for_the_first_images_of_classes_is_a_share_of_encoding(bench, monkeypatch):
    photos = Photos(ImageSet(classes=3, images=20, side=32, channels=(16, 16)), 50, 40)
    seen = []

    def decode_slowly(images, size, workers):
        for part in images.chunks(size):
            # As where no thread is ahead: it is waited for.
            time.sleep(0.2)
            seen.append(len(part))
            yield part

    monkeypatch.setattr("benchmarks.decoding.decode_ahead", decode_slowly)
    spread = measure_waits_at_borders(bench, photos)
    assert seen[:6] == [16, 4] * 3
    # Half of the slices are first ones.
    assert 0.02 < spread.low <= spread.high < 0.55


def test_precision_auto_is_measured_next_to_float32(bench):
    assert compare_with_float32(bench, TINY_WORK).median > 0


def test_seconds_of_digests_are_counted_and_digests_stay_what_they_are(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("benchmarks.safety.time.perf_counter", lambda: next(clock))
    spent = Spent()
    made = spent.counting_digests(hashlib.sha256)(b"a")
    made.update(b"b")
    assert made.hexdigest() == hashlib.sha256(b"ab").hexdigest()
    assert spent.counting(len)("abc") == 3
    assert spent.seconds == 3
