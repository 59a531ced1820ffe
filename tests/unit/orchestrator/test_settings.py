from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.errors import InvalidRequest
from orchestrator.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ["RAY_ADDRESS", "TANDEM_CONFIG", *(f"TANDEM_{n}".upper() for n in fields())]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def fields() -> list[str]:
    return list(Settings.model_fields)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tandem.yaml"
    path.write_text(text)
    return path


def test_defaults_are_loopback_port_4000_and_two_embedded_devices(tmp_path: Path) -> None:
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 4000)
    assert (settings.local_devices, settings.local_device_port) == (2, 5001)
    assert settings.ray_address is None
    assert settings.storage_path == tmp_path / ".tandem"


def test_data_lie_under_the_storage_path_unless_told_otherwise(tmp_path: Path) -> None:
    assert load_settings(storage_path=tmp_path / "s").data_dir == tmp_path / "s" / "data"
    assert load_settings(data_dir=tmp_path / "d").data_dir == tmp_path / "d"


def test_the_allowed_folders_are_the_data_folder_or_those_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings(data_dir=tmp_path).data_roots == (tmp_path,)
    monkeypatch.setenv("TANDEM_DATA_ROOTS", f"/a:{tmp_path}")
    assert load_settings().data_roots == (Path("/a"), tmp_path)
    monkeypatch.delenv("TANDEM_DATA_ROOTS")
    config = tmp_path / "settings.yaml"
    config.write_text("data_roots: [/b, /c]")
    assert load_settings(config).data_roots == (Path("/b"), Path("/c"))


def test_relative_paths_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(storage_path=Path("here")).storage_path == tmp_path / "here"


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load_settings().port == 4000
    config = write(tmp_path, "port: 4001")
    assert load_settings(config).port == 4001
    monkeypatch.setenv("TANDEM_PORT", "4002")
    assert load_settings(config).port == 4002
    assert load_settings(config, port=4003).port == 4003


def test_the_environment_can_name_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TANDEM_CONFIG", str(write(tmp_path, "local_devices: 5")))
    assert load_settings().local_devices == 5


def test_ray_address_is_honoured_below_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert load_settings().ray_address == "10.0.0.1:6379"
    monkeypatch.setenv("TANDEM_RAY_ADDRESS", "10.0.0.2:6379")
    assert load_settings().ray_address == "10.0.0.2:6379"
    assert load_settings(ray_address="10.0.0.3:6379").ray_address == "10.0.0.3:6379"


def test_an_empty_ray_address_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "")
    assert load_settings().ray_address is None


def test_a_refused_value_names_setting_value_source_and_limit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequest, match=r"port is 70000 \(--port\).*65535"):
        load_settings(port=70000)
    with pytest.raises(InvalidRequest, match=r"local_devices is 65 \(the file .*tandem.yaml\).*64"):
        load_settings(write(tmp_path, "local_devices: 65"))
    monkeypatch.setenv("TANDEM_HTTP_THREADS", "many")
    with pytest.raises(InvalidRequest, match=r"http_threads is 'many' \(TANDEM_HTTP_THREADS\)"):
        load_settings()


def test_an_unknown_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no setting 'prot'"):
        load_settings(write(tmp_path, "prot: 4000"))


@pytest.mark.parametrize("text", ["port: [", "- port", "1: 2", "just words"])
def test_a_file_of_another_form_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"tandem\.yaml"):
        load_settings(write(tmp_path, text))


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"gone\.yaml"):
        load_settings(tmp_path / "gone.yaml")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "")).model_dump() == load_settings().model_dump()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1", "0.0.0.0", "::", "192.168.1.5"])
def test_any_address_can_be_listened_on(host: str) -> None:
    assert load_settings(host=host).host == host


@pytest.mark.parametrize("host", ["example.org", "localhost:4000", "*", "[::1]", "1.2.3"])
def test_a_host_that_is_no_address_is_refused_with_the_remedy(host: str) -> None:
    with pytest.raises(
        InvalidRequest, match=rf"host is '{re.escape(host)}' \(--host\).*0\.0\.0\.0"
    ):
        load_settings(host=host)


TOKEN = "correct-horse-battery-staple"


def test_the_token_comes_from_the_environment_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings().api_token is None
    monkeypatch.setenv("TANDEM_API_TOKEN", TOKEN)
    settings = load_settings()
    assert settings.api_token is not None and settings.api_token.get_secret_value() == TOKEN
    for shown in (repr(settings), str(settings), f"{settings.model_dump()}"):
        assert TOKEN not in shown
    assert TOKEN not in settings.model_dump_json()


def test_an_empty_token_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_API_TOKEN", "")
    assert load_settings().api_token is None


def test_errors_of_other_settings_do_not_show_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_API_TOKEN", TOKEN)
    with pytest.raises(InvalidRequest) as caught:
        load_settings(port=-1)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_what_pydantic_says_of_the_token_does_not_show_it() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(api_token=[TOKEN])  # type: ignore[arg-type]
    assert TOKEN not in str(caught.value)


def test_the_file_may_name_the_tokens_file_but_not_hold_the_token(tmp_path: Path) -> None:
    named = load_settings(write(tmp_path, "api_token_file: ~/token"))
    assert named.api_token_file == tmp_path / "token"
    with pytest.raises(
        InvalidRequest, match=r"tandem\.yaml holds api_token,.*api_token_file"
    ) as caught:
        load_settings(write(tmp_path, f"api_token: {TOKEN}"))
    assert TOKEN not in caught.value.message


@pytest.mark.parametrize(
    "line", ["api_token: @{}", "api_token: *{}", "api_token: '{}", "- {}\nx: 1"]
)
def test_a_file_that_is_no_yaml_is_refused_by_line_without_showing_it(
    tmp_path: Path, line: str
) -> None:
    with pytest.raises(InvalidRequest, match=r"tandem\.yaml can't be read: line \d") as caught:
        load_settings(write(tmp_path, f"port: 4000\n{line.format(TOKEN)}\n"))
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_jobs_file_in_the_place_of_the_settings_is_told_as_that(tmp_path: Path) -> None:
    path = write(tmp_path, "model_config: {layer_sizes: [64, 10]}\ntrain: {epochs: 3}\n")
    with pytest.raises(InvalidRequest, match=f"`tandem train {path}` trains it"):
        load_settings(path)


def test_a_setting_that_is_nearly_right_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="did you mean port"):
        load_settings(write(tmp_path, "prot: 4000\n"))
    with pytest.raises(InvalidRequest) as caught:
        load_settings(write(tmp_path, "port: 0,5\n"))
    assert caught.value.message.endswith("but must be a valid integer")


@pytest.mark.parametrize("name", ["webhook_url", "mlflow_uri"])
def test_addresses_of_tools_are_those_of_http(name: str) -> None:
    flags: dict[str, Any] = {name: "https://there:8443/x"}
    assert getattr(load_settings(**flags), name) == "https://there:8443/x"
    for wrong in ("there", "ftp://there", "http://", "http://there:99999", "file:///etc/passwd"):
        with pytest.raises(InvalidRequest, match=f"{name} is .*http://"):
            load_settings(**{**flags, name: wrong})
