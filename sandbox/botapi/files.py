"""Files that were sent, kept on disk beside the database."""

from __future__ import annotations

import mimetypes
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

from sandbox.botapi.params import Upload
from sandbox.db import Database, dump, load_object
from sandbox.jsontypes import JsonObject, as_int, as_text

MAX_UPLOAD = 50 * 1024 * 1024
MAX_PHOTO = 10 * 1024 * 1024
MAX_DOWNLOAD = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file: ids as Telegram has them, and where it lies."""

    file_id: str
    unique_id: str
    path: str
    name: str
    mime: str
    size: int
    width: int = 0
    height: int = 0

    def to_json(self) -> JsonObject:
        """Return the Bot API's `File`."""
        return {
            "file_id": self.file_id,
            "file_unique_id": self.unique_id,
            "file_size": self.size,
            "file_path": self.path,
        }

    def as_photo(self) -> JsonObject:
        """Return the Bot API's `PhotoSize`."""
        return {
            "file_id": self.file_id,
            "file_unique_id": self.unique_id,
            "width": self.width or 320,
            "height": self.height or 320,
            "file_size": self.size,
        }

    def as_document(self) -> JsonObject:
        """Return the Bot API's `Document`."""
        return {
            "file_id": self.file_id,
            "file_unique_id": self.unique_id,
            "file_name": self.name,
            "mime_type": self.mime,
            "file_size": self.size,
        }


class Files:
    """Stores uploads under `root`; names are made here, never taken from a caller."""

    def __init__(self, db: Database, root: Path) -> None:
        self._db = db
        self._root = root

    def store(self, folder: str, upload: Upload) -> StoredFile:
        """Write an upload and give it its ids."""
        unique = secrets.token_urlsafe(11)
        suffix = Path(upload.name).suffix.lower()
        if not suffix.lstrip(".").isalnum():
            suffix = mimetypes.guess_extension(upload.mime) or ".bin"
        width, height = image_size(upload.content)
        stored = StoredFile(
            file_id=f"BQAC{secrets.token_urlsafe(30)}",
            unique_id=unique,
            path=f"{folder}/file_{unique}{suffix}",
            name=upload.name,
            mime=_mime(upload),
            size=len(upload.content),
            width=width,
            height=height,
        )
        target = self._root / stored.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(upload.content)
        doc = {name: getattr(stored, name) for name in StoredFile.__dataclass_fields__}
        self._db.run("INSERT INTO files VALUES (?, ?)", stored.file_id, dump(doc))
        return stored

    def find(self, file_id: str) -> StoredFile | None:
        """Return a file by its id, or None."""
        row = self._db.row("SELECT doc FROM files WHERE file_id = ?", file_id)
        return None if row is None else _stored(load_object(row[0]))

    def find_path(self, path: str) -> StoredFile | None:
        """Return a file by the path that `getFile` told, or None."""
        row = self._db.row("SELECT doc FROM files WHERE json_extract(doc, '$.path') = ?", path)
        return None if row is None else _stored(load_object(row[0]))

    def location(self, stored: StoredFile) -> Path:
        """Return where the bytes lie."""
        return self._root / stored.path


def _stored(doc: JsonObject) -> StoredFile:
    return StoredFile(
        file_id=as_text(doc.get("file_id")),
        unique_id=as_text(doc.get("unique_id")),
        path=as_text(doc.get("path")),
        name=as_text(doc.get("name")),
        mime=as_text(doc.get("mime")),
        size=as_int(doc.get("size")),
        width=as_int(doc.get("width")),
        height=as_int(doc.get("height")),
    )


def _mime(upload: Upload) -> str:
    guessed, _ = mimetypes.guess_type(upload.name)
    generic = upload.mime in ("", "application/octet-stream", "text/plain")
    return guessed if guessed and generic else upload.mime


def image_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a PNG, GIF or JPEG image; zeros if it is none of them."""
    if content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return int(width), int(height)
    if content[:6] in (b"GIF87a", b"GIF89a") and len(content) >= 10:
        width, height = struct.unpack("<HH", content[6:10])
        return int(width), int(height)
    return _jpeg_size(content) if content.startswith(b"\xff\xd8") else (0, 0)


def _jpeg_size(content: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], struct.unpack(">H", content[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return int(width), int(height)
        at += 2 + length
    return 0, 0
