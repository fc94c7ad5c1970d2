"""The commands about search: an index in a SQLite file, made, searched and verified."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import attrs
import typer

from crmkit._answers import tell
from crmkit._kb_commands import app
from crmkit._options import AsJson
from crmkit._progress import step
from crmkit._rule_files import read_rows
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import InputError, InvalidValue, NotFound, did_you_mean
from crmkit.kb import Analyzer, Document, Results, SegmentIndex, Text
from crmkit.kb.query import In
from crmkit.kb.results import Hit

__all__ = ["app"]


_USUAL = {"title": 2.0, "text": 1.0}

Store: TypeAlias = Annotated[Path, typer.Argument(metavar="INDEX", help="The SQLite file of the index.")]
Name: TypeAlias = Annotated[str, typer.Option(metavar="NAME", help="Which index of the file.")]
Texts: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--text", metavar="NAME[=WEIGHT]", help="What is searched, and how much a word counts there; repeat it. "
        "title=2 and text=1 if none is given. Say the same whenever the index is used.",
    ),
]  # fmt: skip
Pinyin: TypeAlias = Annotated[bool, typer.Option("--pinyin", help="The index has the sounds of Chinese (extra zh).")]


@app.command("index")
def index_(
    store: Store,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...", help="JSON lines, or CSV, TSV or Parquet: id, texts, and fields to filter by."
        ),
    ] = None,
    *,
    name: Name = "search",
    text: Texts = None,
    pinyin: Pinyin = False,
    delete: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="The id of a document to delete; repeat it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add documents to an index, or replace those with the same ids: all or none."""
    with SqliteStore(store) as kept:
        index = _index(kept, name, text, pinyin=pinyin)
        documents = _documents(files or (), tuple(_weights(text)), named=bool(text))
        with step("indexing"):
            commit = index.apply(documents, delete=delete or ())
        told = {"schema": "crmkit-kb-index-1", "commit": commit, "documents": len(index)}
    tell(told, [f"{told['documents']} documents, commit {commit}"], as_json=as_json)


@app.command("search")
def search_(
    store: Store,
    words: Annotated[str, typer.Argument(metavar="WORDS", help="What to look for, as one types it.")],
    *,
    name: Name = "search",
    text: Texts = None,
    pinyin: Pinyin = False,
    limit: Annotated[int, typer.Option(metavar="N", help="How many hits.", min=0)] = 10,
    after: Annotated[
        str | None, typer.Option(metavar="NEXT", help="The next page: what the page before gave as next.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help="Only documents that have this; repeat it.")
    ] = None,
    facet: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help="Count the values of a field; repeat it.")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Correct nothing.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Only documents that have all words.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find documents: the best first, with what was corrected or left out."""
    query = Text(words, op="all" if every else "any", exact=exact)
    with _opened(store) as kept:
        _has(kept, store, name)
        index = _index(kept, name, text, pinyin=pinyin)
        filters = [_filter(one) for one in where or ()]
        found = index.search(query, filters=filters, facets=facet or (), limit=limit, after=after)
        tell(_plain(found), _lines(found), as_json=as_json)


@app.command("verify")
def verify_(
    store: Store,
    *,
    name: Name = "search",
    text: Texts = None,
    pinyin: Pinyin = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make it anew from the documents it holds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read every part of an index, and say what is missing or broken. Exit code 1 if something is."""
    with _opened(store) as kept:
        _has(kept, store, name)
        index = _index(kept, name, text, pinyin=pinyin)
        with step("verifying"):
            flaws = index.verify()
        if not flaws and not rebuild:
            # Sound, and perhaps made in another way than is said here: then nothing would be found in it.
            len(index)
        if rebuild and not any(flaw.lost for flaw in flaws):
            with step("rebuilding"):
                index.rebuild()
            flaws = index.verify()
    told = {"schema": "crmkit-kb-verify-1", "flaws": [attrs.asdict(flaw) for flaw in flaws]}
    tell(told, [*map(str, flaws)] or ["nothing is wrong with it"], as_json=as_json)
    raise typer.Exit(1 if flaws else 0)


def _opened(store: Path) -> SqliteStore:
    if not store.is_file():
        raise InputError(str(store), "is no file", "crmkit kb index makes one")
    return SqliteStore(store)


def _has(store: SqliteStore, file: Path, name: str) -> None:
    """Refuse to look into an index that is not there: nothing found would be a wrong answer."""
    blobs = [*store.blobs.list()]
    if not any(blob.startswith(f"{name}/") for blob in blobs):
        known = tuple(dict.fromkeys(blob.rpartition("/head")[0] for blob in blobs if blob.endswith("/head")))
        raise NotFound("index", name, known, str(file))


def _index(store: SqliteStore, name: str, texts: list[str] | None, *, pinyin: bool) -> SegmentIndex:
    return SegmentIndex(store.blobs, name, fields=_weights(texts), analyzer=Analyzer(pinyin=pinyin))


def _weights(texts: list[str] | None) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for one in texts or ():
        name, _, weight = one.partition("=")
        try:
            weights[name] = float(weight or 1)
        except ValueError:
            raise InputError("", f"--text {one}: {weight!r} is no number") from None
        if not name or not 0 < weights[name] < float("inf"):
            raise InputError("", f"--text {one}", "write NAME=WEIGHT with a positive, finite weight, as in title=2")
    return weights or _USUAL


def _filter(text: str) -> In:
    """A filter; what reads as a number or a truth value is looked for as such, too."""
    field, equals, value = text.partition("=")
    if not equals:
        raise InputError("", f"--where {text}", "write FIELD=VALUE")
    try:
        plain = json.loads(value, parse_float=Decimal)
    except (ValueError, RecursionError):
        plain = value
    return In(field, [value, plain] if isinstance(plain, (bool, int, Decimal)) else [value])


# -- documents


def _documents(files: Iterable[Path], texts: tuple[str, ...], *, named: bool) -> Iterator[Document]:
    """The documents of files, each id once. A text that was asked for by name must be in one of them at least."""
    places: dict[str, str] = {}
    used: set[str] = set()
    for file in files:
        for row, one in _objects(file) if file.suffix == ".jsonl" else enumerate(read_rows(file), 2):
            made = _document(one, texts, file, row)
            if made.id in places:
                raise InputError(str(file), f"has the id {made.id!r}, which {places[made.id]} has, too", row=row)
            places[made.id] = f"{file}, row {row}"
            used.update(made.texts)
            yield made
    unused = [name for name in texts if name not in used]
    if named and places and unused:
        raise InputError("", f"--text {unused[0]}", "no document has a text of this name")


def _objects(file: Path) -> Iterator[tuple[int, Any]]:
    """The lines of a file, one after the other: it may be larger than memory."""
    try:
        with file.open("rb") as lines:
            for row, line in enumerate(lines, 1):
                if line.strip():
                    yield row, _json(line, file, row)
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror}") from None


