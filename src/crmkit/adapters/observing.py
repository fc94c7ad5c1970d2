"""Watch the library at work: a span (OpenTelemetry, extra `otel`) for each call, a line in the log for each failure.

    store = observed(SqliteStore("crm.db"))
    desk = observed(Desk(store.events, pipeline, clock))

What is not wrapped costs nothing, and knows nothing of it. No argument, id, text or error message goes into a span or a
line of the log: they may be about people.
"""

import logging
from collections.abc import Generator, Iterator, Sized
from contextlib import contextmanager, nullcontext
from functools import cache, wraps
from inspect import getattr_static, isfunction, isgenerator
from typing import Any, TypeVar, cast

from crmkit.errors import Conflict, CrmkitError

__all__ = ["observed"]

T = TypeVar("T")
# What a store is made of is watched with it.
_PARTS = ("events", "records", "blobs")


def observed(thing: T, *, tracer: Any = None) -> T:
    """The same thing, watched: a store, a desk, an index, a subscription, or a function such as `measure`.

    Each call of a public method from outside is a span `crmkit.<class>.<method>`, a function's is `crmkit.<name>`; a
    call within another is a span within another. A span says how many events were appended (`crmkit.events`), rows
    read (``crmkit.rows``) or documents found (``crmkit.found``), the name of a move (``crmkit.move``), and of a failure
    the class (`error.type`). What fails is told to the logger of its room, such as `crmkit.desk`, with `operation` and
    `error`: as a warning, or as information if it is the answer to what was asked (`Conflict`, a refusal, a value that
    cannot be).

    Args:
        thing: what to watch. The parts of a store (`events`, `records`, `blobs`) are watched with it.
        tracer: an `opentelemetry.trace.Tracer`; if None that of the host's provider, named "crmkit". Without the
            package there are no spans, only lines in the log.
    """
    used = _usual_tracer() if tracer is None else tracer
    if isfunction(thing):
        watch = _Watch(used, f"crmkit.{thing.__name__}", _log_of(thing.__module__))
        return cast("T", wraps(thing)(lambda *given, **named: watch.call(thing, given, named)))
    kind: Any = type(thing)
    made = _proxy_of(kind)()
    made.__dict__.update(_thing=thing, _tracer=used, _log=_log_of(kind.__module__))
    if all(hasattr(thing, part) for part in _PARTS):
        made.__dict__.update({part: observed(getattr(thing, part), tracer=tracer) for part in _PARTS})
    return cast("T", made)


def _usual_tracer() -> Any:
    try:
        from opentelemetry.trace import get_tracer
    except ImportError:
        return None
    return get_tracer("crmkit")


def _log_of(module: str) -> logging.Logger:
    """The logger of a room; what is the host's own goes to `crmkit.host`."""
    top, _, rest = module.partition(".")
    return logging.getLogger(f"crmkit.{rest.partition('.')[0]}" if top == "crmkit" and rest else "crmkit.host")


class _Watch:
    """How calls of one name are watched."""

    def __init__(self, tracer: Any, name: str, log: logging.Logger) -> None:
        self._tracer, self._name, self._log = tracer, name, log

    def call(self, work: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The result of a call; rows that are made one by one are watched until the last."""
        span = None if self._tracer is None else self._tracer.start_span(self._name)
        begun = False
        try:
            with nullcontext() if span is None else _current(span), self._failing(span):
                result = work(*given, **named)
            _tell(span, _facts(self._name, given, result))
            if isgenerator(result):
                begun = True
                return self._rows(span, result)
            return result
        finally:
            if span is not None and not begun:
                span.end()

    def _rows(self, span: Any, rows: Generator[Any, Any, Any]) -> Iterator[Any]:
        count = 0
        try:
            with self._failing(span):
                for row in rows:
                    count += 1
                    yield row
        finally:
            rows.close()
            if span is not None:
                span.set_attribute("crmkit.rows", count)
                span.end()

    @contextmanager
    def _failing(self, span: Any) -> Generator[None]:
        try:
            yield
        except Exception as error:
            name = type(error).__name__
            answer = isinstance(error, CrmkitError) and isinstance(error, (ValueError, LookupError, Conflict))
            level = logging.INFO if answer else logging.WARNING
            self._log.log(level, "%s failed", self._name, extra={"operation": self._name, "error": name})
            if span is not None:
                from opentelemetry.trace import StatusCode

                span.set_attribute("error.type", name)
                span.set_status(StatusCode.ERROR)
            raise


def _current(span: Any) -> Any:
    """While this lasts the span is that of whatever happens within; what is raised stays ours to tell."""
    from opentelemetry.trace import use_span

    return use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False)


def _facts(name: str, given: tuple[Any, ...], result: Any) -> dict[str, Any]:
    """What a span says about a call that succeeded."""
    method = name.rpartition(".")[2]
    if method == "append" and given and isinstance(given[0], Sized):
        return {"crmkit.events": len(given[0])}
    if method == "move" and len(given) > 1 and isinstance(given[1], str):
        return {"crmkit.move": given[1]}
    found = getattr(result, "total", None) if method == "search" else None
    return {"crmkit.found": found} if isinstance(found, int) else {}


def _tell(span: Any, facts: dict[str, Any]) -> None:
    if span is not None:
        span.set_attributes(facts)


class _Observed:
    """What stands for a thing; what is not watched is the thing's own."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_thing"], name)

    def __repr__(self) -> str:
        return f"observed({self.__dict__['_thing']!r})"


@cache
def _proxy_of(kind: type[Any]) -> type[Any]:
    """The class of what stands for things of a class: each public method is watched, and it passes for one of them."""
    names = [name for name in dir(kind) if not name.startswith("_") and isfunction(getattr_static(kind, name))]
    body: dict[str, Any] = {name: _method(kind, name) for name in names}
    body["__class__"] = property(lambda _: kind)
    if hasattr(kind, "__enter__"):
        body |= {"__enter__": _entered, "__exit__": _left}
    return type(f"Observed{kind.__name__}", (_Observed,), body)


def _method(kind: type[Any], name: str) -> Any:
    @wraps(getattr_static(kind, name))
    def method(self: Any, *given: Any, **named: Any) -> Any:
        watch = _Watch(self._tracer, f"crmkit.{kind.__name__}.{name}", self._log)
        return watch.call(getattr(self._thing, name), given, named)

    return method


def _entered(self: Any) -> Any:
    self._thing.__enter__()
    return self


def _left(self: Any, *what: Any) -> Any:
    return self._thing.__exit__(*what)
