"""Find the links that an author could write: their sources, sentences, anchors and targets."""
