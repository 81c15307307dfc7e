class Parser:
    """The parser of the connection table with a Python face, for tests and tools."""

    def __init__(
        self,
        *,
        max_message_bytes: int = 65536,
        max_fragments: int = 64,
        max_frame_bytes: int | None = None,
        deflate: bool = False,
        max_inflate_ratio: int = 100,
    ) -> None: ...
    def feed(self, data: bytes) -> list[tuple[object, ...]]: ...
