"""A strict reader of our own public headers: what they declare, in order, each with its comment.

It knows exactly the C that include/unicode uses, and stops with the file and the line at anything else, so that no
declaration is ever passed over in silence. A declaration is one of

    #define UNIC_X 4                                      an integer, or the version's string
    typedef enum unic_x { UNIC_X_A = 1, ... } unic_x;     every value written
    enum { UNIC_X = 255 };
    typedef struct unic_x unic_x;                         opaque
    typedef struct unic_x { size_t struct_size; ... } unic_x;
    typedef void (*unic_x_fn)(int x, void *user);
    UNIC_API unic_status unic_x_do(unic_x *x, ...);       with a comment that says "Since 0.1."
"""
from __future__ import annotations

import pathlib
import re
from typing import Dict, List, NamedTuple, NoReturn, Optional, Tuple, Union

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include/unicode"
# Headers of the libraries beside the core: each has its symbols, its baseline and its Python module.
BESIDE = {"unic_media.h": "media", "unic_mpi.h": "mpi"}
# What the headers say of themselves to a compiler, and to C++.
GUARD = re.compile(r"\A((?:\s*/\*.*?\*/)*\s*)#ifndef (UNICODE_\w+_H)\n#define \2\n(.*)\n#endif\n\Z", re.S)
EXPORT = """\
#if defined(__GNUC__)
#define UNIC_API __attribute__((visibility("default")))
#else
#define UNIC_API
#endif
"""
CPLUSPLUS = re.compile(r'^#ifdef __cplusplus\n(?:extern "C" \{|\})\n#endif$', re.M)
INCLUDED = re.compile(r'^#include (?:<(?:stddef|stdint)\.h>|"(unic\w*\.h)")$', re.M)
DEFINED = re.compile(r'^#define (UNIC_\w+) +(-?\w+|"[^"\n]*")(?=[ \n])', re.M)
TOKEN = re.compile(r"(?P<space>\s+)|(?P<comment>/\*.*?\*/)|(?P<word>\w+)|(?P<mark>[{}()\[\];,*=-])", re.S)
# Bytes where pointers have 64 bits; C and Python agree on these names.
SCALARS = {"char": 1, "int": 4, "size_t": 8, "float": 4, "double": 8, "uint8_t": 1, "int32_t": 4, "uint32_t": 4,
           "int64_t": 8, "uint64_t": 8}
POINTER_BYTES = 8


class Type(NamedTuple):
    base: str                   # "int32_t", "unic_array", "void"
    pointers: int
    constant: bool              # whether the base is

    @property
    def scalar(self) -> bool:
        return self.base in SCALARS and not self.pointers


class Callback(NamedTuple):
    """The type of a pointer to a function."""

    result: Type
    parameters: List["Variable"]


class Variable(NamedTuple):
    """A parameter, or a member of a struct."""

    name: str
    type: Union[Type, Callback]
    count: Optional[str]        # of an array's elements, a number or a constant's name


class Declaration(NamedTuple):
    kind: str                   # "constants", "enum", "opaque", "struct", "callback", "function"
    name: str                   # "" of constants
    comment: str                # without its stars
    constants: Dict[str, str] = {}
    members: List[Variable] = []            # of a struct; parameters of a function or a callback
    result: Type = Type("void", 0, False)

    @property
    def since(self) -> str:
        found = re.findall(r"\bSince (\d+\.\d+)\.", " ".join(self.comment.split()))
        return found[0] if len(found) == 1 else ""

    @property
    def sentence(self) -> str:
        """The first sentence of the comment, no more than its first paragraph; a displayed equation is another."""
        return first_sentence(self.comment)


class Header(NamedTuple):
    name: str
    title: str                              # of the file
    includes: List[str]
    declarations: List[Declaration]


class Unknown(Exception):
    """What this reader does not know: "file:line: ..."."""


def without_stars(comment: str) -> str:
    return re.sub(r"^[ \t]*\*(?: |$)", "", comment[2:-2].lstrip("*<"), flags=re.M).strip()


