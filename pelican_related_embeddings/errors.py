"""The exceptions of this package. Their class names and texts are what a blogger reads."""


class RelatedEmbeddingsError(Exception):
    """Base of all errors raised on purpose by this package."""


class SettingsError(RelatedEmbeddingsError):
    """A ``RELATED_EMBEDDINGS_*`` setting is wrong; the build stops before anything is written."""


class EncoderError(RelatedEmbeddingsError):
    """The model cannot be found, loaded or run; the build goes on with cached vectors."""


class CacheError(RelatedEmbeddingsError):
    """The cache file cannot be used; the build goes on without what it held."""


class StrictError(RelatedEmbeddingsError):
    """A soft failure, under ``RELATED_EMBEDDINGS_STRICT``."""


class CommandError(RelatedEmbeddingsError):
    """The author's command cannot do what was asked for; nothing is lost."""
