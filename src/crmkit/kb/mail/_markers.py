"""How mail clients mark what is not new: as data, so that a client more is a line more.

A marker fills one line, or an attribution up to three.
"""

import re

#: Lines above a quoted message, drawn by a client: all below is old.
BANNERS: tuple[tuple[str, "re.Pattern[str]"], ...] = tuple(
    (client, re.compile(pattern, re.IGNORECASE))
    for client, pattern in (
        ("outlook", r"-{2,}\s*(?:original message|original appointment)\s*-{2,}"),
        ("outlook-de", r"-{2,}\s*(?:urspr(?:ü|ue)ngliche nachricht|originalnachricht|original-nachricht)\s*-{2,}"),
        ("outlook-fr", r"-{2,}\s*message d['’]origine\s*-{2,}"),
        ("outlook-es", r"-{2,}\s*mensaje original\s*-{2,}"),
        ("outlook-it", r"-{2,}\s*messaggio originale\s*-{2,}"),
        ("outlook-ja", r"-{2,}\s*(?:元のメッセージ|original message|元のメール)\s*-{2,}"),
        ("outlook-nordic", r"-{2,}\s*(?:ursprungligt meddelande|opprinnelig melding|oprindelig meddelelse)\s*-{2,}"),
        ("outlook-zh", r"-{2,}\s*(?:邮件原件|原邮件|郵件原件|原始郵件)\s*-{2,}"),
        ("qq", r"-{2,}\s*(?:原始邮件|原始信息)\s*-{2,}"),
        ("163", r"-{2,}\s*(?:回复的原邮件|回覆的原郵件|原邮件信息)\s*-{2,}"),
        ("foxmail", r"-{2,}\s*回复的原始邮件\s*-{2,}"),
    )
)

#: Lines above a message that is passed on, which is why the mail was sent: it is not old, it is somebody else's.
FORWARDS = re.compile(
    r"\s*(?:-{2,}\s*(?:forwarded message|weitergeleitete nachricht|message transféré|mensaje reenviado"
    r"|messaggio inoltrato|forwarded by .{1,60}|转发的邮件|转发邮件信息|转发邮件|轉寄郵件|転送メッセージ)\s*-{2,}"
    r"|begin forwarded message:|anfang der weitergeleiteten (?:e-mail|nachricht):"
    r"|开始转发邮件[:：]|下面是被转发的邮件[:：]|転送されたメッセージ[:：])\s*",
    re.IGNORECASE,
)

#: One line that says who wrote what follows, and when.
ATTRIBUTIONS: tuple[tuple[str, "re.Pattern[str]"], ...] = tuple(
    (client, re.compile(pattern, re.IGNORECASE))
    for client, pattern in (
        ("en", r"(?:on|at)\b.{5,300}\bwrote\s*:"),
        ("de", r"am\b.{5,300}\bschrieb\b.{0,120}:"),
        ("de", r".{3,200}\bschrieb am\b.{5,120}:"),
        ("fr", r"le\b.{5,300}\ba écrit\s*:"),
        ("es", r"el\b.{5,300}\bescribió\s*:"),
        ("it", r"(?:il|in data)\b.{5,300}\bha scritto\s*:"),
        ("nl", r"op\b.{5,300}\bschreef\b.{0,120}:"),
        ("pt", r"(?:em|a)\b.{5,300}\bescreveu\s*:"),
        ("nordic", r"(?:den|på|man|tir|ons|tor|fre|lör|lør|sön|søn)\b.{5,300}\b(?:skrev|skreiv)\b.{0,120}:"),
        ("pl", r"(?:w dniu|dnia)\b.{5,300}\bnapisał(?:\(a\)|a)?\s*:"),
        ("ru", r".{5,300}\b(?:на)?пис(?:ал|ала|али)\b.{0,120}:"),
        ("zh", r"(?:在|于|於)?.{4,300}(?:写道|寫道)\s*[:：]"),
        ("ja", r".{4,300}(?:のメール|さんは書きました|が書きました)\s*[:：]"),
        ("ja", r"\(?\d{4}[/年-].{4,300}\bwrote\s*[:：]"),
        ("ja", r"\d{4}年\d{1,2}月\d{1,2}日.{0,40}\d{1,2}:\d{2}.{0,200}<[^<>\s]+@[^<>\s]+>\s*[:：]"),
    )
)

#: The names of the header lines that clients print above a quoted message: who, when, to whom, about what.
HEADER = re.compile(
    r"[>|*\s]*+(?:"
    r"(?P<who>from|von|de|da|van|från|fra|od|от|差出人|送信者|发件人|发信人|寄件者|寄件人|發件人)"
    r"|(?:sent|date|to|cc|subject|reply-to|gesendet|datum|an|betreff|envoyé|à|objet|enviado|enviado el|para"
    r"|asunto|fecha|inviato|a|oggetto|verzonden|aan|onderwerp|skickat|till|ämne|sendt|til|emne|送信日時|日時|日付|宛先|件名"
    r"|发送时间|发送日期|日期|时间|收件人|收信人|抄送|主题|主旨|標題|寄件日期|收件者|副本|傳送時間)"
    r")\s*+\**+\s*+[:：|]\**+(?P<value>.*)",
    re.IGNORECASE,
)

#: A line that a device or a client puts below by itself.
DEVICES = re.compile(
    r"\s*(?:sent from my .{2,40}|sent from (?:mail|outlook|yahoo mail).{0,40}|get outlook for .{2,20}"
    r"|von meinem .{2,40} gesendet|gesendet (?:mit|von) .{2,40}|diese nachricht wurde von mein.{2,60} gesendet"
    r"|envoyé de mon .{2,40}|enviado desde mi .{2,40}|inviato da(?:l mio)? .{2,40}"
    r"|(?:iphone|ipad|android).{0,10}から送信|発信元.{2,30}"
    r"|发自我的.{1,20}|發自我的.{1,20}|从\s?windows\s?版邮件发送|获取\s?outlook for .{2,20}|来自.{1,20}(?:手机|客户端)"
    r"|发自.{1,12}邮箱.{0,20}|使用.{1,12}邮箱.{0,12}发送)\s*",
    re.IGNORECASE,
)

#: A line that closes a letter; the name and the address of the company are below it.
CLOSINGS = re.compile(
    r"\s*(?:(?:with )?(?:best|kind|warm|many)?\s*(?:regards|wishes|thanks)|best|cheers|sincerely"
    r"|yours (?:sincerely|truly)|mit (?:freundlichen|besten|herzlichen) grüßen"
    r"|(?:viele|beste|liebe|freundliche|schöne) grüße|mfg|lg"
    r"|cordialement|bien à vous|saludos(?: cordiales)?|cordiali saluti|met vriendelijke groet|med vänliga hälsningar"
    r"|以上|よろしくお願い(?:いた|致)?します|宜しくお願い(?:いた|致)?します"
    r"|此致|敬礼|敬禮|祝好|顺祝商祺|順頌商祺|顺颂商祺|谢谢|謝謝|祝工作顺利)\s*[,.!，。！~]*\s*",
    re.IGNORECASE,
)

#: A rule of dashes or underscores above a header block, and the RFC's own mark above a signature.
RULE = re.compile(r"\s*[-_=*]{5,}\s*")
SIGNATURE = re.compile(r"--\s?")
