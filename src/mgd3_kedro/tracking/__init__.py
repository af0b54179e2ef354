"""Tracking of runs with MLflow, beyond what kedro-mlflow records."""
