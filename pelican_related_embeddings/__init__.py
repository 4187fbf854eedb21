"""Related posts for Pelican, found by local embeddings."""

__version__ = "0.1.0"
__all__ = ["register"]


def register() -> None:
    """Connect the plugin to Pelican's signals; Pelican calls this once per build."""
    from . import plugin

    plugin.register()
