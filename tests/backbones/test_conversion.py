import json
import os
import re
import shutil
import sys
import types

import numpy as np
import pytest
import torch
from original_ldm import OriginalLDM, UNet, VQAutoencoder, save_checkpoint, scattered
from safetensors.torch import load_file

from mgd3_kedro.backbones.conversion import convert_model
from mgd3_kedro.backbones.conversion_ldm import assemble_pipeline
from mgd3_kedro.backbones.dit import check_dit, load_dit
from mgd3_kedro.backbones.latent_diffusion import (
    load_latent_diffusion,
    load_latent_diffusion_autoencoder,
)

PICKLED_NAMES = {
    "diffusion_pytorch_model.safetensors": "diffusion_pytorch_model.bin",
    "model.safetensors": "pytorch_model.bin",
}


class Calls:
    """Asks whoever unpickles it to call something."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def as_pickles(folder, copy, **options):
    """Copy a pipeline with its weights as pickles."""
    shutil.copytree(folder, copy)
    for path in copy.rglob("*.safetensors"):
        torch.save(load_file(path), path.with_name(PICKLED_NAMES[path.name]), **options)
        path.unlink()
    return copy


def names_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def target(tmp_path):
    return tmp_path / "made" / "model"


def make_small():
    """Make an original model of few layers."""
    torch.manual_seed(0)
    small = {"mults": (1, 2), "layers": 1}
    return scattered(OriginalLDM(attends=(2,), autoencoder=small, **small))


@pytest.fixture(scope="module")
def small():
    """Return an original model of few layers; not to be changed."""
    return make_small()


@pytest.fixture
def pickled(dit_folder, tmp_path):
    """Return a pipeline with pickled weights, which may be damaged."""
    return as_pickles(dit_folder, tmp_path / "pickled")


@pytest.fixture
def assert_refused(target):
    """Assert that a source is refused in one line, and that nothing is left of it."""

    def check(source, message, error=ValueError):
        with pytest.raises(error, match=message) as caught:
            convert_model(source, target)
        assert str(source) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not target.exists()
        assert not target.parent.exists() or not list(target.parent.iterdir())

    return check


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"mults": (1, 2), "layers": 1, "attends": (1, 2), "depth": 2, "classes": 4},
        {"width": 64, "mults": (1, 1, 2), "layers": 3, "attends": (4,), "context": 24},
    ],
)
def test_a_converted_checkpoint_predicts_the_noise_of_the_original(
    sizes, target, tmp_path, make_diffusion, make_classes
):
    original = scattered(OriginalLDM(**sizes))
    convert_model(save_checkpoint(original, tmp_path / "model.ckpt"), target)
    denoiser = load_latent_diffusion(target, make_diffusion()).denoiser
    null = original.cond_stage_model["embedding"].num_embeddings - 1
    latents = torch.randn(4, 3, 16, 16)
    timesteps, labels = torch.tensor([0, 7, 500, 999]), torch.tensor([0, 2, 1, null])
    conditions = torch.cat(
        [denoiser.conditions(make_classes(labels[:3])), denoiser.null_condition()]
    )
    with torch.no_grad():
        expected = original.predict(latents, timesteps, labels)
        made = denoiser.predict(latents, timesteps, conditions)
        others = [
            original.predict(latents, timesteps, labels.roll(1)),
            original.predict(latents, timesteps.roll(1), labels),
        ]
    assert torch.allclose(made, expected, atol=2e-5, rtol=0)
    # The class and the timestep matter a hundred times more than that.
    assert all((other - expected).abs().amax((1, 2, 3)).min() > 2e-3 for other in others)


@pytest.mark.parametrize("sizes", [{}, {"mults": (1, 2), "layers": 1, "latent": 4, "codes": 9}])
def test_a_converted_checkpoint_encodes_and_decodes_as_the_original_does(
    sizes, target, tmp_path, make_autoencoding
):
    channels = sizes.get("latent", 3)
    original = scattered(
        OriginalLDM(channels=channels, mults=(1, 2), layers=1, attends=(2,), autoencoder=sizes)
    )
    convert_model(save_checkpoint(original, tmp_path / "model.ckpt"), target)
    autoencoder = load_latent_diffusion_autoencoder(target, make_autoencoding())
    # Such small values are rounded too much in float32.
    vae, expected = autoencoder.vae.double(), original.first_stage_model.double()
    images = torch.rand(2, 3, 64, 64).double() * 2 - 1
    latents = 0.05 * torch.randn(2, channels, 16, 16).double()
    with torch.no_grad():
        encoded, decoded = expected.encode(images), expected.decode(latents)
        assert torch.allclose(vae.encode(images).latents, encoded, atol=1e-6)
        assert torch.allclose(vae.decode(latents).sample, decoded, atol=1e-6)
    assert encoded.std() > 0.05
    assert decoded.std() > 0.05
    assert autoencoder.image_size == 64 * 2 ** (len(sizes.get("mults", (1, 2, 4))) - 1)
    assert vae.config.scaling_factor == 1


def test_the_original_has_as_many_parameters_as_was_published():
    with torch.device("meta"):
        parts = UNet(width=192, context=512), VQAutoencoder(128, codes=8192)
    counts = [sum(parameter.numel() for parameter in part.parameters()) for part in parts]
    assert [round(count / 1e6, 2) for count in counts] == [400.92, 55.32]


def test_the_sizes_of_the_published_checkpoint_are_read_from_its_weights():
    with torch.device("meta"):
        original = OriginalLDM(classes=1001, width=192, context=512)
        original.first_stage_model = VQAutoencoder(128, codes=8192)
    weights = original.state_dict()
    del weights["betas"]
    pipeline = assemble_pipeline(weights)
    unet, vqvae = pipeline.unet, pipeline.vqvae
    assert unet.config.sample_size == 64
    assert unet.config.block_out_channels == [192, 384, 576, 960]
    assert unet.config.encoder_hid_dim == 1001
    assert {block.attn1.heads for _, block in attention_blocks(unet)} == {1}
    assert len(attention_blocks(unet)) == 6 + 1 + 9
    assert vqvae.config.block_out_channels == [128, 256, 512]
    assert vqvae.config.num_vq_embeddings == 8192


def attention_blocks(unet):
    return [(name, module) for name, module in unet.named_modules() if hasattr(module, "attn2")]


def test_the_averaged_weights_are_taken_where_there_are_some(
    small, target, tmp_path, make_diffusion
):
    averaged = scattered(make_small())
    source = save_checkpoint(small, tmp_path / "model.ckpt", averaged=averaged)
    convert_model(source, target)
    unet = load_latent_diffusion(target, make_diffusion()).denoiser.unet
    taken = averaged.model["diffusion_model"].input_blocks[0][0].weight
    assert torch.equal(unet.conv_in.weight, taken)
    taken = averaged.model["diffusion_model"].out[2].bias
    assert torch.equal(unet.conv_out.bias, taken)
    # There is no averaged copy of these.
    table = small.cond_stage_model["embedding"].weight
    assert torch.equal(unet.encoder_hid_proj.weight, table.T)
    assert not unet.encoder_hid_proj.bias.any()


def test_a_converted_checkpoint_knows_the_noise_it_was_trained_with(
    small, target, tmp_path, make_diffusion
):
    convert_model(save_checkpoint(small, tmp_path / "model.ckpt"), target)
    schedule = load_latent_diffusion(target, make_diffusion()).schedule
    shares = (1 - small.betas.double()).cumprod(0)
    assert torch.allclose(schedule.alphas_cumprod, shares[schedule.timesteps], rtol=1e-4)
    assert schedule.prediction_type == "epsilon"


def test_a_scale_of_latents_kept_in_the_checkpoint_is_taken_over(
    target, tmp_path, make_autoencoding
):
    original = make_small()
    original.register_buffer("scale_factor", torch.tensor(0.25))
    convert_model(save_checkpoint(original, tmp_path / "model.ckpt"), target)
    vae = load_latent_diffusion_autoencoder(target, make_autoencoding()).vae
    assert vae.config.scaling_factor == 0.25


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"cond_stage_model.embedding.weight": None},
            r"expected a folder in .* a checkpoint of class-conditional latent diffusion .*; got "
            r"betas, model\.diffusion_model\..* more",
        ),
        (
            {"first_stage_model.quantize.embedding.weight": None},
            r"expected a parameter first_stage_model\.quantize\.embedding\.weight, got none",
        ),
        (
            {"model.diffusion_model.label_emb.weight": torch.zeros(11, 128)},
            r"got 1 other parameters whose names begin with model\.diffusion_model\.",
        ),
        (
            {"model.diffusion_model.middle_block.1.proj_in.weight": torch.zeros(64, 64)},
            r"expected mid_block\.attentions\.0\.proj_in\.weight of shape \(64, 64, 1, 1\)",
        ),
        (
            {"first_stage_model.encoder.down.1.attn.0.q.weight": torch.zeros(64, 64, 1, 1)},
            r"expected encoder\.down\.1\.attn\.0\.q\.weight of shape none in the VQModel",
        ),
        (
            {"first_stage_model.decoder.up.0.block.1.norm1.bias": None},
            r"expected decoder\.up_blocks\.1\.resnets\.1\.norm1\.bias of .* got none",
        ),
        (
            {"model_ema.diffusion_modelout2bias": torch.zeros(3)},
            "expected averaged copies of all weights or of none, but model_ema",
        ),
        (
            {"betas": torch.linspace(1e-4, 0.02, 1000)},
            r"betas: expected 1000 from 0\.0015 to 0\.0195 .* got 1000 from 0\.0001 to 0\.02",
        ),
        ({"betas": torch.linspace(0.0015, 0.0195, 1000)}, "betas: expected 1000 .* linear roots"),
    ],
)
def test_a_checkpoint_of_another_architecture_is_refused(
    change, message, small, tmp_path, assert_refused
):
    state = {**small.state_dict(), **change}
    state = {name: tensor for name, tensor in state.items() if tensor is not None}
    torch.save({"state_dict": state}, tmp_path / "model.ckpt")
    assert_refused(tmp_path / "model.ckpt", message)


def test_weights_alone_are_a_checkpoint_too(small, target, tmp_path):
    torch.save(small.state_dict(), tmp_path / "model.ckpt")
    convert_model(tmp_path / "model.ckpt", target)
    assert (target / "unet" / "diffusion_pytorch_model.safetensors").is_file()


def test_what_a_trainer_leaves_in_a_checkpoint_is_passed_over(small, target, tmp_path, monkeypatch):
    name = "pytorch_lightning.callbacks.model_checkpoint"
    callback = type("ModelCheckpoint", (), {"__module__": name})
    module = types.ModuleType(name)
    module.ModelCheckpoint = callback
    with monkeypatch.context() as patched:
        for package in ("pytorch_lightning", "pytorch_lightning.callbacks"):
            patched.setitem(sys.modules, package, types.ModuleType(package))
        patched.setitem(sys.modules, name, module)
        state = callback()
        state.best = 0.5
        extra = {"callbacks": {callback: {"best": np.float64(0.5)}}, "last": state}
        source = save_checkpoint(small, tmp_path / "model.ckpt", extra=extra)
    with pytest.raises(Exception, match="ModelCheckpoint"):
        torch.load(source, weights_only=True)
    convert_model(source, target)
    assert (target / "model_index.json").is_file()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("function", [os.makedirs, shutil.copyfile, eval])
def test_a_pickle_that_calls_something_is_refused_and_not_obeyed(
    function, zipped, small, tmp_path, assert_refused
):
    trace = tmp_path / "trace"
    arguments = {
        os.makedirs: [str(trace)],
        shutil.copyfile: [__file__, str(trace)],
        eval: [f"open({str(trace)!r}, 'w')"],
    }[function]
    content = {"state_dict": small.state_dict(), "extra": Calls(function, *arguments)}
    source = tmp_path / "model.ckpt"
    torch.save(content, source, _use_new_zipfile_serialization=zipped)
    assert_refused(source, rf"model\.ckpt: expected tensors .* calls \S*{function.__name__},")
    assert not trace.exists()
    torch.load(source, weights_only=False)
    assert trace.exists()


def test_a_package_that_is_passed_over_is_not_called_either(small, target, tmp_path):
    trace = tmp_path / "trace.npy"
    extra = {"extra": Calls(np.save, str(trace), 1)}
    source = save_checkpoint(small, tmp_path / "model.ckpt", extra=extra)
    convert_model(source, target)
    assert not trace.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_weights_of_a_pipeline_become_what_they_were(
    zipped, save_dit, target, tmp_path, make_diffusion
):
    folder = save_dit()
    options = {"_use_new_zipfile_serialization": zipped}
    convert_model(as_pickles(folder, tmp_path / "pickled", **options), target)
    assert names_in(target) == names_in(folder)
    for name in names_in(folder):
        assert (target / name).read_bytes() == (folder / name).read_bytes(), name
    check_dit(target, ())
    load_dit(target, make_diffusion())


def test_a_text_encoder_and_its_vocabulary_come_along(save_stable_diffusion, target, tmp_path):
    folder = save_stable_diffusion()
    convert_model(as_pickles(folder, tmp_path / "pickled"), target)
    assert "text_encoder/model.safetensors" in names_in(folder)
    assert names_in(target) == names_in(folder)
    for name in names_in(folder):
        if name.endswith(".safetensors"):
            before, after = load_file(folder / name), load_file(target / name)
            assert before.keys() == after.keys()
            assert all(torch.equal(before[key], after[key]) for key in before)
        else:
            assert (target / name).read_bytes() == (folder / name).read_bytes()


def test_an_autoencoder_alone_is_converted(dit_folder, target, tmp_path):
    convert_model(as_pickles(dit_folder / "vae", tmp_path / "vae"), target)
    assert names_in(target) == {"config.json", "diffusion_pytorch_model.safetensors"}


def test_shared_strided_and_integer_tensors_survive(target, tmp_path):
    tied = torch.randn(3, 4)
    weights = {
        "tied.a": tied,
        "tied.b": tied,
        "view": tied[1:],
        "transposed": tied.T,
        "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "parameter": torch.nn.Parameter(torch.randn(3)),
        "half": torch.randn(3).half(),
        "integer": torch.arange(7)[None],
        "scalar": torch.tensor(3.5),
    }
    part = tmp_path / "pickled" / "text_encoder"
    part.mkdir(parents=True)
    torch.save(weights, part / "pytorch_model.bin")
    convert_model(tmp_path / "pickled", target)
    found = load_file(target / "text_encoder" / "model.safetensors")
    assert found.keys() == weights.keys()
    for name, tensor in weights.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_weights_in_pieces_are_put_together(pickled, dit_folder, target):
    file = pickled / "transformer" / "diffusion_pytorch_model.bin"
    weights = torch.load(file, weights_only=True)
    names = sorted(weights)
    index = {"weight_map": {}}
    for number, part in enumerate((names[:5], names[5:]), 1):
        piece = file.with_name(f"diffusion_pytorch_model-0000{number}-of-00002.bin")
        torch.save({name: weights[name] for name in part}, piece)
        index["weight_map"] |= dict.fromkeys(part, piece.name)
    file.with_name(f"{file.name}.index.json").write_text(json.dumps(index))
    file.unlink()
    convert_model(pickled, target)
    assert names_in(target) == names_in(dit_folder)
    check_dit(target, ())


def test_a_part_that_has_safetensors_is_copied(dit_folder, pickled, target):
    vae = dit_folder / "vae" / "diffusion_pytorch_model.safetensors"
    shutil.copyfile(vae, pickled / "vae" / vae.name)
    (pickled / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"of another time")
    convert_model(pickled, target)
    assert (target / "vae" / vae.name).read_bytes() == vae.read_bytes()
    check_dit(target, ())


def test_variants_hidden_folders_and_what_training_left_stay_behind(pickled, dit_folder, target):
    (pickled / ".cache" / "huggingface").mkdir(parents=True)
    (pickled / ".cache" / "config.json").write_text("{}")
    for name in ("diffusion_pytorch_model.fp16.bin", "optimizer.bin", "weights.msgpack"):
        (pickled / "transformer" / name).write_bytes(b"not read")
    (pickled / "transformer" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"not read")
    (pickled / "README.md").write_text("CC BY-NC 4.0")
    convert_model(pickled, target)
    assert names_in(target) == {*names_in(dit_folder), "README.md"}


def test_a_part_under_other_names_is_refused(pickled, assert_refused):
    file = pickled / "transformer" / "diffusion_pytorch_model.bin"
    file.rename(file.with_name("diffusion_pytorch_model.fp16.bin"))
    message = r"transformer: expected weights named diffusion_pytorch_model\.bin or .*fp16\.bin$"
    assert_refused(pickled, message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected tensors and plain values as torch.save writes them"),
        (b"abc", "expected tensors and plain values as torch.save writes them"),
        (b"not a pickle", "expected tensors and plain values as torch.save writes them"),
        (None, "expected tensors and plain values as torch.save writes them"),
        ([1, 2], "expected tensors by name, got a list"),
        ({"a": torch.zeros(1), "b": "text"}, "expected tensors by name, got a str at b"),
        ({"a": Calls(os.makedirs, "trace")}, r"expected .* calls os\.makedirs, which"),
    ],
)
def test_a_file_that_is_none_is_named_and_nothing_is_left(
    content, message, pickled, assert_refused, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    # The last part by name, when the others have been written.
    file = pickled / "vae" / "diffusion_pytorch_model.bin"
    if content is None:
        file.write_bytes(file.read_bytes()[:-1000])
    elif isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    assert_refused(pickled, rf"vae/diffusion_pytorch_model\.bin: {message}")
    assert not (tmp_path / "trace").exists()


def test_a_folder_without_pickles_is_refused(dit_folder, tmp_path, assert_refused):
    assert_refused(dit_folder, "expected a folder .*; got a folder with safetensors, which need no")
    (tmp_path / "empty").mkdir()
    assert_refused(tmp_path / "empty", "expected a folder .*; got a folder with no weights$")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"pos_embed": torch.zeros(1), "x": 1}, "got pos_embed, x and 0 more"),
        ({"state_dict": [1]}, "got a list"),
        ({}, "got  and 0 more"),
    ],
)
def test_an_unknown_checkpoint_is_answered_with_what_is_understood(
    content, message, tmp_path, assert_refused
):
    torch.save(content, tmp_path / "model.pt")
    known = r"diffusion_pytorch_model\.bin or pytorch_model\.bin, or a checkpoint of class-cond"
    assert_refused(tmp_path / "model.pt", rf"model\.pt: expected .*{known}.*; {message}")


def test_a_missing_source_is_named(tmp_path, assert_refused):
    assert_refused(tmp_path / "none", "found no such file or folder", FileNotFoundError)


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_there_is_not_written_over(kind, pickled, target):
    target.parent.mkdir()
    if kind == "folder":
        target.mkdir()
    else:
        target.write_text("mine")
    with pytest.raises(ValueError, match=re.escape(f"{target}: expected a folder that does not")):
        convert_model(pickled, target)
    assert target.is_dir() or target.read_text() == "mine"
    assert list(target.parent.iterdir()) == [target]


def test_what_a_killed_conversion_left_is_no_part_of_the_next(pickled, dit_folder, target):
    left = target.with_name(f"{target.name}.partial")
    (left / "unet").mkdir(parents=True)
    (left / "unet" / "config.json").write_text("{}")
    convert_model(pickled, target)
    assert names_in(target) == names_in(dit_folder)
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("kind", ["folder", "checkpoint"])
def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(
    kind, small, pickled, small_disk, fill, tmp_path
):
    source = pickled
    if kind == "checkpoint":
        source = save_checkpoint(small, tmp_path / "model.ckpt")
    filler = fill(small_disk)
    # Room for configurations, not for weights.
    os.truncate(filler, filler.stat().st_size - 40_000)
    with pytest.raises(OSError, match=r"the weights could not be written: .*No space left"):
        convert_model(source, small_disk / "model")
    assert list(small_disk.iterdir()) == [filler]
