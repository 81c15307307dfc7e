"""One module a source: what a game's recording says, told as Grandstand events."""
