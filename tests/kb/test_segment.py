"""What a segment keeps of what it read."""

from crmkit.kb._segment import Cache


def test_what_was_asked_for_stays():
    """Where there is no room, what nobody asked for since it came goes first; what was asked for gets a second chance."""
    cache = Cache(80)
    for name in "abcdefgh":
        cache.put(name, 10, name.upper())
    assert [cache.get(name) for name in "abc"] == ["A", "B", "C"]
    cache.put("i", 10, "I")
    assert [name for name in "abcdefghi" if cache.get(name)] == ["a", "b", "c", "f", "g", "h", "i"]


def test_what_all_asked_for_goes_in_the_order_in_which_it_came():
    """If everything was asked for, the oldest goes all the same; nothing larger than the cache stays."""
    cache = Cache(80)
    for name in "abcdefgh":
        cache.put(name, 10, name.upper())
        assert cache.get(name) == name.upper()
    cache.put("i", 10, "I")
    assert [name for name in "abcdefghi" if cache.get(name)] == ["b", "c", "d", "e", "f", "g", "h"]
    cache.put("j", 100, "J")
    assert cache.get("j") is None
