"""Servers that the gateway brings along: children with a directory of their own that end with their parent."""
