"""What Pelican has read, as documents."""
