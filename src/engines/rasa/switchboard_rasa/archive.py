"""What a trained archive says about itself, read without importing Rasa."""
from __future__ import annotations

import io
import json
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, Dict, List


_LANGUAGES = "switchboard_languages"
_AT_ONCE = 64 * 1024 * 1024


class BadArchive(Exception):
    """The file is not a model archive."""


def metadata(path: str) -> Dict[str, Any]:
    """The archive's `metadata.json`. Raises BadArchive when there is none or the file can't be read."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.name.lstrip("./") == "metadata.json":
                    file = archive.extractfile(member)
                    if file is not None:
                        return json.loads(file.read().decode("utf-8"))
    except (OSError, tarfile.TarError, ValueError, EOFError) as error:
        raise BadArchive(f"{path} can't be read as a model: {error}") from error
    raise BadArchive(f"{path} holds no metadata.json")


def with_languages(path: str, models: Dict[str, str]) -> None:
    """Lays the archives of other languages into the one at `path`, whose metadata names them. For Rasa it is what it was."""
    whole = f"{path}.whole"
    with tarfile.open(path, "r:gz") as source, tarfile.open(whole, "w:gz", compresslevel=1) as target:
        for member in source:
            data = source.extractfile(member).read() if member.isreg() else b""  # type: ignore[union-attr]
            if member.name.lstrip("./") == "metadata.json":
                data = json.dumps({**json.loads(data), _LANGUAGES: sorted(models)}, ensure_ascii=False).encode("utf-8")
                member.size = len(data)
            target.addfile(member, io.BytesIO(data))
        for language, model in models.items():
            target.add(model, f"languages/{language}.tar.gz")
    os.replace(whole, path)


def languages(path: str, found: Dict[str, Any], folder: str) -> Dict[str, str]:
    """Unpacks the archives of other languages into `folder`: language to path. `found`: the metadata. Raises BadArchive for one that is missing."""
    named: List[str] = found.get(_LANGUAGES, [])
    paths: Dict[str, str] = {}
    if named:
        with _opened(path) as archive:
            for member in archive:
                language = PurePosixPath(member.name).name[: -len(".tar.gz")]
                if PurePosixPath(member.name).parent.name == "languages" and language in named:
                    paths[language] = os.path.join(folder, f"{language}.tar.gz")
                    with open(paths[language], "wb") as target:
                        target.write(archive.extractfile(member).read())  # type: ignore[union-attr]
    if len(paths) < len(named):
        raise BadArchive(f"{path} lacks a language that it names: {', '.join(sorted(set(named) - set(paths)))}")
    return paths


def give_back(spec: Dict[str, Any]) -> None:
    """Removes the archive that was loaded, where it is a copy made for this process: an awake bot need not hold its model on disk twice."""
    if spec.get("lent"):
        os.unlink(spec["model"])


def components(found: Dict[str, Any]) -> List[str]:
    """The class paths of all components the archive's graphs name, the training graph's too: Rasa loads both."""
    nodes = list(found["predict_schema"]["nodes"].values()) + list(found["train_schema"]["nodes"].values())
    return [node["uses"] for node in nodes]


def unpack_once() -> None:
    """Lets Rasa unpack archives in one pass. Its own way reads them twice over, once for the names alone: half a second for DIET's."""
    from rasa.engine.storage.local_model_storage import LocalModelStorage

    def unpack(path: Any, folder: Any) -> None:
        with _opened(str(path)) as archive:
            for member in archive:
                archive.extract(_harmless(member), folder)
        LocalModelStorage._assert_not_rasa2_archive(folder)

    LocalModelStorage._extract_archive_to_directory = staticmethod(unpack)


def _opened(path: str) -> tarfile.TarFile:
    """The archive, inflated at one go while it is small enough for that, otherwise as it is read."""
    if os.path.getsize(path) > _AT_ONCE:
        return tarfile.open(path, "r|gz")
    with open(path, "rb") as file:
        return tarfile.open(fileobj=io.BytesIO(zlib.decompress(file.read(), wbits=31)))


def _harmless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """`member` when it is a file or folder that stays inside; raises BadArchive for all else."""
    parts = PurePosixPath(member.name).parts
    if not (member.isreg() or member.isdir()) or ".." in parts or member.name.startswith("/"):
        raise BadArchive(f"the archive holds {member.name}, which is not a file or would lie outside")
    return member


def write_metadata_first() -> None:
    """Lets Rasa write archives whose first member is the metadata, packed at a tenth of the effort: a few per cent larger, and both the
    question what a model needs and the end of a training stop taking seconds. Any Rasa 3.6 reads them.
    """
    from rasa.engine.storage import local_model_storage
    from tarsafe import TarSafe

    class Archive(TarSafe):
        @classmethod
        def open(cls, name: Any = None, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            packing = {"compresslevel": 1} if mode == "w:gz" else {}
            return super().open(name, mode, *args, **{**packing, **kwargs})

        def add(self, name: Any, arcname: Any = None, *args: Any, **kwargs: Any) -> None:
            first = Path(name) / "metadata.json"
            if arcname == "" and first.is_file():
                for part in sorted(Path(name).iterdir(), key=lambda path: path != first):
                    super().add(part, part.name, *args, **kwargs)
            else:
                super().add(name, arcname, *args, **kwargs)

    local_model_storage.TarSafe = Archive  # type: ignore[misc]
