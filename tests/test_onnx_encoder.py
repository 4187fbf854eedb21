"""The same model as an ONNX file: exported, chosen, refused, and with the same vectors."""

import contextlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.models import LONG, run_python, save_tiny_model
from helpers.sites import TOPICS
from pelican_related_embeddings.encoders.encoder import Encoder, load_encoder, obtain_encoder
from pelican_related_embeddings.encoders.export_onnx import export_onnx, main
from pelican_related_embeddings.encoders.identity import identify_model
from pelican_related_embeddings.encoders.model import find_model
from pelican_related_embeddings.errors import EncoderError
from pelican_related_embeddings.settings import Settings

for needed in ("onnxruntime", "onnx", "onnxscript"):
    pytest.importorskip(needed, reason="pip install pelican-related-embeddings[onnx-export]")

SHORT = [text for texts in TOPICS.values() for text in texts]
TEXTS = [
    *SHORT,
    *(f"{first} {second}" for first in SHORT[:7] for second in SHORT[2:9]),
    LONG,
    "Élan, naïveté et cœur: le réseau s'étend à Zürich.",
    "机器学习让计算机从数据中学习。",
    "🦑🚀",
    "x",
    "aHR0cHM6Ly9leGFtcGxl" * 40,
    "tabs\tand\nlines\x00and\x07bells",
]


def choose(folder: Path, encoder: str = "onnx", **settings: Any) -> Encoder:
    chosen = Settings(model=str(folder), encoder=encoder, **settings)
    return load_encoder(obtain_encoder(chosen), chosen)


def digest(folder: Path) -> str:
    return identify_model(find_model(str(folder))).digest


def kind(encoder: Encoder) -> str:
    return type(encoder).__name__


