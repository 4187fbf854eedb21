# An ordinary Pelican configuration. The only line that this plugin needs is
# PLUGINS; everything else is what any small blog would have.

AUTHOR = "Robin Hale"
SITENAME = "Too Many Hobbies"
SITEURL = ""
RELATIVE_URLS = True  # so that pages find their style sheets when they are opened as files

PATH = "content"
STATIC_PATHS = ["images"]
CACHE_PATH = "cache"

TIMEZONE = "Europe/London"
DEFAULT_LANG = "en"

# A stock theme that knows nothing about the plugin: the list of related posts
# is added below each post all the same.
THEME = "notmyidea"

PLUGINS = ["pelican_related_embeddings"]

# Not needed, but good to look at: cards, and a map of the topics. On a site that is served, a line in the
# menu leads to it: MENUITEMS = [("Map", "/related/map.html")]
RELATED_EMBEDDINGS_STYLE = "cards"
RELATED_EMBEDDINGS_MAP = "related/map.html"

# Feeds are off: this example is only ever read locally.
FEED_ALL_ATOM = None
CATEGORY_FEED_ATOM = None
TRANSLATION_FEED_ATOM = None
AUTHOR_FEED_ATOM = None
AUTHOR_FEED_RSS = None

DEFAULT_PAGINATION = 12
