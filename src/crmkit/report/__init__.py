"""The report: one honest picture of a process, as data, as text, and as one self-contained page."""

from crmkit.report.figures import Report, build
from crmkit.report.text import summary

__all__ = ["Report", "build", "summary"]
