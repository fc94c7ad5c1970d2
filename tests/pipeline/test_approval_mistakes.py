"""Approvals that cannot be used are refused when the pipeline is made."""

import pytest

from crmkit.errors import DefinitionErrors
from crmkit.pipeline import Approval, Move, Panel, Pipeline, Stage


@pytest.mark.parametrize(("approvals", "part"), [
    ([Approval("a", [])], "has no panel"),
    ([Approval("a", Panel())], "names no people, roles or fields"),
    ([Approval("a", Panel(["li"], mode="most"))], "mode 'most' is none of"),
    ([Approval("a", Panel(["li"], empty="ask"))], "asks deputies, and names none"),
    ([Approval("a", Panel(["li"], quorum=0))], "quorum is 0"),
    ([Approval("a", Panel(["li"]), repeated="never")], "repeated 'never' is none of"),
    ([Approval("a", Panel(["li"]), when="discount >")], "line 1"),
    ([Approval("a", Panel(["li"])), Approval("a", Panel(["li"]))], "is there 2 times"),
    ([Approval("b", Panel(["li"]))], "no approval 'a'"),
])  # fmt: skip
def test_what_an_approval_must_not_be(approvals, part):
    """Each mistake in a definition has its place and its reason."""
    with pytest.raises(DefinitionErrors) as caught:
        Pipeline(
            "deals", ["open", Stage("won", "won")], {"open": {"sign": Move("won", approval="a")}}, approvals=approvals
        )
    assert part in str(caught.value)
