"""Parquet in blocks: the integers of one pass, whatever the files, the blocks and the order of the rows."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.adapters.blocks import ParquetBlocks, last_instant
from crmkit.adapters.files import read_table
from crmkit.errors import InputError, InvalidValue, NotFound
from crmkit.journal import Journal
from crmkit.journal.blocks import Layout
from crmkit.metrics import Conversion, Facts, StageOrder, conversion, measure, transitions
from crmkit.metrics.partials import Kpis, Moves, gather
from crmkit.metrics.sql import Asked
from crmkit.testing.simulate import sales_pipeline, simulate
from crmkit.values import Period, from_micros

LINE = sales_pipeline()
SIMULATED = simulate(n=200, rng=np.random.default_rng(7), people={"wei": 1.0, "li": 2.0}).journal
END = from_micros(SIMULATED.until, UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
STAYS = Layout(case="case", stage="stage", entered="entered", left="left", next="next", who="who", as_of=END)
EVENTS = Layout(case="case", stage="stage", at="at", who="who", as_of=END)
# Event form again, written as intervals without what came next.
UNTOLD = attrs.evolve(STAYS, next=None)


def stays():
    """The simulated stays as a table."""
    return pa.table(SIMULATED.to_dict())


def events():
    """The same as events, in the order of the cases."""
    rows = SIMULATED.to_dict()
    table = pa.table({"case": rows["case"], "stage": rows["stage"], "at": rows["entered"], "who": rows["who"]})
    return table.sort_by([("case", "ascending"), ("at", "ascending")])


def shuffled(table, seed=0):
    """The rows in another order."""
    return table.take(np.random.default_rng(seed).permutation(len(table)))


def whole(table, layout):
    """The journal of one pass."""
    form = attrs.asdict(layout, filter=lambda field, _: field.name not in ("as_of", "stages"))
    return Journal.from_frame(table, **form, as_of=layout.as_of)


def written(folder, table, files=1, **how):
    """The table in some files, which each have several row groups; the folder."""
    for path in folder.glob("*.parquet"):
        path.unlink()
    size = -(-len(table) // files)
    for number in range(files):
        part = table.slice(number * size, size)
        pq.write_table(part, folder / f"part-{number}.parquet", row_group_size=max(1, size // 3), **how)
    return folder


NAMES = st.sampled_from(["a", " b", "b", "", None])
COLUMNS = {
    "case": st.sampled_from(["1", " 1", "2", "3", "\u20034", "4\x1f", None]), "stage": NAMES, "who": NAMES, "next": NAMES,
    "entered": st.one_of(st.none(), st.integers(0, 9).map(lambda day: START + timedelta(days=day))),
    "left": st.one_of(st.none(), st.integers(0, 9).map(lambda day: START + timedelta(days=day))),
}  # fmt: skip
TYPES = {"entered": pa.timestamp("us", "UTC"), "left": pa.timestamp("us", "UTC")}


@st.composite
def tables(draw):
    """Rows with all that can be wrong with them."""
    size = draw(st.integers(1, 20))
    columns = {name: draw(st.lists(kind, min_size=size, max_size=size)) for name, kind in COLUMNS.items()}
    return pa.table({name: pa.array(values, TYPES.get(name, pa.string())) for name, values in columns.items()})


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables(), st.integers(1, 3), st.integers(1, 8), st.sampled_from(["stays", "untold", "events"]))
def test_blocks_count_what_one_pass_counts(tmp_path, table, files, rows, form):
    """Rows that cannot be used, ids with blanks, cases that lie apart: the same counts, and the same findings."""
    at = {"stays": STAYS, "untold": UNTOLD, "events": attrs.evolve(EVENTS, at="entered")}[form]
    layout = attrs.evolve(at, as_of=START + timedelta(days=7))
    blocks = ParquetBlocks(written(tmp_path, table, files), layout, rows=rows)
    found = gather(Moves(), blocks)
    if not found.stays:
        with pytest.raises(InputError, match=r"no row can be used|nothing had happened"):
            whole(table, layout)
        return
    once = whole(table, layout)
    assert found.state == transitions(once)
    assert {*found.findings} == {*once.findings}
    assert found.stays == len(once)


@pytest.mark.parametrize("cases", ["split", "in order", "anywhere"])
@pytest.mark.parametrize("files", [1, 4])
def test_stays_in_blocks(tmp_path, files, cases):
    """Conversion by person of a file in blocks, wherever the rows of a case are said to be."""
    table = stays().sort_by("case") if cases == "in order" else shuffled(stays())
    blocks = ParquetBlocks(written(tmp_path, table, files), STAYS, rows=50, cases=cases)
    metric = Conversion(StageOrder.given(LINE))
    found = gather(metric, blocks)
    assert str(metric.finish(found.state)) == str(conversion(SIMULATED, stages=LINE))
    assert (found.stays, found.findings) == (len(SIMULATED), ())
    assert len([*blocks]) > 3 * (cases != "anywhere")
    assert gather(metric, blocks).state == found.state


@pytest.mark.parametrize(
    ("cases", "rows"), [("in order", 17), ("in order", 100), ("anywhere", 40), ("anywhere", 10**6)]
)
@pytest.mark.parametrize("layout", [EVENTS, UNTOLD], ids=["events", "untold"])
def test_whole_cases(tmp_path, cases, rows, layout):
    """KPIs of cases, from events whose cases are cut by blocks, row groups and files, and none of them twice."""
    ordered = events() if layout is EVENTS else stays().sort_by([("case", "ascending"), ("entered", "ascending")])
    table = ordered if cases == "in order" else shuffled(ordered, 3)
    blocks = ParquetBlocks(written(tmp_path, table, 3), layout, rows=rows, cases=cases, folder=tmp_path)
    seen = [{*journal.cases.decode()} for journal in blocks]
    assert sum(map(len, seen)) == len(set().union(*seen)) == 200
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".parquet"]
    asked = Asked(over=Period(date(2025, 1, 1), date(2026, 1, 1)), every="quarter", by="who", as_of=END, stages=LINE)
    kpis = Kpis(["win_rate", "conversion_cycle", "stage_time", "open_deals"], asked)
    facts = Facts(journal=SIMULATED, stages=LINE)
    once = measure(facts, kpis.metrics, by=["who"], over=asked.over, every="quarter", as_of=END)
    assert str(kpis.finish(gather(kpis, blocks).state).rows) == str(once.rows)


def test_a_case_larger_than_a_block(tmp_path):
    """It is held in one piece, also if rows without a case lie between; the block is as large as it has to be."""
    cases = ["a", "b", "b", None, "b", "b", "b", None, None, "b", "c", None]
    table = pa.table({
        "case": cases, "stage": [*"xyxyxyxyxyxy"], "who": pa.nulls(12), "at": [START + timedelta(days=n) for n in range(12)],
    })  # fmt: skip
    layout = attrs.evolve(EVENTS, as_of=START + timedelta(days=20))
    blocks = ParquetBlocks(written(tmp_path, table), layout, rows=1, cases="in order")
    assert [journal.cases.decode() for journal in blocks if len(journal)] == [["a"], ["b"] * 6, ["c"]]
    assert [str(one) for one in gather(Moves(), blocks).findings] == ["row 4, column 'case': has no case id [4 rows]"]


def test_the_last_instant_of_a_file(tmp_path):
    """It is that of one pass, of usable rows only."""
    until = from_micros(
        Journal.from_frame(stays(), **{n: n for n in ("case", "stage", "entered", "left", "next")}).until, UTC
    )
    assert last_instant(written(tmp_path, shuffled(stays())), STAYS, rows=100) == until
    assert last_instant(written(tmp_path, shuffled(stays())), UNTOLD) == until
    assert last_instant(written(tmp_path, shuffled(events())), EVENTS, rows=100) == until
    late = pa.table(
        {"case": ["1", None], "stage": ["a", "b"], "at": [START, END + timedelta(days=9)], "who": ["x", "x"]}
    )
    assert last_instant(written(tmp_path, late), EVENTS) == START
    with pytest.raises(InputError, match="no row can be used"):
        last_instant(written(tmp_path, late.slice(1)), EVENTS)


FORMS = {
    "categories": lambda t: t.set_column(1, "stage", t["stage"].dictionary_encode()),
    "large texts": lambda t: t.cast(pa.schema([f.with_type(pa.large_string()) if f.type == "string" else f for f in t.schema])),
    "numbers as ids": lambda t: t.set_column(0, "case", pa.array([int(c.as_py()[2:]) for c in t["case"]])),
    "nanoseconds": lambda t: t.set_column(2, "entered", t["entered"].cast(pa.timestamp("ns", "UTC"))),
    "another zone": lambda t: t.set_column(2, "entered", t["entered"].cast(pa.timestamp("us", "Asia/Shanghai"))),
    "no persons": lambda t: t.set_column(5, "who", pa.nulls(len(t))),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cases", ["split", "anywhere"])
def test_one_column_in_many_forms(tmp_path, form, cases):
    """Categories, wide texts, whole numbers, other units and zones, columns of nothing are read as one pass reads them."""
    table = FORMS[form](stays())
    blocks = ParquetBlocks(written(tmp_path, table, 2), STAYS, rows=70, cases=cases)
    assert gather(Moves(), blocks).state == transitions(whole(table, STAYS))


def test_amounts_days_and_dims(tmp_path):
    """Exact amounts, days, and columns to group by that are no texts."""
    table = pa.table({
        "case": [1, 2, 2], "stage": ["a", "a", "b"], "at": pa.array([date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]),
        "worth": pa.array(["1.10", None, "7"]).cast(pa.decimal128(9, 2)), "grade": [1.5, 2.0, None], "hot": [True, False, None],
    })  # fmt: skip
    layout = Layout(
        case="case", stage="stage", at="at", amount="worth", dims=("grade", "hot"), as_of=START + timedelta(days=9)
    )
    (journal,) = ParquetBlocks(written(tmp_path, table), layout, rows=9)
    once = whole(table, layout)
    assert journal == once
    assert journal.amount.tolist() == once.amount.tolist() == [110, once.amount[1], 700]
    assert {name: column.decode() for name, column in journal.dims.items()} == {
        "grade": ["1.5", "2", None], "hot": ["True", "False", None],
    }  # fmt: skip


def test_files_of_a_folder(tmp_path):
    """Files in folders, in the order of their names; what a writer has not finished is left alone; files may be named."""
    table = stays()
    for name, part in (("a/1", table.slice(0, 40)), ("b", table.slice(40)), ("_temporary/x", table), (".c", table)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pq.write_table(part, tmp_path / f"{name}.parquet")
    assert gather(Moves(), ParquetBlocks(tmp_path, STAYS)).state == transitions(SIMULATED)
    named = [tmp_path / "a", str(tmp_path / "b.parquet")]
    assert gather(Moves(), ParquetBlocks(named, STAYS)).state == transitions(SIMULATED)


def test_a_file_without_rows_among_others(tmp_path):
    """A partition may be empty; a table may not."""
    written(tmp_path, stays(), 2)
    pq.write_table(stays().slice(0, 0), tmp_path / "part-0a.parquet")
    for cases in ("split", "anywhere"):
        assert gather(Moves(), ParquetBlocks(tmp_path, STAYS, cases=cases)).state == transitions(SIMULATED)
    with pytest.raises(InputError, match=r"part-0a.parquet: has no rows"):
        ParquetBlocks(tmp_path / "part-0a.parquet", STAYS)


def put(table, name, values):
    """The table with a column of other values."""
    return table.set_column(table.schema.get_field_index(name), name, values)


WRONG = {
    "a column is missing": (lambda t: t.drop_columns("left"), NotFound, r"no column 'left' in .*part-0.parquet"),
    "ids are floats": (lambda t: put(t, "case", pa.array([1.5] * len(t))), InputError, "column 'case': holds double, no names; cast it to text or whole"),
    "stages are days": (lambda t: put(t, "stage", t["entered"]), InputError, "column 'stage': holds timestamp"),
    "times are texts": (lambda t: put(t, "entered", t["case"]), InputError, "part-0.parquet, column 'entered': holds string, no times; cast it to"),
    "ends are numbers": (lambda t: put(t, "left", pa.array([1] * len(t))), InputError, "column 'left': holds int64, no times"),
    "who is a list": (lambda t: put(t, "who", pa.array([["x"]] * len(t))), InputError, "column 'who': holds list"),
    "local times": (lambda t: put(t, "entered", t["entered"].cast(pa.timestamp("us"))), InputError, r"rows 1 to \d+, column 'entered': has times without a zone"),
    "far times": (lambda t: put(t, "entered", pa.array([2**60] * len(t)).cast(pa.timestamp("ms", "UTC"))), InputError, "column 'entered': holds times outside"),
    "lists to group by": (lambda t: t.append_column("tags", pa.array([["x"]] * len(t))), InputError, "column 'tags': holds lists or records"),
    "amounts are texts": (lambda t: t.append_column("worth", t["case"]), InputError, "column 'worth': holds string, no amounts; cast it to numbers"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_table_that_does_not_fit(tmp_path, what):
    """The message names the file, the column and what to do."""
    change, error, said = WRONG[what]
    table = change(stays())
    more = {"dims": "tags"} if "tags" in table.column_names else {}
    more |= {"amount": "worth"} if "worth" in table.column_names else {}
    with pytest.raises(error, match=said):
        [*ParquetBlocks(written(tmp_path, table), attrs.evolve(STAYS, **more))]


def test_files_that_differ(tmp_path):
    """Another type in another file is refused before anything is counted, naming both files; texts in another form are not."""
    written(tmp_path, stays())
    pq.write_table(FORMS["nanoseconds"](stays()), tmp_path / "z.parquet")
    with pytest.raises(
        InputError,
        match=r"z.parquet, column 'entered': holds timestamp\[ns.*, and in .*part-0.parquet it holds timestamp\[us",
    ):
        ParquetBlocks(tmp_path, STAYS)
    pq.write_table(FORMS["numbers as ids"](FORMS["categories"](stays())), tmp_path / "z.parquet")
    assert gather(Moves(None), ParquetBlocks(tmp_path, STAYS)).stays == 2 * len(SIMULATED)
    pq.write_table(stays().drop_columns("who"), tmp_path / "z.parquet")
    with pytest.raises(NotFound, match=r"no column 'who' in .*z.parquet"):
        ParquetBlocks(tmp_path, STAYS)


def test_files_that_are_none(tmp_path):
    """A file of another kind, one that is cut short, none at all, a folder without any."""
    file = tmp_path / "x.parquet"
    with pytest.raises(InputError, match=r"x.parquet: there is no such file"):
        ParquetBlocks(file, STAYS)
    file.write_text("case;stage\n1;a\n")
    with pytest.raises(InputError, match=r"x.parquet: is no readable Parquet file"):
        ParquetBlocks(file, STAYS)
    written(tmp_path, stays())
    cut = tmp_path / "part-0.parquet"
    cut.write_bytes(cut.read_bytes()[:-20])
    with pytest.raises(InputError, match="is no readable Parquet file"):
        ParquetBlocks(cut, STAYS)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="has no file whose name ends in"):
        ParquetBlocks([tmp_path / "none"], STAYS)
    with pytest.raises(InvalidValue, match="names no file"):
        ParquetBlocks([], STAYS)


def test_a_row_group_that_is_damaged(tmp_path):
    """The message names the file and the row group; before it nothing was guessed."""
    file = written(tmp_path, stays(), write_page_checksum=True) / "part-0.parquet"
    column = pq.ParquetFile(file).metadata.row_group(1).column(2)
    data = bytearray(file.read_bytes())
    at = column.data_page_offset + column.total_compressed_size // 2
    data[at : at + 40] = Random(1).randbytes(40)
    file.write_bytes(data)
    with pytest.raises(
        InputError, match=r"part-0.parquet: row group 1 cannot be read: .*; copy or write the file again"
    ):
        gather(Moves(), ParquetBlocks(file, STAYS, rows=10))


def test_cases_that_are_not_in_order(tmp_path):
    """The row is named, wherever the blocks end; the order of texts counts."""
    for rows in (1, 2, 100):
        blocks = ParquetBlocks(written(tmp_path, events().take([0, 100, 200, 50])), EVENTS, rows=rows, cases="in order")
        with pytest.raises(
            InputError, match=r"part-0.parquet, row 4, column 'case': 'D-\d+' comes after 'D-\d+', .*'anywhere'"
        ):
            gather(Moves(), blocks)


@pytest.mark.parametrize(
    ("how", "said"),
    [({"rows": 0}, "rows: 0 is below 1"), ({"cases": "sorted"}, "'sorted'.* is none of split"), ({"cases": "split"}, "would cut a case in two")],
)  # fmt: skip
def test_how_blocks_cannot_be_read(tmp_path, how, said):
    """No rows, an unknown place of cases, events in any block."""
    with pytest.raises(InvalidValue, match=said):
        ParquetBlocks(written(tmp_path, events()), EVENTS, **how)


def test_blocks_that_split_cases_are_refused_by_what_wants_them_whole(tmp_path):
    """A KPI of cases is not counted over halves."""
    blocks = ParquetBlocks(written(tmp_path, stays()), STAYS)
    kpis = Kpis("win_rate", Asked(over=Period.year(2025), as_of=END, stages=LINE))
    with pytest.raises(InvalidValue, match="may be in several blocks"):
        gather(kpis, blocks)


def test_real_applications_in_blocks(shared, tmp_path):
    """5,337 loan applications with their people, from Parquet in blocks as from the table."""
    table = read_table(next(shared("data", "sales", "bpic2012").glob("*.csv.gz")))
    frame = pa.table({name: table.column(name).decode() for name in table.columns})
    case, stage, at, who = "case", "concept:name", "time:timestamp", "org:resource"
    typed = frame.set_column(
        frame.schema.get_field_index(at), at,
        pa.array([datetime.fromisoformat(text).astimezone(UTC) for text in frame.column(at).to_pylist()], pa.timestamp("us", "UTC")),
    )  # fmt: skip
    once = Journal.from_frame(typed, case=case, stage=stage, at=at, who=who)
    layout = Layout(case=case, stage=stage, at=at, who=who, as_of=from_micros(once.until, UTC))
    folder = written(tmp_path, typed, 3)
    assert last_instant(folder, layout) == layout.as_of
    found = gather(Moves(), ParquetBlocks(folder, layout, rows=10_000))
    assert found.state == transitions(once)
    assert {*found.findings} == {*once.findings}


PEAK = """
import resource, sys
from datetime import datetime, UTC
from crmkit.adapters.blocks import ParquetBlocks
from crmkit.journal.blocks import Layout
from crmkit.metrics.partials import Moves, gather
layout = Layout(case="case", stage="stage", at="at", who="who", as_of=datetime(2026, 6, 1, tzinfo=UTC))
found = gather(Moves(), ParquetBlocks(sys.argv[1], layout, rows=20_000))
print(found.stays, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say how much a process held")
def test_memory_does_not_grow_with_the_file(tmp_path):
    """Of twelve times the rows a process holds hardly more at its peak: less than the further rows would take."""
    peaks = []
    for number, size in enumerate((50_000, 600_000)):
        folder = tmp_path / str(number)
        folder.mkdir()
        rng = np.random.default_rng(5)
        at = (np.sort(rng.integers(0, 100 * 86_400, size)) * 1_000_000 + 1_767_225_600_000_000).astype("datetime64[us]")
        table = pa.table({
            "case": rng.integers(0, size // 4, size), "stage": rng.choice(["a", "b", "c"], size), "who": rng.choice(["x", "y"], size),
            "at": pa.array(at).cast(pa.timestamp("us", "UTC")),
        })  # fmt: skip
        pq.write_table(table, folder / "x.parquet", row_group_size=20_000)
        done = subprocess.run([sys.executable, "-c", PEAK, str(folder)], capture_output=True, text=True, check=True)
        stays_, peak = map(int, done.stdout.split())
        assert 0.9 * size < stays_ <= size
        peaks.append(peak)
    # The journal of 550,000 more rows alone would take 22 MB, and the ids as texts and lists several times that.
    assert peaks[1] - peaks[0] < 22, peaks


def test_no_more_files_than_a_process_may_open(tmp_path, monkeypatch):
    """A block may be small and a file large: cases go into fewer, larger files."""
    monkeypatch.setattr(sys.modules[ParquetBlocks.__module__], "_MOST_FILES", 2)
    blocks = ParquetBlocks(written(tmp_path, shuffled(events())), EVENTS, rows=10)
    assert len([*blocks]) == 2
    assert gather(Moves(), blocks).state == transitions(SIMULATED)


def test_paths_are_paths(tmp_path):
    """A text, a path, or several."""
    path = written(tmp_path, stays()) / "part-0.parquet"
    assert {ParquetBlocks(given, STAYS).files for given in (str(path), path, (path,))} == {(Path(path),)}
