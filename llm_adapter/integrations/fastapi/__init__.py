"""The front door for FastAPI: `pip install 'llm-adapter[fastapi]'`.

`llm_lifespan` owns the service of an application, `get_llm_service` and `llm_service`
give it to endpoints, `stream_response` sends answers as they are written, and
`install_exception_handlers` says what has gone wrong, without inner detail.
"""

from __future__ import annotations

from .._http import Reply
from ._errors import install_exception_handlers
from ._service import get_llm_service, llm_lifespan, llm_service
from ._streaming import EventStreamResponse, stream_response

__all__ = [
    "EventStreamResponse",
    "Reply",
    "get_llm_service",
    "install_exception_handlers",
    "llm_lifespan",
    "llm_service",
    "stream_response",
]
