"""The report: one honest picture of what is known, as data, as text, and as one self-contained page.

`build` measures deals; `compose` puts everything on one page: sales, service, knowledge, rules, and the loop.
Beside it, `crmkit.report.publishing` makes a site of what may be known.
"""

from crmkit.report.composing import Page, compose
from crmkit.report.figures import Report, build
from crmkit.report.text import summary

__all__ = ["Page", "Report", "build", "compose", "summary"]
