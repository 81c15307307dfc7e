ANSWERS: tuple[str, ...]
