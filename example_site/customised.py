# The same blog, with its own look for the list of related posts.
# Build it with:  pelican content -s customised.py

import os
import sys

sys.path.append(os.curdir)
from pelicanconf import *

OUTPUT_PATH = "output-customised"

# Templates found here win over those of the theme and of the plugin.
# See templates/related_posts.html.
THEME_TEMPLATES_OVERRIDES = ["templates"]

# The template has a style of its own.
RELATED_EMBEDDINGS_STYLE = False
