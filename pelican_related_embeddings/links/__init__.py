"""Which links an author could write, and where: sources, sentences, anchors, targets."""
