# An ordinary Pelican configuration. The only line that this plugin needs is
# PLUGINS.

AUTHOR = "Robin Hale"
SITENAME = "Too Many Hobbies"
SITEURL = ""
RELATIVE_URLS = True  # so that pages find their style sheets when they are opened as files

PATH = "content"
STATIC_PATHS = ["images"]
CACHE_PATH = "cache"

TIMEZONE = "Europe/London"
DEFAULT_LANG = "en"

# One of Pelican's own themes. It does not know the plugin, which adds the
# related posts below each post by itself.
THEME = "notmyidea"

PLUGINS = ["pelican_related_embeddings"]

# Optional: related posts as cards, and a topic map. To link the map in the menu of a site on a server:
# MENUITEMS = [("Map", "/related/map.html")]
RELATED_EMBEDDINGS_STYLE = "cards"
RELATED_EMBEDDINGS_MAP = "related/map.html"

# Feeds are off: this example is only ever read locally.
FEED_ALL_ATOM = None
CATEGORY_FEED_ATOM = None
TRANSLATION_FEED_ATOM = None
AUTHOR_FEED_ATOM = None
AUTHOR_FEED_RSS = None

DEFAULT_PAGINATION = 12
