import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from mgd3_kedro.backbones import BackboneConfig
from mgd3_kedro.records import ModelFolder


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Keep small computations from contending for busy cores; bits depend on it, so for all."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def fixed_seed():
    """Give every test the same random weights and data in every run."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def save_dit(tmp_path_factory):
    """Save a tiny pipeline with random weights, as diffusers does."""
    from diffusers import AutoencoderKL, DDIMScheduler, DiTPipeline, DiTTransformer2DModel

    def save(seed=0, *, latent_channels=4, out_channels=8, num_classes=7, vae=None, folder=None):
        folder = folder or tmp_path_factory.mktemp("dit")
        torch.manual_seed(seed)
        transformer = DiTTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            in_channels=latent_channels,
            out_channels=out_channels,
            num_layers=2,
            sample_size=8,
            patch_size=2,
            num_embeds_ada_norm=num_classes,
        )
        settings = {
            "down_block_types": ("DownEncoderBlock2D",) * 2,
            "up_block_types": ("UpDecoderBlock2D",) * 2,
            "block_out_channels": (8, 16),
            "layers_per_block": 1,
            "latent_channels": latent_channels,
            "norm_num_groups": 8,
            "sample_size": 16,
            "scaling_factor": 0.5,
        }
        autoencoder = AutoencoderKL(**(settings | (vae or {})))
        # The scheduler of a pipeline is not what samples; this one would give other steps.
        DiTPipeline(transformer, autoencoder, DDIMScheduler()).save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def dit_folder(save_dit):
    """Return a saved pipeline whose transformer also predicts variances."""
    return save_dit()


@pytest.fixture
def make_diffusion():
    """Return a backbone's settings with some fields changed."""

    def make(**changes):
        settings = {
            "sampler": "ddpm",
            "num_inference_steps": 50,
            "guidance_scale": 4.0,
            "cfg_channels": 3,
            "device": "cpu",
        }
        return BackboneConfig(**(settings | changes))

    return make


@pytest.fixture
def make_dit(dit_folder, make_diffusion):
    """Load the saved pipeline with some settings changed."""
    from mgd3_kedro.backbones.dit import load_dit

    return lambda **changes: load_dit(dit_folder, make_diffusion(**changes))


@pytest.fixture
def model_folder(dit_folder):
    """Return the saved pipeline as pipelines pass it around."""
    return ModelFolder(dit_folder, "0")


@pytest.fixture
def project(tmp_path):
    """Make a project that has not run yet."""
    from tiny_project import make_project

    folder = tmp_path / "project"
    folder.mkdir()
    return make_project(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Make a project that `distill` has run in once; not to be changed."""
    from tiny_project import make_project, run

    folder = make_project(tmp_path_factory.mktemp("finished"))
    run(folder, "distill")
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """Copy the finished project."""
    return Path(shutil.copytree(finished, tmp_path / "copied"))


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of a few megabytes, where that is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    tried = shutil.which("mount") and subprocess.run(mount, capture_output=True, check=False)
    if not tried or tried.returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    yield folder
    # Lazily: MLflow keeps its store open as long as the process lives.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def fill():
    """Fill a disk to the last block and give the file that does."""

    def fill_up(disk):
        filler = disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        return filler

    return fill_up
