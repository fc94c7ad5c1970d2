"""The folder of a site: names of files, what a second run leaves, and a run that is killed."""

import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InputError
from crmkit.kb import Thesaurus, Viewer
from crmkit.report._site_files import file_name
from crmkit.report.publishing import publish

from .site_cards import BASE, CARDS, NOW, SUBJECTS, card, files, made

STAFF = Viewer("li", staff=True)
DAY = timedelta(days=1)


@given(st.lists(st.text(min_size=1), unique=True, max_size=30), st.booleans())
def test_each_id_has_its_own_file_name(ids, upper):
    """File names are short, plain, and different whatever the ids are, also on a disk that does not tell case apart."""
    names = [file_name(id_, upper=upper) for id_ in ids]
    assert len({name.lower() for name in names}) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) and len(name) <= 80 for name in names)


def test_file_names_that_look_alike():
    """Own names are kept, and nobody can name a card so that its page takes the place of another one."""
    assert (file_name("K-17", upper=True), file_name("vat", upper=False)) == ("k-17", "vat")
    for id_ in (
        "k-17",
        "K 17",
        "K_17",
        "K--17",
        "../K-17",
        "K-17/",
        "/etc/passwd",
        "..",
        ".",
        "CON",
        "AUX",
        "LPT1",
        "发票",
        "K-17\0",
        "K" * 61,
    ):
        name = file_name(id_, upper=True)
        assert re.fullmatch(r"([a-z0-9-]+-)?[0-9a-f]{16}", name)
        # Whoever gives a card that very name gets another one for it.
        assert file_name(name.upper(), upper=True) != name


def test_ids_cannot_leave_the_folder(tmp_path):
    """Ids that are paths, devices, or alike but for case all get pages of their own inside the folder."""
    ids = [
        "../../up",
        "..\\..\\up",
        "/etc/passwd",
        "K-1",
        "k-1",
        "K_1",
        "con",
        "CON",
        "a/b",
        "a\0b",
        "\ud800",
        "x" * 300,
        "名",
        ".",
        "..",
        "~",
        "%2e%2e",
    ]
    site = made(
        tmp_path / "site",
        [card(id_, f"problem {number}", subjects=[id_]) for number, id_ in enumerate(ids)],
        thesaurus=Thesaurus(),
    )
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    assert len(set(site.pages.values())) == len(set(site.subjects.values())) == len(ids)
    for number, id_ in enumerate(ids):
        assert f"problem {number}" in (tmp_path / "site" / site.pages[id_]).read_text(encoding="utf-8")


# -- publishing again


def test_the_same_again_changes_nothing(tmp_path):
    """A second run with the same cards writes nothing, whenever it is made."""
    first = made(tmp_path)
    before = files(tmp_path)
    again = made(tmp_path, now=NOW + DAY)
    assert (again.written, again.removed, again.unchanged) == ((), (), len(first.written))
    assert files(tmp_path) == before


def test_what_is_hidden_later_is_removed(tmp_path):
    """A card that may no longer be seen leaves no byte; what others put into the folder stays."""
    made(tmp_path, viewer=STAFF)
    (tmp_path / "cards" / "notes.html").write_text("mine")
    (tmp_path / "logo.svg").write_text("mine")
    site = made(tmp_path)
    found = files(tmp_path)
    assert b"zebra" not in b"".join([*found.values(), *(name.encode() for name in found)])
    assert {"cards/k-99.html", "subjects/quiet.html"} <= set(site.removed)
    assert found["cards/notes.html"] == found["logo.svg"] == b"mine"


def test_what_somebody_changed_in_our_files_is_mended_and_removed(tmp_path):
    """A page of ours that was changed by hand is written anew, and removed when its card is hidden."""
    made(tmp_path, viewer=STAFF)
    (tmp_path / "cards" / "k-99.html").write_text("zebra, minified")
    (tmp_path / "cards" / "k-18.html").write_text("changed")
    site = made(tmp_path, viewer=STAFF)
    assert set(site.written) == {"cards/k-18.html", "cards/k-99.html"}
    (tmp_path / "cards" / "k-99.html").write_text("zebra, minified")
    made(tmp_path)
    assert not (tmp_path / "cards" / "k-99.html").exists()


