"""What ``model.yaml`` says on a model's card: the words that no run can know."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

from features.model_file.struct import ModelStruct


class CardSpec(ModelStruct, frozen=True, kw_only=True):
    """Markdown, as it will stand in the card; what is empty is said there to be missing."""

    description: str = ""
    owner: str = ""
    intended_use: str = ""
    limitations: str = ""
    ethics: str = ""
    maintenance: str = ""
