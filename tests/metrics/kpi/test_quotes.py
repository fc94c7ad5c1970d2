"""Quotations: a revision is no new quotation."""

from hypothesis import given

from .oracle import measured, month, rows, values


@given(rows("quote", least=0, revisions=True))
def test_quotes_count_at_their_first_issue(facts):
    """Number and value, by month; revisions are in neither."""
    number, value = {}, {}
    for fact in facts:
        if fact.revision > 1:
            continue
        number[month(fact.at), "quotations"] = number.get((month(fact.at), "quotations"), 0) + 1
        if fact.amount is not None:
            key = (month(fact.at), fact.amount.currency.code)
            value[key] = value[key] + fact.amount if key in value else fact.amount
    assert values(measured(facts, "quotes")) == number
    assert values(measured(facts, "quoted")) == value
