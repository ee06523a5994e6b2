"""What all sections of a workflow file have in common: frozen, and no key that is not known."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Section(BaseModel):
    """A section of a workflow file.

    ``later`` names keys that older versions did not know: they are left out of dumps, and so of hashes, where they are
    not given, since what is told by an unchanged file has not changed either.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    later: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _leave_out_later_keys(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        unsaid = [name for name in self.later if getattr(self, name) == fields[name].get_default()]
        return {name: value for name, value in dump(self).items() if name not in unsaid}
