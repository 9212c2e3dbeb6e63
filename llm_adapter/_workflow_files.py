"""The TOML file of workflows: one table [workflows.NAME] for each."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ._checks import type_error
from .errors import LLMConfigurationError

_HEADING = "workflows"


def read_workflows(
    file: str | Path, check: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """What a file says about each workflow.

    Args:
        file: its path.
        check: the fields of a table, checked.

    Raises:
        LLMConfigurationError: it cannot be read; names file, table and value.
    """
    whole = _load(file)
    for name, value in whole.items():
        if name != _HEADING or not isinstance(value, Mapping):
            raise _unusable(file, name, value)
    tables = whole.get(_HEADING, {})
    return {name: _checked(file, name, tables[name], check) for name in tables}


def _load(file: str | Path) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(file).read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise LLMConfigurationError(
            f"The workflows file {str(file)!r} cannot be read: {error}"
        ) from None


def _checked(
    file: str | Path,
    name: str,
    table: Any,
    check: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise _unusable(file, f"{_HEADING}.{name}", table)
    try:
        return check(table)
    except (TypeError, ValueError) as error:
        raise LLMConfigurationError(
            f"The workflows file {str(file)!r}, [{_HEADING}.{name}]: {error}"
        ) from None


def _unusable(file: str | Path, name: str, value: object) -> LLMConfigurationError:
    fault = type_error(name, f"a table [{_HEADING}.NAME] of a workflow", value)
    return LLMConfigurationError(f"The workflows file {str(file)!r}: {fault}")
