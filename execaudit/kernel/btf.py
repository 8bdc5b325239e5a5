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


class _Type(NamedTuple):
    """One struct btf_type; `members` is their count, `size` of a modifier the type it modifies."""

    address: int
    kind: int
    members: int
    has_bit_fields: bool
    size: int


class _Member(NamedTuple):
    """One struct btf_member; `bit` is its offset."""

    name: str
    type_id: int
    bit: int


class Btf:
    """The BTF of the running kernel, one of its modules, or an ELF file. A context manager."""

    def __init__(
        self, path: str | None = None, module: str = "", base: "Btf | None" = None
    ) -> None:
        """Read the file `path`, the `module` of the kernel `base`, or else the running kernel.

        `base` must stay open as long as this. Raises NotImplementedByKernel.
        """
        self._btf: int | None
        if base is not None:
            path = f"/sys/kernel/btf/{module}"
            self._btf = libbpf.btf_load_module(module.encode(), base._btf)  # noqa: SLF001
        else:
            load = libbpf.btf_load_vmlinux
            self._btf = libbpf.btf_parse(path.encode(), None) if path else load()
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
        """Return the type id of a named struct, function or enum; 0 if there is none."""
        return max(0, int(libbpf.btf_find(self._btf, name.encode(), kind)))

    def struct_size(self, name: str) -> int:
        """Return the bytes of a struct; 0 if there is none."""
        type_id = self.find(name, libbpf.BTF_KIND_STRUCT)
        return self._type(type_id).size if type_id else 0

    def enum_has(self, name: str, value: str) -> bool:
        """Return True if an enum has a value of this name."""
        type_id = self.find(name, libbpf.BTF_KIND_ENUM)
        if not type_id:
            return False
        enum = self._type(type_id)
        raw = ctypes.string_at(enum.address + 12, 8 * enum.members)
        return any(self._name(offset) == value for offset, _ in struct.iter_unpack("@Ii", raw))

    def find_bit(self, type_name: str, member: str) -> int | None:
        """Return a struct member's offset in bits, also inside anonymous ones; None if nowhere."""
        type_id = self.find(type_name, libbpf.BTF_KIND_STRUCT)
        return self._member(type_id, member, 0) if type_id else None

    def members(self, type_name: str) -> list[tuple[str, int]]:
        """Return names and byte offsets of a struct's members, in order."""
        type_id = self.find(type_name, libbpf.BTF_KIND_STRUCT)
        return [(member.name, member.bit // 8) for member in self._members(type_id)]

    def _type(self, type_id: int) -> _Type:
        pointer = libbpf.btf_type_by_id(self._btf, type_id)
        _, info, size = struct.unpack("@III", ctypes.string_at(pointer, 12))
        return _Type(pointer, (info >> 24) & 0x1F, info & 0xFFFF, bool(info >> 31), size)

    def _name(self, offset: int) -> str:
        return str(libbpf.btf_name_by_offset(self._btf, offset).decode())

    def _members(self, type_id: int) -> list[_Member]:
        outer = self._type(type_id)
        raw = ctypes.string_at(outer.address + 12, 12 * outer.members)
        mask = 0xFFFFFF if outer.has_bit_fields else 0xFFFFFFFF  # above it, the width of the field
        return [
            _Member(self._name(name), member_type, offset & mask)
            for name, member_type, offset in struct.iter_unpack("@III", raw)
        ]

    def _member(self, type_id: int, wanted: str, base: int) -> int | None:
        for member in self._members(type_id):
            if member.name == wanted:
                return base + member.bit
            if member.name:
                continue
            inner = self._without_modifiers(member.type_id)
            if self._type(inner).kind in (_STRUCT, _UNION):
                found = self._member(inner, wanted, base + member.bit)
                if found is not None:
                    return found
        return None

    def _without_modifiers(self, type_id: int) -> int:
        while True:
            one = self._type(type_id)
            if one.kind not in _MODIFIERS:
                return type_id
            type_id = one.size
