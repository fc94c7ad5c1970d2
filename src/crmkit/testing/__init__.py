"""What crmkit is tested with, for your tests: simulations with known truth, strategies, laws and contract suites.

`simulate` needs only numpy. `strategies`, `laws`, `stateful` and `contracts` need the extra `testing` (hypothesis and
pytest); import them by name.
"""

from crmkit.testing.simulate import Simulation, Truth, simulate

__all__ = ["Simulation", "Truth", "simulate"]
