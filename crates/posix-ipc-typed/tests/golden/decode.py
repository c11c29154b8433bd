"""Reads the golden frames with nothing but docs/wire-format.md in mind.

For each frame: the header, the checksum, the fingerprint and lineage computed from a description
of the type, and the value, compared with schemas.json.
"""

import json
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).parent
MASK = (1 << 64) - 1


# Fingerprints: FNV-1a over a description.

class Hash:
    def __init__(self, kind):
        self.value = 0xCBF29CE484222325
        self.text(kind)

    def raw(self, data):
        for byte in data:
            self.value = (self.value ^ byte) * 0x100000001B3 & MASK
        return self

    def text(self, text):
        data = text.encode()
        return self.raw(struct.pack("<I", len(data)) + data)

    def number(self, number):
        return self.raw(struct.pack("<Q", number))


def fold(value):
    return (value ^ value >> 32) & 0xFFFFFFFF


def identify(out, ident):
    """A name, or the number of a tag."""
    if isinstance(ident, int):
        out.text("#").number(ident)
    else:
        out.text(ident)


def hash_fields(out, fields, version):
    fields = [field for field in fields if field.get("since", 1) <= version]
    out.number(len(fields))
    for field in fields:
        identify(out, field["id"])
        out.number(embedded(field["type"]))


def fingerprint(schema, version):
    """Of a struct or enum at a version; version 0 stands for what all have in common."""
    known = max(version, 1)
    if "struct" in schema:
        out = Hash("struct").text(schema["struct"]).number(version)
        hash_fields(out, schema["fields"], known)
    else:
        out = Hash("enum").text(schema["enum"]).number(version).number(schema["width"])
        for variant in schema["variants"]:
            if variant.get("since", 1) <= known:
                out.number(variant["tag"])
                identify(out, variant["id"])
                hash_fields(out, variant["fields"], known)
    return out.value


def embedded(kind):
    if isinstance(kind, str):
        return Hash(kind).value
    if isinstance(kind, dict):
        if "recursive" in kind:
            return Hash("recursive").text(kind["recursive"]).value
        if kind.get("extensible"):
            return Hash("extensible").number(fingerprint(kind, 0)).value
        return fingerprint(kind, kind["version"])
    name, *rest = kind
    if name == "array":
        return Hash("array").number(embedded(rest[0])).number(rest[1]).value
    out = Hash(name)
    if name == "tuple":
        out.number(len(rest))
    for part in rest:
        out.number(embedded(part))
    return out.value


# Values.

class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), "the message ends early"
        self.at += count
        return self.data[self.at - count:self.at]

    def unpack(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def done(self):
        assert self.at == len(self.data), "bytes are left"


FORMS = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i8": "b", "i16": "h", "i32": "i",
         "i64": "q", "f32": "f", "f64": "d", "usize": "Q", "nonzero u16": "H"}


def varint(reader):
    value = shift = 0
    while True:
        byte = reader.unpack("B")
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            assert byte or shift == 7, "longer than it needs to be"
            return value


def ascending(keys):
    order = [key.encode() if isinstance(key, str) else key for key in keys]
    assert all(a < b for a, b in zip(order, order[1:])), "not in ascending order"


def read_fields(reader, fields, root):
    values = {str(field["id"]): read(reader, field["type"], root) for field in fields}
    return values


def read(reader, kind, root):
    if isinstance(kind, str):
        return read_plain(reader, kind)
    if isinstance(kind, dict):
        return read_named(reader, kind, root)
    name, *rest = kind
    one = lambda part=0: read(reader, rest[part], root)
    if name == "array":
        return [one() for _ in range(rest[1])]
    if name == "tuple":
        return [read(reader, part, root) for part in rest]
    if name == "seq":
        return [one() for _ in range(reader.unpack("I"))]
    if name == "set":
        values = [one() for _ in range(reader.unpack("I"))]
        ascending(values)
        return values
    if name == "map":
        pairs = [(one(0), one(1)) for _ in range(reader.unpack("I"))]
        ascending([key for key, _ in pairs])
        return dict(pairs)
    if name == "option":
        return {0: lambda: None, 1: one}[reader.unpack("B")]()
    if name == "result":
        tag = reader.unpack("B")
        return [["ok", "err"][tag], one(tag)]
    if name == "range":
        return [one(), one()]
    if name == "bound":
        tag = reader.unpack("B")
        return None if tag == 0 else [{1: "included", 2: "excluded"}[tag], one()]
    raise ValueError(name)


