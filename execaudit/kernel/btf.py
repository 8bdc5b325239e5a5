# SPDX-License-Identifier: Apache-2.0
"""Type information: where the running kernel keeps a field, and which functions it has.

Owns the walk through BTF. It knows neither BPF programs nor which fields they want.
Source: Documentation/bpf/btf.rst of the kernel.
"""

import ctypes
import struct
from typing import NamedTuple, Self

from execaudit.errors import NotImplementedByKernel
from execaudit.kernel import libbpf

KERNEL_BTF = "/sys/kernel/btf/vmlinux"
_MODIFIERS = {8, 9, 10, 11, 18}  # typedef, volatile, const, restrict, type_tag
_STRUCT, _UNION = 4, 5


class Field(NamedTuple):
    """Place of a struct member, in bits; `width` is 0 unless it is a bit field."""

    bit: int
    width: int


class Btf:
    """The BTF of the running kernel, or of an ELF file. A context manager."""

    def __init__(self, path: str | None = None) -> None:
        if path is None:
            self._btf = libbpf.btf_load_vmlinux()
        else:
            self._btf = libbpf.btf_parse(path.encode(), None)
        if not self._btf:
            raise NotImplementedByKernel(
                f"Failed to read type information '{path or KERNEL_BTF}':"
                " not there (CONFIG_DEBUG_INFO_BTF)"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        libbpf.btf_free(self._btf)
        self._btf = None

    def find(self, name: str, kind: int) -> int:
        """Type id of a named struct, function or enum; 0 if there is none."""
        return max(0, int(libbpf.btf_find(self._btf, name.encode(), kind)))

    def struct_size(self, name: str) -> int:
        """Bytes of a struct; 0 if there is none."""
        type_id = self.find(name, libbpf.BTF_KIND_STRUCT)
        return self._type(type_id)[4] if type_id else 0

    def enum_has(self, name: str, value: str) -> bool:
        """Whether an enum has a value of this name."""
        type_id = self.find(name, libbpf.BTF_KIND_ENUM)
        if not type_id:
            return False
        pointer, _, count, _, _ = self._type(type_id)
        raw = ctypes.string_at(pointer + 12, 8 * count)
        return any(self._name(offset) == value for offset, _ in struct.iter_unpack("@Ii", raw))

    def field(self, type_name: str, member: str) -> Field | None:
        """Place of a struct's member, also inside anonymous members; None if there is none."""
        type_id = self.find(type_name, libbpf.BTF_KIND_STRUCT)
        return self._member(type_id, member, 0) if type_id else None

    def members(self, type_name: str) -> list[tuple[str, int]]:
        """Names and byte offsets of a struct's members, in order."""
        type_id = self.find(type_name, libbpf.BTF_KIND_STRUCT)
        return [(name, bit // 8) for name, _, bit, _ in self._members(type_id)]

    def _type(self, type_id: int) -> tuple[int, int, int, bool, int]:
        """One struct btf_type: (address, kind, members, has bit fields, size or other type)."""
        pointer = libbpf.btf_type_by_id(self._btf, type_id)
        _, info, size = struct.unpack("@III", ctypes.string_at(pointer, 12))
        return pointer, (info >> 24) & 0x1F, info & 0xFFFF, bool(info >> 31), size

    def _name(self, offset: int) -> str:
        return str(libbpf.btf_name_by_offset(self._btf, offset).decode())

    def _members(self, type_id: int) -> list[tuple[str, int, int, int]]:
        """(name, type, bit offset, bit field width) of each member."""
        pointer, _, count, has_bit_fields, _ = self._type(type_id)
        raw = ctypes.string_at(pointer + 12, 12 * count)
        return [
            (
                self._name(name),
                member_type,
                offset & 0xFFFFFF if has_bit_fields else offset,
                offset >> 24 if has_bit_fields else 0,
            )
            for name, member_type, offset in struct.iter_unpack("@III", raw)
        ]

    def _member(self, type_id: int, wanted: str, base: int) -> Field | None:
        for name, member_type, bit, width in self._members(type_id):
            if name == wanted:
                return Field(base + bit, width)
            if name:
                continue
            inner = self._without_modifiers(member_type)
            if self._type(inner)[1] in (_STRUCT, _UNION):
                found = self._member(inner, wanted, base + bit)
                if found:
                    return found
        return None

    def _without_modifiers(self, type_id: int) -> int:
        while True:
            _, kind, _, _, refers_to = self._type(type_id)
            if kind not in _MODIFIERS:
                return type_id
            type_id = refers_to
