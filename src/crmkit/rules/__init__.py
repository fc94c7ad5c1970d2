"""Rules made solid: conditions and decision tables in FEEL, checked at load, proved, explained, tested on history.

The chapters: `schema` (what rules speak of), `ruleset` (rules with kinds), `registry` (versions and effective dates),
`table` (decision tables), `explain` (why and why not), `analysis` (gaps, overlaps, what changes between versions),
`relations` (rules that contradict each other or say nothing new),
`coverage` (what tests would not notice), `backtest` (what rules would have done), `columns` and `sql` (the same
verdicts by the million), `codec` (JSON, TOML, CSV, XLSX), `catalogue` (rule sets to begin with), `graph` and `dmn`
(decision requirement graphs, DMN XML), `feel` (the language itself), `trees` (what they hand to one another).

>>> from crmkit.rules import Field, Rule, RuleSet, Schema, explain
>>> deal = Schema([Field("discount", "decimal", low=0, high=1), Field("role", values=["rep", "manager"])])
>>> rules = RuleSet("deals", deal, [Rule("discount", 'discount <= 0.15 or role = "manager"')])
>>> print(explain(rules, "discount", {"discount": 0.18, "role": "rep"}))
discount: false
  false: discount <= 0.15 (discount = 0.18)
  false: role = "manager" (role = "rep")
  it would be true with discount <= 0.15 (discount is 0.18)
"""

from crmkit.rules.coverage import coverage, mutation_score
from crmkit.rules.explain import explain, explain_table
from crmkit.rules.feel import UNKNOWN
from crmkit.rules.graph import Graph
from crmkit.rules.registry import Registry
from crmkit.rules.ruleset import PythonRule, Rule, RuleSet, rule
from crmkit.rules.schema import Field, Schema
from crmkit.rules.table import DecisionTable

__all__ = [
    "UNKNOWN",
    "DecisionTable",
    "Field",
    "Graph",
    "PythonRule",
    "Registry",
    "Rule",
    "RuleSet",
    "Schema",
    "coverage",
    "explain",
    "explain_table",
    "mutation_score",
    "rule",
]
