"""Splitting plain text for a wire that counts bytes."""


def split_bytes(text: str, limit: int) -> tuple[str, ...]:
    """Split into parts of at most `limit` bytes of UTF-8; put together they are `text` again.

    Cuts after a line where it can, else after a space, else between characters. A part of
    nothing but white space is left out.

    Raises:
        ValueError: `limit` is below the four bytes that one character may take.
    """
    if limit < 4:
        raise ValueError(f"a limit of {limit} bytes has no room for a character")
    parts: list[str] = []
    rest = text
    while len(rest.encode()) > limit:
        head = rest.encode()[:limit].decode(errors="ignore")
        cut = head.rfind("\n") + 1 or head.rfind(" ") + 1 or len(head)
        parts.append(rest[:cut])
        rest = rest[cut:]
    parts.append(rest)
    return tuple(part for part in parts if part.strip()) or (text,)
