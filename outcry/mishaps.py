"""Where the traceback of an unexpected exception goes, so that no person has to read it."""

import os
import tempfile
import traceback
from pathlib import Path
from types import TracebackType

from bot.telegram.redaction import Redactor

NAME = "errors.log"


def write_down(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> Path:
    """Append a redacted traceback to errors.log in the data directory; return the file.

    Falls back to the temporary directory where that can't be written.
    """
    text = Redactor()("".join(traceback.format_exception(kind, error, trace)))
    folder = Path(os.environ.get("OUTCRY_DATA_DIR") or "var")
    for path in (folder / NAME, Path(tempfile.gettempdir()) / f"outcry-{NAME}"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as log:
                log.write(text + "\n")
        except OSError:
            continue
        return path
    return Path(os.devnull)
