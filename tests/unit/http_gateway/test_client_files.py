"""Files that ``TandemClient`` sends, through the gateway's HTTP server."""

from __future__ import annotations

from actors.core.asking.asked_table import AskedTable
from actors.core.input_form import Column, InputForm
from http_gateway.client import TandemClient
from tests.support.fake_job_client import PREDICTION, FakeJobClient
from tests.support.served import served


def test_images_are_sent_as_a_form() -> None:
    fake = FakeJobClient(form=InputForm((3, 6, 8), is_pixels=True))
    with served(fake) as url, TandemClient(url) as client:
        images = [("a.png", b"one"), ("b.png", b"two")]
        assert client.predict("7", image=images) == PREDICTION
    ((_, (_, asked)),) = fake.calls
    assert [own.content for own in asked.images] == [b"one", b"two"]
    assert "b.png" in asked.images[1].place


def test_a_table_is_sent_with_how_it_is_written() -> None:
    fake = FakeJobClient(form=InputForm((1,), columns=(Column("a"),)))
    with served(fake) as url, TandemClient(url) as client:
        told = client.predict("7", table=[("a.csv", b"a\n1")], delimiter=";", header=False)
    assert told == PREDICTION
    ((_, (_, asked)),) = fake.calls
    assert asked == AskedTable("a.csv", b"a\n1", {"delimiter": ";", "header": "false"})
