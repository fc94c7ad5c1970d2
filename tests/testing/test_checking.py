"""Stores are checked without pytest; what processes and crashes show is caught, and told with the calls before it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest

from crmkit.adapters.memory import MemoryBlobStore, MemoryEventStore, MemoryRecordStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.cli import main
from crmkit.errors import InputError, InvalidValue
from crmkit.events import from_json, to_json
from crmkit.testing.checking import Checked, Claims, check_store, load_store
from crmkit.testing.contracts import EventStoreContract, waived

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-store.md"
LESSON = PAGE.parents[1] / "tutorial" / "an-adapter.md"


class Lines(MemoryEventStore):
    """Events in a text file that only this process looks at after it was opened."""

    def __init__(self, folder):
        super().__init__()
        self.path = folder / "events.txt"
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else ():
            super().append([from_json(line)])

    def append(self, events, *, unless=None, after=0):
        events = list(events)
        before = len(self._events)
        position = super().append(events, unless=unless, after=after)
        self.written(self._events[before:])
        return position

    def written(self, events):
        """Every append is in the file when it is acknowledged."""
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(to_json(event) + "\n" for event in events)


class Buffered(Lines):
    """The file is written later."""

    claims = Claims(durable=True)

    def __init__(self, folder):
        self.late = []
        super().__init__(folder)

    def written(self, events):
        self.late += events
        if len(self.late) > 30:
            super().written(self.late)
            self.late.clear()

    def close(self):
        super().written(self.late)


class Alone(Lines):
    """It claims to be shared, and is not."""

    claims = Claims(processes=True)


class TornBlobs(MemoryBlobStore):
    """Files that are written where they are read, their second half with the next call."""

    claims = Claims(durable=True)

    def __init__(self, folder):
        super().__init__()
        self.folder, self.rest = folder, None

    def get(self, name):
        self.finish()
        path = self.folder / name.encode().hex()[:200]
        return path.read_bytes() if path.exists() else None

    def put(self, name, data):
        self.finish()
        path = self.folder / name.encode().hex()[:200]
        path.write_bytes(data[: len(data) // 2])
        self.rest = path, data

    def finish(self):
        if self.rest is not None:
            path, data = self.rest
            path.write_bytes(data)
            self.rest = None


class RacyRecords(MemoryRecordStore):
    """Two that look at once are both believed."""

    def __init__(self):
        super().__init__()
        self.meeting = Barrier(2)

    def put(self, kind, id, value, *, expected=None):  # noqa: A002 - as in the protocol
        self._expected(kind, id, expected)
        try:
            self.meeting.wait(0.5)
        except BrokenBarrierError:
            self.meeting.reset()
        return super().put(kind, id, value)


def sqlite(folder):
    """Events, records and blobs in a file."""
    return SqliteStore(folder / "crm.db", durability="normal")


def only(found, name):
    """The one check of a name."""
    (one,) = [one for one in found.checked if one.name == name]
    return one


def failure(target, name):
    """What is told of a check that fails."""
    found = check_store(target, only=[name])
    assert not found.ok
    assert only(found, name).outcome == "failed"
    return str(found)


def test_a_store_that_buffers_is_not_durable():
    """What was acknowledged and not yet written is missed after a kill."""
    assert "were acknowledged" in failure(Buffered, "acknowledged_events_survive_a_kill")


def test_a_store_that_looks_only_at_itself_is_not_for_processes():
    """Each process counts for itself: numbers are given twice."""
    assert "acknowledged were [0, 0, 0" in failure(Alone, "events_of_processes_are_not_lost")


def test_a_blob_that_is_written_in_place_may_be_torn():
    """Half of a blob is found after a kill."""
    assert "after blob" in failure(TornBlobs, "acknowledged_blobs_survive_a_kill")


def test_a_race_of_threads_is_told_with_its_calls():
    """The report has the calls of all threads, with what came of each."""
    text = failure(RacyRecords, "one_put_wins")
    assert re.search(r"thread \d: put\('counter', 'c', .*\) -> ", text)


def test_a_bundle_is_checked_part_by_part():
    """Events, records and blobs of one object, each with its checks."""
    names = ["positions_rise", "find_and_delete", "blobs_are_listed", "acknowledged_records_survive_a_kill"]
    found = check_store(sqlite, claims=Claims(durable=True), only=names)
    assert found.ok
    assert [one.kind for one in found.checked] == ["events", "records", "records", "blobs"]


def test_what_is_not_claimed_is_said():
    """No check is left out in silence."""
    found = check_store(MemoryEventStore, claims=Claims(threads=False))
    assert found.ok
    told = {one.name: one.outcome for one in found.checked}
    assert told["one_writer_wins"] == told["acknowledged_events_survive_a_kill"] == "not claimed"
    assert "not claimed  events   one_writer_wins\n    the store does not claim threads" in str(found)
    assert str(Claims(True, True, True)) == "claims threads, processes, durable"
    assert str(Claims(threads=False)) == "does not claim threads, processes, durable"


class Mixin:
    """Replaces a standard test."""

    def test_positions_rise(self, tmp_path):
        """Nothing."""


class Honest(EventStoreContract):
    """Waives a test, and has another spoiled after it was made."""

    @waived("positions are random in this store")
    def test_positions_rise(self, tmp_path):
        """Nothing."""

    def make(self, tmp_path):
        return MemoryEventStore()


def test_a_contract_can_be_checked_too():
    """Its waivers are told with their reasons."""
    found = check_store(Honest, only=["positions_rise", "queries_select"])
    assert [one.outcome for one in found.checked] == ["passed", "waived"][::-1]
    assert "positions are random" in str(found)


def test_overriding_in_silence_fails(monkeypatch):
    """By a mixin, by None, or by a change after the class was made: the class, its own test and the report say so."""
    with pytest.raises(TypeError, match="without saying why"):
        type("Mixed", (Mixin, EventStoreContract), {})
    with pytest.raises(TypeError, match="test_queries_select"):
        type("Absent", (EventStoreContract,), {"test_queries_select": None})
    Honest().test_no_standard_test_is_overridden_in_silence()
    monkeypatch.setattr(Honest, "test_queries_select", Mixin.test_positions_rise)
    with pytest.raises(AssertionError, match="test_queries_select overridden"):
        Honest().test_no_standard_test_is_overridden_in_silence()
    found = check_store(Honest, only=["condition_refuses"])
    assert not found.ok
    assert "test_queries_select is overridden" in str(found)


def test_tests_follow_the_claims():
    """A contract has tests of processes if it claims processes; a subclass may claim more."""

    class Modest(Honest):
        claims = Claims(threads=False)

    class Bold(Modest):
        claims = Claims(processes=True)

    assert Modest.test_one_writer_wins is None
    assert Modest.test_events_of_processes_are_not_lost is None
    assert Bold.test_one_writer_wins
    assert Bold.test_events_of_processes_are_not_lost


@pytest.mark.parametrize(("target", "why"), [
    (dict, "has the methods of no protocol"), (MemoryEventStore, "takes no folder"), (lambda folder: Lines(folder), "importable|other processes"),
])  # fmt: skip
def test_what_cannot_be_checked(target, why):
    """No store, no folder, no name: each is told."""
    try:
        found = check_store(
            target, claims=Claims(processes=target is not dict), only=["events_of_processes_are_not_lost"]
        )
    except InvalidValue as error:
        told = str(error)
    else:
        told = str(found)
    assert re.search(why, told)


@pytest.mark.parametrize(("text", "why"), [
    ("crmkit", "write package.module:Name"), ("crmkit.nowhere:X", "cannot be imported: ModuleNotFoundError"),
    ("crmkit.adapters.memory:MemoryEventStor", "did you mean 'MemoryEventStore'"),
    ("../x:Y", "is no name of a module"), ("crmkit:__all__", "is a list, which makes no store"),
    ("crmkit.testing.checking:__name__.upper.nothing", "has no __name__.upper.nothing"),
])  # fmt: skip
def test_names_that_lead_nowhere(text, why):
    """Half a name, no module, no such class: each is told."""
    with pytest.raises(InputError, match=re.escape(why)):
        load_store(text)


def test_a_store_that_cannot_be_made():
    """What its maker raised is told with the place; so is a module that ends the program."""
    with pytest.raises(
        InvalidValue, match=r"cannot be made in an empty folder: ZeroDivisionError: .*test_checking\.py, line"
    ):
        check_store(lambda: 1 / 0)


def test_a_module_that_ends_the_program(tmp_path, monkeypatch):
    """It is an error of that module and not the end of the check."""
    (tmp_path / "quits.py").write_text("raise SystemExit(0)", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="cannot be imported: SystemExit"):
        load_store("quits:X")


def test_an_unknown_check_is_named():
    """With the nearest one."""
    with pytest.raises(InvalidValue, match="did you mean 'positions_rise'"):
        check_store(MemoryEventStore, only=["position_rise"])


def test_an_error_of_the_store_is_told_with_its_place():
    """What is no refusal of ours comes with the file and the line."""

    def broken():
        store = MemoryEventStore()
        store._events = None
        return store

    told = only(check_store(broken, only=["positions_rise"]), "positions_rise")
    assert isinstance(told, Checked)
    assert re.search(r"AttributeError: .*memory\.py, line \d+", told.why)


def test_the_command_line(capsys):
    """A report or JSON; 0 if all is well, 1 if a check failed, 2 if there is nothing to check."""
    name = "crmkit.adapters.memory:MemoryEventStore"
    assert main(["check", name, "--only", "positions_rise"]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out
    assert main(["check", name, "--only", "positions_rise", "--json", "--claim", "threads"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["ok"], told["claims"]["durable"]) == ("crmkit-check-1", True, False)
    assert [(one["name"], one["outcome"], one["history"]) for one in told["checks"]] == [
        ("positions_rise", "passed", [])
    ]
    assert main(["check", name, "--claim", "speed"]) == 2
    assert "no claim 'speed'" in capsys.readouterr().err
    assert main(["check", "crmkit.adapters.memory:Nothing"]) == 2


def test_the_store_of_the_page_passes_everything(tmp_path):
    """The adapter of the how-to has less than 100 lines that are not blank, and passes every check as it claims."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert len([line for line in code.splitlines() if line.strip()]) < 100
    (tmp_path / "plain_store.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "crmkit", "check", "plain_store:PlainStore", "--json"], cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert {one["outcome"] for one in told["checks"]} == {"passed"}
    assert len(told["checks"]) == 36


def test_the_store_of_the_lesson_passes_everything(tmp_path):
    """The store that the tutorial grows passes every check for facts, with processes and kills, as it claims."""
    (code,) = re.findall(r"```python\n(import fcntl.*?)```", LESSON.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "jotter.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "crmkit", "check", "jotter:Jotter", "--json"], cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert {one["outcome"] for one in told["checks"]} == {"passed"}
    assert len(told["checks"]) == 20


def test_a_failing_check_is_exit_code_1(tmp_path):
    """A store that ignores the condition, checked as its author would."""
    (tmp_path / "mine.py").write_text(
        "from crmkit.adapters.memory import MemoryEventStore\n"
        "class Mine(MemoryEventStore):\n"
        "    def append(self, events, *, unless=None, after=0):\n"
        "        return super().append(events)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "crmkit", "check", "mine:Mine", "--only", "condition_refuses"], cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "the condition is ignored" in done.stdout
    assert "append([Edited 'a#2'], unless=case in ['a'], after=0) -> 2" in done.stdout
