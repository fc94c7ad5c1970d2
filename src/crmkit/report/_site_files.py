"""The folder of a site: what was written there, what may be overwritten, and what must go.

A list of the files lies beside them. Nothing that is not on it is overwritten or removed, and a file that was begun is
on it before it is there: whenever the power fails, each page is the old one or the new one, and the next run knows all
of them. Pages that must go are removed first.
"""

import json
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs

from crmkit.errors import InputError

__all__ = ["Folder", "Manifest", "Written", "file_name"]

_LIST, _SCHEMA, _PART = ".crmkit-site.json", "crmkit-site-1", ".crmkit-part"
_SAFE = re.compile(r"(?:(?:cards|subjects|static)/)?[a-z0-9_-]{1,100}\.(?:html|css|js|xml|txt)")
_FOLDERS = ("cards", "subjects", "static")
_LONGEST = 60
_PLAIN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Devices of Windows, whatever comes after the point.
_DEVICE = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9]")
_HASHED = re.compile(r"(?:.*-)?[0-9a-f]{16}")


def file_name(id_: str, *, upper: bool) -> str:
    """The file name of an id, without an ending: another one for each id, whether or not a disk tells case apart.

    It depends on nothing but the id, so that addresses last. An id of letters of one case, digits and hyphens is
    its own name; any other gets a hash at its end.

    Args:
        id_: anything.
        upper: whether ids in capitals are their own names; otherwise those in small letters.
    """
    folded = id_.lower()
    own = id_ == (id_.upper() if upper else folded) and id_.isascii() and len(id_) <= _LONGEST
    if own and _PLAIN.fullmatch(folded) and not _DEVICE.fullmatch(folded) and not _HASHED.fullmatch(folded):
        return folded
    slug = "-".join(re.findall("[a-z0-9]+", folded[: _LONGEST * 2]))[:_LONGEST].strip("-")
    hashed = sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{slug}-{hashed}" if slug else hashed


@attrs.frozen
class Manifest:
    """What lies in a folder by our hand.

    Attributes:
        files: from path to hash.
        cards: from the id of a card to the hash of what its page says, and since when.
    """

    files: Mapping[str, str] = attrs.field(factory=dict)
    cards: Mapping[str, tuple[str, str]] = attrs.field(factory=dict)


@attrs.frozen
class Written:
    """What was done to a folder.

    Attributes:
        written: paths that are new or changed.
        unchanged: paths that stayed as they were.
        removed: paths that are gone.
    """

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]


def _is_begun(place: Path) -> bool:
    return place.name in _FOLDERS and place.is_dir() and not any(place.iterdir())


class Folder:
    """A folder that holds a site, or will.

    Args:
        path: where it is; it is made if it is not there.

    Raises:
        InputError: if it cannot be used, or its list of files is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            if path.exists() and not path.is_dir():
                raise InputError(str(path), "is no folder", "name a folder for the site")
            for name in _FOLDERS:
                inner = path / name
                if inner.is_symlink() or (inner.exists() and not inner.is_dir()):
                    reason = "is no folder of the site's own"
                    raise InputError(str(inner), reason, "remove it, or choose another folder")
        except OSError as error:
            raise InputError(str(path), f"cannot be read: {error.strerror}") from None
        self.manifest, self._begun = self._read()

    def _read(self) -> tuple[Manifest, Mapping[str, str]]:
        """The list, and what a run that did not end had begun to write."""
        file = self._path / _LIST
        try:
            found = json.loads(file.read_bytes())
        except FileNotFoundError:
            self._refuse_foreign()
            return Manifest(), {}
        except (OSError, ValueError, RecursionError) as error:
            raise _damaged(file, str(error)) from None
        try:
            known = {str(id_): (str(one), str(since)) for id_, (one, since) in found["cards"].items()}
            files, begun = _paths(found["files"]), _paths(found["begun"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _damaged(file, "it is not of that form") from None
        if found.get("schema") != _SCHEMA:
            raise _damaged(file, f"its schema is not {_SCHEMA}")
        return Manifest(files, known), begun

    def _refuse_foreign(self) -> None:
        """A folder that was never published to must be empty: pages between files of others would be lost among them.

        What is hidden may stay (a repository keeps its own so), and so may empty folders of an interrupted first run.
        """
        found = sorted(self._path.iterdir()) if self._path.exists() else []
        foreign = [one.name for one in found if not one.name.startswith(".") and not _is_begun(one)]
        if foreign:
            shown = ", ".join(foreign[:3]) + (" ..." if len(foreign) > 3 else "")
            raise InputError(str(self._path), f"holds files that are no site of ours: {shown}", "name an empty folder")

    def update(self, files: Mapping[str, bytes], cards: Mapping[str, tuple[str, str]]) -> Written:
        """Make the folder hold these files, and none that we once wrote beside them.

        Raises:
            InputError: if a file that is not ours is in the way (nothing was done then), or the disk refuses.
        """
        hashes = {path: _hash(data) for path, data in files.items()}
        ours = self._ours(hashes)
        try:
            for name in _FOLDERS:
                (self._path / name).mkdir(parents=True, exist_ok=True)
            for path in {*ours, *files}:
                (self._path / (path + _PART)).unlink(missing_ok=True)
            self._list(ours, self.manifest.cards, hashes)
            gone = sorted(path for path in ours if path not in files)
            for path in gone:
                (self._path / path).unlink(missing_ok=True)
            changed = [path for path, data in files.items() if self._write(path, data)]
            self._list(hashes, cards, {})
        except OSError as error:
            raise InputError(str(error.filename or self._path), f"cannot be written: {error.strerror}") from None
        kept = set(files).difference(changed)
        return Written(tuple(sorted(changed)), tuple(sorted(kept)), tuple(gone))

    def _ours(self, files: Mapping[str, str]) -> dict[str, str]:
        """What lies there by our hand.

        Raises:
            InputError: if something else lies where one of the files must go.
        """
        ours = dict(self.manifest.files)
        ours |= {path: hashed for path, hashed in self._begun.items() if self._holds(path, hashed)}
        for path in files:
            if path not in ours and os.path.lexists(self._path / path):
                reason, remedy = "is there already, and was not published", "choose an empty folder, or remove it"
                raise InputError(str(self._path / path), reason, remedy)
        return ours

    def _holds(self, path: str, hashed: str) -> bool:
        try:
            return _hash((self._path / path).read_bytes()) == hashed
        except OSError:
            return False

    def _write(self, path: str, data: bytes) -> bool:
        """Put a file in its place in one step, unless it is there as it should be; whether that was done."""
        file = self._path / path
        if not file.is_symlink() and self._holds(path, _hash(data)):
            return False
        part = self._path / (path + _PART)
        with part.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
        return True

    def _list(self, files: Mapping[str, str], cards: Mapping[str, tuple[str, str]], begun: Mapping[str, str]) -> None:
        told: dict[str, Any] = {"schema": _SCHEMA, "files": dict(files), "cards": dict(cards), "begun": dict(begun)}
        self._write(_LIST, json.dumps(told, indent=0, sort_keys=True).encode())


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()


def _paths(found: Mapping[str, Any]) -> dict[str, str]:
    """Paths with hashes; one that leads elsewhere than into the folder was not written by us."""
    for path in found:
        if not _SAFE.fullmatch(path):
            raise ValueError(path)
    return {path: str(hashed) for path, hashed in found.items()}


def _damaged(file: Path, why: str) -> InputError:
    return InputError(
        str(file), f"is no list of a site's files: {why}", "publish into an empty folder, and remove this one"
    )  # fmt: skip
