"""What a search asks for: words and phrases, as conditions for DuckDB and as a pattern for highlighting.

A word is found at the beginning of words ("refund" finds refunds), a phrase as whole words in
order. Case never matters; accents neither, except in scripts whose marks are vowels.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from unpod_sync.errors import UsageError

#: From here on marks belong to the letters (Hebrew, Arabic, Devanagari, …): only case is folded.
_MARKS_MATTER = 0x0590

#: Scripts written without spaces: a word can begin anywhere.
_NO_SPACES = re.compile("[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """One word or phrase, as its words."""

    words: tuple[str, ...]
    is_phrase: bool

    @property
    def folds_accents(self) -> bool:
        """Whether accents are ignored."""
        return all(ord(character) < _MARKS_MATTER for word in self.words for character in word)

    def condition(self, column: str, parameters: list[object]) -> str:
        """SQL that is true where `column` contains the term; adds its values to `parameters`."""
        text = f"strip_accents(lower({column}))" if self.folds_accents else f"nfc_normalize(lower({column}))"
        words = [_fold(word) if self.folds_accents else _lower(word) for word in self.words]
        parts = []
        for word in dict.fromkeys(words):
            parameters.append(word)
            parts.append(f"contains({text}, ?)")
        parameters.append(self._pattern(words))
        parts.append(f"regexp_matches({text}, ?)")
        return " and ".join(parts)

    def _pattern(self, words: Sequence[str]) -> str:
        """A pattern of RE2; written so that Python's `re` cannot be fooled by it either."""
        start = "" if _NO_SPACES.match(words[0]) else r"(^|[^\pL\pM\pN])"
        end = r"($|[^\pL\pM\pN])" if self.is_phrase and not _NO_SPACES.match(words[-1][-1]) else ""
        return start + r"[^\pL\pM\pN]+".join(_literal(word) for word in words) + end


def _literal(word: str) -> str:
    """`word` as a pattern of RE2 that matches just itself."""
    return "".join(
        character if character.isalnum() or ord(character) > 127 else f"\\{character}" for character in word
    )


def parse(arguments: Sequence[str]) -> tuple[SearchTerm, ...]:
    """The terms of a command line: what stands in quotes, or in one argument, is a phrase."""
    terms: list[SearchTerm] = []
    for argument in arguments:
        if '"' in argument:
            terms += _quoted(argument)
        else:
            terms += _terms(argument, is_phrase=len(argument.split()) > 1)
    if not terms:
        raise UsageError("there is nothing to search for", "Example: `unpod-sync search refund invoice`")
    return tuple(dict.fromkeys(terms))


def _quoted(argument: str) -> list[SearchTerm]:
    """Words, and phrases between double quotes; a quote that is never closed reaches to the end."""
    terms: list[SearchTerm] = []
    for number, part in enumerate(argument.split('"')):
        if number % 2:
            terms += _terms(part, is_phrase=True)
        else:
            terms += [term for word in part.split() for term in _terms(word, is_phrase=False)]
    return terms


def _terms(text: str, *, is_phrase: bool) -> list[SearchTerm]:
    words = tuple(_words(text))
    return [SearchTerm(words, is_phrase or len(words) > 1)] if words else []


def _words(text: str) -> list[str]:
    """Runs of letters, marks and digits: what stands between them is never compared."""
    words, word = [], ""
    for character in unicodedata.normalize("NFC", text) + " ":
        if unicodedata.category(character)[0] in "LMN":
            word += character
        elif word:
            words.append(word)
            word = ""
    return words


def _lower(word: str) -> str:
    return unicodedata.normalize("NFC", word.lower())


def _fold(word: str) -> str:
    """The word as DuckDB's strip_accents(lower(…)) would have it."""
    return "".join(
        character
        for character in unicodedata.normalize("NFD", word.lower())
        if unicodedata.category(character)[0] != "M"
    )


def highlight_spans(text: str, terms: Sequence[SearchTerm]) -> list[tuple[int, int]]:
    """Where the terms stand in `text`: (start, end), in order, not overlapping."""
    plain, places = _folded(text, strip=True), _folded(text, strip=False)
    found: list[tuple[int, int]] = []
    for term in terms:
        characters, origin = plain if term.folds_accents else places
        words = [_fold(word) if term.folds_accents else _lower(word) for word in term.words]
        body = r"[\W_]+".join(re.escape(unicodedata.normalize("NFD", word)) for word in words)
        start = "" if _NO_SPACES.match(words[0]) else r"(?<![^\W_])"
        end = r"(?![^\W_])" if term.is_phrase and not _NO_SPACES.match(words[-1][-1]) else ""
        for match in re.finditer(start + body + end, characters):
            if match.end() > match.start():
                found.append((origin[match.start()], _end(text, origin[match.end() - 1])))
    return _merged(found)


def _folded(text: str, *, strip: bool) -> tuple[str, list[int]]:
    """`text` folded character by character, and where each folded one came from."""
    characters, origin = [], []
    for index, character in enumerate(text):
        for folded in unicodedata.normalize("NFD", character.lower()):
            if not strip or unicodedata.category(folded)[0] != "M":
                characters.append(folded)
                origin.append(index)
    return "".join(characters), origin


def _end(text: str, last: int) -> int:
    """The end of the character at `last`, its combining marks included."""
    end = last + 1
    while end < len(text) and unicodedata.category(text[end])[0] == "M":
        end += 1
    return end


def _merged(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
