"""YAML as plain tables, lists and values: nothing that it names is ever made or called. No torch."""

from __future__ import annotations

from typing import Any

import yaml

# libyaml's loader is seven times as fast; not every build of PyYAML has it.
SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(text: str) -> Any:  # noqa: ANN401 - whatever the text holds
    """The content of a YAML text. Raises yaml.YAMLError where it is broken."""
    return yaml.load(text, Loader=SAFE_LOADER)  # noqa: S506 - a safe one
