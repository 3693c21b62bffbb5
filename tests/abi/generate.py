#!/usr/bin/env python3
"""Writes, or checks, what follows from the public headers (docs/abi.md):

  lib/libunicode.map                          the exported symbols, by the version that each is there since
  bindings/python/libunicode/_declarations.py structures, constants and signatures for ctypes
  tests/abi/layouts.h                         the place of every member of every public struct, as assertions
  docs/api.md                                 the tables of functions and types, between its two markers
  lib/libunicode-media.map, bindings/python/libunicode/_media_declarations.py,
  bindings/python/libunicode/_mpi_declarations.py, tests/media/layouts.h
                                              the same of the library beside it that decodes media
  lib/libunicode-mpi.map                      what libunicode-mpi exports

  generate.py write      writes what differs
  generate.py check      fails if something differs, and says what
"""
from __future__ import annotations

import argparse
import pathlib
import re
import sys
import textwrap
from typing import Dict, List, Optional, Union

import headers
from headers import Callback, Declaration, Interface, Type, Unknown, Variable

ROOT = pathlib.Path(__file__).resolve().parents[2]
BY = "by tests/abi/generate.py (make generate)"
CTYPES = {name: f"c_{name.replace('_t', '')}" for name in headers.SCALARS} | {"size_t": "c_size_t"}
BEGIN, END = f"<!-- written {BY} from include/unicode -->\n", "<!-- end of what is written -->\n"


# ---- the exported symbols ----

def version(text: str) -> List[int]:
    return [int(part) for part in text.split(".")]


def symbols(interface: Interface) -> str:
    """A node for each version that brought functions; each node inherits the one before."""
    functions = interface.all("function")
    out, before = f"# Written {BY}.\n", ""
    for since in sorted({f.since for f in functions}, key=version):
        names = sorted(f.name for f in functions if f.since == since)
        local = "" if before else "local:\n    *;\n"
        out += f"UNIC_{since} {{\nglobal:\n" + "".join(f"    {name};\n" for name in names) + f"{local}}}{before};\n"
        before = f" UNIC_{since}"
    return out


# ---- ctypes ----

