"""A fresh clone in which every command takes moments: short settings, small images and models."""

import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import torch
import yaml
from diffusers import AutoencoderKL
from library_example import save_digits
from PIL import Image
from safetensors.torch import load_file
from tiny_project import merged, save_prior
from tiny_text_model import save_stable_diffusion

from .commands import ROOT
from .extending import extend
from .ways import MADE

BRIEF = {"epochs": 1}
TRAINED = {"batch_size": 8, "warmup_steps": 1, "steps": 6}
SHORT = {
    "preset": "smoke",
    "device": "cpu",
    "jobs": 1,
    "evaluation": {"presets": {"smoke": 0.001, "paper": 0.001}, "validations": 1},
    "trainings": {"networks": ["convnet1"], "repeats": 1},
    "diffusion": {"num_inference_steps": 4},
    "backbones": {"dit": {"stop_guidance_step": 1}},
    "teacher_training": {"network": "convnet1_bn", "epochs": 1, "validations": 1},
    "pretrain": {
        "autoencoder": {**TRAINED, "block_channels": [8, 8, 8], "precision": "fp32"},
        "denoiser": {**TRAINED, "layers": 1, "heads": 1, "head_dim": 16},
        "tuning": {"guidance_scales": [1.0, 2.0], "samples_per_class": 2, "epochs": 1},
        "judge": {"samples_per_class": 2, "network": "convnet1", "epoch_scale": 0.002},
    },
}
ROWS = {
    "test": {"train": {"rows": [0, 60]}, "test": {"rows": [400, 410]}},
    "holdout": {"train": {"rows": [0, 40]}, "test": {"rows": [40, 60]}},
}
OF_ENVIRONMENTS = {
    "mnist": {"splits": ROWS},
    "custom": {"ipc": 2},
    "imagenette": {
        "ipc": 2,
        "image_size": 32,
        "backbones": {"dit": {"model": f"{MADE}/dit"}},
        "named_settings": {"published": {"dit": {"autoencoder.given": f"{MADE}/autoencoder"}}},
    },
    "imagenette64": {"ipc": 2},
}
"""Environment -> what differs in the clone beside `SHORT`."""
CLASSES, PETS, PHOTOS = 1000, ("cat", "dog"), {"train": 12, "val": 4}
PER_CLASS = {"set": 50, "images": 10}


def make_place(folder):
    """Clone the project as it is committed, shorten it, and make what readers have of their own."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    for env, differing in OF_ENVIRONMENTS.items():
        _change(folder / "conf" / env, merged(SHORT, differing))
    extend(folder)
    made = folder / MADE
    _make_images(made, folder / "data/01_raw/classes/imagenette.tsv")
    _make_models(made)


def _change(env, settings):
    read = {path: yaml.safe_load(path.read_text()) for path in sorted(env.glob("parameters*.yml"))}
    for name, value in settings.items():
        path = next((path for path in read if name in read[path]), env / "parameters.yml")
        read[path] = merged(read[path], {name: value})
    for path, changed in read.items():
        path.write_text(yaml.safe_dump(changed))


def _make_images(made, classes):
    wnids = [line.split("\t")[0] for line in classes.read_text().splitlines()]
    for split, count in PHOTOS.items():
        for wnid in wnids:
            _save_noise(made / "photos" / split / wnid, count, 64)
    for pet in PETS:
        _save_noise(made / "pets" / pet, sum(PHOTOS.values()), 64)
    (made / "pets.tsv").write_text("".join(f"{pet}\t{i}\t{pet}\n" for i, pet in enumerate(PETS)))
    save_digits(made / "set", 0, PER_CLASS["set"])
    drawn = torch.randint(0, 256, (len(wnids) * PER_CLASS["images"], 3, 32, 32), dtype=torch.uint8)
    labels = torch.arange(len(wnids)).repeat_interleave(PER_CLASS["images"])
    torch.save((drawn, labels), made.parent / "images.pt")


def _save_noise(folder: Path, count, side):
    folder.mkdir(parents=True)
    noise = np.random.default_rng(zlib.crc32(folder.name.encode()))
    for number in range(count):
        pixels = noise.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def _make_models(made):
    save_prior(made / "dit", classes=CLASSES)
    save_stable_diffusion(made / "stable_diffusion")
    torch.manual_seed(1)
    own = AutoencoderKL.load_config(made / "dit/vae")
    AutoencoderKL.from_config(own).save_pretrained(made / "autoencoder")
    for weights in shutil.copytree(made / "dit", made / "pickled").rglob("*.safetensors"):
        torch.save(load_file(weights), weights.with_suffix(".bin"))
        weights.unlink()
