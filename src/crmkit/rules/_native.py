"""The one place where generated source becomes a function.

The source is our own: names in it are numbered, texts are quoted literals. Nothing that a user wrote is executed.
"""

from typing import Any


def build(source: str, space: dict[str, Any]) -> Any:
    """The function `decide` of some generated source, with what it may use beside Python's own."""
    exec(compile(source, "<rules>", "exec"), space)  # noqa: S102 - see above
    return space["decide"]
