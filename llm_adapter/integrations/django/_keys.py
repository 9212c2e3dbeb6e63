"""The keys of the setting LLM_ADAPTER, and what each may hold."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from ...ledger import Budget
from ...models import Timeout
from ...selector import ModelSelector
from .._http import with_overrides


@frozen
class Key:
    """One key.

    Args:
        allowed: in words, after "set it to".
        accepts: whether a value will do.
        is_secret: values are in no message.
    """

    allowed: str
    accepts: Callable[[Any], bool]
    is_secret: bool = False


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    # Where it is empty it is not given, as all of them.
    if not isinstance(value, str):
        return False
    return not value or (bool(value.strip()) and value.isprintable())


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_seconds(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value > 0


def _is_timeout(value: object) -> bool:
    return isinstance(value, Timeout) or _is_seconds(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_database(value: object) -> bool:
    from django.db import connections

    return value in list(connections)


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)


def _are_budgets(value: object) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return False
    return all(isinstance(each, Budget) for each in value)


def _are_workflows(value: object) -> bool:
    try:
        return isinstance(value, Mapping) and bool(ModelSelector(value, environ={}))
    except (TypeError, ValueError):
        return False


def _is_callable(value: object) -> bool:
    return callable(value) or isinstance(value, str)


def _are_replies(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    try:
        with_overrides(value)
    except (TypeError, ValueError):
        return False
    return True


KEYS: Mapping[str, Key] = {
    "PROVIDER": Key("a provider's name, such as 'groq' or 'groq:model'", _is_name),
    "API_KEY": Key("the provider's key, a string", _is_text, is_secret=True),
    "BASE_URL": Key("an address, a string", _is_text, is_secret=True),
    "MODEL": Key("a model's name", _is_name),
    "TIMEOUT": Key("seconds above zero, or a Timeout", _is_timeout),
    "MAX_RETRIES": Key("a whole number >= 0", _is_count),
    "CACHE": Key(
        "a URL such as 'redis://localhost:6379/0', or None for no cache",
        _is_text,
        is_secret=True,
    ),
    "CACHE_TTL": Key("seconds above zero", _is_seconds),
    "LEDGER": Key(
        "'django', a URL such as 'postgresql://host/database', or None for no ledger",
        _is_text,
        is_secret=True,
    ),
    "LEDGER_DATABASE": Key("an alias of DATABASES", _is_database),
    "LEDGER_IMMEDIATE": Key("True or False", _is_flag),
    "JOURNAL": Key("the path of a directory", _is_path),
    "BUDGETS": Key("a list of llm_adapter.Budget", _are_budgets),
    "MONITORING": Key("True or False", _is_flag),
    "WORKFLOWS": Key(
        "a mapping from names of workflows to a ModelConfig or its fields",
        _are_workflows,
    ),
    "WRAP": Key("a callable, or the dotted path of one", _is_callable),
    "ERRORS": Key(
        "a mapping from subclasses of LLMServiceError to a status of 400 to 599",
        _are_replies,
    ),
}
