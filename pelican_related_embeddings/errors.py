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


def describe_error(error: BaseException) -> str:
    """Return an error's class and the first line of its text."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
