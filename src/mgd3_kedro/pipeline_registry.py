"""The pipelines by name."""

from __future__ import annotations

from kedro.pipeline import Pipeline, pipeline

from mgd3_kedro.pipelines import (
    analyze_diversity,
    compare,
    discover_modes,
    encode,
    guided_generate,
    illustrate,
    pretrain,
    report_methods,
    report_sweep,
    train_eval,
    train_teacher,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return name -> pipeline; written out, because discovery takes any name for a folder."""
    encoding = encode.create_pipeline()
    discovery = discover_modes.create_pipeline()
    generation = guided_generate.create_pipeline()
    training = train_eval.create_pipeline()
    analysis = analyze_diversity.create_pipeline()
    judgement = training + analysis
    own_images = pipeline(judgement, inputs={"evaluated_images": "distilled_images"})
    distill = encoding + discovery + generation + own_images
    return {
        "encode": encoding,
        "discover_modes": discovery,
        "guided_generate": generation,
        "train_eval": training,
        "analyze_diversity": analysis,
        "generate": encoding + discovery + generation,
        "distill": distill,
        # Encoding skips what is there; without it a fresh clone could not analyse any images.
        "evaluate": encoding + judgement,
        "train_full": train_eval.create_full_pipeline(),
        "train_teacher": train_teacher.create_pipeline(),
        "pretrain": pretrain.create_pipeline(),
        "compare": compare.create_pipeline(),
        "illustrate": illustrate.create_pipeline(),
        "report_methods": report_methods.create_pipeline(),
        "report_sweep": report_sweep.create_pipeline(),
        "show_sweep": report_sweep.create_images_pipeline(),
        "__default__": distill,
    }
