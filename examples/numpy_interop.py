"""Arrays in and out without a copy: NumPy, and DLPack both ways."""

import numpy as np

import hotloop


def main() -> None:
    # NumPy -> hotloop: the tensor and the array are the same memory.
    array = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    x = hotloop.from_numpy(array)
    array[0, 0] = 7.0
    assert x[0, 0].item() == 7.0

    # hotloop -> NumPy: views with any strides go out as they are.
    transposed = x.T.numpy()
    assert np.shares_memory(transposed, array)
    assert transposed.strides == (4, 16)

    # Any library that speaks DLPack, here NumPy itself.
    exported = np.from_dlpack(x)
    assert np.shares_memory(exported, array)
    imported = hotloop.from_dlpack(np.arange(5))
    print("from NumPy:", imported)

    # In-place work on the tensor is seen by the array.
    x.mul_(2.0)
    assert array[0, 0] == 14.0
    print("one memory, seen from both sides:", array[0, 0])


if __name__ == "__main__":
    main()
