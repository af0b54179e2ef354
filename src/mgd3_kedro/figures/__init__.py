"""Plots from rows and artefacts: one function, one figure, returned and never shown."""

from mgd3_kedro.figures.confusion import draw_confusion
from mgd3_kedro.figures.contact_sheet import draw_contact_sheet
from mgd3_kedro.figures.curves import draw_loss_curve, draw_training_curves
from mgd3_kedro.figures.interactive import draw_interactive_latent_plane
from mgd3_kedro.figures.latent_plane import draw_latent_plane
from mgd3_kedro.figures.modes import draw_modes

__all__ = [
    "draw_confusion",
    "draw_contact_sheet",
    "draw_interactive_latent_plane",
    "draw_latent_plane",
    "draw_loss_curve",
    "draw_modes",
    "draw_training_curves",
]
