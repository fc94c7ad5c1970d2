"""Trees changed as a whole."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from crmkit.rules.feel import _nodes as nodes


def rewritten(node: nodes.Node, change: Callable[[nodes.Node], nodes.Node]) -> nodes.Node:
    """The tree with each node changed, those below first; unchanged parts are the same objects."""
    changes: dict[str, Any] = {}
    for field in attrs.fields(type(node)):
        value = getattr(node, field.name)
        if isinstance(value, nodes.Node):
            made: Any = rewritten(value, change)
        elif isinstance(value, tuple):
            made = tuple(rewritten(item, change) if isinstance(item, nodes.Node) else item for item in value)
            made = value if all(a is b for a, b in zip(made, value, strict=True)) else made
        else:
            continue
        if made is not value:
            changes[field.name] = made
    return change(attrs.evolve(node, **changes) if changes else node)


def renamed(node: nodes.Node, names: Mapping[str, str]) -> nodes.Node:
    """The tree with variables under other names."""

    def change(one: nodes.Node) -> nodes.Node:
        if isinstance(one, nodes.Name) and names.get(one.name, one.name) != one.name:
            return attrs.evolve(one, name=names[one.name])
        return one

    return rewritten(node, change)
