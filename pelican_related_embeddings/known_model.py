"""What the cache remembers of the model, so that its weights are read once. Knows nothing of Pelican."""

from .cache import Cache, hash_parts
from .encoder import Model, identify_encoder
from .settings import Settings


def recall_model(settings: Settings, cache: Cache) -> Model:
    """Return what is known of the model: its digest is empty where it has never been seen.

    Raises ``EncoderError`` for a model that cannot exist, such as a folder without weights.
    """
    row = hash_parts("model", settings.model)
    known = _load(cache.read("models", [row]).get(row))
    model = identify_encoder(settings, known)
    if model.digest and model != known:
        remember_model(model, settings, cache)
    return model


def remember_model(model: Model, settings: Settings, cache: Cache) -> None:
    """Keep a model's digest under its configured name, so that it need not be worked out again."""
    cache.write("models", {hash_parts("model", settings.model): model.to_json().encode()})


def _load(content: bytes | None) -> Model | None:
    try:
        return Model.from_json(content.decode()) if content else None
    except ValueError:
        return None
