"""What tests of pages read, and how figures are written there."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs/results"


def flat(page):
    """Return the text of a page with every run of blanks as one."""
    return " ".join((ROOT / page).read_text().split())


def spread(values):
    """Return a mean with its population standard deviation, as tables have it."""
    return f"{values.mean():.1f} ± {values.std(ddof=0):.1f}"


def by_guidance(rows):
    """Yield how tables name a method with its guidance, and its rows."""
    keys = ["method", "guidance_scale", "mode_guidance_scale", "stop_guidance_step"]
    for (method, scale, pull, stop), of in rows.groupby(keys):
        guided = f", λ {pull:g}, t_SG {stop:g}" if method == "mgd3" else ""
        yield f"`{method}`, guidance scale {scale:g}{guided}", of