class Python:
    """The declarations as Python: names without their prefix, HeadOptions for unic_head_options."""

    def __init__(self, interface: Interface, core: Optional[Interface] = None) -> None:
        """`core`: what `interface` stands on, whose declarations are in _declarations.py."""
        self.interface, self.core = interface, core
        kinds = ("enum", "opaque", "struct", "callback")
        self.kinds = {d.name: d.kind for d in [*(core.all(*kinds) if core else []), *interface.all(*kinds)]}

    @staticmethod
    def short(name: str) -> str:
        return re.sub(r"^(unic|UNIC)_", "", name)

    def name(self, c_name: str) -> str:
        words = self.short(c_name).split("_")
        if self.kinds[c_name] == "struct":
            return "".join(word.capitalize() for word in words)
        return "_".join(words).upper()

    def type(self, type: Union[Type, Callback]) -> str:
        """Addresses of numbers are c_void_p: numpy holds what they point to."""
        if isinstance(type, Callback):
            return self.function_type(type.result, type.parameters)
        if not type.pointers:
            kind = self.kinds.get(type.base)
            return ("None" if type.base == "void" else "c_int" if kind == "enum" else
                    self.name(type.base) if kind else CTYPES[type.base])
        if type.base == "char" and type.constant:
            target = "c_char_p"
        elif self.kinds.get(type.base) == "opaque":
            target = self.name(type.base)
        elif self.kinds.get(type.base) == "struct":
            target = f"POINTER({self.name(type.base)})"
        else:
            target = "c_void_p"
        return "POINTER(" * (type.pointers - 1) + target + ")" * (type.pointers - 1)

    def function_type(self, result: Type, parameters: List[Variable]) -> str:
        return f"CFUNCTYPE({', '.join([self.type(result)] + [self.type(p.type) for p in parameters])})"

    def result(self, type: Type) -> str:
        return "Status" if type == Type("unic_status", 0, False) else self.type(type)

    def struct(self, d: Declaration) -> str:
        fields = []
        for member in d.members:
            count = member.count and (member.count if member.count.isdigit() else self.short(member.count))
            fields.append(f'("{member.name}", {self.type(member.type)}{f" * {count}" if count else ""})')
        return (f'\n\nclass {self.name(d.name)}(Structure):\n    """{d.name}"""\n\n'
                + filled("    _fields_ = [", fields, "]"))

    def declaration(self, d: Declaration) -> str:
        if d.kind == "opaque":
            return f'{self.name(d.name)} = opaque("{d.name}")\n'
        if d.kind == "callback":
            return f"{self.name(d.name)} = {self.function_type(d.result, d.members)}\n"
        return self.struct(d)

    def constants(self) -> str:
        return "".join(f"{self.short(name)} = {value}\n" for name, value in self.interface.constants.items()
                       if not value.startswith('"'))

    def signatures(self) -> str:
        out = ""
        for header in self.interface.headers:
            for f in (d for d in header.declarations if d.kind == "function"):
                out += filled(f'    "{f.name}": ({self.result(f.result)}, [', [self.type(p.type) for p in f.members],
                              "]),")
        return out

    def text(self) -> str:
        types = "".join(self.declaration(d) for kind in ("opaque", "")
                        for d in self.interface.all(*([kind] if kind else ["callback", "struct"])))
        types = re.sub(r"\]\n(?=[A-Z])", "]\n\n\n", types)       # a callback behind a structure
        basis = "" if self.core else (
            '\n\nclass Status(c_int):\n    """A unic_status that is checked: not UNIC_OK raises."""\n\n\n'
            'def opaque(name: str) -> Any:\n    """The type of pointers to an opaque C struct."""\n'
            "    return POINTER(type(name, (Structure,), {}))\n\n")
        body = (f"{self.constants()}{basis}\n{types}\n\n"
                "# name: result, arguments. Numbers that numpy holds go by address: c_void_p.\n"
                f"SIGNATURES: Dict[str, Tuple[Any, List[Any]]] = {{\n{self.signatures()}}}\n")
        used = sorted({"CFUNCTYPE", "POINTER", "Structure", "c_int", *re.findall(r"\bc_\w+", body)} &
                      set(re.findall(r"\w+", body)))
        taken = {self.name(d.name) for d in self.core.all("opaque", "struct", "callback")} if self.core else set()
        taken = sorted((taken | {"Status", "opaque"}) & set(re.findall(r"\w+", body))) if self.core else []
        return (f'"""Constants, structures and signatures of the C library; written {BY}."""\n\n'
                "from __future__ import annotations\n\n" + filled("from ctypes import (", used, ")")
                + "from typing import Any, Dict, List, Tuple\n\n"
                + (f"from ._declarations import {', '.join(taken)}\n\n" if taken else "") + body)


def filled(start: str, parts: List[str], end: str) -> str:
    """`start`, the parts with commas, `end`: in lines of at most 120 columns, the later ones under the first part."""
    lines, line = [], start
    for i, part in enumerate(parts):
        text = part + (end if i == len(parts) - 1 else ",")
        if len(line) + len(text) + 1 > 120 and line.strip():
            lines.append(line.rstrip())
            line = " " * len(start)
        line += text if line in (start, " " * len(start)) else " " + text
    return "\n".join([*lines, line if parts else line + end]) + "\n"


# ---- layouts ----

def layouts(interface: Interface) -> str:
    out = (f"/*\n * The public structs and enums where pointers have 64 bits. Written {BY}.\n */\n"
           "#define AT(type, member, offset)                                                               \\\n"
           "    _Static_assert(offsetof(type, member) == (offset), #type \".\" #member \" has moved\")\n"
           "#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type \" has another size\")\n")
    for struct in interface.all("struct"):
        places, size = interface.layout(struct)
        out += "\n" + "".join(f"AT({struct.name}, {member}, {place});\n" for member, place in places.items())
        out += f"SIZE({struct.name}, {size});\n"
    out += "\n/* A C enum may be as small as its values allow; the ABI has it as int. */\n"
    return out + "".join(f"SIZE({enum.name}, sizeof(int));\n" for enum in interface.all("enum"))


