"""Pages are opened in a real browser, which must be installed."""

import json
import re
import shutil
import subprocess

import attrs
import pytest


@attrs.frozen
class Opened:
    """What came of opening a page: its document as the browser had it at last, and the lines of its console."""

    dom: str
    console: tuple[str, ...]

    @property
    def told(self):
        """The JSON that a script of ours left as the title."""
        found = re.search(r"<title[^>]*>(.*?)</title>", self.dom, flags=re.DOTALL)
        text = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u00a0").replace("&amp;", "&")
        return json.loads(text)


def opened(address, folder, *options):
    """Open an address, and wait until it is loaded.

    Args:
        address: of the page.
        folder: where the browser may keep its profile.
        options: further ones of the browser.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("chromium is not installed")
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}", *options, address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300, check=True)
    return Opened(done.stdout, tuple(line for line in done.stderr.splitlines() if "CONSOLE" in line))
