"""The command about figures: KPIs of exports, by groups and periods, with what each rests on."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC
from glob import escape
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

import attrs
import typer

from crmkit._answers import rows, say, whole, write_json
from crmkit._commands import _instant, _list, _order, _pipeline
from crmkit._kpi_files import JOURNALS, KINDS, Asked, Columns, Files, load
from crmkit._options import (
    Amount,
    AsJson,
    AsOf,
    At,
    BusinessTime,
    Case,
    Closed,
    ColumnNames,
    Currency,
    Dates,
    Every,
    Lang,
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
    language_of,
)
from crmkit._process_commands import _calendar
from crmkit._progress import step
from crmkit.adapters.files import read_rates
from crmkit.errors import InputError, NotFound
from crmkit.journal import Finding, Frameable, summarise
from crmkit.metrics import Facts, measure
from crmkit.metrics.figures import Figure, Figures
from crmkit.metrics.kpi import CATALOGUE, named
from crmkit.metrics.metric import Metric
from crmkit.values import Every as TimeUnit
from crmkit.values import Money, zone

__all__ = ["kpi_"]


def _known(incomplete: str) -> list[str]:
    """What completes a KPI, a kind of file, or a file."""
    names = [metric.key for metric in CATALOGUE] + [f"{kind}=" for kind in (*JOURNALS, *KINDS)]
    paths = [str(path) for path in Path().glob(f"{escape(incomplete)}*")]
    return [name for name in names if name.startswith(incomplete)] + paths


Words: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]... [[KIND=]FILE]...",
        help="KPIs by name (all that the files are enough for, if none), a policy as win_rate:horizon_days=180; "
        f"then CSV, TSV or Parquet. KIND: {', '.join(JOURNALS)} for stage changes, or what each row is: "
        f"{', '.join(KINDS)}. Nothing lists the names.",
        show_default=False,
        autocompletion=_known,
    ),
]
By: TypeAlias = Annotated[str | None, typer.Option(metavar="A,B,C", help="Columns to group by: who,region.")]
Versus: TypeAlias = Annotated[
    str | None, typer.Option(metavar="GROUP", help="Compare with: previous, or a group as region=North.")
]
Convert: TypeAlias = Annotated[
    str | None, typer.Option("--convert-to", metavar="CODE", help="Currency to convert to, with --rates.")
]
Rates: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Rates as CSV: day,base,quote,value; or as the ECB publishes them, in units per euro."
    ),
]


def kpi_(
    words: Words = None,
    *,
    by: By = None,
    every: Every = None,
    versus: Versus = None,
    case: Case = None,
    stage: StageColumn = None,
    at: At = None,
    opened: Opened = None,
    closed: Closed = None,
    outcome: OutcomeColumn = None,
    who: Who = None,
    amount: Amount = None,
    column: ColumnNames = None,
    currency: Currency = None,
    convert: Convert = None,
    rates: Rates = None,
    calendar: BusinessTime = None,
    pipeline: PipelineFile = None,
    stages: Stages = None,
    won: Won = None,
    lost: Lost = None,
    as_of: AsOf = None,
    tz: Zone = None,
    dates: Dates = None,
    level: Level = 0.95,
    lang: Lang = "en",
    as_json: AsJson = False,
) -> None:
    """Measure KPIs: a table of figures with their limits, what they rest on, and what could not be used."""
    language = language_of(lang)
    chosen, files = _split(words or [])
    if not files:
        _catalogue(chosen, as_json=as_json)
        return
    places = {"case": case, "stage": stage, "at": at, "opened": opened, "closed": closed, "outcome": outcome}
    asked = Asked(
        Columns.of({**places, "who": who, "amount": amount}, column or ()), _list(by), _list(stages), _list(won),
        _list(lost), _pipeline(pipeline), currency, tz, _order(dates),
        None if as_of is None else _instant(as_of, zone(tz) if tz else UTC),
    )  # fmt: skip
    read = load(files, asked)
    money: dict[str, Any] = {"currency": _only(read, currency), **_money(read, convert, rates, calendar)}
    facts = Facts(**read.facts, **money, tz=tz or "UTC")
    metrics = _wanted(chosen, read)
    cut: dict[str, Any] = {"by": asked.by, "every": _every(every), "versus": _versus(versus)}
    with step("measuring"):
        figures = measure(facts, metrics, **cut, as_of=asked.as_of, level=level)
    _tell(figures, metrics, read, language, as_json=as_json)


def _tell(made: Figures, metrics: list[Metric], read: Files, language: Literal["en", "zh"], *, as_json: bool) -> None:
    """Print the figures."""
    findings = summarise((*read.findings, *made.findings))
    if as_json:
        write_json(_document(made, metrics, findings, language))
        return
    # An asterisk marks what may still change.
    notes = {"en": "* not over when observation ended", "zh": "* 观察截止时该期间尚未结束"}
    unfinished = [] if all(figure.complete for figure in made) else [notes[language]]
    say([made.to_text(language), *unfinished, *map(str, findings)])


def _split(words: Iterable[str]) -> tuple[list[Metric], dict[str, list[Path]]]:
    """KPIs, and files by their kind ("" if none was given)."""
    chosen, files = list[Metric](), dict[str, list[Path]]()
    known = {metric.key for metric in CATALOGUE}
    for word in words:
        kind, given, path = word.partition("=")
        if given and kind in (*KINDS, *JOURNALS):
            files.setdefault(kind, []).append(Path(path))
        elif word.partition(":")[0] in known:
            chosen.append(_metric(word))
        elif given and not Path(word).exists():
            raise NotFound("kind of file", kind, (*JOURNALS, *KINDS), "KIND=FILE")
        elif Path(word).exists() or Path(word).suffix:
            files.setdefault("", []).append(Path(word))
        else:
            raise NotFound("KPI or file", word, tuple(sorted(known)), "the catalogue")
    return chosen, files


def _wanted(metrics: list[Metric], read: Files) -> list[Metric]:
    """The KPIs that were named, or all for which there are facts."""
    if not metrics:
        enough = [metric for metric in CATALOGUE if read.kinds.issuperset(metric.about.needs)]
        if not enough:
            raise InputError("", "these files are enough for no KPI", "crmkit kpi lists what each needs")
        return enough
    for metric in metrics:
        missing = [need for need in metric.about.needs if need not in read.kinds]
        if missing:
            words = {field: kind for kind, field in JOURNALS.items()}
            needed = [words.get(need, need) for need in missing]
            remedy = f"give {' '.join(f'{need}=FILE' for need in needed)}"
            raise InputError("", f"{metric.key} needs facts that are not there: {', '.join(needed)}", remedy)
    return metrics


def _metric(text: str) -> Metric:
    """A KPI with its usual policies, or with those that are given: KEY:POLICY=VALUE:POLICY=VALUE."""
    key, *policies = text.split(":")
    metric = named(key)
    for policy in policies:
        name, _, value = policy.partition("=")
        if name not in metric.policies:
            raise NotFound("policy", name, tuple(metric.policies), key)
        metric = metric.using(**{name: _value(text, metric.policies[name], value)})
    return metric


def _value(text: str, usual: Any, value: str) -> Any:
    """A policy as its usual value is: a number, a text, or several with commas."""
    if isinstance(usual, int | float):
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not isfinite(number) or (isinstance(usual, int) and number != int(number)):
            raise InputError("", f"{text!r}: {value!r} is no {'whole ' if isinstance(usual, int) else ''}number")
        return int(number) if isinstance(usual, int) else number
    if not isinstance(usual, tuple):
        return value
    return tuple(int(part) if part.isdigit() else part for part in _list(value))


def _every(text: str | None) -> TimeUnit | None:
    if text is None or text in get_args(TimeUnit):
        return text  # type: ignore[return-value] # narrowed by the test above
    raise NotFound("unit of time", text, get_args(TimeUnit), "--every")


def _versus(text: str | None) -> Any:
    if text is None or "=" not in text:
        return text
    name, _, value = text.partition("=")
    return {name: value}


def _only(read: Files, currency: str | None) -> str | None:
    """The currency that was named, if no file has amounts in another."""
    units = read.facts["ledger"].currencies.values if "ledger" in read.facts else ()
    return currency if {*units} <= {currency} else None


def _money(read: Files, convert: str | None, rates: Path | None, calendar: Path | None) -> dict[str, Any]:
    """How amounts are converted and time is counted; refuses to convert without rates, and rates for nothing."""
    if (convert is None) != (rates is None):
        units = read.facts["ledger"].currencies.values if "ledger" in read.facts else ()
        lacking = "--rates FILE" if rates is None else "--convert-to CODE"
        amounts = ", ".join(sorted(units)) or "no currency"
        raise InputError("", f"the files have amounts in {amounts}", f"give {lacking}, too")
    hours = None if calendar is None else _calendar(calendar)
    converted = {} if rates is None else {"currency": convert, "rates": read_rates(rates)}
    return {**converted, "hours": hours}


@attrs.frozen
class _Entry:
    """A KPI, as the list has it."""

    name: str
    mission: str
    unit: str
    needs: str
    en: str
    zh: str


def _catalogue(chosen: list[Metric], *, as_json: bool) -> None:
    """What can be measured, and from what."""
    words = {field: kind for kind, field in JOURNALS.items()}
    entries = Frameable(tuple(
        _Entry(
            metric.key, metric.about.mission, metric.about.unit,
            ", ".join(words.get(need, need) for need in metric.about.needs), metric.about.en, metric.about.zh,
        )
        for metric in (chosen or CATALOGUE)
    ))  # fmt: skip
    if as_json:
        write_json({"schema": "crmkit-kpis-1", "kpis": rows(entries)})
    elif chosen:
        say([*map(_declared, chosen)])
    else:
        say([whole(entries)])


def _declared(metric: Metric) -> str:
    """All that is declared of a KPI."""
    about = metric.about
    policies = ", ".join(f"{name}={value}" for name, value in metric.policies.items())
    rows = {
        about.key: f"{about.en} / {about.zh}", "formula": about.formula, "of": about.grain, "unit": about.unit,
        "better": about.better, "needs": ", ".join(about.needs), "policies": policies or "none",
        "source": about.source, "definition": metric.definition,
    }  # fmt: skip
    return "\n".join([*(f"{name}: {text}" for name, text in rows.items()), *(f"- {trap}" for trap in about.traps)])


def _document(made: Figures, metrics: list[Metric], findings: Iterable[Finding], language: str) -> dict[str, Any]:
    names = {metric.key: metric.about.zh if language == "zh" else metric.about.en for metric in metrics}
    return {
        "schema": "crmkit-kpi-1",
        "metrics": [
            {
                "key": metric.key, "name": names[metric.key], "mission": metric.about.mission,
                "unit": metric.about.unit, "better": metric.about.better, "formula": metric.about.formula,
                "source": metric.about.source,
                "policies": json.loads(json.dumps(metric.policies, default=str)), "definition": metric.definition,
            }
            for metric in metrics
        ],
        "figures": [_figure(figure, names) for figure in made],
        "findings": [attrs.asdict(finding) for finding in findings],
    }  # fmt: skip


def _figure(figure: Figure, names: Mapping[str, str]) -> dict[str, Any]:
    """Exact amounts as texts: a JSON number is a float to its reader. What is unbounded or unknown is null."""
    plain = {field.name: getattr(figure, field.name) for field in attrs.fields(Figure)}
    plain = {name: None if value in (float("inf"), -float("inf")) else value for name, value in plain.items()}
    exact = figure.exact
    text = None if exact is None else f"{exact.amount:f}" if isinstance(exact, Money) else str(exact)
    return plain | {"name": names[figure.metric], "group": dict(figure.group), "exact": text}
