"""The commands about knowledge; `crmkit.cli` imports this only when it runs."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer
from cattrs import Converter
from cattrs.errors import BaseValidationError
from rich.console import Console
from rich.table import Table as Grid

from crmkit._answers import write_file, write_json
from crmkit._options import AsJson
from crmkit._progress import step
from crmkit._rule_files import read_rows, read_text
from crmkit.adapters.mailboxes import read_mailbox
from crmkit.errors import InputError, did_you_mean
from crmkit.kb.mail import Book, Filed, Filing, Message, file_mail, parse
from crmkit.model import Contact

app = typer.Typer(no_args_is_help=True, help="Index and search documents, file mail under customers.")
_console = Console(width=160, highlight=False, soft_wrap=True)

_SHOWN = 20


@app.command("file-mail")
def file_mail_(
    mailboxes: Annotated[
        list[Path], typer.Argument(metavar="MAILBOX...", help="mbox, maildir, .eml, or a folder of these.")
    ],
    *,
    contacts: Annotated[
        Path, typer.Option(metavar="FILE", help="Table with the columns customer, email and, if there, name.")
    ],
    ours: Annotated[str | None, typer.Option(metavar="A,B,C", help="Our own domains; several with commas.")] = None,
    domains: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table with the columns customer and domain.")
    ] = None,
    secret: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the secret of the marks in our subjects.")
    ] = None,
    earlier: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Outcome of an earlier run (--out); its links are kept.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the outcome here, as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """File mail under customers: every link with its evidence, and what somebody has to decide."""
    places: dict[str, str] = {}
    messages: dict[str, Message] = {}
    for mailbox in mailboxes:
        with step(f"reading {mailbox.name}"):
            for stored in read_mailbox(mailbox):
                message = parse(stored.raw)
                places.setdefault(message.id, stored.where)
                messages.setdefault(message.id, message)
    book = Book(
        _contacts(contacts),
        ours=[each.strip() for each in ours.split(",")] if ours else [],
        domains=[] if domains is None else _pairs(domains, "domain"),
        secret=None if secret is None else read_text(secret).strip().encode(),
    )
    filed = file_mail(messages.values(), book, filed=None if earlier is None else _earlier(earlier))
    for line in book.findings[:_SHOWN]:
        typer.echo(f"crmkit: {contacts.name}: {line}", err=True)
    told = _told(filed, messages, places)
    if out is not None:
        write_file(out, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    if as_json:
        write_json(told)
    else:
        _show(filed, messages, places)


def _contacts(file: Path) -> list[Contact]:
    """A contact for each row; a cell may hold several addresses."""
    return [
        Contact(f"in row {n}", row["customer"], row.get("name") or "", (row["email"],))
        for n, row in enumerate(_read(file, ("customer", "email")), 2)
    ]


def _pairs(file: Path, column: str) -> list[tuple[str, str]]:
    return [(row[column], row["customer"]) for row in _read(file, ("customer", column))]


def _read(file: Path, wanted: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of a table in which the cells that are needed are filled."""
    rows = [{name.strip().lower(): value for name, value in row.items()} for row in read_rows(file)]
    for name in wanted:
        if rows and name not in rows[0]:
            raise InputError(file.name, f"there is no column {name!r}{did_you_mean(name, rows[0])}")
        if empty := next((n for n, row in enumerate(rows, 2) if not str(row[name] or "").strip()), None):
            raise InputError(file.name, "is empty", "", empty, name)
    return [{name: None if value is None else str(value).strip() for name, value in row.items()} for row in rows]


def _earlier(file: Path) -> Filed:
    """The links of an earlier run, with those that somebody made by hand."""
    try:
        found = json.loads(read_text(file))
        return Filed(Converter(forbid_extra_keys=True).structure(found["filings"], tuple[Filing, ...]))
    except (ValueError, KeyError, TypeError, RecursionError, BaseValidationError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(file.name, "is no outcome of an earlier run", "give what --out wrote") from None


def _told(filed: Filed, messages: dict[str, Message], places: dict[str, str]) -> dict[str, Any]:
    """Everything, for a program."""
    return {
        "schema": "crmkit-kb-file-mail-1",
        "messages": len(messages),
        "filings": [attrs.asdict(each) for each in filed.filings],
        "queue": [
            attrs.asdict(each) | {"where": places[each.message], "subject": messages[each.message].subject}
            for each in filed.queue
        ],
        "ignored": filed.ignored,
        "internal": filed.internal,
        "findings": {places[each.id]: each.findings for each in messages.values() if each.findings},
    }


def _show(filed: Filed, messages: dict[str, Message], places: dict[str, str]) -> None:
    """What came of it, for people."""
    linked, waiting = {each.message for each in filed.filings}, {each.message for each in filed.queue}
    customers = {each.customer for each in filed.filings}
    _console.print(
        f"{len(messages)} messages: {len(linked & messages.keys())} filed under {len(customers)} customers, "
        f"{len(waiting)} to decide, {len(filed.ignored)} by machines, {len(filed.internal)} internal; "
        f"{sum(bool(each.findings) for each in messages.values())} with findings",
    )
    grid = Grid("rule", "confidence", "links")
    for (rule, confidence), count in sorted(Counter((each.rule, each.confidence) for each in filed.filings).items()):
        grid.add_row(rule, str(confidence), str(count))
    _console.print(grid)
    for each in filed.queue[:_SHOWN]:
        who, may = each.address or "no address", f" ({', '.join(each.customers)})" if each.customers else ""
        line = f"{each.reason}: {who}{may}: {messages[each.message].subject!r}, {places[each.message]}"
        _console.print(line, markup=False)
    if len(filed.queue) > _SHOWN:
        _console.print(f"and {len(filed.queue) - _SHOWN} more; --json tells all")
