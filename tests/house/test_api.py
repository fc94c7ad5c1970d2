"""The public interface: complete, sorted, each thing in one place, and changed on purpose only."""

import ast
import importlib
import types
from difflib import unified_diff

import pytest
from api import SNAPSHOT, snapshot
from tree import home, modules, node_of, origin, public_methods, public_modules, public_names, report

CHAPTERS = [module for module in public_modules().values() if not module.is_door]
DOORS = [module for module in public_modules().values() if module.is_door]


def by_name(module):
    """The id of a parametrised test."""
    return module.name


def rank(name):
    """Constants, then classes, then functions, each by the alphabet: the order ruff keeps."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_snapshot():
    """The interface is the one on record; after a meant change, run `python tests/house/api.py --write`."""
    recorded = SNAPSHOT.read_text(encoding="utf-8")
    diff = "\n".join(unified_diff(recorded.splitlines(), snapshot().splitlines(), "api.txt", "src", n=0, lineterm=""))
    assert not diff, diff


@pytest.mark.parametrize("module", public_modules().values(), ids=by_name)
def test_every_module_says_what_it_offers(module):
    """Each public module has an `__all__`: sorted, without repetition, and every name in it exists."""
    names = module.exports
    assert names is not None
    assert names == sorted(set(names), key=rank)
    loaded = importlib.import_module(module.name)
    found = [name for name in names if not hasattr(loaded, name)]
    assert not found, report(found)


@pytest.mark.parametrize("module", CHAPTERS, ids=by_name)
def test_chapters_hide_nothing_public(module):
    """Every function, class and constant without an underscore is in `__all__`; a type's short name need not be."""
    defined = {name for name, node in module.definitions.items() if not is_private(name) and not is_short(name, node)}
    found = defined - set(module.exports or ())
    assert not found, report(found)


def is_private(name):
    """Whether a name asks to be left alone."""
    return name.startswith("_")


def is_short(name, node):
    """Whether it is an assignment that only abbreviates an annotation: `Ints = npt.NDArray[np.int64]`, `T = TypeVar`."""
    return isinstance(node, ast.Assign | ast.AnnAssign) and name[0].isupper() and not (len(name) > 1 and name.isupper())


@pytest.mark.parametrize("module", DOORS, ids=by_name)
def test_doors_hide_nothing_public(module):
    """What a door imports from its own rooms without an underscore is in its `__all__`."""
    own = {name for name, (source, _) in module.imported.items() if source.startswith(module.name + ".")}
    found = {name for name in own if not is_private(name)} - set(module.exports or ())
    assert not found, report(found)


def test_one_place_for_each_name():
    """A thing is exported by its home and by the doors above it, and by nobody else."""
    astray = []
    for module, name in public_names():
        where = home(module.name, name)
        if where is not None and where != module.name and not (module.is_door and where.startswith(module.name + ".")):
            astray.append(f"{module.name}.{name} is at home in {where}")
    assert not astray, report(astray)


def test_one_thing_for_each_name():
    """Within a room, one name means one thing."""
    meant = {}
    for module, name in public_names():
        room = ".".join(module.name.split(".")[:2])
        meant.setdefault((room, name), set()).add(origin(module.name, name))
    # A door that names a room (`crmkit.metrics`) has no definition to compare.
    found = {key: things for key, things in meant.items() if len(things - {None}) > 1}
    assert not found, report(found.items())


def test_signatures_name_what_can_be_named():
    """A class in the signature of a public function, method or field is public itself: it can be imported and looked up."""
    public = {origin(module.name, name) for module, name in public_names()}
    found = []
    for module, name in public_names():
        if home(module.name, name) != module.name:
            continue
        file, own = origin(module.name, name)
        for label, annotation in annotations(own, node_of(module.name, name)):
            hidden = sorted(set(named(file, annotation)) - public)
            found += [f"{module.name}.{label} names {'.'.join(thing)}" for thing in hidden]
    assert not found, report(found)


def annotations(name, node):
    """The annotations of a public function, and of the public fields and methods of a class."""
    if isinstance(node, ast.FunctionDef):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        yield from ((name, one.annotation) for one in arguments if one is not None and one.annotation is not None)
        yield from [(name, node.returns)] if node.returns is not None else []
    elif isinstance(node, ast.ClassDef):
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and not is_private(ast.unparse(item.target)):
                yield f"{name}.{ast.unparse(item.target)}", item.annotation
        for method in public_methods(node):
            yield from ((f"{name}.{label}", part) for label, part in annotations(method.name, method))


def named(file, node):
    """The classes of ours that an annotation names, as (file, name); what only abbreviates others is looked through."""
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from named(file, ast.parse(node.value, mode="eval"))
    thing = meaning(file, node)
    definition = None if thing is None else modules()[thing[0]].definitions[thing[1]]
    if isinstance(definition, ast.ClassDef):
        yield thing
    elif definition is not None and not isinstance(definition.value, ast.Call | types.NoneType):
        # A type variable is called by a name that is its own.
        yield from named(thing[0], definition.value)
    for part in ast.iter_child_nodes(node):
        yield from named(file, part)


def meaning(file, node):
    """The definition behind a name, or behind one that stands after a module and a dot."""
    if isinstance(node, ast.Name):
        return origin(file, node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return origin(".".join(modules()[file].imported.get(node.value.id, ())), node.attr)
    return None


def test_every_module_is_documented():
    """Every file of the library begins with a docstring."""
    found = [module.path for module in modules().values() if not ast.get_docstring(module.tree)]
    assert not found, report(found)


def test_every_public_thing_is_documented():
    """Classes, functions, public methods and properties have docstrings; constants and type names have a `#:` comment."""
    found = []
    for module, name in public_names():
        if home(module.name, name) == module.name:
            found += [f"{module.name}.{part}" for part in undocumented(module.name, name)]
    assert not found, report(found)


def undocumented(module, name):
    """The parts of a public thing that say nothing about themselves."""
    node = node_of(module, name)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        lines = modules()[origin(module, name)[0]].path.read_text(encoding="utf-8").splitlines()
        return [] if lines[node.lineno - 2].startswith("#:") or "#:" in lines[node.lineno - 1] else [name]
    parts = [(name, node)]
    if isinstance(node, ast.ClassDef):
        parts += [(f"{name}.{method.name}", method) for method in public_methods(node)]
    return [label for label, part in parts if not ast.get_docstring(part)]
