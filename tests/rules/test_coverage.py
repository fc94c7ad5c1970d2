"""What records exercise, and which changes of the rules they would not notice."""

from decimal import Decimal

from crmkit.rules import Field, Rule, RuleSet, Schema, coverage, mutation_score
from crmkit.rules.coverage import literals, mutants
from crmkit.testing.rules import examples_of

N = Schema([Field("n", "integer"), Field("s", values=["a", "b", "c"]), Field("m", "decimal", nullable=True)])


def one(condition):
    """A set of one rule."""
    return RuleSet("one", N, [Rule("r", condition)])


def test_coverage_counts_both_ways():
    """Rules and conditions seen true and false, boundaries met, the rest in words."""
    rules = one('n >= 5 and not(s = "a")')
    seen = coverage(rules, [{"n": 5, "s": "b", "m": None}, {"n": 4, "s": "b", "m": None}])
    assert (seen.rules, seen.conditions, seen.boundaries) == ((1, 1), (1, 2), (1, 1))
    assert seen.missing == ("rule 'r', condition s = \"a\" was never true",)
    none = coverage(rules, [])
    assert none.rules == (0, 1)
    assert "rule 'r', condition n >= 5: no record meets the boundary" in none.missing


def test_survivors_are_told_in_words():
    """A test suite without the boundary does not notice that >= became >."""
    rules = one("n >= 5")
    blind = mutation_score(rules, [{"n": 9, "s": "a", "m": None}, {"n": 1, "s": "a", "m": None}])
    assert "your tests would not notice if in rule 'r' n >= 5 became n > 5" in map(str, blind.survivors)
    sharp = mutation_score(rules, [{"n": n, "s": "a", "m": None} for n in (4, 5, 6)])
    assert sharp.killed > blind.killed
    assert mutation_score(one("true"), []).score == 1.0


def test_every_kind_of_change():
    """Operators, literals, parts, negations, lists, ranges, quantifiers; what the checker refuses is no mutant."""
    rules = one('not(n in (1, 2, [3..5))) and (s in ("a", "b") or m > 1.5) and (every x in [1, 2] satisfies x > n)')
    words = [mutant.what for mutant, _ in mutants(rules)]
    for part in ("became", "were missing", "[3..5]", "some x in", "or", "1.51"):
        assert any(part in word for word in words), part
    assert len([*mutants(one("n in (1, 1)"))]) < len([*mutants(one("n in (1, 2)"))])
    assert len({mutant.text for mutant, _ in mutants(rules)}) == len(words)


def test_literals_by_field():
    """Where tests should look: for each field what it is compared with."""
    assert literals(one('n > 5 and s = "a" and m between 1 and 2'))["n"] == (Decimal(5),)
    assert literals(one("n > 5"), "r") == {"n": (Decimal(5),)}
    assert literals(RuleSet("b", Schema([Field("on", "boolean")]), [Rule("r", "on")])) == {"on": ()}


def test_records_at_the_edges_find_more(rules):
    """Records made from the rules tell most changed rules from the original."""
    near, far = (mutation_score(rules, examples_of(rules, 300, near_boundary=near)) for near in (True, False))
    assert near.score > far.score + 0.1
