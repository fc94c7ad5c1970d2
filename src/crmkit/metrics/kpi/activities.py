"""Contact frequency (K2): visits, calls and proposals by exposure, accounts left alone, and days between."""

from collections.abc import Hashable, Iterator
from typing import ClassVar, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import Coded, Finding
from crmkit.metrics._checks import Floats
from crmkit.metrics._estimates import counts_of, none, shares_of
from crmkit.metrics.estimators import garwood
from crmkit.metrics.kpi._checks import at_least_one, inner_share, names, one_of
from crmkit.metrics.kpi._durations import bin_of, quantiles_of
from crmkit.metrics.kpi._ledgers import latest, periods_of, tallied
from crmkit.metrics.kpi._ratios import clusters_of
from crmkit.metrics.metric import UNUSABLE, About, Cells, Estimate, Metric, Part
from crmkit.metrics.view import View

__all__ = ["ContactDispersion", "ContactInterval", "ContactRate", "Contacts", "Exposure", "Untouched"]

Ints = npt.NDArray[np.int64]
_DAY_US = 86_400_000_000
_SECOND_US = 1_000_000
_DAY_S = 86_400
_NEEDS = ("activity",)
_TRAPS = (
    "what is only planned is no contact",
    "an activity that is listed for several contacts, or twice, is one",
)

#: Whose time is at risk: that of accounts, from their first fact on, or of persons, from their first to their last.
Exposure: TypeAlias = Literal["account", "person"]


@attrs.frozen
class _Contacting(Metric):
    """Contacts with customers.

    Attributes:
        channels: the channels that count: "visit", "proposal" ...; all if empty.
    """

    channels: tuple[str, ...] = attrs.field(default=(), converter=names)

    def _rows(self, view: View) -> Ints:
        """The contacts that count, each once."""
        rows = latest(view, "activity", self.key)
        if not self.channels:
            return rows
        channel = view.ledger(self.key).dimension("channel")
        return rows[channel.recode(self.channels).codes[rows] >= 0]


@attrs.frozen
class Contacts(_Contacting):
    """How many contacts there were; `by=["channel"]` parts them."""

    about: ClassVar[About] = About(
        key="contacts",
        en="Contacts",
        zh="客户接触次数",
        mission="K2",
        unit="contacts",
        better="more",
        grain="activity that was done",
        formula="Number of activities done in the period.",
        source="count; exact Poisson interval, Garwood 1936",
        needs=_NEEDS,
        absent="zero",
        traps=_TRAPS,
    )

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Activities."""
        yield tallied(view, self._rows(view))

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Counts."""
        return counts_of(cells.sum("n"), level)


