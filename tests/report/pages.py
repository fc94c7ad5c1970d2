"""A page with everything on it, of a company that is small enough to be made in seconds."""

from functools import cache

from crmkit._demo_company import company


@cache
def firm():
    """The company."""
    return company(deals=2400, tickets=800)


@cache
def page():
    """Its page, before it is drawn."""
    return firm().page()


@cache
def html(language="en"):
    """Its page, drawn."""
    return page().to_html(name="A <company>", language=language)
