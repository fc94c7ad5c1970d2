"""Trees as Python source: what is true, what is false, and plain values, each under the guards that keep null out.

A condition becomes two expressions of ordinary Python: one that is true where the condition is true, one that is true
where it is false; where neither is, it is null. A part that may be null is split into guards, which say when it is
not, and a plain expression that holds then. Parts without a plain form are handed to the interpreter, one by one.

No text of the user becomes source but as a quoted literal: names are numbered, other values are constants.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NoReturn

import attrs

from crmkit.rules._emit_conditions import CONDITIONS, listed, looped, ordered, tested
from crmkit.rules._emit_values import VALUES
from crmkit.rules._writer import INTERPRETED, Opaque, Plain, Writer, guarded, held
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._numbers import CONTEXT
from crmkit.rules.feel._values import YearsMonths

__all__ = ["GLOBALS", "Emitter", "Opaque", "Plain", "cell", "guarded", "held", "tested"]

#: Conditions that compare, as a rule.
_BRANCHING = (nodes.Compare, nodes.And, nodes.Or, nodes.Between, nodes.If)


@attrs.define
class Emitter(Writer):
    """Writes source for the parts of one generated function; see `Writer`."""

    def condition(self, node: nodes.Node, *, wanted: bool) -> str:
        """Source that is true exactly where the condition is what is wanted: true, or false."""
        if isinstance(node, nodes.Call) and _is_not(node):
            return self.condition(node.arguments[0], wanted=not wanted)
        if isinstance(node, nodes.Literal_):
            self.guarded |= node.value is None
            return str(node.value is wanted)
        writer = CONDITIONS.get(type(node))
        if writer is not None and not (isinstance(node, nodes.If) and self.shape(node).kind != "boolean"):
            try:
                return writer(self, node, wanted=wanted)
            except Opaque:
                plain = self.interpreted(node)
        else:
            plain = self.value(node)
        if not plain.guards and isinstance(node, nodes.Call):
            return f"({'' if wanted else 'not '}{plain.text})"
        return guarded(plain.guards, f"{plain.text} is {wanted}")

    def value(self, node: nodes.Node) -> Plain:
        """A part as a plain value."""
        writer = VALUES.get(type(node))
        if isinstance(node, nodes.Call) and _is_not(node):
            writer = None
        if writer is not None:
            return writer(self, node)
        if type(node) in CONDITIONS or (isinstance(node, nodes.Call) and _is_not(node)):
            return self.kept(self.verdict(node), nullable=self.shape(node).nullable)
        return self.interpreted(node)

    def true(self, node: nodes.Node) -> str:
        """Source that is true exactly where the condition is true."""
        return self.condition(node, wanted=True)

    def verdict(self, node: nodes.Node) -> str:
        """Source of True, False or None."""
        sure = self.sure(node)
        if sure is not None:
            return f"({sure})"
        if isinstance(node, nodes.And | nodes.Or):
            return self._junction(node)
        if isinstance(node, nodes.Compare) and node.op not in {"=", "!="}:
            try:
                guards, text = ordered(self, node.op, node.left, node.right, wanted=True)
            except Opaque:
                return self._apart([node], "")
            return f"({text} if {guarded(guards)} else None)" if guards else f"({text})"
        return self._apart([node], "")

    def sure(self, node: nodes.Node) -> str | None:
        """Source of True or False; None if it may be null. What the interpreter says may be, where operators fail."""
        if self.shape(node).nullable:
            return None
        text = self.true(node)
        return None if INTERPRETED in text else text

    def _junction(self, node: nodes.And | nodes.Or) -> str:
        """First what is never null: Python's own short cut does for it."""
        texts = [self.sure(part) for part in node.operands]
        sure = [text for text in texts if text is not None]
        rest = [part for part, text in zip(node.operands, texts, strict=True) if text is None]
        word = " and " if isinstance(node, nodes.And) else " or "
        last = self.verdict(rest[0]) if len(rest) == 1 else self._apart(rest, word)
        nulls = self.nulls(rest)
        if len(rest) > 1 and nulls and not self.complete:
            last = f"({self.completely(attrs.evolve(node, operands=tuple(rest)))} if {nulls} else {last})"
        return f"({word.join([*sure, last])})"

    def nulls(self, parts: Sequence[nodes.Node]) -> str:
        """Source that is true if no field is null that one of the parts reads; nothing if none can be."""
        read = {part.name: part for node in parts for part in nodes.walk(node) if isinstance(part, nodes.Name)}
        known = [name for name in self.fields if name in self.used and name in read]
        found = [self.fields[name] for name in known if self.shape(read[name]).nullable]
        return " and ".join(f"{variable} is not None" for variable in found)

    def _apart(self, parts: Sequence[nodes.Node], word: str) -> str:
        """What is true and what is false, each on its own."""
        true = word.join(self.condition(part, wanted=True) for part in parts)
        false = (" or " if word == " and " else " and ").join(self.condition(part, wanted=False) for part in parts)
        return f"(True if {true} else False if {false} else None)"

    def completely(self, node: nodes.Node) -> str:
        """Source of the verdict on a record none of whose fields is null."""
        before = self.complete, self.guarded, len(self.opaque)
        self.complete, self.guarded = True, False
        text = self.true(node)
        if self.guarded or len(self.opaque) > before[2]:
            text = self.verdict(node)
        elif isinstance(node, _BRANCHING):
            # Python compares faster where it branches on the answer than where it keeps it.
            text = f"(True if {text} else False)"
        self.complete, self.guarded = before[:2]
        return text

    def loop(self, node: nodes.Node) -> tuple[str, tuple[str, ...]] | None:
        """A variable with the verdict of a quantifier, and the statements that set it; None if it is no plain loop.

        A loop of statements costs a third of a generator.
        """
        if not isinstance(node, nodes.Quantified) or self.shape(node).nullable:
            return None
        try:
            loop = looped(self, node, wanted=not node.every)
        except Opaque:
            return None
        reads: list[str] = []
        for text, read in loop.reads.items():
            reads += [f"    {read.name} = {text}"] if read.name else []
            reads += [f"    if not ({read.test}):", "        return _slow(r)"]
        result, found = self.temporary(), str(not node.every)
        return result, (
            f"for {loop.variable} in {loop.source.text}:", *reads, f"    if {loop.condition}:",
            f"        {result} = {found}", "        break", "else:", f"    {result} = {node.every}",
        )  # fmt: skip