def first_sentence(comment: str) -> str:
    paragraph = " ".join(re.split(r"\n\s*\n|\n {2,}|\n@", comment)[0].split())
    sentence = re.split(r"(?<=\.) | @", paragraph)[0].rstrip(":")
    return sentence if sentence.endswith(".") else sentence + "."


class Reader:
    """The declarations of one header, by recursive descent."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.text = path.read_text()
        guarded = GUARD.match(self.text)
        if not guarded:
            self.stop(0, "the header is not within one include guard, UNICODE_..._H")
        front = re.search(r"/\*\*\s+\* @file \S+\n(.*?\*/)", guarded.group(1), re.S)
        if not front:
            self.stop(0, "no comment says @file and what the header is for")
        self.title = first_sentence(without_stars(f"/*\n{front.group(1)}"))
        body = " " * guarded.start(3) + guarded.group(3)
        body = re.sub(re.escape(EXPORT), self.blank, body)
        body = CPLUSPLUS.sub(self.blank, body)
        self.includes = [name for name in INCLUDED.findall(body) if name]
        body = INCLUDED.sub(self.blank, body)
        macros = {}
        for match in DEFINED.finditer(body):
            name, value = match.groups()
            if not value.startswith('"') and not self.number(value):
                self.stop(match.start(), f"{name} is {value}, not an integer")
            macros[name] = value
        self.macros = Declaration("constants", "", "", macros)
        body = DEFINED.sub(self.blank, body)
        left = re.search(r"^[ \t]*#[^\n]*", body, re.M)
        if left:
            self.stop(left.start(), f"unknown line: {left.group().strip()}")
        self.tokens = list(self.split(body))
        self.at = 0

    @staticmethod
    def blank(match: "re.Match[str]") -> str:
        """Spaces, so that what follows keeps its place."""
        return re.sub(r"\S", " ", match.group())

    @staticmethod
    def number(text: str) -> bool:
        return re.fullmatch(r"-?(0|[1-9]\d*|0x[0-9a-f]+)", text) is not None

    def stop(self, place: int, why: str) -> NoReturn:
        line = self.text.count("\n", 0, place) + 1
        raise Unknown(f"{self.path.name}:{line}: {why}")

    def split(self, body: str) -> List[Tuple[str, str, int]]:
        tokens, place = [], 0
        body = body.rstrip()
        while place < len(body):
            match = TOKEN.match(body, place)
            if not match:
                self.stop(place, f"unknown text: {body[place:place + 20]!r}")
            if match.lastgroup != "space":
                tokens.append((match.lastgroup or "", match.group(), place))
            place = match.end()
        return tokens + [("end", "the end of the file", len(body))]

    # ---- tokens ----

    def comment(self) -> str:
        """Steps over comments; the text of the last one if it is a declaration's."""
        last = ""
        while self.tokens[self.at][0] == "comment":
            last = self.tokens[self.at][1]
            self.at += 1
        return without_stars(last) if last.startswith("/**") and not last.startswith("/**<") else ""

    def peek(self, ahead: int = 0) -> str:
        """The token that comes next, or one behind it; comments do not count."""
        i = self.at
        while True:
            if self.tokens[i][0] != "comment":
                if not ahead:
                    return self.tokens[i][1]
                ahead -= 1
            i += 1

    def take(self) -> str:
        self.comment()
        kind, text, _ = self.tokens[self.at]
        if kind == "end":
            self.unexpected("more")
        self.at += 1
        return text

    def unexpected(self, wanted: str) -> NoReturn:
        self.comment()
        _, text, place = self.tokens[self.at]
        self.stop(place, f"{text!r} where {wanted} is expected")

    def expect(self, *texts: str) -> None:
        for text in texts:
            if self.peek() != text:
                self.unexpected(repr(text))
            self.take()

    def word(self, what: str) -> str:
        if not re.fullmatch(r"[a-zA-Z_]\w*", self.peek()):
            self.unexpected(what)
        return self.take()

    def has(self, text: str) -> bool:
        if self.peek() != text:
            return False
        self.take()
        return True

    # ---- the grammar ----

    def read(self) -> Header:
        declarations = []
        while True:
            comment = self.comment()
            if self.tokens[self.at][0] == "end":
                break
            declarations.append(self.declaration(comment))
        if self.macros.constants:
            declarations.insert(0, self.macros)
        return Header(self.path.name, self.title, self.includes, declarations)

    def declaration(self, comment: str) -> Declaration:
        place = self.tokens[self.at][2]
        if self.has("UNIC_API"):
            found = self.function(comment)
            if not found.since:
                self.stop(place, f"the comment of {found.name} does not say \"Since X.Y.\" once")
        elif self.peek() == "enum":
            self.expect("enum", "{")
            found = Declaration("constants", "", comment, self.enumerators())
            self.expect(";")
        elif self.has("typedef"):
            found = self.type_definition(comment)
        else:
            self.unexpected("UNIC_API, typedef or enum")
        if not comment:
            self.stop(place, f"{found.name or 'an enum'} has no comment /** ... */")
        return found

    def type_definition(self, comment: str) -> Declaration:
        if self.peek() == "enum":
            self.expect("enum")
            name = self.word("the enum's name")
            self.expect("{")
            found = Declaration("enum", name, comment, self.enumerators())
        elif self.peek() == "struct":
            self.expect("struct")
            name = self.word("the struct's name")
            if not self.has("{"):
                found = Declaration("opaque", name, comment)
            else:
                found = Declaration("struct", name, comment, members=self.members(name))
        else:
            result = self.type()
            name, parameters = self.callback("the type's name")
            self.expect(";")
            return Declaration("callback", name, comment, members=parameters, result=result)
        self.expect(name, ";")
        return found

    def function(self, comment: str) -> Declaration:
        result = self.type()
        name = self.word("the function's name")
        self.expect("(")
        return Declaration("function", name, comment, members=self.parameters(";"), result=result)

    def enumerators(self) -> Dict[str, str]:
        values: Dict[str, str] = {}
        while not self.has("}"):
            name = self.word("an enumerator")
            if self.peek() != "=":
                self.unexpected(f"a written value of {name}")
            self.expect("=")
            value = ("-" if self.has("-") else "") + self.peek()
            if not self.number(value):
                self.unexpected(f"the value of {name}, an integer,")
            self.take()
            values[name] = value
            if self.peek() != "}":
                self.expect(",")
        return values

    def members(self, struct: str) -> List[Variable]:
        members: List[Variable] = []
        while not self.has("}"):
            if not members and (self.peek(), self.peek(1)) != ("size_t", "struct_size"):
                self.unexpected(f"size_t struct_size, the first member of {struct},")
            members.append(self.variable())
            self.expect(";")
        return members

    def variable(self) -> Variable:
        found = self.type()
        if self.peek() == "(":
            name, parameters = self.callback("the member's name")
            return Variable(name, Callback(found, parameters), None)
        name, count = self.word("a name"), None
        if self.has("["):
            count = self.take()
            self.expect("]")
        return Variable(name, found, count)

    def callback(self, what: str) -> Tuple[str, List[Variable]]:
        """A pointer to a function, behind its result's type."""
        self.expect("(", "*")
        name = self.word(what)
        self.expect(")", "(")
        return name, self.parameters()

    def parameters(self, end: str = "") -> List[Variable]:
        """What follows an open bracket, and the token behind the closing one if `end` names it."""
        parameters: List[Variable] = []
        if self.peek() == "void" and self.peek(1) == ")":
            self.expect("void")
        else:
            while not parameters or self.has(","):
                parameters.append(self.variable())
                if isinstance(parameters[-1].type, Callback) or parameters[-1].count:
                    self.unexpected("no array and no function's type in place: a typedef or a pointer")
        self.expect(")")
        if end:
            self.expect(end)
        return parameters

    def type(self) -> Type:
        constant = self.has("const")
        base, pointers = self.word("a type"), 0
        if base in ("struct", "enum", "unsigned", "long", "short", "volatile", "const"):
            self.at -= 1
            self.unexpected("a type of SCALARS, void or unic_...")
        while self.peek() in ("*", "const"):
            pointers += self.take() == "*"
        return Type(base, pointers, constant)


