"""A service as one user, or another somebody, uses it: their labels on its requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from attrs import evolve

from .. import _checks
from .._context import label, usage_context
from .._embedding import EmbedOptions
from ..models import (
    EmbeddingResponse,
    LLMRequest,
    Part,
)
from ..selector import ModelSelector
from .service import AsyncLLMService
from .workflow import AsyncWorkflowLLMService
from .wrapping import AsyncWrappingLLMService


class AsyncLabelledLLMService(AsyncWrappingLLMService):
    """A view of a service, which adds labels to the metadata of its requests.

    A request's own metadata counts more. Vectors, which have no metadata, are booked
    to the labels `user_id` and `workflow` all the same. Closing the view leaves the
    service open.

    Args:
        base: the service that is asked.
        labels: as in LLMRequest.metadata.

    Raises:
        TypeError: an argument has the wrong type.
    """

    def __init__(self, base: AsyncLLMService, labels: Mapping[str, Any]) -> None:
        super().__init__(base)
        self._labels = _checks.as_mapping("labels", labels)
        self._user_id = label("user_id", self._labels.get("user_id"))
        self._workflow = label("workflow", self._labels.get("workflow"))

    def _around(self, base: AsyncLLMService) -> AsyncLLMService:
        return AsyncLabelledLLMService(base, self._labels)

    def _wanted(
        self, request: LLMRequest | str | Sequence[Part], overrides: Mapping[str, Any]
    ) -> LLMRequest:
        wanted = super()._wanted(request, overrides)
        return evolve(wanted, metadata={**self._labels, **wanted.metadata})

    async def embed(
        self, texts: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> EmbeddingResponse:
        """A vector for each text, in their order."""
        with usage_context(user_id=self._user_id, workflow=self._workflow):
            return await super().embed(texts, **options)

    def for_workflow(
        self, workflow: str, *, selector: ModelSelector | None = None
    ) -> AsyncWorkflowLLMService:
        """The same service for a workflow, with the same labels."""
        view = self._base.for_workflow(workflow, selector=selector)
        labelled = self._around(view._base)
        return AsyncWorkflowLLMService(labelled, workflow, selector=view._selector)

    async def close(self) -> None:
        """Nothing: the service belongs to whoever made it."""
