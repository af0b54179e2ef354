import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from mgd3_kedro.backbones.dit import check_dit, load_dit, load_dit_autoencoder

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(dit_folder, tmp_path):
    """Return a copy of a saved pipeline that may be damaged."""
    return shutil.copytree(dit_folder, tmp_path / "copy")


@pytest.fixture
def assert_refused(folder, make_diffusion):
    """Assert that neither checking nor loading accepts the copy."""

    def check(error, message):
        for use in (check_dit, lambda path: load_dit(path, make_diffusion())):
            with pytest.raises(error, match=message) as caught:
                use(folder)
            assert str(folder) in str(caught.value)

    return check


def reconfigure(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_sound_pipeline_passes(folder, make_diffusion):
    check_dit(folder)
    load_dit(folder, make_diffusion())


@pytest.mark.parametrize("component", ["vae", "transformer"])
@pytest.mark.parametrize("file", ["config.json", WEIGHTS])
def test_a_missing_file_is_named(component, file, folder, assert_refused):
    (folder / component / file).unlink()
    assert_refused(FileNotFoundError, re.escape(f"{component}/{file}, found no such file"))


@pytest.mark.parametrize("component", ["vae", "transformer"])
@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08" + 7 * b"\0" + b"{}      ", None])
def test_a_weights_file_that_is_none_is_named(component, content, folder, assert_refused):
    file = folder / component / WEIGHTS
    # None stands for a download that broke off.
    file.write_bytes(file.read_bytes()[:-100] if content is None else content)
    assert_refused(ValueError, re.escape(f"{component}/{WEIGHTS}: "))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"facebook/DiT-XL-2-256"', "\0"])
def test_a_configuration_that_is_none_is_named_and_not_looked_for_on_the_hub(
    content, folder, assert_refused
):
    (folder / "transformer" / "config.json").write_text(content)
    assert_refused(ValueError, r"transformer/config\.json: not a DiTTransformer2DModel: ")


@pytest.mark.parametrize(
    "change",
    [
        {"norm_type": "layer_norm"},
        {"num_embeds_ada_norm": None},
        {"num_layers": "two"},
        {"attention_head_dim": -1},
        {"activation_fn": "none"},
    ],
)
def test_a_configuration_that_no_model_can_have_is_named(change, folder, assert_refused):
    reconfigure(folder / "transformer" / "config.json", **change)
    assert_refused(ValueError, r"transformer/config\.json: not a DiTTransformer2DModel: ")


@pytest.mark.parametrize(
    ("component", "change", "parameter"),
    [
        ("transformer", {"num_layers": 3}, "transformer_blocks.2."),
        ("transformer", {"in_channels": 3}, "pos_embed.proj.weight"),
        ("transformer", {"num_embeds_ada_norm": 8}, "class_embedder.embedding_table.weight"),
        ("transformer", {"out_channels": 4}, "proj_out_2.weight"),
        ("vae", {"latent_channels": 3}, "conv"),
        ("vae", {"block_out_channels": [8, 8]}, "weight"),
    ],
)
def test_weights_of_another_size_than_configured_are_refused(
    component, change, parameter, folder, assert_refused
):
    reconfigure(folder / component / "config.json", **change)
    message = f"{re.escape(f'{component}/{WEIGHTS}')}: expected .*{re.escape(parameter)}.* got "
    assert_refused(ValueError, message)


def test_a_parameter_too_many_is_named(folder, assert_refused):
    reconfigure(folder / "transformer" / "config.json", num_layers=1)
    assert_refused(ValueError, r"expected no parameter beyond .*transformer_blocks\.1\..* more")


def test_a_parameter_too_few_is_named(folder, assert_refused):
    weights = load_file(folder / "vae" / WEIGHTS)
    del weights["decoder.conv_in.bias"]
    save_file(weights, folder / "vae" / WEIGHTS)
    assert_refused(ValueError, r"expected decoder\.conv_in\.bias of shape \(16,\).* got none")


def test_half_precision_weights_are_computed_with_in_full(folder, make_diffusion):
    file = folder / "transformer" / WEIGHTS
    halves = {name: tensor.half() for name, tensor in load_file(file).items()}
    save_file(halves, file, metadata={"format": "pt"})
    transformer = load_dit(folder, make_diffusion()).transformer
    for name, tensor in transformer.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, halves[name].float())


def test_an_autoencoder_loads_without_its_transformer(folder):
    shutil.rmtree(folder / "transformer")
    images = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    assert load_dit_autoencoder(folder, "cpu").encode(images).shape == (1, 4, 8, 8)
