"""Which columns of a table hold images and their classes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mgd3_kedro.datasets.sources.numbered_classes import NO_CLASS, distinct, listed_names

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "labels", "class", "class_label", "target", "fine_label", "wnid")
FILE_COLUMNS = ("file", "file_name", "filename", "file_path", "path")
NOTES = b"huggingface"
"""Key of the schema's metadata under which the hub's libraries describe columns."""


class ColumnNames(NamedTuple):
    """Names of columns that the user gives.

    Args:
        images: Column of the image files; None to find it automatically.
        classes: Column of the classes; None to find it automatically.
        group: Parameter group of the names, for messages.
    """

    images: str | None = None
    classes: str | None = None
    group: str = "columns"

    @classmethod
    def of(cls, given: Mapping[str, Any] | None, group: str = "columns") -> ColumnNames:
        """Return the names that settings give, as text: a column may be called 3."""
        named = {key: str(name) for key, name in (given or {}).items() if name is not None}
        return cls(**named, group=group)

    def check(self, names: Sequence[str]) -> None:
        """Refuse names that no column has.

        Raises:
            ValueError: If there is one; the message has all columns.
        """
        for key, name in (("images", self.images), ("classes", self.classes)):
            if name is not None and name not in names:
                raise ValueError(
                    f"{self.group}.{key}: expected one of {', '.join(names)}, got {name!r}"
                )

    def advice(self, key: str) -> str:
        """Return how to name a column, for a message."""
        return f"name it with --params {self.group}.{key}=NAME"


AUTOMATIC = ColumnNames()
"""All columns are found automatically."""


class Columns(NamedTuple):
    """Columns of a table of images.

    Args:
        image: Column of the image files: bytes, or a struct with a field `bytes`.
        label: Column of the classes: names or numbers; None if the folders in `file` give the
            classes.
        names: Name of each class number, all different; empty if there are none.
        file: Column of the image paths; None if there is none.
    """

    image: str
    label: str | None
    names: tuple[str, ...]
    file: str | None


@dataclass(frozen=True, eq=False)
class Labels:
    """The class of every row.

    Args:
        names: Class names, sorted.
        codes: (rows,), int64: index into `names`, -1 for no class.
    """

    names: tuple[str, ...]
    codes: np.ndarray[Any, np.dtype[np.int64]]

    def rows(self, code: int) -> list[int]:
        """Return the rows of a class, in order."""
        import numpy as np

        rows: list[int] = np.flatnonzero(self.codes == code).tolist()
        return rows


def find_columns(schema: pa.Schema, folder: Path, given: ColumnNames = AUTOMATIC) -> Columns:
    """Find the columns of images and classes.

    The names of numbered classes are taken from `classes.json` beside the data, or else from the
    metadata of Hugging Face's libraries, or else from the folders in a column of paths.

    Args:
        schema: Schema of the table.
        folder: Folder of the data.
        given: Columns that the user names.

    Raises:
        ValueError: If a given column does not exist or does not fit; if another column is needed
            and none fits, or more than one does.
    """
    import pyarrow as pa

    given.check(schema.names)
    fitting = [field.name for field in schema if _holds_bytes(field.type)]
    image = given.images or choose("images", fitting, IMAGE_COLUMNS, schema.names, given)
    if image not in fitting:
        kind = schema.field(image).type
        raise ValueError(f"{image}: expected a column of image files, as bytes, got {kind}")
    noted = _noted_names(schema, folder)
    files = [name for name in FILE_COLUMNS if name in schema.names and name != image]
    file = next((name for name in files if pa.types.is_string(_plain(schema, name))), None)
    label = given.classes
    if label is None:
        known = [name for name in noted if name in schema.names] or [
            name for name in schema.names if name in LABEL_COLUMNS
        ]
        if known or not file:
            label = choose("classes", known, LABEL_COLUMNS, schema.names, given)
    if label is None:
        return Columns(image, None, (), file)
    kind = _plain(schema, label)
    if pa.types.is_integer(kind):
        return Columns(image, label, listed_names(folder) or noted.get(label, ()), file)
    if pa.types.is_string(kind):
        return Columns(image, label, (), file)
    raise ValueError(f"{label}: expected a column of whole numbers or names, got {kind}")


def label_rows(table: pa.Table, columns: Columns) -> Labels:
    """Return the class of every row.

    Raises:
        ValueError: If a number has no name.
    """
    import numpy as np
    import pyarrow as pa

    if columns.label is None or (columns.file and _is_unnamed(table, columns)):
        paths = table.column(str(columns.file)).to_pylist()
        return _code(pa.array([Path(path or "").parent.name for path in paths], pa.string()))
    column = table.column(columns.label)
    if not columns.names:
        return _code(column.cast(_plain(table.schema, columns.label)).combine_chunks())
    codes = column.fill_null(-1).to_numpy().astype(np.int64)
    if len(codes) and codes.max() >= len(columns.names):
        raise ValueError(
            f"{columns.label}: expected numbers below {len(columns.names)}, which have names, "
            f"got {codes.max()}"
        )
    names = columns.names
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.full(len(names) + 1, -1, dtype=np.int64)
    place[order] = np.arange(len(names))
    return Labels(tuple(names[number] for number in order), place[codes.clip(-1)])


def image_bytes(value: Any) -> bytes:
    """Return the image file stored in a cell.

    Raises:
        ValueError: If the cell is empty, or only names a file that is somewhere else.
    """
    found = value.get("bytes") if isinstance(value, Mapping) else value
    if found is None:
        raise ValueError("no bytes are stored in the row")
    return bytes(found)


def _holds_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _plain(schema: pa.Schema, name: str) -> pa.DataType:
    """Return a column's type: of a dictionary that of its values, of large strings `string`."""
    import pyarrow as pa

    kind = schema.field(name).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.string() if pa.types.is_large_string(kind) else kind


