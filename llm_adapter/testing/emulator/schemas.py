"""An instance of a JSON Schema: of the right types, the same for the same digest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from . import text

_SHALLOW = 4
"""Levels that are filled richly; below, what may be left out is."""
_DEEPEST = 32
"""Where a schema that demands endless nesting gets null."""
_LONGEST = 1_000
"""Where lengths end, whatever the schema demands."""
_LARGEST = 10_000
"""Values after which a schema that demands endless branching gets nulls."""
_FAR = 1e18
"""Bounds beyond this count as none."""

_FORMATS = {
    "date": "2026-11-22",
    "time": "09:30:00Z",
    "date-time": "2026-11-22T09:30:00Z",
    "duration": "P1D",
    "email": "ana@example.com",
    "uri": "https://example.com/résumé",
    "hostname": "example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}


def instance(schema: Any, digest: int) -> Any:
    """A value that fits the schema.

    Knows types, enum, const, properties, required, items, prefixItems, local $ref,
    anyOf, oneOf, allOf, bounds of numbers and lengths, and the usual formats; what it
    does not know (pattern, not, if) it ignores.

    >>> instance({"type": "object", "properties": {"n": {"const": 3}}}, 1)
    {'n': 3}
    """
    return _Maker(schema, Random(digest)).make(schema, 0)


class _Maker:
    def __init__(self, root: Any, random: Random) -> None:
        self._root = root
        self._random = random
        self._made = 0
        self._makers: Mapping[str, Callable[[Mapping[str, Any], int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": self._boolean,
            "null": self._null,
        }

    def make(self, schema: Any, depth: int) -> Any:
        self._made += 1
        if depth > _DEEPEST or self._made > _LARGEST:
            return None
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if choices := _list(schema.get("enum")):
            return self._random.choice(choices)
        named = _type_of(schema, depth)
        return self._makers[named if named in self._makers else "string"](schema, depth)

    def _resolved(self, schema: Any, depth: int) -> Mapping[str, Any]:
        """The schema without $ref and with its combinations chosen and merged."""
        resolved: dict[str, Any] = dict(schema) if isinstance(schema, dict) else {}
        for _ in range(_DEEPEST):
            parts = self._parts(resolved, depth)
            if not parts:
                break
            resolved = _merged(resolved, parts)
        return resolved

    def _parts(self, schema: dict[str, Any], depth: int) -> list[Any]:
        """Takes the combining keywords out of the schema; returns what they name."""
        if "$ref" in schema:
            return [self._target(schema.pop("$ref"))]
        for word in ("anyOf", "oneOf"):
            if branches := _list(schema.pop(word, None)):
                return [_branch(branches, depth)]
        return _list(schema.pop("allOf", None))

    def _target(self, reference: Any) -> Any:
        """What a local reference such as `#/$defs/Job` points to."""
        found = self._root
        for key in str(reference).removeprefix("#").split("/")[1:]:
            name = key.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = _dict(schema.get("properties"))
        required = _names(schema.get("required"))
        names = list(properties) if depth < _SHALLOW else []
        names += [name for name in required if name not in names]
        return {name: self.make(properties.get(name), depth + 1) for name in names}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        first = _list(schema.get("prefixItems"))
        least = max(_whole(schema, "minItems", 0), len(first))
        most = max(_whole(schema, "maxItems", least + 2), least)
        wished = 1 + self._random.randrange(2) if depth < _SHALLOW else 0
        count = min(max(wished, least), most)
        rest = [schema.get("items")] * (count - len(first))
        return [self.make(each, depth + 1) for each in (*first, *rest)]

    def _string(self, schema: Mapping[str, Any], depth: int) -> str:
        if (form := str(schema.get("format"))) in _FORMATS:
            return _FORMATS[form]
        least = _whole(schema, "minLength", 0)
        words = text.prose(self._random.getrandbits(32), 3 + least)
        return words[: _whole(schema, "maxLength", max(least, 24))]

    def _integer(self, schema: Mapping[str, Any], depth: int) -> int:
        low, high = _bounds(schema, step=1)
        step = max(1, _whole(schema, "multipleOf", 1))
        first, last = -(-low // step), high // step
        return int(self._random.randint(int(first), int(max(first, last))) * step)

    def _boolean(self, schema: Mapping[str, Any], depth: int) -> bool:
        return self._random.random() < 0.5

    def _null(self, schema: Mapping[str, Any], depth: int) -> None:
        return None

    def _number(self, schema: Mapping[str, Any], depth: int) -> float:
        low, high = _bounds(schema, step=0.5)
        step = schema.get("multipleOf")
        if isinstance(step, int | float) and 0 < step < _FAR:
            return float(-(-low // step) * step)
        return low + (high - low) * self._random.randint(1, 3) / 4


def _merged(schema: dict[str, Any], parts: list[Any]) -> dict[str, Any]:
    """One schema for all: later keywords win, properties and required add up."""
    merged = dict(schema)
    for part in (each for each in parts if isinstance(each, dict)):
        for name, value in part.items():
            known = merged.get(name)
            if name == "properties":
                value = {**_dict(known), **_dict(value)}
            elif name == "required":
                value = [*_names(known), *_names(value)]
            merged[name] = value
    return merged


def _branch(branches: Any, depth: int) -> Any:
    """The richest branch near the root, null further down where it is allowed."""
    nulls = [each for each in branches if each == {"type": "null"}]
    others = [each for each in branches if each != {"type": "null"}]
    preferred = others + nulls if depth < _SHALLOW else nulls + others
    return preferred[0]


def _type_of(schema: Mapping[str, Any], depth: int) -> str:
    """The type to make; guessed from the keywords where the schema names none."""
    named = schema.get("type")
    if isinstance(named, list) and named:
        wanted = _branch([{"type": each} for each in named], depth)
        named = wanted["type"]
    if isinstance(named, str):
        return named
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _names(value: Any) -> list[str]:
    return [name for name in _list(value) if isinstance(name, str)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(schema: Mapping[str, Any], name: str, default: int) -> int:
    value = schema.get(name)
    return min(value, _LONGEST) if isinstance(value, int) and value >= 0 else default


def _bounds(schema: Mapping[str, Any], step: float) -> tuple[float, float]:
    """The least and greatest allowed value; a range of 100 where one side is open."""
    low = _bound(schema, "minimum", "exclusiveMinimum", step)
    high = _bound(schema, "maximum", "exclusiveMaximum", -step)
    if low is None:
        low = 1 if high is None else min(1, high - 100)
    if high is None:
        high = low + 100
    return low, max(low, high)


def _bound(
    schema: Mapping[str, Any], closed: str, opened: str, step: float
) -> float | None:
    for name, shift in ((closed, 0.0), (opened, step)):
        value = schema.get(name)
        if isinstance(value, int | float) and -_FAR < value < _FAR:
            return value + shift if shift else value
    return None
