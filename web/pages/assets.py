"""The files that pages load: stylesheets, scripts and images, read once at the start.

A page names a file with the digest of its content, so that a browser may keep it for a year and still gets
a changed one at once. Nothing but the files that were read can be asked for.
"""

import hashlib
from collections.abc import Mapping
from mimetypes import guess_type
from pathlib import Path
from typing import NamedTuple

from flask import Blueprint, Response, abort, request

PATH = "/static/"
MAX_FILE_OCTETS = 1_000_000
_YEAR = 31_536_000
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


class Asset(NamedTuple):
    """One file: its content, media type and digest."""

    content: bytes
    media_type: str
    version: str


def asset(content: bytes, name: str) -> Asset:
    """Make an asset.

    Args:
        content: What the file holds.
        name: Its name, whose suffix says the media type.
    """
    media_type = _TYPES.get(Path(name).suffix.lower()) or guess_type(name)[0] or "application/octet-stream"
    return Asset(content, media_type, hashlib.sha256(content).hexdigest()[:16])


def read_assets(*folders: Path) -> dict[str, Asset]:
    """Read the files of folders, by name; a later folder's file replaces an earlier one's.

    Args:
        folders: Folders, which need not exist. Files whose name begins with a dot are left out.
    """
    files = [
        file
        for folder in folders
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.startswith(".") and file.stat().st_size <= MAX_FILE_OCTETS
    ]
    return {file.name: asset(file.read_bytes(), file.name) for file in files}


def serve_assets(assets: Mapping[str, Asset]) -> Blueprint:
    """Make `/static/<name>`.

    Args:
        assets: The files by name.
    """
    files = Blueprint("assets", __name__)

    @files.get(f"{PATH}<name>")
    def static(name: str) -> Response:
        """A file; a browser keeps the named version for a year."""
        found = assets.get(name)
        if found is None:
            abort(404)
        is_named_version = request.args.get("v") == found.version
        response = Response(found.content, content_type=found.media_type)
        response.headers["Cache-Control"] = (
            f"public, max-age={_YEAR}, immutable" if is_named_version else "no-cache"
        )
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.set_etag(found.version)
        response.make_conditional(request)
        return response

    return files
