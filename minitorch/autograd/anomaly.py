"""`detect_anomaly`: a failing or NaN backward names the forward line that recorded the call."""

from __future__ import annotations

import warnings

from .mode import _Mode, state


class detect_anomaly(_Mode):
    """Within it every recorded call keeps its stack (slow), and a NaN in a gradient (check_nan) raises RuntimeError."""

    def __init__(self, check_nan=True):
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )
        self.fields = {"anomaly": True, "anomaly_nan": check_nan}


class set_detect_anomaly(_Mode):
    """Switches it on or off at once; as a context manager also restores it."""

    def __init__(self, mode, check_nan=True):
        self.fields = {"anomaly": bool(mode), "anomaly_nan": check_nan}
        self._before = {"anomaly": state.anomaly, "anomaly_nan": state.anomaly_nan}
        state.anomaly, state.anomaly_nan = bool(mode), check_nan

    def __enter__(self):
        self.__dict__.setdefault("_saved", []).append(self._before)
        return self
