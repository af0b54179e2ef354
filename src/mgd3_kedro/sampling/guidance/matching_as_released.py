"""Distribution matching as in the released code of DMGD."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.precision import precise

ENTROPY, ITERATIONS = 0.1, 5
DMGD_WINDOW = (0.92, 0.61)
"""Steps 45 to 30 of 50."""


def match_as_released(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return a push that lowers the transport cost from images to real latents, (B, C, H, W).

    The images of a class are generated one after the other. The finished images are part of the
    transport too.

    Args:
        step: The step of the backbone.
        scale: Rho, in the unit of the released code. Latents are compared on the unit sphere, so
            the push is weaker for larger latents.
        context: Needs the facts `support`, `mass` and `finished` of each class.

    Source: DMGD (CVPR 2026), released code, without its change of the class condition.
    """
    clean = step.pred_original_sample
    push = torch.zeros_like(clean)
    for rows, facts in context.of_classes:
        finished, support = (precise(facts[name].flatten(1)) for name in ("finished", "support"))
        with torch.enable_grad():
            own = precise(clean[rows].flatten(1)).requires_grad_()
            cost = cost_on_the_sphere(torch.cat([finished, own]), support, precise(facts["mass"]))
            (gradient,) = torch.autograd.grad(cost, own)
        push[rows] = -gradient.to(clean.dtype).view_as(clean[rows])
    return scale * step.pull / step.alpha_bar**0.5 * push


def cost_on_the_sphere(
    points: torch.Tensor, support: torch.Tensor, mass: torch.Tensor
) -> torch.Tensor:
    """Return the transport cost between the directions of points and of a support, ().

    Args:
        points: (n, D), each with a mass of 1 / n.
        support: (J, D).
        mass: Mass of each point of the support, (J,); sums to 1.

    Source: DMGD (CVPR 2026), released code: a few Sinkhorn iterations, which stay in the graph.
    """
    distances = torch.cdist(normalize(points, dim=1), normalize(support, dim=1))
    plan = (-distances / ENTROPY).exp()
    for _ in range(ITERATIONS):
        plan = plan / plan.sum(1, keepdim=True) / len(points)
        plan = plan / plan.sum(0, keepdim=True) * mass
    return (plan * distances).sum()
