"""Which format files of one's own have, by the endings of their names. Needs nothing to import."""

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
"""Of a format whose data may lie in one file: the first ending above."""
FOLDER_FORMAT = "image_folder"
"""That of a folder, where nothing says more."""
OWN_FORMATS = (*ENDING_OF_FORMAT, FOLDER_FORMAT)
DELIMITERS = {".tsv": "\t"}
"""Of tables whose ending says it."""