@pytest.mark.parametrize("name", ["index.html", "cards/k-17.html", "static/index.js"])
def test_what_was_not_published_is_not_overwritten(tmp_path, name):
    """A folder of others is refused by the name of what is in it, and then nothing was done at all."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=rf"no site of ours: {re.escape(name.split('/', maxsplit=1)[0])}"):
        made(tmp_path)
    assert files(tmp_path) == {name: b"mine"}


def test_a_file_in_the_way_of_a_new_page(tmp_path):
    """What somebody put into a published site is not overwritten; it is named, and the site stays as it was."""
    site, whole = tmp_path / "site", tmp_path / "whole"
    made(site, CARDS[:1])
    made(whole)
    new = min(name for name in {*files(whole)} - {*files(site)} if name.startswith("cards/"))
    (site / new).write_text("mine")
    before = files(site)
    with pytest.raises(InputError, match=rf"{re.escape(new)}: is there already, and was not published"):
        made(site)
    assert files(site) == before


@pytest.mark.parametrize("listed", [
    b"", b"{", b"[]", b"null", b'{"schema": "crmkit-site-1"}', b"\xff\xfe", b"[" * 100_000,
    b'{"schema": "crmkit-site-2", "files": {}, "begun": {}, "cards": {}}',
    b'{"schema": "crmkit-site-1", "files": {"../mine": "x"}, "begun": {}, "cards": {}}',
    b'{"schema": "crmkit-site-1", "files": {}, "begun": {"cards/../../mine": "x"}, "cards": {}}',
    b'{"schema": "crmkit-site-1", "files": {"C:\\\\mine.html": "x"}, "begun": {}, "cards": {}}',
    b'{"schema": "crmkit-site-1", "files": {}, "begun": {}, "cards": {"a": 1}}',
])  # fmt: skip
def test_a_damaged_list_of_files_is_refused(tmp_path, listed):
    """A list that leads out of the folder or cannot be read is an error, and nothing is removed by it."""
    (tmp_path / "mine").write_text("mine")
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / ".crmkit-site.json").write_bytes(listed)
    with pytest.raises(InputError, match=r"is no list of a site's files: .+; publish into an empty folder"):
        made(folder)
    assert (tmp_path / "mine").read_text() == "mine"
    assert files(folder) == {".crmkit-site.json": listed}


def test_a_folder_that_is_none(tmp_path):
    """A file, a folder inside that is a link to elsewhere, or a name that is too long: one clear error."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is no folder"):
        made(tmp_path / "file")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "cards").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(InputError, match="is no folder of the site's own"):
        made(tmp_path / "site")
    assert not list((tmp_path / "elsewhere").iterdir())
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        made(tmp_path / ("x" * 300))


CRASHING = """
import os, pickle, shutil, sys
from crmkit.report.publishing import publish
given, folder, copy = pickle.load(open(sys.argv[1], "rb")), sys.argv[2], sys.argv[3]
publish(folder=copy, **given)
for number in range(10_000):
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    child = os.fork()
    if not child:
        left = number
        def hook(event, arguments):
            global left
            touches = event in ("os.rename", "os.remove", "os.mkdir") or (event == "open" and arguments[1] == "wb")
            if touches and str(arguments[0]).startswith(copy):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), 9)
        sys.addaudithook(hook)
        publish(folder=copy, **given)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
    sys.stdin.readline()
    if status == 0:
        break
"""


def crashes(tmp_path, folder, given) -> Iterator[tuple[int, Path]]:
    """A copy of a folder after a run into it was killed before its first, second ... change; and after one that was not."""
    (tmp_path / "given").write_bytes(pickle.dumps(given))
    command = [sys.executable, "-c", CRASHING, str(tmp_path / "given"), str(folder), str(tmp_path / "copy")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            yield int(line), tmp_path / "copy"
            process.stdin.write("\n")
            process.stdin.flush()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked on this system")
def test_a_run_that_is_killed_leaves_whole_pages(tmp_path):
    """Killed before any of its changes to the folder, it leaves each page old or new, and the next run mends the rest."""
    old, new = tmp_path / "old", tmp_path / "new"
    cards = [attrs.evolve(one, solution="changed") if one.id == "K-18" else one for one in CARDS if one.id != "C-2"] + [
        card("K-30", "later")
    ]
    given = {"cards": cards, "now": NOW + DAY, "title": "Acme help", "thesaurus": SUBJECTS, "base": BASE}
    made(old, viewer=STAFF)
    made(tmp_path / "copy2", viewer=STAFF)
    publish(folder=tmp_path / "copy2", **given)
    (tmp_path / "copy2").rename(new)
    whole = [files(old), files(new)]
    codes = []
    for code, folder in crashes(tmp_path, old, given):
        codes.append(code)
        for name, data in files(folder).items():
            if not name.endswith(".crmkit-part") and name != ".crmkit-site.json":
                assert data in [one[name] for one in whole if name in one], name
        publish(folder=folder, **given)
        assert files(folder) == whole[1]
    assert codes[-1] == 0
    assert set(codes[:-1]) == {-9}
    assert len(codes) > 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked on this system")
def test_a_first_run_that_is_killed_can_be_repeated(tmp_path):
    """Killed in an empty folder, it knows its own files again, and still overwrites none of others."""
    folder = tmp_path / "empty"
    folder.mkdir()
    given = {"cards": CARDS[:2], "now": NOW, "title": "Acme help"}
    for code, copy in crashes(tmp_path, folder, given):
        begun = copy / "feed.xml"
        if code and (copy / ".crmkit-site.json").exists() and not begun.exists():
            begun.write_text("mine")
            with pytest.raises(InputError, match="was not published"):
                publish(folder=copy, **given)
            assert begun.read_text() == "mine"
            begun.unlink()
        site = publish(folder=copy, **given)
        assert len(site.pages) == 2
        assert not [name for name in files(copy) if name.endswith(".crmkit-part")]
