"""JSON that a model wrote, read strictly: what is wrong is named, with its position."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from .errors import LLMInvalidResponseError

MAX_DEPTH = 500

_FENCE = re.compile(r"```[\w+-]*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```", re.DOTALL)
_WHOLE_FENCE = re.compile(r"\s*```[\w+-]*[ \t]*\r?\n(.*)```\s*", re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_TOKEN = re.compile(
    r'(?P<token>"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\],:]|[^\s{}\[\],:"]+)', re.DOTALL
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
    except (ValueError, RecursionError) as error:
        message, position = _problem(source, error)
        _fail(f"The answer is not valid JSON: {message}", text, offset + position)
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
    if _SURROGATE.search(source) or not source.isascii():
        _check_surrogates(source)
    return json.loads(
        source,
        object_pairs_hook=_no_duplicates,
        parse_constant=_no_constant,
        parse_float=_finite,
    )


class _Problem(ValueError):
    """Something that JSON or we do not allow; position -1: look for `what`."""

    def __init__(self, message: str, position: int = -1, what: str = "") -> None:
        super().__init__(message)
        self.position = position
        self.what = what


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Problem(
                    f"the key {key!r:.80} stands twice in one object", -1, key
                )
            seen.add(key)
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Problem(f"{name} is not a JSON number", -1, name)


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _Problem(f"the number {digits:.40} is too large", -1, digits)
    return value


def _check_depth(source: str) -> None:
    # Brackets inside strings only make this bound stricter to reach, never looser.
    if source.count("[") + source.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _TOKEN.finditer(source):
        token = match["token"]
        if token in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                message = f"it is nested more than {MAX_DEPTH} levels deep"
                raise _Problem(message, match.start())
        elif token in "]}":
            depth -= 1


def _check_surrogates(source: str) -> None:
    for match in _TOKEN.finditer(source):
        token = match["token"]
        if not token.startswith('"'):
            continue
        try:
            json.loads(token, strict=False).encode()
        except UnicodeEncodeError:
            message = "it holds half of a surrogate pair"
            raise _Problem(message, match.start()) from None
        except ValueError:
            continue  # json.loads of the whole says what and where


def _problem(source: str, error: ValueError | RecursionError) -> tuple[str, int]:
    """What is wrong, and the index in `source`."""
    if isinstance(error, json.JSONDecodeError):
        return error.msg, error.pos
    if not isinstance(error, _Problem):
        # The only other ValueError of json is Python's limit on digits.
        return "a number has more digits than can be read", _longest_number(source)
    if error.position >= 0:
        return str(error), error.position
    return str(error), _position_of(source, error.what)


def _longest_number(source: str) -> int:
    tokens = [match for match in _TOKEN.finditer(source) if match["token"][0] != '"']
    return max(tokens, key=lambda match: len(match["token"])).start()


def _position_of(source: str, what: str) -> int:
    """Where `what` stands: a constant or number, or the second of two equal keys."""
    keys: list[set[str]] = [set()]
    tokens = [*_TOKEN.finditer(source)]
    for match, following in zip(tokens, [*tokens[1:], None], strict=True):
        token = match["token"]
        if token == what:
            return match.start()
        if token == "{":
            keys.append(set())
        elif token == "}":
            keys.pop()
        elif token.startswith('"') and following and following["token"] == ":":
            key = json.loads(token)
            if key == what and key in keys[-1]:
                return match.start()
            keys[-1].add(key)
    return 0


def _fail(message: str, text: str, position: int) -> NoReturn:
    raise LLMInvalidResponseError(
        f"{message} (character {position}).",
        text=text,
        position=position,
    )
