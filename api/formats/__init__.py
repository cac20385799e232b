"""Forms that a DOI's page comes in for programs: one list, one writer each."""

from api.formats.form import Form
from api.formats.forms import FORMS, named

__all__ = ["FORMS", "Form", "named"]
