"""Where two versions of a rule judge differently, as boxes of what their conditions look at.

What `crmkit.rules.analysis.diff` is for tables. `crmkit.rules.backtest` holds it against a replay of history.

>>> from crmkit.rules import Field, Rule, RuleSet, Schema
>>> deal = Schema([Field("discount", "decimal", low=0, high=1), Field("role", values=["rep", "manager"])])
>>> old = RuleSet("deals", deal, [Rule("limit", 'discount <= 0.15 or role = "manager"')])
>>> new = RuleSet("deals", deal, [Rule("limit", 'discount <= 0.12 or role = "manager"')])
>>> for found in diff_rules(old, new):
...     print(found.rule, *found.changes, found.proved)
limit role: "rep"; discount: (0.12..0.15]: true -> false True
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

from crmkit.rules.analysis._box_solver import BoxSolver, Differing
from crmkit.rules.analysis._boxes import Box, Budget
from crmkit.rules.feel._text import literal
from crmkit.rules.ruleset import RuleSet
from crmkit.values.display import ROWS, Display, Lang, Several, Shown

__all__ = ["RuleChange", "RuleDiff", "diff_rules"]


@attrs.frozen
class RuleChange:
    """Where two versions of a rule judge differently.

    Attributes:
        cells: where: for each field or formula the cell of a table that holds there; what may be anything is left out.
        before: the verdict of the earlier version: True, False or None.
        after: that of the later one.
        box: the same place as a box.
        certain: whether some record lies there for all that is known; conditions that cells do not express, and
            formulas, leave it possible.
    """

    cells: Mapping[str, str]
    before: bool | None
    after: bool | None
    box: Box
    certain: bool

    def __str__(self) -> str:
        place = "; ".join(f"{name}: {cell}" for name, cell in self.cells.items())
        possible = "" if self.certain else " (possible)"
        return f"{place or 'everywhere'}: {literal(self.before)} -> {literal(self.after)}{possible}"


@attrs.frozen(eq=False)
class RuleDiff(Shown):
    """All places where two versions of a rule judge differently.

    Attributes:
        rule: its name.
        changes: boxes, which may overlap only where both verdicts are the same.
        proved: whether these are all.
    """

    rule: str
    changes: tuple[RuleChange, ...]
    proved: bool
    _place: Callable[[Mapping[str, Any]], Box] = attrs.field(repr=False)

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Where the versions differ; see `Shown.display`."""
        from crmkit.rules._shown import differences

        return differences(self.changes, proved=self.proved, name=self.rule, lang=lang, most=most)

    def holds(self, values: Mapping[str, Any]) -> bool | None:
        """Whether a record, as `Schema.read` gives it, lies in one of the places.

        None if it has no place: with a time that lacks the zone that the rule's own times have.
        """
        cells = self._place(values)
        if not all(cells):
            return None
        return any(all(side & cell for side, cell in zip(one.box, cells, strict=True)) for one in self.changes)


def diff_rules(before: RuleSet, after: RuleSet, *, budget: Budget = Budget()) -> Several[RuleDiff]:  # noqa: B008 - a frozen value
    """Where the rules that two sets have in common judge differently.

    Compared are rules in FEEL that read fields of which both schemas say the same; the others are left out.

    Args:
        before: the earlier version.
        after: the later version.
        budget: how much work each rule may cost; what was not proved within it is said.
    """
    known = {one.name for one in before.written}
    return Several(
        _diff(one.name, before, after, budget)
        for one in after.written
        if one.name in known and _comparable(one.name, before, after)
    )


def _comparable(name: str, before: RuleSet, after: RuleSet) -> bool:
    """Whether both versions of a rule speak of the same fields in the same words."""
    read = {*before.checked[name].fields, *after.checked[name].fields}
    schemas = [{field.name: field for field in rules.world.fields} for rules in (before, after)]
    return all(schemas[0].get(field) == schemas[1].get(field) for field in read)


def _diff(name: str, before: RuleSet, after: RuleSet, budget: Budget) -> RuleDiff:
    solver = BoxSolver(after.world, [rules.checked[name].node for rules in (before, after)], budget)
    found = solver.differing(0, 1)
    changes = [*_changes(solver, found)]
    return RuleDiff(name, tuple(changes), all(region is not None for region, *_ in found), solver.place)


def _changes(solver: BoxSolver, found: Iterable[Differing]) -> Iterator[RuleChange]:
    for region, before, after in found:
        for box in region or ():
            cells, certain = solver.said_of(box)
            yield RuleChange(cells, before, after, box, certain)
