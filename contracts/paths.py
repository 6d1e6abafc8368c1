"""The folder of this checkout. Code that needs a file of the project builds its path from here."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
