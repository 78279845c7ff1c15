"""What can be imported, from where, and at what cost."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import nestmotion

MODULES = sorted(m.name for m in pkgutil.walk_packages(nestmotion.__path__, "nestmotion."))
PUBLIC = [name for name in MODULES if not any(part.startswith("_") for part in name.split("."))]

# What generation must do without; the extra [train] brings them.
HEAVY = {"matplotlib", "onnx", "safetensors", "scipy", "tensorboard", "torch", "transformers"}


def test_the_packages_of_the_design_are_found():
    packages = {name.split(".")[1] for name in MODULES}
    assert packages >= {"cli", "core", "corpus", "evaluation", "features", "generate", "io", "models"}
    assert packages >= {"text", "training"}


@pytest.mark.parametrize("name", PUBLIC)
def test_all_names_what_the_module_has(name):
    module = importlib.import_module(name)
    if not hasattr(module, "__all__"):
        own = [
            key
            for key, value in vars(module).items()
            if not key.startswith("_") and getattr(value, "__module__", None) == name
        ]
        assert own == [], f"{name} defines public names but no __all__"
        return
    assert len(set(module.__all__)) == len(module.__all__)
    missing = [key for key in module.__all__ if not hasattr(module, key)]
    assert missing == []


@pytest.mark.parametrize("name", PUBLIC)
def test_a_module_says_what_it_is_for(name):
    assert (importlib.import_module(name).__doc__ or "").strip()


@pytest.mark.parametrize(
    "name", ["nestmotion.core", "nestmotion.io", "nestmotion.generate", "nestmotion.cli"]
)
def test_generation_leaves_torch_alone(name):
    code = f"import sys, {name}; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(run.stdout.split())


def test_version_is_that_of_the_installed_package():
    from importlib.metadata import version

    assert nestmotion.__version__ == version("nestmotion")
