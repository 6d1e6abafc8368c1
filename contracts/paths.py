"""Where this checkout lies on the disk. Everything that looks for a file of the project starts from here."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
