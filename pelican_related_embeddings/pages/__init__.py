"""Lists and map to HTML and JSON: what readers and templates see."""