def read_plain(reader, kind):
    if kind in FORMS:
        return reader.unpack(FORMS[kind])
    if kind == "u128":
        return int.from_bytes(reader.take(16), "little")
    if kind == "bool":
        return {0: False, 1: True}[reader.unpack("B")]
    if kind == "char":
        return chr(reader.unpack("I"))
    if kind == "str":
        return reader.take(reader.unpack("I")).decode()
    if kind in ("duration", "time"):
        seconds = reader.unpack("Q" if kind == "duration" else "q")
        part = reader.unpack("I")
        assert part < 10**9
        return [seconds, part]
    if kind == "ip address":
        version = reader.unpack("B")
        return list(reader.take({4: 4, 6: 16}[version]))
    if kind == "socket address":
        if reader.unpack("B") == 4:
            return [list(reader.take(4)), reader.unpack("H")]
        return [list(reader.take(16)), reader.unpack("H"), reader.unpack("I"), reader.unpack("I")]
    if kind.startswith("varint u"):
        return varint(reader)
    if kind.startswith("varint i"):
        folded = varint(reader)
        return folded >> 1 ^ -(folded & 1)
    raise ValueError(kind)


def read_named(reader, kind, root):
    if "recursive" in kind:
        return read(reader, kind["as"], root) if kind["as"] != "self" else read_named(reader, root, root)
    if kind.get("extensible"):
        version, check, length = reader.unpack("H"), reader.unpack("H"), reader.unpack("I")
        half = fold(fingerprint(kind, version))
        assert check == (half ^ half >> 16) & 0xFFFF, "the check of an extensible type"
        part = Reader(reader.take(length))
        value = read_fields(part, kind["fields"], root)
        part.done()
        return value
    if "struct" in kind:
        return read_fields(reader, kind["fields"], root)
    tag = reader.unpack("B" if kind["width"] == 1 else "H")
    (variant,) = [variant for variant in kind["variants"] if variant["tag"] == tag]
    return {str(variant["id"]): read_fields(reader, variant["fields"], root)}


# Frames.

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def check(name, frame, expected, schemas):
    schema = schemas[expected["schema"]]
    head = struct.unpack("<2sBBIQIHHII", frame[:32])
    magic, form, flags, length, print_, lineage, version, zero, sequence, checksum = head
    assert (magic, form, zero) == (b"\xb5M", 1, 0)
    assert length == len(frame) - 32
    assert sequence == expected.get("sequence", 0)
    assert version == schema["version"]
    assert print_ == fingerprint(schema, version), f"fingerprint {print_:016x}"
    assert lineage == fold(fingerprint(schema, 0)), f"lineage {lineage:08x}"
    if flags & 1:
        assert checksum == crc32c(frame[:28] + bytes(4) + frame[32:])
    else:
        assert checksum == 0
    reader = Reader(frame[32:])
    if flags & 2:
        assert reader.take(reader.unpack("B")).decode() == schema.get("struct", schema.get("enum"))
    found = {"flags": flags}
    if flags & 4:
        found["fragment"] = [reader.unpack("Q"), reader.unpack("I"), reader.unpack("I")]
    if flags & 16:
        found["correlation"] = [reader.unpack("Q"), reader.unpack("Q")]
    if flags & 4:
        found["payload"] = list(reader.take(len(reader.data) - reader.at))
    elif flags & 8:
        found["reference"] = [read(reader, "str", None), reader.unpack("Q")]
    else:
        found["value"] = read(reader, schema, schema)
    reader.done()
    wanted = {key: value for key, value in expected.items() if key not in ("schema", "sequence")}
    assert found == wanted, f"{found} != {wanted}"


def main():
    document = json.loads((HERE / "schemas.json").read_text())
    count = 0
    for line in (HERE / "vectors.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, text = line.split()
        try:
            check(name, bytes.fromhex(text), document["frames"][name], document["schemas"])
        except AssertionError as error:
            sys.exit(f"{name}: {error}")
        count += 1
    assert count == len(document["frames"])
    print(count, "frames")


main()
