"""Figures from rows and artefacts; each function returns one figure and does not show it."""

from mgd3_kedro.figures.confusion import draw_confusion
from mgd3_kedro.figures.contact_sheet import draw_contact_sheet
from mgd3_kedro.figures.cost import draw_cost
from mgd3_kedro.figures.curves import draw_loss_curve, draw_training_curves
from mgd3_kedro.figures.image_grid import draw_image_grid
from mgd3_kedro.figures.interactive_latent_plane import draw_interactive_latent_plane
from mgd3_kedro.figures.interactive_methods_in_plane import draw_interactive_methods_in_plane
from mgd3_kedro.figures.interactive_sweep import draw_interactive_sweep
from mgd3_kedro.figures.interactive_trade_off import draw_interactive_trade_off
from mgd3_kedro.figures.latent_plane import draw_latent_plane
from mgd3_kedro.figures.methods_in_plane import draw_methods_in_plane
from mgd3_kedro.figures.mixture import draw_mixture
from mgd3_kedro.figures.modes import draw_modes
from mgd3_kedro.figures.nearest import draw_nearest
from mgd3_kedro.figures.sweep import draw_sweep
from mgd3_kedro.figures.trade_off import draw_trade_off

__all__ = [
    "draw_confusion",
    "draw_contact_sheet",
    "draw_cost",
    "draw_image_grid",
    "draw_interactive_latent_plane",
    "draw_interactive_methods_in_plane",
    "draw_interactive_sweep",
    "draw_interactive_trade_off",
    "draw_latent_plane",
    "draw_loss_curve",
    "draw_methods_in_plane",
    "draw_mixture",
    "draw_modes",
    "draw_nearest",
    "draw_sweep",
    "draw_trade_off",
    "draw_training_curves",
]