def check_released(interface: Interface, table: str) -> None:
    """The hand-kept table of sizes in check_layout.c has every struct, and ends with its present size."""
    for struct in interface.all("struct"):
        size = interface.layout(struct)[1]
        rows = re.findall(rf'\{{"{struct.name}(?: \(out\))?", *\w+, *\{{([\d, ]+)\}}\}}', table)
        if not rows:
            raise Unknown(f"tests/abi/check_layout.c gives {struct.name} to no function: it needs a row in `structs`")
        for row in rows:
            if int(row.split(",")[-1]) != size:
                raise Unknown(f"tests/abi/check_layout.c: the sizes of {struct.name} end with "
                              f"{row.split(',')[-1].strip()}, but it has {size} bytes")


# ---- docs/api.md ----

def table(title: str, declarations: List[Declaration]) -> str:
    if not declarations:
        return ""
    rows = "".join(f"| `{d.name}` | " + d.sentence.replace("|", "\\|").replace("<", "&lt;") + " |\n"
                   for d in declarations)
    return f"\n| {title} | |\n|---|---|\n{rows}"


def section(header: headers.Header) -> str:
    def of(*kinds: str) -> List[Declaration]:
        return [d for d in header.declarations if d.kind in kinds]
    tables = table("type", of("opaque", "struct", "enum", "callback")) + table("function", of("function"))
    return f"\n## {header.name}\n\n{textwrap.fill(header.title, 120)}\n{tables}" if tables else ""


def not_in_python(interface: Interface, package: pathlib.Path) -> str:
    code = "".join(path.read_text() for path in sorted(package.glob("*.py")) if not path.name.endswith("_declarations.py"))
    names = sorted(f.name for f in interface.all("function") if not re.search(rf"\b{f.name}\b", code))
    return textwrap.fill("The Python binding does not use: " + ", ".join(f"`{n}`" for n in names) + ".", 120) + "\n"


def page(interface: Interface, now: str, package: pathlib.Path) -> str:
    """`interface`: of all libraries."""
    if now.count(BEGIN) != 1 or now.count(END) != 1 or now.index(BEGIN) > now.index(END):
        raise Unknown(f"docs/api.md does not have the lines {BEGIN}and {END}once each, in this order")
    by_name = sorted(interface.headers, key=lambda header: header.name)
    written = "".join(map(section, by_name)) + "\n" + not_in_python(interface, package)
    return now[:now.index(BEGIN) + len(BEGIN)] + written + now[now.index(END):]


# ---- all of it ----

def generated(root: pathlib.Path) -> Dict[str, str]:
    """What each file should hold."""
    interface, media, mpi = (headers.read(root / "include/unicode", library) for library in ("", "media", "mpi"))
    check_released(interface, (root / "tests/abi/check_layout.c").read_text())
    every = Interface(interface.headers + media.headers + mpi.headers)
    return {"lib/libunicode.map": symbols(interface),
            "lib/libunicode-media.map": symbols(media),
            "lib/libunicode-mpi.map": symbols(mpi),
            "bindings/python/libunicode/_declarations.py": Python(interface).text(),
            "bindings/python/libunicode/_media_declarations.py": Python(media, interface).text(),
            "bindings/python/libunicode/_mpi_declarations.py": Python(mpi, interface).text(),
            "tests/abi/layouts.h": layouts(interface),
            "tests/media/layouts.h": layouts(media),
            "docs/api.md": page(every, (root / "docs/api.md").read_text(), root / "bindings/python/libunicode")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["check", "write"])
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="another tree, for tests")
    args = parser.parse_args()
    try:
        wanted = generated(args.root)
    except Unknown as unknown:
        sys.exit(f"generate: {unknown}")
    stale = [name for name, text in wanted.items()
             if not (args.root / name).exists() or (args.root / name).read_text() != text]
    if args.command == "write":
        for name in stale:
            (args.root / name).write_text(wanted[name])
            print(f"generate: written: {name}")
    elif stale:
        sys.exit(f"generate: not what the headers say: {', '.join(stale)}; run make generate")
    print(f"generate: {len(wanted)} files as the headers say")
    return 0


if __name__ == "__main__":
    sys.exit(main())
