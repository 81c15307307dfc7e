# The floor has no state and nothing to share.
