"""Columns of texts to columns of instants."""

import gzip
import pathlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import AmbiguousDates, CrmkitError, InputError, InvalidValue
from crmkit.journal._coded import Coded, code
from crmkit.journal._csv import decode_csv
from crmkit.journal._times import Instants, localise, parse_instants
from crmkit.values._instants import civil_midnight

_DATA = pathlib.Path(__file__).parents[2].parent / "shared" / "data"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BERLIN = ZoneInfo("Europe/Berlin")


def _parse(texts: Sequence[str | None], **options: Any) -> Instants:
    rows = np.arange(2, len(texts) + 2)
    return parse_instants(code(texts), rows=rows, name="deals.csv", column_name="at", **options)


def _outcome(texts: Sequence[str | None], **options: Any) -> Instants | str:
    try:
        return _parse(texts, **options)
    except CrmkitError as error:
        return str(error)


def _instants(read: Instants) -> list[datetime | None]:
    return [
        _EPOCH + timedelta(microseconds=m) if ok else None for m, ok in zip(read.micros.tolist(), read.ok, strict=True)
    ]


def _days(read: Instants) -> list[str | None]:
    return [at and at.date().isoformat() for at in _instants(read)]


def _column(path: str, name: str) -> tuple[Coded, np.ndarray]:
    file = _DATA / path
    if not file.exists():
        pytest.skip(f"the shared file {path} is absent")
    with gzip.open(file) as stream:
        table = decode_csv(stream, columns=[name])
    return table.column(name), table.rows


def test_forms_mix_and_missing_cells_stay_missing():
    """ISO dates, month names and Chinese dates share a column; a missing cell is not ok and no finding."""
    read = _parse(["2024-01-31", None, "31 Jan 2024", "2024年1月31日", "1706659200", None])
    assert _days(read) == ["2024-01-31", None, "2024-01-31", "2024-01-31", "2024-01-31", None]
    assert read.micros[1] == 0
    assert read.findings == ()
    assert read.micros.dtype == np.int64
    assert read.ok.dtype == np.bool_


def test_a_slice_of_a_column_reads_only_its_own_texts():
    """Texts that are in the dictionary but in no row neither decide nor fail anything."""
    column = code(["03/04/2026", "31/01/2024", "garbage"])[np.array([1])]
    read = parse_instants(column, rows=np.array([3]), name="x", column_name="at")
    assert _days(read) == ["2024-01-31"]
    assert read.findings == ()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["03/04/2026", "31/01/2024"], ["2026-04-03", "2024-01-31"]),
        (["03/04/2026", "01/31/2024"], ["2026-03-04", "2024-01-31"]),
        (["03.04.26", "31.01.24"], ["2026-04-03", "2024-01-31"]),
        (["06-02-03", "99-12-31"], ["2006-02-03", "1999-12-31"]),
        (["03-03-2024"], ["2024-03-03"]),
        (["31/01/2024", "01/31/2024"], ["2024-01-31", "2024-01-31"]),
        (["2024/04/03", "2024-04-03"], ["2024-04-03", "2024-04-03"]),
    ],
)
def test_the_column_decides_the_order_of_day_and_month(texts, expected):
    """One value that allows a single reading decides for all; values with one reading need no decision."""
    assert _days(_parse(texts)) == expected


def test_an_undecided_order_shows_both_readings():
    """If no value decides, the first such text is shown with both readings, its row, and what to say."""
    with pytest.raises(AmbiguousDates) as caught:
        _parse(["2026-01-01", "03/04/2026", "05/06/2026"])
    error = caught.value
    assert (error.row, error.column, error.source) == (3, "at", "deals.csv")
    assert error.reason == "03/04/2026 is 3 April (dmy) or 4 March (mdy)"
    assert error.remedy.startswith("say --dates dmy or --dates mdy")


