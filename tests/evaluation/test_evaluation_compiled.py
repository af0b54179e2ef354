"""How often networks are compiled while they are trained and tested, and what they learn."""

from functools import partial

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from mgd3_kedro.devices import PRECISIONS
from mgd3_kedro.evaluation import build_network, compiled
from mgd3_kedro.evaluation.compiled import CompiledNetwork
from mgd3_kedro.evaluation.passes import Passes

SIZE, CLASSES = 32, 3


@pytest.fixture
def counter(monkeypatch):
    """Have networks compiled by what only counts how often it is asked to."""
    counting = CompileCounter()
    monkeypatch.setattr(compiled.torch, "compile", partial(torch.compile, backend=counting))
    torch.compiler.reset()
    yield counting
    torch.compiler.reset()


@pytest.fixture
def make_passes(counter):
    """Return a network of a name, and passes through it, compiled or not."""

    def make(name, is_compiled=True):
        torch.manual_seed(0)
        network = build_network(name, CLASSES, SIZE)
        run = CompiledNetwork(network) if is_compiled else network
        return network, Passes(run, PRECISIONS["fp32"], torch.device("cpu"))

    return make


def learn(passes, count):
    """Add the gradients of a batch."""
    images = torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(count))
    labels = torch.arange(count) % CLASSES
    passes.backward(
        images, lambda logits, rows: torch.nn.functional.cross_entropy(logits, labels[rows])
    )


def test_batches_of_any_size_have_a_network_compiled_once_to_learn_and_once_to_tell(
    make_passes, counter
):
    _, passes = make_passes("convnet1")
    counts = []
    # On a CPU in chunks of 16.
    for count in (32, 20, 7):
        learn(passes, count)
        passes.classify(torch.zeros(count, 3, SIZE, SIZE, dtype=torch.uint8))
        counts.append(counter.frame_count)
    assert counts == [2, 2, 2]


def test_rows_that_are_added_have_no_gradient(make_passes):
    gradients = []
    for is_compiled in (True, False):
        network, passes = make_passes("convnet1", is_compiled)
        for count in (32, 20, 7):
            learn(passes, count)
        gradients.append([weights.grad for weights in network.parameters()])
    for ours, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-6)


def test_a_batch_that_batch_norm_sees_as_a_whole_gets_no_rows(make_passes):
    means = []
    for is_compiled in (True, False):
        network, passes = make_passes("convnet1_bn", is_compiled)
        for count in (32, 7):
            learn(passes, count)
        means.append(dict(network.named_buffers()))
    for name, mean in means[1].items():
        torch.testing.assert_close(means[0][name], mean)


def test_tests_of_a_network_with_batch_norm_have_it_compiled_once(make_passes, counter):
    _, passes = make_passes("convnet1_bn")
    for count in (32, 20, 7):
        logits = passes.classify(torch.zeros(count, 3, SIZE, SIZE, dtype=torch.uint8))
        assert logits.shape == (count, CLASSES)
    assert counter.frame_count == 1
