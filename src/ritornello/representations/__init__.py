"""Representations by name. A new one is one file and one row of `REPRESENTATIONS`; the laws then test it."""