def test_contradicting_evidence_is_shown_with_one_of_each():
    """If some values allow only one order and some only the other, ambiguous ones are refused."""
    with pytest.raises(
        AmbiguousDates, match=r"31/01/2024 \(row 3\) can only be dmy, but 01/31/2024 \(row 4\) can only be mdy"
    ):
        _parse(["03/04/2026", "31/01/2024", "01/31/2024"])


def test_a_told_order_is_obeyed_and_misfits_are_findings():
    """With an order given nothing is guessed, and a value that does not fit is dropped with its row."""
    read = _parse(["03/04/2026", "31/01/2024", "2024-01-31", "04/15/2026", "04/15/2026"], order="mdy")
    assert _days(read) == ["2026-03-04", None, "2024-01-31", "2026-04-15", "2026-04-15"]
    assert [(f.row, f.count, f.example, f.dropped) for f in read.findings] == [(3, 1, "31/01/2024", True)]
    assert _days(_parse(["06-02-03"], order="ymd")) == ["2006-02-03"]
    assert _days(_parse(["03/04/2026"], order="dmy")) == ["2026-04-03"]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.dates(min_value=date(1970, 1, 1), max_value=date(2060, 1, 1)), min_size=1, max_size=8),
    st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m-%d-%Y"]),
)
def test_an_order_is_never_guessed_wrong(days, form):
    """Whatever dates are written in one order: they come back right, or their order is asked for."""
    try:
        read = _parse([day.strftime(form) for day in days])
    except AmbiguousDates:
        assert all(day.day <= 12 for day in days)
        return
    assert _days(read) == [day.isoformat() for day in days]


def test_days_begin_at_midnight_of_the_zone():
    """A day without a time is a civil day: midnight in the zone, UTC if there is none, and the style says which."""
    assert _instants(_parse(["2024-07-01"])) == [datetime(2024, 7, 1, tzinfo=UTC)]
    assert _instants(_parse(["2024-07-01"], tz=_BERLIN)) == [datetime(2024, 6, 30, 22, tzinfo=UTC)]
    assert "midnight UTC" in _parse(["2024-07-01"]).style
    assert "midnight in Europe/Berlin" in _parse(["2024-07-01"], tz=_BERLIN).style


def test_a_day_whose_midnight_is_skipped_begins_later_and_is_no_finding():
    """In São Paulo 2018-11-04 began at 01:00 (tz database); the day exists, so nothing is repaired."""
    zone = ZoneInfo("America/Sao_Paulo")
    read = _parse(["2018-11-04"], tz=zone)
    assert read.micros.tolist() == [civil_midnight(date(2018, 11, 4), zone)]
    assert read.findings == ()


def test_a_time_without_a_zone_is_refused():
    """A time that does not say its zone needs one; the first such row is named. Offsets and epochs need none."""
    with pytest.raises(InputError, match="--tz Europe/Berlin") as caught:
        _parse(["2024-01-31", "2024-01-31T14:05Z", "31.01.2024 14:05", "2024-01-31 15:00"])
    assert (caught.value.row, caught.value.column) == (4, "at")
    read = _parse(["2024-01-31T14:05Z", "2024-01-31 15:05+01:00", "1706709900", "1706709900000"])
    assert set(_instants(read)) == {datetime(2024, 1, 31, 14, 5, tzinfo=UTC)}


def test_skipped_and_repeated_local_times_are_repaired_and_stated():
    """In Berlin 02:30 was skipped on 2024-03-31 and occurred twice on 2024-10-27."""
    read = _parse(["2024-03-31 02:30", "2024-10-27 02:30", "2024-10-27 02:30", "2024-10-27 03:30"], tz=_BERLIN)
    skipped, first = datetime(2024, 3, 31, 1, 30, tzinfo=UTC), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    assert _instants(read) == [skipped, first, first, datetime(2024, 10, 27, 2, 30, tzinfo=UTC)]
    assert skipped.astimezone(_BERLIN).hour == 3
    assert [(f.row, f.count, f.dropped, f.reason.split(";")[0]) for f in read.findings] == [
        (2, 1, False, "is a local time that the clocks skip"),
        (3, 2, False, "is a local time that occurs twice"),
    ]


_ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "Africa/Monrovia", "Asia/Kathmandu",
     "America/Sao_Paulo", "Pacific/Apia", "Europe/Dublin", "Africa/Casablanca", "UTC"]
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    _ZONES,
    st.lists(st.datetimes(datetime(1880, 1, 1), datetime(2100, 1, 1)), max_size=30),  # noqa: DTZ001 - local times
    st.integers(1900, 2037),
)
def test_localising_agrees_with_zoneinfo_value_by_value(key, times, year):
    """The vectorised offsets are those of datetime with fold=0, also around each change of the clocks in a year."""
    zone = ZoneInfo(key)
    start = datetime(year, 1, 1, tzinfo=UTC)
    hours = [start + timedelta(hours=h) for h in range(0, 8760, 6)]
    changes = [b for a, b in pairwise(hours) if a.astimezone(zone).utcoffset() != b.astimezone(zone).utcoffset()]
    for change in changes:
        near = change.astimezone(zone).replace(tzinfo=None)
        times = [*times, *(near + timedelta(minutes=7 * m) for m in range(-90, 30))]
    local = np.array([(at.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) for at in times], dtype=np.int64)
    micros, findings = localise(local, zone, rows=np.arange(len(times)), column_name="at")
    aware = [at.replace(tzinfo=zone) for at in times]
    assert micros.tolist() == [(at - _EPOCH) // timedelta(microseconds=1) for at in aware]
    back = [at.astimezone(UTC).astimezone(zone).replace(tzinfo=None) for at in aware]
    skipped = sum(a != b for a, b in zip(back, times, strict=True))
    odd = sum(at.utcoffset() != at.replace(fold=1).utcoffset() for at in aware)
    counts = {finding.reason.split(";")[0]: finding.count for finding in findings}
    assert counts.get("is a local time that the clocks skip", 0) == skipped
    assert counts.get("is a local time that occurs twice", 0) == odd - skipped


def test_a_change_inside_a_quarter_of_an_hour_is_exact():
    """Monrovia went from -00:44:30 to UTC at 1972-01-07 00:00 local time (tz database): the gap ends at 00:44:30."""
    read = _parse(["1972-01-06 23:59:59", "1972-01-07 00:44:29", "1972-01-07 00:44:30"], tz=ZoneInfo("Africa/Monrovia"))
    ends = [datetime(1972, 1, 7, 0, 44, 29, tzinfo=UTC), datetime(1972, 1, 7, 1, 28, 59, tzinfo=UTC)]
    assert _instants(read) == [*ends, datetime(1972, 1, 7, 0, 44, 30, tzinfo=UTC)]
    assert [(f.row, f.count) for f in read.findings] == [(3, 1)]


def test_localise_leaves_out_what_is_no_time_and_survives_far_years():
    """Rows that are not ok become 0, and years that datetime cannot hold get the nearest offset."""
    local = np.array([0, 10**18, -(10**18)])
    micros, _ = localise(
        local, timezone(timedelta(hours=1)), rows=local, column_name="at", ok=np.array([False, True, True])
    )
    assert micros.tolist() == [0, 10**18 - 3_600_000_000, -(10**18) - 3_600_000_000]


def test_a_zone_without_an_offset_is_refused():
    """A tzinfo that does not know its offset is a clear error."""

    class Nowhere(tzinfo):
        def utcoffset(self, dt: datetime | None) -> None:
            return None

    with pytest.raises(InvalidValue, match="offset from UTC"):
        _parse(["2024-01-31 14:05"], tz=Nowhere())


def test_unreadable_texts_are_grouped_by_reason():
    """Each reason is one finding with its first row, its text and the number of rows."""
    read = _parse(["?", "2024-02-30", "9999-12-31", "?", "soon", "45322", "1200-01-01", "2024-01-31"])
    found = {f.reason: (f.row, f.count, f.example, f.dropped) for f in read.findings}
    assert found == {
        "is no date or time in a known form": (2, 3, "?", True),
        "names a day or time that does not exist": (3, 1, "2024-02-30", True),
        "has a year outside 1677 to 2262": (4, 2, "9999-12-31", True),
        "looks like the day number of a spreadsheet; export the column as dates": (7, 1, "45322", True),
    }
    assert read.ok.tolist() == [False] * 7 + [True]
    assert not read.micros[:7].any()


def test_the_style_states_every_guess():
    """The style names forms, the deciding text, the century and the cut digits."""
    style = _parse(["1/31/24", "2-Jun-06", "2024-01-31T00:00:00.123456789Z"]).style
    for part in ("month, day, year, because of 1/31/24", "19xx", "cut off", "ISO 8601", "month's name"):
        assert part in style
    assert "as told" in _parse(["01/02/2024"], order="dmy").style
    assert _parse([]).style == _parse(["?"]).style == "nothing read"


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.none()
        | st.text(max_size=12)
        | st.from_regex(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}( \d\d:\d\d)?", fullmatch=True),
        max_size=8,
    ),
    st.sampled_from([None, "dmy", "mdy", "ymd"]),
    st.sampled_from([None, _BERLIN]),
)
def test_any_texts_are_instants_findings_or_a_clear_error(texts, order, tz):
    """Every cell is missing, an instant or part of a finding; nothing else can happen."""
    read = _outcome(texts, order=order, tz=tz)
    if isinstance(read, str):
        assert read
        return
    dropped = sum(f.count for f in read.findings if f.dropped)
    assert int(read.ok.sum()) + dropped + texts.count(None) == len(texts)


