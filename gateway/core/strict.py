"""What every file that a person writes has in common."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A mapping in a file that a person writes: unknown keys are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True, use_attribute_docstrings=True
    )
