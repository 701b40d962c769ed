"""`admin`, the settings of the process, from and to loose values."""

from __future__ import annotations

from l7mp_mesh.control.native.reader import Cursor
from l7mp_mesh.control.native.scope import Scope
from l7mp_mesh.model.admin import Admin, LogLevel
from l7mp_mesh.model.errors import ConfigError
from l7mp_mesh.model.snapshot import ADMIN_KEY
from l7mp_mesh.model.value import Json
from l7mp_mesh.observe.log_format import compile_format

_LEVELS = {level.value: level for level in LogLevel} | {"warning": LogLevel.WARN}
_NOT_YET = ("offload", "offload_ifs")
_DUMPED = ("version",)
"""Stands in dumps, and may come back."""


def decode_admin(scope: Scope, cursor: Cursor) -> None:
    """Put the Admin object into `scope`."""
    fields = cursor.fields()
    if fields is None:
        return
    default = Admin()
    scope.claim(ADMIN_KEY, cursor)
    level = fields.take("log_level")
    log_file = fields.take("log_file")
    path = fields.take("access_log_path")
    form = fields.take("access_log_format")
    strict = fields.take("strict")
    for word in _NOT_YET:
        if (given := fields.take(word)) is not None:
            scope.report.warn(given.path, f"{word} is not supported in this version", key=True)
    fields.finish(_DUMPED)
    made = (
        default.log_level if level is None else level.word(_LEVELS, [one.value for one in LogLevel]),
        default.log_file if log_file is None else log_file.text(),
        False if strict is None else strict.boolean(),
    )
    access = (None if path is None else path.text(), None if form is None else form.text())
    if form is not None and access[1] is not None:
        try:
            compile_format(access[1])
        except ConfigError as error:
            form.refuse(error.why)
            return
    if made[0] is not None and made[1] is not None and made[2] is not None:
        scope.put(Admin(made[0], made[1], access[0], access[1], made[2]))


def encode_admin(admin: Admin) -> dict[str, Json]:
    """The inverse of `decode_admin`."""
    made: dict[str, Json] = {
        "log_level": admin.log_level.value,
        "log_file": admin.log_file,
        "strict": admin.strict,
    }
    if admin.access_log_path is not None:
        made["access_log_path"] = admin.access_log_path
    if admin.access_log_format is not None:
        made["access_log_format"] = admin.access_log_format
    return made
