"""The formats of users' files, by the endings of their names. This module imports nothing."""

from __future__ import annotations

FORMAT_OF_ENDING = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".npz": "npz",
    ".npy": "npy",
    ".tar": "webdataset",
    ".txt": "text",
    ".md": "text",
}
ENDING_OF_FORMAT = dict(
    reversed({name: ending for ending, name in reversed(FORMAT_OF_ENDING.items())}.items())
)
"""The first ending of each format whose data may lie in one file."""
FOLDER_FORMAT = "image_folder"
"""The format of a folder if nothing says otherwise."""
OWN_FORMATS = (*ENDING_OF_FORMAT, FOLDER_FORMAT)
DELIMITERS = {".tsv": "\t"}
"""The delimiters that an ending of a table implies."""
