"""Servers of our own: in temporary folders, on sockets or loopback, started for a run and stopped after it, by pid."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def folder_for(user):
    """A folder that belongs to whom a server runs as, outside those of pytest, which are for one's own eyes."""
    with tempfile.TemporaryDirectory(prefix="crmkit-") as name:
        if os.geteuid() == 0:
            shutil.chown(name, user)
        yield Path(name)


@contextmanager
def postgresql(*options):
    """A PostgreSQL server; gives the URL of its database."""
    tools = _tools()
    with folder_for("postgres") as folder, _running_postgresql(tools, folder, options) as url:
        yield url


@contextmanager
def _running_postgresql(tools, folder, options):
    who, data = _as("postgres"), folder / "data"
    _run(folder, [*who, f"{tools}/initdb", "-D", data, "-A", "trust", "-U", "crm", "-E", "UTF8", "--locale=C.UTF-8"])
    settings = " ".join((f"-k {folder}", "-c listen_addresses=''", "-c max_connections=60", *options))
    _run(folder, [*who, f"{tools}/pg_ctl", "-D", data, "-o", settings, "-w", "-l", folder / "log", "start"])
    try:
        yield f"postgresql+psycopg://crm@/postgres?host={folder}"
    finally:
        _run(folder, [*who, f"{tools}/pg_ctl", "-D", data, "-m", "immediate", "stop"])


def crash_postgresql(url):
    """Stop a server without a checkpoint, whatever its clients are doing, and start it again."""
    folder = Path(url.partition("host=")[2])
    control = [*_as("postgres"), f"{_tools()}/pg_ctl", "-D", folder / "data", "-w"]
    _run(folder, [*control, "-m", "immediate", "stop"])
    settings = f"-k {folder} -c listen_addresses=''"
    _run(folder, [*control, "-o", settings, "-l", folder / "log", "start"])


def _run(folder, command):
    """Run a command that has to succeed, and say what it said if it does not."""
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[-1]} failed: {done.stderr}")


def _tools():
    found = sorted(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server is installed")
    return found[-1].removesuffix("/initdb")


@contextmanager
def mariadb():
    """A MariaDB server; gives the URL of its database, made with the defaults that schemas get wrong."""
    server, installer = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if not server or not installer:
        pytest.skip("no MariaDB server is installed")
    with folder_for("mysql") as folder, _running_mariadb(server, installer, folder) as url:
        yield url


@contextmanager
def _running_mariadb(server, installer, folder):
    who = _as("mysql")
    data, socket = folder / "data", folder / "db.sock"
    _run(folder, [*who, installer, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
                    "--skip-test-db"])  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*who, server, "--no-defaults", f"--datadir={data}", f"--socket={socket}", "--skip-networking",
             f"--pid-file={folder / 'pid'}", "--innodb-buffer-pool-size=64M", "--max-connections=60"],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    try:
        _wait_for(socket, process, folder / "log")
        command = ["mariadb", "--no-defaults", f"--socket={socket}", "-u", "root", "-e", "CREATE DATABASE crm"]
        _run(folder, command)
        yield f"mariadb+pymysql://root@localhost/crm?unix_socket={socket}&charset=utf8mb4"
    finally:
        process.terminate()
        process.wait(30)


def _as(user):
    """As whom a server is to run, that refuses to run as root."""
    return ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []


def _wait_for(socket, process, log):
    deadline = time.monotonic() + 60
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"a server did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


@contextmanager
def dovecot():
    """A mail server (IMAP) on a free port of loopback; gives the port."""
    server = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if not server:
        pytest.skip("no Dovecot is installed")
    with folder_for("mail") as folder:
        port = _free_port()
        (folder / "conf").write_text(_dovecot_settings(folder, port))
        with (folder / "log").open("w") as log:
            process = subprocess.Popen([server, "-F", "-c", folder / "conf"], stdout=log, stderr=log, cwd=folder)
        try:
            _wait_for(folder / "run" / "login" / "imap", process, folder / "log")
            yield port
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def smtp(handler):
    """A mail server (SMTP) on a free port of loopback, which gives what it takes to a handler; gives the port."""
    controller = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd is not installed")
    running = controller.Controller(handler, hostname="127.0.0.1", port=_free_port(), ready_timeout=60)
    running.start()
    try:
        yield running.port
    finally:
        running.stop()


def _free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def _dovecot_settings(folder, port):
    """One user with one password, mail and sockets in a folder, nothing but IMAP."""
    root = os.geteuid() == 0
    owner = pwd.getpwnam("mail") if root else pwd.getpwuid(os.geteuid())
    own = "" if root else f"default_internal_user = {owner.pw_name}\ndefault_login_user = {owner.pw_name}\n"
    return f"""{own}protocols = imap
base_dir = {folder}/run
log_path = {folder}/log
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:{folder}/mail
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
"""
