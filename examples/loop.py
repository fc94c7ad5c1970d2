"""A year in the life of a company with a loop: what is planted in a simulation, found, acted upon, and verified.

`python examples/loop.py [--planted none|all] [--seed N] [--quarters N] [--json]`. It is two years by default: what is
done in one quarter is judged in the two that follow.
"""

import argparse
import json
from typing import get_args

import numpy as np

from crmkit.testing.planted import Planted
from crmkit.testing.year import Lived, live


def main() -> None:
    """Live through the quarters and tell what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--planted", choices=("none", "all"), default="all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quarters", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    what = get_args(Planted) if asked.planted == "all" else ()
    lived = live(*what, rng=np.random.default_rng(asked.seed), quarters=asked.quarters)
    if asked.json:
        print(json.dumps(lived.to_dict(), indent=1))
    else:
        tell(lived)


def tell(lived: Lived) -> None:
    """What happened, case by case, and what it was worth."""
    company = f"{len(lived.facts.journal.cases.values):,} cases of work"
    print(f"{lived.quarters} quarters, {company}; planted: {', '.join(lived.planted) or 'nothing'}")
    print(f"{len(lived.cases)} improvement cases; found: {', '.join(lived.found) or 'nothing'}")
    for one in lived.cases:
        print(f"\n{one.problem}")
        for stay in lived.loop.timeline(one.case.id):
            print(f"  {stay.entered:%Y-%m-%d}  {stay.stage}")
        judged = one.case.fields.get("judged")
        print("  " + (judged["text"].replace("\n", "\n  ") if judged else one.case.fields.get("drop reason", "open")))
    print(f"\nWhat stars do differently: {', '.join(lived.practices) or 'nothing that was recorded'}")
    print(f"Verified: {', '.join(lived.verified) or 'nothing'}")
    print(f"Of {lived.without:,.0f} cases a quarter that would advance, {lived.gained:+,.0f} more do.")


if __name__ == "__main__":
    main()
