"""Places in a text that is not kept: bytes of UTF-8, as Gemini counts, to code points, as the hub does, and back.

Enters: a text in pieces. Leaves: places. Of ASCII nothing is kept but its length, of other text one bit a byte.
"""

from bisect import bisect_right

_SEGMENT = 4096
"""Characters that wait until their bits are packed."""

_IS_START = bytes(ord("0") if 0x80 <= byte < 0xC0 else ord("1") for byte in range(256))
"""For each byte whether a character begins with it."""


class Offsets:
    """`bytes` and `points` are the lengths of the text so far."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._count = 0
        self._bytes = 0
        self._points = 0
        self._starts: list[int] = []
        self._start_points: list[int] = []
        self._bits: list[int | None] = []

    def add(self, text: str) -> None:
        self._waiting.append(text)
        self._count += len(text)
        if self._count >= _SEGMENT:
            self._pack()

    @property
    def bytes(self) -> int:
        self._pack()
        return self._bytes

    def point_of(self, at: int) -> int:
        """How many characters are whole in the first `at` bytes."""
        self._pack()
        at = min(at, self._bytes)
        if at <= 0:
            return 0
        number = bisect_right(self._starts, at - 1) - 1
        within, bits = at - self._starts[number], self._bits[number]
        if bits is None:
            return self._start_points[number] + within
        size = self._end(number) - self._starts[number]
        begun = (bits >> (size - within)).bit_count()
        is_cut = within < size and not bits >> (size - within - 1) & 1
        return self._start_points[number] + begun - is_cut

    def byte_of(self, point: int) -> int:
        """Where the character number `point` begins; where the text ends if it has not so many."""
        self._pack()
        if point >= self._points:
            return self._bytes
        low, high = 0, self._bytes
        while low < high:  # the last byte before which no more than `point` characters are whole
            middle = (low + high + 1) // 2
            if self.point_of(middle) <= point:
                low = middle
            else:
                high = middle - 1
        while low and self.point_of(low - 1) == point:  # half characters do not count
            low -= 1
        return low

    def _end(self, number: int) -> int:
        return self._starts[number + 1] if number + 1 < len(self._starts) else self._bytes

    def _pack(self) -> None:
        if not self._count:
            return
        text = "".join(self._waiting)
        self._waiting, self._count = [], 0
        raw = text.encode("utf-8", "surrogatepass")
        bits = None if len(raw) == len(text) else int(raw.translate(_IS_START), 2)
        if bits is not None or not self._bits or self._bits[-1] is not None:
            self._starts.append(self._bytes)
            self._start_points.append(self._points)
            self._bits.append(bits)
        self._bytes += len(raw)
        self._points += len(text)
