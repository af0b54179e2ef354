import pytest
import torch
from safetensors.torch import load_file

from mgd3_kedro.datasets.tensor import LatentPartitionsDataset, TensorPartitionsDataset


def test_tensors_come_back_as_they_were(tmp_path):
    value = {
        "modes": torch.randn(3, 4, 2, 2),
        "assignment": torch.tensor([2, 0, -1]),
        "turned": torch.randn(5, 7).T,
        "none": torch.empty(0, 4),
        "half": torch.randn(3).half(),
    }
    path = tmp_path / "n1.safetensors"
    TensorPartitionsDataset.write(path, value)
    found = TensorPartitionsDataset.read(path)
    assert found.keys() == value.keys()
    for name, tensor in value.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_a_file_is_one_that_any_safetensors_reader_opens(tmp_path):
    TensorPartitionsDataset.write(tmp_path / "n1.safetensors", {"latents": torch.ones(2, 3)})
    assert torch.equal(load_file(tmp_path / "n1.safetensors")["latents"], torch.ones(2, 3))


def test_the_same_tensors_make_the_same_bytes(tmp_path):
    value = {"b": torch.arange(6.0), "a": torch.arange(4)}
    for name in ("one", "two"):
        TensorPartitionsDataset.write(tmp_path / name, value)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"n1\.safetensors"):
        TensorPartitionsDataset.read(tmp_path / "n1.safetensors")


def test_latents_kept_in_half_precision_are_computed_with_in_single(tmp_path):
    latents, numbers = torch.randn(5, 4, 8, 8).half(), torch.arange(5)
    path = tmp_path / "n1.safetensors"
    LatentPartitionsDataset.write(path, {"latents": latents, "image_numbers": numbers})
    assert path.stat().st_size < 5 * 4 * 8 * 8 * 4
    found = LatentPartitionsDataset.read(path)
    assert found["latents"].dtype == torch.float32
    assert torch.equal(found["latents"], latents.float())
    assert torch.equal(found["image_numbers"], numbers)
