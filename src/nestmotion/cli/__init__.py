"""The command line: one module a verb, imported only when the verb is used."""

from nestmotion.cli.main import main

__all__ = ["main"]
