"""Bytes under keys, in one SQLite file."""
