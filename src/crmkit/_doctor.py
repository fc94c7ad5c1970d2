"""What is installed, what that makes possible, and what is broken.

Only the standard library is needed here: this must work where nothing else does.
"""

import json
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module, metadata
from os import environ
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["ENABLES", "examine", "main", "older", "requirements", "to_text"]

State: TypeAlias = Literal["ok", "missing", "too old", "broken"]
Lang: TypeAlias = Literal["en", "zh"]

#: By extra: what it is for, in English and Chinese. "" is what every installation has.
ENABLES: Mapping[str, tuple[str, str]] = {
    "": ("the library", "核心库"),
    "cli": ("the command line", "命令行"),
    "report": ("pages with charts", "带图表的报告页"),
    "parquet": ("reading and writing Parquet", "读写 Parquet"),
    "sql": ("stores in PostgreSQL, MariaDB and others", "PostgreSQL、MariaDB 等数据库存储"),
    "crypto": ("a key for each person, to be forgotten by", "按人加密，删除密钥即遗忘"),
    "otel": ("spans of OpenTelemetry", "OpenTelemetry 跟踪"),
    "spark": ("counting on Spark", "在 Spark 上计算"),
    "rules": ("decision tables from Excel", "从 Excel 读取决策表"),
    "analysis": ("proving rules with z3", "用 z3 证明规则"),
    "search": ("search by tantivy", "用 tantivy 检索"),
    "site": ("publishing knowledge as a site", "把知识发布为网站"),
    "xes": ("reading XES logs", "读取 XES 日志"),
    "zh": ("searching Chinese by sound", "按拼音检索中文"),
    "testing": ("the testing kit: strategies, contracts, stories", "测试工具：策略、契约、故事"),
    "docx": ("proposals as Word documents", "Word 格式的方案书"),
}

# Distributions whose module is called otherwise.
_MODULES = {
    "markdown-it-py": "markdown_it",
    "opentelemetry-api": "opentelemetry.trace",
    "python-docx": "docx",
    "vl-convert-python": "vl_convert",
    "z3-solver": "z3",
}

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*])?\s*(?:>=(?P<floor>[^;,\s]+))?[^;]*(?:;(?P<marker>.*))?"
)
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_PLATFORM = re.compile(r"sys_platform\s*==\s*['\"]([^'\"]+)['\"]")
_PRE = re.compile(r"(a|b|rc|alpha|beta|c|\.?dev)\d*")

_WORDS: Mapping[str, tuple[str, str]] = {
    "ok": ("ok", "正常"),
    "missing": ("missing", "未安装"),
    "too old": ("too old", "版本过低"),
    "broken": ("broken", "已损坏"),
    "wanted": ("wanted", "需要"),
    "libraries": ("Libraries", "依赖库"),
    "extras": ("Extras", "可选功能"),
    "machine": ("This machine", "本机环境"),
    "problems": ("To be mended", "需要修复"),
    "fine": ("Nothing is wrong.", "一切正常。"),
    "install": ("install", "安装"),
    "mended": ("install it anew", "请重新安装"),
    "limited": ("limited", "受限"),
    "not needed": ("not needed", "不需要"),
}


def main(words: list[str]) -> int:
    """`crmkit doctor` where the libraries of the command line are missing: `[--json] [--lang en|zh]`."""
    known = {"--json", "--lang", "en", "zh", "--lang=en", "--lang=zh", "--quiet"}
    if not known.issuperset(words):
        unknown = next(word for word in words if word not in known)
        sys.stderr.write(f"crmkit: doctor knows --json and --lang en|zh, not {unknown!r}\n")
        return 2
    found = examine()
    asked: Lang = "zh" if {"zh", "--lang=zh"} & {*words} else "en"
    text = json.dumps(found, ensure_ascii=False, indent=1) if "--json" in words else to_text(found, asked)
    sys.stdout.write(text + "\n")
    return 0 if found["ok"] else 1


