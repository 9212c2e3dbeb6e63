"""JobWise: four workflows of a program that helps people with their applications.

Business code depends on the port alone; `scripts/demo` runs it.
"""

from __future__ import annotations

from ._async.tour import async_tour
from ._async.watched import AsyncWatchedLLMService
from ._async.workflows import AsyncJobWise
from ._sync.tour import tour
from ._sync.watched import WatchedLLMService
from ._sync.workflows import JobWise

__all__ = [
    "AsyncJobWise",
    "AsyncWatchedLLMService",
    "JobWise",
    "WatchedLLMService",
    "async_tour",
    "tour",
]
