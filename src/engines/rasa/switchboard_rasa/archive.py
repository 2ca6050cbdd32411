"""What a trained archive says about itself, read without importing Rasa."""
from __future__ import annotations

import json
import tarfile
from typing import Any, Dict, List


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


def components(found: Dict[str, Any]) -> List[str]:
    """The class paths of all components the archive's graphs name, the training graph's too: Rasa loads both."""
    nodes = list(found["predict_schema"]["nodes"].values()) + list(found["train_schema"]["nodes"].values())
    return [node["uses"] for node in nodes]
