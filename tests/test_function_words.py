"""Words shown as reasons are no grammar."""

import re
from pathlib import Path

import pytest

from helpers.sites import Site
from pelican_related_embeddings.text.function_words import FOLDER, read_function_words

# Young blogs: a word is on few posts, whatever it is.
BLOGS = {
    "de": (
        "Wenn der Teig am Abend angesetzt wird, ist er am Morgen doppelt so hoch. Ohne Salz wird das Brot fade.",
        "Das Brot bekommt im Topf eine Kruste, und der Teig ist dann am Abend im Kühlschrank. Wenn es kracht, ist es gut.",
        "Mit dem Rad bin ich am Sonntag an der Elbe gewesen. Wenn der Wind von vorn kommt, ist das Rad zu schwer.",
        "Die Kette läuft leise, wenn das Rad sauber ist. Ich habe sie am Sonntag im Wachs gehabt, und das hält.",
    ),
    "en": (
        "If the dough has been out since noon, it is ready. These loaves are what they were when I was a child.",
        "If you have been baking these loaves, you know what the dough is like. They are best when they are warm.",
        "We have been riding since noon. If the chain is dry, it has been raining, and these are the hills.",
        "These chains are what we were riding. If it has been waxed, the chain is quiet when you are in the hills.",
    ),
    "es": (
        "Cuando la masa ha estado toda la noche en la nevera, el pan es mejor. También lo hay con centeno.",
        "El pan que está en la olla tiene una corteza. Cuando la masa es buena, también lo es el centeno.",
        "Cuando salí con la bicicleta por la costa, el viento también estaba. Los pedales que hay son muy duros.",
        "La bicicleta que tiene la cadena con cera está muy limpia. También los pedales, cuando hay viento.",
    ),
    "fr": (
        "Quand la pâte a été dans le four, elle est comme du pain. Nous avons aussi du seigle pour vous.",
        "Le pain est dans la cocotte, et la pâte aussi. Nous sommes avec du seigle, mais elle a été sur la table.",
        "Nous avons été sur le vélo avec le vent. Elle est aussi dans la montée, quand la chaîne est pour nous.",
        "La chaîne du vélo a été dans la cire. Nous sommes aussi pour le vent, mais elle est sur la montée.",
    ),
    "it": (
        "Quando la pasta è stata nel frigo, anche il pane è più buono. Questo è della segale che abbiamo.",
        "Il pane che è nella pentola ha la crosta. Anche la pasta è stata con la segale, perché questo è più buono.",
        "Sono stato con la bicicletta sul lago. Anche il vento era più forte, perché la catena è della bicicletta.",
        "La catena che è nella cera non ha rumore. Anche sul lago la bicicletta era più veloce, perché c'è vento.",
    ),
    "pt": (
        "Quando a massa está na geladeira, o pão também é muito bom. Ele tem o centeio que nós temos.",
        "O pão que está na panela tem uma casca. Também a massa é muito boa, mas ele não tem centeio.",
        "Eu estava na serra com a bicicleta. Também o vento era muito forte, mas a corrente não estava seca.",
        "A corrente da bicicleta está na cera. Também na serra ela é muito rápida, quando não tem vento.",
    ),
}
GRAMMAR = {
    "de": "wenn der die das am ist es mit ich im und dem zu an er wird",
    "en": "if been has is are what they these it when you we were have the since",
    "es": "cuando la el que también lo hay es con en está los muy",
    "fr": "quand la a dans elle est nous avons aussi du le pour sur avec mais",
    "it": "quando è anche il più questo che perché della nella sul era",
    "pt": "quando está na o também é muito ele tem que mas não a",
}


def list_terms(block: str) -> list[str]:
    texts = re.findall(r'<span class="related-embeddings-terms">([^<]*)</span>', block)
    return [term for text in texts for term in text.split(", ")]


@pytest.mark.parametrize("lang", BLOGS)
def test_a_young_blog_shows_no_grammar_in_six_languages(site: Site, lang: str) -> None:
    for number, text in enumerate(BLOGS[lang]):
        site.post(f"post-{number}", text, lang=lang)

    built = site.build(DEFAULT_LANG=lang, RELATED_EMBEDDINGS_SHOW=["terms"], RELATED_EMBEDDINGS_WEIGHT=1)

    terms = [term for page in built.articles for block in built.blocks(page) for term in list_terms(block)]
    assert terms
    for term in terms:
        words = term.casefold().split()
        assert not {words[0], words[-1]} & set(GRAMMAR[lang].split()), term


def test_names_that_look_like_grammar_and_words_inside_a_term_stay(site: Site) -> None:
    for number, more in enumerate(("bread", "chess", "bread", "chess")):
        site.post(f"post-{number}", f"The IT department of the {more} club reads proof of work of {more}.")

    built = site.build(RELATED_EMBEDDINGS_SHOW=["terms"], RELATED_EMBEDDINGS_WEIGHT=1)

    terms = {term for page in built.articles for block in built.blocks(page) for term in list_terms(block)}
    assert terms
    assert not any(re.match("(?:The|of|the) | (?:of|the)$", term) for term in terms)


def test_languages_are_told_by_their_main_part_and_unknown_ones_have_no_list() -> None:
    assert read_function_words("en-GB") == read_function_words("EN_us") == read_function_words("en")
    assert read_function_words("no") == read_function_words("nn") == read_function_words("nb")
    assert "been" in read_function_words("en")
    assert "mine" not in read_function_words("en")
    assert not read_function_words("tlh") | read_function_words("") | read_function_words("../en")


def test_each_list_is_words_alone_and_the_licences_are_beside_them() -> None:
    files = sorted(FOLDER.glob("*.txt"))
    assert len(files) >= 25
    for file in files:
        words = file.read_text(encoding="utf-8").split("\n")
        assert words[-1] == ""
        assert words[:-1] == sorted({word.casefold() for word in words[:-1]})
        assert not any(re.search(r"[\s\d<>|]", word) for word in words), file.name
    assert {"Snowball", "spaCy", "stop-words"} <= set(
        re.findall(r"^## (\S+)", Path(FOLDER / "LICENSE").read_text(encoding="utf-8"), re.MULTILINE)
    )
