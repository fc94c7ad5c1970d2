r"""The blocks of Unicode 14, for `\p{Is...}` in patterns: names without spaces, first and last code point."""

from functools import cache
from typing import Final

__all__ = ["blocks"]

_BLOCKS: Final = """
IsBasicLatin 0-7F, IsLatin-1Supplement 80-FF, IsLatinExtended-A 100-17F, IsLatinExtended-B 180-24F,
IsIPAExtensions 250-2AF, IsSpacingModifierLetters 2B0-2FF, IsCombiningDiacriticalMarks 300-36F,
IsGreekandCoptic 370-3FF, IsCyrillic 400-4FF, IsCyrillicSupplement 500-52F, IsArmenian 530-58F, IsHebrew 590-5FF,
IsArabic 600-6FF, IsSyriac 700-74F, IsArabicSupplement 750-77F, IsThaana 780-7BF, IsNKo 7C0-7FF, IsSamaritan 800-83F,
IsMandaic 840-85F, IsSyriacSupplement 860-86F, IsArabicExtended-B 870-89F, IsArabicExtended-A 8A0-8FF,
IsDevanagari 900-97F, IsBengali 980-9FF, IsGurmukhi A00-A7F, IsGujarati A80-AFF, IsOriya B00-B7F, IsTamil B80-BFF,
IsTelugu C00-C7F, IsKannada C80-CFF, IsMalayalam D00-D7F, IsSinhala D80-DFF, IsThai E00-E7F, IsLao E80-EFF,
IsTibetan F00-FFF, IsMyanmar 1000-109F, IsGeorgian 10A0-10FF, IsHangulJamo 1100-11FF, IsEthiopic 1200-137F,
IsEthiopicSupplement 1380-139F, IsCherokee 13A0-13FF, IsUnifiedCanadianAboriginalSyllabics 1400-167F,
IsOgham 1680-169F, IsRunic 16A0-16FF, IsTagalog 1700-171F, IsHanunoo 1720-173F, IsBuhid 1740-175F,
IsTagbanwa 1760-177F, IsKhmer 1780-17FF, IsMongolian 1800-18AF,
IsUnifiedCanadianAboriginalSyllabicsExtended 18B0-18FF, IsLimbu 1900-194F, IsTaiLe 1950-197F, IsNewTaiLue 1980-19DF,
IsKhmerSymbols 19E0-19FF, IsBuginese 1A00-1A1F, IsTaiTham 1A20-1AAF, IsCombiningDiacriticalMarksExtended 1AB0-1AFF,
IsBalinese 1B00-1B7F, IsSundanese 1B80-1BBF, IsBatak 1BC0-1BFF, IsLepcha 1C00-1C4F, IsOlChiki 1C50-1C7F,
IsCyrillicExtended-C 1C80-1C8F, IsGeorgianExtended 1C90-1CBF, IsSundaneseSupplement 1CC0-1CCF,
IsVedicExtensions 1CD0-1CFF, IsPhoneticExtensions 1D00-1D7F, IsPhoneticExtensionsSupplement 1D80-1DBF,
IsCombiningDiacriticalMarksSupplement 1DC0-1DFF, IsLatinExtendedAdditional 1E00-1EFF, IsGreekExtended 1F00-1FFF,
IsGeneralPunctuation 2000-206F, IsSuperscriptsandSubscripts 2070-209F, IsCurrencySymbols 20A0-20CF,
IsCombiningDiacriticalMarksforSymbols 20D0-20FF, IsLetterlikeSymbols 2100-214F, IsNumberForms 2150-218F,
IsArrows 2190-21FF, IsMathematicalOperators 2200-22FF, IsMiscellaneousTechnical 2300-23FF,
IsControlPictures 2400-243F, IsOpticalCharacterRecognition 2440-245F, IsEnclosedAlphanumerics 2460-24FF,
IsBoxDrawing 2500-257F, IsBlockElements 2580-259F, IsGeometricShapes 25A0-25FF, IsMiscellaneousSymbols 2600-26FF,
IsDingbats 2700-27BF, IsMiscellaneousMathematicalSymbols-A 27C0-27EF, IsSupplementalArrows-A 27F0-27FF,
IsBraillePatterns 2800-28FF, IsSupplementalArrows-B 2900-297F, IsMiscellaneousMathematicalSymbols-B 2980-29FF,
IsSupplementalMathematicalOperators 2A00-2AFF, IsMiscellaneousSymbolsandArrows 2B00-2BFF, IsGlagolitic 2C00-2C5F,
IsLatinExtended-C 2C60-2C7F, IsCoptic 2C80-2CFF, IsGeorgianSupplement 2D00-2D2F, IsTifinagh 2D30-2D7F,
IsEthiopicExtended 2D80-2DDF, IsCyrillicExtended-A 2DE0-2DFF, IsSupplementalPunctuation 2E00-2E7F,
IsCJKRadicalsSupplement 2E80-2EFF, IsKangxiRadicals 2F00-2FDF, IsIdeographicDescriptionCharacters 2FF0-2FFF,
IsCJKSymbolsandPunctuation 3000-303F, IsHiragana 3040-309F, IsKatakana 30A0-30FF, IsBopomofo 3100-312F,
IsHangulCompatibilityJamo 3130-318F, IsKanbun 3190-319F, IsBopomofoExtended 31A0-31BF, IsCJKStrokes 31C0-31EF,
IsKatakanaPhoneticExtensions 31F0-31FF, IsEnclosedCJKLettersandMonths 3200-32FF, IsCJKCompatibility 3300-33FF,
IsCJKUnifiedIdeographsExtensionA 3400-4DBF, IsYijingHexagramSymbols 4DC0-4DFF, IsCJKUnifiedIdeographs 4E00-9FFF,
IsYiSyllables A000-A48F, IsYiRadicals A490-A4CF, IsLisu A4D0-A4FF, IsVai A500-A63F, IsCyrillicExtended-B A640-A69F,
IsBamum A6A0-A6FF, IsModifierToneLetters A700-A71F, IsLatinExtended-D A720-A7FF, IsSylotiNagri A800-A82F,
IsCommonIndicNumberForms A830-A83F, IsPhags-pa A840-A87F, IsSaurashtra A880-A8DF, IsDevanagariExtended A8E0-A8FF,
IsKayahLi A900-A92F, IsRejang A930-A95F, IsHangulJamoExtended-A A960-A97F, IsJavanese A980-A9DF,
IsMyanmarExtended-B A9E0-A9FF, IsCham AA00-AA5F, IsMyanmarExtended-A AA60-AA7F, IsTaiViet AA80-AADF,
IsMeeteiMayekExtensions AAE0-AAFF, IsEthiopicExtended-A AB00-AB2F, IsLatinExtended-E AB30-AB6F,
IsCherokeeSupplement AB70-ABBF, IsMeeteiMayek ABC0-ABFF, IsHangulSyllables AC00-D7AF,
IsHangulJamoExtended-B D7B0-D7FF, IsHighSurrogates D800-DB7F, IsHighPrivateUseSurrogates DB80-DBFF,
IsLowSurrogates DC00-DFFF, IsPrivateUseArea E000-F8FF, IsCJKCompatibilityIdeographs F900-FAFF,
IsAlphabeticPresentationForms FB00-FB4F, IsArabicPresentationForms-A FB50-FDFF, IsVariationSelectors FE00-FE0F,
IsVerticalForms FE10-FE1F, IsCombiningHalfMarks FE20-FE2F, IsCJKCompatibilityForms FE30-FE4F,
IsSmallFormVariants FE50-FE6F, IsArabicPresentationForms-B FE70-FEFF, IsHalfwidthandFullwidthForms FF00-FFEF,
IsSpecials FFF0-FFFF, IsLinearBSyllabary 10000-1007F, IsLinearBIdeograms 10080-100FF, IsAegeanNumbers 10100-1013F,
IsAncientGreekNumbers 10140-1018F, IsAncientSymbols 10190-101CF, IsPhaistosDisc 101D0-101FF, IsLycian 10280-1029F,
IsCarian 102A0-102DF, IsCopticEpactNumbers 102E0-102FF, IsOldItalic 10300-1032F, IsGothic 10330-1034F,
IsOldPermic 10350-1037F, IsUgaritic 10380-1039F, IsOldPersian 103A0-103DF, IsDeseret 10400-1044F,
IsShavian 10450-1047F, IsOsmanya 10480-104AF, IsOsage 104B0-104FF, IsElbasan 10500-1052F,
IsCaucasianAlbanian 10530-1056F, IsVithkuqi 10570-105BF, IsLinearA 10600-1077F, IsLatinExtended-F 10780-107BF,
IsCypriotSyllabary 10800-1083F, IsImperialAramaic 10840-1085F, IsPalmyrene 10860-1087F, IsNabataean 10880-108AF,
IsHatran 108E0-108FF, IsPhoenician 10900-1091F, IsLydian 10920-1093F, IsMeroiticHieroglyphs 10980-1099F,
IsMeroiticCursive 109A0-109FF, IsKharoshthi 10A00-10A5F, IsOldSouthArabian 10A60-10A7F,
IsOldNorthArabian 10A80-10A9F, IsManichaean 10AC0-10AFF, IsAvestan 10B00-10B3F, IsInscriptionalParthian 10B40-10B5F,
IsInscriptionalPahlavi 10B60-10B7F, IsPsalterPahlavi 10B80-10BAF, IsOldTurkic 10C00-10C4F,
IsOldHungarian 10C80-10CFF, IsHanifiRohingya 10D00-10D3F, IsRumiNumeralSymbols 10E60-10E7F, IsYezidi 10E80-10EBF,
IsOldSogdian 10F00-10F2F, IsSogdian 10F30-10F6F, IsOldUyghur 10F70-10FAF, IsChorasmian 10FB0-10FDF,
IsElymaic 10FE0-10FFF, IsBrahmi 11000-1107F, IsKaithi 11080-110CF, IsSoraSompeng 110D0-110FF, IsChakma 11100-1114F,
IsMahajani 11150-1117F, IsSharada 11180-111DF, IsSinhalaArchaicNumbers 111E0-111FF, IsKhojki 11200-1124F,
IsMultani 11280-112AF, IsKhudawadi 112B0-112FF, IsGrantha 11300-1137F, IsNewa 11400-1147F, IsTirhuta 11480-114DF,
IsSiddham 11580-115FF, IsModi 11600-1165F, IsMongolianSupplement 11660-1167F, IsTakri 11680-116CF,
IsAhom 11700-1174F, IsDogra 11800-1184F, IsWarangCiti 118A0-118FF, IsDivesAkuru 11900-1195F,
IsNandinagari 119A0-119FF, IsZanabazarSquare 11A00-11A4F, IsSoyombo 11A50-11AAF,
IsUnifiedCanadianAboriginalSyllabicsExtended-A 11AB0-11ABF, IsPauCinHau 11AC0-11AFF, IsBhaiksuki 11C00-11C6F,
IsMarchen 11C70-11CBF, IsMasaramGondi 11D00-11D5F, IsGunjalaGondi 11D60-11DAF, IsMakasar 11EE0-11EFF,
IsLisuSupplement 11FB0-11FBF, IsTamilSupplement 11FC0-11FFF, IsCuneiform 12000-123FF,
IsCuneiformNumbersandPunctuation 12400-1247F, IsEarlyDynasticCuneiform 12480-1254F, IsCypro-Minoan 12F90-12FFF,
IsEgyptianHieroglyphs 13000-1342F, IsEgyptianHieroglyphFormatControls 13430-1343F,
IsAnatolianHieroglyphs 14400-1467F, IsBamumSupplement 16800-16A3F, IsMro 16A40-16A6F, IsTangsa 16A70-16ACF,
IsBassaVah 16AD0-16AFF, IsPahawhHmong 16B00-16B8F, IsMedefaidrin 16E40-16E9F, IsMiao 16F00-16F9F,
IsIdeographicSymbolsandPunctuation 16FE0-16FFF, IsTangut 17000-187FF, IsTangutComponents 18800-18AFF,
IsKhitanSmallScript 18B00-18CFF, IsTangutSupplement 18D00-18D7F, IsKanaExtended-B 1AFF0-1AFFF,
IsKanaSupplement 1B000-1B0FF, IsKanaExtended-A 1B100-1B12F, IsSmallKanaExtension 1B130-1B16F, IsNushu 1B170-1B2FF,
IsDuployan 1BC00-1BC9F, IsShorthandFormatControls 1BCA0-1BCAF, IsZnamennyMusicalNotation 1CF00-1CFCF,
IsByzantineMusicalSymbols 1D000-1D0FF, IsMusicalSymbols 1D100-1D1FF, IsAncientGreekMusicalNotation 1D200-1D24F,
IsMayanNumerals 1D2E0-1D2FF, IsTaiXuanJingSymbols 1D300-1D35F, IsCountingRodNumerals 1D360-1D37F,
IsMathematicalAlphanumericSymbols 1D400-1D7FF, IsSuttonSignWriting 1D800-1DAAF, IsLatinExtended-G 1DF00-1DFFF,
IsGlagoliticSupplement 1E000-1E02F, IsNyiakengPuachueHmong 1E100-1E14F, IsToto 1E290-1E2BF, IsWancho 1E2C0-1E2FF,
IsEthiopicExtended-B 1E7E0-1E7FF, IsMendeKikakui 1E800-1E8DF, IsAdlam 1E900-1E95F, IsIndicSiyaqNumbers 1EC70-1ECBF,
IsOttomanSiyaqNumbers 1ED00-1ED4F, IsArabicMathematicalAlphabeticSymbols 1EE00-1EEFF, IsMahjongTiles 1F000-1F02F,
IsDominoTiles 1F030-1F09F, IsPlayingCards 1F0A0-1F0FF, IsEnclosedAlphanumericSupplement 1F100-1F1FF,
IsEnclosedIdeographicSupplement 1F200-1F2FF, IsMiscellaneousSymbolsandPictographs 1F300-1F5FF,
IsEmoticons 1F600-1F64F, IsOrnamentalDingbats 1F650-1F67F, IsTransportandMapSymbols 1F680-1F6FF,
IsAlchemicalSymbols 1F700-1F77F, IsGeometricShapesExtended 1F780-1F7FF, IsSupplementalArrows-C 1F800-1F8FF,
IsSupplementalSymbolsandPictographs 1F900-1F9FF, IsChessSymbols 1FA00-1FA6F,
IsSymbolsandPictographsExtended-A 1FA70-1FAFF, IsSymbolsforLegacyComputing 1FB00-1FBFF,
IsCJKUnifiedIdeographsExtensionB 20000-2A6DF, IsCJKUnifiedIdeographsExtensionC 2A700-2B73F,
IsCJKUnifiedIdeographsExtensionD 2B740-2B81F, IsCJKUnifiedIdeographsExtensionE 2B820-2CEAF,
IsCJKUnifiedIdeographsExtensionF 2CEB0-2EBEF, IsCJKCompatibilityIdeographsSupplement 2F800-2FA1F,
IsCJKUnifiedIdeographsExtensionG 30000-3134F, IsTags E0000-E007F, IsVariationSelectorsSupplement E0100-E01EF,
IsSupplementaryPrivateUseArea-A F0000-FFFFF, IsSupplementaryPrivateUseArea-B 100000-10FFFF
"""
# Names that XML Schema 1.0 took from Unicode 3.1, and that have changed since.
_OLDER: Final = """
IsGreek 370-3FF, IsCombiningMarksforSymbols 20D0-20FF, IsPrivateUse E000-F8FF
"""


@cache
def blocks() -> dict[str, tuple[int, int]]:
    """Every block by the name that patterns give it."""
    found: dict[str, tuple[int, int]] = {}
    for entry in f"{_BLOCKS},{_OLDER}".split(","):
        name, points = entry.split()
        first, _, last = points.partition("-")
        found[name] = int(first, 16), int(last, 16)
    return found
