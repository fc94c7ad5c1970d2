"""The DMN Technology Compatibility Kit: the suites themselves, and the command that runs them."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors, InputError
from crmkit.rules._xml import read_xml
from crmkit.rules.dmn import read_dmn, write_dmn
from crmkit.rules.feel._values import Function, YearsMonths
from crmkit.testing.dmn_tck import _close as close
from crmkit.testing.dmn_tck import _value_of as value_of
from crmkit.testing.dmn_tck import main, run

OPEN = Path(__file__).with_name("dmn_tck_open.txt")
MODEL = "https://www.omg.org/spec/DMN/20230324/MODEL/"


@pytest.fixture(scope="module")
def suites(shared):
    """The folder of the suites."""
    return shared("suites", "dmn-tck")


def finder(path):
    """Finds the models of a folder by their namespaces."""
    models = {read_xml(other.read_bytes(), other.name).get("namespace"): other for other in path.parent.glob("*.dmn")}
    return lambda namespace: models[namespace].read_bytes() if namespace in models else None


def open_cases():
    """The results that are known to differ."""
    return [line.split("  ")[0] for line in OPEN.read_text(encoding="utf-8").splitlines()]


def test_level_2_passes(suites):
    """All 126 results of level 2 come out as the suite says."""
    folders = run(suites / "compliance-level-2")
    assert {folder.name: folder.failed for folder in folders if folder.failed} == {}
    assert sum(folder.passed for folder in folders) == 126


def test_level_3_fails_where_we_say_so(suites):
    """The results of level 3 that differ are those of the list, each with its reason, and no others."""
    folders = run(suites / "compliance-level-3")
    assert sorted(f"{folder.name}/{case}" for folder in folders for case in folder.failed) == sorted(open_cases())
    assert sum(folder.total for folder in folders) == 1859
    assert all(line.partition("  ")[2] for line in OPEN.read_text(encoding="utf-8").splitlines())


def test_models_written_and_read_are_the_same(suites):
    """Every model of the suites that is written and read back is the same graph, and so decides the same."""
    for path in sorted(suites.rglob("*.dmn")):
        graph = read_dmn(path.read_bytes(), name=path.name, find=finder(path))
        assert read_dmn(write_dmn(graph), name=path.name) == graph, path.name


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_models_are_read_or_refused(suites, data):
    """A model of the suites with a piece cut out, moved or overwritten raises only InputError and DefinitionErrors."""
    folders = sorted((suites / "compliance-level-2").rglob("*.dmn"))
    path = data.draw(st.sampled_from(folders))
    whole = path.read_bytes()
    start, other = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 60))
    new = data.draw(st.sampled_from([b"", whole[other : other + length], b'""', b"<x/>", b"\0", b"\xff", b"&a;"]))
    try:
        read_dmn(whole[:start] + new + whole[start + length :], name=path.name)
    except (InputError, DefinitionErrors):
        return


# -- the command


def folder_of(tmp_path, cases, model="", name="0001-x", **more):
    """A folder with a model and its test file."""
    folder = tmp_path / name
    folder.mkdir()
    body = model or (
        '<inputData name="a b" id="a"/>'
        '<decision name="d" id="d"><informationRequirement><requiredInput href="#a"/></informationRequirement>'
        "<literalExpression><text>a b * 2</text></literalExpression></decision>"
        '<decision name="e" id="e"><literalExpression><text>"t"</text></literalExpression></decision>'
        '<decision name="void" id="void"><literalExpression><text>null</text></literalExpression></decision>'
        '<businessKnowledgeModel name="f" id="f"><encapsulatedLogic><formalParameter name="n"/>'
        "<literalExpression><text>n + 1</text></literalExpression></encapsulatedLogic></businessKnowledgeModel>"
        '<decisionService name="one"><outputDecision href="#d"/><inputData href="#a"/></decisionService>'
        '<decisionService name="two"><outputDecision href="#d"/><outputDecision href="#e"/><inputData href="#a"/></decisionService>'
    )
    for file, text in {"m.dmn": body, **more}.items():
        (folder / file.replace("_", ".")).write_text(
            f'<definitions xmlns="{MODEL}" namespace="urn:{file}">{text}</definitions>'
        )
    tests = f'<testCases xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><modelName>m.dmn</modelName>{cases}</testCases>'
    (folder / f"{name}-test-01.xml").write_text(tests)
    return tmp_path


def case(number, inputs, name, wanted, more="", **attributes):
    """A test case with one result."""
    said = "".join(f' {key}="{value}"' for key, value in attributes.items())
    expected = f"<expected>{wanted}</expected>" if wanted else ""
    return f'<testCase id="{number}"{said}>{inputs}<resultNode name="{name}"{more}>{expected}</resultNode></testCase>'


def val(text, of="decimal"):
    """A value."""
    return f'<value xsi:type="xsd:{of}">{text}</value>'


GIVEN = f'<inputNode name="a  b">{val(21)}</inputNode>'


def test_cases_ask_for_decisions_knowledge_and_services(tmp_path):
    """A case names a decision, or invokes knowledge or a service, whose results it may name one by one."""
    directory = folder_of(
        tmp_path,
        case(1, GIVEN, "d", val(42)) + case(2, f'<inputNode name="n">{val(1)}</inputNode>', "f", val(2), type="bkm", invocableName="f")
        + case(3, GIVEN, "one", val(42), invocableName="one") + case(4, GIVEN, "d", val(42), invocableName="one")
        + case(5, GIVEN, "d", val(42), invocableName="two") + case(6, GIVEN, "e", val("t", "string"), invocableName="two")
        + case(7, GIVEN, "two", f'<component name="d">{val(42)}</component><component name="e">{val("t", "string")}</component>', invocableName="two")
        + case(8, "", "d", "", ' errorResult="true"'),
    )  # fmt: skip
    assert [(folder.name, folder.passed, folder.total, folder.failed) for folder in run(directory)] == [
        ("0001-x", 8, 8, {})
    ]


def test_what_fails_is_told(tmp_path, capsys):
    """Another value, null without a reason, an unknown decision and a value that is none are failures with a reason."""
    folder_of(
        tmp_path,
        case(1, GIVEN, "d", val(1)) + case(2, "", "void", "", ' errorResult="true"') + case(3, "", "nobody", val(1))
        + case(4, f'<inputNode name="a b">{val("x")}</inputNode>', "d", val(1)) + case(5, GIVEN, "d", val(42)),
    )  # fmt: skip
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "    1 / 5     0001-x" in said
    assert "01/1/d: Decimal('42') instead of Decimal('1'); []" in said
    assert "01/2/void: null without a reason" in said
    assert "01/3/nobody: NotFound: no decision 'nobody'" in said
    assert "01/4/d: InvalidOperation" in said
    assert main([str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["folders"]["0001-x"]["passed"] == 1


def test_models_are_found_beside_their_cases(tmp_path):
    """A model may import one that lies beside it; one that is broken or absent fails its cases."""
    base = '<decision name="d" id="d"><literalExpression><text>1</text></literalExpression></decision>'
    needs = '<informationRequirement><requiredDecision href="urn:base_dmn#d"/></informationRequirement>'
    main_model = f'<import name="b" namespace="{{}}" importType="{MODEL}"/><decision name="e">{needs}<literalExpression><text>b.d</text></literalExpression></decision>'
    folder_of(tmp_path, case(1, "", "e", val(1)), main_model.format("urn:base_dmn"), base_dmn=base)
    folder_of(tmp_path, case(1, "", "e", val(1)), main_model.format("urn:none"), "0002-y", base_dmn=base)
    folder_of(tmp_path, case(1, "", "e", val(1)), name="0003-z")
    (tmp_path / "0003-z" / "m.dmn").unlink()
    good, bad, none = run(tmp_path)
    assert good.failed == {}
    assert "imports a model of namespace 'urn:none', which was not given" in bad.failed["01/1/e"]
    assert none.failed == {"01/1/e": "there is no model"}


def test_any_tree_of_folders_is_run(tmp_path, capsys):
    """Tests may be called anything and lie anywhere; folders of one name, and results of one name, are kept apart."""
    for level in ("compliance-level-2", "non-compliant/deep"):
        (tmp_path / level).mkdir(parents=True)
        folder_of(
            tmp_path / level, case(1, GIVEN, "d", val(1)) + case(1, GIVEN, "d", val(1)) + case(1, GIVEN, "d", val(42))
        )
    here = tmp_path / "compliance-level-2" / "0001-x"
    (here / "0001-x-test-01.xml").rename(here / "cases.xml")
    (here / "notes.xml").write_text("<notes/>")
    (here / "broken.xml").write_text("<notes>")
    (here / "broken.dmn").write_text("<definitions>")
    assert main([str(tmp_path), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["passed"], said["total"]) == (2, 6)
    assert said["folders"] == {
        "compliance-level-2/0001-x": {"passed": 1, "total": 3, "failed": ["cases/1/d", "cases/1/d#2"]},
        "non-compliant/deep/0001-x": {"passed": 1, "total": 3, "failed": ["01/1/d", "01/1/d#2"]},
    }
    assert [folder.name for folder in run(here)] == ["0001-x"]


def test_tests_and_models_that_cannot_be_read_have_failed(tmp_path):
    """A test file that is no XML is a failure, and ends nothing; so is a model that is none."""
    folder_of(tmp_path, case(1, GIVEN, "d", val(42)))
    (tmp_path / "0001-x" / "0001-x-test-02.xml").write_text("<testCases>")
    folder_of(tmp_path, case(1, GIVEN, "d", val(42)) + case(2, GIVEN, "d", val(42)), name="0002-y")
    (tmp_path / "0002-y" / "m.dmn").write_text("<definitions>")
    one, two = run(tmp_path)
    assert (one.passed, one.total) == (1, 2)
    assert "is no XML" in one.failed["02"]
    assert (two.passed, two.total) == (0, 2)
    assert "is no XML" in two.failed["01/2/d"]


def test_tests_may_ask_the_clock(tmp_path):
    """`now()` is the present, or the moment that the caller says."""
    model = '<decision name="d" id="d"><literalExpression><text>now() > @"2020-01-01T00:00:00Z" and today().year = {}</text></literalExpression></decision>'
    folder_of(tmp_path, case(1, "", "d", val("true", "boolean")), model.format("now().year"))
    assert run(tmp_path)[0].failed == {}
    folder_of(tmp_path, case(1, "", "d", val("true", "boolean")), model.format("2031"), "0002-y")
    assert run(tmp_path, now=datetime(2031, 5, 1, tzinfo=UTC))[1].failed == {}


def test_the_command_wants_a_folder(tmp_path, capsys):
    """Without a folder it says how it is used."""
    assert main([]) == 2
    assert main([str(tmp_path / "none")]) == 2
    assert "usage:" in capsys.readouterr().err


def test_a_folder_without_tests_passes_nothing(tmp_path, capsys):
    """Nothing tested is not everything passed."""
    assert main([str(tmp_path)]) == 2
    assert "holds no tests" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("xml", "wanted"),
    [
        (val("1.50"), Decimal("1.5")),
        (val(" true ", "boolean"), True),
        (val("2026-01-31", "date"), "2026-01-31"),
        (val("10:00:00", "time"), "10:00:00"),
        (val("2026-01-31T10:00:00", "dateTime"), "2026-01-31T10:00:00"),
        (val("P1Y2M", "duration"), YearsMonths(14)),
        (val("P1Y2M", "yearMonthDuration"), YearsMonths(14)),
        ("<value>text</value>", "text"),
        ('<value xsi:nil="true"/>', None),
        ('<list xsi:nil="true"/>', None),
        ("", None),
        (f"<list><item>{val(1)}</item><item/></list>", [Decimal(1), None]),
        (f'<component name="a  b">{val(1)}</component>', {"a b": Decimal(1)}),
    ],
)
def test_values_of_cases_are_read(xml, wanted):
    """The XML of a value says a number, boolean, text, date, time, duration, list, context or null."""
    found = value_of(read_xml(f'<e xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{xml}</e>'.encode(), "m"))
    assert (found if isinstance(wanted, type(found)) else found.isoformat()) == wanted


def test_numbers_may_differ_by_a_little():
    """Numbers agree to eight digits, at any depth; everything else agrees exactly."""
    close_ones = Decimal(1000000), Decimal("1000000.001")
    assert close(*close_ones)
    assert close({"a": [close_ones[0]]}, {"a": [close_ones[1]]})
    assert not close(Decimal(1), Decimal("1.0001"))
    assert not close("1", Decimal(1))
    assert not close([Decimal(1)], [Decimal(1), Decimal(2)])
    assert not close({"a": 1}, {"b": 1})
    assert not close(None, "a")
    assert not close("a", None)
    assert close(None, None)
    assert not close("a", True)
    assert not close(Function((), len), Function((), len))
