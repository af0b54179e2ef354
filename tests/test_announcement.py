import pytest
from asked_runs import loader_of
from kedro.io import DataCatalog

from mgd3_kedro import measured_speeds, timing
from mgd3_kedro.announcement import Step, _measure, announce
from mgd3_kedro.node_parts import count_parts, describe_parts
from mgd3_kedro.speeds import Speeds, Took
from mgd3_kedro.timing import LONG_ENOUGH, SAMPLES, WATCHED, time_samples

DONE = Step("encode_images", 10, 10, "10 classes", None)
LEFT = Step("train_networks", 0, 2, "2 trainings (convnet3; hard-short)", 90.0)


def run_of(**given):
    """Return the parameters of a run, of four images per class."""
    return loader_of(given={"ipc": 4, **given})["parameters"]


COMPUTED = {"bf16": ["diffusion", "autoencoder"], "fp32": ["evaluation"]}


def test_what_is_there_and_what_is_to_be_done_is_told_with_its_seconds():
    lines = list(announce([DONE, LEFT], {}))
    assert [" ".join(line.split()) for line in lines] == [
        "encode images there: 10 classes",
        "train networks 2 trainings (convnet3; hard-short): 1 min 30 s",
        "about 1 min 30 s",
    ]


def test_stages_that_nobody_timed_are_counted():
    unknown = Step("discover_modes", 3, 10, "10 classes", None)
    lines = list(announce([unknown, LEFT], {}))
    assert lines[0].endswith("10 classes, 3 there")
    assert lines[-1].endswith("about 1 min 30 s, plus one stage that was not timed here yet")


def test_what_is_computed_in_is_told_before_the_time():
    lines = list(announce([LEFT], COMPUTED))
    assert lines[1] == "  computed in bf16 (diffusion, autoencoder), fp32 (evaluation)"
    assert lines[2].startswith("  about ")


def test_groups_of_images_take_as_many_times_longer_as_there_are(monkeypatch):
    monkeypatch.setattr(measured_speeds, "measure_drawing", lambda load: 2.0)
    known = {"params:method": "s3", "params:methods.s3.groups": 5}
    assert measured_speeds.measure_groups(known.__getitem__) == 10.0
    told = describe_parts("guided_generate.draw_groups", run_of(method="s3"), 3)
    assert told == "5 groups of 12 images of 3 classes (s3)"


@pytest.mark.parametrize(
    ("method", "count"), [("mgd3_quarters", 48), ("herding", 12), ("rded", 12), ("theirs", 12)]
)
def test_small_images_are_all_counted_but_not_patches_of_one(method, count):
    told = describe_parts("guided_generate.distill_images", run_of(method=method), 3)
    assert told == f"{count} images of 3 classes ({method})"


def test_real_images_that_are_kept_small_are_all_counted():
    run = run_of(method="herding", methods={"herding": {"factor": 3}})
    told = describe_parts("guided_generate.distill_images", run, 2)
    assert told == "72 images of 2 classes (herding)"


def test_increments_take_as_long_as_all_their_draws(monkeypatch):
    monkeypatch.setattr(measured_speeds, "_time_image", lambda load: 1.0)
    own = {"increment_size": 10, "kappa": 4}
    known = {f"params:methods.lgd.{name}": value for name, value in own.items()}
    known |= {"params:method": "lgd", "params:ipc": 25}
    assert measured_speeds.measure_candidates(known.__getitem__) == 90.0
    told = describe_parts("guided_generate.draw_candidates", run_of(method="lgd", ipc=25), 3)
    assert told == "270 draws for 75 images of 3 classes (lgd)"


def test_a_student_is_one_training_whichever_increment_it_is_of():
    name = "guided_generate.train_student_12"
    parameters = {"student_training": {"network": "convnet3"}}
    assert count_parts(name, parameters, 10) == 1
    assert describe_parts(name, parameters, 1) == "1 training (convnet3)"


def test_every_increment_is_a_training_of_each_network():
    parameters = {"ipc": 25, "redundancy": {"size": 10}, "protocol": "hard", "preset": "short"}
    parameters |= {"trainings": {"networks": ["convnet3", "vit"], "repeats": 5}}
    assert count_parts("redundancy.train_on_increments", parameters, 10) == 4
    told = describe_parts("redundancy.train_on_increments", parameters, 4)
    assert told == "4 trainings (convnet3, vit; hard-short)"


def test_nothing_to_do_takes_no_time():
    assert len(list(announce([DONE], COMPUTED))) == 1


@pytest.mark.parametrize(("seconds", "is_long"), [(3500.0, False), (70 * 3600.0, True)])
def test_more_than_an_hour_without_a_gpu_is_told_with_what_makes_it_shorter(seconds, is_long):
    text = " ".join(announce([LEFT._replace(seconds=seconds)], COMPUTED))
    assert ("without a GPU" in text) is is_long
    assert all(len(line) <= 80 for line in announce([LEFT._replace(seconds=seconds)], COMPUTED))


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ("large", "settings=small or medium."),
        ("medium", "settings=small."),
        ("small", "fewer steps of pretrain.autoencoder"),
        (None, "fewer steps of pretrain.autoencoder"),
        ("published", "fewer steps of pretrain.autoencoder"),
    ],
)
def test_of_a_prior_the_sizes_that_are_trained_in_less_time_are_told(settings, hint):
    training = Step("train_denoiser", 0, 1, "", 70 * 3600.0)
    assert hint in " ".join(announce([training], COMPUTED, settings))
    done = training._replace(there=1)
    assert hint not in " ".join(announce([done, LEFT._replace(seconds=1e6)], COMPUTED, settings))


def test_speeds_are_found_by_settings_whatever_the_seed(tmp_path):
    speeds = Speeds(tmp_path / "speeds.json", "a processor")
    key = speeds.key_of("encode_images", {"encoding": {"flip": "none", "seed": 0}})
    speeds.keep({key: Took(4, 8.0)})
    again = speeds.key_of("encode_images", {"encoding": {"flip": "none", "seed": 7}})
    assert speeds.find(again).of(10) == 20.0
    assert speeds.find(speeds.key_of("encode_images", {"encoding": {"flip": "both"}})) is None
    elsewhere = Speeds(tmp_path / "speeds.json", "another")
    assert elsewhere.find(elsewhere.key_of("encode_images", {"encoding": {"flip": "none"}})) is None


@pytest.mark.parametrize(
    ("durations", "told"),
    [
        ([LONG_ENOUGH, 9.0], LONG_ENOUGH),
        ([LONG_ENOUGH / 2, WATCHED, 9.0], WATCHED),
        ([LONG_ENOUGH / 2, WATCHED / 4, WATCHED / 2, WATCHED / 2, 9.0], WATCHED * 5 / 12),
    ],
    ids=["a first one that takes long", "one after the first", "the mean of several short ones"],
)
def test_a_batch_is_timed(durations, told, monkeypatch):
    taken = iter(durations)
    clock = [0.0]
    monkeypatch.setattr(timing, "WATCHED", WATCHED)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])

    def compute():
        clock[0] += next(taken)

    assert time_samples(compute) == pytest.approx(told / SAMPLES)


def test_what_cannot_be_timed_is_left_to_the_work_itself(monkeypatch):
    def fail(load):
        raise FloatingPointError("expected finite values")

    monkeypatch.setitem(measured_speeds.MEASURES, "encode_images", fail)
    step = Step("encode_images", 0, 10, "10 classes", _measure("encode_images", DataCatalog()))
    assert list(announce([step], {}))[-1] == "  not timed on this machine yet"
