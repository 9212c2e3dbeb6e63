"""Lists of models, in one page or in several (reference/wire-protocols.md 9.1)."""

from __future__ import annotations

from urllib.parse import urlencode

from attrs import frozen

from ..errors import LLMInvalidResponseError
from .body import mapping, read_json, text
from .errors import describes_error, error_from_value

PATH = "/models"
_LIMIT = 1_000  # what a page of Anthropic's may hold


@frozen
class ModelPage:
    """Names of models, and the last of them when there are more."""

    names: list[str]
    last: str | None


def path(*, pages: bool, after: str | None = None) -> str:
    """The path of a list, or of its page after a model.

    >>> path(pages=False), path(pages=True, after="b")
    ('/models', '/models?limit=1000&after_id=b')
    """
    if not pages:
        return PATH
    query: dict[str, object] = {"limit": _LIMIT}
    if after is not None:
        query["after_id"] = after
    return f"{PATH}?{urlencode(query)}"


def decode_models(body: bytes) -> ModelPage:
    """The models that a body lists.

    Raises:
        LLMServiceError: the body is an error, or no list.
    """
    value = read_json(body)
    fields = mapping(value)
    if describes_error(value):
        raise error_from_value(value, status_code=200)
    # Most call it data, Ollama's own API models; Together sends the list alone.
    places = (value, fields.get("data"), fields.get("models"))
    items = next((place for place in places if isinstance(place, list)), None)
    if items is None:
        raise LLMInvalidResponseError(
            "The provider's answer is no list of models.",
            text=body.decode("utf-8", "replace"),
        )
    ids = (
        text(item.get("id")) or text(item.get("name")) for item in map(mapping, items)
    )
    # A name that no request takes, such as one with a line end, is none.
    names = [name for name in ids if name and name.strip() and name.isprintable()]
    more = fields.get("has_more") is True
    return ModelPage(names, (text(fields.get("last_id")) if more else None))


def makes_vectors(name: str) -> bool:
    """Whether a model is for embeddings, as far as its name says.

    >>> makes_vectors("nomic-embed-text"), makes_vectors("llama3.2:3b")
    (True, False)
    """
    return "embed" in name.lower()


def answers_text(name: str) -> bool:
    """Whether a model is for texts, as far as its name says.

    >>> answers_text("llama3.2:3b"), answers_text("bge-reranker-v2")
    (True, False)
    """
    other = ("rerank", "whisper")
    return not (makes_vectors(name) or any(word in name.lower() for word in other))
