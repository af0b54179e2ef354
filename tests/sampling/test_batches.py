import logging
import weakref

import pytest
import torch

from mgd3_kedro.backbones.dit import load_dit
from mgd3_kedro.sampling import Batches, classes_at_once, denoise, image_generator

CPU_TEXT = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 1099511627776 bytes. Error code 12 (Cannot allocate memory)"
)
OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError(CPU_TEXT),
    RuntimeError("MPS backend out of memory (MPS allocated: 8 GB, max allowed: 9 GB)"),
    MemoryError(),
]


def make_worker(fits, error):
    """Return a function that only so many samples fit into, and the list of its calls."""
    calls = []

    def work(part):
        calls.append((part.start, part.stop))
        if part.stop - part.start > fits:
            raise error
        return torch.arange(part.start, part.stop).float().square()[:, None]

    return work, calls


@pytest.mark.parametrize(
    ("max_batch", "total", "expected"),
    [(4, 10, [(0, 4), (4, 8), (8, 10)]), (4, 8, [(0, 4), (4, 8)]), (16, 3, [(0, 3)])],
)
def test_work_is_cut_into_batches_that_end_with_the_samples(max_batch, total, expected):
    work, calls = make_worker(100, None)
    results = Batches(max_batch).run(work, total)
    assert calls == expected
    assert results.flatten().tolist() == [number**2 for number in range(total)]


@pytest.mark.parametrize(
    ("ipc", "max_batch", "classes"),
    [(1, 128, 122), (10, 128, 25), (50, 128, 5), (129, 128, 3), (10, 8, 3), (600, 128, 1)],
)
def test_so_many_classes_are_taken_that_their_samples_fill_batches(ipc, max_batch, classes):
    assert classes_at_once(ipc, max_batch) == classes
    together = classes_at_once(ipc, max_batch, parted=False)
    assert together * ipc <= max_batch or together == 1
    assert (together + 1) * ipc > max_batch


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_a_batch_that_does_not_fit_is_halved_and_what_is_done_is_kept(error, caplog):
    work, calls = make_worker(100, None)
    failing, failures = make_worker(3, error)

    def fits_at_first(part):
        return work(part) if part.start < 8 else failing(part)

    batches = Batches(8)
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        results = batches.run(fits_at_first, 18)
    assert results.flatten().tolist() == [number**2 for number in range(18)]
    assert calls == [(0, 8)]
    assert failures == [(8, 16), (8, 12), (8, 10), (10, 12), (12, 14), (14, 16), (16, 18)]
    assert batches.max_batch == 2
    assert [record.getMessage() for record in caplog.records] == [
        "out of memory with 8 samples at once: going on with 4, to the same images; "
        "set diffusion.max_batch to 4 to start with that",
        "out of memory with 4 samples at once: going on with 2, to the same images; "
        "set diffusion.max_batch to 2 to start with that",
    ]


def test_the_size_that_fitted_is_remembered(caplog):
    batches = Batches(8)
    batches.run(make_worker(4, OUT_OF_MEMORY[0])[0], 8)
    caplog.clear()
    work, calls = make_worker(4, OUT_OF_MEMORY[0])
    batches.run(work, 8)
    assert calls == [(0, 4), (4, 8)]
    assert not caplog.records


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_a_single_sample_that_does_not_fit_ends_it_with_the_error_that_said_so(error):
    work, calls = make_worker(0, error)
    with pytest.raises(type(error)) as caught:
        Batches(5).run(work, 7)
    assert caught.value is error
    assert calls == [(0, 5), (0, 2), (0, 1)]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("out of memory"),
        KeyError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_error_goes_through_at_once(error, caplog):
    work, calls = make_worker(0, error)
    batches = Batches(4)
    with pytest.raises(type(error)) as caught:
        batches.run(work, 8)
    assert caught.value is error
    assert calls == [(0, 4)]
    assert batches.max_batch == 4
    assert not caplog.records


def test_images_that_ran_out_of_memory_are_the_same_to_the_bit(
    save_dit, make_diffusion, make_sampling, make_classes
):
    modes = torch.randn(40, 4, 8, 8)
    classes = make_classes([number % 7 for number in range(40)])
    folder = save_dit(patch_size=1)

    def draw(most_rows):
        dit = load_dit(folder, make_diffusion(num_inference_steps=6))

        def use_memory(module, inputs):
            if len(inputs[0]) > most_rows:
                raise torch.OutOfMemoryError("CUDA out of memory.")

        dit.denoiser.transformer.register_forward_pre_hook(use_memory)
        config = make_sampling(stop_guidance_step=2)
        batches = Batches(40)

        def draw_some(part):
            generators = [image_generator(0, 0, image) for image in range(40)[part]]
            return denoise(dit, modes[part], classes[part], config, generators)

        return batches.run(draw_some, 40), batches.max_batch

    expected, unhindered = draw(80)
    latents, halved = draw(32)
    assert (unhindered, halved) == (40, 10)
    assert torch.equal(latents, expected)


def test_what_a_failed_batch_had_in_memory_is_let_go_before_the_next_try():
    held, alive = [], []

    class Tensors:
        pass

    def work(part):
        alive.append([reference() is not None for reference in held])
        tensors = Tensors()
        held.append(weakref.ref(tensors))
        if part.stop - part.start > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return torch.zeros(1)

    Batches(4).run(work, 4)
    assert alive[:3] == [[], [False], [False, False]]


@pytest.mark.parametrize(
    ("max_batch", "groups", "expected"),
    [
        (4, [4, 4, 4], [(0, 4), (4, 8), (8, 12)]),
        (7, [4, 4, 4], [(0, 4), (4, 8), (8, 12)]),
        (8, [4, 4, 4], [(0, 8), (8, 12)]),
        (100, [4, 4, 4], [(0, 12)]),
        (6, [1, 6, 2, 3], [(0, 1), (1, 7), (7, 12)]),
        (7, [1, 6, 2, 3], [(0, 7), (7, 12)]),
        (5, [6, 6], None),
        (5, [1, 6, 5], None),
    ],
)
def test_samples_that_belong_together_are_never_parted(max_batch, groups, expected):
    work, calls = make_worker(100, None)
    batches = Batches(max_batch)
    if expected is None:
        message = "^max_batch: expected at least the 6 samples .* got 5$"
        with pytest.raises(ValueError, match=message):
            batches.run(work, 12, groups)
        assert calls == []
        return
    results = batches.run(work, 12, groups)
    assert calls == expected
    assert results.flatten().tolist() == [number**2 for number in range(12)]


def test_halved_batches_do_not_part_what_belongs_together():
    work, calls = make_worker(5, OUT_OF_MEMORY[0])
    batches = Batches(18)
    batches.run(work, 12, [3] * 4)
    assert calls == [(0, 12), (0, 9), (0, 3), (3, 6), (6, 9), (9, 12)]
    assert batches.max_batch == 4


def test_what_belongs_together_and_does_not_fit_is_an_error():
    work, calls = make_worker(2, OUT_OF_MEMORY[0])
    batches = Batches(7)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        batches.run(work, 12, [3] * 4)
    assert caught.value is OUT_OF_MEMORY[0]
    assert calls == [(0, 6), (0, 3)]
