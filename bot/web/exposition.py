"""Metrics in Prometheus' text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.domain.money import to_text

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


def number(name: str, about: str, value: float) -> list[str]:
    """Return a gauge of one figure."""
    return metric(name, "gauge", about, [({}, Decimal(repr(value)))])


def amount(name: str, about: str, value: Decimal | None, asset: str) -> list[str]:
    """Return a gauge of money in `asset`."""
    return metric(name, "gauge", about, [({"asset": asset}, value)])


def metric(
    name: str, kind: str, about: str, samples: Iterable[tuple[Labels, Decimal | None]]
) -> list[str]:
    """Return one metric with its samples; nothing where no figure is known."""
    known = [(labels, value) for labels, value in samples if value is not None]
    if not known:
        return []
    head = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    return head + [f"{name}{_labels(labels)} {to_text(value)}" for labels, value in known]


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_quoted(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
