"""Small texts and the models of them."""

from __future__ import annotations

import pytest

from cnmine.io.paths import find_sources
from cnmine.lm.arpa import export_arpa
from cnmine.lm.model import open_model
from cnmine.lm.train import train_model

FALLBACK = (0.5, 1.0, 1.5)


@pytest.fixture(scope="session")
def train_lines(tmp_path_factory):
    """Trains a model on lines; gives its path."""
    directory = tmp_path_factory.mktemp("models")

    def train(lines: list[str], name: str = "a", **options):
        source, path = directory / f"{name}.txt", directory / f"{name}.lm"
        source.write_bytes("".join(f"{line}\n" for line in lines).encode())
        train_model(find_sources([str(source)]), str(path), **({"fallback": FALLBACK} | options))
        return path

    return train


@pytest.fixture(scope="session")
def arpa_of():
    """The text of a model in ARPA format."""

    def arpa(path) -> str:
        pieces: list[bytes] = []
        with open_model(str(path)) as model:
            export_arpa(model, pieces.append)
        return b"".join(pieces).decode()

    return arpa
