"""Finding a model, saying which one it is, cutting texts for it, and sentence-transformers' vectors."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.models import (
    LONG,
    TORCH,
    find_modules,
    load,
    require_torch,
    run_lines,
    run_python,
    save_tiny_model,
)
from helpers.sites import TOPICS, Site
from pelican_related_embeddings.encoders.encoder import (
    key_encoder,
    load_encoder,
    obtain_encoder,
    recall_model,
    remembered_model,
)
from pelican_related_embeddings.encoders.identity import identify_model
from pelican_related_embeddings.encoders.libraries import quiet_libraries
from pelican_related_embeddings.encoders.model import Model, download_model, find_model
from pelican_related_embeddings.encoders.windows import (
    BLOCK_CHARACTERS,
    choose_prompt,
    cut_at_tokens,
    cut_passages,
    cut_text,
    join_passages,
    normalise_rows,
)
from pelican_related_embeddings.errors import EncoderError
from pelican_related_embeddings.settings import Settings
from pelican_related_embeddings.store.cache import Cache


@pytest.fixture(scope="module")
def library(model_folder: Path) -> Any:
    """The real model as sentence-transformers itself loads it."""
    require_torch()
    with quiet_libraries():
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(model_folder), device="cpu", local_files_only=True)


def encode(library: Any, *texts: str) -> Any:
    with quiet_libraries():
        return library.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


def tokenize(library: Any) -> Any:
    def cut(text: str) -> Any:
        with quiet_libraries():
            coded = library.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return coded["offset_mapping"], coded.word_ids()

    return cut


# Which model it is


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache" / "c.sqlite", pytest.fail)


@pytest.mark.parametrize("name", [None, "pytorch_model.bin", "model.safetensors"])
def test_a_folder_without_usable_weights_is_refused(tmp_path: Path, name: str | None) -> None:
    if name:  # an empty safetensors file is an incomplete download; *.bin is a pickle
        (tmp_path / name).write_bytes(b"pickle" if name.endswith("bin") else b"")
    with pytest.raises(EncoderError, match=r"RELATED_EMBEDDINGS_MODEL\) has neither"):
        find_model(str(tmp_path))


@pytest.mark.parametrize("name", ["no such/folder/at all", "a/b/c", "name with spaces", "x" * 300, "a\0b"])
def test_a_name_that_no_model_can_have_is_refused(name: str) -> None:
    with pytest.raises(
        EncoderError, match=r"must be an existing folder or a model's name|File name too long"
    ):
        find_model(name)


@pytest.mark.parametrize(
    "name", ["./nofolder", "../nofolder", "/no/such/folder", "models\\nofolder", "~/nofolder"]
)
def test_a_folder_that_does_not_exist_is_called_that(name: str) -> None:
    with pytest.raises(
        EncoderError, match=re.escape(f"The folder {name} (RELATED_EMBEDDINGS_MODEL) does not")
    ):
        find_model(name)


def test_a_file_is_not_taken_for_a_model() -> None:
    with pytest.raises(EncoderError, match=r"must be a folder, but .*test_encoder.py is a file"):
        find_model(__file__)


def make_folder(folder: Path, weights: bytes = b"weights", longest: int = 256) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": longest}))
    return folder


def identify(folder: Path) -> str:
    return identify_model(find_model(str(folder))).digest


def test_a_model_is_identified_by_its_weights_and_their_use(tmp_path: Path) -> None:
    first = identify(make_folder(tmp_path / "a"))
    assert identify(make_folder(tmp_path / "b")) == first
    assert identify(make_folder(tmp_path / "c", weights=b"others")) != first
    assert identify(make_folder(tmp_path / "d", longest=512)) != first  # the same text is cut elsewhere


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("config_sentence_transformers.json", {"truncate_dim": 64}),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}),
        ("sentence_bert_config.json", {"max_seq_length": 256, "do_lower_case": True}),
        ("sentence_xlm-roberta_config.json", {"max_seq_length": 128}),
        ("tokenizer_config.json", {"truncation_side": "left"}),
        ("tokenizer_config.json", {"padding_side": "left"}),
        ("tokenizer_config.json", {"model_max_length": 128}),
        ("tokenizer_config.json", {"strip_accents": False}),
        ("tokenizer.json", {"truncation": {"direction": "Left", "max_length": 128}}),
        ("tokenizer.json", {"padding": {"strategy": {"Fixed": 128}}}),
        ("tokenizer.json", {"post_processor": {"type": "TemplateProcessing"}}),
        ("config.json", {"num_attention_heads": 2}),
        ("config.json", {"an_option_of_a_future_library": 1}),
        ("1_Pooling/config.json", {"include_prompt": False}),
        ("2_Dense/config.json", {"activation_function": "torch.nn.modules.linear.Identity"}),
        ("2_Dense/config.json", {"bias": False}),
        ("0_Router/query_0_Transformer/sentence_bert_config.json", {"max_seq_length": 128}),
        ("modules.json", [{"path": "", "type": "sentence_transformers.models.Transformer"}]),
        ("adapter_config.json", {"r": 8}),
    ],
)
def test_whatever_a_models_files_say_of_its_vectors_is_part_of_its_identity(
    tmp_path: Path, name: str, said: object
) -> None:
    folder = make_folder(tmp_path / "model")
    before = identify(folder)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(said))
    assert identify(folder) != before


@pytest.mark.parametrize(
    "name", ["README.md", "onnx/config.json", "openvino/config.json", "data_config.json"]
)
def test_files_that_the_library_does_not_read_are_no_part_of_it(tmp_path: Path, name: str) -> None:
    """Some ways to install a model bring them along, and others do not."""
    folder = make_folder(tmp_path / "model")
    before = identify(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text('{"max_seq_length": 3}')
    assert identify(folder) == before


def test_the_parts_of_a_model_are_known_by_their_order_and_classes(tmp_path: Path) -> None:
    """The module of a class has moved from release to release of sentence-transformers."""
    folder = make_folder(tmp_path / "model")

    def name_parts(*kinds: str) -> str:
        parts = [{"idx": idx, "path": str(idx), "type": kind} for idx, kind in enumerate(kinds)]
        (folder / "modules.json").write_text(json.dumps(parts))
        return identify(folder)

    first = name_parts("sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling")
    assert first == name_parts(
        "sentence_transformers.base.modules.Transformer", "sentence_transformers.models.Pooling"
    )
    assert first != name_parts(
        "sentence_transformers.models.Pooling", "sentence_transformers.models.Transformer"
    )
    assert first != name_parts("custom_st.Transformer", "sentence_transformers.models.Pooling")


def test_the_same_model_from_hugging_face_and_from_a_package_is_one(
    model_folder: Path, tmp_path: Path
) -> None:
    """Both have the same files but for who saved them, how and when; a download has fewer."""
    digests = [identify(model_folder)]
    folder = tmp_path / "downloaded"
    shutil.copytree(model_folder, folder)
    for name in ("data_config.json", "README.md", ".gitattributes"):
        (folder / name).unlink(missing_ok=True)
    for name, noise in [
        ("config.json", {"transformers_version": "5.24.0", "_name_or_path": "/tmp/x"}),
        ("tokenizer_config.json", {"name_or_path": "other"}),
        ("config_sentence_transformers.json", {"__version__": {"pytorch": "2"}, "prompts": {}}),
    ]:
        said = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**said, **noise}, indent=4))
    digests.append(identify(folder))
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"STS": "compare: "}}))
    digests.append(identify(folder))
    assert digests[0] == digests[1] != digests[2]


# What the cache remembers of it


def test_what_is_known_of_unchanged_files_is_not_computed_again(tmp_path: Path, cache: Cache) -> None:
    """Other weights of the same length and time stand for weights that were not read."""
    folder = make_folder(tmp_path / "model")
    settings = Settings(model=str(folder))
    known = recall_model(settings, cache)
    weights = folder / "model.safetensors"
    state = weights.stat()
    weights.write_bytes(b"Weights")
    os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert recall_model(settings, cache) == known
    make_folder(folder, longest=128)
    changed = recall_model(settings, cache)
    assert changed.digest != known.digest
    assert remembered_model(settings, cache).digest == changed.digest


def test_no_folder_of_this_machine_is_in_the_cache(tmp_path: Path, cache: Cache) -> None:
    folder = make_folder(tmp_path / "model")
    for name in (str(folder), os.path.relpath(folder), "all-MiniLM-L6-v2"):
        assert recall_model(Settings(model=name), cache).digest
    cache.finish()
    content = b"".join(path.read_bytes() for path in (tmp_path / "cache").iterdir())
    assert b"model.safetensors" in content
    assert str(tmp_path).encode() not in content
    assert str(Path.home()).encode() not in content


def test_a_copy_elsewhere_and_a_folder_that_is_not_there_are_the_model_that_was_known(
    tmp_path: Path, cache: Cache
) -> None:
    folder = make_folder(tmp_path / "model")
    digest = recall_model(Settings(model=str(folder)), cache).digest
    (tmp_path / "another machine").mkdir()
    moved = folder.rename(tmp_path / "another machine" / "model")
    for place in (moved, folder):  # the second is missing now
        assert recall_model(Settings(model=str(place)), cache).digest == digest
    with pytest.raises(EncoderError, match="does not exist"):
        recall_model(Settings(model=str(tmp_path / "another")), cache)


def break_link(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(folder / "a blob that was deleted")


def remove_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def become_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder")


DAMAGES = {
    "a dangling link": lambda folder: break_link(folder, "config.json"),
    "a dangling link to the weights": lambda folder: break_link(folder, "model.safetensors"),
    "a link to itself": lambda folder: (folder / "tokenizer.json").symlink_to(folder / "tokenizer.json"),
    "no weights": remove_weights,
    "no folder": shutil.rmtree,
    "a file": become_a_file,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_costs_new_vectors_and_not_the_cached_ones(
    tmp_path: Path, cache: Cache, damage: str
) -> None:
    """The cache still knows the model; the fault is named where a text has to be embedded."""
    settings = Settings(model=str(make_folder(tmp_path / "model")))
    known = recall_model(settings, cache)
    DAMAGES[damage](tmp_path / "model")
    assert key_encoder(recall_model(settings, cache), settings) == key_encoder(known, settings)
    with pytest.raises(
        EncoderError, match=r"model(.*|\n)(cannot be read|has neither|does not exist|is a file)"
    ):
        obtain_encoder(settings, known)


@pytest.mark.parametrize("damage", ["a dangling link", "no weights"])
def test_a_build_in_which_all_is_cached_needs_no_sound_model(
    topics: Site, model_folder: Path, tmp_path: Path, damage: str
) -> None:
    """A new post is one warning that names the cause, and costs the others nothing."""
    folder = save_tiny_model(model_folder, tmp_path / "tiny")
    settings = {"RELATED_EMBEDDINGS_MODEL": str(folder), "RELATED_EMBEDDINGS_DEVICE": "cpu"}
    lists = topics.build(**settings).links("bread-0.html")
    DAMAGES[damage](folder)
    topics.post("bread-0", TOPICS["bread"][0], date="2024-03-01", category="bread")
    again = topics.build(**settings)
    assert again.warnings() == []
    assert sorted(again.links("bread-0.html")) == sorted(lists)
    topics.post("new", "Rye bread with caraway.", category="bread")
    (warning,) = topics.build(**settings).warnings()
    assert "cannot be read (FileNotFoundError" in warning or "has neither *.safetensors" in warning
    assert "1 of 10 articles" in warning


def test_rows_that_are_no_models_are_not_believed(cache: Cache, tmp_path: Path) -> None:
    settings = Settings(model=str(make_folder(tmp_path / "model")))
    digest = recall_model(settings, cache).digest
    key, _ = cache.read_newest("models", b"") or (b"", b"")
    for content in (b"", b"[]", b"{}", b"\xff", b'{"digest": 1}', b"3"):
        cache.write("models", {key: content})
        assert recall_model(settings, cache).digest == digest


def test_whatever_changes_a_vector_is_in_its_key() -> None:
    model = Model("m", None, "digest")
    keys = {
        key_encoder(model, Settings()),
        key_encoder(model, Settings(windows=2)),
        key_encoder(model, Settings(prompt="")),
        key_encoder(replace(model, digest="other"), Settings()),
        key_encoder(model, Settings(endpoint="http://localhost")),
        key_encoder(model, Settings(encoder="of a contributor")),
    }
    assert len(keys) == 6
    for same in (Settings(batch_size=3, device="cpu"), Settings(encoder="onnx"), TORCH):
        assert key_encoder(model, same) == key_encoder(model, Settings())


def test_an_encoder_that_is_not_declared_to_give_the_same_vectors_has_a_memory_of_its_own(
    cache: Cache, tmp_path: Path
) -> None:
    settings = Settings(model=str(make_folder(tmp_path / "model")))
    assert recall_model(settings, cache).digest
    assert remembered_model(replace(settings, encoder="onnx"), cache).digest
    assert not remembered_model(replace(settings, encoder="of a contributor"), cache).digest
    assert not remembered_model(replace(settings, endpoint="http://localhost"), cache).digest


def test_the_package_must_carry_the_weights_that_it_is_known_for(model_folder: Path) -> None:
    damaged = Model("all-MiniLM-L6-v2", str(model_folder), "0" * 64 + ".0")
    with pytest.raises(EncoderError, match=r"have sha256 0+, not 53aa.*Install the package"):
        load_encoder(damaged, TORCH)


def test_without_network_the_answer_comes_at_once(tmp_path: Path) -> None:
    """A closed port stands for Hugging Face; the process has less time than a client that retries would take."""
    code = """
