"""The table of operations, in the order of the document: a file has those of one noun."""

from __future__ import annotations

from http_gateway.operations.table.catalogue import CATALOGUE
from http_gateway.operations.table.datasets import DATASETS
from http_gateway.operations.table.devices import DEVICES
from http_gateway.operations.table.events import EVENTS
from http_gateway.operations.table.exports import EXPORTS
from http_gateway.operations.table.health import HEALTH
from http_gateway.operations.table.jobs import JOBS
from http_gateway.operations.table.network import NETWORK
from http_gateway.operations.table.observing import OBSERVING
from http_gateway.operations.table.records import RECORDS
from http_gateway.operations.table.results import RESULTS

OPERATIONS = (
    JOBS
    + EVENTS
    + RECORDS
    + OBSERVING
    + RESULTS
    + EXPORTS
    + DEVICES
    + NETWORK
    + DATASETS
    + CATALOGUE
    + HEALTH
)
