"""The public door: where it listens, who the facility is, where open files lie."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from policies.public_record import Organisation, Place, PublicFile, Publisher

Address = Annotated[str, Field(pattern=r"^https?://[^\s\"<>]*[^\s\"<>/]$")]
"""An address without a slash at the end."""


class PublisherSettings(BaseModel):
    """The facility as the public sees it.

    Attributes:
        name: Its name.
        ror: `https://ror.org/…`; empty: none.
        base_url: Address of the landing pages as people reach them, without a slash at the end.
        place: Where it stands, for people.
        latitude: Degrees north; None: not said.
        longitude: Degrees east; None: not said.
        data_team: Name of the data management group.
        user_office: Name of the user office.
        contact_email: For questions about data.
        repository_url: Where people look for data; empty: the landing pages' address.
        accessibility_url: The accessibility statement; empty: none.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    ror: str = Field(default="", pattern=r"^(https://ror\.org/[a-z0-9]{9})?$")
    base_url: Address
    place: str = ""
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    data_team: str = "Data management"
    user_office: str = "User office"
    contact_email: str = Field(pattern=r"^[^\s@<>\"?&]+@[^\s@<>\"?&]+$")
    repository_url: Address | None = None
    accessibility_url: Address | None = None

    def publisher(self) -> Publisher:
        """The same as the rules know it."""
        return Publisher(
            organisation=Organisation(self.name, self.ror),
            base_url=self.base_url,
            place=Place(self.place, self.latitude, self.longitude),
            data_team=self.data_team,
            user_office=self.user_office,
            contact_email=self.contact_email,
            repository_url=self.repository_url or "",
            accessibility_url=self.accessibility_url or "",
        )


class PublicSettings(BaseModel):
    """The public door.

    Attributes:
        host: Address to listen on; people come through a web server in front.
        port: Port.
        workers: Processes that answer.
        publisher: The facility.
        files: Folder as the catalog names it → folder here, for open files that this machine
            hands out; empty: files are listed and fetched elsewhere.
        harvest_domain: The facility's domain in identifiers for harvesters, for example `xfel.eu`.
        harvest_secret: Key that signs where a harvest goes on; None: no harvesting.
    """

    model_config = ConfigDict(extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=27080, ge=1, lt=32768)
    workers: int = Field(default=2, ge=1, le=64)
    publisher: PublisherSettings
    files: dict[str, Path] = {}
    harvest_domain: str = Field(default="", pattern=r"^([a-z0-9-]+(\.[a-z0-9-]+)+)?$")
    harvest_secret: SecretStr | None = Field(default=None, min_length=16)

    @field_validator("files")
    @classmethod
    def _whole_folders(cls, files: dict[str, Path]) -> dict[str, Path]:
        for named, here in files.items():
            if not named.startswith("/") or not here.is_absolute():
                raise ValueError("both folders must begin with a slash")
        return files

    @model_validator(mode="after")
    def _harvest_is_whole(self) -> Self:
        if self.harvest_secret is not None and not self.harvest_domain:
            raise ValueError("harvest_secret needs harvest_domain")
        return self

    def locate(self, file: PublicFile) -> Path | None:
        """Where an open file lies here, if everybody may read it; None: not here.

        The file system has the last word: what is not readable for everybody is not handed out,
        whatever the catalog says.
        """
        for named, here in self.files.items():
            if not file.stored.startswith(f"{named.rstrip('/')}/"):
                continue
            root = here.resolve()
            place = (root / file.stored[len(named) :].lstrip("/")).resolve()
            if place.is_relative_to(root) and place.is_file() and place.stat().st_mode & 0o004:
                return place
        return None