from pelican_related_embeddings.encoders.model import Model, download_model
from pelican_related_embeddings.errors import EncoderError
for name in ("nobody/nothing", "all-MiniLM-L6-v2"):
    try:
        download_model(Model(name))
    except EncoderError as error:
        print(error)
"""
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    other, default = run_lines(code, **nowhere)
    assert other.startswith("The model nobody/nothing is not on this machine and cannot be downloaded")
    assert "Check the name and the network, or set RELATED_EMBEDDINGS_MODEL to a folder" in other
    assert "[offline]" not in other  # that has another model
    assert "pelican-related-embeddings[offline]" in default


def test_to_know_the_model_nothing_heavy_is_imported(tmp_path: Path) -> None:
    """Nor for one in Hugging Face's cache: its layout is read without its library."""
    folder = tmp_path / "models--some--model" / "snapshots" / "0123"
    folder.parent.mkdir(parents=True)
    (make_folder(folder) / "modules.json").write_text("[]")
    (tmp_path / "models--some--model" / "refs").mkdir()
    (tmp_path / "models--some--model" / "refs" / "main").write_text("0123")
    code = f"""
import sys
from pathlib import Path
from pelican_related_embeddings.encoders.encoder import key_encoder, recall_model
from pelican_related_embeddings.settings import Settings
from pelican_related_embeddings.store.cache import Cache
cache = Cache(Path({str(tmp_path / "c.sqlite")!r}), print)
for name in ("all-MiniLM-L6-v2", "some/model"):
    assert recall_model(Settings(model=name), cache).folder
heavy = "numpy torch transformers sentence_transformers onnxruntime tokenizers httpx2 asyncio huggingface_hub"
print([name for name in heavy.split() if name in sys.modules])
"""
    assert run_python(code, HF_HUB_CACHE=str(tmp_path)) == "[]"


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE"])
def test_an_account_without_a_home_uses_the_models_that_need_none(variable: str) -> None:
    """The home folder of a user that does not exist stands for one that nobody has."""
    code = """
from pelican_related_embeddings.encoders.encoder import load_encoder, obtain_encoder
from pelican_related_embeddings.encoders.model import find_model, name_export
from pelican_related_embeddings.errors import EncoderError
from pelican_related_embeddings.settings import Settings
settings = Settings(encoder="onnx")
try:
    load_encoder(obtain_encoder(settings), settings)
except EncoderError as error:
    print(error)
try:
    find_model("some/model")
except EncoderError as error:
    print(error)
"""
    environment = {"HF_HOME": "", "HF_HUB_CACHE": "", "HUGGINGFACE_HUB_CACHE": "", variable: "~nobody-here/x"}
    package, hub = run_lines(code, **environment)
    assert package.startswith("The model all-MiniLM-L6-v2 in ")
    assert "has no ONNX file" in package
    assert hub.startswith("There is no home folder for ~nobody-here/x")


