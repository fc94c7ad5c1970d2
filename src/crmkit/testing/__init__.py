"""What crmkit is tested with, for your tests: simulations with known truth, strategies, laws and contract suites.

`simulate` needs only numpy. All else needs the extra `testing` (hypothesis and pytest), which is loaded at first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crmkit.testing.simulate import Simulation, Truth, simulate

if TYPE_CHECKING:
    from crmkit.testing.processes import check_process, stateful_tests
    from crmkit.testing.rules import check_ruleset, records

__all__ = ["Simulation", "Truth", "check_process", "check_ruleset", "records", "simulate", "stateful_tests"]

_LAZY = {
    "check_process": "crmkit.testing.processes",
    "check_ruleset": "crmkit.testing.rules",
    "records": "crmkit.testing.rules",
    "stateful_tests": "crmkit.testing.processes",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'crmkit.testing' has no attribute {name!r}")
