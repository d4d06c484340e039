from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of the user's folder: `write("mine.py", code)`; the API is imported."""

    def put(name: str, code: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        header = "import numpy as np\nfrom engine.strategies.api import *\n"
        path.write_text(header + code, encoding="utf-8")
        return path

    return put
