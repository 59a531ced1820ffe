"""Every setting, and the only reader of the environment as far as settings go.

Flags come before the environment (``TANDEM_*``), that before the YAML file, that before defaults.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from actors.core.addresses import parse_host_port
from orchestrator.cluster.ray_start import DEFAULT_HEAD_PORT
from orchestrator.errors import InvalidRequest
from orchestrator.files.plain_yaml import read_yaml

ENV_PREFIX = "TANDEM_"
CONFIG_VARIABLE = "TANDEM_CONFIG"
RAY_ADDRESS = "RAY_ADDRESS"


def _default_data_dir(values: dict[str, Any]) -> Path:
    return Path(values.get("storage_path", Path())) / "data"


def _default_data_roots(values: dict[str, Any]) -> tuple[Path, ...]:
    return (values["data_dir"],) if "data_dir" in values else ()


class Settings(BaseSettings):
    """How the gateway and its cluster run. Times are in seconds, sizes in bytes, and paths are
    absolute, except one for which ``lacks_home`` is true."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,  # so that `RAY_ADDRESS= tandem serve` means none
        extra="forbid",
        frozen=True,
        validate_default=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # pydantic's own message could show the token
    )

    host: str = Field("127.0.0.1", description="address the gateway listens on")
    port: int = Field(4000, ge=0, le=65535, description="the gateway's port; 0 takes a free one")
    api_token: SecretStr | None = Field(
        None,
        description="what requests must bring; never in a YAML file; needed except on loopback",
    )
    api_token_file: Path | None = Field(
        None, description="a file with the token, if api_token is not set"
    )
    ray_address: str | None = Field(
        None,
        validation_alias=AliasChoices(ENV_PREFIX + RAY_ADDRESS, RAY_ADDRESS),
        description="Ray cluster to join, e.g. 192.168.1.5:6379; none starts an embedded one",
    )
    ip: str | None = Field(
        None, description="this host's address for its devices, if it is in several networks"
    )
    local_devices: int = Field(2, ge=1, le=64, description="devices of the embedded cluster")
    local_nodes: bool = Field(False, description="make each embedded device its own Ray node")
    local_device_port: int = Field(5001, ge=1, le=65472, description="port of the first device")
    storage_path: Path = Field(Path("~/.tandem"), description="where Tandem keeps its own files")
    data_dir: Path = Field(
        default_factory=_default_data_dir, description="data sets; default <storage_path>/data"
    )
    data_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default_factory=_default_data_roots,
        description="folders whose files a job may name, such as a text; default data_dir",
    )
    data_memory_bytes: int | None = Field(
        None,
        ge=2**20,
        description="memory for a data set's inputs, beyond which they are read as jobs are "
        "trained; default half of the object store of the gateway's node",
    )
    channel: Literal["auto", "object_store", "shared_memory", "gloo", "nccl", "actor_calls"] = (
        Field("auto", description="what carries tensors between devices")
    )
    actor_start_timeout_s: float = Field(60.0, gt=0, le=3600, description="for a LayerActor")
    channel_timeout_s: float = Field(60.0, gt=0, le=3600, description="for one message")
    heartbeat_timeout_s: float = Field(
        4.0, ge=1, le=3600, description="a device silent for this long is gone"
    )
    max_request_body_bytes: int = Field(64 * 2**20, ge=1024, le=2**31, description="HTTP body")
    max_upload_bytes: int = Field(
        16 * 2**30, ge=1024, le=2**50, description="the largest upload of a data set"
    )
    http_threads: int = Field(32, ge=1, le=512, description="requests served at once")
    max_streams: int = Field(100, ge=0, le=400, description="streams of events open at once")
    webhook_url: str | None = Field(
        None, description="told by POST when a job is completed or has failed"
    )
    webhook_secret_file: Path | None = Field(
        None, description="a file with a secret that signs what the webhook is told"
    )
    tensorboard_dir: Path | None = Field(
        None, description="where files for TensorBoard are written; needs the extra tensorboard"
    )
    mlflow_uri: str | None = Field(
        None, description="an MLflow server that is told every job, e.g. http://192.168.1.5:5000"
    )
    dashboard: bool | None = Field(
        None,
        description="start the embedded cluster's Ray dashboard; by default on a host with 3 GB",
    )

    @field_validator(
        "storage_path", "data_dir", "api_token_file", "webhook_secret_file", "tensorboard_dir"
    )
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        try:
            return path if path is None else path.expanduser().absolute()
        except RuntimeError:  # no home: most commands need no folder, and those that do say so
            return path

    @field_validator("data_roots", mode="before")
    @classmethod
    def _folders(cls, given: Any) -> Any:
        """A list, or one text with the separator of PATH between them."""
        return [own for own in given.split(os.pathsep) if own] if isinstance(given, str) else given

    @field_validator("data_roots")
    @classmethod
    def _all_absolute(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(path for own in paths if (path := cls._absolute(own)) is not None)

    @field_validator("ray_address")
    @classmethod
    def _with_port(cls, address: str | None) -> str | None:
        return None if address is None else _with_port(address)

    @field_validator("webhook_url", "mlflow_uri")
    @classmethod
    def _is_url(cls, url: str | None) -> str | None:
        if url is not None and not _is_http(url):
            raise ValueError("must be an address that begins with http:// or https:// and a host")
        return url

    @field_validator("host")
    @classmethod
    def _is_address(cls, host: str) -> str:
        try:
            if host != "localhost":  # the one name that means the same on every host
                ipaddress.ip_address(host)
        except ValueError:
            raise ValueError(
                "must be an IP address of this host: 127.0.0.1 for itself alone, 0.0.0.0 for all "
                "that it has"
            ) from None
        return host


def lacks_home(path: Path) -> bool:
    """Whether it is in the home folder of a user who has none."""
    return str(path).startswith("~")


def foreign_address(settings: Settings) -> str | None:
    """The variable, read by every tool of Ray's, that the Ray address comes from; None where it was
    given to Tandem itself."""
    foreign = os.environ.get(RAY_ADDRESS)
    if not foreign or os.environ.get(ENV_PREFIX + RAY_ADDRESS):
        return None
    return RAY_ADDRESS if settings.ray_address == _with_port(foreign) else None


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port, or no IPv6 address
        return False


def _with_port(address: str) -> str:
    """A text that is no address stays as it is: only a command that needs one refuses it."""
    try:
        return str(parse_host_port(address, DEFAULT_HEAD_PORT))
    except InvalidRequest:
        return address


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """The settings in force; ``flags`` that are None were not given.

    ``config`` (or TANDEM_CONFIG) names a YAML file. Raises ``InvalidRequest`` naming the setting,
    its value, where that came from and what it must be.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    path = config or os.environ.get(CONFIG_VARIABLE) or None
    file = {} if path is None else _read_file(Path(path))
    try:
        return _with_file(file)(**given)
    except ValidationError as error:
        wrong = [item for item in error.errors() if not item["type"].startswith("default_factory")]
        if path is not None and "model_config" in file:
            raise InvalidRequest(
                f"The configuration file {path} is a job's and holds no settings: `tandem train "
                f"{path}` trains it, configs/tandem.yaml lists the settings"
            ) from error
        raise InvalidRequest("; ".join(_sentence(item, given, path) for item in wrong)) from error


def _read_file(path: Path) -> dict[str, Any]:
    content = read_yaml(path, "The configuration file").content
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InvalidRequest(
            f"The configuration file {path} must hold lines of the form `name: value`; "
            "configs/tandem.yaml lists the names"
        )
    if "api_token" in content:
        raise InvalidRequest(
            f"The configuration file {path} holds api_token, but such files are passed around: "
            "take it out, and set TANDEM_API_TOKEN, or name by api_token_file a file with the "
            "token alone that is readable by you only"
        )
    return content


def _with_file(content: dict[str, Any]) -> type[Settings]:
    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings, env_settings, InitSettingsSource(settings_cls, content))

    return FromFile


def _source(name: str, flags: dict[str, Any], path: str | Path | None) -> str:
    """Where a value came from, by the order in which the sources count."""
    if name in flags:
        return f"--{name.replace('_', '-')}"
    variable = ENV_PREFIX + name.upper()
    return variable if os.environ.get(variable) else f"the file {path}"


def _sentence(item: Any, flags: dict[str, Any], path: str | Path | None) -> str:
    name = str(item["loc"][0]).removeprefix(ENV_PREFIX).lower()
    source = _source(name, flags, path)
    if item["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, Settings.model_fields, n=1)
        meant = f"did you mean {close[0]}? " if close else ""
        return f"there is no setting {name!r} ({source}); {meant}configs/tandem.yaml lists them all"
    reason = item["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    reason = reason.partition(", unable to")[0]  # how pydantic read it is nobody's business
    return f"the setting {name} is {item['input']!r} ({source}), but {reason}"
