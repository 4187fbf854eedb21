"""The texts of the map's page in seven languages, and English for all others."""

from dataclasses import dataclass, replace

from .headings import choose_heading, split_language


@dataclass(frozen=True, slots=True)
class MapTexts:
    """The texts of the page in the language ``lang``. In ``shown``, the braces stand for numbers of posts."""

    lang: str
    title: str
    help: str
    mouse: str
    touch: str
    keys: str
    find: str
    colour_by: str
    topic: str
    category: str
    year: str
    zoom_in: str
    zoom_out: str
    zoom_all: str
    list_heading: str
    shown: str
    here: str
    other: str
    related: str = ""


_ENGLISH = MapTexts(
    lang="en",
    title="Topic map",
    help="Each dot is a post; near dots are about similar things.",
    mouse="Point at a dot to see its post, click to open it.",
    touch="Tap a dot to see its post.",
    keys="Arrow keys move from post to post, Enter opens one, + and − zoom, 0 shows everything.",
    find="Find",
    colour_by="Colour by",
    topic="topic",
    category="category",
    year="year",
    zoom_in="Zoom in",
    zoom_out="Zoom out",
    zoom_all="All",
    list_heading="All posts by topic",
    shown="{shown} of {all} posts",
    here="You are here",
    other="other",
)
_TEXTS = {
    text.lang: text
    for text in (
        _ENGLISH,
        MapTexts(
            lang="de",
            title="Themenkarte",
            help="Jeder Punkt ist ein Beitrag; nahe Punkte handeln von Ähnlichem.",
            mouse="Auf einen Punkt zeigen, um den Beitrag zu sehen, klicken, um ihn zu öffnen.",
            touch="Auf einen Punkt tippen, um den Beitrag zu sehen.",
            keys="Die Pfeiltasten führen von Beitrag zu Beitrag, "
            "Enter öffnet einen, + und − zoomen, 0 zeigt alles.",
            find="Suchen",
            colour_by="Farbe nach",
            topic="Thema",
            category="Kategorie",
            year="Jahr",
            zoom_in="Vergrößern",
            zoom_out="Verkleinern",
            zoom_all="Alles",
            list_heading="Alle Beiträge nach Thema",
            shown="{shown} von {all} Beiträgen",
            here="Sie sind hier",
            other="andere",
        ),
        MapTexts(
            lang="es",
            title="Mapa de temas",
            help="Cada punto es un artículo; los puntos cercanos tratan de cosas parecidas.",
            mouse="Señala un punto para ver su artículo, haz clic para abrirlo.",
            touch="Toca un punto para ver su artículo.",
            keys="Las flechas van de un artículo a otro, "
            "Intro abre uno, + y − cambian el zoom, 0 muestra todo.",
            find="Buscar",
            colour_by="Color por",
            topic="tema",
            category="categoría",
            year="año",
            zoom_in="Acercar",
            zoom_out="Alejar",
            zoom_all="Todo",
            list_heading="Todos los artículos por tema",
            shown="{shown} de {all} artículos",
            here="Estás aquí",
            other="otros",
        ),
        MapTexts(
            lang="fr",
            title="Carte des sujets",
            help="Chaque point est un article ; les points proches parlent de choses semblables.",
            mouse="Survolez un point pour voir son article, cliquez pour l’ouvrir.",
            touch="Touchez un point pour voir son article.",
            keys="Les flèches mènent d’un article à l’autre, "
            "Entrée en ouvre un, + et − zooment, 0 montre tout.",
            find="Chercher",
            colour_by="Couleur par",
            topic="sujet",
            category="catégorie",
            year="année",
            zoom_in="Zoom avant",
            zoom_out="Zoom arrière",
            zoom_all="Tout",
            list_heading="Tous les articles par sujet",
            shown="{shown} articles sur {all}",
            here="Vous êtes ici",
            other="autres",
        ),
        MapTexts(
            lang="it",
            title="Mappa degli argomenti",
            help="Ogni punto è un articolo; i punti vicini parlano di cose simili.",
            mouse="Passa su un punto per vedere il suo articolo, fai clic per aprirlo.",
            touch="Tocca un punto per vedere il suo articolo.",
            keys="Le frecce portano da un articolo all’altro, "
            "Invio ne apre uno, + e − cambiano lo zoom, 0 mostra tutto.",
            find="Cerca",
            colour_by="Colore per",
            topic="argomento",
            category="categoria",
            year="anno",
            zoom_in="Ingrandisci",
            zoom_out="Riduci",
            zoom_all="Tutto",
            list_heading="Tutti gli articoli per argomento",
            shown="{shown} articoli su {all}",
            here="Sei qui",
            other="altri",
        ),
        MapTexts(
            lang="nl",
            title="Onderwerpenkaart",
            help="Elke stip is een bericht; stippen dicht bij elkaar gaan over vergelijkbare dingen.",
            mouse="Wijs een stip aan om het bericht te zien, klik om het te openen.",
            touch="Tik op een stip om het bericht te zien.",
            keys="Pijltjestoetsen gaan van bericht naar bericht, "
            "Enter opent er een, + en − zoomen, 0 toont alles.",
            find="Zoeken",
            colour_by="Kleur op",
            topic="onderwerp",
            category="categorie",
            year="jaar",
            zoom_in="Inzoomen",
            zoom_out="Uitzoomen",
            zoom_all="Alles",
            list_heading="Alle berichten per onderwerp",
            shown="{shown} van {all} berichten",
            here="Je bent hier",
            other="overige",
        ),
        MapTexts(
            lang="pt",
            title="Mapa de assuntos",
            help="Cada ponto é um artigo; pontos próximos tratam de coisas parecidas.",
            mouse="Aponte para um ponto para ver o artigo, clique para abrir.",
            touch="Toque num ponto para ver o artigo.",
            keys="As setas vão de um artigo a outro, Enter abre um, + e − mudam o zoom, 0 mostra tudo.",
            find="Procurar",
            colour_by="Cor por",
            topic="assunto",
            category="categoria",
            year="ano",
            zoom_in="Ampliar",
            zoom_out="Reduzir",
            zoom_all="Tudo",
            list_heading="Todos os artigos por assunto",
            shown="{shown} de {all} artigos",
            here="Você está aqui",
            other="outros",
        ),
    )
}


def choose_texts(lang: str) -> MapTexts:
    """Return the texts for a site in ``lang``, English ones for a language that has none."""
    chosen = _TEXTS.get(split_language(lang)[0], _ENGLISH)
    return replace(chosen, related=choose_heading(None, chosen.lang))
