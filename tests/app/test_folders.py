"""Folders and credentials."""

from pathlib import Path

import pytest

from gateway.app.folders import credential, data_folder, memory_folder
from gateway.core.errors import ConfigError


def test_the_service_managers_folders_are_used(tmp_path: Path) -> None:
    """As a service, state and memory live where the service manager says."""
    environment = {"STATE_DIRECTORY": str(tmp_path / "state"), "RUNTIME_DIRECTORY": str(tmp_path / "run")}
    data = data_folder(None, "site-1", environment)
    assert data == tmp_path / "state"
    assert memory_folder("site-1", data, environment) == tmp_path / "run" / "spool-site-1"


def test_outside_of_a_service_the_user_owns_the_folder(tmp_path: Path) -> None:
    """Without a service manager the state folder is the user's, one per site."""
    assert data_folder(None, "site-1", {"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "kvarter" / "site-1"


def test_a_folder_that_cannot_be_made_is_the_installers_to_mend(tmp_path: Path) -> None:
    """A data folder below a file is refused with the key to change."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="set `data:`"):
        data_folder(str(tmp_path / "file" / "data"), "site-1", {})


def test_credentials_come_from_the_service_manager_or_a_file(tmp_path: Path) -> None:
    """`credential:NAME` is looked up where the service manager put it; a path is taken as it is."""
    (tmp_path / "token").write_text("secret")
    found = credential("credential:token", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert found.read_text() == "secret"
    assert credential(str(tmp_path / "token"), {}) == tmp_path / "token"
    with pytest.raises(ConfigError, match="LoadCredential"):
        credential("credential:token", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        credential(str(tmp_path / "missing"), {})


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """A key file with too wide a mode is named together with its mend."""
    key = tmp_path / "client.key"
    key.write_text("secret")
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        credential(str(key), {})
