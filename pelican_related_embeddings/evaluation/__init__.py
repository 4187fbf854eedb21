"""Measure lists of related posts by the links and tags that authors set."""
