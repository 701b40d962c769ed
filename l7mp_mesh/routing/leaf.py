"""The tests that predicates compile to: small objects that read one field and say yes or no."""

from __future__ import annotations

from abc import ABC, abstractmethod

from l7mp_mesh.ports.attributes import Attributes, Json
from l7mp_mesh.ports.tree import Missing
from l7mp_mesh.routing.compare import holds, same
from l7mp_mesh.routing.fields import Field
from l7mp_mesh.routing.formats import is_type


class Test(ABC):
    """Answers for one session."""

    __slots__ = ()

    __test__ = False  # not a test case, whatever the name says to pytest

    @abstractmethod
    def matches(self, attributes: Attributes) -> bool:
        """True when the session has what is asked for. Never raises."""

    def keys(self) -> list[Key]:
        """Comparisons of one field, in one way, of which one must be true for this test to be; [] without."""
        return []

    def rest(self) -> Test | None:
        """What remains to be asked once one of the keys is true; None when that decides."""
        return self


class Constant(Test):
    """Always the same answer."""

    __slots__ = ("answer",)

    def __init__(self, *, answer: bool) -> None:
        self.answer = answer

    def matches(self, attributes: Attributes) -> bool:
        return self.answer


class AllTests(Test):
    """Every one is true."""

    __slots__ = ("tests",)

    def __init__(self, tests: list[Test]) -> None:
        self.tests = tests

    def matches(self, attributes: Attributes) -> bool:
        for test in self.tests:  # noqa: SIM110 - a generator costs more
            if not test.matches(attributes):
                return False
        return True

    def keys(self) -> list[Key]:
        return self.tests[0].keys() if self.tests else []

    def rest(self) -> Test | None:
        if not self.keys():
            return self
        first = self.tests[0].rest()
        left = self.tests[1:] if first is None else [first, *self.tests[1:]]
        return AllTests(left) if left else None


class AnyTest(Test):
    """One at least is true."""

    __slots__ = ("tests",)

    def __init__(self, tests: list[Test]) -> None:
        self.tests = tests

    def matches(self, attributes: Attributes) -> bool:
        for test in self.tests:  # noqa: SIM110 - a generator costs more
            if test.matches(attributes):
                return True
        return False

    def keys(self) -> list[Key]:
        found: list[Key] = []
        for test in self.tests:
            keys = test.keys()
            if not keys or not keys[0].is_like((found or keys)[0]):
                return []
            found += keys
        return found

    def rest(self) -> Test | None:
        decides = self.keys() and all([test.rest() is None for test in self.tests])  # noqa: C419
        return None if decides else self


class NoTest(Test):
    """None of them is true."""

    __slots__ = ("tests",)

    def __init__(self, tests: list[Test]) -> None:
        self.tests = tests

    def matches(self, attributes: Attributes) -> bool:
        for test in self.tests:  # noqa: SIM110 - a generator costs more
            if test.matches(attributes):
                return False
        return True


class Key(Test):
    """A comparison of a field with a string; `path` and `text` are what an index files it under."""

    __slots__ = ("field", "ignore_case", "path", "text")

    def __init__(self, where: Field, path: str, value: str, *, ignore_case: bool) -> None:
        self.field = where
        self.path = path
        self.ignore_case = ignore_case
        self.text = value.lower() if ignore_case else value

    def is_like(self, other: Key) -> bool:
        """Both look at the same field, and at upper case in the same way."""
        return self.path == other.path and self.ignore_case == other.ignore_case

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        if not isinstance(data, str):
            return False
        return self.holds(data.lower() if self.ignore_case else data)

    @abstractmethod
    def holds(self, data: str) -> bool:
        """The answer for a value of the field."""

    def keys(self) -> list[Key]:
        return [self]

    def rest(self) -> Test | None:
        return None


class Exact(Key):
    """The field is this string."""

    __slots__ = ()

    def holds(self, data: str) -> bool:
        return data == self.text


