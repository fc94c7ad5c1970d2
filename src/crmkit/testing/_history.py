"""What a check asked a store, call by call: the first thing to read when it failed."""

from collections.abc import Callable, Iterator
from threading import Lock, current_thread
from typing import Any

from crmkit.events import Event
from crmkit.protocols import Recorded

__all__ = ["History", "Watched"]

_SHOWN = 5
_LONG = 60


class History:
    """Calls in the order in which they began, with what became of each."""

    def __init__(self) -> None:
        self._calls: list[list[str]] = []
        self._lock = Lock()

    def began(self, call: str) -> list[str]:
        """Note a call; the outcome is put into what comes back."""
        name = current_thread().name
        noted = [f"{'' if name == 'MainThread' else name + ': '}{call}", "did not return"]
        with self._lock:
            self._calls.append(noted)
        return noted

    def last(self, count: int = 20) -> tuple[str, ...]:
        """The last calls, one a line."""
        lines = [" -> ".join(call) for call in self._calls[-count:]]
        left = len(self._calls) - len(lines)
        return ((f"... {left} calls before",) if left else ()) + tuple(lines)


class Watched:
    """A store whose calls are noted; in all else the store itself.

    Args:
        store: the store.
        history: where its calls are noted.
    """

    def __init__(self, store: Any, history: History) -> None:
        self._store, self._history = store, history

    def __len__(self) -> int:
        return len(self._store)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._store, name)
        return self._noted(name, value) if callable(value) else value

    def _noted(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            # An iterator can be read once, and that is for the store.
            values = tuple(
                list(value) if isinstance(value, Iterator) and name == "append" else value for value in values
            )
            given = [*map(_short, values), *(f"{key}={_short(value)}" for key, value in named.items())]
            noted = self._history.began(f"{name}({', '.join(given)})")
            try:
                result = method(*values, **named)
            except BaseException as error:
                noted[1] = f"{type(error).__name__}: {error}"
                raise
            if isinstance(result, Iterator):
                return _read(result, noted)
            noted[1] = _short(result)
            return result

        return call


def _read(result: Iterator[Any], noted: list[str]) -> Iterator[Any]:
    count, shown = 0, list[str]()
    noted[1] = "[], not read further"
    try:
        for item in result:
            count += 1
            if count <= _SHOWN:
                shown.append(_short(item))
            noted[1] = f"[{', '.join(shown)}{', ...' if count > _SHOWN else ''}], {count} so far"
            yield item
    except Exception as error:
        noted[1] = f"{count} and then {type(error).__name__}: {error}"
        raise
    noted[1] = f"[{', '.join(shown)}{f', ... {count} in all' if count > _SHOWN else ''}]"


def _short(value: Any) -> str:
    match value:
        case Event():
            key = "" if value.key is None else f" key={value.key!r}"
            return f"{getattr(value, 'named', value.type)} {_short(value.id)}{key}"
        case Recorded():
            return f"{value.position}: {_short(value.event)}"
        case list() | tuple():
            more = ", ..." if len(value) > _SHOWN else ""
            return f"[{', '.join(_short(one) for one in value[:_SHOWN])}{more}]"
        case bytes() if len(value) > _LONG:
            return f"<{len(value)} bytes>"
        case _:
            text = str(value) if type(value).__name__ == "Query" else repr(value)
            return text if len(text) <= 2 * _LONG else f"{text[:_LONG]}... ({len(text)} characters)"
