"""Cut the power at every point of a run: `python bench/power.py [--states 3000] [--durability full|normal]`.

A process appends facts, records and blobs to a SQLite file, with checkpoints in between, and notes what was
acknowledged. A shim in C (bench/power.c, built with gcc and preloaded; Linux only) notes every write, truncation, sync,
creation and deletion of its files. From these notes the file is made as a disk may hold it when the power fails after
any of them: what was synced is there, and of what was not each sector of 512 bytes may be there or not, in any order;
creations and deletions are lasting once their folder was synced. Each state is opened and judged:

- lost: acknowledged and not there; torn: of an append only a part is there, or it is out of order; flaws: what
  `verify` finds; refused: the file cannot be opened.

`--blind` leaves the syncs out of the notes, as a disk that lies about them: then all of these are to be found.
`--sweep 100` kills processes in their calls to the disk, or lets these fail, before the power does.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import attrs

from crmkit.adapters.sqlite import SqliteStore
from crmkit.adapters.sqlite_file import Durability
from crmkit.errors import CrmkitError, InputError, OutcomeUnknown, Unavailable
from crmkit.events import Edited

NOW = datetime(2026, 1, 5, tzinfo=UTC)
SECTOR = 512
# Of one append: enough that SQLite puts its log into the file a few times in a run.
PART = 24_000


class Unbuilt(RuntimeError):
    """The shim cannot be built here."""


@attrs.frozen
class Note:
    """A change that a disk was asked for.

    Attributes:
        kind: W write, T truncate, S sync, C create, U unlink.
        path: the file.
        offset: where; of a truncation the new size.
        data: what was written.
    """

    kind: str
    path: str
    offset: int
    data: bytes = attrs.field(repr=False)


@attrs.define
class Found:
    """What became of all states.

    Attributes:
        states: how many were judged.
        acknowledged: appends, blobs and records, over all states.
        lost: of these, those that are not there.
        torn: parts of appends and blobs, and what is there out of order.
        flaws: what `verify` finds.
        refused: states that cannot be opened.
        behind: states in which something acknowledged is not there.
    """

    states: int = 0
    acknowledged: int = 0
    lost: int = 0
    torn: int = 0
    flaws: int = 0
    refused: int = 0
    behind: int = 0

    def add(self, other: "Found") -> None:
        """Add what was found elsewhere."""
        for name, value in attrs.asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def ok(self) -> bool:
        """Whether nothing was lost, torn or damaged, and every state could be opened."""
        return not (self.lost or self.torn or self.flaws or self.refused)


def shim(folder: Path) -> Path:
    """Build the shim.

    Raises:
        Unbuilt: without gcc, or if it cannot be built.
    """
    compiler = shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        raise Unbuilt("needs gcc on Linux")
    made = folder / "power.so"
    source = Path(__file__).with_name("power.c")
    command = [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", str(made), str(source), "-ldl", "-lpthread"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Unbuilt(f"the shim cannot be built: {done.stderr}")
    return made


def parts(number: int) -> list[Edited]:
    """The facts of one append; what they say depends on their number alone."""
    return [
        Edited(id=f"{number}/{part}", case=f"D-{number % 7}", at=NOW, recorded=NOW, key=f"{number}-{part}",
               data={"text": chr(97 + number % 26) * (PART if number % 3 == 0 else 50)})
        for part in range(3)
    ]  # fmt: skip


def content(number: int) -> bytes:
    """The blob of a number."""
    return b"%d " % number * 4000


def work(path: Path, appends: int, durability: Durability) -> None:
    """Append, put and say so, in the process that is watched; whatever was refused is sent again.

    What another process may have left in doubt, the last append that is there, is sent again, too.
    """
    said = os.open(path.with_name("said"), os.O_WRONLY | os.O_CREAT, 0o600)
    store = SqliteStore(path, durability=durability)
    for number in range(max(0, store.events.append([]) // 3 - 1), appends):
        # Opened anew now and then: whoever closes last puts the log into the file and deletes it.
        if number % 25 == 24:
            store.close()
            store = SqliteStore(path, durability=durability)
        for part, call in enumerate((
            partial(store.events.append, parts(number)), partial(store.blobs.put, "last", content(number)),
            partial(store.records.put, "counter", "last", {"number": number}),
        )):  # fmt: skip
            while not _done(call):
                pass
            os.write(said, (3 * number + part).to_bytes(4))
    store.close()


def _done(call: Callable[[], object]) -> bool:
    try:
        call()
    except (OutcomeUnknown, Unavailable) as error:
        print(type(error).__name__, flush=True)
        return False
    return True


def traced(folder: Path, built: Path, appends: int, durability: Durability, *fails: str) -> tuple[list[Note], str]:
    """What a disk was asked for while processes worked, one for each failure and one without; and errors they told."""
    watched, notes = folder / "watched", folder / "notes"
    watched.mkdir()
    watching = {"LD_PRELOAD": str(built), "CRASH_FOLDER": str(watched), "CRASH_TRACE": str(notes)}
    command = [sys.executable, __file__, "--work", str(watched / "crm.db"), "--appends", str(appends)]
    told = ""
    for fail in (*fails, ""):
        done = subprocess.run(
            [*command, "--durability", durability], check=False, capture_output=True, text=True,
            env={**os.environ, **watching, "CRASH_FAIL": fail},
        )  # fmt: skip
        if done.returncode not in ((9, 0) if fail else (0,)):
            raise RuntimeError(f"a process failed: {done.stderr}")
        told += done.stdout
    return [*read_notes(notes.read_bytes())], told


def read_notes(data: bytes) -> Iterator[Note]:
    """The notes of the shim, but those about what is gone with the machine: the index of the log, and the turnstile."""
    at = 0
    while at < len(data):
        name = int.from_bytes(data[at + 1 : at + 3], "little")
        size = int.from_bytes(data[at + 11 : at + 15], "little")
        offset = int.from_bytes(data[at + 3 : at + 11], "little")
        begin = at + 15
        path = data[begin : begin + name].decode()
        if not path.endswith(("-shm", "-turn")):
            yield Note(chr(data[at]), path, offset, data[begin + name : begin + name + size])
        at = begin + name + size


@attrs.define(eq=False)
class File:
    """What certainly is in a file, and the changes of which nobody knows whether they have reached the disk."""

    lasting: bytearray = attrs.field(factory=bytearray)
    open: list[Note] = attrs.field(factory=list)

    def content(self, rng: random.Random, how: str) -> bytes:
        """What may be in it: of the open changes "none", "all", or "some"."""
        made, chance = bytearray(self.lasting), rng.random()
        for note in self.open if how != "none" else ():
            if how == "all":
                _do(made, note)
            elif note.kind == "T":
                if rng.random() < chance:
                    _do(made, note)
            else:
                for part in _sectors(note):
                    if rng.random() < chance:
                        _do(made, part)
        return bytes(made)


class Disk:
    """A folder as it certainly is, and as the process sees it."""

    def __init__(self) -> None:
        self.lasting: dict[str, File] = {}
        self.seen: dict[str, File] = {}
        # Creations, and deletions (None), that the folder on the disk does not know for certain, in order.
        self.entries: list[tuple[str, File | None]] = []
        self.said = b""

    def take(self, note: Note, *, blind: bool = False) -> None:
        """Go on by one change."""
        if note.path.endswith("/said"):
            self.said += note.data
        elif note.kind == "C":
            self.seen[note.path] = File()
            self.entries.append((note.path, self.seen[note.path]))
        elif note.kind == "U":
            del self.seen[note.path]
            self.entries.append((note.path, None))
        elif note.kind != "S":
            self.seen[note.path].open.append(note)
        elif not blind:
            self._synced(note.path)

    def _synced(self, path: str) -> None:
        if path not in self.seen:  # the folder
            self.lasting, self.entries = self._folder(len(self.entries)), []
            return
        file = self.seen[path]
        for note in file.open:
            _do(file.lasting, note)
        file.open = []

    def _folder(self, count: int) -> dict[str, File]:
        made: dict[str, File | None] = {**self.lasting, **dict(self.entries[:count])}
        return {path: file for path, file in made.items() if file is not None}

    def acknowledged(self) -> tuple[int, ...]:
        """How many appends, blobs and records were acknowledged."""
        numbers = [int.from_bytes(self.said[at : at + 4]) for at in range(0, len(self.said), 4)]
        return tuple(max((number // 3 + 1 for number in numbers if number % 3 == part), default=0) for part in range(3))

    def state(self, rng: random.Random, how: str) -> dict[str, bytes]:
        """The files as they may be: of what is not certain "none", "all", or "some". A folder changes in order."""
        most = len(self.entries)
        count = {"none": 0, "all": most, "some": rng.randint(0, most)}[how]
        return {path: file.content(rng, how) for path, file in self._folder(count).items()}


def _sectors(note: Note) -> Iterator[Note]:
    """A write, cut where the sectors of the disk end."""
    begin = 0
    while begin < len(note.data):
        end = begin + SECTOR - (note.offset + begin) % SECTOR
        yield attrs.evolve(note, offset=note.offset + begin, data=note.data[begin:end])
        begin = end


def _do(made: bytearray, note: Note) -> None:
    """Write, or truncate."""
    if note.kind == "T":
        del made[note.offset :]
        made.extend(bytes(note.offset - len(made)))
        return
    # What a disk never got in between is zeros.
    made.extend(bytes(max(0, note.offset - len(made))))
    made[note.offset : note.offset + len(note.data)] = note.data


def judged(found: Found, files: dict[str, bytes], acknowledged: tuple[int, ...], folder: Path) -> None:
    """Open what a disk may hold, and compare."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, data in files.items():
        (folder / Path(path).name).write_bytes(data)
    found.states += 1
    try:
        # The disk fails no more: syncs would only take time.
        with SqliteStore(folder / "crm.db", durability="normal") as store:
            _compared(found, store, acknowledged)
    except CrmkitError:
        found.refused += 1


