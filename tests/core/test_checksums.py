"""Sums of files, and of folders that claim them."""

from __future__ import annotations

import hashlib

import pytest

from nestmotion.core.checksums import check_folder, sha256_of
from nestmotion.core.errors import BundleError, CorpusError


def test_the_sum_of_a_file(tmp_path):
    data = bytes(range(256)) * 1000
    (tmp_path / "a").write_bytes(data)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_a_folder_as_it_was_made(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    sums = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a", "b")}
    (tmp_path / "extra").write_text("of no concern")
    check_folder(tmp_path, sums, CorpusError)


@pytest.mark.parametrize("error", [BundleError, CorpusError])
def test_a_changed_file_is_named_with_both_sums(tmp_path, error):
    (tmp_path / "a").write_text("b")
    with pytest.raises(error) as caught:
        check_folder(tmp_path, {"a": hashlib.sha256(b"a").hexdigest()}, error)
    assert str(caught.value) == (
        f"{tmp_path / 'a'}: changed since it was made (SHA-256 3e23e8160039…, expected ca978112ca1b…); "
        "make or copy the folder again"
    )


def test_a_missing_file_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(CorpusError) as caught:
        check_folder(tmp_path, {"a": "0" * 64}, CorpusError)
    assert str(caught.value) == f"{tmp_path / 'a'}: missing; make or copy the folder again"
