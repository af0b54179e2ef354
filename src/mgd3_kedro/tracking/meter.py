"""Time and memory of every node: seconds of loading, running and saving, and peak memory."""

from __future__ import annotations

import threading
import time

from mgd3_kedro.memory import peak_memory_mb, reset_peak_memory


class NodeMeter:
    """Measures the seconds of loading, running and saving of nodes, and their peak memory.

    If parts of a phase overlap, such as loads by several threads, their time counts once.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, dict[str, float]] = {}
        self._begun: dict[tuple[str, str], list[float]] = {}
        self._lock = threading.Lock()

    def start(self, phase: str, node: str) -> None:
        """Start a part of a phase: "load", "run" or "save"."""
        with self._lock:
            if node not in self._seconds:
                reset_peak_memory()
                self._seconds[node] = dict.fromkeys(("load", "run", "save"), 0.0)
            self._begun.setdefault((node, phase), []).append(time.perf_counter())

    def stop(self, phase: str, node: str) -> None:
        """End a part of a phase."""
        now = time.perf_counter()
        with self._lock:
            parts = self._begun[node, phase]
            first = parts[0]
            # Parts that still run count from now on.
            parts[:] = [now] * (len(parts) - 1)
            self._seconds[node][phase] += now - first

    def count_as_run(self, seconds: float, node: str) -> None:
        """Move some seconds of a node from saving to running."""
        with self._lock:
            of_node = self._seconds[node]
            moved = min(seconds, of_node["save"])
            of_node["save"] -= moved
            of_node["run"] += moved

    def finish(self, node: str) -> dict[str, float]:
        """Return metric -> value of a node, in seconds and MB, and forget its times."""
        with self._lock:
            seconds = self._seconds.pop(node)
        # MLflow shows what begins with "system/" apart from results.
        place = f"system/{node.replace('.', '/')}"
        measured = {f"{place}/{phase}_seconds": value for phase, value in seconds.items()}
        measured[f"{place}/peak_memory_mb"] = peak_memory_mb()
        return measured
