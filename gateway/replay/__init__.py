"""Recordings of matches and the ways to play them: sources, simulator, player, recorder.

Owns the form of a recording; never serves viewers and never decides what an event means for a document.
"""
