"""The command about what comes: the forecast of an export, and its track record."""

from datetime import UTC
from typing import Annotated, Any

import attrs
import numpy as np
import typer

from crmkit._answers import exact, rows, say, whole, write_json
from crmkit._commands import (
    Wanted,
    _instant,
    _journal,
    _list,
    _order,
    _pipeline,
    _table,
    _told_of_tomorrow,
)
from crmkit._options import (
    Amount,
    AsJson,
    AsOf,
    At,
    Case,
    Closed,
    Dates,
    Every,
    Files,
    Level,
    Lost,
    Opened,
    OutcomeColumn,
    PipelineFile,
    StageColumn,
    Stages,
    Who,
    Won,
    Zone,
)
from crmkit._progress import step
from crmkit.metrics.backtest import Backtest, backtest
from crmkit.metrics.forecast import Forecast, forecast
from crmkit.values import zone

__all__ = ["forecast_"]


def forecast_(
    files: Files,
    *,
    case: Case = None,
    stage: StageColumn = None,
    at: At = None,
    opened: Opened = None,
    closed: Closed = None,
    outcome: OutcomeColumn = None,
    who: Who = None,
    amount: Amount = None,
    pipeline: PipelineFile = None,
    stages: Stages = None,
    won: Won = None,
    lost: Lost = None,
    as_of: AsOf = None,
    horizon: Annotated[int, typer.Option(metavar="DAYS", help="Days to look ahead.")] = 90,
    every: Every = "month",
    by_who: Annotated[bool, typer.Option("--by-who", help="Open deals of each person, too.")] = False,
    level: Level = 0.8,
    tested: Annotated[bool, typer.Option("--backtest", help="Also what it would have said at earlier cuts.")] = False,
    tz: Zone = None,
    dates: Dates = None,
    as_json: AsJson = False,
) -> None:
    """Forecast what will be won, with its uncertainty and its track record."""
    wanted = Wanted(
        case, stage, at, opened, closed, outcome, {}, who, amount, _list(stages), _list(won), _list(lost), tz,
        _order(dates), "en",
    )  # fmt: skip
    wanted.check()
    process = _pipeline(pipeline)
    moment = None if as_of is None else _instant(as_of, zone(tz) if tz else UTC)
    name = ", ".join(file.name for file in files)
    journal = _told_of_tomorrow(_journal(_table(files, wanted), name, wanted, process, moment))
    shared: dict[str, Any] = {
        "stages": process or wanted.order(journal), "won": wanted.closing("won", journal, process),
        "lost": wanted.closing("lost", journal, process), "horizon": horizon,
    }  # fmt: skip
    with step("forecasting"):
        made = forecast(
            journal, **shared, every=every or "month", by="who" if by_who else None, level=level, tz=tz or "UTC"
        )
    # The bootstrap of the skill: the same file gives the same answer.
    with step("looking back"):
        past = backtest(journal, **shared, rng=np.random.default_rng(1)) if tested else None
    if as_json:
        write_json(_plain_forecast(made, past) | {"findings": [str(one) for one in journal.findings]})
        return
    policies = "\n".join(f"{key}: {text}" for key, text in made.policies.items())
    say([whole(made), policies, *([] if past is None else [whole(past)]), *map(str, journal.findings)])


def _plain_forecast(made: Forecast, past: Backtest | None) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "schema": "crmkit-forecast-1", "at": made.at, "horizon": made.horizon, "unit": made.unit,
        "level": made.level, "total": exact(attrs.asdict(made.total)), "periods": _listed(made.periods),
        "segments": _listed(made.segments), "deals": _listed(made), "track": _listed(made.track),
        "policies": made.policies, "definition": made.definition, "backtest": None,
    }  # fmt: skip
    if past is not None:
        plain["backtest"] = {
            "cuts": _listed(past), "methods": _listed(past.methods), "calibration": _listed(past.calibration),
            "coverage": _listed(past.coverage), "wape": past.wape, "bias": past.bias, "pinball": past.pinball,
            "crps": past.crps,
            "line": None if past.line is None else attrs.asdict(past.line),
            "drift": attrs.asdict(past.drift) | {"alarm": past.drift.alarm}, "n": past.n,
            "definition": past.definition,
        }  # fmt: skip
    return plain


def _listed(found: Any) -> list[dict[str, Any]]:
    return [exact(row) for row in rows(found)]