def _compared(found: Found, store: SqliteStore, acknowledged: tuple[int, ...]) -> None:
    events = [recorded.event for recorded in store.events.read()]
    blob, record = store.blobs.get("last") or b"", store.records.get("counter", "last")
    there = [len(events) // 3, int(blob.split()[0]) + 1 if blob else 0, record.value["number"] + 1 if record else 0]
    found.torn += events != [one for number in range(there[0]) for one in parts(number)]
    found.torn += blob != (content(there[1] - 1) if blob else b"")
    # Each was stored after the one before it, and before the one before it was stored again.
    found.torn += not there[0] >= there[1] >= there[2] >= there[0] - 1
    missing = [max(0, said - is_) for said, is_ in zip(acknowledged, there, strict=True)]
    found.torn += any(is_ > said + 1 for said, is_ in zip(acknowledged, there, strict=True))
    found.acknowledged += sum(acknowledged)
    found.lost += sum(missing)
    found.behind += any(missing)
    found.flaws += len(list(store.verify()))


def power_losses(notes: Sequence[Note], states: int, seed: int, folder: Path, *, blind: bool = False) -> Found:
    """Judge what a disk may hold at points of a run, spread evenly: nothing, all, and some of what was open."""
    rng = random.Random(seed)  # noqa: S311 - the same states in each run
    found, disk = Found(), Disk()
    wanted = {round(point * len(notes) / max(1, states // 3)) for point in range(1, states // 3 + 1)}
    for number, note in enumerate(notes, 1):
        disk.take(note, blind=blind)
        if number in wanted:
            for how in ("none", "all", "some"):
                judged(found, disk.state(rng, how), disk.acknowledged(), folder)
    return found


def sweep(folder: Path, runs: int, appends: int, seed: int) -> tuple[Found, dict[str, int]]:
    """Processes that are killed in a call to the disk, or refused by it, and then the power fails, too.

    The next process goes on, and sends again what was in doubt. Two hundred points of each run are judged.
    """
    rng = random.Random(seed)  # noqa: S311 - the same points in each run
    found, told, built = Found(), Counter[str](), shim(folder)
    for run in range(runs):
        kind, most = rng.choice((("fdatasync", 3 * appends), ("fdatasync", 3 * appends), ("pwrite", 60 * appends)))
        fail = f"{kind}:{rng.randrange(most)}:{rng.choice((0, 0, 5, 28))}"
        place = folder / str(run)
        place.mkdir()
        notes, errors = traced(place, built, appends, "full", fail)
        told.update(errors.split())
        found.add(power_losses(notes, 600, rng.randrange(1 << 30), folder / "state"))
        shutil.rmtree(place)
    return found, dict(told)


def main() -> int:
    """Do what was asked for, and print what was found."""
    parser = argparse.ArgumentParser(description="Cut the power at every point of a run of a SQLite store.")
    parser.add_argument("--states", type=int, default=3000, help="how many states of the disk are judged")
    parser.add_argument("--appends", type=int, default=100)
    parser.add_argument("--durability", choices=("full", "normal"), default="full")
    parser.add_argument("--blind", action="store_true", help="as if syncs did nothing")
    parser.add_argument("--sweep", type=int, help="so many short runs, in each a call to the disk kills or fails")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        try:
            work(asked.work, asked.appends, asked.durability)
        except InputError as error:
            print(type(error).__name__)
        return 0
    told: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            if asked.sweep is None:
                notes, _ = traced(folder, shim(folder), asked.appends, asked.durability)
                found = power_losses(notes, asked.states, asked.seed, folder / "state", blind=asked.blind)
            else:
                found, told = sweep(folder, asked.sweep, asked.appends, asked.seed)
        except Unbuilt as error:
            sys.stderr.write(f"{error}\n")
            return 3
    print(json.dumps({**attrs.asdict(found), "errors": told}))
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main())
