"""Where a checkpoint's files lie: a folder, a GGUF file, or what the hub has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from harness.authoring.checkpoint import check_regular
from harness.errors import ModelError, UsageError
from harness_backends.hf.checkpoint import gguf_file
from harness_backends.hf.checkpoint.adapters import Adapter, read_adapter
from harness_backends.hf.settings import CheckpointSettings, Settings

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_HUB_FILES = (
    "*.safetensors",
    "*.json",
    "*.txt",
    "*.model",
    "*.spm",
    "*.jinja",
    "*.tiktoken",
    "*.py",
)


@dataclass(frozen=True, slots=True)
class Source:
    """A model's files.

    Attributes:
        folder: Where they lie; an adapter's base.
        words: Where its tokenizer lies.
        adapter: What is to be put on its weights.
        gguf: The one file that is all of it; the folder says nothing then.
    """

    folder: Path
    words: Path
    adapter: Adapter | None = None
    gguf: Path | None = None


def find_source(name: str, settings: Settings) -> Source:
    """The files of ``name``, fetched from the hub where it is no local folder or file.

    Raises:
        ModelError: There is no such checkpoint, the hub cannot be reached, or the weights are
            pickled only.
        UsageError: An option has nothing to say of a GGUF file.
    """
    gguf = gguf_file.find(name)
    if gguf is not None:
        _check_gguf_options(name, settings)
        return Source(gguf.parent, gguf.parent, gguf=gguf)
    folder = find_folder(name, settings)
    adapter = read_adapter(folder, settings.base)
    if adapter is None:
        return Source(folder, folder)
    revision = None if gguf_file.find(adapter.base) else adapter.revision
    try:
        own = settings.model_copy(update={"base": None, "revision": revision})
        base = find_source(adapter.base, own)
    except ModelError as error:
        raise ModelError(
            f"the base of the adapter {adapter.folder}: {error.message}",
            "Say where it is: --set base=FOLDER_OR_HUB_ID",
        ) from error
    if base.adapter is not None:
        raise ModelError(
            f"the base of the adapter {adapter.folder} is an adapter itself: {base.adapter.folder}",
            "Merge that one first, or name a whole model: --set base=FOLDER_OR_HUB_ID",
        )
    has_words = (folder / "tokenizer_config.json").is_file()
    return replace(base, words=folder if has_words else base.words, adapter=adapter)


def _check_gguf_options(name: str, settings: Settings) -> None:
    for option in ("quantization", "base", "revision"):
        if getattr(settings, option) != Settings.model_fields[option].default:
            raise UsageError(
                f"{option} = {getattr(settings, option)!r}, and {name} is a GGUF file",
                "Leave the option out: the file is a whole model, and its weights are dequantised "
                "on loading",
            )


def find_folder(name: str, settings: CheckpointSettings) -> Path:
    """The folder of ``name``, fetched from the hub where it is not a local one.

    Raises:
        ModelError: No such folder, the hub cannot be reached, or only pickled weights.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        check_regular(folder)
        _check_weights(folder, settings)
        return folder
    if folder.exists():
        raise ModelError(
            f"{name} is a file", "Expected the folder that holds config.json, or a GGUF file"
        )
    if folder.suffix == gguf_file.SUFFIX:
        raise ModelError(f"there is no file {name}", "Expected a GGUF file")
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or name.endswith("/"):
        raise ModelError(
            f"there is no checkpoint folder {name}",
            "Expected a folder with config.json, safetensors and tokenizer files, "
            "or a hub id such as ORGANISATION/MODEL",
        )
    folder = _fetch(name, settings)
    _check_weights(folder, settings)
    return folder


def _fetch(name: str, settings: CheckpointSettings) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    patterns = [*_HUB_FILES, *(_PICKLES if settings.allow_pickle else ())]
    try:
        return Path(snapshot_download(name, revision=settings.revision, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"{name} is no local folder and could not be fetched from the hub: {reason}",
            "Give the path of a checkpoint folder, or check the name, the revision, the network "
            "and (for gated models) `hf auth login`",
        ) from error


def _check_weights(folder: Path, settings: CheckpointSettings) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if not pickles:
        raise ModelError(
            f"{folder} holds no weights", "Expected model.safetensors (or its shards) in it"
        )
    if not settings.allow_pickle:
        raise ModelError(
            f"{folder} holds its weights as a pickle only ({pickles[0]}), which can run code",
            "Convert it: model.save_pretrained(…) writes safetensors; "
            "or, where you trust its author, --set allow_pickle=true",
        )
