"""A request's payload, as far as it can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from attrs import frozen

from .. import json_bytes

Types = Mapping[str, type | tuple[type, ...]]


@frozen
class Payload:
    """The fields without null and without those whose type is wrong."""

    fields: Mapping[str, Any]
    wrong: Mapping[str, Any]
    """The fields of a wrong type."""
    canonical: str
    """All that decides about the answer's words, in one spelling."""
    is_object: bool = True

    @classmethod
    def read(cls, body: bytes, types: Types) -> Self:
        decoded = json_bytes.decode_object(body, besides="stream")
        if decoded is None:
            return cls({}, {}, "", is_object=False)
        fields, canonical = decoded
        wrong = {
            name: fields[name]
            for name in types
            # Not isinstance: true and false are no numbers.
            if fields.get(name) is not None
            and type(fields[name]) not in allowed(types, name)
        }
        return cls(
            {
                name: value
                for name, value in fields.items()
                if value is not None and name not in wrong
            },
            wrong,
            canonical,
        )

    def get(self, name: str, default: Any = None) -> Any:
        return self.fields.get(name, default)

    def dig(self, *path: str) -> Any:
        """What lies under the keys, or None."""
        return json_bytes.dig(self.fields, *path)

    def objects(self, name: str) -> list[dict[str, Any]]:
        """The objects in a list; what else the list holds is passed over."""
        several = self.fields.get(name)
        return objects(several)

    @property
    def model(self) -> str:
        return str(self.fields.get("model"))

    @property
    def stream(self) -> bool:
        return self.fields.get("stream") is True


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list, if it is one.

    >>> objects([{"a": 1}, 2]), objects("text")
    ([{'a': 1}], [])
    """
    several = value if isinstance(value, list) else []
    return [each for each in several if isinstance(each, dict)]


def allowed(types: Types, name: str) -> tuple[type, ...]:
    """The types that a field may have.

    >>> allowed({"a": int, "b": (int, str)}, "b")
    (<class 'int'>, <class 'str'>)
    """
    several = types[name]
    return several if isinstance(several, tuple) else (several,)
