"""What a node takes."""

import os
import time

import numpy as np
import pytest

from mgd3_kedro.memory import peak_memory_mb, reset_peak_memory
from mgd3_kedro.tracking.meter import NodeMeter


def spend(meter, phase, seconds):
    meter.start(phase, "encode")
    time.sleep(seconds)
    meter.stop(phase, "encode")


def test_a_node_has_the_time_of_all_its_loads_its_run_and_all_its_saves():
    meter = NodeMeter()
    for phase, seconds in (("load", 0.02), ("load", 0.03), ("run", 0.2), ("save", 0.01)):
        spend(meter, phase, seconds)
    measured = meter.finish("encode")
    assert 0.05 <= measured["system/encode/load_seconds"] < 0.2
    assert measured["system/encode/run_seconds"] >= 0.2
    assert 0.01 <= measured["system/encode/save_seconds"] < 0.2
    assert measured["system/encode/peak_memory_mb"] > 10
    spend(meter, "run", 0.01)
    again = meter.finish("encode")
    assert again["system/encode/run_seconds"] < 0.2
    assert again["system/encode/load_seconds"] == again["system/encode/save_seconds"] == 0


def test_nodes_of_a_stage_are_told_under_its_name():
    meter = NodeMeter()
    meter.start("run", "encode.encode_images")
    meter.stop("run", "encode.encode_images")
    assert "system/encode/encode_images/run_seconds" in meter.finish("encode.encode_images")


def test_loads_side_by_side_count_once():
    meter = NodeMeter()
    for _ in range(3):
        meter.start("load", "encode")
    time.sleep(0.1)
    for _ in range(2):
        meter.stop("load", "encode")
    time.sleep(0.1)
    meter.stop("load", "encode")
    assert 0.2 <= meter.finish("encode")["system/encode/load_seconds"] < 0.3


def test_nodes_side_by_side_have_their_own_times():
    meter = NodeMeter()
    meter.start("run", "slow")
    time.sleep(0.1)
    meter.start("run", "fast")
    meter.stop("run", "fast")
    fast = meter.finish("fast")
    meter.stop("run", "slow")
    assert fast["system/fast/run_seconds"] < 0.1 <= meter.finish("slow")["system/slow/run_seconds"]


def test_what_a_dataset_computes_counts_as_running():
    meter = NodeMeter()
    spend(meter, "save", 0.1)
    meter.count_as_run(0.06, "encode")
    measured = meter.finish("encode")
    assert measured["system/encode/run_seconds"] == 0.06
    assert measured["system/encode/save_seconds"] >= 0.04


def test_workers_side_by_side_do_not_make_saving_negative():
    meter = NodeMeter()
    spend(meter, "save", 0.02)
    meter.count_as_run(50.0, "encode")
    measured = meter.finish("encode")
    assert 0.02 <= measured["system/encode/run_seconds"] < 50
    assert measured["system/encode/save_seconds"] == 0


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="no such reset here")
def test_the_peak_of_memory_is_that_since_the_last_reset():
    reset_peak_memory()
    before = peak_memory_mb()
    large = np.ones(200 * 2**20, dtype=np.uint8)
    assert large[-1] == 1
    del large
    assert peak_memory_mb() - before == pytest.approx(200, abs=20)
    reset_peak_memory()
    assert peak_memory_mb() - before < 50