class Interface(NamedTuple):
    """All headers, each behind those that it includes."""

    headers: List[Header]

    def all(self, *kinds: str) -> List[Declaration]:
        return [d for header in self.headers for d in header.declarations if d.kind in kinds]

    @property
    def constants(self) -> Dict[str, str]:
        return {name: value for d in self.all("constants", "enum") for name, value in d.constants.items()}

    def layout(self, struct: Declaration) -> Tuple[Dict[str, int], int]:
        """The members' offsets and the size, where pointers have 64 bits."""
        places, end, align = {}, 0, 1
        for member in struct.members:
            pointer = isinstance(member.type, Callback) or member.type.pointers or not member.type.scalar
            size = POINTER_BYTES if pointer else SCALARS[member.type.base]  # type: ignore[union-attr]
            places[member.name] = end = -(-end // size) * size
            end += size * int(self.constants.get(member.count, member.count) if member.count else 1)
            align = max(align, size)
        return places, -(-end // align) * align


def in_order(headers: Dict[str, Header]) -> List[Header]:
    ordered: List[Header] = []

    def visit(name: str) -> None:
        header = headers[name]
        for other in header.includes:
            if headers[other] not in ordered:
                visit(other)
        if header not in ordered:
            ordered.append(header)

    for name in sorted(headers):
        visit(name)
    return ordered


def check(interface: Interface) -> None:
    """Every name once, and every type declared before it is used."""
    seen: Dict[str, str] = {}
    by_value = set(SCALARS) | {"void"}
    for header in interface.headers:
        for d in header.declarations:
            for name in filter(None, (d.name, *d.constants)):
                if name in seen:
                    raise Unknown(f"{header.name}: {name} is declared in {seen[name]} too")
                if not name.startswith(("unic_", "UNIC_")):
                    raise Unknown(f"{header.name}: {name} does not begin with unic_ or UNIC_")
                seen[name] = header.name
            if d.kind in ("enum", "callback"):
                by_value.add(d.name)
            for name, used in types_of(d):
                if used.base not in (by_value | set(seen) if used.pointers else by_value):
                    raise Unknown(f"{header.name}: {name} has a type that is not known here: {used.base}")
            if d.kind == "struct":
                check_members(interface, header.name, d)


def check_members(interface: Interface, header: str, struct: Declaration) -> None:
    enums = {d.name for d in interface.all("enum")}
    for member in struct.members:
        name = f"{header}: {struct.name}.{member.name}"
        if isinstance(member.type, Type) and not member.type.pointers and member.type.base in enums:
            raise Unknown(f"{name} is an enum; structs hold enums as int32_t")
        if member.count and not interface.constants.get(member.count, member.count).isdigit():
            raise Unknown(f"{name} has {member.count} elements, which is no number that is known")


def types_of(d: Declaration) -> List[Tuple[str, Type]]:
    """Every type that a declaration names, with where it stands in it."""
    found = [(d.name, d.result)]
    for member in d.members:
        parts = [member.type] if isinstance(member.type, Type) else [
            member.type.result, *(p.type for p in member.type.parameters)]
        found += [(f"{d.name}: {member.name}", part) for part in parts if isinstance(part, Type)]
    return found


def read(folder: pathlib.Path = INCLUDE, library: str = "") -> Interface:
    """What the headers of a folder declare of the core, or of a library beside it; Unknown is raised at what is not
    understood."""
    headers = {path.name: Reader(path).read() for path in sorted(folder.glob("unic*.h"))}
    for header in headers.values():
        missing = [name for name in header.includes if name not in headers]
        if missing:
            raise Unknown(f"{header.name} includes {missing[0]}, which is not there")
        beside = [name for name in header.includes if BESIDE.get(name, "") not in ("", BESIDE.get(header.name, ""))]
        if beside:
            raise Unknown(f"{header.name} includes {beside[0]}, which belongs to another library")
    whole = Interface(in_order(headers))
    check(whole)
    return Interface([header for header in whole.headers if BESIDE.get(header.name, "") == library])
