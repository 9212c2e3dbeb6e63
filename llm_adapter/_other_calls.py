"""The calls beside generation, prepared and concluded: no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from ._call import (
    Call,
    Client,
    as_json,
    free_values,
    logger,
    whole,
    with_headers,
)
from ._embedding import EmbeddingOptions
from ._identity import Identity
from ._policy import Attempts, merge_timeout
from ._replace import replace
from ._secrets import known_secrets
from ._wire import model_list, token_count
from ._wire.embeddings import PATH as EMBEDDINGS
from ._wire.embeddings import encode_embeddings
from .errors import LLMConfigurationError, LLMUnsupportedFeatureError
from .models import EmbeddingResponse, LLMRequest, Timeout
from .pricing import cost
from .providers import EmbeddingApi, choose_dialect, complete

# -- models ---------------------------------------------------------------------------


def models_call(
    client: Client,
    *,
    after: str | None = None,
    timeout: Timeout | None = None,
    spent: float = 0.0,
) -> Call:
    """The call that asks for the list of models.

    Args:
        client: whose provider is asked.
        after: the last model of the page before.
        timeout: instead of the client's.
        spent: seconds that earlier pages took.
    """
    path = model_list.path(pages=client.provider.pages, after=after)
    return Call(
        provider=client.provider.name,
        model="",
        method="GET",
        url=client.endpoint.url(path),
        secrets=known_secrets(client.endpoint.key, {}),
        timeout=whole(timeout or client.timeout),
        spent=spent,
    )


# -- embeddings -----------------------------------------------------------------------


def embed_call(client: Client, texts: Sequence[str], options: EmbeddingOptions) -> Call:
    """The call that asks for vectors; its model is empty where nobody has named one.

    Raises:
        LLMUnsupportedFeatureError: the provider makes no embeddings.
        LLMConfigurationError: nobody has named a model.
        ValueError: a text cannot be encoded.
    """
    provider = client.provider
    offered, model = _offered(client, options)
    if options.dimensions is not None and not offered.dimensions:
        message = f"{provider.name} makes vectors of one length: leave out dimensions."
        raise _unsupported(client, "dimensions", message)
    known = provider.model(model)
    warning = known.warning if known else None
    if warning:
        logger.warning("%s", warning)
    return Call(
        provider=provider.name,
        model=model,
        operation="embed",
        method="POST",
        url=client.endpoint.url(EMBEDDINGS),
        timeout=whole(merge_timeout(options.timeout, client.timeout)),
        secrets=known_secrets(client.endpoint.key, {}),
        body=as_json(
            lambda: encode_embeddings(
                texts,
                model=model,
                encoding=offered.encoding,
                dimensions=options.dimensions,
                extra_body=options.extra_body,
            ),
            extra_body=options.extra_body,
        ),
        warnings=(warning,) if warning else (),
        prices=client.prices,
    )


def _offered(client: Client, options: EmbeddingOptions) -> tuple[EmbeddingApi, str]:
    """The provider's API for vectors, and the model that makes them."""
    provider = client.provider
    if provider.embeddings is None:
        raise _unsupported(client, "embed", f"{provider.name} makes no embeddings.")
    model = options.model or provider.embeddings.model or ""
    if not model and not provider.model_from_server:
        raise LLMConfigurationError(
            f"No embedding model for {provider.name}: pass model=.",
            provider=provider.name,
        )
    return provider.embeddings, model


def embedding_identity(client: Client, options: EmbeddingOptions) -> Identity:
    """What decides the vectors of a text; the model is empty where nobody named one.

    Raises:
        LLMUnsupportedFeatureError, LLMConfigurationError: as for embed_call.
    """
    _, model = _offered(client, options)
    return Identity(
        provider=client.provider.name,
        model=model,
        base_url=client.endpoint.base_url,
        timeout=merge_timeout(options.timeout, client.timeout).total,
        prices=client.prices,
    )


def conclude_embeddings(
    call: Call,
    response: EmbeddingResponse,
    attempts: Attempts,
    *,
    now: float,
    request_id: str | None,
) -> EmbeddingResponse:
    """The vectors with what only the caller's side knows."""
    model = response.model or call.model
    # A text that becomes a vector has no answer in tokens.
    used = replace(response.usage, output_tokens=response.usage.output_tokens or 0)
    return replace(
        response,
        model=model,
        provider=call.provider,
        request_id=request_id,
        cost=cost(used, call.provider, model, prices=call.prices),
        generation_time=now - attempts.started,
        attempts=len(attempts.history),
        history=tuple(attempts.history),
        warnings=call.warnings,
    )


# -- tokens ---------------------------------------------------------------------------


def count_call(client: Client, request: LLMRequest) -> Call:
    """The call that counts the tokens of a request.

    Raises:
        LLMUnsupportedFeatureError: the provider does not count.
        ValueError: the request cannot be answered.
    """
    provider = client.provider
    if not provider.token_count:
        message = f"{provider.name} does not count the tokens of a request."
        raise _unsupported(client, "count_tokens", message)
    request = complete(request, provider, client.defaults)
    # Of the prompt alone; what an answer would be like does not matter.
    asked = replace(request, stop_sequences=None, seed=None)
    traits = provider.traits(request.model or "")
    api = client.api if client.api in provider.token_count else "auto"
    if api == "auto":
        counting = [d.name for d in provider.dialects if d.name in provider.token_count]
        api = counting[0]
    dialect = choose_dialect(asked, provider, traits, api)
    return Call(
        provider=provider.name,
        model=request.model or "",
        method="POST",
        url=client.endpoint.url(provider.token_count[dialect.name]),
        timeout=whole(merge_timeout(request.timeout, client.timeout)),
        headers=with_headers(dialect.headers(asked), request.extra_headers),
        secrets=known_secrets(client.endpoint.key, request.extra_headers),
        body=as_json(
            lambda: token_count.without_answer(
                dialect.encode(asked, stream=False, traits=traits)
            ),
            **free_values(asked),
        ),
    )


def _unsupported(
    client: Client, feature: str, message: str
) -> LLMUnsupportedFeatureError:
    return LLMUnsupportedFeatureError(
        f"{message} Nothing was sent.",
        feature=feature,
        provider=client.provider.name,
    )
