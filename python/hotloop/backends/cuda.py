"""How kernels on GPUs compute: ``hotloop.backends.cuda.matmul.allow_tf32``."""

from __future__ import annotations

from hotloop import _core

__all__ = ["matmul"]


class _Matmul:
    """Settings of matrix products on a GPU."""

    __slots__ = ()

    @property
    def allow_tf32(self) -> bool:
        """Whether products of float32 may round their operands to tf32: `set_float32_matmul_precision`, as a bool."""
        return _core.get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        if not isinstance(allowed, bool):
            raise TypeError(f"allow_tf32: expected a bool, got {type(allowed).__name__}")
        _core.set_float32_matmul_precision("high" if allowed else "highest")


matmul = _Matmul()
