"""
A page of metrics, judged: by Prometheus' own C{promtool} where it is installed, and by the
parser of its library in any case.
"""

from __future__ import annotations

import shutil
import subprocess

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase, TestCase

__all__ = ["checkMetrics", "sampled"]


def checkMetrics(case: SynchronousTestCase | TestCase, page: str) -> dict[str, Metric]:
    """Return the metrics of a page by name; fail if Prometheus would not have them."""
    promtool = shutil.which("promtool")
    if promtool is not None:
        judged = subprocess.run(
            [promtool, "check", "metrics"],
            input=page,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        case.assertEqual((judged.returncode, judged.stderr), (0, ""))
    metrics = {each.name: each for each in text_string_to_metric_families(page)}
    case.assertTrue(metrics)
    return metrics


def sampled(metrics: dict[str, Metric], name: str, **labels: str) -> float:
    """Return the value of the one sample of a metric that has these labels and no others."""
    (value,) = [each.value for each in metrics[name].samples if each.labels == labels]
    return float(value)
