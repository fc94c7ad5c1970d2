"""Processes to begin with: how companies commonly sell, renew, qualify, repair, visit, answer and learn.

Each is a TOML file beside this one, to be read, copied and changed; `get` gives it as a pipeline. Every stage and
every move is told in English and Chinese, and each file names the method or the standard that it follows. Limits and
thresholds are common practice and meant to be replaced.

>>> names()[:5]
('b2b-sales', 'complaint', 'field-service', 'incident', 'knowledge-card')
>>> get("b2b-sales").moves_from("lead")
('qualify', 'disqualify')
"""

from importlib.resources import files

from crmkit.errors import NotFound
from crmkit.pipeline.definition import Pipeline

__all__ = ["get", "names", "text"]

_NAMES = (
    "b2b-sales", "complaint", "field-service", "incident", "knowledge-card", "lead-qualification", "renewal",
    "spin-selling",
)  # fmt: skip


def names() -> tuple[str, ...]:
    """The names of the processes, in order."""
    return _NAMES


def text(name: str) -> str:
    """The TOML of a process, with its comments: what to copy and change.

    Raises:
        NotFound: with the nearest name.
    """
    if name not in _NAMES:
        raise NotFound("preset", name, _NAMES, "the presets")
    return files("crmkit.pipeline.presets").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def get(name: str) -> Pipeline:
    """A process as a pipeline.

    Raises:
        NotFound: with the nearest name.
    """
    return Pipeline.from_toml(text(name))
