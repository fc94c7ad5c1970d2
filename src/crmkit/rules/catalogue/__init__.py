"""Rule sets to begin with: how companies commonly grant discounts, route leads, set limits, answer and improve.

Each is a TOML file beside this one, to be read, copied and changed; `load` gives it as a rule set. Every rule says in
English and Chinese what it asks for, and where it comes from. Thresholds are common practice and meant to be replaced.
The tables leave nothing open and decide nothing twice.

>>> catalogue()[:3]
('complaint-classification', 'credit-limit', 'discount-authority')
>>> sla = load("sla")
>>> sla.tables[0].decide({"impact": "high", "urgency": "medium"}).value["priority"]
'P2'
"""

from importlib.resources import files

from crmkit.errors import NotFound
from crmkit.rules.codec import from_toml
from crmkit.rules.ruleset import RuleSet

__all__ = ["catalogue", "load"]

_NAMES = (
    "complaint-classification", "credit-limit", "discount-authority", "escalation", "lead-routing", "method-choice",
    "quote-validity", "sla", "stage-exit",
)  # fmt: skip


def catalogue() -> tuple[str, ...]:
    """The names of the rule sets, in order."""
    return _NAMES


def load(name: str) -> RuleSet:
    """A rule set of the catalogue.

    Raises:
        NotFound: with the nearest name.
    """
    if name not in _NAMES:
        raise NotFound("rule set", name, _NAMES, "the catalogue")
    text = files("crmkit.rules.catalogue").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return from_toml(text, name=name)
