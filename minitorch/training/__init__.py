"""For people who have outgrown copying the training loop: EarlyStopping, Checkpoint, fit, evaluate."""

from .early_stopping import EarlyStopping

__all__ = ["EarlyStopping"]
