"""Export of image sets: a folder that common loaders read, with a data card and checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from mgd3_kedro.datasets.hub_upload import upload_folder
from mgd3_kedro.durable import replacing_folder
from mgd3_kedro.exported import ExportedClass, ExportedSet

CARD, CLASSES, SUMS = "README.md", "classes.json", "SHA256SUMS"
METADATA, LABELS = "metadata.jsonl", "soft_labels.safetensors"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""Fixed date of the files in an archive, so that the same images give the same archive."""


class ExportedSetDataset(AbstractDataset[ExportedSet, Path]):
    """A folder with images, `metadata.jsonl` or columns, class names, a card and checksums.

    Args:
        filepath: The folder; an existing one is replaced in one step.
        form: One of `FORMS`.
        push: Id of the Hugging Face data set to which the folder is uploaded; a new data set is
            private. None: nothing is uploaded.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(
        self,
        *,
        filepath: str,
        form: str,
        push: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._folder = Path(filepath)
        self._form = form
        self._push = push
        self.metadata = metadata

    def save(self, data: ExportedSet) -> None:
        """Write the set, and upload it if `push` is set.

        Raises:
            DatasetError: If it cannot be written or uploaded.
        """
        try:
            with replacing_folder(self._folder) as fresh:
                (fresh / CARD).write_text(data.card, encoding="utf-8")
                (fresh / CLASSES).write_text(_describe_classes(data), encoding="utf-8")
                FORMS[self._form](fresh, data)
                if data.has_logits:
                    _write_labels(fresh / LABELS, data)
                (fresh / SUMS).write_text(_sums(fresh), encoding="utf-8")
        except OSError as error:
            raise DatasetError(f"{self._folder} could not be written: {error}") from error
        if self._push:
            upload_folder(self._folder, self._push)

    def load(self) -> Path:
        """Return the folder."""
        return self._folder

    def _exists(self) -> bool:
        return (self._folder / SUMS).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder), "form": self._form}


def write_folder(folder: Path, data: ExportedSet) -> None:
    """Write the folder `train`: one folder per class, and `metadata.jsonl`."""
    train = folder / "train"
    for name, content in _files(data):
        path = train / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_zip(folder: Path, data: ExportedSet) -> None:
    """Write the content of `write_folder` as one archive, `train.zip`."""
    from zipfile import ZipFile, ZipInfo

    with ZipFile(folder / "train.zip", "w") as archive:  # stored: images are compressed already
        for name, content in _files(data):
            archive.writestr(ZipInfo(name, LONG_AGO), content)


def write_parquet(folder: Path, data: ExportedSet) -> None:
    """Write `train.parquet`, a table with one row per image and one row group per class."""
    import pyarrow as pa
    from pyarrow import parquet

    facts = pa.Table.from_pylist([row for one in data.classes for row in one.metadata()])
    image = pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    columns = [image, *(field for field in facts.schema if field.name != "file_name")]
    schema = pa.schema(columns, {"huggingface": json.dumps(_features(data, columns))})
    with parquet.ParquetWriter(folder / "train.parquet", schema) as writer:
        for one in data.classes:
            rows = [
                {**row, "image": {"bytes": content, "path": row["file_name"]}}
                for row, content in zip(one.metadata(), _pictures(one), strict=True)
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema))


FORMS: dict[str, Callable[[Path, ExportedSet], None]] = {
    "folder": write_folder,
    "zip": write_zip,
    "parquet": write_parquet,
}
"""Form of the export -> function that writes the images into a folder."""


def _files(data: ExportedSet) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of every file; only one class is in memory at a time."""
    for one in data.classes:
        for row, content in zip(one.metadata(), _pictures(one), strict=True):
            yield row["file_name"], content
    lines = (json.dumps(row, ensure_ascii=False) for one in data.classes for row in one.metadata())
    yield METADATA, "".join(f"{line}\n" for line in lines).encode()


def _pictures(one: ExportedClass) -> Iterator[bytes]:
    """Yield the images of a class as PNG."""
    from io import BytesIO

    from PIL import Image

    for pixels in one.images.load()[: len(one.rows)].permute(0, 2, 3, 1).numpy():
        content = BytesIO()
        Image.fromarray(pixels).save(content, "png")
        yield content.getvalue()


def _describe_classes(data: ExportedSet) -> str:
    described = {
        str(one.spec.label): {
            "folder": one.spec.wnid,
            "class_name": one.spec.class_name,
            "class_index": one.spec.class_index,
            "images": len(one.rows),
        }
        for one in data.classes
    }
    return f"{json.dumps(described, indent=2, ensure_ascii=False)}\n"


def _write_labels(path: Path, data: ExportedSet) -> None:
    import torch
    from safetensors.torch import save_file

    parts = [one.logits.load()["logits"][: len(one.rows)] for one in data.classes if one.logits]
    labels = [one.spec.label for one in data.classes for _ in one.rows]
    # Write a single metadata entry: the order of several entries varies, and so would the checksum.
    told = {"folders": json.dumps([one.spec.wnid for one in data.classes])}
    save_file({"logits": torch.cat(parts), "labels": torch.tensor(labels)}, path, told)


def _features(data: ExportedSet, columns: list[Any]) -> dict[str, Any]:
    """Return the types of the columns, in the format of the `datasets` library."""
    kinds = {
        "image": {"_type": "Image"},
        "label": {"names": [one.spec.class_name for one in data.classes], "_type": "ClassLabel"},
    }
    plain = {"double": "float64"}
    features = {
        column.name: kinds.get(
            column.name,
            {"dtype": plain.get(str(column.type), str(column.type)), "_type": "Value"},
        )
        for column in columns
    }
    return {"info": {"features": features}}


def _sums(folder: Path) -> str:
    """Return the SHA-256 of every file, in the format of `sha256sum --check`."""
    lines = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"{found}  {path.relative_to(folder).as_posix()}\n")
    return "".join(lines)
