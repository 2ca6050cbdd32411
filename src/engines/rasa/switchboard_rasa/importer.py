"""The training data importer that config.yml of a Switchboard project names.

It reads a project as Rasa's own file importer does and undoes `exact.encode_question` on each question. Being imported is its other
duty: from then on this process persists domains exactly, in the classic pipeline too.
"""
from __future__ import annotations

from typing import Optional

from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.training_data import TrainingData

from switchboard_rasa import exact

exact.install()


class ExactImporter(RasaFileImporter):
    """Rasa's file importer for projects whose questions were written by `exact.encode_question`."""

    def get_nlu_data(self, language: Optional[str] = "en") -> TrainingData:
        """The project's questions, decoded. Errors are those of Rasa's importer."""
        data = super().get_nlu_data(language)
        for message in data.training_examples:
            text = message.get(TEXT)
            if text and "\u2060" in text:
                message.data[TEXT] = exact.decode_question(text)
        return data
