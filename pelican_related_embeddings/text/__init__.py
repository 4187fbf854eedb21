"""HTML to blocks of text, and blocks to terms."""
