"""The plugin under the name by which Pelican finds it: pelican.plugins.related_embeddings, in the wheel.

Pelican imports it at every start, whether the plugin is used or not, and without a net: so it does nothing.
"""

__all__ = ["register"]


def register() -> None:
    """Connect the plugin to Pelican's signals, as ``pelican_related_embeddings.register`` does."""
    from pelican_related_embeddings import register

    register()
