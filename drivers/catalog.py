"""Find and load device profiles: the installer's own folders first, then the bundled ones."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from drivers.profile import (
    SCHEMAS,
    ModbusPoint,
    ModbusProfile,
    Profile,
    RegisterProfile,
    SunspecModel,
    SunspecProfile,
    ValueType,
)
from drivers.profile_head import Point
from drivers.profile_records import RecordPoint
from gateway.core.errors import ConfigError
from gateway.core.quantity import Vocabulary
from gateway.core.units import conversion
from gateway.document.tree import Document, load_document
from gateway.document.validation import fault, nearest, validate

BUNDLED = Path(str(files("drivers") / "profiles"))
SUNSPEC_MODELS = Path(str(files("drivers") / "sunspec" / "models.toml"))


@dataclass(frozen=True)
class ProfileFile:
    """A profile file that was found; its content is read when asked for."""

    path: Path
    vocabulary: Vocabulary

    @property
    def id(self) -> str:
        """maker/model, as the folder and the file are named."""
        return f"{self.path.parent.name}/{self.path.stem}"

    @cached_property
    def profile(self) -> Profile:
        """The checked profile.

        Raises:
            ConfigError: the file cannot be read or is wrong.
        """
        return parse_profile(load_document(self.path), self.vocabulary)

    @cached_property
    def digest(self) -> str:
        """First 8 hexadecimal digits of the SHA-256 of the file.

        Raises:
            ConfigError: the file cannot be read.
        """
        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest()[:8]
        except OSError as exc:
            raise ConfigError(f"{self.path}: cannot be read: {exc.strerror}") from exc


class Catalog:
    """All profiles that this installation knows.

    Args:
        vocabulary: Names and units that profiles may use.
        folders: Searched before the bundled profiles; the first one found counts.
    """

    def __init__(self, vocabulary: Vocabulary, folders: Sequence[Path] = ()) -> None:
        self._vocabulary = vocabulary
        self._folders = (*folders, BUNDLED)
        self._files: dict[Path, ProfileFile] = {}

    def find(self, profile_id: str) -> ProfileFile:
        """Return the profile of that id, or of that path when the word ends with `.yaml`.

        Raises:
            ConfigError: there is none; the message names the nearest one.
        """
        if profile_id.endswith((".yaml", ".yml")):
            return self._file(Path(profile_id))
        maker, _, model = profile_id.partition("/")
        for folder in self._folders:
            path = folder / maker / f"{model}.yaml"
            if path.is_file():
                return self._file(path)
        known = [file.id for file in self]
        raise ConfigError(f"no profile {profile_id!r}{nearest(profile_id, known)} (kvarter profiles list shows all)")

    def __iter__(self) -> Iterator[ProfileFile]:
        """Yield each profile once, by id."""
        found: dict[str, ProfileFile] = {}
        for folder in self._folders:
            for path in sorted(folder.glob("*/*.yaml")):
                file = self._file(path)
                found.setdefault(file.id, file)
        yield from (found[profile_id] for profile_id in sorted(found))

    def _file(self, path: Path) -> ProfileFile:
        """Return the file; the same one each time, so that fifty meters of a model read it once."""
        return self._files.setdefault(path, ProfileFile(path, self._vocabulary))


def with_registers(file: ProfileFile) -> RegisterProfile:
    """Return the profile of a device that has registers.

    Raises:
        ConfigError: it speaks another protocol.
    """
    profile = file.profile
    if isinstance(profile, ModbusProfile | SunspecProfile):
        return profile
    raise ConfigError(f"{profile.profile} speaks {profile.protocol}: it has no registers")


def load_sunspec_models(path: Path = SUNSPEC_MODELS) -> Mapping[int, SunspecModel]:
    """Return the SunSpec models by id.

    Raises:
        ConfigError: the file cannot be read or is not a table of models.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        models = [SunspecModel.model_validate(entry) for entry in tree["model"]]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise ConfigError(f"{path}: not a table of SunSpec models: {exc}") from exc
    return {model.id: model for model in models}


def parse_profile(document: Document, vocabulary: Vocabulary) -> Profile:
    """Return the profile in a document.

    Raises:
        ConfigError: it does not follow the schema, or what it says about its points cannot be; every fault is named.
    """
    tree = document.tree
    if not isinstance(tree, dict):
        raise ConfigError(f"{document.name}: a profile is a mapping; see config/profile.schema.json")
    protocol = tree.get("protocol")
    if not isinstance(protocol, str) or protocol not in SCHEMAS:
        raise fault(document, ("protocol",), f"{protocol!r} is not one of {', '.join(SCHEMAS)}")
    profile = validate(document, SCHEMAS[protocol])
    if faults := [str(each) for each in _contradictions(document, profile, vocabulary)]:
        raise ConfigError("\n".join(faults))
    return profile


def _contradictions(document: Document, profile: Profile, vocabulary: Vocabulary) -> Iterator[ConfigError]:
    """Yield every fault that the schema alone cannot see."""
    for place, point in _points(profile):
        yield from _point_faults(document, place, point, vocabulary)
    if isinstance(profile, ModbusProfile):
        yield from _unstated_orders(document, profile)
    names = [point.point for point in profile.points]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield fault(document, ("points", index, "point"), f"{name} stands twice")


def _points(profile: Profile) -> Iterator[tuple[tuple[str | int, ...], Point]]:
    for index, point in enumerate(profile.points):
        yield ("points", index), point
    if isinstance(profile, ModbusProfile):
        for number, variant in enumerate(profile.variants):
            for index, replaced in enumerate(variant.points):
                yield ("variants", number, "points", index), replaced


def _point_faults(
    document: Document, place: tuple[str | int, ...], point: Point, vocabulary: Vocabulary
) -> Iterator[ConfigError]:
    if point.point not in vocabulary:
        close = vocabulary.nearest(point.point)
        hint = f"; did you mean {close}?" if close else ""
        yield fault(document, (*place, "point"), f"{point.point!r} is not in the vocabulary{hint}")
        return
    quantity = vocabulary[point.point]
    try:
        # What a meter says itself is converted, or refused, when it says it.
        says_itself = isinstance(point, RecordPoint) and not point.unit
        conversion(quantity.unit if says_itself else point.unit, quantity.unit)
    except ValueError as exc:
        yield fault(document, (*place, "unit"), str(exc))
    for code, state in (point.states or {}).items():
        if quantity.states and not quantity.open_states and state not in quantity.states:
            known = ", ".join(map(str, quantity.states))
            yield fault(document, (*place, "states", code), f"{state} is not a code of {point.point}: {known}")


def _unstated_orders(document: Document, profile: ModbusProfile) -> Iterator[ConfigError]:
    """Yield each point whose table or word order nobody states."""
    for place, point in _points(profile):
        if not isinstance(point, ModbusPoint):
            continue
        for field in point.fields:
            if field.table is None and profile.modbus.table is None:
                yield fault(document, place, "table is stated neither here nor under modbus; it has no default")
            ordered = field.type is not ValueType.STRING and field.words > 1
            if ordered and field.word_order is None and profile.modbus.word_order is None:
                yield fault(document, place, "word_order is stated neither here nor under modbus; it has no default")
