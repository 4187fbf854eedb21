"""Vectors to a map: places, topics and their names."""
