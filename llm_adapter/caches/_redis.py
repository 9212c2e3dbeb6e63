"""Answers in Redis, shared by processes and machines."""

from __future__ import annotations

from math import ceil
from typing import Any
from urllib.parse import urlsplit

from .._checks import type_error
from .._concurrency import connected_within
from ..errors import LLMConfigurationError
from ._arguments import wait_in_seconds
from ._processes import PerProcess
from ._shown import shown_url
from ._store import CacheStore

_LONGEST = 10.0**10
"""Seconds; what Redis can take, and three centuries."""

# Each is one step for the server; without a cache of scripts, which a restart empties.
_CLAIM = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class RedisCache(CacheStore):
    """Keeps answers in Redis: for all processes and machines that share it.

    >>> RedisCache("redis://user:secret@localhost:6379/0")
    RedisCache('redis://***@localhost:6379/0')

    It connects when it is first used, and again whenever it has to. What fails raises
    redis.RedisError, within `timeout` for connecting and as much for the answer.

    Args:
        url: redis://, rediss:// (TLS) or unix://, with the options of redis-py.
        prefix: of every key in Redis.
        timeout: seconds for which a method waits.

    Raises:
        LLMConfigurationError: redis-py is missing, or the URL cannot be used.
    """

    def __init__(
        self, url: str, *, prefix: str = "llm-adapter:", timeout: float = 0.25
    ) -> None:
        for name, value in (("url", url), ("prefix", prefix)):
            if not isinstance(value, str):
                raise type_error(name, "a string", value)
        self.prefix = prefix
        self.timeout: float = wait_in_seconds("timeout", timeout)
        self._shown = shown_url(url)
        self._options = _checked_options(url, self.timeout)
        self._clients = PerProcess(self._connect)

    def _connect(self) -> Any:
        import redis

        pool = redis.ConnectionPool(**self._options)
        return redis.Redis(connection_pool=pool)

    def _run(self, *command: Any) -> Any:
        return self._clients.get().execute_command(*command)

    @property
    def place(self) -> str:
        """The server's address, and the prefix there."""
        return f"{self._shown} {self.prefix}"

    def get(self, key: str) -> bytes | None:
        """What is kept under a key; None when there is nothing, or no longer."""
        value: bytes | None = self._run("GET", self._answer(key))
        return value

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Keep a value for `ttl` seconds, or, with None, until Redis needs the room."""
        if ttl is None:
            self._run("SET", self._answer(key), value)
        elif ttl > 0:
            self._run("SET", self._answer(key), value, "PX", _milliseconds(ttl))
        else:
            self.delete(key)

    def delete(self, key: str) -> None:
        """Forget a key, known or not."""
        self._run("DEL", self._answer(key))

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """Claim a key, unless another owner, wherever it runs, holds it."""
        return self._evaluate(_CLAIM, key, owner, _milliseconds(seconds))

    def renew(self, key: str, owner: str, seconds: float) -> bool:
        """Hold a claim for that long from now: whether it was still ours."""
        return self._evaluate(_RENEW, key, owner, _milliseconds(seconds))

    def release(self, key: str, owner: str) -> None:
        """Give up a claim, if it is still ours."""
        self._evaluate(_RELEASE, key, owner)

    def _evaluate(self, script: str, key: str, *arguments: str | int) -> bool:
        return bool(self._run("EVAL", script, 1, self._claim_of(key), *arguments))

    def _answer(self, key: str) -> str:
        return f"{self.prefix}answer:{key}"

    def _claim_of(self, key: str) -> str:
        return f"{self.prefix}claim:{key}"

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        client = self._clients.take()
        if client is not None:
            # One that is in use ends with the call that uses it.
            client.connection_pool.disconnect(inuse_connections=False)

    def __repr__(self) -> str:
        return f"RedisCache({self._shown!r})"


def _milliseconds(seconds: float) -> int:
    """As Redis wants it: whole, and not zero.

    >>> _milliseconds(0.0001), _milliseconds(1.5)
    (1, 1500)
    """
    return max(1, ceil(min(seconds, _LONGEST) * 1000))


def _checked_options(url: str, timeout: float) -> dict[str, Any]:
    """What a connection pool is made with."""
    try:
        import redis
    except ImportError as error:
        raise LLMConfigurationError(
            "RedisCache needs the package redis: pip install 'llm-adapter[redis]'"
        ) from error
    ours = _own_options(timeout)
    try:
        theirs = _options_of(url)
        # Makes a connection, but does not connect: are these its options? One that is
        # ours as well would be there twice.
        redis.ConnectionPool(**theirs, **ours).make_connection()
    except (TypeError, ValueError, redis.RedisError):
        # Their messages may quote the password.
        raise LLMConfigurationError(
            f"The Redis URL {shown_url(url)!r} cannot be used: write "
            "redis://[[user]:password@]host[:port][/database], rediss:// for TLS, or "
            "unix:///path/to/socket. Options after `?` are those of redis-py, except "
            f"for {', '.join(sorted(ours))}."
        ) from None
    return {**theirs, **ours, **_bounded(theirs)}


def _bounded(options: dict[str, Any]) -> dict[str, Any]:
    """Connections whose whole connecting is bounded, look-up of the name included."""
    from redis.connection import Connection, UnixDomainSocketConnection

    kind = options.get("connection_class", Connection)
    if issubclass(kind, UnixDomainSocketConnection):
        return {}

    def connect(connection: Any) -> Any:
        def act() -> Any:
            return kind._connect(connection)

        return connected_within(connection.socket_connect_timeout, act)

    return {"connection_class": type(kind.__name__, (kind,), {"_connect": connect})}


def _options_of(url: str) -> dict[str, Any]:
    from redis.connection import parse_url

    options = dict(parse_url(url))
    if not options.keys() & {"path", "db"} and urlsplit(url).path.strip("/"):
        raise ValueError(url)  # redis-py ignores a database that is no number
    return options


def _own_options(timeout: float) -> dict[str, Any]:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # The pool by itself replaces a connection that the server has closed.
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "retry_on_error": [],
        "health_check_interval": 0,
        # There are as many as threads that use them at once.
        "max_connections": 2**31,
        # A newer one begins with a round trip.
        "protocol": 2,
        "decode_responses": False,
        "redis_connect_func": _greet,
    }


def _greet(connection: Any) -> None:
    """Log in and choose the database, without telling the server which client we are.

    That would be two round trips on each new connection, and has had two forms.
    """
    connection.driver_info = connection.lib_name = connection.lib_version = None
    connection.on_connect()
