"""A database with MLflow's tables, made once."""

import warnings
from pathlib import Path

import pytest
from mlflow import MlflowClient


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # notes of the database migration
        MlflowClient(f"sqlite:///{path}").search_experiments(max_results=1)
    return path
