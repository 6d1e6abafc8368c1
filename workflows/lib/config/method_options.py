"""The options of a method, read from the source of its file: names, types, defaults, presets. Imports no method."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from contracts.errors import ConfigError, nearest
from contracts.paths import ROOT
from contracts.records import OptionValue

ROOT_CLASS = ("methods.base", "Method")
PRESETS = "PRESETS"  # name of a method file's table of presets: preset -> {option: value}
SAMPLED = ("valued", "tutored", "branched", "prepared")  # class variables of ``Method``: what an engine must give it
FLAGS = ("control", "labels", *SAMPLED)  # class variables that the workflow reads
KINDS: dict[str, type] = {"float": float, "int": int, "bool": bool, "str": str}


@dataclass(frozen=True)
class Option:
    """One option of a method: its type, its allowed values and its default."""

    name: str
    kind: type
    choices: tuple[OptionValue, ...]  # values of a Literal; () means any value of the type
    default: OptionValue

    def parse(self, value: object, place: str) -> OptionValue:
        """Return ``value`` as this option's type (an int may stand for a float), or raise ConfigError at ``place``."""
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not self.kind or (isinstance(value, float) and not math.isfinite(value)):
            raise ConfigError(place, f"{value!r} is not {self.wanted}")
        if self.choices and value not in self.choices:
            choices = [str(choice) for choice in self.choices]
            raise ConfigError(place, f"{value!r} is not {self.wanted}", nearest(str(value), choices))
        return value  # pyright: ignore[reportReturnType]

    @property
    def wanted(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        return {float: "a finite number", int: "a whole number", bool: "true or false", str: "a string"}[self.kind]


@dataclass(frozen=True)
class MethodSource:
    """What the workflow knows about a method."""

    name: str
    options: dict[str, Option]
    presets: dict[str, dict[str, OptionValue]]
    control: bool = False  # a control, not one of "all methods"
    labels: bool = False  # needs labels of tokens, which only some worlds have
    valued: bool = False  # needs values of prefixes, which only some engines give
    tutored: bool = False  # needs privileged rollouts, which only some engines give
    branched: bool = False  # needs rollouts sampled as a tree, which only some engines give
    prepared: str = ""  # kind of the model that is trained from the base before it; only some engines use one

    @property
    def sampled_needs(self) -> list[str]:
        """What an engine must give it besides rollouts, by the names of the flags of ``Method``."""
        return [name for name in SAMPLED if getattr(self, name)]

    def option(self, name: str, place: str) -> Option:
        """The option ``name``; ConfigError naming ``place`` if there is none."""
        if name not in self.options:
            cause = f"{self.name} has no option '{name}'; it has {', '.join(sorted(self.options))}"
            raise ConfigError(place, cause, nearest(name, list(self.options)))
        return self.options[name]


@cache
def read_methods(root: Path = ROOT) -> dict[str, MethodSource]:
    """Every method: a file in ``methods/`` that defines one subclass of ``Method``."""
    methods: dict[str, MethodSource] = {}
    for path in sorted((root / "methods").glob("[a-z]*.py")):
        module = f"methods.{path.stem}"
        _refuse_old_imports(root, module)
        classes = [c for c in _parse(root, module).classes.values() if _is_method(root, module, c)]
        if module == ROOT_CLASS[0] or not classes:
            continue
        if len(classes) > 1:
            raise ConfigError(f"methods/{path.name}", "defines more than one method", "keep one per file")
        options = {o.name: o for o in _options(root, module, classes[0])}
        said = {name: _said(root, module, classes[0], name) for name in FLAGS}
        flags = {name: value for name, value in said.items() if value is not None}
        method = MethodSource(path.stem, options, _presets(root, module, classes[0], options), **flags)
        for preset, values in _preset_table(_parse(root, module)).items():
            for key, value in (method.presets[preset] | values).items():
                place = f"methods/{path.name}: {PRESETS}.{preset}.{key}"
                method.option(key, place).parse(value, place)
        methods[path.stem] = method
    return methods


@dataclass(frozen=True)
class _Module:
    """A parsed file: its classes, where its imported names come from, and its table of presets."""

    path: Path
    classes: dict[str, ast.ClassDef]
    imported: dict[str, tuple[str, str]]  # local name -> (module, name there)
    modules: tuple[str, ...]  # every module that it may import, in order
    presets: ast.expr | None


@cache
def _parse(root: Path, module: str) -> _Module:
    path = root / Path(*module.split(".")).with_suffix(".py")
    try:
        body = ast.parse(path.read_bytes()).body
    except SyntaxError as error:
        raise ConfigError(f"{path.relative_to(root)}:{error.lineno}", f"not valid Python ({error.msg})") from None
    imports = [n for n in body if isinstance(n, ast.ImportFrom) and n.module]
    return _Module(
        path.relative_to(root),
        {n.name: n for n in body if isinstance(n, ast.ClassDef)},
        {a.asname or a.name: (str(n.module), a.name) for n in imports for a in n.names},
        tuple(_modules(body)),
        next((value for target, value in _assignments(body) if target == PRESETS), None),
    )


def _modules(body: list[ast.stmt]) -> Iterator[str]:
    """Dotted names that a file imports anywhere; ``from a import b`` gives a and a.b, because b may be a module."""
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _refuse_old_imports(root: Path, module: str) -> None:
    """ConfigError if a method's file imports a module of ``methods`` that lies in ``methods/shared`` now."""
    source = _parse(root, module)
    for name in source.modules:
        package, _, last = name.partition(".")
        moved = package == "methods" and "." not in last and (root / "methods" / "shared" / f"{last}.py").is_file()
        if moved and not (root / "methods" / f"{last}.py").is_file():
            raise ConfigError(str(source.path), f"{name} is methods.shared.{last} now", "change the import")


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _bases(root: Path, module: str, node: ast.ClassDef) -> Iterator[tuple[str, ast.ClassDef]]:
    """Base classes that this project defines, with their modules."""
    source = _parse(root, module)
    for base in node.bases:
        name = base.id if isinstance(base, ast.Name) else ""
        where, there = (module, name) if name in source.classes else source.imported.get(name, ("", ""))
        if where.startswith("methods.") and there in (classes := _parse(root, where).classes):
            yield where, classes[there]


def _is_method(root: Path, module: str, node: ast.ClassDef) -> bool:
    return any(
        (where, base.name) == ROOT_CLASS or _is_method(root, where, base) for where, base in _bases(root, module, node)
    )


def _options(root: Path, module: str, node: ast.ClassDef) -> Iterator[Option]:
    """Fields of the dataclass, inherited ones first; a later one of the same name replaces the earlier."""
    for where, base in _bases(root, module, node):
        yield from _options(root, where, base)
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and not _is_class_variable(field):
            yield _option(field, field.target.id, f"{_parse(root, module).path}:{field.lineno}")


def _said(root: Path, module: str, node: ast.ClassDef, name: str) -> Any:  # noqa: ANN401 - a literal of any type
    """The literal that the class, or the first one it inherits from, gives its class variable ``name``; else None."""
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and ast.unparse(field.target) == name and _is_class_variable(field):
            return field.value.value if isinstance(field.value, ast.Constant) else None
    said = (_said(root, where, base, name) for where, base in _bases(root, module, node))
    return next((value for value in said if value is not None), None)


def _is_class_variable(field: ast.AnnAssign) -> bool:
    return ast.unparse(field.annotation).startswith(("ClassVar", "typing.ClassVar"))


def _option(field: ast.AnnAssign, name: str, place: str) -> Option:
    kind, choices = _kind(field.annotation, name, place)
    try:
        default = ast.literal_eval(field.value) if field.value else None
    except ValueError:
        default = None
    if not isinstance(default, (float, int, bool, str)):
        remedy = "write a plain number, string, True or False"
        raise ConfigError(place, f"option '{name}' needs a literal default", remedy)
    return Option(name, kind, choices, Option(name, kind, choices, default).parse(default, place))


def _kind(annotation: ast.expr, name: str, place: str) -> tuple[type, tuple[OptionValue, ...]]:
    text = ast.unparse(annotation)
    if text in KINDS:
        return KINDS[text], ()
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) in ("Literal", "typing.Literal"):
        listed = ast.literal_eval(annotation.slice)
        choices = listed if isinstance(listed, tuple) else (listed,)
        if len({type(choice) for choice in choices}) == 1 and type(choices[0]) in KINDS.values():
            return type(choices[0]), choices
    raise ConfigError(place, f"option '{name}' has type {text}", "an option is a float, int, bool, str or Literal[...]")


def _presets(
    root: Path, module: str, node: ast.ClassDef, options: Mapping[str, Option]
) -> dict[str, dict[str, OptionValue]]:
    """Presets of the class's file, added to those of the files it inherits from.

    A shared file may preset options that not every method has. Each method takes those that it has.
    """
    presets: dict[str, dict[str, OptionValue]] = {}
    for where, base in _bases(root, module, node):
        for preset, values in _presets(root, where, base, options).items():
            presets.setdefault(preset, {}).update(values)
    for preset, values in _preset_table(_parse(root, module)).items():
        presets.setdefault(preset, {}).update({key: value for key, value in values.items() if key in options})
    return presets


def _preset_table(source: _Module) -> dict[str, dict[str, OptionValue]]:
    if source.presets is None:
        return {}
    try:
        table = ast.literal_eval(source.presets)
        return {str(name): dict(values) for name, values in table.items()}
    except (ValueError, TypeError, AttributeError):
        cause, remedy = f"{PRESETS} is not a table of literals", "write {'name': {'option': value}}"
        raise ConfigError(f"{source.path}:{source.presets.lineno}", cause, remedy) from None
