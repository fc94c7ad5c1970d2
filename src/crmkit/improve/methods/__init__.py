"""The methods of improvement as processes: what each asks for, who signs what, and when it may act (R3).

Each is a TOML file beside this one, to be read, copied and changed; `get` gives it as a pipeline. Stages and moves are
told in English and Chinese, and each file names where its method comes from. All of them keep one contract, so that a
case of any of them can be driven and judged alike:

- a case opens with its `kind`, the `problem` and the evidence `found`, which stays as it is;
- `act` asks for the hypothesis (`Hypothesis.to_fields`), an owner, the day it is due and at least one action, and
  nothing else leads to where is acted; the hypothesis cannot be changed while it is tried;
- `judge` asks for a verdict: "worked", "did not" or "cannot tell";
- `standardise` what worked, `undo` what did not, or `try again`: that takes the hypothesis back (set it to None), and
  to act once more the verdict is taken back too, so that each attempt is judged by a hypothesis of its own;
- every open case can be dropped, with a reason.

`check` says whether your own method keeps it.

>>> names()
('coaching', 'practice-sharing', 'pdca', 'dmaic', '8d', 'a3', 'five-whys')
>>> get("pdca").moves_from("check")
('standardise', 'undo', 'try again', 'drop')
>>> check(get("pdca"))
()
"""

from crmkit.improve.methods._contract import check
from crmkit.pipeline.definition import Pipeline
from crmkit.pipeline.presets import Shelf

__all__ = ["check", "get", "names", "text"]

_METHODS = Shelf(
    "crmkit.improve.methods", ("coaching", "practice-sharing", "pdca", "dmaic", "8d", "a3", "five-whys"), "method"
)


def names() -> tuple[str, ...]:
    """The names of the methods, from one person's skill to one team's small trouble."""
    return _METHODS.names


def text(name: str) -> str:
    """The TOML of a method, with its comments: what to copy and change.

    Raises:
        NotFound: with the nearest name.
    """
    return _METHODS.text(name)


def get(name: str) -> Pipeline:
    """A method as a pipeline.

    Raises:
        NotFound: with the nearest name.
    """
    return _METHODS.get(name)
