"""Kedro datasets of the project: artefacts partitioned by class, embedded images, model folders."""
