"""Graphics cards that tests run on: one that there is, or one that computes nothing."""

import os
import sys
import warnings
from collections import Counter
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from unittest.mock import patch

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils import _device
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
NAME = "cuda:0"
META = torch.device("meta")
CONTEXT = Path(_device.__file__)
"""Of code that runs `with torch.device(...)`."""
LIBRARIES = Path(torch.__file__).parent.parent
DRIVER = MappingProxyType(
    {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "is_bf16_supported": lambda: True,
        "device": nullcontext,
        "get_rng_state": lambda device: torch.zeros(16, dtype=torch.uint8),
        "set_rng_state": lambda state, device: None,
        "manual_seed": lambda seed: None,
    }
)
"""What `torch.cuda` says and does where there is a card."""


COUNTED = MappingProxyType(
    {
        aten.nonzero.default: lambda values: (0, values.ndim),
        aten.bincount.default: lambda values, weights=None, minlength=0: (minlength,),
    }
)
"""Operations whose result is as long as values say -> its shape where these are zeros."""


@contextmanager
def open_card():
    """Compute on the card of this machine where `CARD` is "real", else on a fake one."""
    if os.environ.get("CARD") == "real":
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("warn")
        yield RealCard()
        torch.cuda.set_sync_debug_mode(before)
        return
    make = torch.Tensor._make_subclass

    def make_on_meta(*args, dispatch_device=False, **options):
        # Fake tensors tell C++ that they are on "meta", as PyTorch without CUDA has no gradients of
        # what is on a card; Python sees the card.
        return make(*args, **options)

    card = FakeCard()
    with (
        patch.object(torch.Tensor, "_make_subclass", make_on_meta),
        patch.multiple(torch.cuda, **DRIVER),
        card,
    ):
        yield card


class FakeCard(FakeTensorMode):
    """Within it tensors on the card are fake: they have a shape, a type and a device alone.

    Those on the CPU are as ever. An operation on tensors of both is refused, as on a real card.
    What is read from the card is made up: zeros, but for real numbers in a tensor, which are drawn.
    """

    def __init__(self):
        super().__init__(allow_non_fake_inputs=True)
        self._places = Counter()

    def watch(self, function, *args):
        """Return what a function returns, and where the host waited for the card, how often."""
        self._places.clear()
        result = function(*args)
        return result, Counter(self._places)

    @property
    def avoid_device_init(self):
        """Whether no driver is started; PyTorch asks `is_available`, which says that there is."""
        return True

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run what is on the CPU alone, and let the rest be fake."""
        kwargs = dict(kwargs or {})
        if kwargs.get("device") == META and not any(
            _path(one) == CONTEXT for one in _inner_frames()
        ):
            # What C++ makes beside a fake tensor it makes where it thinks that this is.
            kwargs["device"] = torch.device(NAME)
        leaves = tree_leaves((args, kwargs))
        on_card = any(isinstance(leaf, FakeTensor) for leaf in leaves)
        to_card = any(isinstance(leaf, torch.device) and leaf.type == "cuda" for leaf in leaves)
        if not on_card and not to_card:
            return func(*args, **kwargs)
        if func is aten._local_scalar_dense.default:
            self._note_wait()
            return torch.zeros((), dtype=args[0].dtype).item()
        if func in COUNTED:
            self._note_wait()
            shape, kwargs = COUNTED[func](*args, **kwargs), {"device": torch.device(NAME)}
            func, args = aten.empty.memory_format, (shape,)
            kwargs["dtype"] = torch.int64
        if func is aten._to_copy.default and "device" in kwargs and on_card != to_card:
            return self._copy(args[0], to_card, func, types, kwargs)
        if func is aten.copy_.default and on_card:
            target, source = args[:2]
            if isinstance(target, FakeTensor) != isinstance(source, FakeTensor):
                self._note_wait()
        return super().__torch_dispatch__(func, types, args, kwargs)

    def _copy(self, tensor, to_card, func, types, kwargs):
        if not (to_card and kwargs.get("non_blocking")):
            self._note_wait()
        if to_card:
            return super().__torch_dispatch__(func, types, (tensor,), kwargs)
        dtype = kwargs.get("dtype") or tensor.dtype
        if dtype.is_floating_point:
            return torch.rand(tensor.shape, generator=torch.Generator().manual_seed(0)).to(dtype)
        return torch.zeros(tensor.shape, dtype=dtype)

    def _note_wait(self):
        *_, frame = _inner_frames()
        self._places[f"{_path(frame.f_back).name}:{frame.f_back.f_lineno}"] += 1


class RealCard:
    """The card of this machine, of which PyTorch says when the host waits for it."""

    def watch(self, function, *args):
        """Return what a function returns, and where the host waited for the card, how often."""
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            result = function(*args)
        waits = [one for one in heard if "synchronizing CUDA operation" in str(one.message)]
        return result, Counter(f"{Path(one.filename).name}:{one.lineno}" for one in waits)


def _inner_frames():
    """Yield the frames of this file and of libraries that are within all others."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename == __file__ or LIBRARIES in _path(frame).parents:
        yield frame
        frame = frame.f_back


def _path(frame):
    return Path(frame.f_code.co_filename)
