"""What groups of images are compared by."""

import pytest
import torch

from mgd3_kedro.backbones import load_autoencoder
from mgd3_kedro.pipelines.guided_generate.procedures import group_choice
from mgd3_kedro.pipelines.guided_generate.procedures.group_choice import (
    Comparison,
    compare_groups_of_classes,
)
from mgd3_kedro.sampling import centre_of
from mgd3_kedro.stages import Task


@pytest.fixture
def groups():
    """Return latents of two groups of three images."""
    return {"latents": torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(1))}


def test_latents_of_groups_are_compared_with_all_of_the_class(groups, monkeypatch):
    monkeypatch.setattr(group_choice, "REAL", 2)
    real = torch.randn(5, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    task = Task({"groups": groups, "latents": {"latents": real}})
    made = compare_groups_of_classes({"a": task}, Comparison("latents", None, None))["a"]
    assert made.count == 2
    assert torch.equal(made.value["real"], centre_of(real).float())
    expected = [centre_of(group).float() for group in groups["latents"]]
    assert torch.equal(made.value["centres"], torch.stack(expected))


def test_decoded_groups_are_compared_with_images_from_all_over_the_class(
    groups, model_folder, make_autoencoding, monkeypatch
):
    monkeypatch.setattr(group_choice, "REAL", 3)
    images = torch.randint(256, (9, 3, 16, 16), generator=torch.Generator().manual_seed(3))
    images = images.to(torch.uint8)
    autoencoding = make_autoencoding()
    task = Task({"groups": groups, "images": images, "prior": model_folder})
    comparison = Comparison("pixels", None, (autoencoding, 16))
    found = compare_groups_of_classes({"a": task}, comparison)["a"].value
    assert torch.allclose(found["real"], centre_of(images[[0, 4, 8]].float()).float())
    autoencoder = load_autoencoder(model_folder, autoencoding)
    for group, centre in zip(groups["latents"], found["centres"], strict=True):
        expected = centre_of(autoencoder.decode(group, 16).float()).float()
        assert torch.allclose(centre, expected, atol=1e-6)


def test_groups_that_are_not_finite_are_refused_by_their_class(groups):
    groups["latents"][1] = torch.nan
    task = Task({"groups": groups, "latents": {"latents": torch.ones(5, 4, 8, 8)}})
    with pytest.raises(ValueError, match=r"^class a: features: expected finite values, got 3"):
        compare_groups_of_classes({"a": task}, Comparison("latents", None, None))
