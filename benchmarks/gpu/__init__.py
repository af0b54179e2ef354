"""Measurements of a graphics card, in parts; the most important run first, and all are stored."""

from __future__ import annotations

from benchmarks.gpu.digits import draw_digits
from benchmarks.gpu.encoding import encode_images
from benchmarks.gpu.prior import train_prior
from benchmarks.gpu.sampling import draw_images
from benchmarks.gpu.schedule import Part
from benchmarks.gpu.tests import run_tests
from benchmarks.gpu.training import train_networks

__all__ = ["PARTS"]

PARTS: dict[str, Part] = {
    "tests": Part(run_tests, least=20, share=0.15),
    "digits": Part(draw_digits, least=30, share=0.25),
    "sampling": Part(draw_images, least=30, share=0.35),
    "encoding": Part(encode_images, least=15, share=0.1),
    "training": Part(train_networks, least=15, share=0.1),
    "prior": Part(train_prior, least=120, share=1.0),
}