class Starts(Key):
    """A string that begins so."""

    __slots__ = ()

    def holds(self, data: str) -> bool:
        return data.startswith(self.text)


class Equal(Test):
    """The field is this value, which is no string."""

    __slots__ = ("field", "ignore_case", "value")

    def __init__(self, where: Field, value: Json, *, ignore_case: bool) -> None:
        self.field = where
        self.value = value
        self.ignore_case = ignore_case

    def matches(self, attributes: Attributes) -> bool:
        return same(self.field.read(attributes), self.value, ignore_case=self.ignore_case)


class Defined(Test):
    """The field exists (null does), or does not."""

    __slots__ = ("field", "wanted")

    def __init__(self, where: Field, *, wanted: bool) -> None:
        self.field = where
        self.wanted = wanted

    def matches(self, attributes: Attributes) -> bool:
        return isinstance(self.field.read(attributes), Missing) != self.wanted


class Ends(Test):
    """A string that ends so."""

    __slots__ = ("field", "ignore_case", "value")

    def __init__(self, where: Field, value: str, *, ignore_case: bool) -> None:
        self.field = where
        self.ignore_case = ignore_case
        self.value = value.lower() if ignore_case else value

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        if not isinstance(data, str):
            return False
        return (data.lower() if self.ignore_case else data).endswith(self.value)


class Contained(Test):
    """An array with this element."""

    __slots__ = ("field", "ignore_case", "value")

    def __init__(self, where: Field, value: Json, *, ignore_case: bool) -> None:
        self.field = where
        self.ignore_case = ignore_case
        self.value = value.lower() if ignore_case and isinstance(value, str) else value

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        return isinstance(data, list) and holds(data, self.value, ignore_case=self.ignore_case)


class Contains(Contained):
    """A string with this part, or an array with this element."""

    __slots__ = ()

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        if isinstance(data, str):
            value = self.value
            return isinstance(value, str) and value in (data.lower() if self.ignore_case else data)
        return isinstance(data, list) and holds(data, self.value, ignore_case=self.ignore_case)


class In(Test):
    """A value that is one of these."""

    __slots__ = ("field", "ignore_case", "values")

    def __init__(self, where: Field, values: list[Json], *, ignore_case: bool) -> None:
        self.field = where
        self.ignore_case = ignore_case
        self.values = values

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        return not isinstance(data, Missing) and holds(self.values, data, ignore_case=self.ignore_case)


class Intersects(In):
    """An array that shares an element with these."""

    __slots__ = ()

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        if not isinstance(data, list):
            return False
        for item in data:  # noqa: SIM110
            if holds(self.values, item, ignore_case=self.ignore_case):
                return True
        return False


class Less(Test):
    """A number below this one."""

    __slots__ = ("bound", "field")

    def __init__(self, where: Field, bound: int | float) -> None:
        self.field = where
        self.bound = bound

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        return isinstance(data, (int, float)) and not isinstance(data, bool) and data < self.bound


class More(Less):
    """A number above this one."""

    __slots__ = ()

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        return isinstance(data, (int, float)) and not isinstance(data, bool) and data > self.bound


class Range(Test):
    """A number n with start <= n < end."""

    __slots__ = ("end", "field", "start")

    def __init__(self, where: Field, start: int | float, end: int | float) -> None:
        self.field = where
        self.start = start
        self.end = end

    def matches(self, attributes: Attributes) -> bool:
        data = self.field.read(attributes)
        if not isinstance(data, (int, float)) or isinstance(data, bool):
            return False
        return self.start <= data < self.end


class OfType(Test):
    """A value of a JSON type or a format of strings."""

    __slots__ = ("field", "name")

    def __init__(self, where: Field, name: str) -> None:
        self.field = where
        self.name = name

    def matches(self, attributes: Attributes) -> bool:
        return is_type(self.field.read(attributes), self.name)
