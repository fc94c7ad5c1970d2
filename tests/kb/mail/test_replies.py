"""What is new in a mail: clients and languages, answers in between, signatures, and nothing lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.kb.mail import Address, reply

from ._growth import grows

HEADERS = "发件人: Li Wei <li@example.cn>\n发送时间: 2024年3月1日 17:00\n收件人: eva@nordwind.example\n主题: 报价"
# Client, what stands above the quoted message, and the marker by which it is known.
CLIENTS = [
    ("Outlook", "-----Original Message-----\nFrom: Eva\nSent: Monday\nTo: Li\nSubject: Offer", "outlook"),
    ("Outlook 2016", "________________________________\nFrom: Eva Meier <eva@n.example>\nSent: Friday, March 1, 2024 5:00 PM\nTo: Li\nSubject: Offer", "headers"),
    ("Outlook, bold", "**From:** Eva <eva@n.example>\n**Sent:** Friday\n**To:** Li\n**Subject:** Offer", "headers"),
    ("Outlook, German", "-----Ursprüngliche Nachricht-----\nVon: Eva\nGesendet: Freitag", "outlook-de"),
    ("Outlook, German, headers", "Von: Eva <eva@n.example>\nGesendet: Freitag, 1. März 2024 17:00\nAn: Li\nBetreff: Angebot", "headers"),
    ("Outlook, Chinese", f"-----邮件原件-----\n{HEADERS}", "outlook-zh"), ("Outlook, Chinese, headers", HEADERS, "headers"),
    ("Outlook, traditional", "寄件者: Li <li@x.tw>\n傳送時間: 2024年3月1日\n收件者: Eva\n主旨: 報價", "headers"),
    ("QQ", f"------------------ 原始邮件 ------------------\n{HEADERS}", "qq"), ("QQ, &nbsp;", f"------------------\u00a0原始邮件\u00a0------------------\n{HEADERS}", "qq"),
    ("163", "---- 回复的原邮件 ----\n| 发件人 | Li<li@example.cn> |\n| 发送日期 | 2024年3月1日 |\n| 收件人 | Eva |", "163"),
    ("163, table", "| 发件人 | Li<li@example.cn> |\n| 日期 | 2024年3月1日 |\n| 收件人 | Eva |\n| 主题 | 报价 |", "headers"),
    ("163, line", '在 2024-03-01 17:00:00，"Li Wei" <li@example.cn> 写道：', "zh"), ("Apple, Chinese", "在 2024年3月1日，17:00，Li <li@example.cn> 写道：", "zh"),
    ("Gmail, Chinese", "Li Wei <li@example.cn> 于2024年3月1日周五 17:00写道：", "zh"), ("Gmail, traditional", "Li <li@x.tw> 於 2024年3月1日 週五 下午5:00寫道：", "zh"),
    ("Foxmail", "发件人： Li Wei\n发送时间： 2024-03-01 17:00\n收件人： Eva\n主题： 报价", "headers"), ("Foxmail, rule", f"----------\n{HEADERS}", "headers"),
    ("Gmail", "On Fri, Mar 1, 2024 at 5:00 PM Li Wei <li@example.cn> wrote:", "en"), ("Gmail, broken", "On Fri, Mar 1, 2024 at 5:00 PM Li Wei <\nli@example.cn> wrote:", "en"),
    ("Thunderbird, German", "Am 01.03.24 um 17:00 schrieb Li Wei:", "de"), ("Gmail, German", "Am Fr., 1. März 2024 um 17:00 Uhr schrieb Li Wei <\nli@example.cn>:", "de"),
    ("Lotus, German", "Eva Meier schrieb am 01.03.2024 um 17:00 Uhr:", "de"), ("French", "Le ven. 1 mars 2024 à 17:00, Li <li@example.cn> a écrit :", "fr"),
    ("Spanish", "El vie, 1 mar 2024 a las 17:00, Li (<li@example.cn>) escribió:", "es"), ("Italian", "Il giorno ven 1 mar 2024 alle ore 17:00 Li ha scritto:", "it"),
    ("Dutch", "Op vr 1 mrt 2024 om 17:00 schreef Li <li@example.cn>:", "nl"), ("Portuguese", "Em sex., 1 de mar. de 2024 às 17:00, Li escreveu:", "pt"),
    ("Danish", "Den fre. 1. mar. 2024 kl. 17.00 skrev Li <li@example.cn>:", "nordic"), ("Swedish", "fre 1 mars 2024 kl. 17:00 skrev Li <li@example.cn>:", "nordic"),
    ("Polish", "W dniu 01.03.2024 o 17:00, Li pisze: napisał(a):", "pl"), ("Russian", "пт, 1 мар. 2024 г. в 17:00, Li <li@example.cn> написал(а):", "ru"),
    ("Gmail, Japanese", "2024年3月1日(金) 17:00 Li Wei <li@example.cn>:", "ja"), ("Outlook, Japanese", "-----元のメッセージ-----\n差出人: Li", "outlook-ja"),
    ("Japanese, headers", "差出人: Li <li@example.cn>\n送信日時: 2024年3月1日 17:00\n宛先: Eva\n件名: 見積", "headers"), ("French, Outlook", "-----Message d'origine-----\nDe : Li", "outlook-fr"),
    ("Thunderbird, Japanese", "(2024/03/01 17:00), Li wrote:", "ja"), ("Becky, Japanese", "田中さん 2024年3月1日 のメール：", "ja"),
    ("Swedish, Outlook", "Från: Li <li@example.cn>\nSkickat: den 1 mars 2024 17:00\nTill: Eva\nÄmne: Offert", "headers"),
]  # fmt: skip
LINES = st.lists(st.sampled_from([
    "Hello", "", " ", "> old", ">> older", "-- ", "--", "Best regards", "On 1 May 2024 Li wrote:", "Li <a@b.org>", "wrote:", "发件人: a@b.org", "日期: x", "主题: y",
    "-----", "---- Original Message ----", "Sent from my phone", "谢谢", "Forwarded message", "---------- Forwarded message ---------", "a" * 1_200, ":", "?",
]), max_size=16)  # fmt: skip


@pytest.mark.parametrize(
    ("header", "marker"), [(above, marker) for _, above, marker in CLIENTS], ids=[name for name, _, _ in CLIENTS]
)
def test_clients(header, marker):
    """What is above the header is new, the header and all below it is old, and how that is known is said."""
    parts = reply(f"Yes, that is fine.\n好的。\n\n{header}\n\nWhat does it cost?\nAnd when?")
    assert parts.text == "Yes, that is fine.\n好的。"
    assert parts.quoted == f"{header}\n\nWhat does it cost?\nAnd when?"
    assert parts.marker == marker


@pytest.mark.parametrize(("above", "author"), [
    ("---------- Forwarded message ---------\nFrom: Li <li@example.cn>\nDate: Fri", "li@example.cn"), ("---------- 转发的邮件 ----------\n发件人: li@example.cn", "li@example.cn"),
    ("Begin forwarded message:\n\nFrom: Li <li@example.cn>\nSubject: x", "li@example.cn"), ("开始转发邮件：\n发件人: Li <li@example.cn>", "li@example.cn"),
    ("-------- Weitergeleitete Nachricht --------\nBetreff: x\nDatum: y\nVon: Li <li@example.cn>", "li@example.cn"), ("-------- 转发邮件信息 --------\n发件人：Li<li@example.cn>", "li@example.cn"),
    ("---------- Forwarded message ---------\nFrom: Li\nTo: <eva@x.org>", None), ("---------- Forwarded message ---------", None),
])  # fmt: skip
def test_what_is_passed_on(above, author):
    """A message that is passed on is told from one that is answered, and its author is read."""
    parts = reply(f"For you.\n\n{above}\n\nWhat does it cost?")
    assert (parts.text, parts.marker) == ("For you.", "forward")
    assert (parts.author and parts.author.email) == author


@pytest.mark.parametrize(
    "sender",
    ["Li Wei [mailto:li@example.cn]", "Li Wei <mailto:li@example.cn>", "Li Wei <li@example.cn>", "li@example.cn"],
)
def test_the_author_of_what_is_quoted(sender):
    """Outlook writes addresses in its own ways."""
    assert reply(f"a\nFrom: {sender}\nSent: x\nTo: y\nSubject: z").author.email == "li@example.cn"
    assert reply("a\n| 发件人 | Li<li@example.cn> |\n| 日期 | x |\n| 收件人 | y |").author == Address(
        "li@example.cn", "Li"
    )


def test_answers_in_between():
    """Answers between quoted lines are kept, without the line that announces the quotation."""
    text = "On Mon, 3 Jun 2024, Li\n<li@example.cn> wrote:\n> When?\n\nTomorrow.\n\n> How much?\n\nTen.\n"
    parts = reply(text)
    assert parts.text == "Tomorrow.\n\n\nTen."
    assert parts.quoted == "On Mon, 3 Jun 2024, Li\n<li@example.cn> wrote:\n> When?\n> How much?"
    assert parts.marker == ">"


@pytest.mark.parametrize("text", [
    "On Monday the customer wrote:\nwe do not want it", "From: Hamburg\nto: Shanghai", "Best\nof all offers?\nPlease say so.", "a > b", "", "Price:\n10 EUR",
    "Please note on which day they wrote:\nit matters", "--\n" + "a line of the text\n" * 21 + "end",
])  # fmt: skip
def test_nothing_is_cut_on_a_guess(text):
    """What only resembles a quotation or a signature is new."""
    parts = reply(text)
    assert (parts.text, parts.quoted, parts.signature) == (text, "", "")


@pytest.mark.parametrize(("text", "signature"), [
    ("Fine.\n-- \nEva Meier\nNordwind", "-- \nEva Meier\nNordwind"), ("Fine.\n\nBest regards,\nEva", "Best regards,\nEva"), ("好的。\n\n谢谢！\n李伟", "谢谢！\n李伟"),
    ("Fine.\n\nSent from my iPhone", "Sent from my iPhone"), ("好的\n发自我的iPhone", "发自我的iPhone"), ("Ok.\n\nMit freundlichen Grüßen\nEva\n-- \nNordwind GmbH", "Mit freundlichen Grüßen\nEva\n-- \nNordwind GmbH"),
    ("了解です。\n\nよろしくお願いいたします。\n田中", "よろしくお願いいたします。\n田中"), ("Ok\n\nViele Grüße\nEva\n\nVon meinem iPhone gesendet", "Viele Grüße\nEva\n\nVon meinem iPhone gesendet"),
])  # fmt: skip
def test_signatures(text, signature):
    """The mark of the standard, closing formulas, and what devices add."""
    parts = reply(text)
    assert parts.signature == signature
    assert parts.text == text.removesuffix(signature).strip()


@given(LINES)
def test_every_line_is_in_one_of_the_three(lines):
    """Nothing is lost and nothing is twice, whatever the lines."""
    parts = reply("\n".join(lines))
    told = [line for part in (parts.text, parts.signature, parts.quoted) for line in part.split("\n") if line.strip()]
    assert sorted(told) == sorted(line for line in lines if line.strip())


@pytest.mark.parametrize("piece", [
    ">\n", "\n>\n\n", "a\n> b\n", "On 1 May :\n", "From: \n", "from:" + " |" * 400 + "\n", "-----\n", "a", " ", "-", "wrote:", "On 1 May 2024 " + "x" * 400 + "\nwrote:\n", "谢谢\n",
    "-- \n", "From: a\nTo: b\n",
])  # fmt: skip
def test_time_is_proportional_to_the_length(piece):
    """Eight times the text takes about eight times the time, and not sixty-four times."""
    assert grows(reply, piece, max(40, 20_000 // len(piece) // 4)) < 30
