"""What lists of related posts are worth, by the links and tags that authors set."""
