"""How the work of a reader grows with what it reads."""

import time


def grows(read, piece, count):
    """How many times the work for eight times as many pieces is that for some: about 8 if linear, 64 if quadratic.

    In processor time of this process, the least of three; half a hundredth of a second is added to what is small.
    """

    def spent(text):
        spans = []
        for _ in range(3):
            before = time.process_time()
            read(text)
            spans.append(time.process_time() - before)
        return min(spans) + 0.005

    return spent(piece * (8 * count)) / spent(piece * count)