def test_a_found_model_is_not_downloaded(model_folder: Path) -> None:
    model = Model("m", str(model_folder))
    assert download_model(model) is model
    assert obtain_encoder(TORCH).folder == str(model_folder)


# Windows


def test_windows_fit_and_cover_the_text(library: Any) -> None:
    """Tokenized again, each is no longer than the model reads, and no word is lost between two."""
    room = library.max_seq_length - 2
    windows = cut_at_tokens(LONG, room, 0, tokenize(library))
    lengths = [len(library.tokenizer(window)["input_ids"]) for window in windows]
    assert max(lengths) <= library.max_seq_length
    assert min(lengths[:-1]) > library.max_seq_length - 10
    assert " ".join(windows).split() == LONG.split()


def test_a_word_longer_than_a_window_is_cut_inside(library: Any) -> None:
    windows = cut_at_tokens("ab" * 45, 8, 0, tokenize(library))
    assert len(windows) > 1
    assert "".join(windows) == "ab" * 45


def test_a_text_longer_than_a_block_is_cut_as_if_there_were_no_blocks(library: Any) -> None:
    text = " ".join(f"word{number}" for number in range(BLOCK_CHARACTERS // 5))
    assert len(text) > BLOCK_CHARACTERS
    windows = cut_at_tokens(text, 254, 0, tokenize(library))
    assert " ".join(windows) == text
    assert max(len(library.tokenizer(window)["input_ids"]) for window in windows) <= 256


def test_only_as_many_windows_are_cut_as_are_asked_for(library: Any) -> None:
    every = cut_at_tokens(LONG, 100, 0, tokenize(library))
    assert cut_at_tokens(LONG, 100, 3, tokenize(library)) == every[:3]


def test_texts_are_cut_by_characters_at_spaces() -> None:
    assert cut_text("one two three four", 9, 0) == ["one two", "three", "four"]
    assert cut_text("one two three four", 9, 2) == ["one two", "three"]
    assert cut_text("x" * 25, 10, 0) == ["x" * 10, "x" * 10, "x" * 5]
    assert cut_text("short", 10, 1) == ["short"]


def test_shares_of_windows_and_title() -> None:
    passages = cut_passages(["T", "", "", "\ud800"], ["a b", "c", "", ""], str.split)
    assert passages.texts == ["T", "a", "b", "T", "c"]
    assert passages.owners == [0, 0, 0, 0, 1]
    assert passages.shares == [1 / 3, 1 / 3, 1 / 3, 0.5, 1.0]


def test_a_row_is_the_sum_of_its_passages_or_nan() -> None:
    passages = cut_passages(["", "", "", ""], ["a b", "c", "d", ""], str.split)
    vectors = np.array([[1, 0], [0, 1], [np.nan, 1], [0, 0]], dtype=np.float32)
    rows = join_passages(vectors, passages, 4)
    assert rows[0] == pytest.approx([2**-0.5, 2**-0.5])
    assert np.isnan(rows[1]).all()
    assert not rows[2:].any()


def test_rows_are_of_unit_length_or_zero() -> None:
    rows = normalise_rows(np.array([[3, 4], [0, 0], [np.nan, 1], [np.inf, 1], [1e-30, 0]], dtype=np.float32))
    assert rows.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0], [0, 0], [0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("prompts", "default", "chosen"),
    [
        (None, None, ""),
        ({"query": "", "document": ""}, None, ""),
        ({"query": "query: ", "passage": "passage: "}, None, "query: "),
        ({"query": "search_query: ", "document": "search_document: "}, None, "search_document: "),
        ({"retrieval": "r: ", "STS": "sts: ", "clustering": "c: "}, None, "sts: "),
        ({"clustering": "c: ", "STS": "sts: "}, "clustering", "c: "),
        ({"a": "A "}, "missing", ""),
    ],
)
def test_the_prompt_is_one_for_comparing_like_with_like(prompts: Any, default: Any, chosen: str) -> None:
    assert choose_prompt(prompts, default) == chosen


# Vectors of sentence-transformers


def test_one_window_is_the_models_own_truncation(library: Any, model_folder: Path) -> None:
    ours = load(model_folder).embed(["Title", ""], [LONG, ""])
    assert ours.dtype == np.float32
    assert ours[0] @ encode(library, f"Title\n{LONG}")[0] == pytest.approx(1, abs=1e-5)
    assert not ours[1].any()


def test_several_windows_are_averaged_with_half_of_the_title(library: Any, model_folder: Path) -> None:
    windows = cut_at_tokens(f"Bread\n{LONG}", library.max_seq_length - 2, 2, tokenize(library))
    first, second, title = encode(library, *windows, "Bread")
    expected = normalise_rows(((first + second) / 2 + title / 2)[None])[0]
    assert load(model_folder, windows=2).embed(["Bread"], [LONG])[0] @ expected == pytest.approx(1, abs=1e-5)


def test_the_prompt_takes_room_from_the_windows(library: Any, model_folder: Path) -> None:
    prompt = "Represent this text for clustering: "
    encoder = load(model_folder, windows=0, prompt=prompt)
    room = library.max_seq_length - 2 - len(library.tokenizer(prompt)["input_ids"]) + 2
    windows = cut_at_tokens(LONG, room, 0, tokenize(library))
    vectors = encode(library, *(prompt + window for window in windows))
    expected = normalise_rows(vectors.mean(axis=0)[None])[0]
    assert encoder.embed([""], [LONG])[0] @ expected == pytest.approx(1, abs=1e-5)
    assert max(len(library.tokenizer(prompt + window)["input_ids"]) for window in windows) <= 256


def test_a_models_default_prompt_is_used_once(model_folder: Path, tmp_path: Path) -> None:
    folder = save_tiny_model(model_folder, tmp_path, prompts={"c": "cluster: "}, default_prompt_name="c")
    by_itself = load(folder).embed([""], ["bread"])
    assert np.allclose(by_itself, load(folder, prompt="cluster: ").embed([""], ["bread"]), atol=1e-6)
    assert np.allclose(by_itself, load(folder, prompt="").embed([""], ["cluster: bread"]), atol=1e-6)
    assert not np.allclose(by_itself, load(folder, prompt="").embed([""], ["bread"]), atol=1e-3)


@pytest.mark.parametrize("fill", [float("nan"), 0.0])
def test_a_model_that_gives_nonsense_gives_no_unit_rows(
    model_folder: Path, tmp_path: Path, fill: float
) -> None:
    rows = load(save_tiny_model(model_folder, tmp_path, fill)).embed(["", ""], ["bread", ""])
    assert np.isnan(rows[0]).all() if np.isnan(fill) else not rows[0].any()
    assert not rows[1].any()


def test_a_static_model_reads_all_of_a_text(model_folder: Path, tmp_path: Path) -> None:
    require_torch()
    with quiet_libraries():
        from sentence_transformers import SentenceTransformer
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
        tokenizer.no_truncation()
        words = find_modules().StaticEmbedding(tokenizer, embedding_dim=16)
        SentenceTransformer(modules=[words], device="cpu").save(str(tmp_path / "static"))
    encoder = load(tmp_path / "static")
    assert encoder.embed([""], [""]).shape == (1, 16)
    texts = [LONG, LONG + " octopus", "🦑", ""]
    rows = encoder.embed([""] * 4, texts)
    assert np.isfinite(rows).all()
    assert not np.allclose(rows[0], rows[1], atol=1e-6)  # the last word counts
    assert np.allclose(rows, load(tmp_path / "static", windows=3).embed([""] * 4, texts))


def test_weights_that_are_no_safetensors_are_an_error(model_folder: Path, tmp_path: Path) -> None:
    require_torch()
    folder = tmp_path / "broken"
    shutil.copytree(model_folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(EncoderError, match=r"cannot be loaded .*RELATED_EMBEDDINGS_MODEL"):
        load(folder)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu, cuda", ""])
def test_a_device_that_is_none_is_named_and_not_the_model(model_folder: Path, device: str) -> None:
    require_torch()
    with pytest.raises(EncoderError, match="RELATED_EMBEDDINGS_DEVICE must be a device") as caught:
        load(model_folder, device=device)
    assert repr(device) in str(caught.value)
    assert "offline" not in str(caught.value)


def test_a_model_that_cuts_its_vectors_gives_the_short_ones(model_folder: Path, tmp_path: Path) -> None:
    """Release 5.0 of the library does not read this option by itself."""
    folder = save_tiny_model(model_folder, tmp_path)
    whole = load(folder).embed([""], ["bread"])
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "truncate_dim": 8}))
    short = load(folder).embed([""], ["bread"])
    assert short.shape == (1, 8)
    assert np.allclose(short, normalise_rows(whole[:, :8]), atol=1e-6)
