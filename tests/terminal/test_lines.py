from itertools import pairwise

import pytest

from mgd3_kedro.progress import Progress
from mgd3_kedro.terminal.lines import LONGEST_PAUSE, Lines


class Log:
    """A log whose seconds are told."""

    def __init__(self):
        self.now, self.said = 0.0, []
        self.lines = Lines(lambda line: self.said.append((self.now, line)), lambda: self.now)

    def work(self, node, progress, seconds=1.0):
        self.lines.begin(node)
        for one in progress:
            self.now += seconds
            self.lines.update(one)
            self.lines.tick()
        self.lines.end(node)

    @property
    def texts(self):
        return [line for _, line in self.said]


@pytest.fixture
def log():
    return Log()


def classes(count, name="latents"):
    return [Progress(name, done, count) for done in range(1, count + 1)]


def test_a_node_that_is_over_soon_says_nothing(log):
    log.work("encode_images", classes(10), seconds=0.4)
    assert log.texts == []


def test_a_longer_one_has_a_heading_progress_and_its_seconds(log):
    log.work("encode_images", classes(10))
    assert log.texts == ["encode images", "  latents: 5 of 10", "  10 s in all"]


def test_a_thousand_classes_are_no_thousand_lines(log):
    for node in ("encode_images", "discover_modes", "distill_images", "analyze_images"):
        log.work(node, classes(1000))
    assert len(log.texts) < 180


def test_lines_are_five_to_thirty_seconds_apart_whatever_is_heard(log):
    log.lines.begin("train_networks")
    for _ in range(2000):
        log.now += 0.5
        log.lines.tick()
    times = [0.0, *(second for second, line in log.said if line.startswith("  "))]
    apart = [later - earlier for earlier, later in pairwise(times)]
    assert min(apart) == 5.0
    assert max(apart) == LONGEST_PAUSE == 30.0


def test_the_whole_and_the_latest_of_its_parts_are_told(log):
    log.lines.begin("train_networks")
    log.now = 6.0
    for name in ("convnet3-0", "convnet3-1", "convnet3-2"):
        log.lines.update(Progress(name, 2, 20, "epoch", "1 min 30 s", "loss 2.3"))
    log.lines.update(Progress("trainings", 1, 6))
    log.now = 40.0
    log.lines.tick()
    assert log.texts[1] == "  convnet3-0: epoch 2 of 20, 1 min 30 s left; loss 2.3"
    assert log.texts[2] == (
        "  trainings: 1 of 6; convnet3-2: epoch 2 of 20, 1 min 30 s left; loss 2.3"
    )


def test_one_that_says_nothing_is_told_of_all_the_same(log):
    log.lines.begin("draw_planes")
    log.now = 65.0
    log.lines.tick()
    assert log.texts == ["draw planes", "  1 min 5 s so far"]


def test_after_the_end_of_a_run_nothing_is_told(log):
    log.lines.begin("draw_planes")
    log.lines.close()
    log.now = 65.0
    log.lines.tick()
    log.lines.update(Progress("latents", 1, 2))
    assert log.texts == []


def test_what_is_no_news_is_told_after_the_longest_pause_alone(log):
    log.lines.begin("train_networks")
    log.lines.update(Progress("trainings", 0, 2))
    for _ in range(70):
        log.now += 1.0
        log.lines.tick()
    assert log.said == [
        (5.0, "train networks"),
        (30.0, "  trainings: 0 of 2"),
        (60.0, "  trainings: 0 of 2"),
    ]
    log.now = 80.0
    log.lines.update(Progress("trainings", 1, 2))
    assert log.said[-1] == (80.0, "  trainings: 1 of 2")
