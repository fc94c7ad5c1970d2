"""Time limits: when a clock starts, stands still, stops and begins anew, and what it has to say."""

from collections.abc import Iterable, Mapping

import attrs

from crmkit.pipeline.stages import Effect

__all__ = ["Clock"]


def _shares(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(values)


def _effects(values: Effect | str | Iterable[Effect | str]) -> tuple[Effect, ...]:
    given = (values,) if isinstance(values, Effect | str) else values
    return tuple(Effect(value) if isinstance(value, str) else value for value in given)


@attrs.frozen
class Clock:
    """A time limit of a case. Its conditions are texts in FEEL, looked at after every fact of the case.

    Attributes:
        name: unique in its pipeline.
        limit: how long, such as "4 business hours" or "2 days".
        stop: when what was promised is done.
        start: when it begins to run; when the case is opened if None.
        pause: while it stands still.
        resume: when it runs on; as soon as `pause` no longer holds if None.
        reset: when it begins anew, with its whole time: another cycle.
        warn: the shares of the time, in percent, at which to warn.
        effects: what is to be done when it is breached.
        note: what it promises, in words.
    """

    name: str
    limit: str
    stop: str = attrs.field(kw_only=True)
    start: str | None = attrs.field(default=None, kw_only=True)
    pause: str | None = attrs.field(default=None, kw_only=True)
    resume: str | None = attrs.field(default=None, kw_only=True)
    reset: str | None = attrs.field(default=None, kw_only=True)
    warn: tuple[int, ...] = attrs.field(default=(), converter=_shares, kw_only=True)
    effects: tuple[Effect, ...] = attrs.field(default=(), converter=_effects, kw_only=True)
    note: str = attrs.field(default="", kw_only=True)

    @property
    def conditions(self) -> Mapping[str, str]:
        """Its conditions, by their names."""
        parts = {name: getattr(self, name) for name in ("start", "stop", "pause", "resume", "reset")}
        return {name: text for name, text in parts.items() if text is not None}
