"""Trains the demo's models, small ones on data sets that scikit-learn brings along.

Usage: train_models.py DIRECTORY, which then has <model>/model.joblib for each model.
"""

import sys
from pathlib import Path

import joblib
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train(features, labels):
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features, labels)


def main(directory: Path) -> None:
    iris = load_iris(return_X_y=True)
    models = {
        "iris": train(*iris),
        "wine": train(*load_wine(return_X_y=True)),
        "cancer": train(*load_breast_cancer(return_X_y=True)),
        # The classes in reverse, so that an answer shows which version it came from.
        "iris-v2": train(iris[0], 2 - iris[1]),
    }
    for name, model in models.items():
        folder = directory / name
        folder.mkdir(parents=True)
        joblib.dump(model, folder / "model.joblib")


main(Path(sys.argv[1]))
