"""OpenAI's embeddings (wire-protocols.md 10)."""

from __future__ import annotations

from ...replies import Reply
from .. import embeddings
from ..dialect import Call, Endpoint, Said
from ..payload import Payload
from . import checks
from .models import model_of
from .words import error, invalid, model_not_found, words

_MOST_INPUTS = 2048


def _check(call: Call, payload: Payload) -> Reply | None:
    refusal = checks.check_body(payload, embeddings.TYPES)
    if refusal is not None:
        return refusal
    if "model" not in payload.fields:
        return checks.missing("model")
    model = model_of(payload.model)
    if model is None:
        return model_not_found(payload.model)
    if model.dimensions is None:
        text = "You are not allowed to generate embeddings from this model"
        return error(403, text)
    return _check_input(payload) or _check_shape(payload, model.dimensions)


def _check_input(payload: Payload) -> Reply | None:
    inputs = payload.get("input")
    if not inputs or not all(inputs):
        text = "'$.input' is invalid. Please check the API reference: "
        return invalid(text + "https://platform.openai.com/docs/api-reference.")
    if isinstance(inputs, list) and len(inputs) > _MOST_INPUTS:
        text = f"Invalid 'input': maximum array length is {_MOST_INPUTS}."
        return invalid(text, "input", "array_above_max_length")
    return None


def _check_shape(payload: Payload, most: int) -> Reply | None:
    if payload.get("encoding_format", "float") not in ("float", "base64"):
        text = "'encoding_format' must be 'float' or 'base64'."
        return invalid(text, "encoding_format", "invalid_value")
    wanted = payload.get("dimensions")
    if wanted is None:
        return None
    if payload.model == "text-embedding-ada-002":
        return invalid("This model does not support specifying dimensions.")
    if 1 <= wanted <= most:
        return None
    text = f"Invalid value for 'dimensions' = {wanted}. Must be between 1 and {most}."
    return invalid(text, "dimensions", "invalid_value")


def _embed(call: Call, payload: Payload, reply: Reply) -> Said:
    model = model_of(payload.model)
    dimensions = (model and model.dimensions) or 1536
    return embeddings.embed(payload, dimensions, reply.usage or {})


EMBEDDINGS = Endpoint(say=_embed, words=words, types=embeddings.TYPES, check=_check)
