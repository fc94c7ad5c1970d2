"""The report: one honest picture of a process, as data, as text, and as one self-contained page.

Beside it, `crmkit.report.publishing` makes a site of what may be known.
"""

from crmkit.report.figures import Report, build
from crmkit.report.text import summary

__all__ = ["Report", "build", "summary"]
