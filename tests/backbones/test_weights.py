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
def assert_refused(folder, make_diffusion, make_autoencoding):
    """Assert that neither checking nor loading accepts the copy."""

    def check(error, message):
        for use in (
            lambda path: check_dit(path, []),
            lambda path: load_both(path, make_diffusion(), make_autoencoding()),
        ):
            with pytest.raises(error, match=message) as caught:
                use(folder)
            assert str(folder) in str(caught.value)

    return check


def load_both(folder, diffusion, autoencoding):
    return load_dit(folder, diffusion), load_dit_autoencoder(folder, autoencoding)


def reconfigure(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_sound_pipeline_passes(folder, make_diffusion, make_autoencoding, make_classes):
    check_dit(folder, make_classes(range(7)))
    load_both(folder, make_diffusion(), make_autoencoding())


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
        ("transformer", {"num_layers": 10**9}, "1000000000 layers (num_layers in config.json)"),
        ("vae", {"layers_per_block": 10**9}, "1000000000 layers"),
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
    transformer = load_dit(folder, make_diffusion()).denoiser.transformer
    for name, tensor in transformer.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, halves[name].float())


def test_a_part_loads_without_the_weights_of_the_other(folder, make_diffusion, make_autoencoding):
    (folder / "transformer" / WEIGHTS).unlink()
    images = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    autoencoder = load_dit_autoencoder(folder, make_autoencoding())
    assert autoencoder.encode(images).shape == (1, 4, 8, 8)
    assert autoencoder.image_size == 16


def test_a_denoiser_loads_without_its_autoencoder(folder, make_diffusion):
    shutil.rmtree(folder / "vae")
    assert load_dit(folder, make_diffusion()).latent_shape == (4, 8, 8)


@pytest.mark.parametrize("component", ["vae", "transformer"])
@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "model.ckpt", "weights.pt"])
def test_weights_that_are_a_pickle_alone_are_refused_with_what_converts_them(
    component, name, folder, assert_refused
):
    file = folder / component / WEIGHTS
    torch.save(load_file(file), folder / component / name)
    check_dit(folder, [])
    file.unlink()
    message = (
        f"{folder / component / name}: expected safetensors, got a pickle, which can run any code "
        f"when it is read; convert it with: kedro convert-model {folder} TARGET"
    )
    assert_refused(ValueError, f"^{re.escape(message)}$")


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_weights_are_kept_in_the_configured_precision(
    precision, folder, make_diffusion, make_autoencoding
):
    diffusion, autoencoding = (
        make_diffusion(precision=precision),
        make_autoencoding(precision=precision),
    )
    dit, autoencoder = load_both(folder, diffusion, autoencoding)
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    for model, component in (
        (dit.denoiser.transformer, "transformer"),
        (autoencoder.vae, "vae"),
    ):
        saved = load_file(folder / component / WEIGHTS)
        for name, tensor in model.state_dict().items():
            assert tensor.dtype == dtype
            assert torch.equal(tensor, saved[name].to(dtype))