def choose(
    key: str, found: Sequence[str], usual: Collection[str], names: Sequence[str], given: ColumnNames
) -> str:
    """Return the only column that fits, or the only one of those with a usual name.

    Args:
        key: Field of `ColumnNames` that names the column.
        found: Columns that fit.
        usual: Usual names, in small letters.
        names: All columns.
        given: Columns that the user names.

    Raises:
        ValueError: If no column fits, or more than one does.
    """
    if len(found) == 1:
        return found[0]
    preferred = [name for name in found if name.lower() in usual]
    if len(preferred) == 1:
        return preferred[0]
    expected, got = ("one column", found) if found else ("a column", names)
    raise ValueError(f"expected {expected} of {key}, got {', '.join(got)}; {given.advice(key)}")


def _noted_names(schema: pa.Schema, folder: Path) -> dict[str, tuple[str, ...]]:
    """Return column -> names of its numbers, from the metadata of Hugging Face's libraries."""
    notes = (schema.metadata or {}).get(NOTES)
    features = json.loads(notes).get("info", {}).get("features") if notes else None
    info = folder / "dataset_info.json"
    if not features and info.is_file():
        features = json.loads(info.read_text(encoding="utf-8")).get("features")
    return {
        name: distinct(tuple(map(str, feature["names"])))
        for name, feature in (features or {}).items()
        if isinstance(feature, Mapping) and feature.get("names")
    }


def _is_unnamed(table: pa.Table, columns: Columns) -> bool:
    import pyarrow as pa

    is_number = pa.types.is_integer(table.schema.field(columns.label).type)
    return bool(is_number and not columns.names)


def _code(values: pa.Array) -> Labels:
    import numpy as np

    encoded = values.dictionary_encode()
    names = [str(value) for value in encoded.dictionary.to_pylist()]
    order = sorted(
        (number for number, name in enumerate(names) if name not in NO_CLASS),
        key=names.__getitem__,
    )
    # Rows without a value point to the last place, which stays -1: no class.
    place = np.full(len(names) + 1, -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    codes = encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    return Labels(tuple(names[number] for number in order), place[codes])
