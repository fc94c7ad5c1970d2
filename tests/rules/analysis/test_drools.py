"""Tables with the findings Drools publishes for them, transcribed from its own tests (Apache-2.0)."""

import json
import re
from itertools import pairwise
from math import inf

import pytest
from pointwise import points, region

from crmkit.rules.analysis._boxes import Grid, minus
from crmkit.rules.analysis._gaps import gaps
from crmkit.rules.analysis._merge import merged
from crmkit.rules.analysis._overlaps import overlaps, shadowed

NAMES = ["GapsXY", "GapsAndOverlaps1", "MisleadingRules", "Subsumption", "MaskTest"]
INTERVAL = re.compile(r"([\[(])(-?\d+)\.\.(-?\d+)([\])])")


def interval(text):
    """The bounds (low, closed, high, closed) of one numeric test."""
    if found := INTERVAL.fullmatch(text):
        opening, low, high, closing = found.groups()
        return int(low), opening == "[", int(high), closing == "]"
    sign, number = re.fullmatch(r"([<>]?=?)(-?\d+)", text).groups()
    number = int(number)
    if not sign:
        return number, True, number, True
    return (-inf, True, number, "=" in sign) if sign[0] == "<" else (number, "=" in sign, inf, True)


def stated(part):
    """The bounds of an expected interval, where null is unbounded."""
    low, low_closed, high, high_closed = part
    return -inf if low is None else low, low_closed, inf if high is None else high, high_closed


def within(point, bounds):
    """Whether a number lies within bounds."""
    low, low_closed, high, high_closed = bounds
    return (low < point or (low_closed and low == point)) and (point < high or (high_closed and high == point))


class Numbers:
    """A numeric column: the breakpoints and the open intervals between them, each shown by one number."""

    def __init__(self, texts, parts):
        bounds = [interval(text) for text in texts if text != "-"] + [stated(part) for part in parts]
        cuts = sorted({end for low, _, high, _ in bounds for end in (low, high)} - {inf, -inf})
        between = [(low + high) / 2 for low, high in pairwise(cuts)]
        self.cells = sorted([cuts[0] - 1, *cuts, *between, cuts[-1] + 1])

    def side(self, text):
        """The cells of a condition."""
        return (1 << len(self.cells)) - 1 if text == "-" else self.of(interval(text))

    def of(self, bounds):
        """The cells within bounds."""
        return sum(1 << cell for cell, point in enumerate(self.cells) if within(point, bounds))

    def expected(self, part):
        """The cells of an expected side: an interval, alone or in a list."""
        return self.of(stated(part[0] if isinstance(part[0], list) else part))


class Values:
    """A column of listed values."""

    def __init__(self, values):
        self.cells = values

    def side(self, text):
        """The cells of a condition: one value, several, or any."""
        return self.expected(self.cells if text == "-" else json.loads(f"[{text}]"))

    def expected(self, part):
        """The cells of a list of values."""
        return sum(1 << self.cells.index(value) for value in part)


class Table:
    """A transcribed table on its grid."""

    def __init__(self, case):
        said = case["expected"]
        self.case, self.said = case, said
        where = [*said["gaps"], *(one["where"] for one in said.get("overlaps", []))]
        self.columns = []
        for place, given in enumerate(case["inputs"]):
            texts = [inputs[place] for inputs, _ in case["rules"]]
            parts = [side[place][0] if isinstance(side[place][0], list) else side[place] for side in where]
            listed = [False, True] if given["type"] == "boolean" else given.get("values")
            self.columns.append(Values(listed) if listed else Numbers(texts, parts))
        self.rules = [self.box(inputs, "side") for inputs, _ in case["rules"]]
        self.outcomes = [outputs[0] for _, outputs in case["rules"]]
        self.grid = Grid(
            tuple(len(column.cells) for column in self.columns),
            ordered=tuple(isinstance(column, Numbers) for column in self.columns),
        )

    def box(self, parts, how):
        """A box from one text or expected side for each column."""
        return tuple(getattr(column, how)(part) for column, part in zip(self.columns, parts, strict=True))

    @property
    def rank(self):
        """The place of each rule's outcome in the order of priority."""
        return [self.case["output_values"].index(outcome) for outcome in self.outcomes]

    def masks(self):
        """Which rule is masked by which others, both counted from 1."""
        found = shadowed(self.grid, self.rules, rank=self.rank)
        return {one.rule + 1: [by + 1 for by in one.by] for one in found}

    def misleading(self):
        """Rules with a free column that outrank a rule without masking it, each with that rule."""
        found = set()
        for one in overlaps(self.grid, self.rules, outcomes=self.outcomes).pairs:
            low, high = sorted((one.first, one.second), key=self.rank.__getitem__, reverse=True)
            free = any(side == full for side, full in zip(self.rules[high], self.grid.full, strict=True))
            if free and minus(self.rules[low], self.rules[high]):
                found.add((high + 1, low + 1))
        return found


