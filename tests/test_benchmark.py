import json

import pytest

from mgd3_kedro.benchmark import Benchmark, ClassSpec


def make_class(label, wnid, class_index=0, class_name="a thing"):
    return ClassSpec(label, wnid, class_index, class_name)


def test_a_benchmark_survives_the_way_through_json():
    classes = (make_class(0, "n02102040", 217, "springer"), make_class(1, "n01440764", 0, "tench"))
    benchmark = Benchmark("pair", 256, classes)
    assert Benchmark.from_dict(json.loads(json.dumps(benchmark.to_dict()))) == benchmark
    assert benchmark.wnids == ("n02102040", "n01440764")


@pytest.mark.parametrize("name", ["air/plane", "", "..", "a\\b", "a\0"])
def test_a_class_that_can_name_no_folder_is_refused(name):
    with pytest.raises(ValueError, match="expected classes by names that folders can have, got"):
        Benchmark("b", 32, (make_class(0, name),))


def test_a_benchmark_keeps_the_order_of_labels_and_refuses_any_other():
    with pytest.raises(ValueError, match=r"benchmark 'b': expected labels 0..n-1.*\[1, 0\]"):
        Benchmark("b", 32, (make_class(1, "a"), make_class(0, "b")))
    with pytest.raises(ValueError, match=r"expected labels 0..n-1 in order, got \[1\]"):
        Benchmark("b", 32, (make_class(1, "a"),))
    with pytest.raises(ValueError, match="benchmark 'b': expected at least one class"):
        Benchmark("b", 32, ())
    with pytest.raises(ValueError, match=r"expected each folder once, got \['a'\] again"):
        Benchmark("b", 32, (make_class(0, "a"), make_class(1, "a")))
