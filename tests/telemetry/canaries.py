"""Words that must be written nowhere, and the search for them."""

from base64 import b64encode
from dataclasses import dataclass, field


@dataclass
class Canaries:
    """Words that must appear nowhere."""

    words: list[str] = field(default_factory=list)

    def found_in(self, text: str) -> list[str]:
        """List the words that are in `text`, as they are or encoded."""
        return [word for word in self.words if any(form in text for form in self._forms(word))]

    def _forms(self, word: str) -> list[str]:
        raw = word.encode()
        return [
            word,
            raw.hex(),
            raw.hex().upper(),
            b64encode(raw).decode().rstrip("="),
            repr(raw)[2:-1],
            ascii(word)[1:-1],
        ]
