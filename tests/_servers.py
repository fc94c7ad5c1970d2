"""Servers of our own: in temporary folders, on sockets or loopback, started for a run and stopped after it, by pid."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

# By folder: the server that runs in it, which may be another than the first.
_MARIADB = {}


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


def kill_postgresql(url):
    """Kill a server and all that serve for it, as if each had crashed, and start it again: SIGKILL, no goodbye."""
    folder = Path(url.partition("host=")[2])
    main = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    # What it has started first: they would notice, and begin to tidy up.
    ours = [main, *_children(main)]
    for pid in ours:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in ours:
        _gone(pid)
    # A zombie that nobody waits for would be taken for a server that runs.
    for lock in (folder / "data" / "postmaster.pid", *folder.glob(".s.PGSQL.*.lock")):
        lock.unlink()
    control = [*_as("postgres"), f"{_tools()}/pg_ctl", "-D", folder / "data", "-w"]
    settings = f"-k {folder} -c listen_addresses=''"
    _run(folder, [*control, "-o", settings, "-l", folder / "log", "start"])


def _children(pid):
    """The processes that a process has started, by what the system knows of each."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                yield int(stat.parent.name)


def _gone(pid):
    """Wait until a process has ended; one that nobody has waited for yet is a zombie."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except OSError:
            return
        time.sleep(0.01)
    raise RuntimeError(f"process {pid} does not end")


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
    socket = folder / "db.sock"
    _run(folder, [*_as("mysql"), installer, "--no-defaults", f"--datadir={folder / 'data'}",
                  "--auth-root-authentication-method=normal", "--skip-test-db"])  # fmt: skip
    _start_mariadb(server, folder)
    try:
        command = ["mariadb", "--no-defaults", f"--socket={socket}", "-u", "root", "-e", "CREATE DATABASE crm"]
        _run(folder, command)
        yield f"mariadb+pymysql://root@localhost/crm?unix_socket={socket}&charset=utf8mb4"
    finally:
        process = _MARIADB.pop(folder)
        process.terminate()
        process.wait(30)


def _start_mariadb(server, folder):
    """Start it, and wait until it can be reached."""
    socket = folder / "db.sock"
    with (folder / "log").open("a") as log:
        process = _MARIADB[folder] = subprocess.Popen(
            [*_as("mysql"), server, "--no-defaults", f"--datadir={folder / 'data'}", f"--socket={socket}",
             "--skip-networking", f"--pid-file={folder / 'pid'}", "--innodb-buffer-pool-size=64M",
             "--max-connections=60"],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    _wait_for(socket, process, folder / "log")


def kill_mariadb(url):
    """Kill a server (SIGKILL), and start it again."""
    folder = Path(url.partition("unix_socket=")[2].partition("&")[0]).parent
    main = int((folder / "pid").read_text())
    os.kill(main, signal.SIGKILL)
    _gone(main)
    _MARIADB[folder].wait(30)
    for name in ("db.sock", "pid"):
        (folder / name).unlink(missing_ok=True)
    _start_mariadb(shutil.which("mariadbd"), folder)


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