@attrs.frozen
class _Exposed(_Contacting):
    """Contacts by the time in which they could have been.

    Attributes:
        exposure: whose time it is.
        per_days: the days to which the rate refers.
    """

    exposure: Exposure = attrs.field(default="account", validator=one_of("account", "person"))
    per_days: int = attrs.field(default=7, validator=at_least_one)

    @property
    def reads(self) -> Hashable:
        """How many days a rate is of changes no count."""
        return type(self).parts, self.channels, self.exposure

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Contacts and seconds at risk, by account or person."""
        ledger = view.ledger(self.key)
        units = ledger.customers if self.exposure == "account" else ledger.who
        rows = self._rows(view)
        known = ~units.missing[rows]
        if not known.all():
            yield tallied(view, rows[~known], UNUSABLE)
            yield Finding(None, self.exposure, f"activity without {self.exposure}", int((~known).sum()))
        yield tallied(view, rows[known], "n", {"cluster": units[rows[known]]})
        first, begin, end = _at_risk(view, units, lasting=self.exposure == "account")
        edges = view.buckets.edges
        span = np.maximum(begin, edges[:-1, None]), np.minimum(end, edges[1:, None])
        seconds = (span[1] - span[0]) // _SECOND_US
        if self.exposure == "person":
            seconds = _attended(view, units[first], span, seconds)
        number, there = np.nonzero(seconds > 0)
        yield Part(
            name="exposure",
            table="ledger",
            rows=first[there],
            period=Coded(number.astype(np.int32), view.buckets.names),
            weights=seconds[number, there],
            keys={"cluster": units[first[there]]},
        )


def _at_risk(view: View, units: Coded, *, lasting: bool) -> tuple[Ints, Ints, Ints]:
    """The first row of each account or person, and from when to when they are at risk.

    Args:
        view: the facts.
        units: the account or person of each row of the ledger.
        lasting: whether they are at risk until observation ends, or until their last fact.
    """
    ledger = view.ledger("contact_rate")
    rows = np.flatnonzero(~units.missing & (ledger.at <= view.until))
    rows = rows[np.lexsort((ledger.at[rows], units.codes[rows]))]
    codes = units.codes[rows]
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1])[: len(codes)])
    first, last = rows[starts], rows[np.append(starts[1:], len(rows))[: len(starts)] - 1]
    end = np.full(len(first), view.until) if lasting else ledger.at[last]
    # The day of the last fact is one at risk: a person with one contact has a day, not none.
    return first, ledger.at[first], end if lasting else np.minimum(end + _DAY_US, view.until + 1)


def _attended(view: View, people: Coded, span: tuple[Ints, Ints], seconds: Ints) -> Ints:
    """Seconds at risk of each period and person, less where they work less than the hours of the company.

    Who works none of the hours in a span is not at risk in it.
    """
    full, own = view.facts.hours, view.facts.attendance
    if full is None or not own:
        return seconds
    made = seconds.copy()
    for column, code in enumerate(people.codes.tolist()):
        calendar = own.get(people.values[code])
        if calendar is None:
            continue
        start, end = (np.minimum(edge[:, column], span[1][:, column]) for edge in span)
        all_, mine = full.elapsed_us(start, end), calendar.elapsed_us(start, end)
        share = np.divide(mine, all_, out=np.zeros(len(all_)), where=all_ > 0)
        made[:, column] = np.round(seconds[:, column] * share).astype(np.int64)
    return made


def _dispersion(top: Ints, exposure: Ints) -> float:
    """Pearson's chi-square by degree of freedom of counts that have one rate; NaN for fewer than two."""
    held = exposure > 0
    n, e = top[held].astype(np.float64), exposure[held].astype(np.float64)
    if len(n) < 2 or n.sum() == 0:
        return np.nan
    expected = e * n.sum() / e.sum()
    return float(((n - expected) ** 2 / expected).sum() / (len(n) - 1))


