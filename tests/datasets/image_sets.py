"""A few images of three classes, written in every form that a source may have."""

import io
import json
import tarfile
import zipfile

import numpy as np
from PIL import Image

SIDE = 6
CLASSES = {"n02": 5, "n01": 4, "n03": 3}
"""Images of each class; n03 is in no class table."""


def image_of(wnid, number):
    """Return the pixels of an image of a class, all different, (6, 6, 3)."""
    generator = np.random.default_rng([int(wnid[1:]), number])
    return generator.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def all_files():
    """Return name -> bytes of all images, classes and names in order."""
    return {
        f"{wnid}/{number}.png": png(image_of(wnid, number))
        for wnid in sorted(CLASSES)
        for number in range(CLASSES[wnid])
    }


def write_folder(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_zip(path, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_tar(path, files, mode="w"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def rows_of(files):
    """Return the rows of a table, classes mixed but each in the order of its names."""
    by_class = {}
    for name, data in files.items():
        by_class.setdefault(name.split("/")[0], []).append((name, data))
    rows = []
    while any(by_class.values()):
        rows += [queue.pop(0) for queue in by_class.values() if queue]
    return rows


def notes(names):
    """Return a schema's metadata as the hub's library writes it."""
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def image_table(files, *, images="bytes", labels="numbers", names=None):
    """Return a table of images, its label column and whatever names its numbers."""
    import pyarrow as pa

    rows = rows_of(files)
    wnids = [name.split("/")[0] for name, _ in rows]
    order = names or sorted(set(wnids), reverse=True)
    columns = {}
    if images == "struct":
        columns["image"] = [{"bytes": data, "path": name.split("/")[-1]} for name, data in rows]
    else:
        columns["image"] = pa.array([data for _, data in rows], pa.binary())
    if labels == "names":
        columns["class"] = wnids
    else:
        columns["label"] = pa.array([order.index(wnid) for wnid in wnids], pa.int16())
    if labels == "files":
        columns["file"] = [name for name, _ in rows]
    table = pa.table(columns)
    return table.replace_schema_metadata(notes(order)) if labels == "noted" else table


def write_parquet(path, table, rows=4):
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=rows)
    return path


def write_arrow(path, table, rows=4, *, seekable=False):
    import pyarrow as pa

    path.parent.mkdir(parents=True, exist_ok=True)
    opened = pa.ipc.new_file if seekable else pa.ipc.new_stream
    with opened(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path


def write_list(path, files):
    names = sorted({name.split("/")[0] for name in files}, reverse=True)
    rows = [{"id": number, "wnid": wnid, "name": "x"} for number, wnid in enumerate(names)]
    path.write_text(json.dumps(rows[::-1]))


def make_nested(folder, files):
    nested = {name.replace("/", "/images/"): data for name, data in files.items()}
    nested |= {"n01/n01_boxes.txt": b"0.png 1 2 3 4", "n01/.hidden.png": b"", "top.png": b""}
    return write_folder(folder / "nested", nested)


def make_shards(folder, files):
    table = image_table(files, images="struct", labels="noted")
    for number, start in enumerate((0, 5)):
        part = table.slice(start, 5 if number == 0 else None)
        write_parquet(folder / f"data/train-0000{number}-of-00002.parquet", part, 3)
    write_parquet(folder / "data/test-00000-of-00001.parquet", table.slice(0, 2))
    return folder / "data/train"


def labelled(files, suffix):
    """Return the files with one beside each that tells its class."""
    found = {}
    for name, data in files.items():
        wnid = name.split("/")[0]
        text = wnid if suffix == "cls" else json.dumps({"wnid": wnid, "width": SIDE})
        found |= {name: data, name.replace(".png", f".{suffix}"): text.encode()}
    return found


def make_tar_shards(folder, files):
    names = sorted({name.split("/")[0] for name in files}, reverse=True)
    (folder / "shards").mkdir(exist_ok=True)
    (folder / "shards/classes.json").write_text(json.dumps(names))
    rows = rows_of(files)
    for number, part in enumerate((rows[:5], rows[5:])):
        members = {}
        for place, (name, data) in enumerate(part):
            label = names.index(name.split("/")[0])
            members |= {f"s{place:04}.cls": f"{label}\n".encode(), f"s{place:04}.png": data}
        write_tar(folder / f"shards/{number:04}.tar", members)
    return folder / "shards"


def make_class_tars(folder, files):
    (folder / "tars").mkdir(exist_ok=True)
    for wnid in {name.split("/")[0] for name in files}:
        members = {name.split("/")[1]: data for name, data in files.items() if wnid in name}
        write_tar(folder / f"tars/{wnid}.tar", members)
    return folder / "tars"


def make_list_of_names(folder, files):
    """Write all images into one folder, and beside it a list of names without their ending."""
    flat = {name.replace("/", "_"): data for name, data in files.items()}
    rows = [f"{name[:-4]},{name[:3]}" for name in reversed(flat)]
    write_folder(folder / "flat/train", {**flat, "n01_9.png": b"not listed"})
    (folder / "flat/train.csv").write_text("\n".join(["id,kind", *rows]))
    return folder / "flat/train"


def make_listed(folder, files):
    write_parquet(folder / "listed/train.parquet", image_table(files))
    write_list(folder / "listed/classes.json", files)
    return folder / "listed/train.parquet"


def make_saved(folder, files):
    table = image_table(files, images="struct")
    write_arrow(folder / "saved/data-00000-of-00001.arrow", table)
    names = sorted({name.split("/")[0] for name in files}, reverse=True)
    features = json.loads(notes(names)["huggingface"])["info"]["features"]
    (folder / "saved/dataset_info.json").write_text(json.dumps({"features": features}))
    (folder / "saved/cache-123.arrow").write_bytes(b"")
    return folder / "saved"


FORMS = {
    "folder": lambda folder, files: write_folder(folder / "folder", files),
    "nested folders": make_nested,
    "folder with a list": make_list_of_names,
    "zip": lambda folder, files: write_zip(folder / "images.zip", files),
    "zip, stored": lambda folder, files: write_zip(
        folder / "stored.zip", files, zipfile.ZIP_STORED
    ),
    "folder in a zip": lambda folder, files: (
        write_zip(
            folder / "inner.zip",
            {f"set/train/{name}": data for name, data in files.items()}
            | {"set/val/n01/0.png": b""},
        )
        / "set/train"
    ),
    "zip made elsewhere": lambda folder, files: write_zip(
        folder / "windows.zip", {f".\\{name}".replace("/", "\\"): files[name] for name in files}
    ),
    "tar": lambda folder, files: write_tar(folder / "images.tar", files),
    "folder in a tar": lambda folder, files: (
        write_tar(folder / "inner.tar", {f"./set/{name}": data for name, data in files.items()})
        / "set"
    ),
    "tar.gz": lambda folder, files: write_tar(folder / "images.tar.gz", files, "w:gz"),
    "tgz": lambda folder, files: write_tar(folder / "images.TGZ", files, "w:gz"),
    "tar.bz2": lambda folder, files: write_tar(folder / "images.tar.bz2", files, "w:bz2"),
    "tar.xz": lambda folder, files: write_tar(folder / "images.tar.xz", files, "w:xz"),
    "tar shards, numbered classes": make_tar_shards,
    "tar shards of a split, classes by name": lambda folder, files: write_tar(
        folder / "named/set-train-0000.tar", labelled(files, "json")
    ).with_name("train"),
    "a tar per class": make_class_tars,
    "one tar shard": lambda folder, files: write_tar(
        folder / "one.tar",
        {name.replace("/", "_"): data for name, data in labelled(files, "cls").items()},
    ),
    "parquet, class names in its notes": lambda folder, files: write_parquet(
        folder / "noted.parquet", image_table(files, labels="noted")
    ),
    "parquet shards of a split": make_shards,
    "parquet, class names in a list": make_listed,
    "parquet, classes in paths": lambda folder, files: write_parquet(
        folder / "paths.parquet", image_table(files, labels="files")
    ),
    "parquet, classes by name": lambda folder, files: write_parquet(
        folder / "names.parquet", image_table(files, images="struct", labels="names")
    ),
    "data set saved to disk": make_saved,
    "arrow stream": lambda folder, files: write_arrow(
        folder / "stream.arrow", image_table(files, labels="noted")
    ),
    "arrow file": lambda folder, files: write_arrow(
        folder / "file.arrow", image_table(files, labels="noted"), seekable=True
    ),
}
"""Form of a source -> what writes it into a folder and gives the path to ask for."""