@pytest.fixture(scope="module")
def tiny(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small model that pools by its first token, and its export."""
    folder = tmp_path_factory.mktemp("tiny")
    prompts = {"query": "query: ", "passage": "passage: "}
    source = save_tiny_model(model_folder, folder, pooling_mode="cls", prompts=prompts)
    export_onnx(source, folder / "exported")
    return source, folder / "exported"


def test_both_encoders_give_the_same_vectors(exported: Path, model_folder: Path) -> None:
    titles = [f"Title {row}" for row in range(len(TEXTS))]
    ours = choose(exported).embed(titles, TEXTS).astype(np.float64)
    theirs = choose(model_folder, "sentence-transformers", device="cpu").embed(titles, TEXTS)
    assert len(TEXTS) > 60
    assert (ours * theirs).sum(axis=1).min() > 0.999999


def test_both_encoders_cut_the_same_windows(exported: Path, model_folder: Path) -> None:
    settings: dict[str, Any] = {"windows": 2, "prompt": "cluster: "}
    ours = choose(exported, **settings).embed(["Bread", ""], [LONG, ""])
    theirs = choose(model_folder, "sentence-transformers", device="cpu", **settings).embed(["Bread"], [LONG])
    assert ours[0] @ theirs[0] > 0.999999
    assert not ours[1].any()


def test_both_encoders_share_cached_vectors(exported: Path, model_folder: Path) -> None:
    assert digest(exported) == digest(model_folder)
    assert not list(exported.rglob("*.safetensors"))


def test_first_token_pooling_and_prompts_agree(tiny: tuple[Path, Path]) -> None:
    source, folder = tiny
    ours = choose(folder).embed([""] * 9, SHORT)
    theirs = choose(source, "sentence-transformers", device="cpu").embed([""] * 9, SHORT)
    assert (ours * theirs).sum(axis=1).min() > 0.999999
    unprompted = choose(folder, prompt="").embed([""] * 9, SHORT)
    assert (ours * unprompted).sum(axis=1).min() < 0.999


def test_the_batch_and_its_padding_change_nothing(tiny: tuple[Path, Path]) -> None:
    _, folder = tiny
    together = choose(folder).embed([""] * len(TEXTS), TEXTS)
    assert np.allclose(together, choose(folder, batch_size=1).embed([""] * len(TEXTS), TEXTS), atol=1e-6)


def test_no_texts_and_empty_ones_have_the_models_dimensions(tiny: tuple[Path, Path]) -> None:
    encoder = choose(tiny[1])
    assert encoder.embed([], []).shape == (0, 32)
    assert encoder.embed(["", ""], ["", " \n"]).tolist() == [[0.0] * 32] * 2


# Which encoder a build takes


def test_onnx_is_taken_by_itself_where_the_model_has_it(tiny: tuple[Path, Path]) -> None:
    source, folder = tiny
    assert kind(choose(folder, "auto")) == "OnnxEncoder"
    assert kind(choose(source, "auto", device="cpu")) == "TorchEncoder"


def test_onnx_beside_other_weights_is_taken_and_known_by_them(
    tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    source, folder = tiny
    both = tmp_path / "both"
    shutil.copytree(source, both)
    shutil.copytree(folder / "onnx", both / "onnx")
    assert kind(choose(both, "auto")) == "OnnxEncoder"
    assert kind(choose(both, "sentence-transformers", device="cpu")) == "TorchEncoder"
    assert digest(both) == digest(source)


def test_an_export_without_a_folder_is_found_by_itself(
    tiny: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = tmp_path / "model"
    shutil.copytree(tiny[0], source)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert main([str(source)]) == 0
    assert capsys.readouterr().out.endswith("Builds here will use it.\n")
    assert kind(choose(source, "auto")) == "OnnxEncoder"


def test_without_an_onnx_file_the_error_says_how_to_make_one(tiny: tuple[Path, Path]) -> None:
    with pytest.raises(EncoderError, match=r"has no ONNX file. Make one with .*export_onnx"):
        choose(tiny[0])


def test_onnx_on_another_device_is_refused(tiny: tuple[Path, Path]) -> None:
    with pytest.raises(
        EncoderError, match=r"RELATED_EMBEDDINGS_DEVICE must be \"cpu\" or None .* got 'cuda'"
    ):
        choose(tiny[1], device="cuda")


def test_a_record_of_another_file_is_not_believed(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny[1], folder)
    record = folder / "onnx" / "model.onnx.json"
    record.write_text(json.dumps({"onnx_sha256": "0" * 64, "weights_sha256": "1" * 64}))
    by_itself = digest(folder)
    record.unlink()
    assert digest(folder) == by_itself != digest(tiny[1])


def change(folder: Path, name: str, **values: Any) -> None:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "max"}, "its pooling is max, not mean or cls"),
        ("1_Pooling/config.json", {"pooling_mode": ["cls", "mean"]}, "its pooling is cls and mean"),
        ("1_Pooling/config.json", {"include_prompt": False}, "it sets include_prompt to False"),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "its pooling is lasttoken"),
        ("sentence_bert_config.json", {"do_lower_case": True}, "it sets do_lower_case to True"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "it sets transformer_task to"),
        (
            "sentence_bert_config.json",
            {"processing_kwargs": {"text": {"max_length": 8}}},
            "it sets processing",
        ),
        ("sentence_bert_config.json", {"an_option_of_a_future_library": 1}, "it sets an_option_of"),
        ("tokenizer_config.json", {"truncation_side": "left"}, "it sets truncation_side to 'left'"),
        ("tokenizer_config.json", {"padding_side": "left"}, "it sets padding_side to 'left'"),
        ("tokenizer_config.json", {"do_lower_case": False}, "it sets do_lower_case to False"),
        ("tokenizer_config.json", {"strip_accents": False}, "it sets strip_accents to False"),
    ],
)
def test_what_cannot_be_run_is_refused(
    tiny: tuple[Path, Path], tmp_path: Path, name: str, values: dict[str, Any], reason: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny[1], folder)
    change(folder, name, **values)
    with pytest.raises(EncoderError, match=f"cannot be run by onnxruntime here: {reason}"):
        choose(folder)
    # With sentence-transformers installed, "auto" leaves such a model to it: here it finds no weights for it.
    with pytest.raises(EncoderError, match=r"cannot be loaded"):
        choose(folder, "auto")


def test_a_model_that_cuts_its_vectors_gives_the_same_short_ones(
    tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    source, folder = (shutil.copytree(place, tmp_path / place.name) for place in tiny)
    for place in (source, folder):
        change(place, "config_sentence_transformers.json", truncate_dim=8)
    ours = choose(folder).embed([""] * 9, SHORT)
    theirs = choose(source, "sentence-transformers", device="cpu").embed([""] * 9, SHORT)
    assert ours.shape == theirs.shape == (9, 8)
    assert (ours * theirs).sum(axis=1).min() > 0.999999
    assert choose(folder).embed([""], [""]).shape == (1, 8)
    assert digest(source) == digest(folder) != digest(tiny[0])


def test_unknown_parts_are_refused(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny[1], folder)
    parts = json.loads((folder / "modules.json").read_text())
    parts.append({"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(parts))
    with pytest.raises(EncoderError, match="its parts are Transformer, Pooling, Dense, not"):
        choose(folder)


@pytest.mark.parametrize("name", ["modules.json", "config.json", "tokenizer.json", "onnx/model.onnx"])
def test_a_damaged_folder_is_an_encoder_error(tiny: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny[1], folder)
    (folder / name).write_bytes(b"{ half a file")
    with pytest.raises(EncoderError, match=re.escape(str(folder))):
        choose(folder)


# The export


def test_an_export_replaces_only_an_export(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("keep me")
    with pytest.raises(EncoderError, match="contains other files"):
        export_onnx(tiny[0], tmp_path / "mine")
    assert (tmp_path / "mine" / "diary.txt").read_text() == "keep me"
    shutil.copytree(tiny[1], tmp_path / "again")
    (tmp_path / "again" / "onnx" / "model.onnx").write_bytes(b"damaged")
    export_onnx(tiny[0], tmp_path / "again")
    assert kind(choose(tmp_path / "again")) == "OnnxEncoder"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "mine"]


def test_a_model_that_cannot_be_exported_leaves_nothing(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    (folder / "model.safetensors").write_bytes(b"not weights")
    assert main([str(folder), str(tmp_path / "exported")]) == 1
    assert "cannot be exported" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_the_light_encoder_imports_nothing_heavy(tiny: tuple[Path, Path]) -> None:
    """Nor Hugging Face's client: a machine that has the ONNX file needs none."""
    code = f"""
import sys
from pelican_related_embeddings.encoders.encoder import load_encoder, obtain_encoder
from pelican_related_embeddings.settings import Settings
settings = Settings(model={str(tiny[1])!r})
rows = load_encoder(obtain_encoder(settings), settings).embed([""], ["bread"])
heavy = "torch transformers sentence_transformers huggingface_hub scipy sklearn".split()
print(rows.shape, [name for name in heavy if name in sys.modules])
"""
    assert run_python(code) == "(1, 32) []"


def test_without_sentence_transformers_the_light_one_is_all_there_is(tiny: tuple[Path, Path]) -> None:
    """An import that is blocked stands for a package that is not installed."""
    code = f"""
import sys
sys.modules["sentence_transformers"] = None
from pelican_related_embeddings.encoders.encoder import load_encoder, obtain_encoder
from pelican_related_embeddings.errors import EncoderError
from pelican_related_embeddings.settings import Settings
settings = Settings(model={str(tiny[0])!r}, encoder="sentence-transformers")
try:
    load_encoder(obtain_encoder(settings), settings)
except EncoderError as error:
    print(error)
"""
    assert "sentence-transformers cannot be imported" in run_python(code)


def test_settings_do_not_mix_up_encoders(tiny: tuple[Path, Path]) -> None:
    settings = Settings(model=str(tiny[1]))
    model = obtain_encoder(settings)
    assert load_encoder(model, settings) is load_encoder(model, settings)
    assert load_encoder(model, settings) is not load_encoder(model, replace(settings, windows=2))


# Hugging Face


class _Hub(BaseHTTPRequestHandler):
    """As much of Hugging Face as its client needs; serves the files of one folder."""

    folder: Path
    fetched: list[str]
    commit = "0123456789abcdef0123456789abcdef01234567"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            names = [file.relative_to(self.folder).as_posix() for file in self.folder.rglob("*.*")]
            listed = [
                {"rfilename": name, "path": name, "type": "file", "size": 1, "oid": "0"} for name in names
            ]
            info = {"id": "some/model", "sha": self.commit, "siblings": listed}
            info |= {"private": False, "downloads": 0, "likes": 0, "tags": []}  # asked for by old clients
            body = json.dumps(listed if "/tree/" in path else info).encode()
        else:
            name = path.partition(f"/resolve/{self.commit}/")[2]
            body = (self.folder / name).read_bytes()
            if self.command == "GET":
                self.fetched.append(name)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("ETag", f'"{sha256(body).hexdigest()}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@contextlib.contextmanager
def serve_hub(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve the files of ``folder`` as the only model; yield the address and what was fetched."""
    fetched: list[str] = []
    handler = type("Hub", (_Hub,), {"folder": folder, "fetched": fetched})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", fetched
        finally:
            server.shutdown()


FETCH = """
import sys
from pelican_related_embeddings.encoders.encoder import load_encoder, obtain_encoder
from pelican_related_embeddings.encoders.identity import identify_model
from pelican_related_embeddings.encoders.model import find_model
from pelican_related_embeddings.errors import EncoderError
from pelican_related_embeddings.settings import Settings
settings = Settings(model="some/model", encoder="{encoder}")
assert find_model(settings.model).folder is None
try:
    model = obtain_encoder(settings)
except EncoderError as error:
    print(error)
    sys.exit()
assert identify_model(find_model(settings.model)).digest == model.digest
print(load_encoder(model, settings).embed([""], ["bread"]).shape)
"""


@pytest.mark.parametrize(("encoder", "weights"), [("onnx", "onnx/model.onnx"), ("auto", "model.safetensors")])
def test_only_the_weights_that_are_wanted_are_fetched(
    tiny: tuple[Path, Path], tmp_path: Path, encoder: str, weights: str
) -> None:
    """A server on this machine stands for the one on the net."""
    repository = tmp_path / "repository"
    shutil.copytree(tiny[0], repository)
    shutil.copytree(tiny[1] / "onnx", repository / "onnx")
    (repository / "pytorch_model.bin").write_bytes(b"a pickle")
    with serve_hub(repository) as (address, fetched):
        where = {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "HF_HUB_CACHE": str(tmp_path / "hub")}
        assert run_python(FETCH.format(encoder=encoder), **where) == "(1, 32)"
    large = [name for name in fetched if name.endswith((".onnx", ".safetensors", ".bin"))]
    assert large == [weights]
    assert {"modules.json", "1_Pooling/config.json", "tokenizer.json"} <= set(fetched)


def test_hugging_face_without_the_onnx_file_is_reported(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    with serve_hub(tiny[0]) as (address, _):
        where = {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "HF_HUB_CACHE": str(tmp_path / "hub")}
        said = run_python(FETCH.format(encoder="onnx"), **where)
    assert said.startswith("Hugging Face has no ONNX file of some/model")