def _json(line: bytes, file: Path, row: int) -> Any:
    try:
        read = json.loads(line.decode("utf-8-sig"), parse_float=Decimal)
        if b"\\u" in line:
            json.dumps(read, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise InputError(str(file), f"{half!r} is half a character, which no text holds", row=row) from None
    except (ValueError, RecursionError) as error:
        raise InputError(str(file), f"is no JSON: {error}", row=row) from None
    return read


def _document(one: Any, texts: tuple[str, ...], file: Path, row: int) -> Document:
    if not isinstance(one, dict):
        raise InputError(str(file), "is no object", row=row)
    if one.get("id") in (None, ""):
        raise InputError(str(file), "has no id", row=row)
    if isinstance(one["id"], bool) or not isinstance(one["id"], (str, int)):
        raise InputError(str(file), f"{one['id']!r} is no id", "give a text or a whole number", row, "id")
    if all(one.get(key) is None for key in texts):
        near = next((f": {key!r} is none{hint}" for key in one if (hint := did_you_mean(str(key), texts))), "")
        raise InputError(str(file), f"has none of the texts {', '.join(texts)}{near}", row=row)
    fields = {key: value for key, value in one.items() if key not in ("id", *texts) and value is not None}
    try:
        return Document(str(one["id"]), {key: one[key] for key in texts if one.get(key) is not None}, fields)
    except (InvalidValue, NotFound) as error:
        raise InputError(str(file), str(error), row=row) from None


# -- answers


def _plain(found: Results) -> dict[str, Any]:
    return {
        "schema": "crmkit-kb-search-1",
        "total": found.total,
        "hits": [_hit(hit) for hit in found.hits],
        "facets": {name: [[_value(one.value), one.count] for one in buckets] for name, buckets in found.facets.items()},
        "notes": [attrs.asdict(note) for note in found.notes],
        "next": found.next,
    }


def _hit(hit: Hit) -> dict[str, Any]:
    document = hit.document
    return {
        "id": hit.id,
        "score": hit.score,
        "texts": dict(document.texts),
        "fields": _value(document.fields),
        "spans": [attrs.asdict(span) for span in hit.spans],
    }


def _value(value: Any) -> Any:
    """As JSON has it: exact numbers, amounts and times as texts."""
    if isinstance(value, Mapping):
        return {key: _value(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_value(part) for part in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _shown(text: str) -> str:
    """For a terminal, which would obey some characters instead of showing them."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _lines(found: Results) -> Iterator[str]:
    yield f"{found.total} found"
    for hit in found.hits:
        words = dict.fromkeys(word for words in hit.reasons.values() for word in words)
        title = next((" ".join(text.split()) for text in hit.document.texts.values() if text.strip()), "")
        yield f"{hit.score:8.3f}  {_shown(hit.id)}  {_shown(title[:80])}  [{', '.join(words)}]"
    for name, buckets in found.facets.items():
        yield f"{name}: {', '.join(f'{_shown(str(one.value))} ({one.count})' for one in buckets)}"
    yield from map(str, found.notes)
    if found.next is not None:
        yield f"next: {found.next}"