def examine() -> dict[str, Any]:
    """Everything, as plain data: versions, libraries, extras, the machine, and what has to be mended."""
    wanted = requirements(_required())
    libraries: dict[str, dict[str, Any]] = {}
    for extra, needs in wanted.items():
        for name, floor in needs.items():
            libraries.setdefault(name, _library(name, floor) | {"needed": extra == ""})
    extras = [_extra(extra, [*needs], libraries) for extra, needs in wanted.items() if extra]
    machine = [*_machine(libraries)]
    problems = [*_problems(libraries, machine)]
    return {
        "schema": "crmkit-doctor-1", "crmkit": _version(), "python": platform.python_version(),
        "implementation": platform.python_implementation(), "platform": platform.platform(terse=True),
        "ok": not problems, "libraries": [*libraries.values()], "extras": extras, "machine": machine,
        "problems": problems,
    }  # fmt: skip


def _version() -> str:
    return str(import_module("crmkit").__version__)


def _required() -> list[str]:
    """The requirements that the installed distribution declares; none if it was never installed."""
    try:
        return metadata.requires("crmkit") or []
    except metadata.PackageNotFoundError:
        return []


def requirements(lines: list[str]) -> dict[str, dict[str, str]]:
    """By extra ("" for what is always needed), each library and its lowest version ("" if any will do).

    What is for another platform is left out, and so is `all`, which names other extras.
    """
    found: dict[str, dict[str, str]] = {"": {}}
    for line in lines:
        match = _REQUIREMENT.fullmatch(line.strip())
        marker = (match and match["marker"]) or ""
        extra, platform_ = _EXTRA.search(marker), _PLATFORM.search(marker)
        elsewhere = platform_ is not None and platform_[1] != sys.platform
        if match is None or elsewhere or match["name"] == "crmkit" or (extra and extra[1] == "all"):
            continue
        found.setdefault(extra[1] if extra else "", {})[match["name"].lower()] = match["floor"] or ""
    return found


def older(installed: str, floor: str) -> bool:
    """Whether a version is below another; a release candidate is below its release."""
    one, two = _release(installed), _release(floor)
    size = max(len(one), len(two))
    one, two = (version + (0,) * (size - len(version)) for version in (one, two))
    rest = installed[len(re.match(r"[\d.]*", installed)[0]) :]  # type: ignore[index] # it matches the empty text, too
    return one < two or (one == two and _PRE.match(rest) is not None)


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.match(r"[\d.]*", version)[0].split(".") if part)  # type: ignore[index] # same


def _library(name: str, floor: str) -> dict[str, Any]:
    """What is known of a library: whether it is there, new enough, and can be imported."""
    told: dict[str, Any] = {"name": name, "installed": None, "wanted": floor, "state": "missing", "reason": ""}
    try:
        told["installed"] = metadata.version(name)
    except metadata.PackageNotFoundError:
        return told
    try:
        import_module(_MODULES.get(name, name.replace("-", "_")))
    except Exception as error:  # noqa: BLE001 - whatever a broken library does is what is to be told
        return told | {"state": "broken", "reason": f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]}
    return told | {"state": "too old" if floor and older(told["installed"], floor) else "ok"}


