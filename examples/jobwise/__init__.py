"""JobWise: four services of a program that helps people with their applications.

Business code depends on the port alone. `scripts/demo` shows it at work on four
providers, `scripts/jobwise` serves it with FastAPI or Django.
"""

from __future__ import annotations

from ._async.services import (
    AsyncContentRankingService,
    AsyncCoverLetterService,
    AsyncProfileEnhancementService,
    AsyncWritingStyleService,
)
from ._async.tour import async_tour
from ._async.watched import AsyncWatchedLLMService
from ._sync.services import (
    ContentRankingService,
    CoverLetterService,
    ProfileEnhancementService,
    WritingStyleService,
)
from ._sync.tour import tour
from ._sync.watched import WatchedLLMService

__all__ = [
    "AsyncContentRankingService",
    "AsyncCoverLetterService",
    "AsyncProfileEnhancementService",
    "AsyncWatchedLLMService",
    "AsyncWritingStyleService",
    "ContentRankingService",
    "CoverLetterService",
    "ProfileEnhancementService",
    "WatchedLLMService",
    "WritingStyleService",
    "async_tour",
    "tour",
]