def test_the_usaid_dates():
    """Quote dates month first, 2,681 cells with words, and delivery dates such as 2-Jun-06 (USAID SCMS)."""
    path = "sales/usaid_scms/SCMS_Delivery_History_Dataset.csv.gz"
    column, rows = _column(path, "PQ First Sent to Client Date")
    quoted = parse_instants(column, rows=rows, name="scms", column_name="quoted")
    assert int(quoted.ok.sum()) == 10_324 - 2_681
    assert [(f.count, f.example) for f in quoted.findings] == [(2_681, "Pre-PQ Process")]
    ordered = parse_instants(_column(path, "PO Sent to Vendor Date")[0], rows=rows, name="scms", column_name="ordered")
    both = quoted.ok & ordered.ok
    lags = (ordered.micros - quoted.micros)[both] // 86_400_000_000
    assert (int(both.sum()), float(np.median(lags)), int((lags < 0).sum())) == (3_842, 24.0, 5)
    delivered = parse_instants(_column(path, "Delivered to Client Date")[0], rows=rows, name="scms", column_name="d")
    promised = parse_instants(_column(path, "Scheduled Delivery Date")[0], rows=rows, name="scms", column_name="p")
    assert delivered.ok.all()
    assert int((delivered.micros > promised.micros).sum()) == 1_186


def test_the_incident_dates():
    """Day first with dashes, found out from the column; "?" is a finding (UCI incident log)."""
    column, rows = _column("service/uci_incidents/incident_event_log_5998_ddmmyyyy_dash.csv.gz", "sys_created_at")
    read = parse_instants(column, rows=rows, name="incidents", column_name="created", tz=UTC)
    assert int(read.ok.sum()) == 4_370
    assert [(f.example, f.count) for f in read.findings] == [("?", 1_628)]
    assert _instants(read)[0] == datetime(2016, 2, 29, 1, 23, tzinfo=UTC)


def test_the_receipt_times():
    """8,577 times with offsets of Amsterdam's summer and winter are read without a zone (receipt log)."""
    column, rows = _column("logs/receipt/receipt_flat.csv.gz", "time:timestamp")
    read = parse_instants(column, rows=rows, name="receipt", column_name="at")
    assert read.ok.all()
    assert read.findings == ()
    assert _instants(read) == [datetime.fromisoformat(text or "") for text in column.decode()]
