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

import attrs

from crmkit.errors import NotFound
from crmkit.pipeline.definition import Pipeline

__all__ = ["Shelf", "get", "names", "text"]


@attrs.frozen
class Shelf:
    """Pipelines that lie as TOML files beside the modules of a package, such as these, or your own.

    >>> Shelf("crmkit.pipeline.presets", ("complaint", "incident")).get("complaint").start
    'received'

    Attributes:
        package: the package.
        names: the files, without their ending.
        what: how one of them is called in messages.
    """

    package: str
    names: tuple[str, ...]
    what: str = "preset"

    def text(self, name: str) -> str:
        """The TOML of a process.

        Raises:
            NotFound: with the nearest name.
        """
        if name not in self.names:
            raise NotFound(self.what, name, self.names, f"the {self.what}s")
        return files(self.package).joinpath(f"{name}.toml").read_text(encoding="utf-8")

    def get(self, name: str) -> Pipeline:
        """A process as a pipeline.

        Raises:
            NotFound: with the nearest name.
        """
        return Pipeline.from_toml(self.text(name))


_PRESETS = Shelf("crmkit.pipeline.presets", (
    "b2b-sales", "complaint", "field-service", "incident", "knowledge-card", "lead-qualification", "renewal",
    "spin-selling",
))  # fmt: skip


def names() -> tuple[str, ...]:
    """The names of the processes, in order."""
    return _PRESETS.names


def text(name: str) -> str:
    """The TOML of a process, with its comments: what to copy and change.

    Raises:
        NotFound: with the nearest name.
    """
    return _PRESETS.text(name)


def get(name: str) -> Pipeline:
    """A process as a pipeline.

    Raises:
        NotFound: with the nearest name.
    """
    return _PRESETS.get(name)
