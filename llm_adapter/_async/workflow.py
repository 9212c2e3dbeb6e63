"""A service as one workflow uses it: its model, its settings, its label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from .. import _checks
from .._context import usage_context
from .._embedding import EmbedOptions
from .._workflow import Choice, ModelConfig
from ..models import (
    EmbeddingResponse,
    LLMRequest,
    Part,
)
from ..selector import ModelSelector, default_selector
from .service import AsyncLLMService
from .wrapping import AsyncWrappingLLMService


class AsyncWorkflowLLMService(AsyncWrappingLLMService):
    """A view of a service, which gives requests what they leave open.

    What its workflow is done with is looked up for every call. Where configuration
    names another provider for it, that one is asked. A request's own values count
    more, and the defaults among the others follow its model. The label "workflow" is
    added to its metadata. Closing the view leaves the service open.

    Args:
        base: the service that is asked.
        workflow: its name.
        selector: knows the workflows; None means that of the environment.

    Raises:
        LLMConfigurationError: the workflow is not known.
        TypeError: an argument has the wrong type.
    """

    def __init__(
        self,
        base: AsyncLLMService,
        workflow: str,
        *,
        selector: ModelSelector | None = None,
    ) -> None:
        super().__init__(base)
        if selector is not None and not isinstance(selector, ModelSelector):
            raise _checks.type_error("selector", "a ModelSelector or None", selector)
        self._selector = default_selector() if selector is None else selector
        self._workflow = workflow
        self._selector.choose(workflow)

    @property
    def config(self) -> ModelConfig:
        """What a request that leaves everything open is given now."""
        choice, service = self._chosen()
        return choice.config(self._provider(choice), service._named_model())

    def _chosen(self) -> tuple[Choice, AsyncLLMService]:
        choice = self._selector.choose(self._workflow)
        named = choice.provider
        return choice, self._base.for_provider(named) if named else self._base

    def _provider(self, choice: Choice) -> str:
        # A mock stands in for any provider, and keeps its own name.
        return choice.provider or self._base.get_provider_name()

    def _directed(
        self, request: LLMRequest | str | Sequence[Part], overrides: Mapping[str, Any]
    ) -> tuple[AsyncLLMService, LLMRequest]:
        wanted = self._wanted(request, overrides)
        choice, service = self._chosen()
        provider = self._provider(choice)
        return service, choice.request(wanted, provider, service._named_model())

    def _around(self, base: AsyncLLMService) -> AsyncLLMService:
        return AsyncWorkflowLLMService(base, self._workflow, selector=self._selector)

    async def embed(
        self, texts: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> EmbeddingResponse:
        """A vector for each text, in their order, booked to the workflow."""
        # There is no metadata to label.
        with usage_context(workflow=self._workflow):
            return await super().embed(texts, **options)

    def for_workflow(
        self, workflow: str, *, selector: ModelSelector | None = None
    ) -> AsyncWorkflowLLMService:
        """The same service for another workflow; of this one nothing is left."""
        known = self._selector if selector is None else selector
        return self._base.for_workflow(workflow, selector=known)

    def get_provider_name(self) -> str:
        """The name of the provider that is asked for this workflow."""
        return self._chosen()[1].get_provider_name()

    def get_available_models(self) -> list[str]:
        """Names of its catalogue, current models first; asks nobody."""
        return self._chosen()[1].get_available_models()

    async def list_models(self) -> list[str]:
        """Names of the models that it offers this key now."""
        return await self._chosen()[1].list_models()

    async def close(self) -> None:
        """Nothing: the service belongs to whoever made it."""
