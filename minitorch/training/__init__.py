"""For people who have outgrown copying the training loop: EarlyStopping, Checkpoint, fit, evaluate."""

from .checkpoint import Checkpoint
from .early_stopping import EarlyStopping
from .fit import History, evaluate, fit

__all__ = ["Checkpoint", "EarlyStopping", "History", "evaluate", "fit"]
