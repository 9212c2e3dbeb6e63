"""Lines of an output: what is written of a row, and what is read of it again."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from attrs import asdict, frozen

from .._answers import read_object
from ..errors import LLMServiceError
from ..models import LLMResponse
from ._asking import blocked
from ._rows import Row

_BAD_ROW = "InvalidRow"


@frozen(kw_only=True)
class Line:
    """A line of the output.

    Args:
        index: of its row.
        digest: of its row.
        failed: whether it holds an error.
        raw: the bytes, with the line end.
        cost: of the answer in US dollars, None where it is not known.
    """

    index: int
    digest: str
    failed: bool
    raw: bytes
    cost: Decimal | None = None


def beginning(index: int) -> bytes:
    """How each line of that row begins.

    >>> beginning(7)
    b'{"index": 7, '
    """
    return b'{"index": %d, ' % index


# -- writing --------------------------------------------------------------------------


def answered(row: Row, response: LLMResponse, *, as_json: bool) -> Line:
    """The line for an answer, also for one of which nothing can be made."""
    said: dict[str, Any] = {"text": response.text}
    error: LLMServiceError | None = None
    if response.finish_reason == "content_filter":
        error = blocked(response)
    elif as_json:
        try:
            said = {"data": read_object(response)}
        except LLMServiceError as invalid:
            error = invalid
    if response.finish_reason != "stop":
        said["finish_reason"] = response.finish_reason
    problem = None if error is None else _told(error)
    data = {**said, **taken(response)}
    return _line(row, data, error=problem, cost=response.cost)


def taken(response: LLMResponse) -> dict[str, Any]:
    """What an answer took, for programs; the cost as a string, which is exact."""
    used = {name: n for name, n in asdict(response.usage).items() if n is not None}
    cost = response.cost
    return {
        "model": response.model,
        "usage": used,
        "cost": None if cost is None else f"{cost:f}",
    }


def failed(row: Row, error: LLMServiceError) -> Line:
    """The line for a row that was not answered."""
    return _line(row, {}, error=_told(error))


def refused(row: Row, problem: str) -> Line:
    """The line for a row that cannot be asked."""
    told = {"type": _BAD_ROW, "message": f"Line {row.line}: {problem}."}
    return _line(row, {}, error={**told, "status": None})


def _told(error: LLMServiceError) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "message": str(error),
        "status": error.status_code,
    }


def _line(
    row: Row,
    told: dict[str, Any],
    *,
    error: dict[str, Any] | None,
    cost: Decimal | None = None,
) -> Line:
    own = {} if row.id is None else {"id": row.id}
    data = {"index": row.index, "row": row.digest, **own, **told}
    if error is not None:
        data["error"] = error
    return Line(
        index=row.index,
        digest=row.digest,
        failed=error is not None,
        raw=_encoded(data),
        cost=cost,
    )


def _encoded(data: dict[str, Any]) -> bytes:
    try:
        return f"{json.dumps(data, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError:  # half a character, which only an escape can say
        return f"{json.dumps(data)}\n".encode()


# -- reading --------------------------------------------------------------------------


def read_line(raw: bytes, index: int) -> Line | None:
    """A whole line as it was written for the row of that index; None for any other."""
    try:
        data = json.loads(raw)
        if data["index"] != index:
            return None
        digest = data["row"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return Line(index=index, digest=digest, failed="error" in data, raw=raw)
