"""``TandemClient.upload_dataset`` against the application behind the gateway's HTTP server."""

from __future__ import annotations

from pathlib import Path

import pytest

from http_gateway.client import ApiError, TandemClient
from http_gateway.packing import check_upload, packed
from tests.support.fake_job_client import FakeJobClient

SHOWN_DATASET = {"name": "pets", "understood": {}}


def test_an_upload_is_sent_as_it_is_read(
    client: TandemClient, fake: FakeJobClient, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b")
    fake.answers["upload_dataset"] = SHOWN_DATASET
    sent: list[int] = []
    told = client.upload_dataset(
        "pets",
        tmp_path / "a.csv",
        format="csv",
        fields={"target": "b", "header": False, "resize": [8, 9]},
        on_progress=sent.append,
    )
    assert told["message"] == "Data set uploaded successfully" and "understood" in told
    said = ("pets", "csv", ['target="b"', "header=false", "resize=[8, 9]"], False)
    assert fake.calls == [("list_datasets", ()), ("upload_dataset", said)]
    assert sent == [3]


def test_an_upload_that_would_be_refused_is_not_sent(
    client: TandemClient, fake: FakeJobClient, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b")
    fake.answers["list_datasets"] = [{"name": "pets"}]
    with pytest.raises(ApiError, match="pets already") as refused:
        client.upload_dataset("pets", tmp_path / "a.csv")
    assert refused.value.status == 409
    none = {"datasets": [], "max_upload_bytes": 2}
    with pytest.raises(ApiError, match="at most 2 bytes") as refused:
        check_upload("dogs", packed(tmp_path / "a.csv"), False, none)
    assert refused.value.status == 413
    client.upload_dataset("pets", tmp_path / "a.csv", replace=True)
    assert [name for name, _ in fake.calls if name == "upload_dataset"] == ["upload_dataset"]