@pytest.fixture(scope="module", params=NAMES)
def table(request, shared):
    """One of the published tables."""
    cases = json.loads(shared("suites", "drools-dt-analysis", "cases.json").read_text(encoding="utf-8"))["cases"]
    return Table(next(case for case in cases if case["name"] == request.param))


def test_the_gaps_are_those_of_drools_in_no_more_boxes(table):
    """The gap regions agree in cells and in volume, and it takes no more boxes to say so."""
    found = gaps(table.grid, table.rules)
    ours = region(table.grid, [gap.box for gap in found.boxes])
    theirs = region(table.grid, [table.box(one, "expected") for one in table.said["gaps"]])
    assert found.complete
    assert found.volume == len(ours)
    assert theirs == ours if table.said["gaps_complete"] else theirs < ours
    assert len(found.boxes) <= table.said["gap_count_drools"]


def test_the_overlaps_are_those_of_drools(table):
    """The same pairs overlap, in the same cells."""
    if "overlap_count" in table.said:
        found = overlaps(table.grid, table.rules)
        assert found.total == table.said["overlap_count"]
        assert {(one.first + 1, one.second + 1): one.box for one in found.pairs} == {
            tuple(one["rules"]): table.box(one["where"], "expected") for one in table.said.get("overlaps", [])
        }


def test_the_masked_rules_are_those_of_drools(table):
    """A rule that one of higher priority holds is shadowed, by that one."""
    if "masked" in table.said or "masked_count" in table.said:
        assert table.masks() == {one["rule"]: [one["masked_by"]] for one in table.said.get("masked", [])}


def test_the_misleading_rules_are_those_of_drools(table):
    """A rule with a free column that outranks part of another is found among the overlaps."""
    if "misleading" in table.said or "misleading_count" in table.said:
        wanted = {(one["rule"], one["misled_by"]) for one in table.said.get("misleading", [])}
        assert table.misleading() == wanted


def test_subsumed_rules_are_merged(table):
    """A rule that another one with the same outcome includes is merged into that one."""
    found = {one.rules: one.box for one in merged(table.grid, table.rules, table.outcomes, ordered_policy=False)}
    for one in table.said.get("subsumptions", []):
        pair = tuple(sorted((one["rule"] - 1, one["includes"] - 1)))
        assert found[pair] == table.rules[one["rule"] - 1]


@pytest.mark.parametrize(("intervals", "count"), [(True, 11), (False, 6)])
def test_few_boxes_say_what_seventeen_did(shared, intervals, count):
    """The gaps of the published table with four rules are eleven boxes of intervals, or six of any sets of cells."""
    cases = json.loads(shared("suites", "drools-dt-analysis", "cases.json").read_text(encoding="utf-8"))["cases"]
    table = Table(next(case for case in cases if case["name"] == "GapsAndOverlaps1"))
    grid = Grid(table.grid.sizes, ordered=(intervals, intervals))
    boxes = [gap.box for gap in gaps(grid, table.rules).boxes]
    assert len(boxes) == count
    assert region(grid, boxes) == points(grid) - region(grid, table.rules)
