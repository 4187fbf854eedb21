"""Programs that write what the documentation and the package show from the code."""
