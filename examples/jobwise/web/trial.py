"""One request to each endpoint, as a client would send them one after another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from ..catalogue import WORKFLOWS, document
from . import bodies

Body = TypeVar("Body", bound=BaseModel)

HEADERS = {"X-User-Id": "mira"}
WIDTH = 56


class WrongAnswerError(Exception):
    """An endpoint has not answered as it should."""


def tried(client: httpx.Client, tell: Callable[[str], None]) -> bool:
    """Whether all endpoints have answered as they should; says what they answered."""
    try:
        for endpoint, said in _answers(client):
            line = " ".join(said.split())
            tell(f"  {endpoint:22}{line[:WIDTH]}{'...' * (len(line) > WIDTH)}")
    except (httpx.HTTPError, ValidationError, WrongAnswerError) as error:
        tell(f"Error: {error}")
        return False
    return True


def _answers(client: httpx.Client) -> Iterator[tuple[str, str]]:
    resume, job = document("resume.md"), document("job.md")
    style = _asked(client, "/style/extract", bodies.Style, resume=resume)
    yield "/style/extract", str(style.value())
    known = {"resume": resume, "job": job, "style": style.model_dump()}
    profile = _asked(client, "/profile/enhance", bodies.Profile, **known)
    yield "/profile/enhance", profile.summary
    order = _asked(client, "/content/rank", bodies.Order, resume=resume, job=job)
    yield "/content/rank", "; ".join(f"{i.score} {i.reason}" for i in order.items)
    known["ranking"] = order.model_dump()
    letter = _asked(client, "/cover-letter", bodies.Letter, **known)
    yield "/cover-letter", letter.text
    pieces = _streamed(client, "/cover-letter/stream", **known)
    yield "/cover-letter/stream", f"{len(pieces)} pieces: {''.join(pieces)}"
    usage = _read(client.get("/usage"), bodies.Usage)
    if {*usage.workflows} != {each.name for each in WORKFLOWS}:
        raise WrongAnswerError(f"/usage does not know each workflow: {usage}")
    cost = "unknown" if usage.total_cost is None else f"${usage.total_cost:.6f}"
    yield "/usage", f"{usage.total_tokens} tokens, cost {cost}"


def _asked(client: httpx.Client, path: str, kind: type[Body], **values: Any) -> Body:
    return _read(client.post(path, json=values), kind)


def _read(response: httpx.Response, kind: type[Body]) -> Body:
    _check(response)
    return kind.model_validate_json(response.content)


def _streamed(client: httpx.Client, path: str, **values: Any) -> list[str]:
    """The pieces of a stream that came to its end."""
    response = _check(client.post(path, json=values))
    events = [event.split("\n") for event in response.text.split("\n\n") if event]
    names = [name.removeprefix("event: ") for name, *_ in events]
    if names != ["text"] * (len(names) - 1) + ["done"]:
        raise WrongAnswerError(f"{path} sent {', '.join(names)}")
    data = [json.loads(line.removeprefix("data: ")) for _, line in events]
    return [each["text"] for each in data[:-1]]


def _check(response: httpx.Response) -> httpx.Response:
    if response.status_code != 200:
        raise WrongAnswerError(
            f"{response.url.path} answered {response.status_code}: {response.text:.300}"
        )
    return response
