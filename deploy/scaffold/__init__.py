"""``millstream new`` and ``init``: a new domain folder that runs unchanged through every command.

Its declarations are those of the default domain, over made-up data, or made from the columns of a file; its documents
are made from the declarations. Templates stand in ``deploy/template``.
"""

from deploy.scaffold.answers import Answers
from deploy.scaffold.documents import CHARTER
from deploy.scaffold.questions import complete
from deploy.scaffold.writing import Made, scaffold

__all__ = ["CHARTER", "Answers", "Made", "complete", "scaffold"]