@attrs.frozen
class ContactRate(_Exposed):
    """Contacts for each account or person in so many days."""

    about: ClassVar[About] = About(
        key="contact_rate",
        en="Contact frequency",
        zh="客户接触频率",
        mission="K2",
        unit="contacts",
        better="more",
        grain="account (from its first fact on) or person (from the first to the last fact)",
        formula="Activities done / days at risk x the days of the rate.",
        source="rate; Garwood 1936, widened by the over-dispersion phi of the accounts or persons (quasi-Poisson)",
        needs=_NEEDS,
        traps=(
            *_TRAPS,
            "accounts without a contact are at risk, too",
            "contacts come in clusters: Poisson limits alone would be too narrow (see contact_dispersion)",
            "who works part of the time, or is on leave, has less of it: give Facts.attendance",
            "group by what an account or a person has; a channel has no time of its own, so use channels=",
        ),
    )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Garwood, on as many events as the over-dispersion leaves."""
        n, days = cells.sum("n"), cells.sum("exposure") / (_DAY_S * self.per_days)
        phi = np.maximum(np.nan_to_num(_dispersions(cells), nan=1.0), 1.0)
        known = days > 0
        held = np.where(known, days, 1.0)
        low, high = garwood(np.where(known, n, 0) / phi, held / phi, level=level)
        value, low, high = (np.where(known, column, np.nan) for column in (n / held, low, high))
        return Estimate(value=value, low=low, high=high, n=n, method="rate, garwood widened by over-dispersion")


@attrs.frozen
class ContactDispersion(_Exposed):
    """How unevenly contacts are spread."""

    about: ClassVar[About] = About(
        key="contact_dispersion",
        en="Over-dispersion of contacts",
        zh="接触频率离散度",
        mission="K2",
        unit="phi",
        better="neither",
        grain="account or person",
        formula="Pearson's chi-square of contacts by days at risk / degrees of freedom; 1 is as even as chance is.",
        source="McCullagh & Nelder 1989, section 6.2.3",
        needs=_NEEDS,
        traps=_TRAPS,
    )

    def estimate(self, cells: Cells, level: float) -> Estimate:  # noqa: ARG002 - it has no interval here
        """Chi-squares."""
        size = len(cells)
        return Estimate(value=_dispersions(cells), low=none(size), high=none(size), n=cells.sum("n"), method="pearson")


def _dispersions(cells: Cells) -> Floats:
    found = [_dispersion(top, exposure) for top, exposure, _ in clusters_of(cells, ("n", "exposure"))]
    return np.array(found, np.float64)


@attrs.frozen
class Untouched(_Contacting):
    """The share of accounts that nobody has been in touch with for a while.

    Attributes:
        days: the while.
    """

    about: ClassVar[About] = About(
        key="untouched",
        en="Accounts not touched",
        zh="未触达客户占比",
        mission="K2",
        unit="share",
        better="less",
        grain="account that has any fact by the end of the period",
        formula="Accounts without an activity in the days before the end of the period / accounts.",
        source="proportion; Wilson 1927",
        needs=_NEEDS,
        traps=(*_TRAPS, "accounts without any contact count", "a stock at the end of its period"),
    )

    days: int = attrs.field(default=30, validator=at_least_one)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Each account at each end, by whether it was touched."""
        ledger = view.ledger(self.key)
        first, begin, _ = _at_risk(view, ledger.customers, lasting=True)
        rows = self._rows(view)
        rows = rows[~ledger.customers.missing[rows]]
        for number, edge in enumerate(view.buckets.edges[1:].tolist()):
            if view.buckets.edges[number] > view.until:
                return
            end = min(edge, view.until + 1)
            recent = rows[(ledger.at[rows] < end) & (ledger.at[rows] >= end - self.days * _DAY_US)]
            touched = np.zeros(len(ledger.customers.values), np.bool_)
            touched[ledger.customers.codes[recent]] = True
            there = first[begin < end]
            codes = touched[ledger.customers.codes[there]].astype(np.int32)
            period = Coded(np.full(len(there), number, np.int32), view.buckets.names)
            keys = {"end": Coded(codes, ("untouched", "touched"))}
            yield Part(name="accounts", table="ledger", rows=there, period=period, keys=keys)

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Wilson."""
        return shares_of(cells.ended("accounts", "untouched"), cells.sum("accounts"), level)


@attrs.frozen
class ContactInterval(_Contacting):
    """How long it is from one contact with an account to the next.

    Attributes:
        share: by when this share has been contacted again; 0.5 is the median.
    """

    about: ClassVar[About] = About(
        key="contact_interval",
        en="Days between contacts",
        zh="接触间隔天数（中位数）",
        mission="K2",
        unit="days",
        better="less",
        grain="contact, by its period",
        formula="Days until the account is contacted again, for the share of contacts.",
        source="Kaplan & Meier 1958; log-log limits, Brookmeyer & Crowley 1982",
        needs=_NEEDS,
        traps=(*_TRAPS, "after the last contact the account is still waiting: censored, not left out"),
    )

    share: float = attrs.field(default=0.5, validator=inner_share)

    def parts(self, view: View) -> Iterator[Part | Finding]:
        """Days from each contact to the next, or so far."""
        ledger = view.ledger(self.key)
        rows = self._rows(view)
        rows = rows[~ledger.customers.missing[rows]]
        rows = rows[np.lexsort((ledger.at[rows], ledger.customers.codes[rows]))]
        codes = ledger.customers.codes[rows]
        again = np.append(codes[1:] == codes[:-1], False)[: len(codes)]
        then = np.where(again, np.append(ledger.at[rows][1:], 0)[: len(rows)], view.until)
        yield Part(
            name="gaps",
            table="ledger",
            rows=rows,
            period=periods_of(view, rows),
            bins=bin_of((then - ledger.at[rows]) // _DAY_US),
            keys={"end": Coded(np.where(again, 0, -1).astype(np.int32), ("again",))},
        )

    def estimate(self, cells: Cells, level: float) -> Estimate:
        """Kaplan-Meier."""
        return quantiles_of(cells, "gaps", "again", self.share, level)
