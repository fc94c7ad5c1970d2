"""How much a rule may cost, so that no text and no record can stop the host."""

import attrs

__all__ = ["Limits"]


@attrs.frozen
class Limits:
    """Bounds on a rule's text and on its evaluation.

    Attributes:
        length: characters of a text.
        nodes: nodes of its tree.
        depth: how deep it may nest.
        steps: nodes visited in one evaluation.
        calls: how deep functions may call one another.
        items: length of a list, and of a string, that an evaluation may build.
    """

    length: int = 50_000
    nodes: int = 20_000
    depth: int = 60
    steps: int = 1_000_000
    calls: int = 40
    items: int = 1_000_000
