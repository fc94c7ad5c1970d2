"""Domains: under which name somebody registered, by the rules of the Public Suffix List."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.kb.mail import is_free_mail, registrable_domain

HOSTS = st.lists(
    st.sampled_from(["com", "co", "uk", "jp", "ck", "www", "kawasaki", "city", "例子", "a", "b-c", "", "公司", "cn"]),
    max_size=5,
)


@pytest.mark.parametrize(("host", "expected"), [
    # The test vectors of the list itself (publicsuffix.org, in the public domain), as far as ICANN's section goes.
    ("COM", None), ("example.COM", "example.com"), ("WwW.example.COM", "example.com"), ("", None), (".com", None), (".example.com", None),
    ("biz", None), ("domain.biz", "domain.biz"), ("a.b.domain.biz", "domain.biz"), ("uk.com", "uk.com"), ("test.ac", "test.ac"),
    ("mm", None), ("c.mm", None), ("b.c.mm", "b.c.mm"), ("a.b.c.mm", "b.c.mm"), ("jp", None), ("test.jp", "test.jp"), ("ac.jp", None),
    ("test.ac.jp", "test.ac.jp"), ("www.test.ac.jp", "test.ac.jp"), ("kyoto.jp", None), ("test.kyoto.jp", "test.kyoto.jp"), ("ide.kyoto.jp", None),
    ("b.ide.kyoto.jp", "b.ide.kyoto.jp"), ("a.b.ide.kyoto.jp", "b.ide.kyoto.jp"), ("c.kobe.jp", None), ("b.c.kobe.jp", "b.c.kobe.jp"),
    ("city.kobe.jp", "city.kobe.jp"), ("www.city.kobe.jp", "city.kobe.jp"), ("ck", None), ("test.ck", None), ("b.test.ck", "b.test.ck"),
    ("www.ck", "www.ck"), ("www.www.ck", "www.ck"), ("us", None), ("test.us", "test.us"), ("ak.us", None), ("test.ak.us", "test.ak.us"),
    ("k12.ak.us", None), ("test.k12.ak.us", "test.k12.ak.us"), ("食狮.com.cn", "xn--85x722f.com.cn"), ("食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn"),
    ("www.食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn"), ("公司.cn", None), ("食狮.中国", "xn--85x722f.xn--fiqs8s"), ("中国", None),
    ("xn--85x722f.com.cn", "xn--85x722f.com.cn"), ("mx1.nordwind.co.uk.", "nordwind.co.uk"), ("192.0.2.7", None), ("localhost", None),
    ("a" * 64 + "ü.de", None), ("a." * 200 + "de", None), ("ü" * 100_000, None),
])  # fmt: skip
def test_registrable_domain(host, expected):
    """Suffixes of one and more labels, wild ones, exceptions, international names, addresses and no names."""
    assert registrable_domain(host) == expected


@pytest.mark.parametrize(("domain", "free"), [
    ("gmail.com", True), ("GMail.com", True), ("163.com", True), ("vip.163.com", True), ("qq.com", True), ("yahoo.co.jp", True), ("hotmail.fr", True),
    ("outlook.com", True), ("gmx.net", True), ("mail.ru", True), ("nordwind.de", False), ("notgmail.com", False), ("gmail.com.evil.example", False), ("", False),
])  # fmt: skip
def test_free_mail(domain, free):
    """Providers of the West, of China and of Russia; what only looks like one is none."""
    assert is_free_mail(domain) is free


@given(HOSTS.map(".".join))
def test_a_registrable_domain_is_its_own(host):
    """It is the end of the name, has at least two labels, and hosts below it have the same."""
    own = registrable_domain(host)
    if own is not None:
        assert "." in own
        assert registrable_domain(own) == own
        assert registrable_domain(f"mx.{own}") == own
