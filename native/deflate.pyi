from native.frames import Frame

class Inflater:
    def inflate(self, data: bytes, max_bytes: int = 65536, max_ratio: int = 1100) -> bytes: ...

class Deflater:
    def __init__(
        self,
        *,
        level: int = 6,
        window_bits: int = 15,
        min_bytes: int = 0,
        max_bytes: int = 0x7FFFFFFF,
        always: bool = False,
    ) -> None: ...
    def frame(self, payload: bytes, binary: bool) -> Frame: ...
    def stats(self) -> dict[str, int]: ...
