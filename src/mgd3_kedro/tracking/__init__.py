"""What an MLflow run records beyond what kedro-mlflow does."""