def _extra(extra: str, names: list[str], libraries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    en, zh = ENABLES.get(extra, ("", ""))
    return {
        "name": extra, "enables": en, "enables_zh": zh, "libraries": names,
        "ready": all(libraries[name]["state"] == "ok" for name in names),
        "install": f"pip install 'crmkit[{extra}]'",
    }  # fmt: skip


def _machine(libraries: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """What is no library, and may be missing all the same."""
    try:
        ZoneInfo("Asia/Shanghai")
        yield _told("time zones", "ok", "", "")
    except (ZoneInfoNotFoundError, OSError):
        yield _told("time zones", "missing", "pip install tzdata", "请执行 pip install tzdata")
    yield from _sqlite()
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    if encoding in ("utf8", "gb18030", "gbk"):
        yield _told("Chinese on standard output", "ok", encoding, encoding)
    else:
        yield _told(
            "Chinese on standard output", "limited", f"{encoding or 'no encoding'}: set PYTHONUTF8=1",
            f"{encoding or '编码未知'}：请设置 PYTHONUTF8=1",
        )  # fmt: skip
    if libraries.get("pyspark", {}).get("state") == "ok":
        home = environ.get("JAVA_HOME", "")
        java = shutil.which("java", path=f"{home}/bin:{environ.get('PATH', '')}") is not None
        yield _told("Java, for Spark", "ok" if java else "limited", *(("", "") if java else (
            "no java is found: Spark cannot start", "找不到 java：Spark 无法启动")))  # fmt: skip
    yield _told("fonts", "not needed", "the reader's browser has them", "由读者的浏览器提供")
    yield _told("a browser", "not needed", "pages are files", "页面是独立文件")


def _sqlite() -> Iterator[dict[str, str]]:
    try:
        version = str(import_module("sqlite3").sqlite_version)
    except ImportError as error:
        yield _told("SQLite", "missing", f"this Python lacks it: {error}", f"此 Python 未包含：{error}")
        return
    yield _told("SQLite", "ok", version, version)


def _told(name: str, state: str, en: str, zh: str) -> dict[str, str]:
    return {"name": name, "state": state, "tells": en, "tells_zh": zh}


def _problems(libraries: Mapping[str, Mapping[str, Any]], machine: list[dict[str, str]]) -> Iterator[str]:
    """What has to be mended: what is installed and cannot be used, and what everybody needs and is not there."""
    try:
        installed = metadata.version("crmkit")
    except metadata.PackageNotFoundError:
        yield "crmkit was not installed: what it needs is not known"
        return
    if installed != _version():
        yield f"crmkit {_version()} is imported, and {installed} is installed: there are two copies"
    for one in libraries.values():
        if one["state"] == "missing" and one["needed"]:
            yield f"{one['name']} is missing, which everything needs: pip install '{one['name']}>={one['wanted']}'"
        elif one["state"] == "too old":
            yield f"{one['name']} {one['installed']} is too old: pip install '{one['name']}>={one['wanted']}'"
        elif one["state"] == "broken":
            yield f"{one['name']} {one['installed']} cannot be imported ({one['reason']})"
    for one in machine:
        if one["state"] == "missing":
            yield f"{one['name']}: {one['tells']}"


def to_text(found: Mapping[str, Any], lang: Lang = "en") -> str:
    """What `examine` found, for people."""
    at = 1 if lang == "zh" else 0

    def word(key: str) -> str:
        return _WORDS[key][at]

    tells, enables = ("tells_zh", "enables_zh") if at else ("tells", "enables")
    lines = [
        f"crmkit {found['crmkit']}, {found['implementation']} {found['python']}, {found['platform']}",
        "", f"{word('libraries')}:", *(_line(one, word) for one in found["libraries"] if one["needed"]),
        "", f"{word('extras')}:",
    ]  # fmt: skip
    states = {one["name"]: one for one in found["libraries"]}
    for extra in found["extras"]:
        sign = word("ok") if extra["ready"] else f"{word('install')}: {extra['install']}"
        lines.append(f"  {extra['name']:<9} {extra[enables]} - {sign}")
        lines += ["    " + _line(states[name], word) for name in extra["libraries"]]
    lines += ["", f"{word('machine')}:"]
    for one in found["machine"]:
        lines.append(f"  {one['name']}: {word(one['state'])}{', ' if one[tells] else ''}{one[tells]}")
    lines.append("")
    lines += (
        [f"{word('problems')}:", *(f"  {one}" for one in found["problems"])] if found["problems"] else [word("fine")]
    )
    return "\n".join(lines)


def _line(one: Mapping[str, Any], word: Any) -> str:
    wanted = f" ({word('wanted')}: >={one['wanted']})" if one["wanted"] else ""
    return f"  {one['name']} {one['installed'] or ''}".rstrip() + f": {word(one['state'])}{wanted}"
