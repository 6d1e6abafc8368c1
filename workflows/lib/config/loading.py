"""From YAML to checked settings: every mistake is one line that names its place. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from contracts.errors import ConfigError, nearest
from contracts.paths import ROOT
from methods.engines.local.vllm.settings import LocalSettings
from workflows.lib.config.schema import Config, Experiment
from workflows.lib.config.yaml_file import read_table

EXPERIMENTS = ROOT / "workflows" / "configs" / "experiments"
COMMAND_LINE = "--config"
EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")  # YAML 1.1 takes 1e-3 for a string
TYPED = re.compile(r"true|false|[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")  # Snakemake leaves these strings in --config
BOOLEANS = {"true": True, "false": False}
SCALARS = ("float", "int", "bool", "str")  # how pydantic names the branches of a union
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class ConfigSource:
    """Where a config was written."""

    file: str
    overridden: frozenset[str] = frozenset()  # top-level keys given on the command line

    def place(self, *keys: str) -> str:
        """How errors name a key: file and dotted path, or ``--config`` for keys given there."""
        origin = COMMAND_LINE if keys and keys[0] in self.overridden else self.file
        return ": ".join(part for part in (origin, ".".join(keys)) if part)


def load_config(raw: Mapping[str, Any], overrides: Mapping[str, Any], source: ConfigSource) -> Config:
    """The config that Snakemake read from a file (``raw``) and from the command line (``overrides``), validated."""
    given = {key: read_values(value, EXPONENT) for key, value in raw.items()}
    given |= {key: read_values(value, TYPED) for key, value in overrides.items()}
    if isinstance(given.get("experiments"), str):
        given["experiments"] = [given["experiments"]]  # --config experiments=table2
    return _validate(Config, given, source)


def engine_settings(raw: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of the engine from a valid config (``raw``, as Snakemake read it); EasyR1 has a section of its own.

    The job reads them itself. They must not be ``params``, because the place of EasyR1 and the number of its
    checkpoints decide no result.
    """
    shared = LocalSettings.model_validate(read_values(raw.get("engine_settings", {}), TYPED)).deciding()
    if raw.get("engine") != "easyr1":
        return shared.model_dump()
    return {**shared.model_dump(), "easyr1": read_values(raw.get("easyr1", {}), TYPED)}


def read_experiments(folder: Path = EXPERIMENTS) -> dict[str, Experiment]:
    """Every experiment file, by name."""
    return {path.stem: read_yaml(Experiment, path) for path in sorted(folder.glob("*.yaml"))}


def read_yaml(model: type[M], path: Path) -> M:
    """A YAML file as ``model``; ConfigError names the file and the key."""
    return _validate(model, read_values(read_table(path), EXPONENT), ConfigSource(str(path)))


def read_values(value: Any, pattern: re.Pattern[str]) -> Any:  # noqa: ANN401
    """Convert strings that match ``pattern``: ``1e-3`` in files, and also ``[1,2]`` and ``true`` in --config."""
    if isinstance(value, dict):
        return {str(key): read_values(item, pattern) for key, item in value.items()}
    if isinstance(value, list):
        return [read_values(item, pattern) for item in value]
    if isinstance(value, str) and pattern.fullmatch(value):
        if value in BOOLEANS:
            return BOOLEANS[value]
        return int(value) if re.fullmatch(r"[+-]?\d+", value) else float(value)
    return value


def _validate(model: type[M], raw: dict[str, Any], source: ConfigSource) -> M:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(part) for part in first["loc"] if part != "[key]"]
        if keys[-1:] and keys[-1] in SCALARS:  # a branch of "a number, a string, true or false", not a key
            keys.pop()
        raise ConfigError(source.place(*keys), *_explain(first, model)) from None


def _explain(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """Return cause and way out of the first error that pydantic reports."""
    if error["type"] == "extra_forbidden":
        known = _keys_beside(error["loc"], model)
        return f"unknown key '{error['loc'][-1]}'; known: {', '.join(known)}", nearest(str(error["loc"][-1]), known)
    if error["type"] == "missing":
        return "is missing", "add the key"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"]), ""  # pyright: ignore[reportTypedDictNotRequiredAccess]
    if error["loc"][-1] in SCALARS:
        return f"{error['input']!r} is no number, string, true or false", "write one value"
    cause = error["msg"][:1].lower() + error["msg"][1:].replace("Input should be", "must be")
    cause = cause.replace("input should be", "must be")
    return f"{cause}, not {error['input']!r}", ""


def _keys_beside(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """Return the keys that are allowed at ``loc``, where an unknown key was written."""
    schema = model.model_json_schema()
    node: dict[str, Any] = schema
    for part in loc[:-1]:
        node = _resolve(node, schema)
        node = node.get("properties", {}).get(str(part)) or node.get("additionalProperties") or node.get("items") or {}
    return sorted(_resolve(node, schema).get("properties", {}))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a ``$ref`` of the JSON schema, or take the first object of a union."""
    node = next((n for n in node.get("anyOf", []) if n.get("type") != "null"), node)
    if "$ref" in node:
        return schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node
