"""Images, archives, tables and models that mean harm, or are broken, as writers of files."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

Writer = Callable[[Path], None]
CANARY = "canary"
"""File that code from a pickle would make in the working directory."""


def picture(
    file_format: str = "PNG", mode: str = "RGB", side: int = 32, **options: object
) -> bytes:
    """Return the bytes of an image."""
    data = io.BytesIO()
    Image.linear_gradient("L").resize((side, side)).convert(mode).save(data, file_format, **options)
    return data.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a part of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *others: bytes, rows: bytes = b"") -> bytes:
    """Return a PNG file that says that it has so many pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(others) + body + chunk(b"IEND", b"")


def bytes_of(data: bytes) -> Writer:
    """Return what writes these bytes."""
    return lambda path: _replace(path, data)


def _replace(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def link_to(target: str) -> Writer:
    """Return what makes a link."""

    def write(path: Path) -> None:
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    return write


def _pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    (path / "inner").mkdir(parents=True)


IMAGES: dict[str, Writer] = {
    "nothing": bytes_of(b""),
    "a text": bytes_of(b"no image"),
    "a cut PNG": bytes_of(picture()[:60]),
    "a cut JPEG": bytes_of(picture("JPEG")[:200]),
    "a PNG of ten billion pixels": bytes_of(png(100_000, 100_000)),
    "a PNG that unpacks to a gigabyte": bytes_of(png(20_000, 18_000, rows=bytes(50_000_000))),
    "a PNG without pixels": bytes_of(png(32, 32)),
    "a PNG of 0 x 0": bytes_of(png(0, 0)),
    "a PNG with a wrong checksum": bytes_of(picture()[:-5] + b"\0\0\0\0\0"),
    "a PNG whose text unpacks to much": bytes_of(
        png(32, 32, chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(80_000_000))))
    ),
    "a PNG with a profile that is none": bytes_of(
        png(32, 32, chunk(b"iCCP", b"p\0\0" + zlib.compress(b"none")), rows=bytes(32 * 97))
    ),
    "a drawing with a script": bytes_of(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"),
    "PostScript": bytes_of(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n"),
    "a PDF": bytes_of(b"%PDF-1.4\n"),
    "a GIF of many frames": bytes_of(
        picture("GIF", "P", save_all=True, append_images=[Image.new("P", (32, 32))] * 20)
    ),
    "a TIFF that refers to itself": bytes_of(b"II*\0\x08\0\0\0\0\0\x08\0\0\0"),
    "16 bits": bytes_of(picture(mode="I;16")),
    "transparent colours": bytes_of(picture(mode="RGBA")),
    "colours of print": bytes_of(picture("JPEG", "CMYK")),
    "a link to itself": link_to("1.png"),
    "a link to /etc/passwd": link_to("/etc/passwd"),
    "a link to /dev/zero": link_to("/dev/zero"),
    "a link to nothing": link_to("nothing.png"),
    "a pipe that nobody writes to": _pipe,
    "a folder": _folder,
}
"""What an image of a class is -> what writes it."""


def zipped(*members: tuple[str, bytes], damage: Callable[[bytes], bytes] = bytes) -> Writer:
    """Return what writes an archive of a class per digit, and these members."""

    def write(path: Path) -> None:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in (*_classes(), *members):
                archive.writestr(name, content)
        path.write_bytes(damage(data.getvalue()))

    return write


def tarred(*members: tuple[tarfile.TarInfo, bytes], cut: int | None = None) -> Writer:
    """Return what writes a tar archive of a class per digit, and these members."""

    def write(path: Path) -> None:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            for name, content in _classes():
                _add(archive, tarfile.TarInfo(name), content)
            for about, content in members:
                _add(archive, about, content)
        path.write_bytes(data.getvalue()[:cut])

    return write


def _classes() -> list[tuple[str, bytes]]:
    return [(f"{digit}/{number}.png", picture()) for digit in range(10) for number in range(2)]


def _add(archive: tarfile.TarFile, about: tarfile.TarInfo, content: bytes) -> None:
    about.size = len(content)
    archive.addfile(about, io.BytesIO(content))


def _special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname = kind, target
    return about


BOMB = bytes(300_000_000)
ARCHIVES: dict[str, tuple[str, Writer]] = {
    "a zip with a step up": ("a.zip", zipped((f"../../{CANARY}/1.png", picture()))),
    "a zip with a path from the root": ("a.zip", zipped((f"/tmp/{CANARY}/1.png", picture()))),
    "a zip with a Windows path": ("a.zip", zipped((f"..\\..\\{CANARY}\\1.png", picture()))),
    "a zip that unpacks to much": ("a.zip", zipped(("4/2.png", BOMB))),
    "a zip with a class of nothing": ("a.zip", zipped(("11/1.png", b""))),
    "a cut zip": ("a.zip", zipped(damage=lambda data: data[: len(data) // 2])),
    "a zip of which a byte is flipped": (
        "a.zip",
        zipped(damage=lambda data: data[:300] + bytes([data[300] ^ 255]) + data[301:]),
    ),
    "a zip in which a name comes twice": ("a.zip", zipped(("4/1.png", picture(side=16)))),
    "a zip of nothing": ("a.zip", bytes_of(b"PK\x05\x06" + bytes(18))),
    "a zip that is a text": ("a.zip", bytes_of(b"no archive")),
    "a zip with a control sign in a name": ("a.zip", zipped(("4/\x1b[2J.png", picture(side=16)))),
    "a tar with a step up": ("a.tar", tarred((_special(f"../{CANARY}/1.png", b"0"), picture()))),
    "a tar with a device": ("a.tar", tarred((_special("4/2.png", tarfile.CHRTYPE), b""))),
    "a tar with a link out": (
        "a.tar",
        tarred((_special("4/2.png", tarfile.SYMTYPE, "/etc/passwd"), b"")),
    ),
    "a tar with a hard link out": (
        "a.tar",
        tarred((_special("4/2.png", tarfile.LNKTYPE, "../../etc/passwd"), b"")),
    ),
    "a cut tar": ("a.tar", tarred(cut=20_000)),
    "a tar that is a text": ("a.tar", bytes_of(b"no archive")),
    "a table that is a text": ("a.parquet", bytes_of(b"PAR1 no table PAR1")),
    "a table that ends early": ("a.parquet", bytes_of(b"PAR1" + bytes(50))),
    "tensors with a head of 2^60 bytes": ("a.safetensors", bytes_of(struct.pack("<Q", 1 << 60))),
    "tensors with a head that is no JSON": (
        "a.safetensors",
        bytes_of(struct.pack("<Q", 8) + b"not json"),
    ),
    "a tensor beyond the end": (
        "a.safetensors",
        bytes_of(
            struct.pack("<Q", 64)
            + b'{"images":{"dtype":"U8","shape":[9],"data_offsets":[0,999]}}'.ljust(64)
        ),
    ),
    "pickled tensors": ("a.pt", lambda path: path.write_bytes(pickled())),
}
"""What a set of images is -> its file, and what writes it."""


class _Harm:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (CANARY,)


def pickled() -> bytes:
    """Return a pickle that runs code: a folder is made in the working directory."""
    return pickle.dumps(_Harm())


TABLES: dict[str, bytes] = {
    "a step up": b"../../canary\t0\tzero\n",
    "a path from the root": b"/tmp/canary\t0\tzero\n",
    "two columns": b"0\tzero\n",
    "a word for a number": b"0\tzero\tzero\n",
    "no signs of UTF-8": b"0\t0\tz\xe9ro\n",
    "a NUL": b"0\t0\tze\x00ro\n",
    "a class twice": b"0\t0\tzero\n0\t1\tone\n",
    "nothing": b"",
    "a name of 300 letters": b"a" * 300 + b"\t0\tzero\n",
    "one line of ten megabytes": b"0\t0\t" + b"z" * 10_000_000 + b"\n",
    "a number of a thousand digits": b"0\t" + b"9" * 1000 + b"\tzero\n",
    "a spreadsheet": b"PK\x03\x04" + bytes(100),
}
"""What a class table has -> its bytes."""

_VAE, _DIT = "vae/diffusion_pytorch_model", "transformer/diffusion_pytorch_model"


def _configured(part: str, file: str = "config.json", **values: object) -> Writer:
    def write(model: Path) -> None:
        path = model / part / file
        content = {**json.loads(path.read_text(encoding="utf-8")), **values}
        path.write_text(json.dumps(content), encoding="utf-8")

    return write


def _pickled_weights(model: Path) -> None:
    (model / f"{_VAE}.safetensors").unlink()
    (model / f"{_VAE}.bin").write_bytes(pickled())


def _weights(data: bytes) -> Writer:
    return lambda model: _replace(model / f"{_VAE}.safetensors", data)


def _remote_code(model: Path) -> None:
    index = model / "model_index.json"
    content = json.loads(index.read_text(encoding="utf-8"))
    content |= {"_class_name": ["harm", "Harm"], "vae": ["harm", "Harm"]}
    index.write_text(json.dumps(content), encoding="utf-8")
    code = f"import os\nos.mkdir({CANARY!r})\nclass Harm: pass\n"
    for folder in (model, model / "vae"):
        (folder / "harm.py").write_text(code, encoding="utf-8")


MODELS: dict[str, Writer] = {
    "pickled weights": _pickled_weights,
    "a pickle under the name of safe weights": _weights(pickled()),
    "weights with a head of 2^60 bytes": _weights(struct.pack("<Q", 1 << 60)),
    "weights with no tensors": _weights(struct.pack("<Q", 2) + b"{}"),
    "code of its own": _remote_code,
    "a class that there is not": _configured("vae", _class_name="os.system"),
    "a billion layers": _configured("transformer", num_layers=10**9),
    "a billion layers of every block": _configured("vae", layers_per_block=10**9),
    "a trillion timesteps": _configured(
        "scheduler", "scheduler_config.json", num_train_timesteps=10**12
    ),
    "widths below zero": _configured("vae", block_out_channels=[-4, -4, -4]),
    "a text for a number": _configured("vae", latent_channels="many"),
}
"""What a model has -> what does that to its folder."""
