"""Sounds of Chinese: the toneless syllables of characters, and of what somebody typed without tones or blanks."""

import re
from functools import cache
from importlib import import_module
from typing import Any

from crmkit.errors import ExtraMissing

__all__ = ["reader", "spelled"]

_WRITTEN = """
a ai an ang ao ba bai ban bang bao bei ben beng bi bian biao bie bin bing bo bu ca cai can cang cao ce cen ceng cha
chai chan chang chao che chen cheng chi chong chou chu chua chuai chuan chuang chui chun chuo ci cong cou cu cuan
cui cun cuo da dai dan dang dao de den deng di dian diao die ding diu dong dou du duan dui dun duo e ei en eng er fa
fan fang fei fen feng fiao fo fou fu ga gai gan gang gao ge gei gen geng gong gou gu gua guai guan guang gui gun guo
ha hai han hang hao he hei hen heng hong hou hu hua huai huan huang hui hun huo ji jia jian jiang jiao jie jin jing
jiong jiu ju juan jue jun ka kai kan kang kao ke ken keng kong kou ku kua kuai kuan kuang kui kun kuo la lai lan
lang lao le lei leng li lia lian liang liao lie lin ling liu lo long lou lu luan lun luo lv lve ma mai man mang mao
me mei men meng mi mian miao mie min ming miu mo mou mu na nai nan nang nao ne nei nen neng ni nian niang niao nie
nin ning niu nong nou nu nuan nun nuo nv nve o ou pa pai pan pang pao pei pen peng pi pian piao pie pin ping po pou
pu qi qia qian qiang qiao qie qin qing qiong qiu qu quan que qun ran rang rao re ren reng ri rong rou ru rua ruan
rui run ruo sa sai san sang sao se sen seng sha shai shan shang shao she shei shen sheng shi shou shu shua shuai
shuan shuang shui shun shuo si song sou su suan sui sun suo ta tai tan tang tao te teng ti tian tiao tie ting tong
tou tu tuan tui tun tuo wa wai wan wang wei wen weng wo wu xi xia xian xiang xiao xie xin xing xiong xiu xu xuan xue
xun ya yan yang yao ye yi yin ying yo yong you yu yuan yue yun za zai zan zang zao ze zei zen zeng zha zhai zhan
zhang zhao zhe zhen zheng zhi zhong zhou zhu zhua zhuai zhuan zhuang zhui zhun zhuo zi zong zou zu zuan zui zun zuo
"""
_SYLLABLES = frozenset(_WRITTEN.split())
_LONGEST = max(map(len, _SYLLABLES))
_TYPED = re.compile("[a-z]+")


def spelled(word: str) -> tuple[str, ...] | None:
    """The syllables of a word typed as pinyin: as few as possible, and the longest first; None if it is not pinyin.

    >>> spelled("fapiao")
    ('fa', 'piao')
    """
    if not _TYPED.fullmatch(word):
        return None
    # best[n] spells what comes after the first n letters.
    best: list[tuple[str, ...] | None] = [*([None] * len(word)), ()]
    for place in reversed(range(len(word))):
        for end in range(min(place + _LONGEST, len(word)), place, -1):
            rest, syllable = best[end], word[place:end]
            known = best[place]
            if rest is not None and syllable in _SYLLABLES and (known is None or len(rest) + 1 < len(known)):
                best[place] = (syllable, *rest)
    return best[0]


@cache
def reader() -> tuple[Any, str]:
    """A function from a run of Chinese to the syllable of each character ("" for none), and its version.

    Raises:
        ExtraMissing: if pypinyin is not installed.
    """
    try:
        pypinyin = import_module("pypinyin")
    except ModuleNotFoundError:
        raise ExtraMissing("pypinyin", "zh", "searching by sound") from None

    def read(run: str) -> list[str]:
        return list(pypinyin.lazy_pinyin(run, errors=_silent))

    return read, f"pypinyin {pypinyin.__version__}"


def _silent(other: str) -> list[str]:
    return [""] * len(other)
