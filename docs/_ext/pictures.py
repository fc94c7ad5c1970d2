"""Pictures drawn from what they show: `pipeline` draws a process, `floors` the house.

    ```{pipeline} preset b2b-sales
    :lang: zh
    ```

A process is a preset, a method, or (`here sales`) a name that the examples of the page itself define. So no picture can
say other than the code, and a build needs no program beside Python.
"""

import configparser
import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from drawing import asked, called, draw
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from crmkit.errors import InputError
from crmkit.improve import methods
from crmkit.pipeline import Pipeline, presets

ROOT = Path(__file__).resolve().parents[2]
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {"title": "The process {}", "from": "from {} ", "to": "{} to {}", "if": " if {}"},
    "zh": {"title": "流程：{}", "from": "从“{}”：", "to": "{}到“{}”", "if": "（{}）"},
}


def told(pipeline: Pipeline, lang: str | None) -> str:
    """A drawing in words, for those who do not see it."""
    words = WORDS[lang or "en"]
    stages = {stage.name: called(stage, stage.name, lang) for stage in pipeline.stages}
    lines = []
    for origin, moves in pipeline.moves.items():
        ways = [
            words["to"].format(called(move, name, lang), stages[move.to])
            + "".join(words["if"].format("; ".join(conditions)) for conditions in [list(asked(move))] if conditions)
            for name, move in moves.items()
        ]
        if ways:
            lines.append(words["from"].format(stages[origin]) + ", ".join(ways))
    return "; ".join(lines) + "."


def picture(inside: str, name: str, title: str, description: str) -> nodes.raw:
    """An inline SVG that can be read aloud."""
    svg = (
        f'<div class="picture" tabindex="0"><svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-labelledby="{name}-title {name}-desc" {inside}'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
        "</svg></div>"
    )
    return nodes.raw("", svg, format="html")


class Process(SphinxDirective):
    """`{pipeline} preset NAME`, `{pipeline} method NAME` or `{pipeline} here NAME`."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Callable[[str], Any]]] = {
        "lang": lambda text: directives.choice(text, tuple(WORDS))
    }

    def run(self) -> list[nodes.Node]:
        """Draw it."""
        kind, _, name = self.arguments[0].partition(" ")
        lang = self.options.get("lang")
        found = {"preset": presets.get, "method": methods.get, "here": self.defined}[kind](name)
        self.env.note_dependency(__file__)
        serial = self.env.new_serialno("picture")
        title = WORDS[lang or "en"]["title"].format(found.name)
        return [picture(draw(found, lang), f"picture-{serial}", title, told(found, lang))]

    def defined(self, name: str) -> Pipeline:
        """What an example of the page calls by a name."""
        text = Path(self.env.doc2path(self.env.docname)).read_text(encoding="utf-8")
        for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
            statements = _statements(block)
            # The examples before it may write files; what is drawn stands on its own.
            if re.search(rf"^{re.escape(name)} = ", statements, flags=re.MULTILINE):
                space: dict[str, Any] = {}
                exec(compile(statements, self.env.docname, "exec"), space)  # noqa: S102 - our own examples
                return space[name]
        raise InputError(self.env.docname, f"no example defines {name!r}")


def _statements(block: str) -> str:
    """The statements of an example, without its answers."""
    if ">>>" not in block:
        return block
    return "\n".join(line[4:] for line in block.splitlines() if line.startswith((">>> ", "... ")))


def floors() -> list[list[str]]:
    """The floors of the house, the highest first, as import-linter has them; the rooms of commands as one."""
    read = configparser.ConfigParser()
    read.read(ROOT / ".importlinter", encoding="utf-8")
    rows: list[list[str]] = []
    for line in read["importlinter:contract:floors"]["layers"].split("\n"):
        rooms = [room.strip() for room in line.split("|") if room.strip()]
        if rooms and rooms[0].startswith("_") and not rooms[0].startswith("__"):
            rooms = ["commands"]
        if rooms and rooms not in rows:
            rows.append(rooms)
    return rows


class Floors(SphinxDirective):
    """`{floors}`: the house, drawn from `.importlinter`."""

    def run(self) -> list[nodes.Node]:
        """Draw it."""
        self.env.note_dependency(str(ROOT / ".importlinter"))
        rows, width, step = floors(), 640, 40
        parts = list(_house(rows, width, step))
        inside = f'viewBox="0 0 {width} {len(rows) * step + 10}" width="{width}">{"".join(parts)}'
        words = "; ".join(" and ".join(row) for row in rows)
        return [picture(inside, "floors", "The floors of crmkit", f"From the top, imports going down only: {words}.")]


def _house(rows: list[list[str]], width: int, step: int) -> Iterator[str]:
    for number, rooms in enumerate(rows):
        part = width / len(rooms)
        for place, room in enumerate(rooms):
            x, y = part * place + 3, number * step + 3
            yield f'<rect class="stage open" x="{x:g}" y="{y}" width="{part - 6:g}" height="{step - 6}" rx="5"/>'
            yield f'<text class="name" x="{x + part / 2 - 3:g}" y="{y + 21}">{escape(room)}</text>'


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("pipeline", Process)
    app.add_directive("floors", Floors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
