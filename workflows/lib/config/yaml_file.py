"""A YAML file as a table of keys and values, or one line that says where it is broken. No torch.

Snakemake reads a file given with --configfile before any code of this project and names no file when it is broken, so
make looks at it first: ``python -m workflows.lib.config.yaml_file <file>``.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from contracts.errors import ConfigError, one_line_errors
from contracts.plain_yaml import SAFE_LOADER

EXAMPLES = "workflows/configs"


class Loader(SAFE_LOADER):
    """Refuses a key written twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The table at ``node``."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem=f"key '{key.value}' stands here twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_table(path: Path) -> dict[Any, Any]:
    """The content of ``path``; ConfigError names file, line and cause if it is no table of keys and values."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - derived from a safe one
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read ({error.strerror})", f"give a file like {EXAMPLES}/*") from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), "is not text in UTF-8", f"give a file like {EXAMPLES}/*") from None
    except yaml.YAMLError as error:
        raise _broken(path, error) from None
    if content is None:
        raise ConfigError(str(path), "is empty", f"start from one of {EXAMPLES}/*.yaml")
    if not isinstance(content, dict):
        cause = f"is a {type(content).__name__}, not a table of keys and values"
        raise ConfigError(str(path), cause, f"start from one of {EXAMPLES}/*.yaml")
    return content


def _broken(path: Path, error: yaml.YAMLError) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    place = f"{path}:{mark.line + 1}" if mark else str(path)
    cause = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    return ConfigError(place, f"is not valid YAML ({cause})", "mend this line or the one before it; indent with spaces")


def main() -> None:
    """Read every file named on the command line."""
    with one_line_errors():
        for name in sys.argv[1:]:
            read_table(Path(name))


if __name__ == "__main__":
    main()
