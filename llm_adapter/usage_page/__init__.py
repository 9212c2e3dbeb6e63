"""What was used, as one page that needs nothing else."""

from __future__ import annotations

from ._page import page, unpriced
from ._report import Report

__all__ = ["Report", "page", "unpriced"]
