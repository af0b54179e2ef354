"""The report pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.report.evaluation import show_confusion, show_learning
from mgd3_kedro.pipelines.report.gallery import show_images
from mgd3_kedro.pipelines.report.headline import describe_headline
from mgd3_kedro.pipelines.report.making import show_costs, show_settings
from mgd3_kedro.pipelines.report.nodes import introduce_run, tabulate_stages, write_report
from mgd3_kedro.pipelines.report.spread import show_diversity, show_planes
from mgd3_kedro.pipelines.report.steps import show_steps

FOUND = "found_"
"""Prefix of a catalog entry that loads another entry, or None if that does not exist."""
SECTIONS = (
    *("headline", "images", "modes", "steps", "learning", "confusion"),
    *("diversity", "plane", "costs", "settings"),
)
"""Sections of the page, from top to bottom."""
NAMES = ("benchmark", "split", "backbone", "method", "ipc", "seed", "protocol", "preset")
"""Parameters in the title and the facts of the page."""


def create_pipeline() -> Pipeline:
    """Build the report pipeline; results that do not exist are named as missing on the page."""
    return pipeline(
        [
            node(
                tabulate_stages,
                [
                    f"{FOUND}{name}"
                    for name in ("latents", "modes", "distilled_images", "trainings", "analysis")
                ],
                "stage_records",
                name="tabulate_stages",
            ),
            node(
                describe_headline,
                [
                    "benchmark",
                    *(
                        f"{FOUND}{name}"
                        for name in (
                            "result_rows",
                            "all_result_rows",
                            "train_images",
                            "distilled_images",
                        )
                    ),
                    "stage_records",
                    "params:compare",
                    "params:report",
                ],
                "headline_section",
                name="describe_headline",
            ),
            node(
                show_images,
                [
                    "benchmark",
                    *(f"{FOUND}{name}" for name in ("distilled_images", "train_images", "latents")),
                    "params:report",
                ],
                ["images_section", "modes_section"],
                name="show_images",
            ),
            node(
                show_steps,
                ["benchmark", f"{FOUND}denoising_frames"],
                "steps_section",
                name="show_steps",
            ),
            node(
                show_learning,
                f"{FOUND}training_curves",
                "learning_section",
                name="show_learning",
            ),
            node(
                show_confusion,
                ["benchmark", f"{FOUND}trainings"],
                "confusion_section",
                name="show_confusion",
            ),
            node(
                show_diversity,
                [f"{FOUND}diversity_scores", "params:method"],
                "diversity_section",
                name="show_diversity",
            ),
            node(
                show_planes,
                ["benchmark", f"{FOUND}analysis", "params:method", "params:report"],
                "plane_section",
                name="show_planes",
            ),
            node(show_costs, "stage_records", "costs_section", name="show_costs"),
            node(
                show_settings,
                ["stage_records", "differing_settings"],
                "settings_section",
                name="show_settings",
            ),
            node(
                introduce_run,
                [f"params:{name}" for name in NAMES],
                "report_head",
                name="introduce_run",
            ),
            node(
                write_report,
                ["report_head", *(f"{name}_section" for name in SECTIONS)],
                "report",
                name="write_report",
            ),
        ],
        namespace="report",
        prefix_datasets_with_namespace=False,
        tags="report",
    )
