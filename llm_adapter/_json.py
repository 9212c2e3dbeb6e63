"""JSON that a model wrote, read strictly: what is wrong is named, with its position."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn

from .errors import LLMInvalidResponseError

MAX_DEPTH = 500

_FENCE = re.compile(r"```[\w+-]*[ \t]*\r?\n(.*?)```", re.DOTALL)
_WHOLE_FENCE = re.compile(r"\s*```[\w+-]*[ \t]*\r?\n(.*)```\s*", re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_HALF_PAIR = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    r"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2}|[\ud800-\udfff])"
    r"|\\."
)
_TOKEN = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL
)


def parse_object(text: str) -> dict[str, Any]:
    """The JSON object that `text` holds, alone or inside a code fence.

    NaN, Infinity, numbers that Python cannot hold, duplicate keys, lone surrogates
    and more than 500 levels are errors, because two programs read them differently.

    >>> parse_object('```json\\n{"a": 1}\\n```')
    {'a': 1}

    Raises:
        LLMInvalidResponseError: with the text and the position of the first problem.
    """
    source, offset = _unfenced(text)
    if not source.strip():
        _fail("The answer is empty where JSON was asked for", text, 0)
    try:
        value = _strict_loads(source)
    except RecursionError:  # fewer levels than 500, but the caller's stack is deep
        _, position = max((depth, at) for at, depth in _brackets(source))
        _fail("The answer is nested too deeply to be read", text, offset + position)
    except json.JSONDecodeError as error:
        _fail(f"The answer is not valid JSON: {error.msg}", text, offset + error.pos)
    except _Problem as error:
        position = error.position(source)
        _fail(f"The answer is not valid JSON: {error}", text, offset + position)
    if not isinstance(value, dict):
        kind = type(value).__name__
        start = offset + len(source) - len(source.lstrip())
        _fail(
            f"The answer is JSON, but a {kind} where an object was asked for",
            text,
            start,
        )
    return value


def _unfenced(text: str) -> tuple[str, int]:
    """The part of the text to read, and where it begins."""
    if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        skipped = len(text) - len(text.lstrip("\ufeff"))
        return text[skipped:], skipped
    whole = _WHOLE_FENCE.fullmatch(text)
    if whole:
        return whole[1], whole.start(1)
    fences = list(_FENCE.finditer(text))
    if len(fences) == 1:
        return fences[0][1], fences[0].start(1)
    return text, 0


def _strict_loads(source: str) -> Any:
    _check_depth(source)
    value = json.loads(
        source,
        object_pairs_hook=_no_duplicates,
        parse_constant=_no_constant,
        parse_float=_finite,
        parse_int=_readable,
    )
    if _SURROGATE.search(source):
        _check_surrogates(source)
    return value


class _Problem(ValueError):
    """Something that JSON or we do not allow: its index, or what finds it."""

    def __init__(self, message: str, where: int | Callable[[str], int]) -> None:
        super().__init__(message)
        self._where = where

    def position(self, source: str) -> int:
        where = self._where
        return where if isinstance(where, int) else where(source)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        numbered = [(at, key) for at, (key, _) in enumerate(pairs)]
        first = {key: at for at, key in reversed(numbered)}
        key = next(key for at, key in numbered if at > first[key])
        message = f"the key {key!r:.80} stands twice in one object"
        raise _Problem(message, partial(_second, key))
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Problem(f"{name} is not a JSON number", partial(_first, name))


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _Problem(f"the number {digits:.40} is too large", partial(_first, digits))
    return value


def _readable(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        message = f"a number has {len(digits)} digits, more than can be read"
        raise _Problem(message, partial(_first, digits)) from None


def _brackets(source: str) -> Iterator[tuple[int, int]]:
    """The index of every bracket that opens, and how deep it is."""
    depth = 0
    for match in _TOKEN.finditer(source):
        token = match[0]
        if token in ("[", "{"):
            depth += 1
            yield match.start(), depth
        elif token in ("]", "}"):
            depth -= 1


def _check_depth(source: str) -> None:
    if source.count("[") + source.count("{") <= MAX_DEPTH:
        return
    for position, depth in _brackets(source):
        if depth > MAX_DEPTH:
            message = f"it is nested more than {MAX_DEPTH} levels deep"
            raise _Problem(message, position)


def _check_surrogates(source: str) -> None:
    for match in _HALF_PAIR.finditer(source):
        if match["half"]:
            raise _Problem("it holds half of a surrogate pair", match.start())


def _first(token: str, source: str) -> int:
    """Where a number or constant stands: json has stopped at the first of them."""
    found = _TOKEN.finditer(source)
    return next(match.start() for match in found if match[0].startswith(token))


def _second(key: str, source: str) -> int:
    """Where a key stands that its object has already."""
    has_key: list[bool] = []  # of each object that is open
    at, before = 0, ""
    tokens = _TOKEN.finditer(source)
    while True:
        match = next(tokens)
        token = match[0]
        if token == "{":
            has_key.append(False)
        elif token == "}":
            has_key.pop()
        elif token == ":" and json.loads(before) == key:
            if has_key[-1]:
                return at
            has_key[-1] = True
        at, before = match.start(), token


def _fail(message: str, text: str, position: int) -> NoReturn:
    raise LLMInvalidResponseError(
        f"{message} (character {position}).",
        text=text,
        position=position,
    )
