"""History in Postgres: what was published, kept beyond the stream, and what is derived from it."""
