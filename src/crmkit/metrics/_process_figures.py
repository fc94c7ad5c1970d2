"""What happened to each closed ticket, in numbers that may move with its score."""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.metrics._blocks import Whole
from crmkit.metrics.kpi._tickets import in_order, resolutions, waits
from crmkit.metrics.view import View

__all__ = ["FIGURES", "ClosedTickets", "closed_tickets"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_ASKER = "satisfaction"
#: The figures of a ticket, by name: English and Chinese.
FIGURES: dict[str, tuple[str, str]] = {
    "first_response": ("minutes to the first response", "首次响应分钟数"),
    "resolution": ("minutes to the resolution", "解决分钟数"),
    "hand_overs": ("hand-overs", "转手次数"),
    "reopenings": ("reopenings", "重开次数"),
    "returns": ("returns to an earlier stage", "退回阶段次数"),
    "contacts": ("further contacts", "后续联系次数"),
}


@attrs.frozen(eq=False)
class ClosedTickets:
    """The tickets that stand closed.

    Attributes:
        cases: their names, shape (c,).
        rows: the row of the journal in which each was opened.
        figures: by name, shape (c,).
        others: names of the tickets that are still open.
    """

    cases: tuple[str, ...]
    rows: Ints
    figures: dict[str, Floats]
    others: frozenset[str]


def closed_tickets(
    view: View, *, waiting: Sequence[str], paused: Sequence[str], contacts: Sequence[str]
) -> ClosedTickets:
    """The closed tickets of the service journal, with their figures.

    Args:
        view: the facts.
        waiting: the stages in which a ticket waits for us; that in which it was opened if empty.
        paused: the stages whose time does not count.
        contacts: the stages that mean a further contact with the customer.

    Raises:
        NotFound: for a stage that the journal does not have.
    """
    journal, cases = view.journal("service", _ASKER), view.cases("service", _ASKER)
    names = journal.cases.values
    size = len(names)
    code = journal.cases.codes[cases.first]
    closed = cases.outcome > 0
    mine = code[closed]
    first = waits(view, "service", _ASKER, waiting)
    found: dict[str, Floats] = {
        "first_response": _by_case(size, journal.cases.codes[first.rows[first.first]], first.minutes[first.first]),
    }
    solved = resolutions(view, "service", _ASKER, paused, last=True)
    found["resolution"] = _by_case(size, journal.cases.codes[solved.rows], solved.minutes)
    found |= _counted(view, contacts)
    told = {name: column[mine] for name, column in found.items()}
    return ClosedTickets(
        tuple(names[one] for one in mine.tolist()), cases.first[closed].astype(np.int64), told,
        frozenset(names[one] for one in code[~closed].tolist()),
    )  # fmt: skip


def _by_case(size: int, case: Whole, value: Ints) -> Floats:
    """A number for each case; 0 for those of which there is none, as of a ticket that never waited."""
    found = np.zeros(size)
    found[case] = value
    return found


def _counted(view: View, contacts: Sequence[str]) -> dict[str, Floats]:
    """How often each case changed hands, was opened again, came back to a stage, and had a contact."""
    journal, order = view.journal("service", _ASKER), view.order("service", _ASKER)
    size = len(journal.cases.values)
    rows = in_order(journal)
    case, stage = journal.cases.codes[rows], journal.stages.codes[rows]
    after = np.append(False, case[1:] == case[:-1])[: len(case)]
    is_open = np.array([*(name in order.open for name in journal.stages.values), False])[stage]
    again = is_open & after & ~np.append(False, is_open[:-1])[: len(case)]
    found = {"hand_overs": _hand_overs(view, rows[after & is_open]), "reopenings": np.bincount(case[again], None, size)}
    pairs = np.unique(case[is_open].astype(np.int64) * (len(journal.stages.values) + 1) + stage[is_open])
    kinds = np.bincount(pairs // (len(journal.stages.values) + 1), None, size)
    found["returns"] = np.bincount(case[is_open], None, size) - kinds
    told = [journal.stage_code(name) for name in contacts]
    talks = np.bincount(case[np.isin(stage, told)], None, size)
    if view.facts.ledger is not None:
        done = view.facts.ledger.cases.recode(journal.cases.values)[view.of("activity", _ASKER)]
        talks = talks + np.bincount(done.codes[~done.missing], None, size)
    found["contacts"] = talks
    return {name: column.astype(np.float64) for name, column in found.items()}


def _hand_overs(view: View, rows: Ints) -> Ints:
    """How often the person in charge changed; who holds a ticket as it is opened only takes it down."""
    journal = view.journal("service", _ASKER)
    known = rows[~journal.who.missing[rows]]
    case, who = journal.cases.codes[known], journal.who.codes[known]
    changed = np.append(False, (case[1:] == case[:-1]) & (who[1:] != who[:-1]))[: len(case)]
    return np.bincount(case[changed], None, len(journal.cases.values))
