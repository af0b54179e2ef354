import gc
import inspect
import os
import pickle
import shutil
import subprocess
import sys
import traceback
from contextlib import suppress
from functools import cache
from io import StringIO
from pathlib import Path

# Before what reads it is imported: tests run side by side, and so do processes that they start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from cards import open_card
from omegaconf import OmegaConf
from omegaconf import base as interpolations
from sqlalchemy import Engine, event

from mgd3_kedro import timing
from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.records import ModelFolder


def pytest_collection_finish():
    """Have the garbage collector pass over libraries and tests, which stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Keep small computations from contending for busy cores; bits depend on it, so for all."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="session")
def short_moments():
    """Have what is repeated for a steady number, or read for nobody, take no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "WATCHED", 0.0)
        # Dynaconf asks for the lines of code around every frame, and looks at their files' names.
        patch.setattr(inspect, "stack", stack_of_names)
        # Kedro looks for it in all folders, for every parameter of every run.
        patch.setitem(sys.modules, "ibis", None)
        yield


def stack_of_names(context=0):
    """Return what `inspect.stack` does, without looking for the sources of frames."""
    frames = traceback.walk_stack(sys._getframe(1))
    return [
        inspect.FrameInfo(frame, frame.f_code.co_filename, line, frame.f_code.co_name, None, None)
        for frame, line in frames
    ]


@pytest.fixture(autouse=True, scope="module")
def pipelines_of_no_run():
    """Have every file of tests begin with the pipelines that a process begins with."""
    # Not imported here: every test would then depend on every module.
    if registry := sys.modules.get("mgd3_kedro.pipeline_registry"):
        registry._chosen = registry.Choice()


@pytest.fixture(autouse=True, scope="session")
def texts_parsed_once():
    """Have configuration that was parsed before not be parsed for every session again."""
    known = {}
    load = OmegaConf.load

    def load_once(file):
        text = file.read() if hasattr(file, "read") else Path(file).read_text(encoding="utf-8")
        if text not in known:
            known[text] = pickle.dumps(load(StringIO(text)))
        # Whoever reads it may change it; this is the quickest of copies.
        return pickle.loads(known[text])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", load_once)
        patch.setattr(interpolations, "parse", cache(interpolations.parse))
        yield


@pytest.fixture(autouse=True, scope="session")
def unsynced():
    """Have files and MLflow's stores not wait for the disk: none has to outlive the machine."""

    def relax(connection, _):
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", relax)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda number: None)
        yield
    event.remove(Engine, "connect", relax)


@pytest.fixture(autouse=True, scope="session")
def stores_of_their_own():
    """Have MLflow not name the store of one project to processes of another."""
    from mlflow.environment_variables import MLFLOW_TRACKING_URI

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(MLFLOW_TRACKING_URI.name, raising=False)
        patch.setattr(MLFLOW_TRACKING_URI, "set", lambda value: None)
        yield


@pytest.fixture(scope="session")
def object_store():
    """Start a server of S3 on this machine, named by the environment.

    Returns what makes a bucket of a name, and gives its address.
    """
    import fsspec
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")

        def make(name):
            fsspec.filesystem("s3").mkdir(name)
            return f"s3://{name}"

        yield make
    server.stop()


@pytest.fixture(autouse=True)
def fixed_seed():
    """Give every test the same random weights and data in every run."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def save_dit(tmp_path_factory):
    """Save a tiny pipeline with random weights, as diffusers does."""
    from diffusers import AutoencoderKL, DDPMScheduler, DiTPipeline, DiTTransformer2DModel

    def save(
        seed=0,
        *,
        latent_channels=4,
        out_channels=8,
        num_classes=7,
        patch_size=2,
        num_layers=2,
        vae=None,
        scheduler=None,
        folder=None,
    ):
        folder = folder or tmp_path_factory.mktemp("dit")
        torch.manual_seed(seed)
        transformer = DiTTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            in_channels=latent_channels,
            out_channels=out_channels,
            num_layers=num_layers,
            sample_size=8,
            patch_size=patch_size,
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
        # Betas are read from it; its spacing and clipping, which would give other steps, are not.
        scheduler = scheduler or DDPMScheduler(timestep_spacing="leading", clip_sample=True)
        DiTPipeline(transformer, autoencoder, scheduler).save_pretrained(folder)
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
            "timestep_spacing": "linspace",
            "reference_steps": None,
            "guidance_scale": 4.0,
            "cfg_channels": 3,
            "cfg_from_timestep": 0,
            "cfg_to_timestep": 1000,
            "prompt_template": "{class_name}",
            "negative_prompt": "",
            "precision": "fp32",
            "compile": False,
            "max_batch": 16,
            "device": "cpu",
        }
        return BackboneConfig(**(settings | changes))

    return make


@pytest.fixture
def make_autoencoding():
    """Return an autoencoder's settings with some fields changed."""

    def make(**changes):
        return AutoencoderConfig(
            **({"precision": "fp32", "compile": False, "device": "cpu"} | changes)
        )

    return make


@pytest.fixture(scope="session")
def make_classes():
    """Return the classes with some indices in the label space of the backbone."""

    def make(class_indices):
        indices = map(int, class_indices)
        return [ClassSpec(index, f"n{index:08d}", index, f"thing {index}") for index in indices]

    return make


@pytest.fixture
def make_dit(dit_folder, make_diffusion):
    """Load the saved pipeline with some settings changed."""
    from mgd3_kedro.backbones.dit import load_dit

    return lambda **changes: load_dit(dit_folder, make_diffusion(**changes))


@pytest.fixture
def tf32_flags():
    """Return what reads the two flags of TF32; leave them as they were."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    yield lambda: (matmul.allow_tf32, cudnn.allow_tf32)
    matmul.allow_tf32, cudnn.allow_tf32 = before


@pytest.fixture
def count_rows():
    """Record how many rows every call of a model sees."""
    handles = []

    def count(model):
        rows = []
        hook = model.register_forward_hook(
            lambda module, inputs, output: rows.append(len(inputs[0]))
        )
        handles.append(hook)
        return rows

    yield count
    for handle in handles:
        handle.remove()


@pytest.fixture
def card():
    """Compute on a graphics card, real or not."""
    with open_card() as opened:
        yield opened


@pytest.fixture
def model_folder(dit_folder):
    """Return the saved pipeline as pipelines pass it around."""
    return ModelFolder(dit_folder, "0", "dit")


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


@pytest.fixture(scope="session")
def browser():
    """Start the browser that is installed here."""
    from live_page import open_browser

    with open_browser() as started:
        yield started


@pytest.fixture
def copied(finished, tmp_path):
    """Copy the finished project."""
    return Path(shutil.copytree(finished, tmp_path / "copied"))


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of a few megabytes, where that is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
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
