"""Finding a model, saying which one it is, cutting texts for it, and sentence-transformers' vectors."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.models import LONG, TORCH, find_modules, load, require_torch, run_python, save_tiny_model
from pelican_related_embeddings.encoders.encoder import (
    Model,
    download_model,
    find_model,
    identify_encoder,
    identify_model,
    is_current,
    key_encoder,
    load_encoder,
    obtain_encoder,
)
from pelican_related_embeddings.encoders.libraries import quiet_libraries
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


@pytest.mark.parametrize("name", [None, "pytorch_model.bin", "model.safetensors"])
def test_a_folder_without_usable_weights_is_refused(tmp_path: Path, name: str | None) -> None:
    if name:  # an empty safetensors file is a download that broke off; *.bin is a pickle
        (tmp_path / name).write_bytes(b"pickle" if name.endswith("bin") else b"")
    with pytest.raises(EncoderError, match=r"RELATED_EMBEDDINGS_MODEL\) holds neither"):
        find_model(str(tmp_path))


@pytest.mark.parametrize("name", ["no such/folder/at all", "a/b/c", "name with spaces"])
def test_a_name_that_no_model_can_have_is_refused(name: str) -> None:
    with pytest.raises(EncoderError, match="must be an existing folder or a model's name"):
        find_model(name)


def make_folder(folder: Path, weights: bytes = b"weights", longest: int = 256) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": longest}))
    return folder


def test_a_model_is_identified_by_its_weights_and_their_use(tmp_path: Path) -> None:
    def identify(name: str, **files: Any) -> str:
        return identify_model(find_model(str(make_folder(tmp_path / name, **files)))).digest

    first = identify("a")
    assert identify("b") == first
    assert identify("c", weights=b"others") != first
    assert identify("d", longest=512) != first  # the same text is cut elsewhere: another vector


def test_the_same_model_from_the_hub_and_from_a_package_is_one(tmp_path: Path) -> None:
    """The hub and a package hold the same files but for who saved them, and how."""
    digests = []
    for name, version in (("hub", "5.1"), ("package", "2.0.0")):
        folder = make_folder(tmp_path / name)
        said = {"__version__": {"sentence_transformers": version}, "prompts": {}}
        (folder / "config_sentence_transformers.json").write_text(json.dumps(said, indent=len(version)))
        (folder / "config.json").write_text(
            json.dumps({"model_type": "bert", "transformers_version": version})
        )
        digests.append(identify_model(find_model(str(folder))).digest)
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"STS": "compare: "}}))
    digests.append(identify_model(find_model(str(folder))).digest)

    assert digests[0] == digests[1] != digests[2]


def test_what_is_known_of_unchanged_files_is_not_worked_out_again(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    settings = Settings(model=str(folder))
    known = identify_encoder(settings)
    assert is_current(known)
    assert identify_encoder(settings, known) is known
    make_folder(folder, longest=128)
    assert not is_current(known)
    assert identify_encoder(settings, known).digest != known.digest


def test_a_known_model_whose_folder_is_elsewhere_is_trusted(tmp_path: Path) -> None:
    known = Model("m", str(tmp_path / "another machine"), "digest", "stamp")
    assert identify_encoder(Settings(model="m"), known) is known


def test_a_model_survives_the_cache_and_nothing_else_does() -> None:
    model = Model("name", "/folder", "digest", "stamp")
    assert Model.from_json(model.to_json()) == model
    for text in ('{"a": 1}', "[]", "x"):
        with pytest.raises(ValueError, match=r".*"):
            Model.from_json(text)


def test_whatever_changes_a_vector_is_in_its_key() -> None:
    model = Model("m", None, "digest")
    keys = {
        key_encoder(model, Settings()),
        key_encoder(model, Settings(windows=2)),
        key_encoder(model, Settings(prompt="")),
        key_encoder(replace(model, digest="other"), Settings()),
    }
    assert len(keys) == 4
    assert key_encoder(model, Settings(batch_size=3, device="cpu")) == key_encoder(model, Settings())


def test_the_package_must_carry_the_weights_that_it_is_known_for(model_folder: Path) -> None:
    damaged = Model("all-MiniLM-L6-v2", str(model_folder), "0" * 64 + ".0")
    with pytest.raises(EncoderError, match=r"have sha256 0+, not 53aa.*Install the package"):
        load_encoder(damaged, TORCH)


def test_without_network_the_answer_comes_at_once(tmp_path: Path) -> None:
    """A closed port stands for the hub; the process has less time than a client that retries would take."""
    code = """
import sys
from pelican_related_embeddings.encoders.encoder import download_model, find_model
from pelican_related_embeddings.errors import EncoderError
try:
    download_model(find_model("nobody/nothing"))
except EncoderError as error:
    print(error)
"""
    said = run_python(code, HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="0")
    assert said.startswith("The model nobody/nothing is not on this machine and cannot be fetched")
    assert "pelican-related-embeddings[offline]" in said


def test_to_know_the_model_nothing_heavy_is_imported() -> None:
    code = """
import sys
from pelican_related_embeddings.encoders.encoder import identify_encoder, key_encoder
from pelican_related_embeddings.settings import Settings
assert identify_encoder(Settings()).digest
heavy = "numpy torch transformers sentence_transformers onnxruntime tokenizers httpx2 asyncio".split()
print([name for name in heavy if name in sys.modules])
"""
    assert run_python(code) == "[]"


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


POOL = """
import json
import multiprocessing
import sys

from pelican_related_embeddings.encoders.encoder import identify_encoder, load_encoder
from pelican_related_embeddings.settings import Settings

if __name__ == "__main__":
    texts = [f"bread and telescope {number}" for number in range(6)]
    rows = []
    for device in ("cpu", ("cpu", "cpu")):
        settings = Settings(model=sys.argv[1], encoder="sentence-transformers", device=device)
        encoder = load_encoder(identify_encoder(settings), settings)
        rows.append(encoder.embed([""] * 6, texts).tolist())
    print(json.dumps([rows, [child.pid for child in multiprocessing.active_children()]]))
"""


def test_several_devices_share_the_work_and_stop_with_the_build(model_folder: Path, tmp_path: Path) -> None:
    folder = save_tiny_model(model_folder, tmp_path)
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (alone, shared), children = json.loads(done.stdout)
    assert np.allclose(alone, shared, atol=1e-6)
    assert len(children) == 2
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
