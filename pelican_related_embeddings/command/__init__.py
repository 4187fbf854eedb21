"""The author's command `pelican-related`."""