def _is_not(node: nodes.Call) -> bool:
    return isinstance(node.function, nodes.Name) and node.function.name == "not" and len(node.arguments) == 1


def cell(emit: Emitter, operand: nodes.Node, node: nodes.Tests, *, wanted: bool = True) -> str:
    """Source of a cell of a table: whether the operand passes.

    Raises:
        Opaque: if it has no plain form.
    """
    if not node.tests:
        return str(wanted)
    wanted = wanted != node.negated
    among = listed(emit, operand, node.tests, wanted=wanted)
    if among is not None:
        return among
    parts = [tested(emit, operand, test, wanted=wanted) for test in node.tests]
    return f"({(' or ' if wanted else ' and ').join(parts)})" if len(parts) > 1 else parts[0]


def _utc(value: datetime) -> datetime:
    """An instant on one clock for all."""
    return value if value.tzinfo is None or value.tzinfo is UTC else value.astimezone(UTC)


def _astray() -> NoReturn:
    raise TypeError("a value is not what the generated code takes it for")


#: What the generated source may use beside its constants.
GLOBALS: dict[str, Any] = {
    "_add": CONTEXT.add,
    "_subtract": CONTEXT.subtract,
    "_multiply": CONTEXT.multiply,
    "_divide": CONTEXT.divide,
    "_minus": CONTEXT.minus,
    "_utc": _utc,
    "_astray": _astray,
    "_Decimal": Decimal,
    "_date": date,
    "_time": time,
    "_datetime": datetime,
    "_timedelta": timedelta,
    "_YearsMonths": YearsMonths,
    "__builtins__": {
        "any": any, "all": all, "len": len, "type": type, "float": float, "int": int, "str": str, "bool": bool,
        "list": list, "dict": dict,
    },
}  # fmt: skip
