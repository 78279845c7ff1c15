"""The type checker that the import hook in conftest.py puts on every annotated function of ours."""

from beartype import BeartypeConf, beartype

__all__ = ["check"]

# PEP 484: an int will do where a float is asked for.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
