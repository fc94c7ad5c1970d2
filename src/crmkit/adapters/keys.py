"""A key for each person, kept as records, and the cipher that uses them (extra `crypto`).

    ring = KeyRing(SqliteStore("keys.db").records, master=master)
    sealed = SealedEvents(store.events, ring, person=lambda event: event.data.get("contact"), fields=["note"])
    ring.erase("C-7", at=now)      # whatever was sealed for C-7 can never be read again

AES-SIV (RFC 5297) with 512-bit keys: without a nonce, so that equal bytes in one place look equal and nothing else
does. Keep the keys in a file of their own: what is in a backup of the keys can be read with it.
"""

import secrets
from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any

from crmkit.adapters._logs import log_of
from crmkit.errors import Conflict, Damaged, ExtraMissing, InvalidValue, NotFound
from crmkit.protocols import RecordStore
from crmkit.values import aware

__all__ = ["KEY", "KeyRing"]

#: The kind of the records that hold keys.
KEY = "crmkit.key"

_LOG = log_of("keys")
_SIZE = 64


class KeyRing:
    """The `Cipher` whose keys are records.

    Args:
        records: where the keys are; best a store of their own, of which backups are short-lived.
        master: 64 bytes that every key is wrapped with; keep them outside of the store. None: keys lie open.

    Raises:
        InvalidValue: if the master key has another size.
        ExtraMissing: without the package cryptography.
    """

    def __init__(self, records: RecordStore, *, master: bytes | None = None) -> None:
        if master is not None and len(master) != _SIZE:
            raise InvalidValue("master key", f"{len(master)} bytes", f"has to have {_SIZE}")
        self._records = records
        self._master = None if master is None else _cipher(master)
        self._known: dict[str, tuple[int, Any]] = {}
        _cipher(bytes(_SIZE))

    def seal(self, person: str, data: bytes, *, place: bytes) -> bytes:
        """See `Cipher.seal`."""
        cipher = self._of(person)
        if cipher is None:
            cipher = self._made(person)
        if cipher is None:
            raise NotFound("key of person", person, (), "the ring: it was erased, and nothing may be stored about them")
        # AES-SIV takes no empty text.
        sealed: bytes = cipher.encrypt(b"\0" + data, [place])
        return sealed

    def unseal(self, person: str, data: bytes, *, place: bytes) -> bytes | None:
        """See `Cipher.unseal`."""
        from cryptography.exceptions import InvalidTag

        cipher = self._of(person)
        if cipher is None:
            return None
        try:
            opened: bytes = cipher.decrypt(data, [place])
        except InvalidTag:
            raise Damaged("sealed field", 0, f"was not sealed for {person!r} here, or was changed") from None
        return opened[1:]

    def erase(self, person: str, *, at: datetime) -> bool:
        """Erase the key of a person for good; whether there was one.

        What stays is a record that says when. Scrub the store of the keys afterwards (`crmkit.protocols.Scrubbable`).

        Args:
            person: whose.
            at: when (aware).

        Raises:
            Conflict: if the key was made at this very moment; erase again.
        """
        moment = aware(at)
        self._known.pop(person, None)
        found = self._records.get(KEY, person)
        if found is not None and "erased" in found.value:
            return False
        self._records.put(KEY, person, {"erased": moment}, expected=0 if found is None else found.version)
        _LOG.info("the key of a person was erased")
        return found is not None

    def erased(self, person: str) -> bool:
        """Whether the key of a person was erased."""
        found = self._records.get(KEY, person)
        return found is not None and "erased" in found.value

    def _of(self, person: str) -> Any:
        """The cipher of a person; None if there is no key, or none any more. Another process may have erased it."""
        found = self._records.get(KEY, person)
        if found is None or "erased" in found.value:
            self._known.pop(person, None)
            return None
        known = self._known.get(person)
        if known is None or known[0] != found.version:
            known = self._known[person] = (found.version, _cipher(self._unwrapped(person, str(found.value["key"]))))
        return known[1]

    def _made(self, person: str) -> Any:
        """A new key, unless there was one before."""
        key = secrets.token_bytes(_SIZE)
        wrapped = key if self._master is None else self._master.encrypt(key, [person.encode("utf-8", "surrogatepass")])
        try:
            self._records.put(KEY, person, {"key": b64encode(wrapped).decode()}, expected=0)
        except Conflict:
            # Erased before, or made by another at this very moment.
            return self._of(person)
        return self._of(person)

    def _unwrapped(self, person: str, text: str) -> bytes:
        from cryptography.exceptions import InvalidTag

        wrapped = b64decode(text)
        if self._master is None:
            if len(wrapped) != _SIZE:
                raise Damaged("key ring", 0, f"the key of {person!r} is wrapped; give the master key")
            return wrapped
        try:
            key: bytes = self._master.decrypt(wrapped, [person.encode("utf-8", "surrogatepass")])
        except InvalidTag:
            raise Damaged("key ring", 0, f"the key of {person!r} was not wrapped with this master key") from None
        return key


def _cipher(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV
    except ImportError:
        raise ExtraMissing("cryptography", "crypto", "a key for each person") from None
    return AESSIV(key)
